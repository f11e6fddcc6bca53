//! Runs that know what the last one has seen.

use etl_testkit::extract::failed;
use etl_testkit::http::Reply;
use etl_testkit::run::{Folder, Ran};
use serde_json::{Value, json};

use crate::extractor::{feed, rss, run, server, warnings};
use crate::network::ids;

/// The state that a run printed, of its only feed.
#[track_caller]
fn state(ran: &Ran) -> Value {
    let line = ran.lines().into_iter().find(|line| line.contains("\"kind\":\"state\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    line["_etl"]["value"].clone()
}

#[test]
fn what_was_written_is_not_written_again_unless_it_was_edited() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let next = |server: &etl_testkit::http::Server| {
        let ran = run(server, &["--state", &file]);
        // What a loader does once the records are stored.
        folder.write("state", state(&ran).to_string());
        ids(&ran)
    };
    let edited = feed(
        "<rss><channel><item><guid isPermaLink='false'>2</guid><title>edited</title></item></channel></rss>",
    );
    let server = server([rss(&["2", "1"]), rss(&["3", "2", "1"]), rss(&["4"]), edited, rss(&["2", "1"])]);
    assert_eq!(next(&server), ["2", "1"]);
    assert_eq!(next(&server), ["3"]);
    assert_eq!(next(&server), ["4"]);
    assert_eq!(next(&server), ["2"]);
    // What a feed has left out for a while is not new.
    assert_eq!(next(&server), [""; 0]);
    // Without the state, everything is.
    assert_eq!(ids(&run(&server, &[])), ["2", "1"]);
}

#[test]
fn what_is_remembered_is_bounded() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let guids = |from: usize, to: usize| (from..to).map(|n| n.to_string()).collect::<Vec<_>>();
    let page = |guids: &[String]| rss(&guids.iter().map(String::as_str).collect::<Vec<_>>());
    let server = server([page(&guids(0, 1500)), page(&guids(1500, 1501)), page(&guids(0, 1500))]);
    let seen = |ran: &Ran| state(ran)[format!("{}/feed", server.url())]["seen"].as_array().unwrap().len();
    for (written, kept) in [(1500, 1500), (1, 1001), (500, 1501)] {
        let ran = run(&server, &["--state", &file]);
        assert_eq!((ids(&ran).len(), seen(&ran)), (written, kept));
        folder.write("state", state(&ran).to_string());
    }
}

#[test]
fn an_unchanged_document_is_asked_for_by_both_validators_and_is_no_record() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let date = "Thu, 19 May 2022 23:27:30 GMT";
    let server = server([
        rss(&["1"]).header("ETag", "W/\"a b\"").header("Last-Modified", date),
        Reply::status(304),
        rss(&["2"]).header("ETag", "\"c\""),
        Reply::status(304),
    ]);
    let next = || {
        let ran = run(&server, &["--state", &file]);
        folder.write("state", state(&ran).to_string());
        (ids(&ran), ran.stderr)
    };
    assert_eq!(next().0, ["1"]);
    assert_eq!(next(), (vec![], "rss.items: 0 records of 1 feed\n".to_owned()));
    assert_eq!(next().0, ["2"]);
    assert_eq!(next().0, [""; 0]);
    let requests = server.requests();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| (request.header("if-none-match"), request.header("if-modified-since")))
        .collect();
    assert_eq!(
        sent,
        [
            (None, None),
            (Some("W/\"a b\""), Some(date)),
            (Some("W/\"a b\""), Some(date)),
            (Some("\"c\""), None)
        ]
    );
}

#[test]
fn other_feeds_keep_their_state() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let other = json!({ "fetched_at": null, "etag": "x", "last_modified": null, "seen": ["0"] });
    folder.write("state", json!({ "https://other.example/": other }).to_string());
    let server = server([rss(&["1"])]);
    let after = state(&run(&server, &["--state", &file]));
    assert_eq!(after["https://other.example/"], other);
    assert_eq!(after.as_object().unwrap().len(), 2);
}

#[test]
fn a_state_that_is_none_is_refused_before_anything_is_sent() {
    let (folder, server) = (Folder::new(), server([rss(&["1"])]));
    let url = format!("{}/feed", server.url());
    let file = folder.path("state").display().to_string();
    folder.write("state", json!({ &url: { "cursor": null } }).to_string());
    let ran = run(&server, &["--state", &file]);
    let said = "which is not of this extractor: unknown field `cursor`, expected one of `fetched_at`, `etag`, \
                `last_modified`, `seen`";
    failed(
        &ran,
        3,
        &format!(
            "feed http://HOST/feed: the state {file} has {{\"cursor\":null}} for \"http://HOST/feed\", {said}"
        ),
    );
    folder.write("state", "[]");
    assert!(run(&server, &["--state", &file]).fails(3).last_error_line().contains("is not a JSON object"));
    assert_eq!(server.requests(), []);
}

#[test]
fn what_a_feed_asks_of_its_readers_is_said() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let server = server([
        feed("<rss><channel><ttl>60</ttl></channel></rss>"),
        feed("<rss><channel><ttl>0</ttl></channel></rss>"),
    ]);
    let first = run(&server, &["--state", &file]);
    assert_eq!(warnings(&first), [""; 0]);
    let mut before = state(&first);
    folder.write("state", before.to_string());
    let again = feed("<rss><channel><ttl>60</ttl></channel></rss>");
    let ran = run(&self::server([again.clone()]), &["--state", &file]);
    // Another address: another feed.
    assert_eq!(warnings(&ran), [""; 0]);

    let server = self::server([again.clone(), again]);
    let url = format!("{}/feed", server.url());
    let old = before.as_object_mut().unwrap().values().next().unwrap().clone();
    folder.write("state", json!({ &url: old }).to_string());
    let ran = run(&server, &["--state", &file]);
    let said = "read again after 0 min; the feed asks to be read once in 60 min (ttl)";
    assert_eq!(warnings(&ran), [format!("feed {url}: {said}")]);
    let mut long_ago = old.clone();
    long_ago["fetched_at"] = "2020-01-01T00:00:00Z".into();
    folder.write("state", json!({ &url: long_ago }).to_string());
    assert_eq!(warnings(&run(&server, &["--state", &file])), [""; 0]);

    let hours: String = (0..24).map(|hour| format!("<hour>{hour}</hour>")).collect();
    let ran = run(
        &self::server([feed(format!("<rss><channel><skipHours>{hours}</skipHours></channel></rss>"))]),
        &[],
    );
    let warning = warnings(&ran).remove(0).to_owned();
    assert!(
        warning.contains(": the feed asks not to be read between ")
            && warning.ends_with(" o'clock UTC (skipHours)"),
        "{warning}"
    );
}
