//! Runs that read on from where the last one has got to.

use etl_testkit::extract::failed;
use etl_testkit::http::Reply;
use etl_testkit::run::{Folder, Ran};
use serde_json::{Value, json};

use crate::extractor::{page_of, run, server, task};
use crate::pages::gids;

/// The state that a run printed.
fn state(ran: &Ran) -> Option<Value> {
    let line = ran.lines().into_iter().find(|line| line.contains("\"kind\":\"state\""))?.to_owned();
    let line: Value = serde_json::from_str(&line).unwrap();
    Some(line["_etl"]["value"].clone())
}

fn page(tasks: &[(&str, &str)]) -> Reply {
    page_of(&tasks.iter().map(|(gid, at)| task(gid, at)).collect::<Vec<_>>(), None)
}

#[test]
fn a_second_run_asks_for_what_was_modified_since() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let first = server([page(&[("1", "2026-11-20T10:00:00.500Z"), ("2", "2026-11-19T10:00:00Z")])]);
    let ran = run(&first, &["--state", &file]);
    assert_eq!(gids(&ran), ["1", "2"]);
    assert!(!first.requests()[0].target.contains("modified_since"), "{}", first.requests()[0].target);
    let before = state(&ran).unwrap();
    assert_eq!(before["1204"]["cursor"], "2026-11-20T10:00:00.5Z");
    folder.write("state", before.to_string());

    // 1 is as it was; 2 was moved to another section, which changes no `modified_at`; 3 is new.
    let moved = r#"{"gid":"2","modified_at":"2026-11-19T10:00:00Z","memberships":[]}"#.to_owned();
    let (same, new) = (task("1", "2026-11-20T10:00:00.500Z"), task("3", "2026-11-20T11:00:00Z"));
    let second = server([page_of(&[same, moved, new], None)]);
    let ran = run(&second, &["--state", &file]);
    assert_eq!(gids(&ran), ["2", "3"]);
    let target = &second.requests()[0].target;
    assert!(target.contains("&modified_since=2026-11-20T09%3A50%3A00.5Z"), "{target}");
    assert_eq!(state(&ran).unwrap()["1204"]["cursor"], "2026-11-20T11:00:00Z");

    // Nothing has changed: no record, and the state as it was.
    let third = server([page(&[])]);
    let ran = run(&third, &["--state", &file, "--look-back", "0"]);
    assert_eq!(
        (gids(&ran), state(&ran)),
        (
            vec![],
            Some(json!({ "1204": { "cursor": "2026-11-20T10:00:00.5Z", "seen": before["1204"]["seen"] } }))
        )
    );
    assert!(third.requests()[0].target.contains("&modified_since=2026-11-20T10%3A00%3A00.5Z"));
}

#[test]
fn the_cursor_is_never_later_than_the_first_page() {
    // A task that was read on the first page may be changed before the last page comes, where one was changed later.
    let server = server([page(&[("1", "2026-11-20T10:00:00Z"), ("2", "2199-01-01T00:00:00Z")])]);
    let ran = run(&server, &[]);
    let record: Value = serde_json::from_str(ran.lines()[1]).unwrap();
    assert_eq!(state(&ran).unwrap()["1204"]["cursor"], record["fetched_at"]);
}

#[test]
fn a_window_leaves_out_what_is_later_and_writes_no_state() {
    let tasks =
        [("1", "2026-11-20T10:00:00Z"), ("2", "2026-11-21T00:00:00Z"), ("3", "2026-11-20T23:59:59.999Z")];
    let server = server([page(&tasks)]);
    let ran = run(&server, &["--since", "2026-11-20", "--until", "2026-11-21"]);
    assert_eq!((gids(&ran), state(&ran)), (vec!["1".to_owned(), "3".to_owned()], None));
    assert!(server.requests()[0].target.contains("&modified_since=2026-11-20T00%3A00%3A00Z"));
}

#[test]
fn a_state_that_is_none_is_refused_before_anything_is_sent() {
    let (folder, server) = (Folder::new(), server([page(&[])]));
    folder.write("state", r#"{"1204":{"page":2}}"#);
    let file = folder.path("state").display().to_string();
    let ran = run(&server, &["--state", &file]);
    let said = "has {\"page\":2} for \"1204\", which is not of this extractor: unknown field `page`, expected `cursor` or \
                `seen`";
    failed(&ran, 3, &format!("project 1204: the state {file} {said}"));
    assert_eq!(server.requests(), []);
}
