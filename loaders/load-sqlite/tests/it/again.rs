//! Streams that were loaded before, wholly or in part.

use crate::support::{SqliteFolder, plain, receipts, refused, sealed, sealed_as, segments};

#[test]
fn records_that_were_set_aside_are_not_passed_on_the_second_time_either() {
    let place = SqliteFolder::new();
    let lines = [r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{"n":3,"more":1}"#, r#"{"n":4}"#];
    let args = "--schema events.json --emit records --rejects bad --max-rejects 2";
    for how in ["", "--load-id x", "--table other --load-id y --if-loaded skip"] {
        let args = format!("{args} {how}");
        let table = if how.contains("other") { "other" } else { "events" };
        place.sql(&format!("DROP TABLE IF EXISTS {table}"));
        for _ in 0..2 {
            let ran = place.load(&args, sealed("a", &lines));
            assert_eq!(segments(&ran.ok().stdout), [[lines[0], lines[3]]], "{how}");
            assert_eq!(place.rows(&format!("SELECT n FROM {table}")), ["1", "4"]);
        }
    }
    // Other bytes under the same id are passed on by the same rule, and none of them is loaded.
    let args = format!("{args} --table other --load-id y --if-loaded skip --seal off");
    let ran = place.load(&args, plain(&[r#"{"n":"y"}"#, r#"{"n":5}"#]));
    assert_eq!(segments(&ran.ok().stdout), [[r#"{"n":5}"#]]);
    refused(&place.load(&args, "{\"n\":5}\n{\"n\":\n"), 3, "line 2 (byte ");
    assert_eq!(place.rows("SELECT n FROM other"), ["1", "4"]);
}

#[test]
fn a_receipt_of_what_was_loaded_before_counts_nothing_and_names_its_id() {
    for (mode, id) in [("append", ""), ("replace", ""), ("append", "--load-id x"), ("replace", "--load-id x")]
    {
        let place = SqliteFolder::new();
        let args = format!(
            "--schema events.json --mode {mode} {id} --unknown-fields drop --rejects bad --max-rejects 1"
        );
        let stream = sealed("a", &[r#"{"n":1,"more":1}"#, r#"{"n":"x"}"#, r#"{"n":2,"more":1}"#]);
        let numbers = |receipt: &serde_json::Value| {
            ["records", "inserted", "rejected", "dropped_fields"]
                .map(|name| receipt[name].as_u64().expect("a number"))
        };
        for expected in [[3, 2, 1, 2], [0; 4]] {
            let receipt = receipts(&place.load(&args, &stream)).remove(0);
            assert_eq!(numbers(&receipt), expected, "{args}");
            assert_eq!(receipt["load_id"], if id.is_empty() { "a" } else { "x" });
            assert_eq!(receipt["already_loaded"], expected == [0; 4]);
        }
        // Several segments have no common id, whether they were loaded before or not.
        let both = [stream, sealed("b", &[])].concat();
        let receipt = receipts(&place.load(&args.replace("--load-id x", ""), both)).remove(0);
        assert_eq!(receipt["load_id"], serde_json::Value::Null);
    }
}

#[test]
fn a_replacement_leaves_nothing_where_its_stream_has_nothing() {
    let place = SqliteFolder::new();
    let line = r#"{"line":1,"reason":"odd","original":"{}"}"#;
    let empty = sealed_as("etl.reject", "empty", &[]);
    place.load("--mode replace --allow-empty", &empty).ok();
    place.load("--mode append", sealed_as("etl.reject", "between", &[line])).ok();
    assert_eq!(place.count("SELECT count(*) FROM etl_reject"), 1);
    // The segment without records was loaded before; the stream as a whole was not.
    let receipt = format!(
        "{{\"target\":\"t\",\"mode\":\"append\",\"records\":1,\"inserted\":1,\"updated\":0,\"unchanged\":0,\"superseded\":0,\
         \"rejected\":0,\"dropped_fields\":0,\"sha256\":\"{}\",\"seconds\":0.5,\"already_loaded\":false}}",
        "0".repeat(64)
    );
    let both = [sealed_as("etl.receipt", "new", &[&receipt]), empty].concat();
    // Each table is judged alone.
    let said = "table etl_reject: there are no records to replace its rows with, so they stay";
    refused(&place.load("--mode replace", &both), 3, said);
    place.load("--mode replace --allow-empty", &both).ok();
    assert_eq!(place.rows("SELECT count(*), (SELECT count(*) FROM etl_receipt) FROM etl_reject"), ["0|1"]);
}
