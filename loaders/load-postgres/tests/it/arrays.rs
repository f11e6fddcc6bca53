//! Arrays of types that the server casts, and vectors.

use etl_testkit::load::{counts, refused, sealed};
use etl_testkit::postgres::Server;

use crate::support::PostgresFolder;

/// A type of a column, a field in JSON, and what the column then has.
const ARRAYS: [(&str, &str, &str); 15] = [
    ("int4range[]", r#"["[1,5)",null,"empty","(,7]"]"#, r#"{"[1,5)",NULL,empty,"(,8)"}"#),
    (
        "tstzrange[]",
        r#"["[2026-01-01 00:00:00+00,2026-01-02 00:00:00+00)"]"#,
        r#"{"[\"2026-01-01 00:00:00+00\",\"2026-01-02 00:00:00+00\")"}"#,
    ),
    ("daterange[]", r#"["[2026-01-01,2026-01-31]"]"#, r#"{"[2026-01-01,2026-02-01)"}"#),
    ("int4multirange[]", r#"["{[1,3),[5,7)}","{}"]"#, r#"{"{[1,3),[5,7)}","{}"}"#),
    ("int4multirange", r#""{[1,3),[2,7)}""#, "{[1,7)}"),
    ("spot[]", r#"["(1,\"a, b\")",null]"#, r#"{"(1,\"a, b\")",NULL}"#),
    ("spot", r#""(1,a)""#, "(1,a)"),
    ("mood[]", r#"["low","it's"]"#, "{low,it's}"),
    ("word[]", r#"["a\"b","c"]"#, r#"{"a\"b",c}"#),
    ("words", r#"["a","b"]"#, "{a,b}"),
    ("span[]", r#"["[1,5)"]"#, r#"{"[1,5)"}"#),
    ("bit(2)[]", r#"["10","01"]"#, "{10,01}"),
    ("interval(0)[]", r#"["1 day"]"#, "{\"1 day\"}"),
    ("xml[]", r#"["<a/>"]"#, "{<a/>}"),
    ("int4range[]", "[]", "{}"),
];

fn place() -> PostgresFolder {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TYPE spot AS (n int, name text); CREATE TYPE mood AS ENUM ('low', 'it''s');
         CREATE DOMAIN word AS text CHECK (VALUE <> ''); CREATE DOMAIN words AS text[];
         CREATE DOMAIN span AS int4range CHECK (upper(VALUE) < 100)",
    );
    place
}

#[test]
fn arrays_of_any_type_are_arrays_of_texts() {
    let place = place();
    for (index, (ty, json, expected)) in ARRAYS.iter().enumerate() {
        for mode in ["append", "upsert"] {
            place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v {ty})"));
            let stream = sealed(&format!("{index}{mode}"), &[&format!(r#"{{"id":1,"v":{json}}}"#)]);
            let ran = place.load(&format!("--table t --mode {mode}"), stream);
            assert_eq!(counts(&ran)[1], 1, "{ty}: {}", ran.stderr);
            assert_eq!(place.rows("SELECT v FROM t"), [*expected], "{ty}");
        }
    }
    // By a schema, the array may also be the text that PostgreSQL writes.
    place.sql("DROP TABLE t; CREATE TABLE t (v int4range[])");
    for (items, json) in [
        (r#"{"type":"array","items":{"type":"string"}}"#, r#"["[1,5)"]"#),
        (r#"{"type":"string"}"#, r#""{\"[1,5)\"}""#),
    ] {
        place.write("t.json", format!(r#"{{"properties":{{"v":{items}}}}}"#));
        counts(&place.load("--schema t.json", sealed(items, &[&format!("{{\"v\":{json}}}")])));
    }
    assert_eq!(place.rows("SELECT v FROM t"), [r#"{"[1,5)"}"#, r#"{"[1,5)"}"#]);
}

#[test]
fn what_such_an_array_cannot_hold_is_refused() {
    let place = place();
    for (ty, json, said) in [
        ("int4range[]", r#"["[5,1)"]"#, "range lower bound must be less than or equal to range upper bound"),
        ("int4range[]", "[1]", "field \"v\": element 0: expected a string, found the number 1"),
        ("int4range[]", r#""{}""#, "expected an array"),
        ("span[]", r#"["[1,500)"]"#, "violates check constraint"),
        ("word[]", r#"[""]"#, "violates check constraint"),
        ("mood[]", r#"["odd"]"#, "element 0 is not one of the column's values, low, it's"),
        ("bit(2)[]", r#"["101"]"#, "bit(2)[], which does not keep 1 of the values"),
        ("interval(0)[]", r#"["1.5 s"]"#, "which does not keep 1 of the values"),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        refused(&place.load("--table t", sealed("a", &[&format!("{{\"v\":{json}}}")])), 3, said);
        assert_eq!(place.count("SELECT count(*) FROM t"), 0, "{ty}");
    }
    // Numbers could be rounded by the cast.
    place.sql("DROP TABLE t; CREATE TABLE t (v money[])");
    place.write("t.json", r#"{"properties":{"v":{"type":"array","items":{"type":"number"}}}}"#);
    let ran = place.load("--schema t.json", sealed("a", &["{\"v\":[1.005]}"]));
    refused(&ran, 78, "column v is money[], which does not store double precision[]");
}

/// A database with a type of the name and the text form of pgvector's, or with pgvector itself.
fn vectors() -> PostgresFolder {
    let place = PostgresFolder::of(Server::shared().database());
    if place.offers("vector") {
        place.sql("CREATE EXTENSION vector");
    } else {
        place.sql(
            "CREATE TYPE vector;
             CREATE FUNCTION vector_in(cstring) RETURNS vector AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
             CREATE FUNCTION vector_out(vector) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
             CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, LIKE = text)",
        );
    }
    place
}

#[test]
fn a_vector_takes_an_array_of_numbers() {
    let place = vectors();
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v vector)");
    let lines = [r#"{"id":1,"v":[1,2.5,-3]}"#, r#"{"id":2,"v":null}"#];
    assert_eq!(counts(&place.load("--table t", sealed("a", &lines)))[1], 2);
    assert_eq!(place.rows("SELECT id, v FROM t ORDER BY id"), ["1|[1,2.5,-3]", "2|NULL"]);
    assert_eq!(counts(&place.load("--table t --mode upsert", sealed("b", &lines))), [2, 0, 0, 2, 0, 0]);
    for items in ["number", "integer"] {
        place.write(
            "t.json",
            format!(r#"{{"properties":{{"id":{{"type":"integer"}},"v":{{"type":"array","items":{{"type":"{items}"}}}}}}}}"#),
        );
        place.sql("DELETE FROM t");
        counts(&place.load("--schema t.json", sealed(items, &[r#"{"id":1,"v":[4,5,6]}"#])));
        assert_eq!(place.rows("SELECT v FROM t"), ["[4,5,6]"], "{items}");
    }
    for (json, said) in [
        ("[1,null]", "field \"v\": [1,null] is refused: element 1 is null, which a vector cannot have"),
        (r#"["1"]"#, "element 0: expected a number, found \"1\""),
        ("[1e99]", "element 0: 1e99 is out of range for the column's type"),
        ("7", "expected an array, found the number 7"),
    ] {
        refused(&place.load("--table t", sealed("c", &[&format!("{{\"id\":7,\"v\":{json}}}")])), 3, said);
    }
    place.write("t.json", r#"{"properties":{"v":{"type":"array","items":{"type":"string"}}}}"#);
    let ran = place.load("--schema t.json", sealed("d", &[r#"{"v":["1"]}"#]));
    refused(&ran, 78, "column v is vector, which does not store text[]");
    assert_eq!(place.rows("SELECT v FROM t"), ["[4,5,6]"]);
}
