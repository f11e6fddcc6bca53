use std::sync::Arc;

use etl_postgres::Kind;
use etl_schema::{Checker, Schema, Type, UnknownFields};
use etl_stream::json::Scanner;

use super::*;
use crate::catalog;

const SCHEMA: &str =
    r#"{"properties":{"n":{"type":"integer"},"text":{"type":["string","null"]}},"required":["n"]}"#;

fn field(name: &str, ty: &Type, kind: Kind, null: Null) -> Field {
    let encoder = Encoder::between(ty, &kind).expect("a pair that is lossless");
    let column = catalog::Column {
        name: name.to_owned(),
        spelled: String::new(),
        bare: String::new(),
        base: None,
        collation: None,
        kind,
        not_null: null == Null::Refused,
        default: None,
        generated: false,
        identity_always: false,
    };
    Field { column, encoder, null }
}

/// The fields of the schema's records, and those of the stamp.
fn fields(text: Null, stamp: Kind) -> Vec<Field> {
    vec![
        field("n", &Type::Integer { bits: 64 }, Kind::Int(8), Null::Stays),
        field("text", &Type::Text { max: None }, Kind::Text(None), text),
        field("_etl_load_id", &Type::Text { max: None }, stamp, Null::Stays),
        field("_etl_loaded_at", &Type::TimestampTz, Kind::TimestampTz(6), Null::Stays),
    ]
}

/// Encodes records, and appends them to two bytes that are there already.
fn encode(encoder: &mut RowEncoder, records: &[&str]) -> (Vec<u8>, Vec<String>) {
    let schema = Schema::from_json("s", SCHEMA).expect("a schema");
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    let mut scanner = Scanner::new();
    let stamp = Stamp { load_id: "id-7".to_owned(), loaded_at: 946_684_800_000_001 };
    let (mut out, mut refusals) = (vec![9, 9], Vec::new());
    for (position, record) in records.iter().enumerate() {
        let record = scanner.scan(record.as_bytes()).expect("a record");
        let row = checker.check(&record).expect("it fits the schema");
        match encoder.encode(&row, position as u64, &stamp, &mut out) {
            Ok(()) => (),
            Err(Refused::Record(violation)) => refusals.push(violation.to_string()),
            Err(Refused::Row(refusal)) => panic!("{refusal}: no server was asked"),
            Err(Refused::Load(fault)) => refusals.push(format!("{}: {fault}", fault.class().code())),
        }
    }
    (out, refusals)
}

#[test]
fn a_row_is_its_fields_each_behind_its_length() {
    let mut encoder = RowEncoder::new("public.t", &fields(Null::Stays, Kind::Text(None))[..2], false, None);
    let (out, refusals) = encode(&mut encoder, &[r#"{"n":258,"text":"a\u0062"}"#, r#"{"n":-1,"text":null}"#]);
    assert_eq!(refusals, [""; 0]);
    let mut expected = vec![9, 9];
    expected.extend([0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 2, b'a', b'b']);
    expected.extend([0, 2, 0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
    assert_eq!(out, expected);
}

#[test]
fn the_position_comes_first_and_the_stamp_last() {
    let mut encoder = RowEncoder::new("public.t", &fields(Null::Stays, Kind::Text(None)), true, None);
    let (out, refusals) = encode(&mut encoder, &[r#"{"n":1}"#, r#"{"n":2}"#]);
    assert_eq!(refusals, [""; 0]);
    let row = |n: u8| {
        let mut row = vec![0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, n - 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, n];
        row.extend([255; 4]);
        row.extend([0, 0, 0, 4, b'i', b'd', b'-', b'7']);
        // Microseconds since 2000.
        row.extend([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        row
    };
    assert_eq!(out, [vec![9, 9], row(1), row(2)].concat());
}

#[test]
fn a_refused_record_leaves_nothing_behind() {
    let mut encoder = RowEncoder::new("public.t", &fields(Null::Refused, Kind::Text(None))[..2], false, None);
    let (out, refusals) =
        encode(&mut encoder, &[r#"{"n":1}"#, r#"{"n":1,"text":"a\u0000"}"#, r#"{"n":1,"text":""}"#]);
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert_eq!(refusals[0], "field \"text\": null, but its column in public.t is NOT NULL");
    assert!(refusals[1].starts_with(r#"field "text": "a\u0000" "#), "{refusals:?}");
    assert_eq!(out, [9, 9, 0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn a_stamp_that_does_not_fit_fails_the_load() {
    let short = Kind::Text(Some(2));
    let mut encoder = RowEncoder::new("public.t", &fields(Null::Stays, short), false, None);
    let (out, refusals) = encode(&mut encoder, &[r#"{"n":1}"#]);
    assert_eq!(refusals.len(), 1);
    assert!(refusals[0].starts_with("78: table public.t: column _etl_load_id: the stamp "), "{refusals:?}");
    assert_eq!(out, [9, 9]);
}

/// What is read in one pass is the same row, byte by byte.
#[test]
fn one_pass_over_a_line_makes_the_same_row() {
    let number =
        |postgres: &str| format!(r#"{{"type":["number","null"],"x-postgres":{{"type":"{postgres}"}}}}"#);
    let schema = format!(
        r#"{{"properties":{{"i":{{"type":"integer"}},"s":{{"type":"integer"}},"n":{{"type":"integer"}},
        "x":{{"type":["number","null"]}},"m":{},"p":{},"t":{{"type":["string","null"]}},"c":{{"type":"string"}},
        "b":{{"type":"boolean"}},"z":{{"type":"string","format":"date-time"}},"d":{{"type":"string","format":"date"}},
        "j":{{"x-postgres":{{"type":"jsonb"}}}},"a":{{"type":"array","items":{{"type":"integer"}}}}}}}}"#,
        number("numeric"),
        number("numeric(8,2)"),
    );
    let schema = Arc::new(Schema::from_json("s", &schema).expect("a schema"));
    let ty = |name: &str| &schema.columns.iter().find(|column| column.name == name).expect("a column").ty;
    let precision = etl_postgres::types::Precision { whole: 6, scale: 2 };
    let kinds = [
        ("i", Kind::Int(8)),
        ("s", Kind::Int(2)),
        ("n", Kind::Numeric(None)),
        ("x", Kind::Float8),
        ("m", Kind::Numeric(None)),
        ("p", Kind::Numeric(Some(precision))),
        ("t", Kind::Text(None)),
        ("c", Kind::Text(Some(5))),
        ("b", Kind::Bool),
        ("z", Kind::TimestampTz(6)),
        ("d", Kind::Date),
        ("j", Kind::Jsonb),
        ("a", Kind::Array(Box::new(Kind::Int(8)), 20)),
    ];
    let mut fields: Vec<Field> =
        kinds.into_iter().map(|(name, kind)| field(name, ty(name), kind, Null::Stays)).collect();
    fields.extend(self::fields(Null::Stays, Kind::Text(None)).split_off(2));
    let mut encoder = RowEncoder::new("public.t", &fields, true, None);
    let stamp = Stamp { load_id: "id-7".to_owned(), loaded_at: 1 };
    let (mut scanner, mut checker) =
        (Scanner::new(), Checker::new(Arc::clone(&schema), UnknownFields::Error));
    for line in [
        r#"{"i":-7,"s":32767,"n":12,"x":-0.5,"m":100.00,"p":123456.78,"t":"","c":"grün","b":true,"z":"2026-11-28T10:00:00.5+01:00","d":"2026-11-28","j":{"a":[1]},"a":[1,-3]}"#,
        r#"{"i": 9223372036854775807, "n": 0, "x": null, "t": "longer than what is copied at once, by far", "b": false, "a": []}"#,
        r#"{"x":1e300,"m":0.000000000000000000001,"t":"an \"escape\"","c":"12345","j":null}"#,
        r#"{"m":-12345678901234567890,"p":0.10,"z":"1970-01-01T00:00:00Z"}"#,
    ] {
        let mut one_pass = vec![9, 9];
        let taken = encoder.take(&mut checker, line.as_bytes(), 3, &stamp, &mut one_pass);
        assert!(taken.expect("a stamp that fits"), "{line}");
        let record = scanner.scan(line.as_bytes()).expect("a record");
        let row = checker.check(&record).expect("it fits the schema");
        let mut expected = vec![9, 9];
        encoder.encode(&row, 3, &stamp, &mut expected).expect("it fits the table");
        assert_eq!(one_pass, expected, "{line}");
    }
    for line in [r#"{"s":32768}"#, r#"{"c":"123456"}"#, r#"{"p":0.125}"#, r#"{"t":"\u0000"}"#, r#"{"q":1}"#] {
        let mut out = vec![9, 9];
        let taken = encoder.take(&mut checker, line.as_bytes(), 3, &stamp, &mut out);
        assert!(!taken.expect("a stamp that fits"), "{line}");
        assert_eq!(out, [9, 9], "{line}");
    }
}
