//! What is printed.

use crate::support::{HELD, SqliteFolder, many, plain, printed, receipts, sealed_as};

const REJECT: &str = "etl.reject";
const FIRST: &str = r#"{"line":1, "reason":"odd","original":"{}"}"#;
const SECOND: &str = r#"{"line":2,"reason":"ä","original":"{}"}"#;

fn stream() -> Vec<u8> {
    let a = sealed_as(REJECT, "a", &[FIRST, "state 1", SECOND]);
    [a, sealed_as(REJECT, "b", &[FIRST, r#"state {"at": 2}"#])].concat()
}

#[test]
fn a_receipt_says_everything() {
    let place = SqliteFolder::new();
    let ran = place.load("--pipeline p --load-id x", stream());
    let receipt = receipts(&ran).remove(0);
    let names: Vec<&str> = receipt.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "target",
            "load_id",
            "mode",
            "records",
            "inserted",
            "updated",
            "unchanged",
            "superseded",
            "rejected",
            "dropped_fields",
            "sha256",
            "seconds",
            "already_loaded",
            "loaded_at",
            "pipeline",
            "state"
        ]
    );
    assert_eq!((&receipt["pipeline"], &receipt["state"]), (&"p".into(), &serde_json::json!({ "at": 2 })));
    assert!(receipt["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    // It has the schema it names: a receipt is a record like any other.
    let other = SqliteFolder::new();
    other.load("", &ran.stdout).ok();
    assert_eq!(
        other.rows("SELECT target, records, state FROM etl_receipt"),
        [r#""etl_reject"|3|"{\"at\": 2}""#]
    );
    assert!(ran.stdout.lines().next().is_some_and(|begin| begin.contains("\"producer\":\"load-sqlite/")));
}

#[test]
fn records_are_passed_on_as_they_are_with_an_end_after_the_commit() {
    let place = SqliteFolder::new();
    let ran = place.load("--emit records", stream());
    let lines = ran.ok().lines();
    let begin = printed(lines[0]).remove(0);
    assert_eq!((&begin["_etl"]["kind"], &begin["_etl"]["schema"]), (&"begin".into(), &REJECT.into()));
    assert_eq!(lines[1..4], [FIRST, SECOND, FIRST]);
    assert_eq!(printed(lines[4]).remove(0)["_etl"]["value"], serde_json::json!({ "at": 2 }));
    assert_eq!(printed(lines[5]).remove(0)["_etl"]["records"], 3);
    assert_eq!(lines.len(), 6);
    // What comes out is a stream that loads.
    let other = SqliteFolder::new();
    other.load("--seal required", &ran.stdout).ok();
    assert_eq!(other.rows("SELECT line FROM etl_reject"), ["1", "2", "1"]);
    // A replay passes on the same, and loads nothing.
    let again = place.load("--emit records", stream());
    assert_eq!(again.ok().lines()[1..5], lines[1..5]);
    assert_eq!(place.count("SELECT count(*) FROM etl_reject"), 3);
}

#[test]
fn no_end_before_the_commit() {
    let place = SqliteFolder::new();
    let stream = many("a", 100_000);
    let mut running = place.waiting("--schema events.json --emit records", &stream);
    running.wait_until_stdout_contains("{\"n\":99999,");
    assert!(place.is_locked());
    running.close_stdin();
    let ran = running.finish();
    ran.ok();
    assert_eq!(ran.lines().len(), 100_002);
    assert!(ran.lines()[100_001].contains("\"kind\":\"end\""));
    assert_eq!(ran.stdout.matches("\"end\"").count(), 1);
    assert_eq!(place.count("SELECT count(*) FROM events"), 100_000);
}

#[test]
fn a_failed_load_ends_its_records_with_abort() {
    let place = SqliteFolder::new();
    let stream = many("a", 100_000);
    let ran = place.load("--schema events.json --emit records", &stream[..HELD]);
    ran.fails(75);
    let last = printed(ran.lines()[ran.lines().len() - 1]).remove(0);
    assert_eq!((&last["_etl"]["kind"], &last["_etl"]["code"]), (&"abort".into(), &75.into()));
    assert!(ran.lines()[1].starts_with("{\"n\":0,"));
    // The record that fails is not passed on, and neither is a rejected one.
    let stream = plain(&[r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{"n":3}"#]);
    let ran = place.load("--schema events.json --seal off --emit records", &stream);
    ran.fails(3);
    assert!(!ran.stdout.contains("{\"n\":\"x\"}") && !ran.stdout.contains("\"end\""));
    let ran =
        place.load("--schema events.json --seal off --emit records --rejects r --max-rejects 1", &stream);
    assert_eq!(ran.ok().lines()[1..3], [r#"{"n":1}"#, r#"{"n":3}"#]);
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "3"]);
}

#[test]
fn a_failure_of_a_load_says_where_it_was_and_one_of_an_earlier_step_keeps_its_place() {
    let place = SqliteFolder::new();
    let told = |stdin: &str| {
        let ran = place.load("--schema events.json --pipeline night --seal off", stdin.as_bytes());
        ran.fails(3);
        let abort = printed(&ran.stdout).pop().expect("an abort")["_etl"].clone();
        ["step", "pipeline", "table", "log"].map(|name| abort[name].clone())
    };
    let null = serde_json::Value::Null;
    assert_eq!(told("{\"n\":\"x\"}\n"), ["load-sqlite".into(), "night".into(), "events".into(), null]);
    let stream = r#"{"_etl":{"v":1,"kind":"abort","code":3,"message":"no","step":"a","log":["b"]}}"#;
    let ran = place.load("--schema events.json --pipeline night", format!("{stream}\n").as_bytes());
    ran.fails(3);
    assert_eq!(ran.stdout, format!("{stream}\n"));
}

#[test]
fn records_of_a_plain_stream_and_of_none() {
    let place = SqliteFolder::new();
    let ran = place.load("--schema events.json --seal off --emit records", plain(&[r#"{"n":1}"#]));
    assert_eq!((ran.ok().lines().len(), ran.lines()[1]), (3, r#"{"n":1}"#));
    let ran = place.load("--schema events.json --allow-empty --emit records", "");
    assert_eq!((ran.ok().lines().len(), &printed(&ran.stdout)[1]["_etl"]["records"]), (2, &0.into()));
}

#[test]
fn nothing_is_printed_if_asked_not_even_an_abort() {
    let place = SqliteFolder::new();
    let ran = place.load("--schema events.json --emit none", plain(&[r#"{"n":1}"#]));
    assert_eq!(ran.ok().stdout, "");
    assert!(ran.stderr.contains("events: 1 record, 1 inserted in "));
    let ran = place.load("--schema events.json --emit none", plain(&[r#"{"n":"x"}"#]));
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
}

#[test]
fn an_argument_that_is_wrong_is_told_down_the_pipe() {
    let place = SqliteFolder::new();
    let ran = place.loader("--mode sideways").run();
    crate::support::refused(&ran, 2, "invalid value 'sideways' for '--mode <MODE>'");
    let next = place.load("--schema events.json", &ran.stdout);
    crate::support::refused(&next, 2, "the producer failed: ");
}
