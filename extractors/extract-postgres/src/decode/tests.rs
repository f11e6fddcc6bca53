//! Bytes as PostgreSQL 15 sends them: `encode(numeric_send(1.50), 'hex')` and so on.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a digit") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn json(codec: &Codec, field: &[u8]) -> Result<String, Unread> {
    let mut out = b"before".to_vec();
    codec.append(field.into(), &mut out)?;
    Ok(String::from_utf8(out).expect("UTF-8")["before".len()..].to_owned())
}

#[track_caller]
fn all(codec: &Codec, cases: &[(&str, &str)]) {
    for (hex, expected) in cases {
        assert_eq!(json(codec, &bytes(hex)).as_deref(), Ok(*expected), "{codec:?} {hex}");
    }
}

#[test]
fn numbers() {
    all(&Codec::Int2, &[("8000", "-32768")]);
    all(&Codec::Int4, &[("7fffffff", "2147483647")]);
    all(&Codec::Int8, &[("8000000000000000", "-9223372036854775808"), ("0000000000000000", "0")]);
    all(&Codec::Oid, &[("ffffffff", "4294967295")]);
    all(&Codec::Bool, &[("00", "false"), ("01", "true")]);
    all(
        &Codec::Float4,
        &[
            ("3dcccccd", "0.1"),
            ("7f800000", r#""Infinity""#),
            ("80000000", "-0.0"),
            ("4b800000", "16777216.0"),
        ],
    );
    all(
        &Codec::Float8,
        &[
            ("3fb999999999999a", "0.1"),
            ("4008000000000000", "3"),
            ("c028a3d70a3d70a4", "-12.32"),
            ("0000000000000000", "0.0"),
            ("44b52d02c7e14af6", "1e+23"),
            ("0000000000000001", "5e-324"),
            ("7ff8000000000000", r#""NaN""#),
            ("fff0000000000000", r#""-Infinity""#),
        ],
    );
}

#[test]
fn numeric_keeps_every_digit() {
    all(
        &Codec::Numeric,
        &[
            ("0000000000000000", "0"),
            ("0000000000000003", "0.000"),
            ("000200000000000200011388", "1.50"),
            ("000200014000000000010929", "-12345"),
            ("0001ffff000000040001", "0.0001"),
            ("0001fffe0000000503e8", "0.00001"),
            ("0001ffff400000020000", "-0.00"),
            ("00010001000000000001", "10000"),
            ("000100010000000200ff", "2550000.00"),
            ("0002000100000004000109c4", "12500.0000"),
            ("00000000c0000000", r#""NaN""#),
            ("00000000d0000000", r#""Infinity""#),
            ("00000000f0000000", r#""-Infinity""#),
        ],
    );
}

#[test]
fn texts_are_escaped() {
    let text = |text: &str| json(&Codec::Text, text.as_bytes());
    assert_eq!(text("plain é漢"), Ok(r#""plain é漢""#.into()));
    assert_eq!(text(""), Ok(r#""""#.into()));
    let odd = "\"\\\n\r\t\u{1}\u{8}\u{1f}\u{7f}";
    assert_eq!(text(odd), Ok(r#""\"\\\n\r\t\u0001\u0008\u001f"#.to_owned() + "\u{7f}\""));
    let back: String = serde_json::from_str(&text(odd).expect("a text")).expect("JSON");
    assert_eq!(back, odd);
    assert!(matches!(json(&Codec::Text, b"a\xff"), Err(Unread::Refused(_))));
    assert!(matches!(json(&Codec::Jsonb, b"\x01\"\xff\""), Err(Unread::Refused(_))));
    assert_eq!(json(&Codec::Json, b"{\"a\":\n\r1}"), Ok("{\"a\":  1}".into()));
    assert_eq!(json(&Codec::Jsonb, b"\x01null"), Ok("null".into()));
    assert_eq!(json(&Codec::Jsonb, b"\x02null"), Err(Unread::Malformed));
    all(&Codec::Bytea, &[("", r#""""#), ("00", r#""AA==""#), ("fffefd", r#""//79""#)]);
    all(&Codec::Uuid, &[("a0eebc999c0b4ef8bb6d6bb9bd380a11", r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11""#)]);
}

#[test]
fn times_are_those_of_rfc_3339_or_of_postgresql() {
    all(
        &Codec::Date,
        &[
            ("00000000", r#""2000-01-01""#),
            ("7fffffff", r#""infinity""#),
            ("80000000", r#""-infinity""#),
            ("fff4dbf9", r#""0001-01-01""#),
            ("fff4dbf8", r#""0001-12-31 BC""#),
            ("002c95d3", r#""9999-12-31""#),
            ("002c95d4", r#""10000-01-01""#),
        ],
    );
    all(
        &Codec::TimestampTz,
        &[("0000000000000001", r#""2000-01-01T00:00:00.000001Z""#), ("7fffffffffffffff", r#""infinity""#)],
    );
    all(
        &Codec::Timestamp,
        &[
            ("ffffffffffffffff", r#""1999-12-31T23:59:59.999999""#),
            ("ff1fe2ffc59c5fff", r#""0001-12-31 23:59:59.999999 BC""#),
            ("0380e70b913b8000", r#""10000-01-01 00:00:00""#),
            ("7fffff5bb3b29fff", r#""294276-12-31 23:59:59.999999""#),
        ],
    );
    all(&Codec::TimestampTz, &[("ff1fe2ffc59c5fff", r#""0001-12-31 23:59:59.999999+00 BC""#)]);
    all(&Codec::Time, &[("000000141dd76000", r#""24:00:00""#), ("0000000000000064", r#""00:00:00.0001""#)]);
    all(
        &Codec::Interval,
        &[
            ("00000000000000000000000000000000", r#""PT0S""#),
            ("00000000000000000000000100000000", r#""P1D""#),
            ("00000000000000000000000000000019", r#""P2Y1M""#),
            ("ffffffffffffffff0000000000000000", r#""PT-0.000001S""#),
            ("7fffffffffffffff7fffffff7fffffff", r#""infinity""#),
            ("80000000000000008000000080000000", r#""-infinity""#),
        ],
    );
}

#[test]
fn arrays_have_their_dimensions() {
    let ints = Codec::Array(Box::new(Codec::Int4));
    let element = "0000000400000007";
    all(&ints, &[("000000000000000000000017", "[]")]);
    for (head, expected) in [
        (format!("000000010000000100000017{}{element}ffffffff", "0000000200000001"), "[7,null]"),
        (
            format!("000000020000000000000017{}{element}{element}", "00000002000000010000000100000001"),
            "[[7],[7]]",
        ),
    ] {
        all(&ints, &[(&head, expected)]);
    }
    let from_zero = format!("000000010000000000000017{}{element}", "0000000100000000");
    assert!(matches!(json(&ints, &bytes(&from_zero)), Err(Unread::Refused(_))));
    let cut = format!("000000010000000000000017{}{element}", "0000000200000001");
    let longer = format!("000000010000000000000017{}{element}{element}", "0000000100000001");
    for wrong in ["", "0000000100000000", "000000070000000000000017", &cut, &longer] {
        assert_eq!(json(&ints, &bytes(wrong)), Err(Unread::Malformed), "{wrong}");
    }
}

#[test]
fn what_no_server_sends_is_found() {
    for (codec, hex) in [
        (Codec::Int4, "00"),
        (Codec::Float8, "0000000000"),
        (Codec::Bool, ""),
        (Codec::Uuid, "00"),
        (Codec::Numeric, "00"),
        (Codec::Numeric, "0001000000000000"),
        (Codec::Numeric, "0000000012340000"),
        (Codec::Jsonb, ""),
        (Codec::Interval, "00"),
    ] {
        assert_eq!(json(&codec, &bytes(hex)), Err(Unread::Malformed), "{codec:?} {hex}");
    }
}
