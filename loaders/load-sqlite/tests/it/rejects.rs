//! Records set aside.

use serde_json::json;

use crate::support::{SqliteFolder, counts, plain, printed, refused, sealed};

const ARGS: &str = "--schema events.json --seal off --rejects rejects.ndjson";

#[test]
fn records_that_fail_the_checks_are_set_aside_up_to_a_number() {
    let place = SqliteFolder::new();
    let stream = plain(&[
        r#"{"n":1}"#,
        "",
        r#"{ "n" : "two \u00e4" }"#,
        r#"{"n":3}"#,
        r#"{"text":"no n","n":null}"#,
        r#"{"n":4,"more":1}"#,
    ]);
    let ran = place.load(&format!("{ARGS} --max-rejects 3"), stream);
    assert_eq!(counts(&ran), [5, 2, 0, 0, 0, 3]);
    assert!(ran.stderr.contains("events: 5 records, 2 inserted, 3 rejected in "), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "3"]);
    let lines = printed(&place.read("rejects.ndjson"));
    assert_eq!(lines[0]["_etl"]["schema"], "etl.reject");
    assert_eq!((&lines[4]["_etl"]["kind"], &lines[4]["_etl"]["records"]), (&json!("end"), &json!(3)));
    let original = r#"{ "n" : "two \u00e4" }"#;
    let reason = r#"expected an integer, found "two \u00e4""#;
    assert_eq!(lines[1], json!({ "line": 3, "field": "n", "reason": reason, "original": original }));
    assert_eq!(lines[2]["reason"], "null, but the schema does not allow null here");
    assert_eq!(
        lines[3],
        json!({ "line": 6, "field": "more", "reason": "the schema events has no such field (--unknown-fields drop of a loader leaves it out)",
        "original": r#"{"n":4,"more":1}"# })
    );
    // The file is a stream like any other.
    place.load("--input rejects.ndjson", "").ok();
    assert_eq!(
        place.rows("SELECT line, field FROM etl_reject ORDER BY line"),
        [r#"3|"n""#, r#"5|"n""#, r#"6|"more""#]
    );
}

#[test]
fn a_share_is_judged_once_the_load_has_been_read() {
    let place = SqliteFolder::new();
    let stream = plain(&[r#"{"n":"a"}"#, r#"{"n":"b"}"#, r#"{"n":3}"#, r#"{"n":4}"#]);
    let ran = place.load(&format!("{ARGS} --max-rejects 49.9%"), &stream);
    refused(&ran, 3, "2 of 4 records do not fit, which is more than 49.9% (--max-rejects)");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
    assert_eq!(printed(&place.read("rejects.ndjson")).len(), 4);
    let ran = place.load(&format!("{ARGS} --max-rejects 50%"), &stream);
    assert_eq!(
        (counts(&ran), place.rows("SELECT n FROM events")),
        ([4, 2, 0, 0, 0, 2], vec!["3".into(), "4".into()])
    );
    let ran = place.load(&format!("{ARGS} --max-rejects 0%"), &stream);
    refused(&ran, 3, r#"line 1 (byte 0): field "n": expected an integer, found "a""#);
    refused(
        &place.load(&format!("{ARGS} --max-rejects 1e9%"), &stream),
        2,
        "a share from 0% to 100%, such as 1%",
    );
}

#[test]
fn one_too_many_fails_the_load_and_keeps_the_file() {
    let place = SqliteFolder::new();
    let stream = plain(&[r#"{"n":1}"#, r#"{"n":"a"}"#, r#"{"n":"b"}"#, r#"{"n":"c"}"#]);
    let ran = place.load(&format!("{ARGS} --max-rejects 1"), &stream);
    refused(
        &ran,
        3,
        r#"line 3 (byte 18): field "n": expected an integer, found "b" (rejected record 2, --max-rejects 1)"#,
    );
    assert_eq!(printed(&place.read("rejects.ndjson")).len(), 4);
    let ran = place.load(ARGS, &stream);
    refused(&ran, 3, r#"line 2 (byte 8): field "n": expected an integer, found "a""#);
    let lines = printed(&place.read("rejects.ndjson"));
    assert_eq!((lines.len(), &lines[1]["line"]), (3, &json!(2)));
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
}

#[test]
fn a_line_that_is_no_record_fails_the_load_where_there_is_no_room() {
    let place = SqliteFolder::new();
    let stream = "{\"n\":\"a\"}\n{\"n\":\n";
    refused(
        &place.load(&format!("{ARGS} --max-rejects 1"), stream),
        3,
        "line 2 (byte 10): the line ends where a value",
    );
    assert_eq!(printed(&place.read("rejects.ndjson"))[1]["line"], 1);
    refused(
        &place.load("--schema events.json --seal off", stream),
        3,
        "line 1 (byte 0): field \"n\": expected",
    );
    refused(
        &place.load("--schema events.json --seal off", "{\"n\":\n"),
        3,
        "line 1 (byte 5): the line ends where",
    );
}

#[test]
fn a_load_that_was_done_before_keeps_the_rejects_it_wrote() {
    let place = SqliteFolder::new();
    let args = format!("{ARGS} --max-rejects 1 --load-id monday");
    let stream = plain(&[r#"{"n":1}"#, r#"{"n":"a"}"#]);
    assert_eq!(counts(&place.load(&args, &stream)), [2, 1, 0, 0, 0, 1]);
    let written = place.read("rejects.ndjson");
    assert_eq!(counts(&place.load(&args, &stream)), [0; 6]);
    refused(&place.load(&args, "{\"n\":2}\n"), 3, "load id monday was committed before");
    assert_eq!(place.read("rejects.ndjson"), written);
    // So with segments.
    let args = "--schema events.json --rejects rejects.ndjson --max-rejects 1";
    for mode in ["append", "replace"] {
        let args = format!("{args} --mode {mode}");
        let stream = sealed(mode, &[r#"{"n":1}"#, r#"{"n":"a"}"#]);
        assert_eq!(counts(&place.load(&args, &stream)), [2, 1, 0, 0, 0, 1]);
        let written = place.read("rejects.ndjson");
        assert_eq!(counts(&place.load(&args, &stream)), [0; 6]);
        assert_eq!(place.read("rejects.ndjson"), written);
    }
    // A new load without rejects has an empty file.
    place.load(args, sealed("new", &[r#"{"n":5}"#])).ok();
    assert_eq!(printed(&place.read("rejects.ndjson")).len(), 2);
}

#[test]
fn a_file_that_is_not_a_stream_of_rejects_is_left_alone() {
    let place = SqliteFolder::new();
    let half =
        "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\",\"schema\":\"etl.reject\"}}\n{\"line\":1,\"fi";
    for (content, theirs) in [
        ("my notes\n", true),
        ("{\"n\":1}\n", true),
        ("\n", true),
        ("{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\",\"schema\":\"events\"}}\n", true),
        ("no newline", true),
        ("", false),
        // What a run leaves that was killed.
        ("{\"_etl\":{\"v\":1,\"ki", false),
        ("{\"_e", false),
        (half, false),
    ] {
        for more in ["", " --commit-every 2"] {
            place.write("rejects.ndjson", content);
            let ran = place.load(&format!("{ARGS} --max-rejects 9{more}"), "{\"n\":\"a\"}\n");
            if theirs {
                refused(&ran, 2, "--rejects rejects.ndjson: the file exists and is not a stream of rejects");
                assert_eq!(place.read("rejects.ndjson"), content, "{content:?}{more}");
            } else {
                ran.ok();
                assert_eq!(printed(&place.read("rejects.ndjson")).len(), 3, "{content:?}{more}");
            }
        }
    }
    // Notes after a whole segment are as much somebody's.
    place.load(&format!("{ARGS} --max-rejects 9"), "{\"n\":\"a\"}\n").ok();
    let noted = place.read("rejects.ndjson") + "to do: ask them\n";
    place.write("rejects.ndjson", &noted);
    let ran = place.load(&format!("{ARGS} --max-rejects 9 --commit-every 2"), "{\"n\":\"a\"}\n");
    refused(&ran, 2, "is not a stream of rejects");
    assert_eq!(place.read("rejects.ndjson"), noted);
}
