//! The examples of README.md and of docs/, run as written.

use std::path::Path;

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::influx::Influx;
use etl_testkit::postgres;
use etl_testkit::run::{Cmd, temp_dir, workspace_binary};

/// A fenced block: its language, its text, and the last line before it.
struct Block {
    language: String,
    text: String,
    before: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut before) = (Vec::<Block>::new(), false, String::new());
    for line in document.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                let (language, before) = (language.to_owned(), std::mem::take(&mut before));
                blocks.push(Block { language, text: String::new(), before });
                open = true;
            }
            None if open => blocks.last_mut().expect("a block").text += &format!("{line}\n"),
            None if !line.trim().is_empty() => before = line.to_owned(),
            None => (),
        }
    }
    blocks
}

/// The file that a block is, if the line before it ends with `` `name`: ``.
fn file_name(before: &str) -> Option<&str> {
    before.strip_suffix("`:")?.rsplit('`').next()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Replies as the service does, whatever place is asked for.
fn service() -> Server {
    let reply = |name: &str| {
        let file = root().join("extractors/extract-openweather/tests/replies").join(name);
        Reply::json(200, &std::fs::read_to_string(&file).expect("a recorded reply"))
    };
    Server::start(
        Script::new()
            .at("/weather", reply("current/seattle_imperial.json"))
            .at("/forecast", reply("forecast/munich_pop_16_steps_mock.json"))
            .at("/air_pollution", reply("air_pollution/seattle_2023.json")),
    )
}

/// Runs a document's examples in one folder; returns how many there were.
fn run_examples(document: &str) -> usize {
    let text = std::fs::read_to_string(root().join(document)).expect("the document");
    let (server, folder) = (service(), temp_dir());
    let database = postgres::Server::shared().database();
    let binaries = workspace_binary("standpipe").parent().expect("a folder").to_owned();
    // Built along with standpipe.
    for name in
        ["extract-openweather", "extract-file", "load-sqlite", "load-postgres", "load-influx", "notify-slack"]
    {
        workspace_binary(name);
    }
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let (mut count, mut printed) = (0, String::new());
    for Block { language, text, before } in blocks(&text) {
        match language.as_str() {
            "sh" => {
                let cmd = Cmd::new("sh")
                    .args(["-e", "-c", &text])
                    .in_folder(folder.path())
                    .env("PATH", &path)
                    .env("OPENWEATHER_API_KEY", "k3y")
                    .env("OPENWEATHER_BASE_URL", server.url())
                    .env("INFLUX_URL", Influx::shared().url());
                let ran =
                    database.env().into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).run();
                assert_eq!(ran.code, 0, "{document}:\n{text}\n{}", ran.stderr);
                printed = ran.stdout;
                count += 1;
            }
            "text" => assert_eq!(printed, text, "{document}"),
            "sh no-run" => (),
            _ => {
                if let Some(name) = file_name(&before) {
                    std::fs::write(folder.path().join(name), text).expect("the folder is writable");
                }
            }
        }
    }
    count
}

#[test]
fn the_examples_of_the_readme_run_as_written() {
    assert_eq!(run_examples("README.md"), 11);
}

#[test]
fn the_examples_of_the_contract_run_as_written() {
    assert_eq!(run_examples("docs/contract.md"), 1);
}

#[test]
fn the_examples_of_standpipe_run_as_written() {
    assert_eq!(run_examples("docs/standpipe.md"), 7);
}

#[test]
fn the_examples_of_openweather_run_as_written() {
    assert_eq!(run_examples("docs/openweather.md"), 5);
}

#[test]
fn the_examples_of_sqlite_run_as_written() {
    assert_eq!(run_examples("docs/sqlite.md"), 1);
}

#[test]
fn the_examples_of_postgres_run_as_written() {
    assert_eq!(run_examples("docs/postgres.md"), 3);
}

#[test]
fn the_examples_of_extract_file_run_as_written() {
    assert_eq!(run_examples("docs/extract-file.md"), 2);
}

#[test]
fn the_examples_of_influx_run_as_written() {
    assert_eq!(run_examples("docs/influx.md"), 2);
}

#[test]
fn the_examples_of_slack_run_as_written() {
    assert_eq!(run_examples("docs/slack.md"), 2);
}
