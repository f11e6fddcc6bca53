use std::sync::Arc;

use etl_stream::Values;
use etl_stream::json::Scanner;
use serde_json::json;

use super::*;
use crate::check::{Checker, UnknownFields};

fn schema() -> Schema {
    let stored = |ty: &str, postgres: &str| json!({"type": ty, "x-postgres": {"type": postgres}});
    let document = json!({
        "required": ["id", "at"],
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": ["string", "null"], "maxLength": 12},
            "at": {"type": "string", "format": "date-time"},
            "local": stored("string", "timestamp"),
            "a key of more than sixteen bytes": {"type": ["number", "null"], "minimum": -50.5},
            "small": {"type": "integer", "minimum": -3, "maximum": 1000},
            "price": stored("number", "numeric(8,3)"),
            "is": {"type": ["boolean", "null"]},
            "day": {"type": "string", "format": "date"},
            "more": {"x-postgres": {"type": "jsonb"}},
            "größe": {"type": "number"},
        },
    });
    Schema::from_json("straight", &document.to_string()).expect("a schema")
}

/// What was handed on, as [`Checker::check`] returns it.
#[derive(Default)]
struct Taken(Vec<String>);

impl Taken {
    fn push(&mut self, column: usize, value: Value<'_>) -> bool {
        assert_eq!(column, self.0.len(), "the columns come in their order");
        self.0.push(shown(value));
        true
    }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Double(x) => format!("Double({:x})", x.to_bits()),
        Value::TimestampTz(micros) => shown(Value::Timestamp(micros)),
        Value::Decimal(text) => match Short::read(text.as_bytes(), text.len()) {
            Some(short) => format!("{short:?}"),
            None => text.to_owned(),
        },
        value => format!("{value:?}"),
    }
}

impl Take for Taken {
    fn null(&mut self, column: usize) -> bool {
        self.push(column, Value::Null)
    }

    fn absent(&mut self, column: usize) -> bool {
        self.push(column, Value::Null)
    }

    fn text(&mut self, column: usize, line: &[u8], length: usize) -> bool {
        self.push(column, Value::Text(std::str::from_utf8(&line[..length]).expect("UTF-8")))
    }

    fn integer(&mut self, column: usize, n: i64, number: Number<'_>) -> bool {
        assert_eq!(Short::read(number.text, number.text.len()), Some(number.short));
        assert_eq!(number.short.integer(), Some(n));
        self.push(column, Value::Integer(n))
    }

    fn double(&mut self, column: usize, x: f64, number: Number<'_>) -> bool {
        assert_eq!(Short::read(number.text, number.text.len()), Some(number.short));
        assert_eq!(number.short.double(), Some(x));
        self.push(column, Value::Double(x))
    }

    fn decimal(&mut self, column: usize, number: Number<'_>) -> bool {
        self.push(column, Value::Decimal(std::str::from_utf8(number.text).expect("digits")))
    }

    fn boolean(&mut self, column: usize, b: bool) -> bool {
        self.push(column, Value::Boolean(b))
    }

    fn timestamp(&mut self, column: usize, micros: i64, text: &[u8]) -> bool {
        let text = std::str::from_utf8(text).expect("a time");
        assert!(time::parse_timestamptz(text).or(time::parse_timestamp(text)) == Ok(micros), "{text}");
        self.push(column, Value::Timestamp(micros))
    }

    fn value(&mut self, column: usize, value: Value<'_>, _source: json::Value<'_>) -> bool {
        self.push(column, value)
    }
}

fn value(name: &str, random: &mut fastrand::Rng) -> String {
    const ODD: [&str; 16] = [
        "null",
        "0",
        "-0",
        "00",
        "1.",
        ".5",
        "-",
        "1e3",
        "123456789012345678901234567890.5",
        "-50.5",
        "\"a\\u0062\"",
        "\"\t\"",
        "\"é, ü and more\"",
        "\"\"",
        "[1, {\"a\": [2]}]",
        "tru",
    ];
    if random.u8(..40) == 0 {
        return ODD[random.usize(..ODD.len())].to_owned();
    }
    match name {
        "id" => random.i64(..).wrapping_shr(random.u32(..64)).to_string(),
        "small" => random.i32(-3..1010).to_string(),
        "name" => format!("\"{}\"", "abcdefghijklmno".split_at(random.usize(..14)).0),
        "at" => format!("\"2026-0{}-{:02}T0{}:00:00Z\"", random.u8(1..10), random.u8(1..29), random.u8(..10)),
        "local" => format!("\"2026-02-{:02} 10:00:0{}.25\"", random.u8(1..29), random.u8(..10)),
        "price" => {
            let fraction = "0123456789".split_at(random.usize(1..4)).0;
            format!("{}.{fraction}", random.i64(..).wrapping_shr(random.u32(48..64)))
        }
        "is" => ["true", "false"][random.usize(..2)].to_owned(),
        "day" => format!("\"2026-02-{:02}\"", random.u8(1..30)),
        "more" => ["{\"a\":[1,\"\\u0000\"]}", "17", "\"text\"", "null"][random.usize(..4)].to_owned(),
        _ => format!("{}", f64::from(random.i32(-9..i32::MAX)) / 10_f64.powi(random.i32(0..9))),
    }
}

/// A line like those that programs write, mostly.
fn line(schema: &Schema, texts: bool, random: &mut fastrand::Rng) -> Vec<u8> {
    let (comma, colon) = if random.bool() { (",", ":") } else { (", ", ": ") };
    let mut fields = Vec::new();
    for column in &schema.columns {
        if random.u8(..if column.required { 100 } else { 6 }) > 0 {
            let mut value = value(&column.name, random);
            if texts && !value.starts_with('"') && value != "null" && !value.contains('{') {
                value = format!("\"{value}\"");
            }
            fields.push(format!("\"{}\"{colon}{value}", column.name));
        }
    }
    if random.u8(..20) == 0 {
        random.shuffle(&mut fields);
    }
    let mut line = format!("{{{}}}", fields.join(comma)).into_bytes();
    if random.u8(..10) == 0 {
        let at = random.usize(..line.len());
        line[at] = random.choice(*b"\"\\,:{}[] 01e.-\x01\xc3\n").expect("a byte");
    }
    line
}

/// Whatever the short way hands on, the ordinary way reads, too, and reads the same. Most records go the short way.
#[test]
fn agrees_with_the_ordinary_way() {
    let schema = Arc::new(schema());
    let mut random = fastrand::Rng::with_seed(16);
    for values in [Values::Json, Values::Text] {
        let mut scanner = Scanner::new();
        let checker = || Checker::new(Arc::clone(&schema), UnknownFields::Error).of(values);
        let (mut ordinary, mut good, mut short) = (checker(), 0, 0);
        for _ in 0..100_000 {
            let line = line(&schema, values == Values::Text, &mut random);
            let mut taken = Taken::default();
            // A new one each time, which has not given up.
            let is_taken = checker().take(&line, &mut taken);
            let text = String::from_utf8_lossy(&line);
            let row = scanner.scan(&line).ok().and_then(|record| {
                let row = ordinary.check(&record).ok()?;
                Some(row.values().map(shown).collect::<Vec<_>>())
            });
            good += u32::from(row.is_some());
            if is_taken {
                short += 1;
                assert_eq!(Some(taken.0), row, "{text}");
            }
        }
        assert!(good > 20_000 && short > good / 10 * 8, "{values:?}: {short} of {good}");
    }
}

#[test]
fn what_comes_in_another_order_is_left_and_soon_not_tried() {
    let schema = r#"{"properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}"#;
    let schema = Arc::new(Schema::from_json("two", schema).expect("a schema"));
    let mut checker = Checker::new(schema, UnknownFields::Drop);
    let mut take = |line: &str| checker.take(line.as_bytes(), &mut Taken::default());
    assert!(take(r#"{"a":1,"b":2}"#) && take(r#"{"b":2}"#) && take(r#"{"a": 1, "b": 2}"#));
    for line in
        [r#"{"b":2,"a":1}"#, r#"{"a":1,"a":1}"#, r#"{"a":1,"c":2}"#, r#" {"a":1}"#, r#"{"a":1}x"#, "{}"]
    {
        assert!(!take(line), "{line}");
    }
    (0..WORTH).for_each(|_| _ = take(r#"{"b":2,"a":1}"#));
    assert!(!take(r#"{"a":1,"b":2}"#));
}

#[test]
fn depth_counts_from_outside_of_the_record() {
    let schema = r#"{"properties":{"a":{"x-postgres":{"type":"jsonb"}}}}"#;
    let schema = Arc::new(Schema::from_json("deep", schema).expect("a schema"));
    for (levels, most) in [(0, 127), (2, 125)] {
        for (depth, fits) in [(most, true), (most + 1, false)] {
            let line = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            let mut checker = Checker::new(Arc::clone(&schema), UnknownFields::Error).within(levels);
            assert_eq!(checker.take(line.as_bytes(), &mut Taken::default()), fits, "{levels} {depth}");
            let mut scanner = Scanner::new();
            scanner.set_levels(levels);
            assert_eq!(scanner.scan(line.as_bytes()).is_ok(), fits, "{levels} {depth}");
        }
    }
}
