//! Records as line protocol (<https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>): bytes out, no
//! sockets.
//!
//! The `influxdb-line-protocol` crate does the escaping: of names once, when the encoder is made; of a tag value or a
//! string only if it has a character that needs it, because the crate goes through them one character at a time. A
//! number is copied as the record has it: JSON's numbers are also line protocol's, and no digit is lost.

mod straight;

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::io::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use etl_schema::{InfluxType, Row, Schema, Short, Value, Violation, format_uuid, time};
use foldhash::quality::FixedState;
use influxdb_line_protocol::LineProtocolBuilder;
use influxdb_line_protocol::builder::FieldValue;
use memchr::{memchr, memchr2, memchr3};

pub(crate) use self::straight::Parts;
use crate::mapping::Mapping;
use crate::reply::Server;
use crate::settings::Precision;

/// The earliest and latest nanosecond of a point (`models.MinNanoTime` and `models.MaxNanoTime` of InfluxDB).
const TIMES: std::ops::RangeInclusive<i64> = i64::MIN + 2..=i64::MAX - 1;

/// The most bytes of a measurement and its tags (`models.MaxKeyLength` of InfluxDB).
const MAX_SERIES: usize = 65_535;

/// In nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// The integers up to this one are all doubles, as which VictoriaMetrics keeps them.
const GREATEST_EXACT: u64 = 1 << 53;

/// VictoriaMetrics stores most doubles that are closer to zero as 0, subnormal or not (1.79.5).
const SMALLEST: f64 = 1e-307;

/// Turns the rows of one schema into lines.
pub(crate) struct Encoder {
    mapping: Mapping,
    precision: Precision,
    server: Server,
    names: Vec<String>,
    /// The measurement, with which every line starts.
    head: Vec<u8>,
    /// `,KEY=` for each tag.
    tags: Vec<Vec<u8>>,
    /// `KEY=` for each field.
    fields: Vec<Vec<u8>>,
    /// What each column is a part of, and the place of its tag or field.
    parts: Vec<Part>,
}

/// What a column is in a point.
#[derive(Clone, Copy)]
enum Part {
    Tag(usize),
    Field(usize, InfluxType),
    Time,
    Ignored,
}

/// What a line is about.
#[derive(Debug)]
pub(crate) struct Point {
    /// A hash of its series and time.
    pub(crate) key: u64,
    /// How many of its fields the record has as null: they are not in the line.
    pub(crate) nulls: u64,
}

impl Encoder {
    /// An encoder for this mapping of the schema. Without `whole_strings` the server ends a line at any newline, so that a
    /// text could smuggle points in.
    pub(crate) fn new(schema: &Schema, mapping: Mapping, precision: Precision, server: Server) -> Encoder {
        let names: Vec<String> = schema.columns.iter().map(|column| column.name.clone()).collect();
        let head = pieces(&mapping.measurement, "t", "f").0;
        let tags = mapping.tags.iter().map(|&tag| pieces("m", &names[tag], "f").1).collect();
        let fields = mapping.fields.iter().map(|&(field, _)| pieces("m", "t", &names[field]).2).collect();
        let mut parts = vec![Part::Ignored; names.len()];
        mapping.tags.iter().enumerate().for_each(|(place, &tag)| parts[tag] = Part::Tag(place));
        for (place, &(field, ty)) in mapping.fields.iter().enumerate() {
            parts[field] = Part::Field(place, ty);
        }
        parts[mapping.time] = Part::Time;
        Encoder { mapping, precision, server, names, head, tags, fields, parts }
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Replaces the content of `line` with the line of a row and its newline.
    ///
    /// # Errors
    /// If the row has something that no point can have; the error names the field.
    pub(crate) fn encode(&self, row: &Row<'_>, line: &mut Vec<u8>) -> Result<Point, Violation> {
        line.clear();
        line.extend_from_slice(&self.head);
        for (&column, key) in self.mapping.tags.iter().zip(&self.tags) {
            tag(&self.names[column], key, row.get(column), line)
                .map_err(|reason| self.refuse(column, reason))?;
            if line.len() > MAX_SERIES {
                let reason = format!("measurement and tags are longer than InfluxDB's {MAX_SERIES} bytes");
                return Err(self.refuse(column, &reason));
            }
        }
        let series = line.len();
        let (mut separator, mut nulls) = (b' ', 0);
        for (&(column, ty), key) in self.mapping.fields.iter().zip(&self.fields) {
            let value = row.get(column);
            if value == Value::Null {
                nulls += u64::from(row.source(column).is_some());
                continue;
            }
            line.push(separator);
            separator = b',';
            line.extend_from_slice(key);
            let source = || row.source(column).map(|source| source.text).unwrap_or_default();
            self.field(value, source, ty, line).map_err(|reason| self.refuse(column, reason))?;
        }
        if separator == b' ' {
            let reason = "is null or absent, like every other field: a point needs at least one field";
            return Err(self.refuse(self.mapping.fields[0].0, reason));
        }
        Ok(self.end(line, series, self.time(row)?, nulls))
    }

    /// Ends a line whose series has this many bytes.
    fn end(&self, line: &mut Vec<u8>, series: usize, time: i64, nulls: u64) -> Point {
        line.push(b' ');
        integer(time, line);
        line.push(b'\n');
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(&line[..series]);
        hasher.write_i64(time);
        Point { key: hasher.finish(), nulls }
    }

    fn refuse(&self, column: usize, reason: &str) -> Violation {
        Violation { field: self.names[column].clone(), reason: reason.to_owned() }
    }

    fn field<'s>(
        &self,
        value: Value<'_>,
        source: impl FnOnce() -> &'s str,
        ty: InfluxType,
        line: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        if self.server.victoria
            && ty != InfluxType::String
            && let Some(reason) = changed_by_victoria(value)
        {
            return Err(reason);
        }
        match (value, ty) {
            (Value::Integer(value), InfluxType::Integer) => {
                integer(value, line);
                line.push(b'i');
            }
            (Value::Integer(..0), InfluxType::Unsigned) => {
                return Err("is negative, but the field is unsigned");
            }
            (Value::Integer(value), InfluxType::Unsigned) => {
                integer(value, line);
                line.push(b'u');
            }
            (Value::Integer(value), InfluxType::Float) => integer(value, line),
            (Value::Decimal(text), InfluxType::Float) => {
                if !is_double(text) {
                    return Err("is out of range for a double");
                }
                line.extend_from_slice(text.as_bytes());
            }
            (Value::Double(_), _) => line.extend_from_slice(source().as_bytes()),
            (Value::Special(_), InfluxType::Float) => return Err("is not a number that InfluxDB stores"),
            (Value::Boolean(_), _) => plain(value, line),
            (Value::Text(text) | Value::Json(text) | Value::Array(text, _), _) => {
                if !self.server.whole_strings && memchr(b'\n', text.as_bytes()).is_some() {
                    return Err("has a newline, at which this server would end the point");
                }
                string(text, line);
            }
            (value, _) => {
                line.push(b'"');
                plain(value, line);
                line.push(b'"');
            }
        }
        Ok(())
    }

    /// The time of a point, in the unit of the timestamps.
    fn time(&self, row: &Row<'_>) -> Result<i64, Violation> {
        const DAY: i64 = 86_400_000_000;
        let column = self.mapping.time;
        let refuse = |reason: &str| Err(self.refuse(column, reason));
        let (micros, fraction) = match row.get(column) {
            Value::TimestampTz(micros) | Value::Timestamp(micros) => {
                (micros, row.source(column).map_or("", |source| fraction(source.text)))
            }
            Value::Date(days) => (i64::from(days) * DAY, ""),
            Value::Special(_) => return refuse("is outside the times that InfluxDB stores"),
            _ => return refuse("is null or absent, but it is the time of the point"),
        };
        self.stamp(micros, fraction).map_err(|reason| self.refuse(column, &reason))
    }

    /// A time in the unit of the timestamps, from the digits of its fraction as it was written.
    fn stamp(&self, micros: i64, fraction: &str) -> Result<i64, Cow<'static, str>> {
        let nanos = nanos(micros, fraction)?;
        if self.server.victoria && nanos < MILLISECOND {
            return Err(
                "is not after 1970-01-01T00:00:00Z: VictoriaMetrics would store another time, or nothing"
                    .into(),
            );
        }
        let per_unit = match self.precision {
            Precision::Ns => 1,
            Precision::Us => 1000,
            Precision::Ms => MILLISECOND,
            Precision::S => 1_000_000_000,
        };
        if nanos % per_unit != 0 {
            return Err(format!("is finer than --precision {}", self.precision.unit()).into());
        }
        Ok(nanos / per_unit)
    }
}

/// The digits of a second's fraction in a time as it was written.
fn fraction(time: &str) -> &str {
    let digits = memchr(b'.', time.as_bytes()).map_or("", |point| &time[point + 1..]);
    &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()]
}

/// The nanoseconds of a time that was rounded to microseconds, from the digits it was written with.
fn nanos(micros: i64, fraction: &str) -> Result<i64, &'static str> {
    let (six, rest) = fraction.split_at_checked(6).unwrap_or((fraction, ""));
    if rest.bytes().skip(3).any(|digit| digit != b'0') {
        return Err("is finer than a nanosecond");
    }
    let digits = rest.bytes().map(|digit| i64::from(digit - b'0')).chain(std::iter::repeat(0));
    let mut three = digits.take(3).fold(0, |three, digit| 10 * three + digit);
    // It may have been rounded up.
    if !rest.is_empty() && six.parse() != Ok(micros.rem_euclid(1_000_000)) {
        three -= 1000;
    }
    let nanos = micros.checked_mul(1000).and_then(|nanos| nanos.checked_add(three));
    nanos
        .filter(|nanos| TIMES.contains(nanos))
        .ok_or("is outside InfluxDB's range of times, 1677-09-21 to 2262-04-11")
}

/// The measurement, `,KEY=` of a tag and `KEY=` of a field, escaped.
fn pieces(measurement: &str, tag: &str, field: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let build = |measurement, tag, field| {
        LineProtocolBuilder::new()
            .measurement(measurement)
            .tag(tag, "")
            .field(field, true)
            .close_line()
            .build()
    };
    let line = build(measurement, tag, field);
    let (short, medium) = (build("", tag, field), build("", "", field));
    let tag_at = line.len() - short.len();
    let field_at = tag_at + short.len() - medium.len() + ",= ".len();
    (
        line[..tag_at].to_vec(),
        line[tag_at..field_at - " ".len()].to_vec(),
        line[field_at..line.len() - "true\n".len()].to_vec(),
    )
}

/// `,KEY=VALUE`, where `key` is `,KEY=` with the name escaped; nothing for a value that is null or empty.
fn tag(name: &str, key: &[u8], value: Value<'_>, line: &mut Vec<u8>) -> Result<(), &'static str> {
    match value {
        Value::Null | Value::Text("") => return Ok(()),
        Value::Text(text) | Value::Special(text) => {
            if memchr2(b'\n', b'\\', text.as_bytes()).is_some() {
                return Err("has a newline or a backslash, which line protocol cannot represent in a tag");
            }
            if memchr3(b',', b'=', b' ', text.as_bytes()).is_some() {
                let _ = LineProtocolBuilder::new_with(line).measurement("").tag(name, text);
            } else {
                line.extend_from_slice(key);
                line.extend_from_slice(text.as_bytes());
            }
        }
        value => {
            line.extend_from_slice(key);
            plain(value, line);
        }
    }
    Ok(())
}

/// Writes a value whose text needs no escaping.
fn plain(value: Value<'_>, line: &mut Vec<u8>) {
    match value {
        Value::Integer(value) => integer(value, line),
        Value::Double(value) => {
            let _ = write!(line, "{value}");
        }
        Value::Boolean(value) => line.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Decimal(text)
        | Value::Text(text)
        | Value::Json(text)
        | Value::Special(text)
        | Value::Array(text, _) => {
            line.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => line.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes()),
        Value::Date(days) => time::format_date(days, line),
        Value::Timestamp(micros) => time::format_timestamp(micros, line),
        Value::TimestampTz(micros) => time::format_timestamptz(micros, line),
        Value::Uuid(uuid) => format_uuid(&uuid, line),
        Value::Null => (),
    }
}

fn integer(n: i64, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

fn string(text: &str, line: &mut Vec<u8>) {
    if memchr2(b'"', b'\\', text.as_bytes()).is_some() {
        put(line, text);
    } else {
        line.push(b'"');
        line.extend_from_slice(text.as_bytes());
        line.push(b'"');
    }
}

/// Why VictoriaMetrics would store quite another number, and answer 204.
fn changed_by_victoria(value: Value<'_>) -> Option<&'static str> {
    let is_tiny = |double: f64| double != 0.0 && double.abs() < SMALLEST;
    match value {
        Value::Integer(value) if value.unsigned_abs() > GREATEST_EXACT => {
            Some("is beyond 2^53: VictoriaMetrics would round it")
        }
        Value::Double(value) if is_tiny(value) => Some("is too close to zero: VictoriaMetrics would store 0"),
        Value::Decimal(text) if !is_short(text) && text.parse().is_ok_and(is_tiny) => {
            Some("is too close to zero: VictoriaMetrics would store 0")
        }
        _ => None,
    }
}

/// Whether the double nearest to a decimal is finite, and is zero only if the decimal is.
fn is_double(text: &str) -> bool {
    if is_short(text) {
        return true;
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    text.parse::<f64>().is_ok_and(|double| double.is_finite() && (double != 0.0 || is_zero))
}

/// Whether a number has so few digits that it is neither beyond the doubles nor closer to zero than any of them.
fn is_short(text: &str) -> bool {
    Short::read(text.as_bytes(), text.len()).is_some()
}

/// Writes a text as the crate does.
fn put(line: &mut Vec<u8>, text: &str) {
    struct Shown<'a>(&'a str);
    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            FieldValue::fmt(&self.0, f)
        }
    }
    let _ = write!(line, "{}", Shown(text));
}

#[cfg(test)]
mod tests;
