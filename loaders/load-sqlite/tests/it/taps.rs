//! What a Singer tap may do, and what it may not.

use etl_testkit::load::{HELD, sealed};

use crate::connectors::refused;
use crate::support::SqliteFolder;

/// A tap's messages.
fn tap(lines: &[&str]) -> String {
    let schema = r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{"type":"integer"},"n":{"type":["integer","null"]}}},"key_properties":["id"]}"#;
    [&[schema], lines].concat().join("\n") + "\n"
}

#[test]
fn only_a_seal_shows_that_a_tap_is_complete() {
    let place = SqliteFolder::new();
    let lines =
        [r#"{"type":"RECORD","stream":"a","record":{"id":1}}"#, r#"{"type":"STATE","value":{"at":1}}"#];
    let plain = tap(&lines);
    let ran = place.load("--seal required", &plain);
    refused(&ran, 3, "`standpipe seal -- COMMAND` seals what a program prints");
    let ran = place.load("--mode replace --format singer", &plain);
    refused(&ran, 2, "mode replace needs a sealed stream");
    assert_eq!(ran.stdout, "");
    let whole = sealed("s", &plain.lines().collect::<Vec<_>>());
    let ran = place.load("--seal required --mode replace", &whole);
    assert_eq!(ran.ok().stdout, "{\"at\":1}\n");
    assert_eq!(place.rows("SELECT id, n FROM a"), ["1|NULL"]);
    assert_eq!(place.rows("SELECT target, load_id, records FROM etl_load"), [r#""a"|"s"|1"#]);
    // The same segment again is nothing new, and its state is as durable as it was.
    let ran = place.load("--seal required --mode replace", &whole);
    assert!(ran.ok().stderr.contains("a: nothing to do"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "{\"at\":1}\n");
    // One that was cut prints no state.
    let ran = place.load("--format singer", &whole[..whole.len() - 10]);
    assert_eq!((ran.fails(75).stdout.as_str(), place.count("SELECT count(*) FROM a")), ("", 1));
}

#[test]
fn a_table_that_is_gone_is_filled_again_from_a_segment_of_several_streams() {
    let place = SqliteFolder::new();
    let plain = tap(&[
        r#"{"type":"SCHEMA","stream":"b","schema":{"properties":{"x":{}}},"key_properties":[]}"#,
        r#"{"type":"RECORD","stream":"b","record":{"x":1}}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":1}}"#,
        r#"{"type":"RECORD","stream":"b","record":{"x":2}}"#,
    ]);
    let whole = sealed("s", &plain.lines().collect::<Vec<_>>());
    place.load("", &whole).ok();
    place.sql("DROP TABLE a");
    place.load("", &whole).ok();
    assert_eq!(
        (place.rows("SELECT id FROM a"), place.rows("SELECT x FROM b")),
        (vec!["1".to_owned()], vec![r#""1""#.to_owned(), r#""2""#.to_owned()])
    );
    place.sql("DROP TABLE b");
    place.load("", &whole).ok();
    assert_eq!(
        (place.rows("SELECT id FROM a"), place.rows("SELECT x FROM b")),
        (vec!["1".to_owned()], vec![r#""1""#.to_owned(), r#""2""#.to_owned()])
    );
}

#[test]
fn what_a_tap_may_not_do() {
    let place = SqliteFolder::new();
    for (args, lines, code, says) in [
        (
            "",
            &[r#"{"type":"RECORD","stream":"z","record":{}}"#][..],
            3,
            "a RECORD of stream z before its SCHEMA",
        ),
        (
            "",
            &[r#"{"type":"RECORD","stream":"a","record":{"n":1}}"#],
            3,
            r#"stream a, field "id": required, but missing"#,
        ),
        ("", &[r#"{"type":"RECORD","stream":"a","record":{"id":null}}"#], 3, r#"stream a, field "id": null"#),
        (
            "",
            &[
                r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{"type":"integer"},"n":{"type":"string"}}},"key_properties":["id"]}"#,
            ],
            3,
            "the SCHEMA of stream a changes: column n was bigint and is text",
        ),
        (
            "--table t",
            &[r#"{"type":"SCHEMA","stream":"b","schema":{"properties":{"x":{}}}}"#],
            2,
            "--table names one table, but the input has stream a and stream b",
        ),
        (
            "",
            &[
                r#"{"type":"SCHEMA","stream":"A","schema":{"properties":{"id":{"type":"integer"},"n":{"type":["integer","null"]}}},"key_properties":["id"]}"#,
            ],
            78,
            "stream a and stream A would be mixed in one table",
        ),
        (
            "",
            &[r#"{"type":"BATCH","stream":"a","encoding":{"format":"parquet"},"manifest":[]}"#],
            78,
            "the format parquet of a BATCH is not read",
        ),
        ("", &["oops"], 3, "expected an object"),
        ("--emit new", &[], 2, "--emit records and new pass on the records of one stream"),
        ("--commit-every 1", &[], 2, "what a connector sends is one load"),
        ("--format singer --catalog none.json", &[], 2, "--catalog is for an Airbyte source"),
        ("--format airbyte", &[], 78, "--catalog FILE must name the configured catalog"),
        ("--format ndjson --table t", &[], 78, "table t does not exist"),
    ] {
        let ran = place.load(args, tap(lines));
        refused(&ran, code, says);
    }
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
    // The same SCHEMA again, or one that makes the same columns, changes nothing.
    let again = r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{"type":"integer","maximum":9},"n":{"type":["integer","null"]}}},"key_properties":["id"]}"#;
    let one = r#"{"type":"RECORD","stream":"a","record":{"id":1,"n":1}}"#;
    let two = r#"{"type":"RECORD","stream":"a","record":{"id":2,"n":2.0,"extra":0}}"#;
    let ran = place.load("--names snake", tap(&[one, again, r#"{"type":"NEW"}"#, two]));
    assert_eq!(place.rows("SELECT id, n FROM a ORDER BY id"), ["1|1", "2|2"]);
    let warned = &ran.ok().stderr;
    assert!(warned.contains("messages of type NEW are ignored"), "{warned}");
    assert!(
        warned.contains(r#"a: dropped from 1 record what the schema does not know: "extra""#),
        "{warned}"
    );
}

#[test]
fn names_and_plans() {
    let place = SqliteFolder::new();
    let schema = r#"{"type":"SCHEMA","stream":"My Orders","schema":{"properties":{"orderId":{"type":"integer"},"Net Sum":{"type":"number"}}},"key_properties":["orderId"]}"#;
    let record = r#"{"type":"RECORD","stream":"My Orders","record":{"orderId":1,"Net Sum":2.50}}"#;
    let stream = format!("{schema}\n{record}\n");
    let plan = place.load("--plan --names snake", &stream);
    assert!(
        plan.ok().stdout.contains(r#"CREATE TABLE IF NOT EXISTS "my_orders""#)
            || plan.stdout.contains("my_orders"),
        "{}",
        plan.stdout
    );
    place.load("--names snake", &stream).ok();
    assert_eq!(place.rows("SELECT order_id, net_sum FROM my_orders"), [r#"1|"2.50""#]);
    let bad = stream.replace(r#""orderId":1"#, r#""orderId":"x""#);
    refused(&place.load("--names snake", bad), 3, r#"field "orderId": expected an integer, found "x""#);
}

#[test]
fn a_stream_may_begin_after_what_is_held_back() {
    let place = SqliteFolder::new();
    let schema = |stream: &str| {
        format!(
            r#"{{"type":"SCHEMA","stream":"{stream}","schema":{{"properties":{{"n":{{"type":"integer"}},"x":{{"type":"string"}}}}}},"key_properties":["n"]}}"#
        )
    };
    let record = |stream: &str, n: usize, length: usize| {
        format!(
            r#"{{"type":"RECORD","stream":"{stream}","record":{{"n":{n},"x":"{}"}}}}"#,
            "x".repeat(length)
        )
    };
    let mut lines = vec![schema("a")];
    lines.extend((0..HELD / 1000).map(|n| record("a", n, 1000)));
    lines.extend([schema("b"), record("b", 1, 1), record("a", 0, 1), schema("a"), record("b", 1, 2)]);
    lines.push(r#"{"type":"STATE","value":{"at":1}}"#.to_owned());
    let ran = place.load("", lines.join("\n") + "\n");
    assert_eq!(ran.ok().stdout, "{\"at\":1}\n");
    assert_eq!(place.count("SELECT count(*) FROM a") as usize, HELD / 1000);
    assert_eq!(place.count("SELECT length(x) FROM a WHERE n = 0"), 1);
    assert_eq!(place.count("SELECT length(x) FROM b"), 2);
    // What is refused at the end leaves nothing, and prints nothing.
    lines.push(r#"{"type":"RECORD","stream":"b","record":{}}"#.to_owned());
    let ran = place.load("", lines.join("\n") + "\n");
    refused(&ran, 3, r#"stream b, field "n": required, but missing"#);
    assert_eq!((ran.stdout.as_str(), place.count("SELECT count(*) FROM b")), ("", 1));
}

#[test]
fn a_table_that_is_sent_anew_has_a_history() {
    let place = SqliteFolder::new();
    let whole = |id: &str, version: u64, records: &[&str]| {
        let record = |fields: &&str| {
            format!(r#"{{"type":"RECORD","stream":"a","version":{version},"record":{{{fields}}}}}"#)
        };
        let activate = format!(r#"{{"type":"ACTIVATE_VERSION","stream":"a","version":{version}}}"#);
        let lines: Vec<String> = records.iter().map(record).chain([activate]).collect();
        let lines = tap(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        sealed(id, &lines.lines().collect::<Vec<_>>())
    };
    let args = "--mode history --singer-metadata";
    place.load(args, whole("1", 1, &[r#""id":1,"n":1"#, r#""id":2,"n":2"#])).ok();
    // Another version of the stream is none of a row, and takes nothing away.
    place.load(args, whole("2", 2, &[r#""id":1,"n":1"#, r#""id":3,"n":3"#])).ok();
    let rows = "SELECT id, n, is_current FROM a ORDER BY id, valid_from";
    assert_eq!(place.rows(rows), ["1|1|1", "2|2|1", "3|3|1"]);
    let all = whole("3", 3, &[r#""id":1,"n":10"#, r#""id":3,"n":3"#]);
    place.load(&format!("{args} --absent-rows close"), all).ok();
    assert_eq!(place.rows(rows), ["1|1|0", "1|10|1", "2|2|0", "3|3|1"]);
}
