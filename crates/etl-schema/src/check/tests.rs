use serde_json::json;

use super::*;
use crate::{Column, Type, array_elements};

/// The value of the only field `v` after the check, in words, or why it was refused.
fn check(property: serde_json::Value, value: &str) -> String {
    let schema = Schema::from_json("test", &json!({"properties": {"v": property}})).expect("a schema");
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    let line = format!("{{\"v\":{value}}}");
    let mut scanner = json::Scanner::new();
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
            ("12", "expected a text, found 12"),
            ("null", "null, but the schema does not allow null here"),
        ],
    );
    all(json!({"type": ["string", "null"]}), &[("null", "Null"), (r#""a\u0000\n""#, r#"Text("a\0\n")"#)]);
    all(
        json!({"type": "string", "x-postgres": {"type": "text"}, "format": "date"}),
        &[
            (r#""2026-01-31""#, r#"Text("2026-01-31")"#),
            (r#""2026-1-31""#, r#""2026-1-31" is no date YYYY-MM-DD"#),
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
            ("4.5", "4.5 is no integer"),
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
            ("1e400", "1e400 is out of the range of the column's numbers"),
            ("1e-400", "1e-400 is out of the range of the column's numbers"),
            ("0e-400", "Double(0.0)"),
        ],
    );
    all(
        stored("number", "real"),
        &[
            ("0.1", "Double(0.10000000149011612)"),
            ("16777217", "Double(16777216.0)"),
            ("1e39", "1e39 is out of the range of the column's numbers"),
            ("1e-60", "1e-60 is out of the range of the column's numbers"),
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
            ("1.505", "1.505 has more than 2 digits behind the point"),
            ("1000", "1000 has more than 3 digits before the point"),
            ("1e3", "1e3 has more than 3 digits before the point"),
        ],
    );
    all(
        stored("string", "numeric(5,2)"),
        &[
            (r#""-1.50""#, r#"Decimal("-1.50")"#),
            (r#""1\u002e5""#, r#"Decimal("1.5")"#),
            (r#"" 1""#, r#"" 1" is no decimal number"#),
            (r#""NaN""#, r#""NaN" is no decimal number"#),
            (r#""""#, r#""" is no decimal number"#),
            (r#""1.505""#, r#""1.505" has more than 2 digits behind the point"#),
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
            ("5.000000000000000000000001", "5.000000000000000000000001 is more than the maximum 5"),
        ],
    );
    all(
        json!({"type": "integer", "maximum": 9007199254740992u64}),
        &[
            ("9007199254740992", "Integer(9007199254740992)"),
            ("9007199254740993", "9007199254740993 is more than the maximum 9007199254740992"),
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
            ("1", "expected true or false, found 1"),
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
            (r#""1970-02-30""#, r#""1970-02-30" is no day of the calendar"#),
        ],
    );
    all(
        json!({"type": "string", "format": "date-time"}),
        &[
            (r#""1970-01-01T00:00:01Z""#, "TimestampTz(1000000)"),
            (r#""1970-01-01T00:00:01""#, r#""1970-01-01T00:00:01" has no zone, such as Z or +02:00"#),
            ("1700000000", "expected a date and time with zone (RFC 3339), found 1700000000"),
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
            (r#""000102030405060708090a0b0c0d0e0f""#, r#""000102030405060708090a0b0c0d0e0f" is no UUID"#),
            (
                r#""0001020g-0405-0607-0809-0a0b0c0d0e0f""#,
                r#""0001020g-0405-0607-0809-0a0b0c0d0e0f" is no UUID"#,
            ),
        ],
    );
    all(
        json!({"type": "string", "contentEncoding": "base64"}),
        &[
            (r#""""#, "Bytes([])"),
            (r#""AP8=""#, "Bytes([0, 255])"),
            (r#""+\/8A""#, "Bytes([251, 255, 0])"),
            (r#""AP8""#, r#""AP8" is no base64 (RFC 4648, with padding)"#),
            (r#""AP9=""#, r#""AP9=" is no base64 (RFC 4648, with padding)"#),
            (r#""A===""#, r#""A===" is no base64 (RFC 4648, with padding)"#),
            (r#""====""#, r#""====" is no base64 (RFC 4648, with padding)"#),
            (r#""AA==AA==""#, r#""AA==AA==" is no base64 (RFC 4648, with padding)"#),
            (r#""A P8""#, r#""A P8" is no base64 (RFC 4648, with padding)"#),
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
            ("4.5", "expected JSON of the declared type, found 4.5"),
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
        &[(r#"["x"]"#, r#"element 0: "x" is no RFC 3339 date and time"#)],
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

fn sample() -> Arc<Schema> {
    let columns = vec![
        Column::new("id", Type::Integer { bits: 64 }, false, true),
        Column::new("name", Type::Text { max: None }, true, false),
        Column::new("price", Type::Decimal { precision: None }, true, false),
    ];
    Arc::new(Schema::from_columns("t", columns, &["id"]).expect("a schema"))
}

#[test]
fn fields_find_their_columns() {
    let mut scanner = json::Scanner::new();
    let mut checker = Checker::new(sample(), UnknownFields::Error);
    let cases = [
        (r#"{"id":1,"name":"a","price":2}"#, r#"Integer(1) Text("a") Decimal("2")"#),
        (r#"{"id":2,"name":"b\t","price":"2.50"}"#, r#"Integer(2) Text("b\t") Decimal("2.50")"#),
        (r#"{"price":3,"id":3}"#, r#"Integer(3) Null Decimal("3")"#),
        (r#"{"n\u0061me":"c","id":4}"#, r#"Integer(4) Text("c") Null"#),
        (r#"{"id":5}"#, "Integer(5) Null Null"),
        (r#"{"id":6,"nome":1}"#, r#"field "nome": the schema t has no such field"#),
        (r#"{"name":"x"}"#, r#"field "id": required, but missing"#),
        (r#"{"id":7}"#, "Integer(7) Null Null"),
        (r#"{"id":null}"#, r#"field "id": null, but the schema does not allow null here"#),
        (r#"{"ID":8}"#, r#"field "ID": the schema t has no such field"#),
    ];
    for (line, expected) in cases {
        let record = scanner.scan(line.as_bytes()).expect("a record");
        let shown = match checker.check(&record) {
            Ok(row) => row.values().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" "),
            Err(violation) => violation.to_string(),
        };
        assert_eq!(shown, expected, "{line}");
    }
    assert_eq!(checker.dropped, 0);
}

#[test]
fn unknown_fields_are_dropped_and_counted() {
    let mut scanner = json::Scanner::new();
    let mut checker = Checker::new(sample(), UnknownFields::Drop);
    for (line, dropped) in [
        (r#"{"x":[],"id":1,"y":{"id":2}}"#, 2),
        (r#"{"x":{},"id":1,"y":null}"#, 4),
        (r#"{"id":1}"#, 4),
        (r#"{"id":1,"z":"\n"}"#, 5),
    ] {
        let record = scanner.scan(line.as_bytes()).expect("a record");
        assert_eq!(checker.check(&record).expect("a row").get(0), Value::Integer(1));
        assert_eq!(checker.dropped, dropped, "{line}");
    }
    let open = json!({"additionalProperties": true, "properties": {"id": {"type": "integer"}}});
    let open = Schema::from_json("open", &open).expect("a schema");
    let mut checker = Checker::new(Arc::new(open), UnknownFields::Error);
    let record = scanner.scan(br#"{"id":1,"z":0}"#).expect("a record");
    assert!(checker.check(&record).is_ok());
    assert_eq!(checker.dropped, 1);
}

/// A random schema of the keywords that both know, and values that come near its edges.
fn random_schema(random: &mut fastrand::Rng) -> serde_json::Value {
    let mut properties = serde_json::Map::new();
    for name in ["a", "b", "c", "d"] {
        let mut property = match random.u8(..6) {
            0 => json!({"type": "integer", "minimum": -3, "maximum": 4}),
            1 => json!({"type": "number", "minimum": -2.5}),
            2 => json!({"type": "string", "maxLength": 3}),
            3 => json!({"type": "string", "pattern": "^[a-c]+\\d?$"}),
            4 => json!({"type": "boolean"}),
            _ => json!({"type": "array", "items": {"type": "integer", "maximum": 3}}),
        };
        if random.u8(..4) == 0 && property["type"] != "array" {
            property["enum"] = json!([1, 2.0, "ab", "é", null, true]);
        }
        if random.bool() {
            property["type"] = json!([property["type"], "null"]);
        }
        properties.insert(name.to_owned(), property);
    }
    let mut schema =
        json!({"type": "object", "properties": properties, "additionalProperties": random.bool()});
    schema["required"] = if random.bool() { json!(["a", "c"]) } else { json!([]) };
    schema
}

#[test]
fn agrees_with_the_jsonschema_crate() {
    const VALUES: [&str; 24] = [
        "1",
        "2",
        "4",
        "4.0",
        "5",
        "-3",
        "-4",
        "1.5",
        "-2.5",
        "-2.6",
        "1e1",
        "null",
        "true",
        "false",
        r#""ab""#,
        r#""abc1""#,
        r#""é""#,
        r#""ééé""#,
        r#""\u0061""#,
        r#""c9""#,
        "[]",
        "[1,2]",
        "[1,4]",
        "{}",
    ];
    let mut random = fastrand::Rng::with_seed(3);
    let mut scanner = json::Scanner::new();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..150 {
        let document = random_schema(&mut random);
        let theirs = jsonschema::draft202012::new(&document).expect("a schema");
        let schema = Schema::from_json("random", &document).expect("a schema");
        let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
        for _ in 0..300 {
            let mut members = Vec::new();
            for name in ["a", "b", "c", "d", "e"] {
                let present = if name == "e" { random.u8(..8) == 0 } else { random.u8(..6) > 0 };
                if present {
                    let ty = &document["properties"][name]["type"];
                    let fitting = match ty.as_str().or_else(|| ty[0].as_str()) {
                        Some("integer" | "number") => 0..11,
                        Some("boolean") => 12..14,
                        Some("string") => 14..20,
                        Some("array") => 20..23,
                        _ => 0..VALUES.len(),
                    };
                    let range = if random.u8(..10) == 0 { 0..VALUES.len() } else { fitting };
                    members.push(format!("\"{name}\":{}", VALUES[random.usize(range)]));
                }
            }
            random.shuffle(&mut members);
            let line = format!("{{{}}}", members.join(","));
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let record = scanner.scan(line.as_bytes()).expect("a record");
            let ours = checker.check(&record).map(|_| ());
            assert_eq!(ours.is_ok(), theirs.is_valid(&value), "{document} {line} {ours:?}");
            *(if ours.is_ok() { &mut good } else { &mut bad }) += 1;
        }
    }
    assert!(good > 2000 && bad > 2000, "one-sided: {good} good, {bad} bad");
}
