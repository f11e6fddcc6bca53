//! Whole pipes: what fails first is told once, and its code is that of the last stage.

use std::io::pipe;
use std::path::PathBuf;

use etl_testkit::run::{Cmd, Ran, temp_dir};

use crate::support::{Slack, no_secret_in};

/// A folder of recorded replies of OpenWeather.
fn replies() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../extractors/extract-openweather/demo")
}

/// Runs `extract-openweather … | load-sqlite … | notify-slack …`.
fn run(slack: &Slack, extract: Cmd, load: &[&str], notify: &[&str]) -> [Ran; 3] {
    let folder = temp_dir();
    let (first_reader, first_writer) = pipe().expect("a pipe");
    let (second_reader, second_writer) = pipe().expect("a pipe");
    let load = Cmd::bin("load-sqlite").args(["--db", "w.db"]).args(load).in_folder(folder.path());
    let extract = extract.stdout_to(first_writer).spawn();
    let load = load.stdin_from(first_reader).stdout_to(second_writer).spawn();
    let notify = slack.notify(notify).stdin_from(second_reader).spawn();
    [extract.finish(), load.finish(), notify.finish()]
}

fn extract() -> Cmd {
    Cmd::bin("extract-openweather").args(["current", "--city", "Paris", "--replay"])
}

#[test]
fn a_load_is_told() {
    let slack = Slack::takes();
    let [extracted, loaded, notified] = run(&slack, extract().arg(replies()), &[], &["--seal", "required"]);
    extracted.ok();
    loaded.ok();
    assert_eq!(notified.ok().stdout, "");
    let texts = slack.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("Loaded *openweather_current*: 1 record, 1 inserted in "), "{texts:?}");
}

#[test]
fn what_the_extractor_could_not_do_is_told_once() {
    let slack = Slack::takes();
    let [extracted, loaded, notified] = run(&slack, extract().arg("/nonexistent"), &[], &["--on", "failure"]);
    for ran in [&extracted, &loaded, &notified] {
        ran.fails(66);
        no_secret_in(ran);
    }
    assert_eq!(notified.stdout, "");
    let texts = slack.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let cause = extracted.last_error_line().replace('&', "&amp;");
    assert_eq!(
        texts[0],
        format!(
            "Pipeline failed\n{cause}\nExit code 66: an input file is missing or unreadable\nStep: *extract-openweather*"
        )
    );
}

#[test]
fn what_the_loader_could_not_do_is_told_once() {
    for (load, code) in
        [(&["--table", "w", "--schema", "nobody.knows"][..], 78), (&["--schema", "openweather.forecast"], 3)]
    {
        let slack = Slack::takes();
        let [_, loaded, notified] = run(&slack, extract().arg(replies()), load, &[]);
        loaded.fails(code);
        notified.fails(code);
        no_secret_in(&notified);
        assert_eq!(notified.last_error_line(), format!("the producer failed: {}", loaded.last_error_line()));
        let texts = slack.texts();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let cause = loaded.last_error_line().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(texts[0].contains(&cause), "{texts:?}");
        assert!(texts[0].contains("\nStep: *load-sqlite*"), "{texts:?}");
    }
}

#[test]
fn slack_that_is_gone_leaves_the_pipelines_code() {
    let slack = Slack::answers(etl_testkit::http::Reply::text(404, "no_service"));
    let [extracted, _, notified] = run(&slack, extract().arg("/nonexistent"), &[], &[]);
    notified.fails(66);
    assert!(notified.last_error_line().contains(extracted.last_error_line()), "{}", notified.stderr);
    assert!(notified.last_error_line().ends_with(": 404: no_service"), "{}", notified.stderr);
    no_secret_in(&notified);
}

#[test]
fn records_that_were_set_aside_are_told_with_a_condition_and_only_then() {
    let load = |records: &str, notify: &[&str]| {
        let (slack, folder) = (Slack::takes(), temp_dir());
        let schema = r#"{"properties":{"id":{"type":"integer"}},"x-key":["id"],"required":["id"]}"#;
        std::fs::write(folder.path().join("ids.json"), schema).expect("written");
        let flags = "--db ids.db --schema ids.json --rejects bad.ndjson --max-rejects 10 --seal off";
        let load = Cmd::bin("load-sqlite").words(flags).in_folder(folder.path()).stdin(records);
        let (loaded, notified) = load.pipe(slack.notify(notify));
        (loaded.code, notified.code, slack.texts())
    };
    let (good, bad) = ("{\"id\":1}\n", "{\"id\":1}\n{\"id\":\"x\"}\n");
    assert_eq!(load(bad, &["--on", "failure"]), (0, 0, vec![]));
    let (loaded, notified, texts) = load(bad, &["--when", "rejected > 0"]);
    assert_eq!((loaded, notified, texts.len()), (0, 0, 1));
    assert!(texts[0].starts_with("Loaded *ids*: 2 records, 1 inserted in "), "{texts:?}");
    assert!(texts[0].ends_with("\n:warning: 1 record rejected"), "{texts:?}");
    assert_eq!(load(good, &["--when", "rejected > 0"]), (0, 0, vec![]));
    // The abort of a load that failed is told whatever the condition.
    let (loaded, notified, texts) = load("not a record\n", &["--when", "rejected > 0"]);
    assert_eq!((loaded, notified, texts.len()), (3, 3, 1), "{texts:?}");
}

#[test]
fn a_schema_that_is_not_what_it_was_is_trouble() {
    let (slack, folder) = (Slack::takes(), temp_dir());
    let load = |properties: &str, record: &str| {
        let schema = format!(r#"{{"properties":{{{properties}}},"x-key":["id"],"required":["id"]}}"#);
        std::fs::write(folder.path().join("ids.json"), schema).expect("written");
        let flags = "--db ids.db --schema ids.json --seal off --evolve add-columns --unknown-fields drop";
        let load = Cmd::bin("load-sqlite").words(flags).in_folder(folder.path()).stdin(record);
        let (loaded, notified) = load.pipe(slack.notify(&["--on", "trouble"]));
        loaded.ok();
        notified.ok();
    };
    load(r#""id":{"type":"integer"}"#, "{\"id\":1}\n");
    assert_eq!(slack.requests(), []);
    let wide = r#""id":{"type":"integer"},"a&b":{"type":"integer"},"c":{"type":"integer"}"#;
    load(wide, "{\"id\":2,\"x\":1}\n");
    let texts = slack.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("Loaded *ids*: 1 record, 1 inserted in "), "{texts:?}");
    assert!(texts[0].ends_with(" s\ncolumns added: a&amp;b, c\nunknown fields dropped: x"), "{texts:?}");
    load(wide, "{\"id\":3}\n");
    assert_eq!(slack.requests().len(), 1);
}
