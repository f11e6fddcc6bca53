//! What brought a row and when (`--stamp`).

use crate::support::{SqliteFolder, counts, plain, receipts, refused, sealed, sealed_as};

const EVENTS: &str = "--schema events.json --stamp";
const ITEMS: &str = "--schema items.json --stamp";
/// Instants as they are stored: UTC, with milliseconds.
const INSTANT: &str = "_etl_loaded_at GLOB '????-??-??T??:??:??.???Z'";

#[test]
fn a_new_table_has_the_columns_behind_its_own() {
    let place = SqliteFolder::new();
    let ran =
        place.load(&format!("{EVENTS} --load-id monday"), plain(&[r#"{"n":1}"#, r#"{"n":2,"text":"x"}"#]));
    assert_eq!(counts(&ran), [2, 2, 0, 0, 0, 0]);
    assert_eq!(
        place.rows("SELECT name, type, \"notnull\" FROM pragma_table_info('events')"),
        [
            r#""n"|"INTEGER"|1"#,
            r#""text"|"TEXT"|0"#,
            r#""_etl_load_id"|"TEXT"|0"#,
            r#""_etl_loaded_at"|"TEXT_TIMESTAMPTZ"|0"#
        ]
    );
    assert_eq!(
        place.rows(&format!("SELECT n, text, _etl_load_id, {INSTANT} FROM events")),
        [r#"1|NULL|"monday"|1"#, r#"2|"x"|"monday"|1"#]
    );
    assert_eq!(place.count("SELECT count(DISTINCT _etl_loaded_at) FROM events"), 1);
    // The same load again does nothing, and so stamps nothing.
    let again = format!("{EVENTS} --load-id monday");
    assert_eq!(counts(&place.load(&again, plain(&[r#"{"n":1}"#, r#"{"n":2,"text":"x"}"#]))), [0; 6]);
    assert_eq!(place.count("SELECT count(*) FROM events"), 2);
}

#[test]
fn a_row_names_its_segment_or_its_random_load() {
    for mode in ["append", "replace"] {
        let place = SqliteFolder::new();
        let (a, b) = (sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#]), sealed("b", &[r#"{"n":3}"#]));
        place.load(&format!("{EVENTS} --mode {mode}"), &a).ok();
        // Segment a was loaded before: an append skips it, a replacement has all of the stream.
        place.load(&format!("{EVENTS} --mode {mode}"), [&*a, &b].concat()).ok();
        assert_eq!(
            place.rows("SELECT n, _etl_load_id FROM events ORDER BY n"),
            [r#"1|"a""#, r#"2|"a""#, r#"3|"b""#],
            "{mode}"
        );
    }
    let place = SqliteFolder::new();
    let ran = place.load(EVENTS, plain(&[r#"{"n":1}"#]));
    let id = receipts(&ran)[0]["load_id"].as_str().expect("a random id").to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(place.rows("SELECT _etl_load_id FROM events"), [format!("{id:?}")]);
    assert_eq!(place.rows("SELECT load_id FROM etl_load"), [format!("{id:?}")]);
}

#[test]
fn a_table_that_is_there_gets_them_only_where_it_may_evolve() {
    let place = SqliteFolder::new();
    place.load("--schema items.json", sealed("before", &[r#"{"id":1,"name":"a"}"#])).ok();
    let stream = sealed("after", &[r#"{"id":2}"#]);
    let said = "table items has no column _etl_load_id, which --stamp fills (--evolve add-columns adds it)";
    refused(&place.load(ITEMS, &stream), 78, said);
    refused(&place.load("--table items --stamp", &stream), 78, said);
    assert_eq!(place.rows("SELECT * FROM items"), [r#"1|"a""#]);
    assert_eq!(counts(&place.load(&format!("{ITEMS} --evolve add-columns"), &stream)), [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        place.rows(&format!("SELECT id, name, _etl_load_id, {INSTANT} FROM items")),
        [r#"1|"a"|NULL|NULL"#, r#"2|NULL|"after"|1"#]
    );
    // A table that has these columns in another form cannot hold them.
    place.sql("CREATE TABLE events (n INTEGER, text TEXT, _etl_load_id TEXT, _etl_loaded_at INTEGER)");
    let said = r#"column _etl_loaded_at is declared "INTEGER", which does not store TEXT_TIMESTAMPTZ"#;
    place.load(EVENTS, sealed("e", &[r#"{"n":1}"#])).fails(0);
    place.sql("DROP TABLE events; CREATE TABLE events (n INTEGER, text TEXT, _etl_load_id TEXT, _etl_loaded_at INT) STRICT");
    refused(&place.load(EVENTS, sealed("e", &[r#"{"n":1}"#])), 78, &said.replace("INTEGER", "INT"));
}

#[test]
fn an_upsert_that_changes_nothing_leaves_the_stamp() {
    let place = SqliteFolder::new();
    let first = sealed("first", &[r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"b"}"#]);
    place.load(ITEMS, first).ok();
    place.sql("UPDATE items SET _etl_loaded_at = 'then'");
    let second = ["{\"id\":1,\"name\":\"a\"}", r#"{"id":2,"name":"x"}"#, r#"{"id":3}"#];
    assert_eq!(counts(&place.load(ITEMS, sealed("second", &second))), [3, 1, 1, 1, 0, 0]);
    let rows =
        format!("SELECT id, name, _etl_load_id, _etl_loaded_at = 'then', {INSTANT} FROM items ORDER BY id");
    assert_eq!(
        place.rows(&rows),
        [r#"1|"a"|"first"|1|0"#, r#"2|"x"|"second"|0|1"#, r#"3|NULL|"second"|0|1"#]
    );
    // Nor does mode ignore touch an existing row; a replacement stamps all rows.
    place.load(&format!("{ITEMS} --mode ignore"), sealed("third", &[r#"{"id":1,"name":"z"}"#])).ok();
    assert_eq!(place.rows(&rows)[0], r#"1|"a"|"first"|1|0"#);
    place.load(&format!("{ITEMS} --mode replace"), sealed("fourth", &[r#"{"id":1,"name":"a"}"#])).ok();
    assert_eq!(place.rows(&rows), [r#"1|"a"|"fourth"|0|1"#]);
}

#[test]
fn where_the_key_is_all_there_is_the_stamp_stays() {
    let place = SqliteFolder::new();
    place.write("keys.json", r#"{"x-key":["k"],"required":["k"],"properties":{"k":{"type":"string"}}}"#);
    let args = "--schema keys.json --stamp";
    assert_eq!(counts(&place.load(args, sealed("a", &[r#"{"k":"x"}"#]))), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&place.load(args, sealed("b", &[r#"{"k":"x"}"#, r#"{"k":"y"}"#]))), [2, 1, 0, 1, 0, 0]);
    assert_eq!(place.rows("SELECT k, _etl_load_id FROM keys ORDER BY k"), [r#""x"|"a""#, r#""y"|"b""#]);
}

#[test]
fn records_have_no_column_of_such_a_name() {
    for name in ["_etl_load_id", "_etl_loaded_at", "_ETL_Load_Id"] {
        let place = SqliteFolder::new();
        let schema = format!(r#"{{"properties":{{"n":{{"type":"integer"}},"{name}":{{"type":"string"}}}}}}"#);
        let stream = sealed_as(&schema, "a", &[&format!(r#"{{"n":1,"{name}":"mine"}}"#)]);
        let said = format!("schema inline has a column {name}, which --stamp adds");
        refused(&place.load("--table t --stamp", &stream), 78, &said);
        assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
        place.load("--table t", &stream).ok();
        assert_eq!(place.rows("SELECT * FROM t"), [r#"1|"mine""#]);
    }
}

#[test]
fn a_table_that_is_its_own_schema_has_them_not_among_its_fields() {
    let place = SqliteFolder::new();
    place.load(ITEMS, sealed("a", &[r#"{"id":1}"#])).ok();
    let ran = place.load("--table items", sealed("b", &[r#"{"id":2,"_etl_load_id":"forged"}"#]));
    refused(&ran, 3, r#"field "_etl_load_id": the schema items has no such field"#);
    place.load("--table items --stamp", sealed("c", &[r#"{"id":3}"#])).ok();
    place.load("--table items", sealed("d", &[r#"{"id":4}"#])).ok();
    assert_eq!(
        place.rows("SELECT id, _etl_load_id FROM items ORDER BY id"),
        [r#"1|"a""#, r#"3|"c""#, "4|NULL"]
    );
}
