//! What is the same for all extractors, and what becomes of each recorded reply.

use etl_testkit::extract::{Extractor, Key, Place, fixtures};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Ran;

/// The files that the projects of Standpipe share, their copies here, and what becomes of them.
const FIXTURES: [(&str, &str, &str); 5] = [
    ("error_400_missing_input.json", "tests/replies/tasks/error_400_missing_input.json", "exit code 78"),
    ("error_429.json", "tests/replies/tasks/error_429.json", "exit code 75"),
    ("error_429.meta.json", "tests/replies/tasks/error_429.meta.json", ""),
    ("last_page_opt_fields.json", "tests/replies/tasks/last_page_opt_fields.json", "1 record"),
    // With the page after it, which is a copy of the last one.
    ("page1_documented.json", "tests/replies/tasks/page1_documented.json", "3 records"),
];

pub(crate) fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-asana"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["tasks", "--project", "1", "--project", "2", "--base-url", "{url}"],
        replies: vec![page(&["11", "12"], None), page(&["21"], None)],
        schema: "asana.tasks",
        key: Some(Key { names: &["ASANA_TOKEN", "ASANA_KEY"], place: Place::Bearer }),
    }
}

/// A page of tasks with these gids.
pub(crate) fn page(gids: &[&str], next: Option<&str>) -> Reply {
    let tasks: Vec<String> = gids.iter().map(|gid| task(gid, "2026-11-20T00:00:00.000Z")).collect();
    page_of(&tasks, next)
}

/// A task as the API has it.
pub(crate) fn task(gid: &str, modified_at: &str) -> String {
    format!(r#"{{"gid":"{gid}","name":"task {gid}","completed":false,"modified_at":"{modified_at}"}}"#)
}

/// A page of these tasks, and the offset of the next one.
pub(crate) fn page_of(tasks: &[String], next: Option<&str>) -> Reply {
    let next = next.map_or("null".to_owned(), |offset| {
        format!(r#"{{"offset":"{offset}","path":"/tasks?offset={offset}","uri":"https://elsewhere.example/x?offset={offset}"}}"#)
    });
    Reply::json(200, &format!(r#"{{"data":[{}],"next_page":{next}}}"#, tasks.join(",")))
}

/// A server with these replies, in this order.
pub(crate) fn server(replies: impl IntoIterator<Item = Reply>) -> Server {
    Server::start(replies.into_iter().fold(Script::new(), Script::then))
}

/// Runs it for the project 1204.
#[track_caller]
pub(crate) fn run(server: &Server, args: &[&str]) -> Ran {
    extractor().run(&[&["tasks", "--project", "1204", "--base-url", &server.url()], args].concat())
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    let args = ["tasks", "--project", "1204", "--base-url", "{url}"];
    let runs = extractor().golden("tests/replies/tasks", &args, "1 project");
    for (name, ran) in runs {
        let warnings: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
        let expected: &[&str] = match name.as_str() {
            "error_500_phrase" => {
                &["warning: Asana's own failure; its support asks for the phrase: 6 sad squid snuggle softly"]
            }
            _ => &[],
        };
        assert_eq!(warnings, expected, "{name}");
    }
}

#[test]
fn no_shared_fixture_is_without_an_outcome() {
    fixtures(env!("CARGO_MANIFEST_DIR"), "asana_tasks", &FIXTURES);
}
