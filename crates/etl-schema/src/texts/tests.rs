use std::sync::Arc;

use etl_stream::Values;
use etl_stream::json::Scanner;

use crate::{Checker, Column, Schema, Type, UnknownFields};

/// What a column of this type makes of a value as it stands in a line of texts.
fn read(ty: &str, raw: &str) -> Result<String, String> {
    let ty = Type::from_postgres(ty).expect("a type");
    let schema = Schema::from_columns("t", vec![Column::new("v", ty, true, false)], &[]).expect("a schema");
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error).of(Values::Text);
    let (line, mut scanner) = (format!("{{\"v\":{raw}}}"), Scanner::new());
    let record = scanner.scan(line.as_bytes()).expect("a record");
    checker.check(&record).map(|row| format!("{:?}", row.get(0))).map_err(|violation| violation.to_string())
}

#[test]
fn texts_are_read_as_copy_reads_them() {
    for (ty, raw, value) in [
        ("integer", r#""007""#, "Integer(7)"),
        ("integer", r#""+7""#, "Integer(7)"),
        ("integer", r#"" 12 ""#, "Integer(12)"),
        ("integer", r#""\t12""#, "Integer(12)"),
        ("integer", r#""-0""#, "Integer(0)"),
        ("bigint", r#""-9223372036854775808""#, "Integer(-9223372036854775808)"),
        ("double precision", r#""1e3""#, "Double(1000.0)"),
        ("double precision", r#"".5""#, "Double(0.5)"),
        ("double precision", r#""5.""#, "Double(5.0)"),
        ("double precision", r#""-0""#, "Double(-0.0)"),
        ("real", r#""0.1""#, "Double(0.10000000149011612)"),
        ("numeric", r#""1.50""#, "Decimal(\"1.50\")"),
        ("numeric", r#""+001.50""#, "Decimal(\"1.50\")"),
        ("numeric", r#"" 1.50""#, "Decimal(\"1.50\")"),
        ("boolean", r#""t""#, "Boolean(true)"),
        ("boolean", r#""TRUE""#, "Boolean(true)"),
        ("boolean", r#"" of ""#, "Boolean(false)"),
        ("boolean", r#""0""#, "Boolean(false)"),
        ("date", r#""1970-01-02""#, "Date(1)"),
        ("timestamp", r#""1970-01-02""#, "Timestamp(86400000000)"),
        ("timestamp", r#""1970-01-01 00:00:00.5""#, "Timestamp(500000)"),
        ("timestamptz", r#""1970-01-01 00:00:00+00""#, "TimestampTz(0)"),
        ("timestamptz", r#""1970-01-01 01:00:00+0100""#, "TimestampTz(0)"),
        ("timestamptz", r#""1970-01-01T00:00:00Z""#, "TimestampTz(0)"),
        ("timestamp", r#""1970-01-01 00:01""#, "Timestamp(60000000)"),
        ("timestamptz", r#""1970-01-01T00:01+00""#, "TimestampTz(60000000)"),
        ("integer[]", r#"" { 1 , null,\"3\"} ""#, r#"Array("[1,null,3]", Integer { bits: 32 })"#),
        ("text[]", r#""{a b,\"\"}""#, r#"Array("[\"a b\",\"\"]", Text { max: None })"#),
        ("bytea", r#""\\x00ff""#, "Bytes([0, 255])"),
        ("jsonb", r#""{\"a\": 1}""#, r#"Json("{\"a\": 1}")"#),
        ("jsonb", r#""null""#, r#"Json("null")"#),
        ("text", r#"" 007 ""#, r#"Text(" 007 ")"#),
        ("text", r#""a\nb""#, r#"Text("a\nb")"#),
        ("integer", "null", "Null"),
    ] {
        assert_eq!(read(ty, raw).as_deref(), Ok(value), "{ty} {raw}");
    }
    let plain = read("uuid", r#""a0eebc999c0b4ef8bb6d6bb9bd380a11""#);
    assert_eq!(plain, read("uuid", r#""A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11""#));
    assert!(plain.is_ok());
}

#[test]
fn what_copy_refuses_or_would_change_is_refused() {
    for (ty, raw, reason) in [
        ("integer", "7", "7 is neither a string nor null, but the stream says that all its values are texts"),
        ("integer", r#""""#, r#""" is not a number"#),
        ("double precision", r#""NaN""#, r#""NaN" is not a number"#),
        ("integer[]", r#""{1,}""#, r#""{1,}" is not an array, such as {1,2} or [1,2]"#),
        ("integer[]", r#""[1:1]={1}""#, r#""[1:1]={1}" is not an array, such as {1,2} or [1,2]"#),
        ("integer[]", r#""{99999999999}""#, r#"element 0: 99999999999 is out of range for 32 bits"#),
        ("bytea[]", r#""{\\x00}""#, r#""{\\x00}" is refused: element 0 is not bytes in base64"#),
        ("integer", r#""1.0""#, r#""1.0" is not an integer"#),
        ("integer", r#""5.""#, r#""5." is not an integer"#),
        ("integer", r#""1e3""#, r#""1e3" is not an integer"#),
        ("integer", r#""+-7""#, r#""+-7" is not a number"#),
        ("smallint", r#""32768""#, r#""32768" is out of range for 16 bits"#),
        ("double precision", r#"".""#, r#""." is not a number"#),
        ("double precision", r#""1e400""#, r#""1e400" is out of range for the column's type"#),
        ("numeric(4,2)", r#""1.005""#, r#""1.005" has more than 2 digits after the decimal point"#),
        ("boolean", r#""o""#, r#""o" is not a boolean"#),
        (
            "timestamptz",
            r#""2026-01-01 00:00:00""#,
            r#""2026-01-01 00:00:00" has no zone, such as Z or +02:00"#,
        ),
        ("bytea", r#""\\x0""#, r#""\\x0" is not bytes as \x and digits"#),
        ("jsonb", r#""{""#, r#""{" is not JSON"#),
    ] {
        assert_eq!(read(ty, raw), Err(format!("field \"v\": {reason}")), "{ty} {raw}");
    }
}
