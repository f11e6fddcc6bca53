//! Columns that are too narrow for what the schema says (`--evolve widen`).

use etl_testkit::connectors::{schema, seal, tap};
use etl_testkit::load::{counts, receipts, refused, sealed};
use etl_testkit::run::Ran;
use serde_json::json;

use crate::support::{PostgresFolder, items};

const ARGS: &str = "--schema t.json --table t --evolve widen";

/// Writes the schema of a table `t` with the key `id` and the column `c`, of which this is said.
fn describe(place: &PostgresFolder, property: &str) {
    let document = format!(
        r#"{{"x-key":["id"],"required":["id"],"properties":{{"id":{{"type":"integer","x-postgres":{{"type":"integer"}}}},
            "c":{{{property}}}}}}}"#
    );
    place.write("t.json", document);
}

/// A schema, as above, and a table with these values in the column, which has this type.
fn place(ty: &str, property: &str, values: &[&str]) -> PostgresFolder {
    let place = PostgresFolder::new();
    describe(&place, property);
    place.sql(&format!("CREATE TABLE t (id int PRIMARY KEY, c {ty})"));
    for (id, value) in (1..).zip(values) {
        place.sql(&format!("INSERT INTO t VALUES ({id}, '{value}')"));
    }
    place
}

fn load(place: &PostgresFolder, args: &str, value: &str) -> Ran {
    place.load(args, sealed(&fastrand::u64(..).to_string(), &[&format!(r#"{{"id":100,"c":{value}}}"#)]))
}

fn type_of(place: &PostgresFolder, column: &str) -> String {
    let query = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass";
    place.rows(&format!("{query} AND attname = '{column}'")).remove(0)
}

#[test]
fn a_wider_type_keeps_every_value_and_takes_those_of_the_schema() {
    let smallint: &[&str] = &["-32768", "0", "32767"];
    let integer: &[&str] = &["-2147483648", "-1", "2147483647"];
    let bigint: &[&str] = &["-9223372036854775808", "9223372036854775807"];
    let real: &[&str] = &["3.4028235e38", "-1e-45", "0.1", "-0", "NaN", "-Infinity"];
    let numeric: &[&str] = &["-999.99", "999.99", "0.01", "NaN"];
    let text: &[&str] = &["äöü", "", "a  "];
    let times: &[&str] = &["2026-01-01 00:00:01", "0044-03-15 00:00:00 BC", "infinity"];
    let integers = |ty: &str| format!(r#""type":"integer","x-postgres":{{"type":"{ty}"}}"#);
    let numbers = |ty: &str| format!(r#""type":"number","x-postgres":{{"type":"{ty}"}}"#);
    let strings = |ty: &str| format!(r#""type":"string","x-postgres":{{"type":"{ty}"}}"#);
    for (ty, values, property, value, wider, stored) in [
        ("smallint", smallint, integers("integer"), "2147483647", "integer", "2147483647"),
        ("smallint", smallint, integers("bigint"), "-9223372036854775808", "bigint", "-9223372036854775808"),
        ("integer", integer, integers("bigint"), "9223372036854775807", "bigint", "9223372036854775807"),
        ("smallint", smallint, numbers("real"), "0.5", "double precision", "0.5"),
        ("integer", integer, numbers("double precision"), "1e300", "double precision", "1e+300"),
        ("bigint", bigint, numbers("double precision"), "0.1", "numeric", "0.1"),
        ("bigint", bigint, numbers("numeric"), "12345678901234567890.5", "numeric", "12345678901234567890.5"),
        ("bigint", bigint, numbers("numeric(5,2)"), "999.99", "numeric(21,2)", "999.99"),
        ("integer", integer, numbers("numeric(20,2)"), "-1.5", "numeric(20,2)", "-1.50"),
        ("real", real, numbers("double precision"), "1e-300", "double precision", "1e-300"),
        ("numeric(5,2)", numeric, numbers("numeric(6,4)"), "12.3456", "numeric(7,4)", "12.3456"),
        ("numeric(5,2)", numeric, numbers("numeric(7,1)"), "123456.7", "numeric(8,2)", "123456.70"),
        ("numeric(5,2)", numeric, numbers("numeric"), "0.123456", "numeric", "0.123456"),
        ("numeric(5,2)", numeric, numbers("double precision"), "1e-9", "numeric", "0.000000001"),
        ("numeric(5,2)", numeric, integers("smallint"), "-32768", "numeric(7,2)", "-32768.00"),
        ("varchar(3)", text, strings("varchar(5)"), r#""12345""#, "character varying(5)", "12345"),
        ("varchar(3) COLLATE \"C\"", text, strings("text"), r#""123456""#, "text", "123456"),
        (
            "timestamp(0)",
            times,
            strings("timestamp"),
            r#""2026-01-01T00:00:00.123456""#,
            "timestamp without time zone",
            "2026-01-01 00:00:00.123456",
        ),
        (
            "timestamptz(0)",
            times,
            strings("timestamptz(3)"),
            r#""2026-01-01T00:00:00.123Z""#,
            "timestamp(3) with time zone",
            "2026-01-01 00:00:00.123+00",
        ),
        (
            "time(0)",
            &["24:00:00", "00:00:01"][..],
            strings("time(2)"),
            r#""10:00:00.12""#,
            "time(2) without time zone",
            "10:00:00.12",
        ),
    ] {
        let place = place(ty, &property, values);
        place.sql("CREATE TABLE before AS SELECT * FROM t");
        let collation = "SELECT collation_name FROM information_schema.columns WHERE table_name = 't' AND column_name = 'c'
                           AND table_schema = current_schema()";
        let before = place.rows(collation);
        let ran = load(&place, ARGS, value);
        assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0], "{ty} {property}");
        assert_eq!(receipts(&ran)[0]["columns_widened"], json!(["c"]));
        assert!(ran.stderr.contains(".t: columns widened: c\n"), "{}", ran.stderr);
        assert!(ran.stderr.ends_with(" s (columns widened: c)\n"), "{}", ran.stderr);
        assert_eq!(
            (type_of(&place, "c"), place.rows(collation)),
            (wider.to_owned(), before),
            "{ty} {property}"
        );
        let kept = "SELECT count(*) FROM t JOIN before USING (id) WHERE t.c = before.c";
        assert_eq!(place.count(kept), values.len() as i64, "{ty} {property}");
        assert_eq!(place.rows("SELECT c FROM t WHERE id = 100"), [stored], "{ty} {property}");
        // It fits now, with the flag and without it.
        for args in [ARGS, "--schema t.json --table t"] {
            let ran = load(&place, args, value);
            assert_eq!((counts(&ran), receipts(&ran)[0].get("columns_widened")), ([1, 0, 0, 1, 0, 0], None));
        }
    }
}

#[test]
fn without_the_flag_a_value_that_does_not_fit_is_refused() {
    let place = place("smallint", r#""type":"integer""#, &["1"]);
    for evolve in ["", " --evolve none", " --evolve add-columns"] {
        let ran = load(&place, &format!("--schema t.json --table t{evolve}"), "40000");
        refused(&ran, 3, "field \"c\": 40000 is out of range for the column's type, smallint");
    }
    assert_eq!(type_of(&place, "c"), "smallint");
    refused(&load(&place, "--table t --evolve widen", "40000"), 3, "field \"c\": 40000 is out of range");
    assert_eq!(type_of(&place, "c"), "smallint");
}

#[test]
fn what_would_change_a_value_is_not_done() {
    let numeric = r#""type":"number","x-postgres":{"type":"numeric"}"#;
    let text = r#""type":"string""#;
    for (ty, property, value, code, said) in [
        ("double precision", numeric, "1", 78, "column c is double precision, which does not store numeric"),
        ("real", numeric, "1", 78, "column c is real, which does not store numeric of schema t exactly"),
        ("real", r#""type":"integer""#, "1", 78, "column c is real, which does not store bigint"),
        ("double precision", r#""type":"integer""#, "9007199254740993", 3, "has more digits than"),
        ("bigint", r#""type":"boolean""#, "true", 78, "column c is bigint, which does not store boolean"),
        ("bigint", text, r#""x""#, 3, "is not an integer"),
        (
            "date",
            r#""type":"string","x-postgres":{"type":"timestamp"}"#,
            "\"\"",
            78,
            "column c is date, which does not",
        ),
        ("char(3)", text, r#""1234""#, 3, "is longer than the 3 characters of its column"),
        ("short", text, r#""1234""#, 3, "is longer than the 3 characters of its column"),
    ] {
        let place = PostgresFolder::new();
        describe(&place, property);
        place.sql("CREATE DOMAIN short AS varchar(3)");
        place.sql(&format!("CREATE TABLE t (id int PRIMARY KEY, c {ty})"));
        let before = type_of(&place, "c");
        refused(&load(&place, ARGS, value), code, said);
        assert_eq!(type_of(&place, "c"), before);
    }
}

#[test]
fn what_depends_on_the_type_of_a_column_is_named() {
    let cannot = "t: the type of c cannot become wider: ";
    for (depends, said) in [
        (
            "CREATE VIEW v AS SELECT c FROM t",
            "cannot alter type of a column used by a view or rule; rule _RETURN on view v depends on column \"c\"",
        ),
        (
            "ALTER TABLE t ADD g bigint GENERATED ALWAYS AS (c * 2) STORED",
            "cannot alter type of a column used by a generated column",
        ),
        (
            "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'; CREATE INDEX ON t (f(c))",
            "function f(bigint) does not exist",
        ),
        (
            "DROP TABLE t; CREATE TABLE t (id int, c int, PRIMARY KEY (id, c)) PARTITION BY RANGE (c)",
            "cannot alter column \"c\" because it is part of the partition key of relation \"t\"",
        ),
        (
            "ALTER TABLE t ALTER c TYPE text USING c; ALTER TABLE t ALTER c TYPE varchar(3);
             CREATE POLICY p ON t USING (c = 'x')",
            "cannot alter type of a column used in a policy definition",
        ),
    ] {
        let is_text = depends.contains("varchar");
        let place = place("int", if is_text { r#""type":"string""# } else { r#""type":"integer""# }, &[]);
        place.sql(depends);
        let before = type_of(&place, "c");
        let args = format!("{ARGS} --mode append");
        let ran = load(&place, &args, if is_text { r#""x""# } else { "1" });
        refused(&ran, 78, cannot);
        assert!(ran.last_error_line().contains(said), "{said}: {}", ran.last_error_line());
        assert_eq!((type_of(&place, "c"), place.count("SELECT count(*) FROM t")), (before, 0));
    }
    // A foreign key follows where it can.
    let place = place("int", r#""type":"integer""#, &[]);
    place.sql("CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (7); ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES parent");
    assert_eq!(counts(&load(&place, ARGS, "7"))[1], 1);
    assert_eq!(type_of(&place, "c"), "bigint");
    refused(&load(&place, ARGS, "8"), 3, "violates foreign key constraint");
    describe(&place, r#""type":"number","x-postgres":{"type":"numeric"}"#);
    let ran = load(&place, ARGS, "7");
    refused(&ran, 78, cannot);
    assert!(ran.last_error_line().contains("cannot be implemented"), "{}", ran.last_error_line());
    assert_eq!(type_of(&place, "c"), "bigint");
}

#[test]
fn the_key_and_columns_that_are_new_go_together() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (id smallint PRIMARY KEY); INSERT INTO items VALUES (1)");
    let table = format!("\"{}\".\"items\"", place.space.schema());
    let args = "--schema items.json --evolve add-columns,widen";
    let plan = place.load(&format!("{args} --plan"), "");
    let lines: Vec<&str> = plan
        .ok()
        .stdout
        .lines()
        .filter(|line| line.contains("TABLE items") || line.contains(&table))
        .collect();
    assert_eq!(
        lines,
        [
            format!("ALTER TABLE {table} ADD COLUMN \"name\" text;"),
            format!("ALTER TABLE {table} ALTER COLUMN \"id\" TYPE bigint;"),
        ]
    );
    assert!(
        plan.stdout.contains(".items would get columns, and wider ones; mode upsert, key (id)\n"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("-- id: bigint as bigint\n-- name: text as text\n"), "{}", plan.stdout);
    assert_eq!(place.rows("SELECT * FROM items"), ["1"]);
    let ran = place.load(args, items("a", &[(1, "one"), (5_000_000_000, "many")]));
    assert_eq!(counts(&ran), [2, 1, 1, 0, 0, 0]);
    let receipt = &receipts(&ran)[0];
    assert_eq!((&receipt["columns_added"], &receipt["columns_widened"]), (&json!(["name"]), &json!(["id"])));
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|one", "5000000000|many"]);
}

#[test]
fn two_first_loads_at_once_both_succeed() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (id smallint PRIMARY KEY, name varchar(1))");
    let mut reader = place.space.connect();
    reader.batch_execute("BEGIN; SELECT * FROM items").expect("the table is there");
    let args = "--schema items.json --evolve widen";
    let running = [(70_000, "a"), (80_000, "b")].map(|(id, name)| {
        let name = name.repeat(9);
        place.loader(args).stdin(items(&name, &[(id, &name)])).spawn()
    });
    // One waits for the table, the other for its turn.
    let sessions = place.sessions();
    let waiting =
        format!("SELECT count(*) FROM pg_stat_activity WHERE {sessions} AND wait_event_type = 'Lock'");
    place.space.wait_until(&waiting, "2");
    reader.batch_execute("COMMIT").expect("it is ours");
    let ran = running.map(etl_testkit::run::Running::finish);
    ran.iter().for_each(|ran| assert_eq!(counts(ran)[1], 1));
    let widened = ran.iter().filter_map(|ran| receipts(ran)[0].get("columns_widened").cloned());
    assert_eq!(widened.collect::<Vec<_>>(), [json!(["id", "name"])]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["70000|aaaaaaaaa", "80000|bbbbbbbbb"]);
}

#[test]
fn a_tap_whose_schema_gets_wider_goes_on() {
    let place = PostgresFolder::new();
    let record = |record: &str| format!(r#"{{"type":"RECORD","stream":"a","record":{record}}}"#);
    let later = schema("a", &[("id", "integer"), ("n", "number")], &["id"]);
    let messages = tap(&[
        &record(r#"{"id":1,"n":9223372036854775807}"#),
        &record(r#"{"id":2,"n":2}"#),
        &later,
        &record(r#"{"id":2,"n":2.5}"#),
        &record(r#"{"id":3,"n":92233720368547758070.25}"#),
    ]);
    let ran = place.load("--create --evolve add-columns", seal("1", &messages));
    let said = "the SCHEMA of stream a changes: column n was bigint and is numeric (--evolve widen follows such a change)";
    assert!(ran.fails(3).last_error_line().ends_with(said), "{}", ran.stderr);
    let ran = place.load("--create --evolve widen --emit receipt", seal("1", &messages));
    assert_eq!(counts(&ran), [4, 3, 1, 0, 0, 0]);
    assert_eq!(receipts(&ran)[0]["columns_widened"], json!(["n"]));
    let rows = ["1|9223372036854775807", "2|2.5", "3|92233720368547758070.25"];
    assert_eq!(place.rows("SELECT id, n FROM a ORDER BY id"), rows);
    // What a tap says is an integer still is one, of any length.
    let narrow = tap(&[&record(r#"{"id":4,"n":92233720368547758070}"#)]);
    place.load("--evolve widen", seal("2", &narrow)).ok();
    assert_eq!(place.rows("SELECT n FROM a WHERE id = 4"), ["92233720368547758070"]);
    // A text is not a wider integer.
    let text = schema("a", &[("id", "integer"), ("n", "string")], &["id"]);
    let messages = tap(&[&record(r#"{"id":5,"n":5}"#), &text, &record(r#"{"id":6,"n":"x"}"#)]);
    let ran = place.load("--evolve add-columns,widen", seal("3", &messages));
    assert!(ran.fails(3).last_error_line().contains("column n was numeric and is text"), "{}", ran.stderr);
    assert_eq!(place.count("SELECT count(*) FROM a"), 4);
}
