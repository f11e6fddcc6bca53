//! Records that SQLite refuses are set aside.

use etl_testkit::load::strs;
use serde_json::Value;

use crate::support::{SqliteFolder, counts, items, plain, printed, refused, sealed};

const ASIDE: &str = "--rejects bad.ndjson --max-rejects";

/// The rejects of the last load: line, constraint and field of each.
#[track_caller]
fn rejects(place: &SqliteFolder) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = printed(&place.read("bad.ndjson"));
    let reject =
        |it: &Value| (it["line"].as_u64().unwrap_or_default(), text(&it["constraint"]), text(&it["field"]));
    lines[1..lines.len() - 1].iter().map(reject).collect()
}

fn reject(line: u64, constraint: &str, field: &str) -> (u64, String, String) {
    (line, constraint.to_owned(), field.to_owned())
}

#[test]
fn three_bad_records_of_ten_thousand_are_found() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE cities (name TEXT PRIMARY KEY);
         INSERT INTO cities VALUES ('Seattle'), ('Lisbon');
         CREATE TABLE readings (id INTEGER UNIQUE, city TEXT REFERENCES cities,
                                temp REAL CONSTRAINT above_zero CHECK (temp > -273.15))",
    );
    let line = |n: i64, id: i64| {
        let city = if n == 9_000 { "Atlantis" } else { "Lisbon" };
        let temp = if n == 700 { -300.5 } else { 8.5 };
        format!("{{\"id\":{id},\"city\":\"{city}\",\"temp\":{temp}}}")
    };
    let lines: Vec<String> = (1..=10_000).map(|n| line(n, if n == 5_000 { 17 } else { n })).collect();
    let stream = sealed("a", &strs(&lines));
    let args = "--table readings --rejects bad.ndjson --max-rejects";
    let ran = place.load(&format!("{args} 2"), &stream);
    refused(&ran, 3, "line 9001 (record 9000");
    refused(&ran, 3, "FOREIGN KEY constraint failed (rejected record 3, --max-rejects 2)");
    assert_eq!(place.plain_rows("SELECT count(*) FROM readings"), ["0"]);
    let ran = place.load(&format!("{args} 0.1%"), &stream);
    assert_eq!(counts(&ran), [10_000, 9_997, 0, 0, 0, 3]);
    assert_eq!(
        rejects(&place),
        [reject(701, "above_zero", ""), reject(5_001, "readings.id", ""), reject(9_001, "", "")]
    );
    let sql = "SELECT count(*), count(DISTINCT id), sum(id IN (700, 5000, 9000)) FROM readings";
    assert_eq!(place.plain_rows(sql), ["9997|9997|0"]);
}

#[test]
fn each_kind_of_constraint_sets_its_record_aside() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'bad')) STRICT;
         CREATE TABLE needs (n INTEGER, text TEXT NOT NULL DEFAULT 'none');
         CREATE TRIGGER no BEFORE INSERT ON needs WHEN new.n = 9
           BEGIN SELECT RAISE(ABORT, 'closed on Sundays'); END",
    );
    for mode in ["append", "upsert", "ignore", "replace"] {
        let args = format!("--schema items.json --mode {mode} {ASIDE} 1");
        let ran = place.load(&args, items(mode, &[(1, "one"), (2, "bad"), (3, "three")]));
        assert_eq!(counts(&ran), [3, 2, 0, 0, 0, 1], "{mode}");
        assert_eq!(rejects(&place).len(), 1, "{mode}");
        assert_eq!(place.plain_rows("SELECT * FROM items ORDER BY id"), ["1|one", "3|three"], "{mode}");
        place.sql("DELETE FROM items");
    }
    let args = format!("--table needs {ASIDE} 1");
    let ran = place.load(&args, sealed("t", &[r#"{"n":1}"#, r#"{"n":9}"#]));
    refused(&ran, 3, "closed on Sundays");
    assert_eq!(place.plain_rows("SELECT count(*) FROM needs"), ["0"]);
}

#[test]
fn records_may_refer_to_others_of_the_load_wherever_they_are() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES nodes)");
    let node = |id: i64, parent: i64| format!("{{\"id\":{id},\"parent\":{parent}}}");
    let ring = 2_000;
    let mut lines: Vec<String> = (1..=ring).map(|n| node(n, if n == ring { 1 } else { n + 1 })).collect();
    lines.insert(3, node(50_001, 99_999));
    lines.push(node(50_002, 50_001));
    lines.push(node(50_003, 50_003));
    for mode in ["append", "upsert"] {
        place.sql("DELETE FROM nodes");
        let args = format!("--table nodes --mode {mode} {ASIDE} 2");
        let ran = place.load(&args, sealed(mode, &strs(&lines)));
        assert_eq!(counts(&ran), [2_003, 2_001, 0, 0, 0, 2], "{mode}");
        assert_eq!(rejects(&place), [reject(5, "", ""), reject(2_003, "", "")], "{mode}");
        let sql = "SELECT count(*) FROM nodes WHERE id <= 2000 OR id = 50003";
        assert_eq!(place.plain_rows(sql), ["2001"], "{mode}");
    }
}

#[test]
fn of_a_key_the_last_record_that_is_taken_counts() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'bad'))");
    place.sql("INSERT INTO items VALUES (5, 'old')");
    let records = [
        (1, "first"),
        (1, "second"),
        (2, "only"),
        (1, "bad"),
        (3, "bad"),
        (1, "bad"),
        (5, "bad"),
        (4, "one"),
        (4, "two"),
        (3, "bad"),
    ];
    let args = format!("--schema items.json {ASIDE} 9");
    let ran = place.load(&args, items("a", &records));
    assert_eq!(counts(&ran), [10, 3, 0, 0, 2, 5]);
    assert_eq!(place.plain_rows("SELECT * FROM items ORDER BY id"), ["1|second", "2|only", "4|two", "5|old"]);
    let lines: Vec<u64> = rejects(&place).into_iter().map(|(line, ..)| line).collect();
    assert_eq!(lines, [5, 6, 7, 8, 11]);
    place.sql("DELETE FROM items");
    let records = [(1, "bad"), (1, "first"), (1, "second"), (2, "one"), (2, "bad")];
    let ran = place.load(&format!("{args} --mode ignore"), items("b", &records));
    assert_eq!(counts(&ran), [5, 2, 0, 0, 2, 1]);
    assert_eq!(place.plain_rows("SELECT * FROM items ORDER BY id"), ["1|first", "2|one"]);
    let ran = place.load(&format!("{args} --mode replace"), items("c", &[(1, "bad"), (2, "bad")]));
    refused(&ran, 3, "table items: 2 records were rejected, so there are none to replace its rows with");
    assert_eq!(place.plain_rows("SELECT * FROM items ORDER BY id"), ["1|first", "2|one"]);
}

#[test]
fn what_is_passed_on_was_not_refused() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE)");
    place.sql("INSERT INTO items VALUES (1, 'one')");
    let records = [(1, "uno"), (2, "two"), (3, "two"), (4, "four"), (4, "vier")];
    let record = |id: i64, name: &str| format!("{{\"id\":{id},\"name\":\"{name}\"}}");
    for (emit, expected) in [
        ("records", vec![record(1, "uno"), record(2, "two"), record(4, "four"), record(4, "vier")]),
        ("new", vec![record(2, "two"), record(4, "vier")]),
    ] {
        let args = format!("--schema items.json --emit {emit} {ASIDE} 1");
        let ran = place.load(&args, items(emit, &records));
        let lines: Vec<&str> =
            ran.ok().stdout.lines().filter(|line| !line.starts_with("{\"_etl\"")).collect();
        assert_eq!(lines, expected, "{emit}");
        assert_eq!(rejects(&place), [reject(4, "items.name", "")]);
        place.sql("DELETE FROM items WHERE id > 1; UPDATE items SET name = 'one'");
    }
}

#[test]
fn a_line_that_is_no_record_is_set_aside_but_not_one_that_is_cut() {
    let place = SqliteFolder::new();
    let lines = [r#"{"n":1}"#, r#"{"n":NaN}"#, "null", "{\"n\":2,\"n\":3}", r#"{"n":4}"#];
    let args = format!("--schema events.json {ASIDE} 3");
    let ran = place.load(&args, sealed("a", &lines));
    assert_eq!(counts(&ran), [5, 2, 0, 0, 0, 3]);
    assert_eq!(place.plain_rows("SELECT n FROM events ORDER BY n"), ["1", "4"]);
    assert_eq!(rejects(&place), [reject(3, "", ""), reject(4, "", ""), reject(5, "", "")]);
    let lines = printed(&place.read("bad.ndjson"));
    assert_eq!(lines[1]["reason"], "NaN is not a JSON number (byte 6 of the line)");
    assert_eq!((&lines[2]["original"], &lines[2]["field"]), (&"null".into(), &Value::Null));
    // What was cut is no record that somebody could mend.
    place.write("cut.ndjson", "{\"n\":5}\n{\"n\":");
    let ran = place.loader(&format!("{args} --input cut.ndjson")).run();
    refused(&ran, 3, "line 2 (byte 8): the input ends in the middle of a line");
    // A reject is a text, so what is not one cannot be kept.
    let ran = place.load(&format!("{args} --seal off"), b"{\"n\":6}\n\xff\n");
    refused(&ran, 3, "invalid UTF-8: byte 0xFF");
    let ran = place.load(&format!("{args} --seal off"), plain(&["{\"n\":7}", "]", "]", "]", "]"]));
    refused(
        &ran,
        3,
        "line 5 (byte 14): expected an object, found `]` (byte 1 of the line) (rejected record 4, --max-rejects 3)",
    );
    assert_eq!(place.plain_rows("SELECT n FROM events ORDER BY n"), ["1", "4"]);
}
