//! Columns that a table lacks (`--evolve`).

use crate::support::{HELD, SqliteFolder, counts, many, plain, receipts, refused, sealed, sealed_as};

const WIDE: &str = r#"{"x-key":["id"],"required":["id","since"],"properties":{"id":{"type":"integer"},
    "name":{"type":["string","null"]},"since":{"type":"string","format":"date"},"score":{"type":["number","null"]},
    "price":{"type":["number","null"],"x-postgres":{"type":"numeric(8,2)"}}}}"#;
const ARGS: &str = "--schema wide.json --table items --evolve add-columns";
const COLUMNS: &str = "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('items')";
const BEFORE: [&str; 2] = [r#""id"|"INTEGER"|1|NULL"#, r#""name"|"TEXT"|0|NULL"#];

/// A table with the rows 1 and 2, which lacks some columns of `wide.json`.
fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.write("wide.json", WIDE);
    let rows = [r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"b"}"#];
    place.load("--schema items.json", sealed("before", &rows)).ok();
    place
}

#[test]
fn missing_columns_are_added_and_null_in_the_rows_that_were_there() {
    let place = place();
    let stream = sealed(
        "a",
        &[
            r#"{"id":2,"name":"b","since":"2026-01-02","score":0.5}"#,
            r#"{"id":3,"since":"2026-01-03","price":1.50}"#,
        ],
    );
    let ran = place.load(ARGS, stream);
    assert_eq!(counts(&ran), [2, 1, 1, 0, 0, 0]);
    assert_eq!(receipts(&ran)[0]["columns_added"], serde_json::json!(["since", "score", "price"]));
    assert!(ran.stderr.ends_with(" s (columns added: since, score, price)\n"), "{}", ran.stderr);
    // A column that the schema requires can still not be NOT NULL where there are rows without it.
    let added = [
        r#""since"|"TEXT_DATE"|0|NULL"#,
        r#""score"|"REAL"|0|NULL"#,
        r#""price"|"TEXT_DECIMAL(8,2)"|0|NULL"#,
    ];
    assert_eq!(place.rows(COLUMNS), [&BEFORE[..], &added].concat());
    assert_eq!(
        place.rows("SELECT * FROM items ORDER BY id"),
        [r#"1|"a"|NULL|NULL|NULL"#, r#"2|"b"|"2026-01-02"|0.5|NULL"#, r#"3|NULL|"2026-01-03"|NULL|"1.50""#]
    );
    // The next load finds the columns, and no longer needs the flag.
    let next =
        sealed("b", &[r#"{"id":4,"since":"2026-01-04"}"#, r#"{"id":3,"since":"2026-01-03","price":1.50}"#]);
    let ran = place.load("--schema wide.json --table items", next);
    assert_eq!((counts(&ran), receipts(&ran)[0].get("columns_added")), ([2, 1, 0, 1, 0, 0], None));
    // What the schema requires is still required of records.
    refused(&place.load(ARGS, sealed("c", &[r#"{"id":5}"#])), 3, r#"field "since": required, but missing"#);
    place.assert_sound();
}

#[test]
fn tables_without_a_key_get_columns_in_every_mode_that_needs_none() {
    for mode in ["append", "replace"] {
        let place = SqliteFolder::new();
        place.sql("CREATE TABLE events (n INTEGER); INSERT INTO events VALUES (0)");
        let ran = place.load(
            &format!("--schema events.json --evolve add-columns --mode {mode}"),
            sealed("a", &[r#"{"n":1,"text":"x"}"#, r#"{"n":2}"#]),
        );
        assert_eq!(counts(&ran), [2, 2, 0, 0, 0, 0]);
        let rows = place.rows("SELECT n, text FROM events ORDER BY n");
        let new = [r#"1|"x""#, "2|NULL"];
        assert_eq!(rows, if mode == "append" { [&["0|NULL"], &new[..]].concat() } else { new.to_vec() });
    }
}

#[test]
fn without_the_flag_a_missing_column_is_refused_by_name() {
    let place = place();
    for evolve in ["", " --evolve none", " --create"] {
        let ran = place.load(
            &format!("--schema wide.json --table items{evolve}"),
            sealed("a", &[r#"{"id":3,"since":"2026-01-03"}"#]),
        );
        let said = "table items has no column since, which schema wide has (--evolve add-columns adds it)";
        refused(&ran, 78, said);
    }
    assert_eq!(place.rows(COLUMNS), BEFORE);
    assert_eq!(place.count("SELECT count(*) FROM items"), 2);
}

#[test]
fn a_load_that_fails_leaves_the_table_as_it_was() {
    let place = place();
    let good = r#"{"id":3,"since":"2026-01-03"}"#;
    let bad = sealed("a", &[good, r#"{"id":4,"since":"soon"}"#]);
    refused(&place.load(ARGS, &bad), 3, r#"line 3 (record 2, byte 71): field "since""#);
    let ran = place
        .load(&format!("{ARGS} --mode append"), sealed("a", &[good, r#"{"id":1,"since":"2026-01-01"}"#]));
    refused(&ran, 3, "UNIQUE constraint failed: items.id");
    assert_eq!(place.rows(COLUMNS), BEFORE);
    // Cut in its transaction, in which the column already exists.
    place.sql("CREATE TABLE events (n INTEGER)");
    let mut running = place.waiting("--schema events.json --evolve add-columns", &many("b", 100_000)[..HELD]);
    assert!(place.is_locked());
    running.close_stdin();
    refused(&running.finish(), 75, "the input ends in the middle of a line");
    assert_eq!(place.rows("SELECT name FROM pragma_table_info('events')"), [r#""n""#]);
    assert_eq!(place.count("SELECT count(*) FROM items"), 2);
    place.assert_sound();
}

#[test]
fn only_columns_that_are_missing_are_a_matter_of_evolving() {
    for (table, said) in [
        (
            "id INTEGER PRIMARY KEY, name INTEGER",
            r#"column name is declared "INTEGER", which does not store TEXT"#,
        ),
        ("id INTEGER PRIMARY KEY, more TEXT NOT NULL", "column more is NOT NULL without a default"),
        ("other TEXT", "table items has none of the columns of schema wide"),
        ("name TEXT", "table items has no unique index on (id), the key of schema wide"),
    ] {
        let place = SqliteFolder::new();
        place.write("wide.json", WIDE);
        place.sql(&format!("CREATE TABLE items ({table})"));
        refused(&place.load(ARGS, sealed("a", &[r#"{"id":1,"since":"2026-01-01"}"#])), 78, said);
        assert_eq!(place.rows(COLUMNS).len(), table.split(',').count(), "{table}");
    }
}

#[test]
fn a_segment_that_was_loaded_before_changes_nothing() {
    let place = place();
    place.load("--schema items.json", sealed("a", &[r#"{"id":3}"#])).ok();
    let ran = place.load(ARGS, sealed("a", &[r#"{"id":3}"#]));
    let receipt = &receipts(&ran)[0];
    assert_eq!((&receipt["already_loaded"], receipt.get("columns_added")), (&true.into(), None));
    assert_eq!(place.rows(COLUMNS), BEFORE);
}

#[test]
fn a_column_is_as_wide_as_its_values() {
    let place = SqliteFolder::new();
    place.write(
        "wide.json",
        r#"{"properties":{"n":{"type":"integer"},"x":{"type":"number"},"t":{"type":"string"}}}"#,
    );
    place
        .sql("CREATE TABLE items (n INT2, x FLOAT4, t VARCHAR(3)); INSERT INTO items VALUES (1, 0.5, 'abc')");
    let line = r#"{"n":9223372036854775807,"x":1.7976931348623157e308,"t":"abcdef"}"#;
    let ran = place.load("--schema wide.json --table items --evolve add-columns,widen", sealed("a", &[line]));
    assert_eq!((counts(&ran)[1], receipts(&ran)[0].get("columns_widened")), (1, None));
    assert_eq!(
        place.rows("SELECT * FROM items"),
        [r#"1|0.5|"abc""#, r#"9223372036854775807|1.7976931348623157e308|"abcdef""#]
    );
    let ran = place.load("--schema wide.json --table items --evolve none,widen", sealed("b", &[line]));
    refused(&ran, 2, "--evolve none cannot be used with other values of --evolve");
}

#[test]
fn with_stamp_its_columns_are_added_too() {
    let place = place();
    let ran = place.load(&format!("{ARGS} --stamp"), sealed("a", &[r#"{"id":3,"since":"2026-01-03"}"#]));
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        place.rows(&format!("{COLUMNS} WHERE cid > 4")),
        [r#""_etl_load_id"|"TEXT"|0|NULL"#, r#""_etl_loaded_at"|"TEXT_TIMESTAMPTZ"|0|NULL"#]
    );
    assert_eq!(
        place.rows("SELECT id, since, _etl_load_id, _etl_loaded_at IS NOT NULL FROM items ORDER BY id"),
        ["1|NULL|NULL|0", "2|NULL|NULL|0", r#"3|"2026-01-03"|"a"|1"#]
    );
}

#[test]
fn a_strict_table_gets_declarations_it_knows() {
    let place = SqliteFolder::new();
    place.write(
        "strict.json",
        r#"{"properties":{"n":{"type":"integer"},"d":{"type":"number","x-postgres":{"type":"numeric"}},"x":{"type":"number"},
            "flag":{"type":"boolean"},"day":{"type":"string","format":"date"},"short":{"type":"string","maxLength":3},
            "bytes":{"type":"string","contentEncoding":"base64"},"small":{"type":"integer","x-postgres":{"type":"smallint"}},
            "numbers":{"type":"array","items":{"type":"integer"}},"any":{"x-postgres":{"type":"jsonb"}}}}"#,
    );
    place.sql("CREATE TABLE strict (n INT) STRICT");
    let line = r#"{"n":1,"d":1.10,"x":2,"flag":true,"day":"2026-01-01","short":"007","bytes":"AP8=","small":5,"numbers":[1],"any":7}"#;
    for round in 1..3 {
        let args =
            "--schema strict.json --seal off --stamp --load-id L --if-loaded skip --evolve add-columns";
        let args = if round == 2 { args.replace("--load-id L", "--load-id M") } else { args.to_owned() };
        assert_eq!(counts(&place.load(&args, plain(&[line]))), [1, 1, 0, 0, 0, 0]);
    }
    assert_eq!(
        place.rows("SELECT d, x, flag, day, short, bytes, small, numbers, any, _etl_load_id FROM strict"),
        ["L", "M"].map(|id| format!(r#""1.10"|2.0|1|"2026-01-01"|"007"|x'00ff'|5|"[1]"|"7"|"{id}""#))
    );
}

#[test]
fn names_of_added_columns_are_names() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE items (id INTEGER PRIMARY KEY); CREATE TABLE victim (x); INSERT INTO victim VALUES (1)",
    );
    let harm = r#"x\" TEXT; DROP TABLE victim; --"#;
    let schema = format!(
        r#"{{"x-key":["id"],"required":["id"],"properties":{{"id":{{"type":"integer"}},"{harm}":{{"type":"string"}}}}}}"#
    );
    let stream = sealed_as(&schema, "a", &[&format!(r#"{{"id":1,"{harm}":"y"}}"#)]);
    place.load("--table items --evolve add-columns", stream).ok();
    assert_eq!(place.rows("SELECT * FROM items"), [r#"1|"y""#]);
    assert_eq!(
        place.rows("SELECT name FROM pragma_table_info('items')"),
        [r#""id""#.to_owned(), format!("{:?}", harm.replace('\\', ""))]
    );
    assert_eq!(place.rows("SELECT x FROM victim"), ["1"]);
}
