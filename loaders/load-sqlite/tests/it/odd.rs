//! Tables, paths and streams that a reviewer broke an earlier version with.

use crate::support::{SqliteFolder, counts, plain, receipts, refused, sealed};

const KEYED: &str = r#"{"x-key":["k"],"required":["k"],"properties":{"k":{"type":"integer"},"v":{"type":["string","null"]}}}"#;

fn keyed() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.write("t.json", KEYED);
    place
}

#[test]
fn a_table_that_was_dropped_is_loaded_again() {
    for args in ["--schema t.json --table t", "--schema t.json --table t --load-id L"] {
        let place = keyed();
        let stream = sealed("s", &[r#"{"k":1,"v":"a"}"#]);
        assert_eq!(counts(&place.load(args, &stream)), [1, 1, 0, 0, 0, 0]);
        place.sql("DROP TABLE t");
        let ran = place.load(args, &stream);
        assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
        assert!(ran.stderr.contains("table t is gone; the ledger forgets 1 load into it"), "{}", ran.stderr);
        assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"a""#]);
    }
}

#[test]
fn a_constraints_own_conflict_clause_loses_no_row() {
    for clause in ["IGNORE", "REPLACE"] {
        let place = keyed();
        place.sql(&format!(
            "CREATE TABLE t (k INTEGER, v TEXT, UNIQUE (k) ON CONFLICT {clause}); INSERT INTO t VALUES (1, 'old')"
        ));
        let stream = sealed("s", &[r#"{"k":2,"v":"b"}"#, r#"{"k":1,"v":"new"}"#]);
        let ran = place.load("--schema t.json --table t --mode append", &stream);
        refused(&ran, 3, "line 3 (record 2, byte 57): table t: UNIQUE constraint failed: t.k");
        assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"old""#]);
        assert_eq!(
            counts(&place.load("--schema t.json --table t --mode upsert", &stream)),
            [2, 1, 1, 0, 0, 0]
        );
        assert_eq!(place.rows("SELECT * FROM t ORDER BY k"), [r#"1|"new""#, r#"2|"b""#]);
    }
}

#[test]
fn a_trigger_that_keeps_rows_out_fails_the_load() {
    for mode in ["append", "upsert", "replace"] {
        let place = keyed();
        place.sql(
            "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);
             CREATE TRIGGER no BEFORE INSERT ON t WHEN new.k = 2 BEGIN SELECT RAISE(IGNORE); END",
        );
        let stream = sealed("s", &[r#"{"k":1}"#, r#"{"k":2}"#]);
        let ran = place.load(&format!("--schema t.json --table t --mode {mode}"), &stream);
        refused(&ran, 3, "a trigger on");
        assert_eq!(place.count("SELECT count(*) FROM t"), 0, "{mode}");
    }
}

#[test]
fn a_trigger_that_keeps_rows_as_they_are_fails_the_load() {
    let place = keyed();
    place.sql(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'two');
         CREATE TRIGGER no BEFORE UPDATE ON t WHEN old.k = 1 BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER never BEFORE DELETE ON t WHEN old.k = 1 BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER out BEFORE INSERT ON t WHEN new.k = 9 BEGIN SELECT RAISE(IGNORE); END",
    );
    let lines = [r#"{"k":1,"v":"x"}"#, r#"{"k":2,"v":"y"}"#];
    for emit in ["receipt", "new"] {
        let ran = place.load(&format!("--schema t.json --table t --emit {emit}"), sealed("s", &lines));
        refused(
            &ran,
            3,
            "only 1 of 2 rows that differ were updated: a trigger on the table keeps rows as they are",
        );
    }
    let ran = place.load("--schema t.json --table t --mode replace", sealed("s", &lines));
    refused(&ran, 3, "a trigger on the table keeps rows from being deleted");
    let ran = place.load("--schema t.json --table t --mode ignore", sealed("s", &[lines[0], r#"{"k":9}"#]));
    refused(&ran, 3, "a trigger on the table keeps rows out");
    assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"one""#, r#"2|"two""#]);
    let ran = place.load("--schema t.json --table t", sealed("s", &lines[..1]));
    refused(
        &ran,
        3,
        "only 0 of 1 row that differs was updated: a trigger on the table keeps rows as they are",
    );
    // A row that is unchanged anyway is not one that the trigger kept.
    let lines = [r#"{"k":1,"v":"one"}"#, r#"{"k":2,"v":"y"}"#, r#"{"k":3,"v":"z"}"#];
    assert_eq!(counts(&place.load("--schema t.json --table t", sealed("u", &lines))), [3, 1, 1, 1, 0, 0]);
}

#[test]
fn a_ledger_that_does_not_keep_its_rows_fails_the_load() {
    let place = keyed();
    place.load("--schema t.json --table t", sealed("first", &[])).ok();
    place.sql("CREATE TRIGGER no BEFORE INSERT ON etl_load BEGIN SELECT RAISE(IGNORE); END");
    let ran = place.load("--schema t.json --table t", sealed("s", &[r#"{"k":1}"#]));
    refused(&ran, 78, "the ledger does not have the row of this load: a trigger on it keeps the row out");
    assert_eq!(place.count("SELECT count(*) FROM t"), 0);
}

#[test]
fn a_key_is_compared_as_its_index_compares() {
    let place = SqliteFolder::new();
    place.write("t.json", KEYED.replace("integer", "string"));
    place.sql(
        "CREATE TABLE t (k TEXT NOT NULL, v TEXT); CREATE UNIQUE INDEX i ON t (k COLLATE NOCASE);
         INSERT INTO t VALUES ('A', 'old'), ('B', 'old')",
    );
    let stream = sealed("s", &[r#"{"k":"a","v":"old"}"#, r#"{"k":"b","v":"new"}"#, r#"{"k":"c","v":"c"}"#]);
    assert_eq!(counts(&place.load("--schema t.json --table t", stream)), [3, 1, 2, 0, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM t ORDER BY k"), [r#""a"|"old""#, r#""b"|"new""#, r#""c"|"c""#]);
}

#[test]
fn two_thousand_columns_are_upserted() {
    let place = SqliteFolder::new();
    let columns: Vec<String> = (0..1999).map(|n| format!("\"c{n}\":{{\"type\":\"integer\"}}")).collect();
    let schema = format!(
        r#"{{"x-key":["k"],"required":["k"],"properties":{{"k":{{"type":"integer"}},{}}}}}"#,
        columns.join(",")
    );
    place.write("t.json", schema);
    let line = |value: u32| {
        let fields: Vec<String> = (0..1999).map(|n| format!("\"c{n}\":{}", n + value)).collect();
        format!("{{\"k\":1,{}}}", fields.join(","))
    };
    let args = "--schema t.json --table t";
    assert_eq!(counts(&place.load(args, sealed("a", &[&line(0)]))), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&place.load(args, sealed("b", &[&line(0)]))), [1, 0, 0, 1, 0, 0]);
    assert_eq!(counts(&place.load(args, sealed("c", &[&line(1)]))), [1, 0, 1, 0, 0, 0]);
    assert_eq!(place.rows("SELECT c0, c1998 FROM t"), ["1|1999"]);
}

#[test]
fn a_decimal_is_no_key_where_it_is_compared_as_text() {
    let place = SqliteFolder::new();
    place.write("t.json", KEYED.replace(r#""integer""#, r#""number","x-postgres":{"type":"numeric"}"#));
    let ran = place.load("--schema t.json --table t", sealed("s", &[r#"{"k":1.0}"#]));
    refused(&ran, 78, "table t: key column k is a decimal");
}

#[test]
fn no_flag_may_name_the_file_of_another() {
    let place = keyed();
    place.write("in.ndjson", sealed("s", &[r#"{"k":1}"#]));
    place.load("--schema t.json --table t", sealed("first", &[r#"{"k":7}"#])).ok();
    for (args, said) in [
        ("--output t.db", "--db and --output are the same file, t.db"),
        ("--rejects t.db", "--db and --rejects are the same file, t.db"),
        ("--state-out ./t.db", "--db and --state-out are the same file, ./t.db"),
        ("--output in.ndjson", "--input and --output are the same file, in.ndjson"),
        ("--output new --rejects ./new", "--output and --rejects are the same file, ./new"),
        ("--rejects -", "--rejects must name a file"),
    ] {
        let ran = place.loader(&format!("--schema t.json --table t --input in.ndjson {args}")).run();
        ran.fails(2);
        assert!(ran.last_error_line().contains(said), "{args}: {}", ran.stderr);
    }
    assert_eq!(place.rows("SELECT k FROM t"), ["7"]);
    assert_eq!(place.read("in.ndjson").lines().count(), 3);
}

#[test]
fn a_failed_load_leaves_the_rejects_of_the_one_before() {
    let place = keyed();
    let args = "--schema t.json --table t --rejects bad.ndjson --max-rejects 1";
    place.load(args, sealed("s", &[r#"{"k":1}"#, r#"{"k":"x"}"#])).ok();
    let kept = place.read("bad.ndjson");
    assert_eq!(kept.lines().count(), 3);
    refused(&place.load(args, ""), 75, "the input is empty");
    assert_eq!(place.read("bad.ndjson"), kept);
}

#[test]
fn what_is_no_database_file_is_refused_at_once() {
    let place = keyed();
    let ran = place
        .loader("--schema t.json --table t")
        .args(["--db", "/dev/null"])
        .stdin(plain(&[r#"{"k":1}"#]))
        .run();
    assert_ne!(ran.code, 0);
    let place = keyed();
    std::fs::create_dir(place.path("t.db")).expect("a folder");
    refused(
        &place.load("--schema t.json --table t", "{\"k\":1}\n"),
        78,
        "cannot open the database t.db: it is not a regular file",
    );
}

#[test]
fn many_small_segments_and_one_load_id() {
    let place = keyed();
    let segments: Vec<u8> =
        (0..3000).flat_map(|n| sealed(&format!("s{n}"), &[&format!("{{\"k\":{n}}}")])).collect();
    let ran = place.load("--schema t.json --table t", &segments);
    assert_eq!(counts(&ran), [3000, 3000, 0, 0, 0, 0]);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 3000);
    let again = place.load("--schema t.json --table t", &segments);
    assert_eq!(receipts(&again)[0]["already_loaded"], true);
}
