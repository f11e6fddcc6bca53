use etl_stream::json::Scanner;
use serde_json::json;

use super::*;
use crate::cell::Scratch;
use crate::read::read;
use crate::schema::Schema;
use crate::value::Value;

fn columns() -> Vec<Column> {
    let stored = |ty: &str, postgres: &str| json!({"type": ty, "x-postgres": {"type": postgres}});
    let properties = [
        json!({"type": "integer"}),
        json!({"type": "integer", "minimum": 0, "maximum": 100}),
        json!({"type": "integer", "minimum": -0.5, "maximum": 9007199254740993u64}),
        stored("integer", "int2"),
        stored("integer", "numeric(6,2)"),
        json!({"type": "number"}),
        json!({"type": "number", "minimum": 0}),
        json!({"type": "number", "minimum": -273.15, "maximum": 0.0}),
        json!({"type": ["number", "null"], "enum": [1, 2.5, null]}),
        stored("number", "real"),
        stored("number", "numeric"),
        stored("number", "numeric(6,2)"),
        stored("number", "numeric(3,3)"),
        json!({"type": "number", "minimum": 0, "x-postgres": {"type": "numeric(6,2)"}}),
        json!({"type": "number", "maximum": 9.5, "x-postgres": {"type": "numeric(6,2)"}}),
        json!({"type": ["boolean", "null"]}),
        json!({"type": "boolean", "const": true}),
        json!({"type": ["string", "null"]}),
        json!({"type": "string", "maxLength": 3}),
        json!({"type": "string", "pattern": "^a"}),
        json!({"type": "string", "format": "date", "x-postgres": {"type": "text"}}),
        json!({"type": ["string", "null"], "format": "date"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "date-time", "maxLength": 20}),
        json!({"type": "string", "format": "date-time", "x-postgres": {"type": "timestamp"}}),
        json!({"type": "string", "x-postgres": {"type": "numeric(6,2)"}}),
        json!({"x-postgres": {"type": "jsonb"}}),
    ];
    let named = properties.into_iter().enumerate().map(|(i, property)| (format!("c{i}"), property));
    let document = json!({"properties": named.collect::<serde_json::Map<_, _>>()});
    let mut columns = Schema::from_json("quick", &document.to_string()).expect("a schema").columns;
    for ty in [Type::Float, Type::Date, Type::Text { max: Some(2) }, Type::Integer { bits: 32 }] {
        columns.push(Column::new("from a table", ty, true, false));
    }
    columns
}

fn texts(random: &mut fastrand::Rng) -> String {
    const TEXTS: [&str; 30] = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1",
        "100",
        "101",
        "100.0",
        "-273.15",
        "-273.16",
        "9.5",
        "9.51",
        "0.125",
        "0.1",
        "1e2",
        "-1e-400",
        "5e-324",
        "9007199254740993",
        "9007199254740994",
        "32767",
        "32768",
        r#""""#,
        r#""abc""#,
        r#""äöü""#,
        r#""abcd""#,
        r#""\n""#,
        "[1]",
    ];
    match random.u8(..6) {
        0 => format!("{}", random.i32(-40_000..40_000)),
        1 => format!("{}.{}", random.i16(-999..999), random.u32(..100_000)),
        2 => format!("{:?}", f64::from_bits(random.u64(..) % f64::INFINITY.to_bits())),
        3 => {
            let (year, month, day) = (random.u16(..10_000), random.u8(..14), random.u8(..33));
            let zone = ["", "Z", "+01:00"][random.usize(..3)];
            let time = format!("T{:02}:{:02}:{:02}{zone}", random.u8(..25), random.u8(..61), random.u8(..62));
            format!("\"{year:04}-{month:02}-{day:02}{}\"", if random.bool() { &*time } else { "" })
        }
        _ => TEXTS[random.usize(..TEXTS.len())].to_owned(),
    }
}

/// Whatever the quick way reads, the slow way reads as the same value.
#[test]
fn agrees_with_the_slow_way() {
    let mut random = fastrand::Rng::with_seed(6);
    let (columns, mut scanner) = (columns(), Scanner::new());
    let mut quick_reads = vec![0; columns.len()];
    for _ in 0..20_000 {
        let line = format!("{{\"v\":{}{}}}", texts(&mut random), [",\"w\":0.123456", ""][random.usize(..2)]);
        let record = scanner.scan(line.as_bytes()).expect("a record");
        let (extent, value) = record.extents().zip(record.values()).next().expect("a field");
        for (column, reads) in columns.iter().zip(&mut quick_reads) {
            let mut cell = Cell::Json(Kept::line(0, 0));
            let quick = Quick::new(column).read(line.as_bytes(), extent, &mut cell);
            let mut scratch = Scratch::default();
            let slow = read(&column.ty, column.nullable, &column.rules, value, extent.start, &mut scratch);
            let shown = |cell: Cell| match cell.value(&column.ty, &line, &Scratch::default()) {
                Value::Double(x) => format!("{:x}", x.to_bits()),
                value => format!("{value:?}"),
            };
            if quick {
                *reads += u32::from(extent.tag != Tag::Null);
                assert_eq!(slow.map(shown), Ok(shown(cell)), "{line} {:?}", column.ty);
            }
        }
    }
    // No simple column goes the slow way for good, except for decimals whose zero before the decimal point is one digit
    // too many for the quick way.
    for (column, reads) in columns.iter().zip(quick_reads) {
        let simple = !matches!(Quick::new(column).form, Form::Other | Form::Decimal { whole: 0, .. });
        assert_eq!(reads > 0, simple, "{column:?}");
    }
}
