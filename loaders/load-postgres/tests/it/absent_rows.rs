//! `--absent-rows delete`: rows that the load does not have are deleted.

use etl_testkit::load::{counts, events, receipts, refused, sealed};

use crate::support::{PostgresFolder, items};

const ARGS: &str = "--schema items.json --absent-rows delete";

/// Four items.
fn place() -> PostgresFolder {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO items VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')");
    place
}

#[test]
fn rows_that_the_load_does_not_have_are_deleted() {
    let place = place();
    let ran = place.load(ARGS, items("a", &[(1, "one"), (2, "zwei"), (5, "five")]));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["deleted"]), ([3, 1, 1, 1, 0, 0], &2.into()));
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|one", "2|zwei", "5|five"]);
    // All segments of a load are one whole, also those that were loaded before.
    let both = [items("a", &[(1, "one"), (2, "zwei"), (5, "five")]), items("b", &[(6, "six")])].concat();
    let ran = place.load(ARGS, both);
    assert_eq!(counts(&ran), [4, 1, 0, 3, 0, 0]);
    assert_eq!(place.rows("SELECT id FROM items ORDER BY id"), ["1", "2", "5", "6"]);
    // With values that are kept, and a key that comes twice.
    let lines = [r#"{"id":2}"#, r#"{"id":7,"name":"x"}"#, r#"{"id":7}"#];
    let ran = place.load(&format!("{ARGS} --absent keep"), sealed("c", &lines));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["deleted"]), ([3, 1, 0, 1, 1, 0], &3.into()));
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["2|zwei", "7|x"]);
}

#[test]
fn a_load_never_empties_a_table_by_accident() {
    let place = place();
    let four = ["1|one", "2|two", "3|three", "4|four"];
    let ran = place.load(ARGS, items("a", &[]));
    refused(&ran, 3, "there are no records to replace its rows with, so they stay");
    let ran = place.load(&format!("{ARGS} --max-shrink 50%"), items("a", &[(1, "uno")]));
    refused(&ran, 3, "1 row would take the place of 4, 75.0% fewer; --max-shrink allows 50%");
    let ran = place.load(ARGS, "{\"id\":1,\"name\":\"uno\"}\n");
    ran.fails(2);
    assert!(ran.last_error_line().contains("--absent-rows needs a sealed stream"), "{}", ran.stderr);
    for (more, said) in [
        ("--rejects bad.ndjson --max-rejects 1", "a row whose record is set aside would be taken for absent"),
        ("--commit-every 5", "--absent-rows delete compares a table with a whole input"),
        ("--mode append", "it needs --mode upsert"),
    ] {
        refused(&place.load(&format!("{ARGS} {more}"), items("a", &[(1, "uno")])), 2, said);
    }
    let ran = place.load("--schema events.json --absent-rows delete", events("e", [1]));
    refused(&ran, 78, "--absent-rows delete is about rows that exist, so it needs a key and mode upsert");
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), four);
    let ran = place.load(&format!("{ARGS} --max-shrink 50%"), items("a", &[(1, "uno"), (2, "two")]));
    assert_eq!(receipts(&ran)[0]["deleted"], 2);
    // On purpose, it does.
    let ran = place.load(&format!("{ARGS} --allow-empty"), items("b", &[]));
    assert_eq!(receipts(&ran)[0]["deleted"], 2);
    assert!(
        ran.stderr.contains("there are no records to replace its rows with; the load empties it"),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.stderr.contains("version") && ran.stderr.contains("0 inserted, 2 deleted in "),
        "{}",
        ran.stderr
    );
    assert_eq!(place.rows("SELECT id FROM items"), [""; 0]);
}

#[test]
fn two_snapshots_at_once_leave_one_of_them() {
    let place = place();
    let streams = [items("a", &[(1, "a"), (5, "a")]), items("b", &[(2, "b"), (6, "b")])];
    let running: Vec<_> = streams.iter().map(|stream| place.loader(ARGS).stdin(stream).spawn()).collect();
    for running in running {
        running.finish().ok();
    }
    let rows = place.rows("SELECT * FROM items ORDER BY id");
    assert!([["1|a", "5|a"], ["2|b", "6|b"]].iter().any(|whole| rows == whole), "{rows:?}");
}

#[test]
fn a_rule_that_would_keep_rows_is_refused() {
    let place = place();
    place.sql("CREATE RULE kept AS ON DELETE TO items DO INSTEAD NOTHING");
    refused(
        &place.load(ARGS, items("a", &[(1, "uno")])),
        78,
        "has rules ON DELETE; rows that they keep would remain",
    );
    assert_eq!(place.count("SELECT count(*) FROM items"), 4);
}
