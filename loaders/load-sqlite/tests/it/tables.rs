//! Tables that existed before: their own columns as the schema, and what does not fit them.

use crate::support::{SqliteFolder, counts, plain, receipts, refused, sealed};

const OWN: &str = "--table own --seal off";

#[test]
fn a_tables_own_columns_are_a_schema() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE own (id INTEGER PRIMARY KEY, name VARCHAR(3) NOT NULL, price TEXT_DECIMAL(6,2), seen DATETIME, day DATE,
           ok BOOLEAN NOT NULL DEFAULT 1, kind TEXT NOT NULL DEFAULT ('k' || 1), raw BLOB, x DOUBLE PRECISION, n BIGINT,
           double_n INTEGER GENERATED ALWAYS AS (n * 2) VIRTUAL)",
    );
    let ran = place.load(
        OWN,
        plain(&[
            r#"{"name":"abc","price":1234.50,"n":2,"x":1}"#,
            r#"{"id":7,"name":"b","ok":false,"kind":"own"}"#,
        ]),
    );
    // The first record leaves the rowid to SQLite, so it is not the key.
    assert_eq!((counts(&ran), &receipts(&ran)[0]["mode"]), ([2, 2, 0, 0, 0, 0], &"append".into()));
    assert_eq!(
        place.rows("SELECT id, name, price, ok, kind, x, n, double_n FROM own"),
        [r#"1|"abc"|"1234.50"|1|"k1"|1.0|2|4"#, r#"7|"b"|NULL|0|"own"|NULL|NULL|NULL"#]
    );
    for (line, said) in [
        (r#"{"price":1}"#, r#"field "name": required, but missing"#),
        (r#"{"name":"abcd"}"#, r#"field "name": "abcd" is longer than 3 characters"#),
        (
            r#"{"name":"a","price":12345.5}"#,
            r#"field "price": 12345.5 has more than 4 digits before the decimal point"#,
        ),
        (r#"{"name":"a","ok":null}"#, r#"field "ok": null, but the schema does not allow null here"#),
        (r#"{"name":"a","seen":"2026-01-01T00:00:00Z"}"#, r#"field "seen""#),
        (r#"{"name":"a","double_n":4}"#, r#"field "double_n": the schema own has no such field"#),
    ] {
        refused(&place.load(OWN, plain(&[line])), 3, said);
    }
    let ran = place.load(&format!("{OWN} --mode upsert"), "{\"name\":\"a\"}\n");
    refused(&ran, 78, "table own: mode upsert needs a key");
    assert_eq!(place.count("SELECT count(*) FROM own"), 2);
}

#[test]
fn a_tables_primary_key_is_the_key() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE own (code TEXT, day DATE, n INTEGER, PRIMARY KEY (code, day)) WITHOUT ROWID");
    let stream =
        plain(&[r#"{"code":"a","day":"2026-01-01","n":1}"#, r#"{"code":"a","day":"2026-01-01","n":2}"#]);
    assert_eq!(counts(&place.load(OWN, &stream)), [2, 1, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT * FROM own"), [r#""a"|"2026-01-01"|2"#]);
    refused(&place.load(OWN, "{\"code\":\"a\",\"n\":1}\n"), 3, r#"field "day": required, but missing"#);
    refused(&place.load(OWN, "{\"code\":null,\"day\":\"2026-01-01\"}\n"), 3, r#"field "code": null"#);
    // A default fills the key in, so it identifies no record.
    place.sql("CREATE TABLE filled (id TEXT PRIMARY KEY DEFAULT (hex(randomblob(8))), n INTEGER)");
    let ran = place.load("--table filled --seal off --mode upsert", "{\"n\":1}\n");
    refused(&ran, 78, "mode upsert needs a key");
}

#[test]
fn the_streams_schema_comes_before_the_tables() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE own (n INTEGER, extra TEXT)");
    let inline = r#"{"properties":{"n":{"type":"integer"}}}"#;
    let ran = place.load("--table own", crate::support::sealed_as(inline, "a", &[r#"{"n":1,"extra":"x"}"#]));
    refused(&ran, 3, r#"field "extra": the schema inline has no such field"#);
    place.load("--table own", sealed("b", &[r#"{"n":1,"extra":"x"}"#])).ok();
    assert_eq!(place.rows("SELECT n, extra FROM own"), [r#"1|"x""#]);
    refused(
        &place.load("--table nowhere", sealed("c", &["{}"])),
        78,
        "table nowhere does not exist, and no --schema says",
    );
    refused(&place.load("", sealed("c", &["{}"])), 78, "the records have no schema: the stream names none");
    refused(&place.load("", "{\"n\":1}\n"), 78, "or --table TABLE to use the columns of a table");
}

#[test]
fn what_does_not_fit_is_78_before_any_row() {
    let place = SqliteFolder::new();
    place.write(
        "types.json",
        r#"{"properties":{"text":{"type":"string"},"d":{"type":"number","x-postgres":{"type":"numeric"}},
            "n":{"type":"integer"},"x":{"type":"number"},"flag":{"type":"boolean"},"day":{"type":"string","format":"date"}}}"#,
    );
    let good = "text TEXT, d TEXT, n INTEGER, x REAL, flag INTEGER, day TEXT";
    for (columns, said) in [
        (
            "text NUMERIC, d TEXT, n INTEGER, x REAL, flag INTEGER, day TEXT",
            r#"column text is declared "NUMERIC", which does not store TEXT"#,
        ),
        (
            "text ANY, d TEXT, n INTEGER, x REAL, flag INTEGER, day TEXT",
            r#"column text is declared "ANY", which does not store TEXT"#,
        ),
        (
            "text TEXT, d REAL, n INTEGER, x REAL, flag INTEGER, day TEXT",
            r#"column d is declared "REAL", which does not store TEXT_DECIMAL"#,
        ),
        (
            "text TEXT, d TEXT, n REAL, x REAL, flag INTEGER, day TEXT",
            r#"column n is declared "REAL", which does not store INTEGER"#,
        ),
        (
            "text TEXT, d TEXT, n INTEGER, x TEXT, flag INTEGER, day TEXT",
            r#"column x is declared "TEXT", which does not store REAL"#,
        ),
        ("text TEXT, d TEXT, n INTEGER, x REAL, flag TEXT, day TEXT", r#"column flag is declared "TEXT""#),
        (
            "text TEXT, d TEXT, n INTEGER, x REAL, flag INTEGER, day TEXT_UUID",
            r#"column day is declared "TEXT_UUID", which does not store TEXT_DATE"#,
        ),
        (
            "text TEXT, d TEXT, n INTEGER, x REAL, flag INTEGER",
            "table own has no column day, which schema types has",
        ),
        ("a TEXT", "table own has none of the columns of schema types"),
        (
            &format!("{good}, more TEXT NOT NULL"),
            "column more is NOT NULL without a default, but schema types does not have it",
        ),
        (
            "text TEXT, d TEXT, n INTEGER, x REAL, flag INTEGER, day TEXT AS (text)",
            "column day is generated; it cannot be loaded",
        ),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS own; CREATE TABLE own ({columns})"));
        let ran = place.load("--schema types.json --table own --seal off", "{\"n\":1}\n");
        refused(&ran, 78, said);
        assert_eq!(place.count("SELECT count(*) FROM own"), 0, "{columns}");
    }
    let more = ", more TEXT NOT NULL DEFAULT 'm', rest TEXT, made TEXT AS (text) NOT NULL";
    place.sql(&format!("DROP TABLE own; CREATE TABLE own (key INTEGER PRIMARY KEY, {good}{more})"));
    let line = r#"{"text":"007","d":0.10000000000000000001,"n":9007199254740993,"x":1,"flag":true,"day":"2026-01-01"}"#;
    place.load("--schema types.json --table own --seal off", plain(&[line])).ok();
    assert_eq!(
        place.rows("SELECT * FROM own"),
        [r#"1|"007"|"0.10000000000000000001"|9007199254740993|1.0|1|"2026-01-01"|"m"|NULL|"007""#]
    );
}

#[test]
fn own_declarations_that_say_nothing_are_refused() {
    let place = SqliteFolder::new();
    for (declared, said) in [
        (
            "n)",
            r#"table own: column "n" is declared "" and holds anything; --schema must say what its values are"#,
        ),
        ("n ANY) STRICT", r#"table own: column "n" is declared "ANY" and holds anything; --schema must say"#),
        (
            "n TEXT_ODD)",
            r#"table own: column "n": its declared type "TEXT_ODD" is not known; give a schema (--schema)"#,
        ),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS own; CREATE TABLE own ({declared}"));
        refused(&place.load(OWN, "{\"n\":1}\n"), 78, said);
    }
}

#[test]
fn views_and_virtual_tables_are_no_targets() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE base (n INTEGER); CREATE VIEW own AS SELECT n FROM base; CREATE VIRTUAL TABLE search USING fts5(n)");
    refused(&place.load(OWN, "{\"n\":1}\n"), 78, "own is a view, into which rows cannot simply be loaded");
    refused(&place.load("--table search --seal off", "{\"n\":1}\n"), 78, "search is a virtual table");
    place.sql("CREATE INDEX events ON base (n)");
    refused(
        &place.load("--schema events.json --seal off", "{\"n\":1}\n"),
        78,
        "there is already an index named events",
    );
    assert_eq!(place.count("SELECT count(*) FROM base"), 0);
}

#[test]
fn strict_tables_take_what_they_declare() {
    let place = SqliteFolder::new();
    place.write(
        "strict.json",
        r#"{"x-key":["k"],"required":["k"],"properties":{"k":{"type":"string"},"any":{"type":"string"},"n":{"type":"integer"},
            "x":{"type":"number"},"flag":{"type":"boolean"},"bytes":{"type":"string","contentEncoding":"base64"},
            "at":{"type":"string","format":"date-time"},"d":{"type":"number","x-postgres":{"type":"numeric"}}}}"#,
    );
    place.sql(
        "CREATE TABLE strict (k TEXT PRIMARY KEY, any ANY, n INT, x REAL, flag INTEGER, bytes BLOB, at TEXT, d TEXT) STRICT",
    );
    let line = r#"{"k":"a","any":"007","n":5,"x":2,"flag":true,"bytes":"AP8=","at":"2026-01-01T00:00:00Z","d":1.10}"#;
    for mode in ["append", "upsert", "replace"] {
        place.load(&format!("--schema strict.json --seal off --mode {mode}"), plain(&[line])).ok();
        assert_eq!(
            place.rows("SELECT * FROM strict"),
            [r#""a"|"007"|5|2.0|1|x'00ff'|"2026-01-01T00:00:00Z"|"1.10""#]
        );
        if mode == "append" {
            place.sql("DELETE FROM strict");
        }
    }
    for (from, to, said) in [
        ("n INT", "n REAL", "column n is declared"),
        ("x REAL", "x INT", "column x is declared"),
        ("at TEXT", "at INTEGER", "column at is declared"),
        ("bytes BLOB", "bytes TEXT", "column bytes is declared"),
        ("d TEXT", "d BLOB", "column d is declared"),
        ("flag INTEGER", "flag REAL", "column flag is declared"),
    ] {
        let columns = "k TEXT PRIMARY KEY, any ANY, n INT, x REAL, flag INTEGER, bytes BLOB, at TEXT, d TEXT"
            .replace(from, to);
        place.sql(&format!("DROP TABLE strict; CREATE TABLE strict ({columns}) STRICT"));
        refused(&place.load("--schema strict.json --seal off", plain(&[line])), 78, said);
    }
}

#[test]
fn a_new_table_has_the_schemas_types_key_and_comments() {
    let place = SqliteFolder::new();
    place.write(
        "dotted.name.json",
        r#"{"description":"What it is","x-key":["id"],"required":["id","n"],"properties":{
            "id":{"type":"string","format":"uuid","description":"Which"},"n":{"type":"number","x-unit":"m/s"},
            "price":{"type":["number","null"],"x-postgres":{"type":"numeric(8,2)"}}}}"#,
    );
    let ran = place.load("--schema dotted.name.json --seal off", "");
    refused(&ran, 75, "the input is empty");
    place.load("--schema dotted.name.json", sealed("x", &[])).ok();
    let sql = place.rows("SELECT sql FROM sqlite_master WHERE name = 'dotted_name'").remove(0);
    for part in [
        "TEXT_UUID NOT NULL, -- Which",
        "REAL NOT NULL, -- [m/s]",
        "TEXT_DECIMAL(8,2),",
        "PRIMARY KEY (\\\"id\\\")",
    ] {
        assert!(sql.contains(part), "{part} is not in {sql}");
    }
    assert!(
        place
            .load("--schema dotted.name.json --create --load-id again", sealed("x", &[]))
            .ok()
            .stderr
            .contains("dotted_name: 0 records")
    );
}

#[test]
fn unknown_fields_are_dropped_and_counted_if_asked() {
    let place = SqliteFolder::new();
    let stream = plain(&[r#"{"n":1,"a":1,"b":{"deep":[1]}}"#, r#"{"n":2}"#, r#"{"n":3,"a":null}"#]);
    refused(
        &place.load("--schema events.json --seal off", &stream),
        3,
        r#"field "a": the schema events has no such field (--unknown-fields drop of a loader leaves it out); record: {"n":1,"a":1,"b":{"deep":[1]}}"#,
    );
    let ran = place.load("--schema events.json --seal off --unknown-fields drop", &stream);
    let said = r#"events: dropped from 2 records what the schema does not know: "a", "b""#;
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let receipt = &receipts(&ran)[0];
    assert_eq!((counts(&ran), &receipt["dropped_fields"]), ([3, 3, 0, 0, 0, 0], &3.into()));
    assert_eq!(receipt["unknown_fields"], serde_json::json!(["a", "b"]));
    assert!(ran.stderr.ends_with(" s (unknown fields dropped: a, b)\n"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2", "3"]);
    place.write("open.json", r#"{"additionalProperties":true,"properties":{"n":{"type":"integer"}}}"#);
    assert_eq!(receipts(&place.load("--schema open.json --seal off", &stream))[0]["dropped_fields"], 3);
    let many: String = (0..25).map(|n| format!(",\"f{n}\":0")).collect();
    let stream = plain(&[&format!("{{\"n\":4{many}}}")]);
    let ran = place.load("--schema events.json --seal off --unknown-fields drop", &stream);
    let said = r#"events: dropped from 1 record what the schema does not know: "f0", "#;
    assert!(ran.stderr.contains(said) && ran.stderr.contains(r#", "f19" and more"#), "{}", ran.stderr);
    assert!(ran.stderr.ends_with(", f8, f9 and more)\n") && !ran.stderr.contains("f20"), "{}", ran.stderr);
    assert_eq!(receipts(&ran)[0]["unknown_fields"].as_array().map(Vec::len), Some(20));
}
