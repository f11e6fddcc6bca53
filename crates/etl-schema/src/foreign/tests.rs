use etl_stream::json::Scanner;

use super::*;
use crate::{Checker, UnknownFields, Value};

/// The columns of these properties, each as `name type`.
fn columns(properties: &str) -> Vec<String> {
    let schema = schema(properties, &[]).unwrap();
    schema.columns.iter().map(|column| format!("{} {}", column.name, column.postgres())).collect()
}

fn schema(properties: &str, key: &[&str]) -> Result<Schema, Fault> {
    let key: Vec<String> = key.iter().map(|&name| name.to_owned()).collect();
    let definitions = r##""definitions":{
        "loop":{"type":["null","integer","array"],"items":{"$ref":"#/definitions/loop"}},
        "when":{"type":["null","string"],"format":"date-time"},
        "self":{"$ref":"#/definitions/self"}}"##;
    let document = format!(r#"{{"type":"object","properties":{properties},"required":["x"],{definitions}}}"#);
    Schema::from_foreign("stream s", &document, &key, Layout::default())
}

/// What the taps and sources whose streams are in the loaders' testdata say.
#[test]
fn types_that_connectors_announce() {
    for (property, ty) in [
        (r#"{"type":["integer"],"minimum":-2147483648,"maximum":2147483647}"#, "bigint"),
        (
            r#"{"type":["null","integer"],"minimum":-9223372036854775808,"maximum":9223372036854775807}"#,
            "bigint",
        ),
        (r#"{"type":"integer","maximum":18446744073709551615}"#, "numeric"),
        (r#"{"type":"integer","minimum":-1e30}"#, "numeric"),
        (
            r#"{"type":["null","number"],"exclusiveMaximum":true,"maximum":100000000000000000000,"multipleOf":1e-10}"#,
            "numeric",
        ),
        (r#"{"type":["number","null"]}"#, "numeric"),
        (r#"{"type":"number","airbyte_type":"integer"}"#, "bigint"),
        (r#"{"type":"string","airbyte_type":"big_integer"}"#, "numeric"),
        (r#"{"type":["null","string"],"maxLength":5,"pattern":"["}"#, "text"),
        (r#"{"format":"date-time","type":["string","null"]}"#, "timestamptz"),
        (r#"{"type":"string","format":"date-time","airbyte_type":"timestamp_with_timezone"}"#, "timestamptz"),
        (
            r#"{"type":"string","format":"date-time","airbyte_type":"timestamp_without_timezone"}"#,
            "timestamp",
        ),
        (r#"{"format":"date","type":["string","null"]}"#, "date"),
        (r#"{"format":"time","type":["string","null"]}"#, "text"),
        (r#"{"format":"uuid","type":"string"}"#, "text"),
        (r#"{"type":["boolean","null"]}"#, "boolean"),
        (r#"{"type":["null","object"],"additionalProperties":true}"#, "jsonb"),
        (r#"{"items":{"type":["string"]},"type":["array","null"]}"#, "jsonb"),
        (r##"{"type":["null","array"],"items":{"$ref":"#/definitions/loop"}}"##, "jsonb"),
        (r##"{"$ref":"#/definitions/loop"}"##, "jsonb"),
        (r##"{"$ref":"#/definitions/when"}"##, "timestamptz"),
        (r##"{"$ref":"#/definitions/self"}"##, "jsonb"),
        (r##"{"$ref":"https://elsewhere/x"}"##, "jsonb"),
        (r#"{}"#, "jsonb"),
        (r#"true"#, "jsonb"),
        (r#"{"type":"null"}"#, "jsonb"),
        (r#"{"type":["string","number","integer","array","object","boolean","null"]}"#, "jsonb"),
        (r#"{"type":["string","integer"]}"#, "jsonb"),
        (r#"{"type":["integer","number"]}"#, "numeric"),
        (r#"{"anyOf":[{"type":"string","format":"date-time"},{"type":"null"}]}"#, "timestamptz"),
        (r#"{"anyOf":[{"type":"string","format":"date-time"},{"type":["string","null"]}]}"#, "text"),
        (r#"{"oneOf":[{"type":"integer"},{"type":"string"}]}"#, "jsonb"),
        (r#"{"allOf":[{},{"type":"integer"}]}"#, "bigint"),
        (r#"{"enum":["a","b",null]}"#, "text"),
        (r#"{"const":1.5}"#, "numeric"),
        (r#"{"type":"string","x-sql-datatype":"uuid"}"#, "uuid"),
        (r#"{"type":"string","x-sql-datatype":"VARCHAR(20)"}"#, "varchar(20)"),
        (r#"{"type":"number","x-sql-datatype":"double precision"}"#, "double precision"),
        (r#"{"type":"boolean","x-sql-datatype":"uuid"}"#, "boolean"),
        (r#"{"type":"integer","x-sql-datatype":"hyperlong"}"#, "bigint"),
    ] {
        assert_eq!(columns(&format!(r#"{{"a":{property}}}"#)), [format!("a {ty}")], "{property}");
    }
}

#[test]
fn only_the_key_is_required() {
    let schema =
        schema(r#"{"x":{"type":"string"},"Mixed Case":{"type":"integer"}}"#, &["Mixed Case"]).unwrap();
    let told: Vec<_> = schema.columns.iter().map(|c| (c.name.as_str(), c.required, c.nullable)).collect();
    assert_eq!(told, [("x", false, true), ("Mixed Case", true, false)]);
    assert_eq!(schema.key_names().collect::<Vec<_>>(), ["Mixed Case"]);
}

#[test]
fn what_cannot_be_columns_is_refused() {
    for (properties, key, says) in [
        ("{}", None, "schema stream s: it has no properties"),
        (r#"{"x":{}}"#, Some("id"), r#"schema stream s: the key "id" is not one of its properties"#),
        (
            r#"{"Ab":{},"aB":{}}"#,
            None,
            r#"schema stream s: properties "Ab" and "aB" would become one column"#,
        ),
    ] {
        let key: Vec<&str> = key.into_iter().collect();
        let fault = schema(properties, &key).unwrap_err();
        assert_eq!((fault.class().code(), fault.to_string()), (78, says.to_owned()));
    }
}

#[test]
fn names_of_columns() {
    for (name, lower, snake) in [
        ("Mixed Case", "mixed case", "mixed_case"),
        ("userId", "userid", "user_id"),
        ("HTTPServer2Name", "httpserver2name", "http_server2_name"),
        ("ÄrgerÜber", "ärgerüber", "ärger_über"),
        ("a.b-c", "a.b-c", "a_b_c"),
    ] {
        assert_eq!(
            [Names::Keep.of(name), Names::Lower.of(name), Names::Snake.of(name)],
            [name, lower, snake]
        );
    }
    let long = |end: &str| Names::Keep.of(&format!("{}{end}", "ü".repeat(40)));
    assert_eq!((long("a").len(), long("b").len()), (63, 63));
    assert_ne!(long("a"), long("b"));
    assert!(long("a").starts_with(&"ü".repeat(25)));
}

/// The value that a column keeps, or what is wrong with the record.
fn kept(property: &str, value: &str) -> Result<String, String> {
    let schema = schema(&format!(r#"{{"v":{property}}}"#), &[]).unwrap();
    let mut checker = Checker::new(schema.into(), UnknownFields::Drop);
    let mut scanner = Scanner::new();
    let line = format!(r#"{{"v":{value},"unknown":1}}"#);
    let record = scanner.scan(line.as_bytes()).unwrap();
    let kept = checker.check(&record).map(|row| format!("{:?}", row.get(0))).map_err(|error| error.reason);
    assert!(kept.is_err() || checker.dropped.fields == 1);
    kept
}

#[test]
fn what_can_be_kept_is_kept() {
    for (property, value, expected) in [
        (r#"{"type":"integer"}"#, "null", "Null"),
        (r#"{"type":"integer"}"#, "1.0", "Integer(1)"),
        (r#"{"type":"integer","maximum":5}"#, "7", "Integer(7)"),
        (r#"{"type":"integer"}"#, r#""12""#, "Integer(12)"),
        (
            r#"{"type":"number"}"#,
            "12345678901234567890.1234567890",
            r#"Decimal("12345678901234567890.1234567890")"#,
        ),
        (r#"{"type":"number"}"#, r#""1.50""#, r#"Decimal("1.50")"#),
        (r#"{"type":"string","maxLength":1}"#, r#""a\nb""#, r#"Text("a\nb")"#),
        (r#"{"type":"string"}"#, "1.2345678901234568e+17", r#"Text("1.2345678901234568e+17")"#),
        (r#"{"type":"string"}"#, "true", r#"Text("true")"#),
        (r#"{"type":"string"}"#, r#"{"1":3}"#, r#"Text("{\"1\":3}")"#),
        (
            r#"{"type":"string","format":"date-time"}"#,
            r#""2026-01-02T00:00:00""#,
            "TimestampTz(1767312000000000)",
        ),
        (
            r#"{"type":"string","format":"date-time"}"#,
            r#""2026-01-02 02:00:00+02""#,
            "TimestampTz(1767312000000000)",
        ),
        (r#"{"type":"string","format":"email"}"#, r#""nobody""#, r#"Text("nobody")"#),
        (
            r#"{"type":"array","items":{"type":"integer"}}"#,
            r#"[[1,null],"a"]"#,
            r#"Json("[[1,null],\"a\"]")"#,
        ),
        (r#"{}"#, "1.50", r#"Json("1.50")"#),
        (r#"{"type":["string","integer"]}"#, r#""1""#, r#"Json("\"1\"")"#),
    ] {
        assert_eq!(kept(property, value).as_deref(), Ok(expected), "{property} {value}");
    }
    assert_eq!(Value::Null, Value::Null);
}

#[test]
fn what_would_be_changed_is_refused() {
    for (property, value, expected) in [
        (
            r#"{"type":"integer"}"#,
            "12345678901234567890123",
            "12345678901234567890123 is out of range for 64 bits (if the table's column is numeric, of SQLite \
             TEXT_DECIMAL, the stream's integers of any length go in)",
        ),
        (r#"{"type":"integer"}"#, "1.5", "1.5 is not an integer"),
        (r#"{"type":"integer"}"#, r#""x""#, r#"expected an integer, found "x""#),
        (r#"{"type":"boolean"}"#, "1", "expected true or false, found the number 1"),
        (
            r#"{"type":"string","format":"date"}"#,
            r#""2024-02-30""#,
            r#""2024-02-30" is not a day of the calendar"#,
        ),
        (
            r#"{"type":"string","format":"date-time"}"#,
            r#""soon""#,
            r#""soon" is not an RFC 3339 date and time"#,
        ),
    ] {
        assert_eq!(kept(property, value), Err(expected.to_owned()), "{property} {value}");
    }
}
