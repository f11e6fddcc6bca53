//! How records meet existing rows.

use crate::support::{SqliteFolder, counts, many, plain, receipts, refused, rows, sealed, strs};

const ITEMS: &str = "--schema items.json --seal off";
const ROWS: &str = "SELECT id, name FROM items ORDER BY id, name";

/// A table with the rows 1 and 2, and records for 2 (the same), 1 (twice) and 3.
fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.load(ITEMS, plain(&[r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"b"}"#])).ok();
    place
}

fn records() -> String {
    plain(&[
        r#"{"id":2,"name":"b"}"#,
        r#"{"id":1,"name":"x"}"#,
        r#"{"id":3,"name":"c"}"#,
        r#"{"id":1,"name":"y"}"#,
    ])
}

#[test]
fn upsert_is_the_default_where_there_is_a_key() {
    for mode in ["", " --mode upsert"] {
        let place = place();
        let ran = place.load(&format!("{ITEMS}{mode}"), records());
        assert_eq!(counts(&ran), [4, 1, 1, 1, 1, 0]);
        assert_eq!(receipts(&ran)[0]["mode"], "upsert");
        assert!(
            ran.stderr.contains("items: 4 records, 1 inserted, 1 updated, 1 unchanged, 1 superseded in "),
            "{}",
            ran.stderr
        );
        assert_eq!(place.rows(ROWS), [r#"1|"y""#, r#"2|"b""#, r#"3|"c""#]);
        assert_eq!(counts(&place.load(ITEMS, records())), [4, 0, 0, 3, 1, 0]);
        // A change to NULL is a change, and an absent field is NULL.
        assert_eq!(counts(&place.load(ITEMS, "{\"id\":1}\n")), [1, 0, 1, 0, 0, 0]);
        assert_eq!(place.rows(ROWS)[0], "1|NULL");
    }
}

#[test]
fn append_is_the_default_without_a_key_and_fails_on_a_key_that_is_there() {
    let place = place();
    let ran = place.load("--schema events.json --seal off", plain(&[r#"{"n":1}"#, r#"{"n":1}"#]));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["mode"]), ([2, 2, 0, 0, 0, 0], &"append".into()));
    let ran = place.load(&format!("{ITEMS} --mode append"), plain(&[r#"{"id":9}"#, r#"{"id":1}"#]));
    refused(&ran, 3, "line 2 (byte 9): table items: UNIQUE constraint failed: items.id");
    assert_eq!(place.rows(ROWS), [r#"1|"a""#, r#"2|"b""#]);
}

#[test]
fn ignore_keeps_what_is_there_and_the_first_of_a_key() {
    let place = place();
    assert_eq!(counts(&place.load(&format!("{ITEMS} --mode ignore"), records())), [4, 1, 0, 2, 1, 0]);
    assert_eq!(place.rows(ROWS), [r#"1|"a""#, r#"2|"b""#, r#"3|"c""#]);
    let both = plain(&[r#"{"id":8,"name":"first"}"#, r#"{"id":8,"name":"second"}"#]);
    assert_eq!(counts(&place.load(&format!("{ITEMS} --mode ignore"), both)), [2, 1, 0, 0, 1, 0]);
    assert_eq!(place.rows(ROWS)[3], r#"8|"first""#);
}

#[test]
fn replace_takes_the_place_of_all_rows() {
    let place = place();
    assert_eq!(counts(&place.load(&format!("{ITEMS} --mode replace"), records())), [4, 3, 0, 0, 1, 0]);
    assert_eq!(place.rows(ROWS), [r#"1|"y""#, r#"2|"b""#, r#"3|"c""#]);
    let sealed_args = "--schema items.json --mode replace";
    assert_eq!(counts(&place.load(sealed_args, sealed("a", &[r#"{"id":7}"#]))), [1, 1, 0, 0, 0, 0]);
    assert_eq!(place.rows(ROWS), ["7|NULL"]);
    // Without a key every record is a row.
    let events = "--schema events.json --mode replace";
    for id in ["b", "c"] {
        assert_eq!(
            counts(&place.load(events, sealed(id, &[r#"{"n":1}"#, r#"{"n":1}"#]))),
            [2, 2, 0, 0, 0, 0]
        );
        assert_eq!(place.rows("SELECT n FROM events"), ["1", "1"]);
    }
    // The replacement may be empty, if that is said.
    refused(&place.load(sealed_args, sealed("none", &[])), 3, "(--allow-empty empties the table)");
    assert_eq!(place.rows(ROWS), ["7|NULL"]);
    let allowed = format!("{sealed_args} --allow-empty");
    assert_eq!(counts(&place.load(&allowed, sealed("none", &[]))), [0; 6]);
    assert_eq!(place.rows(ROWS), [""; 0]);
}

#[test]
fn unsealed_input_replaces_nothing_unless_told_so() {
    let place = place();
    let ran = place.load("--schema items.json --mode replace", records());
    refused(&ran, 2, "mode replace needs a sealed stream");
    let ran = place.load("--schema items.json --mode replace --seal required", records());
    refused(&ran, 3, "outside a verified segment");
    let whole = sealed("a", &[r#"{"id":7}"#]);
    refused(&place.load("--schema items.json --mode replace", &whole[..60]), 75, "the input ends");
    assert_eq!(place.rows(ROWS), [r#"1|"a""#, r#"2|"b""#]);
}

#[test]
fn readers_never_see_an_empty_or_mixed_table() {
    let place = SqliteFolder::new();
    place.load("--schema events.json", many("s", 100_000)).ok();
    let connection = place.connect();
    let seen = || rows(&connection, "SELECT count(*), sum(n), count(DISTINCT text) FROM events").remove(0);
    let before = seen();
    let smaller = many("t", 90_000);
    let mut running = place.waiting("--schema events.json --mode replace", &smaller);
    assert!(place.is_locked());
    assert_eq!(seen(), before);
    running.close_stdin();
    let mut polls: Vec<String> = Vec::new();
    while place.is_locked() {
        polls.push(seen());
    }
    running.finish().ok();
    polls.push(seen());
    let after = "90000|4049955000|1".to_owned();
    assert_eq!(polls.last(), Some(&after));
    assert!(polls.iter().all(|seen| *seen == before || *seen == after), "{polls:?}");
}

#[test]
fn two_replacements_never_mix() {
    let place = SqliteFolder::new();
    let running: Vec<_> = (1..=4)
        .map(|n| {
            let line = format!("{{\"n\":{n}}}");
            let stream = sealed(&format!("s{n}"), &vec![line.as_str(); 1000]);
            place.loader("--schema events.json --mode replace").stdin(stream).spawn()
        })
        .collect();
    for running in running {
        running.finish().ok();
    }
    assert_eq!(place.rows("SELECT count(*), count(DISTINCT n) FROM events"), ["1000|1"]);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 4);
}

#[test]
fn a_key_without_a_unique_index_is_refused_before_any_row() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE items (id INTEGER, name TEXT); CREATE UNIQUE INDEX wrong ON items (id, name);
         CREATE UNIQUE INDEX partial ON items (id) WHERE id > 5; CREATE UNIQUE INDEX expression ON items (abs(id));
         CREATE INDEX plain ON items (id)",
    );
    for mode in ["", " --mode upsert", " --mode ignore"] {
        let ran = place.load(&format!("{ITEMS}{mode}"), "{\"id\":1}\n");
        refused(&ran, 78, "table items has no unique index on (id), the key of schema items");
    }
    refused(&place.load("--schema events.json --mode upsert", "{\"n\":1}\n"), 78, "mode upsert needs a key");
    place.load(&format!("{ITEMS} --mode append"), "{\"id\":1}\n").ok();
    place.load(&format!("{ITEMS} --mode replace"), "{\"id\":1}\n").ok();
    place.sql("CREATE UNIQUE INDEX good ON items (id)");
    assert_eq!(counts(&place.load(ITEMS, "{\"id\":1,\"name\":\"x\"}\n")), [1, 0, 1, 0, 0, 0]);
    assert_eq!(place.rows(ROWS), [r#"1|"x""#]);
}

#[test]
fn a_key_compares_as_its_index_does() {
    let place = SqliteFolder::new();
    place.write("users.json", r#"{"x-key":["name"],"required":["name"],"properties":{"name":{"type":"string"},"n":{"type":"integer"}}}"#);
    place.sql("CREATE TABLE users (name TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER)");
    let stream = plain(&[r#"{"name":"ann","n":1}"#, r#"{"name":"ANN","n":2}"#, r#"{"name":"Bob","n":3}"#]);
    let args = "--schema users.json --seal off";
    assert_eq!(counts(&place.load(args, &stream)), [3, 2, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT name, n FROM users ORDER BY name"), [r#""ANN"|2"#, r#""Bob"|3"#]);
    assert_eq!(
        counts(&place.load(args, plain(&[r#"{"name":"bob","n":3}"#, r#"{"name":"Ann","n":9}"#]))),
        [2, 0, 2, 0, 0, 0]
    );
    // The row ends with the record's spelling, unless it was to be left alone.
    let spelled = [r#""Ann"|9"#, r#""bob"|3"#];
    assert_eq!(place.rows("SELECT name, n FROM users ORDER BY name"), spelled);
    assert_eq!(counts(&place.load(&format!("{args} --mode ignore"), &stream)), [3, 0, 0, 2, 1, 0]);
    assert_eq!(place.rows("SELECT name, n FROM users ORDER BY name"), spelled);
    assert_eq!(counts(&place.load(&format!("{args} --mode replace"), &stream)), [3, 2, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT name, n FROM users ORDER BY name"), [r#""ANN"|2"#, r#""Bob"|3"#]);
}

#[test]
fn a_key_of_several_columns_and_types() {
    let place = SqliteFolder::new();
    place.write(
        "wide.json",
        r#"{"x-key":["at","city"],"required":["at","city"],"properties":{"city":{"type":"string"},
            "at":{"type":"string","format":"date-time"},"temp":{"type":["number","null"]}}}"#,
    );
    let args = "--schema wide.json --seal off";
    let line = |at: &str, temp: &str| format!("{{\"city\":\"Oslo\",\"at\":\"{at}\",\"temp\":{temp}}}\n");
    // The same moment in two zones is one key.
    let stream = line("2026-01-01T00:00:00Z", "1")
        + &line("2026-01-01T01:00:00+01:00", "2.5")
        + &line("2026-01-01T00:00:00+01:00", "3");
    assert_eq!(counts(&place.load(args, &stream)), [3, 2, 0, 0, 1, 0]);
    assert_eq!(
        place.rows("SELECT at, temp FROM wide ORDER BY at"),
        [r#""2025-12-31T23:00:00Z"|3.0"#, r#""2026-01-01T00:00:00Z"|2.5"#]
    );
    assert_eq!(counts(&place.load(args, line("2026-01-01T00:00:00.000Z", "2.50"))), [1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_constraint_of_the_table_fails_the_load_whole() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE CHECK (name <> 'no')); INSERT INTO items VALUES (1, 'a')");
    refused(
        &place.load(ITEMS, plain(&[r#"{"id":2,"name":"b"}"#, r#"{"id":3,"name":"a"}"#])),
        3,
        r#"line 2 (byte 20): table items: UNIQUE constraint failed: items.name; record id=3: {"id":3,"name":"a"}"#,
    );
    let lines =
        [r#"{"id":1,"name":"z"}"#, r#"{"id":9,"name":"c"}"#, r#"{"id":2,"name":"no"}"#, r#"{"id":8}"#];
    for mode in ["append", "upsert", "replace", "ignore", "upsert --emit new"] {
        // A key that the table has is not refused for its other values in mode ignore.
        let lines = if mode == "append" { &lines[1..] } else { &lines[..] };
        let ran = place.load(&format!("--schema items.json --mode {mode}"), sealed(mode, lines));
        refused(&ran, 3, &format!("line {} (record {}, byte ", lines.len(), lines.len() - 1));
        let said =
            r#"): table items: CHECK constraint failed: name <> 'no'; record id=2: {"id":2,"name":"no"}"#;
        assert!(ran.last_error_line().ends_with(said), "{mode}: {}", ran.stderr);
    }
    assert_eq!(place.rows(ROWS), [r#"1|"a""#]);
    // Neither is there room for it where no rejects are allowed.
    let ran = place
        .load(&format!("{ITEMS} --mode append --rejects r --max-rejects 0"), "{\"id\":2,\"name\":\"no\"}\n");
    refused(&ran, 3, "line 1 (byte 0): table items: CHECK constraint failed");
    // In a load that is no longer held, the stage still knows the line, and an append the record.
    let mut lines: Vec<String> =
        (10..120_000).map(|id| format!("{{\"id\":{id},\"name\":\"{}{id}\"}}", "x".repeat(60))).collect();
    lines.push(r#"{"id":5,"name":"no"}"#.to_owned());
    let said = "line 119991: table items: CHECK constraint failed: name <> 'no'";
    let ran = place.load(&format!("{ITEMS} --mode upsert"), plain(&strs(&lines)));
    refused(&ran, 3, said);
    let ran = place.load(&format!("{ITEMS} --mode append"), plain(&strs(&lines)));
    refused(
        &ran,
        3,
        r#"): table items: CHECK constraint failed: name <> 'no'; record id=5: {"id":5,"name":"no"}"#,
    );
}
