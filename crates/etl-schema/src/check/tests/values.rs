//! Which values each type and rule accepts, and what is said about the others.

use std::sync::Arc;

use etl_stream::json::Scanner;
use serde_json::json;

use crate::{Checker, Schema, Scratch, Type, UnknownFields, array_elements};

/// The value of the only field `v` after the check, in words, or why it was refused.
fn check(property: serde_json::Value, value: &str) -> String {
    let schema =
        Schema::from_json("test", &json!({"properties": {"v": property}}).to_string()).expect("a schema");
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    let line = format!("{{\"v\":{value}}}");
    let mut scanner = Scanner::new();
    let record = scanner.scan(line.as_bytes()).expect("a record");
    match checker.check(&record) {
        Ok(row) => format!("{:?}", row.get(0)),
        Err(violation) => violation.reason,
    }
}

fn all(property: serde_json::Value, cases: &[(&str, &str)]) {
    for (value, expected) in cases {
        assert_eq!(check(property.clone(), value), *expected, "{property} {value}");
    }
}

fn stored(ty: &str, postgres: &str) -> serde_json::Value {
    json!({"type": ty, "x-postgres": {"type": postgres}})
}

#[test]
fn texts() {
    all(
        json!({"type": "string", "maxLength": 3, "pattern": "^[äab\\d]*$"}),
        &[
            (r#""a1""#, r#"Text("a1")"#),
            (r#""\u00e4ää""#, r#"Text("äää")"#),
            (r#""""#, r#"Text("")"#),
            (r#""aaab""#, r#""aaab" is longer than 3 characters"#),
            (r#""c""#, r#""c" does not match the pattern ^[äab[0-9]]*$"#),
            (r#""٣""#, r#""٣" does not match the pattern ^[äab[0-9]]*$"#),
            ("12", "expected a string, found the number 12"),
            ("null", "null, but the schema does not allow null here"),
        ],
    );
    all(json!({"type": "string", "maxLength": 1}), &[(r#""ab""#, r#""ab" is longer than 1 character"#)]);
    all(json!({"type": ["string", "null"]}), &[("null", "Null"), (r#""a\u0000\n""#, r#"Text("a\0\n")"#)]);
    all(
        json!({"type": "string", "x-postgres": {"type": "text"}, "format": "date"}),
        &[
            (r#""2026-01-31""#, r#"Text("2026-01-31")"#),
            (r#""2026-1-31""#, r#""2026-1-31" is not a date (YYYY-MM-DD)"#),
        ],
    );
    let long = format!("\"{}\"", "ü".repeat(100));
    let shown = format!("\"{}… is longer than 99 characters", "ü".repeat(79));
    all(json!({"type": "string", "maxLength": 99}), &[(&long, &shown)]);
}

#[test]
fn integers() {
    all(
        json!({"type": "integer"}),
        &[
            ("4.0", "Integer(4)"),
            ("1e2", "Integer(100)"),
            ("-0", "Integer(0)"),
            ("-9223372036854775808", "Integer(-9223372036854775808)"),
            ("9223372036854775808", "9223372036854775808 is out of range for 64 bits"),
            ("4.5", "4.5 is not an integer"),
            (r#""4""#, r#"expected an integer, found "4""#),
            ("true", "expected an integer, found true"),
        ],
    );
    all(
        stored("integer", "int2"),
        &[
            ("-32768", "Integer(-32768)"),
            ("32767", "Integer(32767)"),
            ("32768", "32768 is out of range for 16 bits"),
        ],
    );
    all(stored("integer", "int"), &[("2147483648", "2147483648 is out of range for 32 bits")]);
}

#[test]
fn doubles() {
    all(
        json!({"type": "number"}),
        &[
            ("8", "Double(8.0)"),
            ("-0.0", "Double(-0.0)"),
            ("0.1234567890123456789", "Double(0.12345678901234568)"),
            ("5e-324", "Double(5e-324)"),
            ("1e400", "1e400 is out of range for the column's type"),
            ("1e-400", "1e-400 is out of range for the column's type"),
            ("0e-400", "Double(0.0)"),
        ],
    );
    all(
        stored("number", "real"),
        &[
            ("0.1", "Double(0.10000000149011612)"),
            ("16777217", "Double(16777216.0)"),
            ("1e39", "1e39 is out of range for the column's type"),
            ("1e-60", "1e-60 is out of range for the column's type"),
        ],
    );
}

#[test]
fn decimals_keep_every_digit() {
    all(
        stored("number", "numeric"),
        &[
            (
                "12345678901234567890.12345678901234567890",
                r#"Decimal("12345678901234567890.12345678901234567890")"#,
            ),
            ("1e400", r#"Decimal("1e400")"#),
            ("1.50", r#"Decimal("1.50")"#),
            (r#""1.5""#, r#"expected a number, found "1.5""#),
        ],
    );
    all(
        stored("number", "numeric(5,2)"),
        &[
            ("999.99", r#"Decimal("999.99")"#),
            ("1.500", r#"Decimal("1.500")"#),
            ("1.505", "1.505 has more than 2 digits after the decimal point"),
            ("1000", "1000 has more than 3 digits before the decimal point"),
            ("1e3", "1e3 has more than 3 digits before the decimal point"),
        ],
    );
    all(
        stored("string", "numeric(5,2)"),
        &[
            (r#""-1.50""#, r#"Decimal("-1.50")"#),
            (r#""1\u002e5""#, r#"Decimal("1.5")"#),
            (r#"" 1""#, r#"" 1" is not a decimal number"#),
            (r#""NaN""#, r#""NaN" is not a decimal number"#),
            (r#""""#, r#""" is not a decimal number"#),
            (r#""1.505""#, r#""1.505" has more than 2 digits after the decimal point"#),
        ],
    );
}

#[test]
fn bounds_and_enums_are_exact() {
    all(
        json!({"type": "number", "minimum": 0.1, "maximum": 5}),
        &[
            ("0.1", "Double(0.1)"),
            ("0.09999999999999999999999", "0.09999999999999999999999 is less than the minimum 0.1"),
            ("5.00", "Double(5.0)"),
            ("5.000000000000000000000001", "5.000000000000000000000001 is greater than the maximum 5"),
        ],
    );
    all(
        json!({"type": "integer", "maximum": 9007199254740992u64}),
        &[
            ("9007199254740992", "Integer(9007199254740992)"),
            ("9007199254740993", "9007199254740993 is greater than the maximum 9007199254740992"),
        ],
    );
    all(
        json!({"type": "number", "minimum": 0.1, "x-postgres": {"type": "real"}}),
        &[
            ("0.1", "Double(0.10000000149011612)"),
            ("0.09999999999", "0.09999999999 is less than the minimum 0.1"),
        ],
    );
    all(
        json!({"type": "integer", "enum": [4, 1e2]}),
        &[("4.0", "Integer(4)"), ("100", "Integer(100)"), ("5", "5 is not one of the allowed values")],
    );
    all(
        json!({"type": ["string", "null"], "enum": ["a", "b\n"]}),
        &[
            (r#""a""#, r#"Text("a")"#),
            (r#""b\n""#, r#"Text("b\n")"#),
            (r#""c""#, r#""c" is not one of the allowed values"#),
            ("null", "null is not one of the allowed values"),
        ],
    );
    all(
        json!({"type": "boolean", "const": true}),
        &[
            ("true", "Boolean(true)"),
            ("false", "false is not one of the allowed values"),
            ("1", "expected true or false, found the number 1"),
        ],
    );
}

#[test]
fn times() {
    all(
        json!({"type": "string", "format": "date"}),
        &[
            (r#""1970-01-02""#, "Date(1)"),
            (r#""1970-01\u002d02""#, "Date(1)"),
            (r#""1970-02-30""#, r#""1970-02-30" is not a day of the calendar"#),
        ],
    );
    all(
        json!({"type": "string", "format": "date-time"}),
        &[
            (r#""1970-01-01T00:00:01Z""#, "TimestampTz(1000000)"),
            (r#""1970-01-01T00:00:01""#, r#""1970-01-01T00:00:01" has no zone, such as Z or +02:00"#),
            ("1700000000", "expected a date and time with a zone (RFC 3339), found the number 1700000000"),
        ],
    );
    all(
        json!({"type": "string", "format": "date-time", "x-postgres": {"type": "timestamp"}}),
        &[
            (r#""1970-01-01T00:00:01""#, "Timestamp(1000000)"),
            (
                r#""1970-01-01T00:00:01Z""#,
                r#""1970-01-01T00:00:01Z" has a zone, but the column is a timestamp without one"#,
            ),
        ],
    );
}

#[test]
fn uuids_bytes_and_json() {
    all(
        json!({"type": "string", "format": "uuid"}),
        &[
            (
                r#""00010203-0405-0607-0809-0a0B0C0d0e0f""#,
                "Uuid([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])",
            ),
            (r#""000102030405060708090a0b0c0d0e0f""#, r#""000102030405060708090a0b0c0d0e0f" is not a UUID"#),
            (
                r#""0001020g-0405-0607-0809-0a0b0c0d0e0f""#,
                r#""0001020g-0405-0607-0809-0a0b0c0d0e0f" is not a UUID"#,
            ),
        ],
    );
    all(
        json!({"type": "string", "contentEncoding": "base64"}),
        &[
            (r#""""#, "Bytes([])"),
            (r#""AP8=""#, "Bytes([0, 255])"),
            (r#""+\/8A""#, "Bytes([251, 255, 0])"),
            (r#""AP8""#, r#""AP8" is not base64 (RFC 4648, with padding)"#),
            (r#""AP9=""#, r#""AP9=" is not base64 (RFC 4648, with padding)"#),
            (r#""A===""#, r#""A===" is not base64 (RFC 4648, with padding)"#),
            (r#""====""#, r#""====" is not base64 (RFC 4648, with padding)"#),
            (r#""AA==AA==""#, r#""AA==AA==" is not base64 (RFC 4648, with padding)"#),
            (r#""A P8""#, r#""A P8" is not base64 (RFC 4648, with padding)"#),
        ],
    );
    all(
        json!({"x-postgres": {"type": "jsonb"}}),
        &[
            ("null", "Null"),
            (r#""a\n""#, r#"Json("\"a\\n\"")"#),
            ("[1, 2]", r#"Json("[1, 2]")"#),
            ("1e1000", r#"Json("1e1000")"#),
        ],
    );
    all(
        json!({"type": ["object", "integer"], "x-postgres": {"type": "jsonb"}}),
        &[
            ("{}", r#"Json("{}")"#),
            ("4.0", r#"Json("4.0")"#),
            ("4.5", "expected JSON of the declared type, found the number 4.5"),
            ("null", "null, but the schema does not allow null here"),
        ],
    );
}

#[test]
fn arrays() {
    all(
        json!({"type": "array", "items": {"type": "integer", "minimum": 0}}),
        &[
            ("[1, 2.0 ]", r#"Array("[1, 2.0 ]", Integer { bits: 64 })"#),
            ("[]", r#"Array("[]", Integer { bits: 64 })"#),
            ("[1,-1]", "element 1: -1 is less than the minimum 0"),
            (r#"["a"]"#, r#"element 0: expected an integer, found "a""#),
            ("[null]", "element 0: null, but the schema does not allow null here"),
            ("[[1]]", "element 0: expected an integer, found [1]"),
            ("{}", "expected an array, found {}"),
        ],
    );
    all(
        json!({"type": "array", "items": {"type": "string"}, "x-postgres": {"type": "timestamptz[]"}}),
        &[(r#"["x"]"#, r#"element 0: "x" is not an RFC 3339 date and time"#)],
    );
    let mut seen = Vec::new();
    let text = r#"["a", "\u00e9\"", null, ""]"#;
    array_elements(text, &Type::Text { max: None }, &mut Scratch::default(), |value, _| {
        seen.push(format!("{value:?}"));
        Ok::<(), etl_stream::Fault>(())
    })
    .expect("checked");
    assert_eq!(seen, [r#"Text("a")"#, r#"Text("é\"")"#, "Null", r#"Text("")"#]);
}

#[test]
fn special_numbers_and_times() {
    let special = |mut property: serde_json::Value| {
        property["x-special"] = true.into();
        property
    };
    for postgres in ["real", "double precision", "numeric", "numeric(5,2)"] {
        let property = special(stored("number", postgres));
        all(
            property,
            &[
                (r#""NaN""#, r#"Special("NaN")"#),
                (r#""Infinity""#, r#"Special("Infinity")"#),
                (r#""-Infinity""#, r#"Special("-Infinity")"#),
                (r#""nan""#, r#""nan" is neither a number nor NaN, Infinity or -Infinity"#),
                (r#""1""#, r#""1" is neither a number nor NaN, Infinity or -Infinity"#),
                ("true", "expected a number, found true"),
                ("null", "null, but the schema does not allow null here"),
            ],
        );
    }
    all(special(json!({"type": "number"})), &[("1.5", "Double(1.5)")]);
    all(
        special(stored("string", "numeric(5,2)")),
        &[
            (r#""NaN""#, r#"Special("NaN")"#),
            (r#""1.50""#, r#"Decimal("1.50")"#),
            (r#""1.505""#, r#""1.505" has more than 2 digits after the decimal point"#),
        ],
    );
    all(
        special(json!({"type": "string", "format": "date"})),
        &[
            (r#""-infinity""#, r#"Special("-infinity")"#),
            (r#""0044-03-15 BC""#, r#"Special("0044-03-15 BC")"#),
            (r#""1970-01-02""#, "Date(1)"),
            (r#""Infinity""#, r#""Infinity" is not a date (YYYY-MM-DD)"#),
            (r#""2026-02-30""#, r#""2026-02-30" is not a day of the calendar"#),
        ],
    );
    all(
        special(json!({"type": "string", "format": "date-time"})),
        &[
            (r#""infinity""#, r#"Special("infinity")"#),
            (r#""12026-01-01 00:00:00+00""#, r#"Special("12026-01-01 00:00:00+00")"#),
            (r#""12026-01-01 00:00:00\u002b00""#, r#"Special("12026-01-01 00:00:00+00")"#),
            (r#""12026-01-01 00:00:00""#, r#""12026-01-01 00:00:00" is not an RFC 3339 date and time"#),
            (r#""1970-01-01T00:00:01Z""#, "TimestampTz(1000000)"),
        ],
    );
    all(
        special(json!({"type": "string", "format": "date-time", "x-postgres": {"type": "timestamp(3)"}})),
        &[
            (r#""0001-01-01 00:00:00 BC""#, r#"Special("0001-01-01 00:00:00 BC")"#),
            (
                r#""0001-01-01 00:00:00+00 BC""#,
                r#""0001-01-01 00:00:00+00 BC" has a zone, but the column is a timestamp without one"#,
            ),
        ],
    );
    // Without the annotation, none of them.
    all(json!({"type": "number"}), &[(r#""NaN""#, r#"expected a number, found "NaN""#)]);
    all(
        json!({"type": "string", "format": "date"}),
        &[(r#""infinity""#, r#""infinity" is not a date (YYYY-MM-DD)"#)],
    );
}

#[test]
fn arrays_of_several_dimensions() {
    let array = |more: serde_json::Value| {
        let mut property = json!({"type": "array", "x-postgres": {"type": "numeric(5,2)[]"}});
        for (keyword, value) in more.as_object().expect("keywords") {
            property[keyword] = value.clone();
        }
        property
    };
    let decimals = "Decimal { precision: Some((5, 2)) }";
    all(
        array(json!({})),
        &[
            ("[1,null]", &format!(r#"Array("[1,null]", {decimals})"#)),
            ("[[1],[[]],[2,null]]", &format!(r#"Array("[[1],[[]],[2,null]]", {decimals})"#)),
            ("[[1],[1.005]]", "element 1: element 0: 1.005 has more than 2 digits after the decimal point"),
            (r#"[["NaN"]]"#, r#"element 0: element 0: "NaN" is not a decimal number"#),
        ],
    );
    let special = format!(r#"Array("[[\"NaN\"],[1]]", {decimals})"#);
    all(array(json!({"x-special": true})), &[(r#"[["NaN"],[1]]"#, &special)]);
    all(
        array(json!({"items": {"type": "number", "x-special": true}})),
        &[
            (r#"["NaN"]"#, &format!(r#"Array("[\"NaN\"]", {decimals})"#)),
            ("[[1]]", "element 0: expected a number, found [1]"),
        ],
    );
    // An array is also an element.
    all(
        json!({"type": "array", "x-postgres": {"type": "jsonb[]"}}),
        &[("[[1],2]", r#"Array("[[1],2]", Json)"#)],
    );
    let mut elements = Vec::new();
    array_elements("[[1,2],[\"NaN\"]]", &Type::Double, &mut Scratch::default(), |value, source| {
        elements.push(format!("{value:?} {}", source.raw));
        Ok::<(), etl_stream::Fault>(())
    })
    .expect("a checked array");
    assert_eq!(elements, [r#"Array("[1,2]", Double) [1,2]"#, r#"Array("[\"NaN\"]", Double) ["NaN"]"#]);
}
