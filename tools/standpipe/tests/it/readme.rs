//! The examples of README.md and of docs/, run as written.

use std::path::Path;

use etl_testkit::examples;
use etl_testkit::http::{Reply, Script, Server};

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

/// Runs a document's examples; returns how many there were.
#[track_caller]
fn run_examples(document: &str) -> usize {
    let server = service();
    let binaries = [
        "extract-openweather",
        "extract-file",
        "load-sqlite",
        "load-postgres",
        "load-influx",
        "notify-slack",
        "transform-jq",
        "validate",
    ];
    let env = [("OPENWEATHER_API_KEY", "k3y"), ("OPENWEATHER_BASE_URL", &server.url())];
    examples::run(root().join(document), &[&binaries[..], &["standpipe"]].concat(), &env)
}

#[test]
fn the_examples_of_the_readme_run_as_written() {
    assert_eq!(run_examples("README.md"), 14);
}

#[test]
fn the_examples_of_the_contract_run_as_written() {
    assert_eq!(run_examples("docs/contract.md"), 1);
}

#[test]
fn the_examples_of_standpipe_run_as_written() {
    assert_eq!(run_examples("docs/standpipe.md"), 9);
}

#[test]
fn the_examples_of_runs_run_as_written() {
    assert_eq!(run_examples("docs/runs.md"), 4);
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

#[test]
fn the_examples_of_writing_an_extractor_run_as_written() {
    assert_eq!(run_examples("docs/writing-an-extractor.md"), 6);
}

#[test]
fn the_rust_of_writing_an_extractor_is_built_elsewhere() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a text");
    let template = "xtask/template/extractors/extract-my-source";
    let history = read("crates/etl-extract/src/history.rs");
    let in_comments: String = history
        .lines()
        .filter_map(|line| line.strip_prefix("/// "))
        .map(|line| format!("{line}\n"))
        .collect();
    let built = [
        read(&format!("{template}/src/main.rs")),
        read(&format!("{template}/tests/it/extractor.rs")),
        in_comments,
    ];
    let document = read("docs/writing-an-extractor.md");
    let blocks: Vec<&str> =
        document.split("```rust\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        assert!(built.iter().any(|text| text.contains(block)), "nothing builds this:\n{block}");
    }
}

/// Where links of a page lead, without those to other sites and to places in the page itself.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let ends = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = ends.filter_map(|(target, _)| target.split('#').next());
    targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
}

#[test]
fn every_link_leads_to_a_file() {
    let pages = |folder: &str| {
        let files = std::fs::read_dir(root().join(folder)).expect("the folder is there");
        let files = files.map(|file| file.expect("a file").path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    };
    let mut seen = 0;
    for page in pages("").chain(pages("docs")).chain(pages("bench")) {
        let text = std::fs::read_to_string(&page).expect("a text");
        for link in links(&text) {
            let target = page.parent().expect("a folder").join(link);
            assert!(target.exists(), "{}: {link}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} links were found");
}
