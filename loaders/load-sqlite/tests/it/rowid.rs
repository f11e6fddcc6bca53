//! `INTEGER PRIMARY KEY` without a schema: whether it is the key is what the first record says.

use crate::support::{SqliteFolder, counts, plain, receipts, refused, sealed, sealed_as, texts};

const TABLE: &str = "--table t";

fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'old')");
    place
}

#[test]
fn it_is_the_key_if_the_first_record_has_it() {
    for stream in [
        plain(&[r#"{"id":1,"name":"a"}"#, r#"{"name":"b","id":2}"#]).into_bytes(),
        sealed("s", &[r#"{"id":1,"name":"a"}"#, r#"{"name":"b","id":2}"#]),
        texts("s", &[r#"{"id":"1","name":"a"}"#, r#"{"id":"2","name":"b"}"#]),
        // A segment without records says nothing.
        [sealed("empty", &["state 1"]), sealed("s", &[r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"b"}"#])]
            .concat(),
    ] {
        let place = place();
        let ran = place.load(TABLE, stream);
        assert_eq!((counts(&ran), &receipts(&ran)[0]["mode"]), ([2, 1, 1, 0, 0, 0], &"upsert".into()));
        assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"a""#, r#"2|"b""#]);
    }
}

#[test]
fn then_every_record_must_have_it() {
    let place = place();
    for (second, said) in [
        (r#"{"name":"b"}"#, r#"field "id": required, but missing"#),
        (r#"{"id":null,"name":"b"}"#, r#"field "id": null, but the schema does not allow null"#),
    ] {
        for mode in ["", "--mode upsert", "--mode append"] {
            let ran = place.load(&format!("{TABLE} {mode}"), plain(&[r#"{"id":5}"#, second]));
            refused(&ran, 3, said);
        }
    }
    let ran = place.load(
        &format!("{TABLE} --rejects bad.ndjson --max-rejects 1"),
        plain(&[r#"{"id":5}"#, r#"{"name":"b"}"#]),
    );
    assert_eq!(counts(&ran), [2, 1, 0, 0, 0, 1]);
    assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"old""#, "5|NULL"]);
}

#[test]
fn sqlite_fills_it_in_if_the_first_record_does_not_have_it() {
    for first in [r#"{"name":"a"}"#, r#"{"id":null,"name":"a"}"#] {
        let place = place();
        let ran = place.load(TABLE, sealed("s", &[first, r#"{"id":9,"name":"b"}"#, r#"{"name":"c"}"#]));
        assert_eq!((counts(&ran), &receipts(&ran)[0]["mode"]), ([3, 3, 0, 0, 0, 0], &"append".into()));
        assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"old""#, r#"2|"a""#, r#"9|"b""#, r#"10|"c""#]);
        for mode in ["upsert", "ignore"] {
            let ran = place.load(&format!("{TABLE} --mode {mode}"), sealed("u", &[first]));
            refused(
                &ran,
                78,
                &format!(
                    "table t: mode {mode} needs a key, but the table has none that the records must have"
                ),
            );
        }
    }
}

#[test]
fn the_first_record_of_the_run_decides_for_all_its_loads() {
    let place = place();
    let lines = [r#"{"id":1,"name":"a"}"#, r#"{"name":"b"}"#];
    let ran = place.load(&format!("{TABLE} --commit-every 1"), plain(&lines));
    refused(&ran, 3, r#"field "id": required, but missing"#);
    assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"a""#]);
}

#[test]
fn a_schema_decides_where_there_is_one() {
    let place = place();
    let keyed = r#"{"x-key":["id"],"required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string"}}}"#;
    let ran = place.load("--table t", sealed_as(keyed, "a", &[r#"{"name":"b"}"#]));
    refused(&ran, 3, r#"field "id": required, but missing"#);
    let keyless = r#"{"properties":{"id":{"type":["integer","null"]},"name":{"type":"string"}}}"#;
    let lines = [r#"{"id":7,"name":"b"}"#, r#"{"name":"c"}"#];
    let ran = place.load("--table t", sealed_as(keyless, "b", &lines));
    assert_eq!(receipts(&ran)[0]["mode"], "append");
    assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"old""#, r#"7|"b""#, r#"8|"c""#]);
}

#[test]
fn a_plan_looks_at_the_first_record() {
    let place = place();
    for (stream, said) in [
        (plain(&[r#"{"id":1}"#]).into_bytes(), "-- table t exists and fits; mode upsert, key (id)\n"),
        (sealed("s", &["state 1", r#"{"id":1}"#]), "-- table t exists and fits; mode upsert, key (id)\n"),
        (sealed("s", &[r#"{"name":"a"}"#]), "-- table t exists and fits; mode append\n"),
    ] {
        let ran = place.load("--table t --plan", stream);
        ran.ok();
        assert!(ran.stdout.starts_with(said), "{}", ran.stdout);
    }
}

#[test]
fn an_integer_key_with_an_index_of_its_own_is_not_the_rowid() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE t (id INTEGER PRIMARY KEY DESC, name TEXT)");
    refused(&place.load(TABLE, plain(&[r#"{"name":"a"}"#])), 3, r#"field "id": required, but missing"#);
    let lines = plain(&[r#"{"id":1,"name":"a"}"#, r#"{"id":1,"name":"b"}"#]);
    assert_eq!(counts(&place.load(TABLE, lines)), [2, 1, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"b""#]);
}
