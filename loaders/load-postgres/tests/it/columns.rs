//! Columns of another type than the schema's: values are converted exactly, or refused before any row.

use etl_testkit::load::{counts, refused, sealed, strs};

use crate::support::PostgresFolder;

/// The properties of a schema, a type of PostgreSQL, values in JSON, and what the column then has.
const CONVERTED: &[(&str, &str, &[&str], &[&str])] = &[
    (r#"{"type":"integer"}"#, "smallint", &["-32768", "7.0"], &["-32768", "7"]),
    (r#"{"type":"integer"}"#, "double precision", &["9007199254740992"], &["9.007199254740992e+15"]),
    (r#"{"type":"integer"}"#, "numeric", &["9223372036854775807", "1e2"], &["9223372036854775807", "100"]),
    (r#"{"type":"integer"}"#, "text", &["42"], &["42"]),
    (r#"{"type":"number"}"#, "numeric", &["0.1", "-1.50", "1e-5"], &["0.1", "-1.50", "0.00001"]),
    (r#"{"type":"number"}"#, "numeric(6,2)", &["1234.5"], &["1234.50"]),
    (r#"{"type":"number"}"#, "varchar(9)", &["1e5"], &["1e5"]),
    (r#"{"type":"number","x-postgres":{"type":"real"}}"#, "double precision", &["0.5"], &["0.5"]),
    (r#"{"type":"number"}"#, "jsonb", &["1.50"], &["1.50"]),
    (r#"{"type":"boolean"}"#, "text", &["true"], &["true"]),
    (r#"{"type":"string","format":"date"}"#, "timestamp", &["\"2026-11-24\""], &["2026-11-24 00:00:00"]),
    (
        r#"{"type":"string","format":"date-time"}"#,
        "text",
        &["\"2026-11-24T10:00:00+02:00\""],
        &["2026-11-24T10:00:00+02:00"],
    ),
    (
        r#"{"type":"string","format":"date-time"}"#,
        "timestamptz(3)",
        &["\"2026-11-24T10:00:00.125Z\""],
        &["2026-11-24 10:00:00.125+00"],
    ),
    (
        r#"{"type":"string","format":"uuid"}"#,
        "text",
        &["\"C0FFEE00-0000-4000-8000-000000000001\""],
        &["C0FFEE00-0000-4000-8000-000000000001"],
    ),
    (r#"{"type":"string"}"#, "char(3)", &["\"ab\""], &["ab "]),
    (r#"{"type":"string"}"#, "date", &["\"2026-11-24\""], &["2026-11-24"]),
    (r#"{"type":"string"}"#, "integer", &["\"-7\""], &["-7"]),
    (r#"{"type":"string"}"#, "numeric", &["\"4.280\""], &["4.280"]),
    (r#"{"type":"string"}"#, "interval", &["\"P1DT2H\""], &["1 day 02:00:00"]),
    (r#"{"type":"string"}"#, "cidr", &["\"10.0.0.0/8\""], &["10.0.0.0/8"]),
    (r#"{"type":"string"}"#, "jsonb", &["\"a\\\"b\""], &["\"a\\\"b\""]),
    (r#"{"type":"string"}"#, "int4range", &["\"[1,5)\""], &["[1,5)"]),
    (r#"{"type":"string"}"#, "bit(3)", &["\"101\""], &["101"]),
    (r#"{"type":"string"}"#, "bit varying", &["\"10101\""], &["10101"]),
    (r#"{"type":"string"}"#, "bit(2)[]", &["\"{10,01}\""], &["{10,01}"]),
    (r#"{"type":"string"}"#, "int2vector", &["\"1 2\""], &["1 2"]),
    (r#"{"type":"string"}"#, "name", &["\"a b\""], &["a b"]),
    (r#"{"type":"integer"}"#, "money", &["12"], &["$12.00"]),
    (r#"{"type":"string"}"#, "interval hour to minute", &["\"10:30\""], &["10:30:00"]),
    (r#"{"type":"object"}"#, "text", &[r#"{"a": [1]}"#], &[r#"{"a": [1]}"#]),
    (
        r#"{"type":"array","items":{"type":["integer","null"]}}"#,
        "int2[]",
        &["[1,null]", "[]"],
        &["{1,NULL}", "{}"],
    ),
    (r#"{"type":"array","items":{"type":"number"}}"#, "numeric[]", &["[1.10,1e2]"], &["{1.10,100}"]),
    (r#"{"type":"array","items":{"type":"string"}}"#, "date[]", &["[\"2026-11-24\"]"], &["{2026-11-24}"]),
    (r#"{"type":"array","items":{"type":"string"}}"#, "jsonb", &["[\"x\"]"], &["[\"x\"]"]),
];

#[test]
fn lossless_conversions_are_applied() {
    let place = PostgresFolder::new();
    for (index, (property, ty, values, expected)) in CONVERTED.iter().enumerate() {
        place.write("t.json", format!(r#"{{"properties":{{"v":{property}}}}}"#));
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        let lines: Vec<String> = values.iter().map(|value| format!("{{\"v\":{value}}}")).collect();
        let stream = sealed(&index.to_string(), &strs(&lines));
        let ran = place.load("--schema t.json", stream);
        assert_eq!(counts(&ran)[1] as usize, values.len(), "{property} in {ty}");
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        let mut rows = place.rows("SELECT v::text FROM t");
        if *ty == "char(3)" {
            rows = place.rows("SELECT v || '' FROM t").iter().map(|v| format!("{v:<3}")).collect();
        }
        rows.sort_unstable();
        assert_eq!(rows, expected, "{property} in {ty}");
    }
}

#[test]
fn values_that_a_column_cannot_keep_are_refused_with_their_line() {
    let cases = [
        (
            r#"{"type":"integer"}"#,
            "smallint",
            "32768",
            "32768 is out of range for the column's type, smallint",
        ),
        (
            r#"{"type":"integer"}"#,
            "float8",
            "9007199254740993",
            "9007199254740993 has more digits than the column's double",
        ),
        (
            r#"{"type":"number"}"#,
            "numeric(6,2)",
            "0.125",
            "0.125 has more than 2 digits after the decimal point",
        ),
        (
            r#"{"type":"number"}"#,
            "numeric(6,2)",
            "12345",
            "12345 has more than 4 digits before the decimal point",
        ),
        (
            r#"{"type":"string"}"#,
            "varchar(3)",
            "\"abcd\"",
            "\"abcd\" is longer than the 3 characters of its column",
        ),
        (r#"{"type":"string"}"#, "char(3)", "\"ab  \"", "is longer than the 3 characters of its column"),
        (r#"{"type":"string"}"#, "date", "\"24.11.2026\"", "\"24.11.2026\" is not a date (YYYY-MM-DD)"),
        (
            r#"{"type":"string"}"#,
            "timestamptz",
            "\"2026-11-24T10:00:00\"",
            "has no zone, such as Z or +02:00",
        ),
        (
            r#"{"type":"string","format":"date-time"}"#,
            "timestamptz(0)",
            "\"2026-11-24T10:00:00.5Z\"",
            "has more digits of a second's fraction than the 0",
        ),
        (r#"{"type":"string"}"#, "inet", "\"10.0.0\"", "\"10.0.0\" is not an IPv4 or IPv6 address"),
        (r#"{"type":["string","null"]}"#, "text NOT NULL", "null", "null, but its column in"),
        (
            r#"{"type":"array","items":{"type":"integer"}}"#,
            "int2[]",
            "[1,70000]",
            "is refused: element 1 is out of range",
        ),
    ];
    let place = PostgresFolder::new();
    for (property, ty, value, said) in cases {
        place.write("t.json", format!(r#"{{"properties":{{"v":{property}}}}}"#));
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        let ran = place.load("--schema t.json", format!("{{\"v\":{value}}}\n"));
        refused(&ran, 3, said);
        assert!(
            ran.last_error_line().starts_with("line 1 (byte 0): field \"v\": "),
            "{}",
            ran.last_error_line()
        );
        // It is set aside where that is allowed.
        let ran =
            place.load("--schema t.json --rejects r.ndjson --max-rejects 1", format!("{{\"v\":{value}}}\n"));
        assert_eq!(counts(&ran), [1, 0, 0, 0, 0, 1]);
        assert!(
            place
                .read("r.ndjson")
                .contains(&serde_json::to_string(&format!("{{\"v\":{value}}}")).expect("JSON"))
        );
    }
}

#[test]
fn a_length_in_bytes_is_refused() {
    let mut place = PostgresFolder::new();
    let name = format!("{}_bytes", place.space.schema());
    let options = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    place.sql(&format!("CREATE DATABASE {name} {options}"));
    place.set("PGDATABASE", &name);
    place.set("PGOPTIONS", "");
    place.write("t.json", r#"{"properties":{"v":{"type":"string","maxLength":4}}}"#);
    let said = "which counts bytes in a database with the encoding SQL_ASCII";
    refused(&place.load("--schema t.json --create", "{\"v\":\"éé  \"}\n"), 78, said);
    place.write("t.json", r#"{"properties":{"v":{"type":"string"}}}"#);
    let ran = place.load("--schema t.json --create --table u", "{\"v\":\"éé  \"}\n");
    assert_eq!(counts(&ran)[1], 1);
    place.sql(&format!("DROP DATABASE {name}"));
}

#[test]
fn what_the_server_reads_is_never_cut() {
    let cases = [
        ("bit(3)", "1010", "column v is bit(3), which does not keep 1 of the values"),
        ("bit(3)", "10", "column v is bit(3), which does not keep 1 of the values"),
        ("varbit(3)", "1010", "column v is bit varying(3), which does not keep 1 of the values"),
        ("bit(2)[]", "{101}", "column v is bit(2)[], which does not keep 1 of the values"),
        ("interval(0)", "PT1.6S", "column v is interval(0), which does not keep 1 of the values"),
        ("interval day", "1 day 05:00:00", "column v is interval day, which does not keep 1 of"),
        ("whole", "PT1.6S", "column v is whole, which does not keep 1 of the values"),
        ("timetz(0)", "10:00:00.6+00", "is time(0) with time zone, which does not keep 1 of the values"),
        ("name", &"n".repeat(64), "identifier too long"),
    ];
    let place = PostgresFolder::new();
    place.sql("CREATE DOMAIN whole AS interval(0)");
    place.write("t.json", r#"{"properties":{"v":{"type":"string"}}}"#);
    for (ty, value, said) in cases {
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        let class = if ty == "name" { 78 } else { 3 };
        refused(&place.load("--schema t.json", format!("{{\"v\":\"{value}\"}}\n")), class, said);
        assert_eq!(place.count("SELECT count(*) FROM t"), 0);
    }
}

#[test]
fn other_pairs_are_refused_before_any_row() {
    let cases = [
        (
            r#"{"type":"number"}"#,
            "timestamptz",
            "is timestamp with time zone, which does not store double precision of schema t exactly",
        ),
        (r#"{"type":"number"}"#, "integer", "is integer, which does not store double precision"),
        (r#"{"type":"number"}"#, "real", "is real, which does not store double precision"),
        (r#"{"type":"integer"}"#, "boolean", "is boolean, which does not store bigint"),
        (r#"{"type":"boolean"}"#, "integer", "is integer, which does not store boolean"),
        (
            r#"{"type":"string","format":"date-time"}"#,
            "timestamp",
            "is timestamp without time zone, which does not store timestamptz",
        ),
        (r#"{"type":"string","format":"date-time"}"#, "date", "is date, which does not store timestamptz"),
        (r#"{"type":"string"}"#, "bytea", "is bytea, which does not store text"),
        (r#"{"type":"string"}"#, "real", "is real, which does not store text"),
        (r#"{"type":"string"}"#, "\"char\"", "is \"char\", which does not store text"),
        (r#"{"type":"integer"}"#, "oid", "is oid, which does not store bigint"),
        (r#"{"type":"number"}"#, "money", "is money, which does not store double precision"),
        (r#"{"type":"object"}"#, "integer[]", "is integer[], which does not store jsonb"),
        (
            r#"{"type":"array","items":{"type":"number"}}"#,
            "real[]",
            "is real[], which does not store double precision[]",
        ),
    ];
    let place = PostgresFolder::new();
    for (property, ty, said) in cases {
        place.write("t.json", format!(r#"{{"properties":{{"v":{property}}}}}"#));
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        // Nothing has been read yet.
        let ran = place.loader("--schema t.json").stdin_open().spawn().wait();
        refused(&ran, 78, &format!("t: column v {said}"));
    }
    place.sql("DROP TABLE t; CREATE TABLE t (other int)");
    place.write("t.json", r#"{"properties":{"v":{"type":"integer"}}}"#);
    refused(&place.load("--schema t.json", "{}\n"), 78, "t: it has none of the columns of schema t");
    place.sql("DROP TABLE t; CREATE TABLE t (v int, needed int NOT NULL)");
    refused(
        &place.load("--schema t.json", "{}\n"),
        78,
        "column needed is NOT NULL without a default, but schema t does not have it",
    );
    place.sql("DROP TABLE t; CREATE TABLE t (a int, v int GENERATED ALWAYS AS (a * 2) STORED)");
    refused(&place.load("--schema t.json", "{}\n"), 78, "column v is generated; it cannot be loaded");
    // What the schema lacks is left to the server.
    place.sql("DROP TABLE t; CREATE TABLE t (v int, d int NOT NULL DEFAULT 7, i serial, g int GENERATED ALWAYS AS (d + 1) STORED)");
    place.load("--schema t.json", "{\"v\":1}\n{}\n").ok();
    assert_eq!(place.rows("SELECT * FROM t ORDER BY i"), ["1|7|1|8", "NULL|7|2|8"]);
}

#[test]
fn a_text_with_a_plus_or_leading_zeros_is_no_number() {
    let place = PostgresFolder::new();
    place.write("t.json", r#"{"properties":{"v":{"type":"string"}}}"#);
    for ty in ["smallint", "integer", "bigint", "numeric", "numeric(6,2)", "double precision"] {
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        for text in ["007", "+7", "-07", " 7", "7 "] {
            let ran = place.load("--schema t.json", format!("{{\"v\":\"{text}\"}}\n"));
            refused(&ran, 3, &format!("line 1 (byte 0): field \"v\": \"{text}\" is not a"));
            assert!(ran.last_error_line().contains(" as JSON writes it; record: "), "{ty}: {}", ran.stderr);
        }
        place.load("--schema t.json", "{\"v\":\"-7\"}\n{\"v\":\"0\"}\n").ok();
        assert_eq!(place.rows("SELECT v::int FROM t ORDER BY v"), ["-7", "0"], "{ty}");
    }
}
