use super::*;

fn field(encoder: &Encoder, value: Value<'_>, raw: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let source = json::scan_value(raw).expect("JSON");
    encoder.encode(value, true, || Some(source), &mut out).map_err(Refusal::into_owned)?;
    let (length, bytes) = out.split_at(4);
    assert_eq!(i32::from_be_bytes(length.try_into().unwrap()) as usize, bytes.len());
    Ok(bytes.to_vec())
}

fn numeric(text: &str, precision: Option<Precision>) -> Result<Vec<u16>, String> {
    let bytes = field(&Encoder::Numeric(precision), Value::Decimal(text), text)?;
    Ok(bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
}

#[test]
fn numbers_keep_every_digit() {
    // The number of groups, weight, sign, digits after the decimal point, and the groups of four digits.
    let below = |weight: i16| weight as u16;
    let cases: [(&str, &[u16]); 18] = [
        ("0", &[0, 0, 0, 0]),
        ("-0.0", &[0, 0, 0, 1]),
        ("0e5", &[0, 0, 0, 0]),
        ("7", &[1, 0, 0, 0, 7]),
        ("-12345", &[2, 1, 0x4000, 0, 1, 2345]),
        ("10000", &[1, 1, 0, 0, 1]),
        ("8.4", &[2, 0, 0, 1, 8, 4000]),
        ("1.50", &[2, 0, 0, 2, 1, 5000]),
        ("0.0001", &[1, below(-1), 0, 4, 1]),
        ("0.00001", &[1, below(-2), 0, 5, 1000]),
        ("1e2", &[1, 0, 0, 0, 100]),
        ("1.5e-3", &[1, below(-1), 0, 4, 15]),
        ("12345678901234567890", &[5, 4, 0, 0, 1234, 5678, 9012, 3456, 7890]),
        ("123456.789", &[3, 1, 0, 3, 12, 3456, 7890]),
        ("1e400", &[1, 100, 0, 0, 1]),
        ("1.25E+5", &[2, 1, 0, 0, 12, 5000]),
        ("100.00", &[1, 0, 0, 2, 100]),
        ("9999.9999", &[2, 0, 0, 4, 9999, 9999]),
    ];
    for (text, expected) in cases {
        assert_eq!(numeric(text, None).as_deref(), Ok(expected), "{text}");
    }
    for text in ["1e200000", "1e-20000", "0e-20000", "1e99999999999999999999"] {
        assert_eq!(numeric(text, None), Err("is out of range for numeric".into()), "{text}");
    }
}

#[test]
fn a_column_of_some_digits_takes_no_more() {
    let refused = |text, whole, scale| numeric(text, Some(Precision { whole, scale })).unwrap_err();
    let taken = |text, whole, scale| numeric(text, Some(Precision { whole, scale })).unwrap();
    assert_eq!(taken("12345678.1234", 8, 4), [3, 1, 0, 4, 1234, 5678, 1234]);
    assert_eq!(taken("1.2300000", 1, 2), [2, 0, 0, 7, 1, 2300]);
    assert_eq!(taken("12000", 5, -3), [2, 1, 0, 0, 1, 2000]);
    assert_eq!(taken("0.00123", -2, 5), [2, below_one(), 0, 5, 12, 3000]);
    assert!(refused("123456789", 8, 4).contains("8 digits before the decimal point"));
    assert!(refused("0.00001", 8, 4).contains("more than 4 digits after the decimal point"));
    assert!(refused("12300", 5, -3).contains("nonzero digits below 10^3"));
    assert!(refused("0.0123", -2, 5).contains("0 digits before the decimal point"));
}

fn below_one() -> u16 {
    -1_i16 as u16
}

#[test]
fn integers_fit_or_are_refused() {
    let int = |bytes, n: i64| field(&Encoder::Int(bytes), Value::Integer(n), "0");
    assert_eq!(int(2, -2), Ok(vec![0xff, 0xfe]));
    assert_eq!(int(4, 1 << 30), Ok(vec![0x40, 0, 0, 0]));
    assert_eq!(int(8, i64::MIN), Ok(vec![0x80, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(int(2, 40_000), Err("is out of range for the column's type, smallint".into()));
    assert_eq!(int(4, 1 << 31), Err("is out of range for the column's type, integer".into()));
    let double = |n: i64| field(&Encoder::IntAsFloat8, Value::Integer(n), "0");
    assert_eq!(double(1 << 53), Ok(((1_u64 << 53) as f64).to_be_bytes().to_vec()));
    assert!(double((1 << 53) + 1).is_err());
    assert!(double(i64::MAX).is_err());
    assert!(double(i64::MIN).is_ok());
}

#[test]
fn times_count_from_2000() {
    let date = |days| field(&Encoder::Date, Value::Date(days), "0").unwrap();
    assert_eq!(date(10_957), [0; 4]);
    assert_eq!(date(10_956), [0xff; 4]);
    let at = |digits, micros| field(&Encoder::Timestamp(digits), Value::Timestamp(micros), "0");
    assert_eq!(at(6, 946_684_800_000_001), Ok(vec![0, 0, 0, 0, 0, 0, 0, 1]));
    assert_eq!(at(0, 946_684_801_000_000), Ok(1_000_000_i64.to_be_bytes().to_vec()));
    assert!(at(0, 946_684_801_500_000).unwrap_err().contains("the 0 that its column keeps"));
    assert!(at(3, 946_684_801_500_000).is_ok());
}

#[test]
fn what_postgresql_does_not_store_is_found_here() {
    let text = |value, raw| field(&Encoder::Text(None), Value::Text(value), raw);
    assert_eq!(text("a\0b", r#""a\u0000b""#), Err(NUL.into()));
    assert_eq!(text("a\\u0000", r#""a\\u0000""#), Ok(b"a\\u0000".to_vec()));
    let jsonb = |raw| field(&Encoder::Jsonb, Value::Json(raw), raw);
    assert_eq!(jsonb(r#"{"a":"\u0000"}"#), Err(NUL.into()));
    assert_eq!(jsonb(r#"["\\u0000","\\\\u0000"]"#).unwrap()[1..], *br#"["\\u0000","\\\\u0000"]"#);
    assert_eq!(jsonb(r#""\\\u0000""#), Err(NUL.into()));
    assert_eq!(field(&Encoder::Json, Value::Json("1"), "1"), Ok(b"1".to_vec()));
    let short = |value| field(&Encoder::Text(Some(2)), Value::Text(value), r#""""#);
    assert_eq!(short("éé"), Ok("éé".as_bytes().to_vec()));
    assert_eq!(short("abc"), Err("is longer than the 2 characters of its column".into()));
}

#[test]
fn arrays_have_their_dimensions() {
    let ints = Encoder::Array(Box::new(Encoder::Int(4)), Type::Integer { bits: 32 }, 23);
    let element = Type::Integer { bits: 32 };
    let array = |raw: &str| field(&ints, Value::Array(raw, &element), raw);
    assert_eq!(array("[]"), Ok([0, 0, 23].map(i32::to_be_bytes).concat()));
    let expected = [1, 1, 23, 2, 1, 4, 7, -1].map(i32::to_be_bytes).concat();
    assert_eq!(array("[7,null]"), Ok(expected));
    let small = Encoder::Array(Box::new(Encoder::Int(2)), element.clone(), 21);
    let refused = field(&small, Value::Array("[1,70000]", &element), "[1,70000]");
    assert_eq!(refused, Err("is refused: element 1 is out of range for the column's type, smallint".into()));
}

#[test]
fn pairs_that_could_lose_something_are_none() {
    let none = [
        (Type::Double, Kind::TimestampTz(6)),
        (Type::Double, Kind::Float4),
        (Type::Double, Kind::Int(8)),
        (Type::Decimal { precision: None }, Kind::Float8),
        (Type::Timestamp, Kind::TimestampTz(6)),
        (Type::TimestampTz, Kind::Timestamp(6)),
        (Type::TimestampTz, Kind::Date),
        (Type::Boolean, Kind::Int(4)),
        (Type::Text { max: None }, Kind::Bytea),
        (Type::Bytes, Kind::Uuid),
        (Type::Array(Box::new(Type::Double)), Kind::Array(Box::new(Kind::Float4), 700)),
        (Type::Json, Kind::Inet),
    ];
    for (ty, kind) in none {
        assert_eq!(Encoder::between(&ty, &kind), None, "{ty:?} {kind:?}");
    }
}

fn of(kind: Kind, value: &str) -> Result<Vec<u8>, String> {
    field(&Encoder::Parsed(kind), Value::Text(value), "\"\"")
}

#[test]
fn times_of_day_and_intervals() {
    let micros = |text| of(Kind::Time(6), text).map(|bytes| i64::from_be_bytes(bytes.try_into().unwrap()));
    assert_eq!(micros("00:00:00"), Ok(0));
    assert_eq!(micros("24:00:00"), Ok(86_400_000_000));
    assert_eq!(micros("23:59:60"), Ok(86_400_000_000));
    assert_eq!(micros("01:02:03.5"), Ok(3_723_500_000));
    assert_eq!(micros("01:02"), Ok(3_720_000_000));
    for text in [
        "24:00:01",
        "1:02:03",
        "01:02:",
        "01:02Z",
        "01:60:00",
        "01:02:61",
        "01:02:03.1234567",
        "01:02:03Z",
        "",
    ] {
        assert!(micros(text).is_err(), "{text}");
    }
    let interval = |text| {
        of(Kind::Interval, text).map(|bytes| {
            let int = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            (int(12), int(8), i64::from_be_bytes(bytes[..8].try_into().unwrap()))
        })
    };
    assert_eq!(interval("P1Y2M3DT4H5M6.7S"), Ok((14, 3, 14_706_700_000)));
    assert_eq!(interval("P-1Y2DT-1H"), Ok((-12, 2, -3_600_000_000)));
    assert_eq!(interval("P2W"), Ok((0, 14, 0)));
    assert_eq!(interval("1 year 2 mons -3 days +04:05:06.7"), Ok((14, -3, 14_706_700_000)));
    assert_eq!(interval("-00:00:01"), Ok((0, 0, -1_000_000)));
    assert_eq!(interval("100:00:00"), Ok((0, 0, 360_000_000_000)));
    for text in [
        "",
        "P",
        "PT",
        "P1DT",
        "P1D1Y",
        "PT1.5H",
        "1",
        "1 day ago",
        "1.5 days",
        "04:05",
        "P9999999999Y",
        "1 day 2",
    ] {
        assert!(interval(text).is_err(), "{text}");
    }
}

#[test]
fn addresses() {
    assert_eq!(of(Kind::Inet, "10.1.2.3/8"), Ok(vec![2, 8, 0, 4, 10, 1, 2, 3]));
    assert_eq!(of(Kind::Cidr, "10.0.0.0/8"), Ok(vec![2, 8, 1, 4, 10, 0, 0, 0]));
    assert_eq!(of(Kind::Inet, "::1").map(|bytes| (bytes[1], bytes.len())), Ok((128, 20)));
    for text in ["10.1", "10.1.2.3/33", "10.1.2.3/", "fe80::1%eth0", "x"] {
        assert!(of(Kind::Inet, text).is_err(), "{text}");
    }
    assert!(of(Kind::Cidr, "10.1.0.0/8").is_err());
    let mac = Ok(vec![8, 0, 0x2b, 1, 2, 0xaf]);
    for text in [
        "08:00:2b:01:02:af",
        "08-00-2B-01-02-AF",
        "08002b:0102af",
        "08002b-0102af",
        "0800.2b01.02af",
        "0800-2b01-02af",
        "08002b0102af",
    ] {
        assert_eq!(of(Kind::Macaddr, text), mac, "{text}");
    }
    for text in ["08:00:2b:01:02", "08:00:2b:01:02:0g", "8:0:2b:1:2:af", ""] {
        assert!(of(Kind::Macaddr, text).is_err(), "{text}");
    }
}

#[test]
fn texts_for_other_columns_are_strict() {
    assert_eq!(of(Kind::Int(4), "-7"), Ok(vec![0xff, 0xff, 0xff, 0xf9]));
    assert_eq!(of(Kind::Float8, "-0.0"), Ok((-0.0_f64).to_be_bytes().to_vec()));
    assert_eq!(of(Kind::Bool, "true"), Ok(vec![1]));
    let labels = Kind::Enum(vec!["low".into(), "high".into()]);
    assert_eq!(of(labels.clone(), "high"), Ok(b"high".to_vec()));
    assert_eq!(of(labels, "High"), Err("is not one of the column's values, low, high".into()));
    for (kind, text) in [
        (Kind::Int(4), "4.0"),
        (Kind::Float8, "NaN"),
        (Kind::Float8, "1e400"),
        (Kind::Float8, "1e-400"),
        (Kind::Numeric(None), " 1"),
        (Kind::Bool, "yes"),
        (Kind::Date, "24.11.2026"),
        (Kind::TimestampTz(6), "2026-11-24T10:00:00"),
        (Kind::Uuid, "x"),
    ] {
        assert!(of(kind, text).is_err(), "{text}");
    }
}
