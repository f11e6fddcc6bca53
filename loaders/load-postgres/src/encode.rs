//! Values in, the fields of binary COPY out (PostgreSQL 15, COPY, "Binary Format"; each type's `…recv` function).
//!
//! A field always has the type of its column: otherwise the server would misread the bytes. A value that its column
//! cannot store exactly is refused, and with it the record.

mod array;
mod field;
pub(crate) mod numeric;
mod special;
mod text;

use etl_component::counted;
use etl_postgres::Kind;
use etl_postgres::types::Precision;
use etl_schema::{Type, Value, number_of, parse_uuid, time};
use etl_stream::json::{self, Kind as Json};

use self::field::{Refusal, fixed, put, sized};

/// The beginning of a stream of binary COPY: the signature, no flags, no extension.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the stream.
pub(crate) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// 2000-01-01, where PostgreSQL begins to count, in days since 1970-01-01.
const EPOCH: i32 = 10_957;
const DAY: i64 = 86_400_000_000;
/// The number (OID) of `text`.
const TEXT: u32 = 25;

/// How values of one logical type are encoded for a column of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Encoder {
    Bool,
    /// An integer of this many bytes.
    Int(u8),
    Float4,
    Float8,
    /// An integer, which a double may not hold exactly.
    IntAsFloat8,
    /// A number, from the digits of its text.
    Numeric(Option<Precision>),
    /// A text of at most this many characters.
    Text(Option<u32>),
    /// The text of a scalar, as it stands in the line.
    Plain(Option<u32>),
    /// The JSON as it stands in the line, as a text.
    Raw(Option<u32>),
    Bytea,
    Json,
    Jsonb,
    Uuid,
    Date,
    /// The day's midnight.
    Midnight,
    /// A timestamp with or without a time zone, and how many digits of a second's fraction the column keeps.
    Timestamp(u32),
    /// A text that is parsed here.
    Parsed(Kind),
    /// The encoder of the elements, their logical type, and the number (OID) of their PostgreSQL type.
    Array(Box<Encoder>, Type, u32),
    /// The text of a vector, from an array of numbers.
    Vector,
}

impl Encoder {
    /// How values of this type are encoded for a column of this kind; `None` if that could change or lose some.
    pub(crate) fn between(ty: &Type, kind: &Kind) -> Option<Encoder> {
        Some(match (ty, kind) {
            (_, Kind::Json) => Encoder::Json,
            (_, Kind::Jsonb) => Encoder::Jsonb,
            (Type::Text { .. }, Kind::Text(max)) => Encoder::Text(*max),
            (Type::Json | Type::Array(_), Kind::Text(max)) => Encoder::Raw(*max),
            (_, Kind::Text(max)) => Encoder::Plain(*max),
            (Type::Boolean, Kind::Bool) => Encoder::Bool,
            (Type::Integer { .. }, Kind::Int(bytes)) => Encoder::Int(*bytes),
            (Type::Integer { .. }, Kind::Float8) => Encoder::IntAsFloat8,
            (Type::Double | Type::Float, Kind::Float8) => Encoder::Float8,
            (Type::Float, Kind::Float4) => Encoder::Float4,
            (
                Type::Integer { .. } | Type::Double | Type::Float | Type::Decimal { .. },
                Kind::Numeric(precision),
            ) => Encoder::Numeric(*precision),
            (Type::Date, Kind::Date) => Encoder::Date,
            (Type::Date, Kind::Timestamp(_)) => Encoder::Midnight,
            (Type::Timestamp, Kind::Timestamp(digits)) | (Type::TimestampTz, Kind::TimestampTz(digits)) => {
                Encoder::Timestamp(*digits)
            }
            (Type::Uuid, Kind::Uuid) => Encoder::Uuid,
            (Type::Bytes, Kind::Bytea) => Encoder::Bytea,
            (Type::Array(element), Kind::Array(kind, oid)) => {
                let oid = if kind.is_cast() { TEXT } else { *oid };
                Encoder::Array(Box::new(Encoder::between(element, kind)?), (**element).clone(), oid)
            }
            (Type::Text { .. }, Kind::Array(element, _)) if element.is_cast() => Encoder::Plain(None),
            (Type::Text { .. }, Kind::Vector) => Encoder::Plain(None),
            (Type::Array(element), Kind::Vector) if is_number(element) => Encoder::Vector,
            (_, Kind::Vector) => return None,
            // A text does not say how it encodes bytes; PostgreSQL does not write arrays as JSON; and few decimal texts
            // are exactly a number of 4 bytes.
            (Type::Text { .. }, Kind::Bytea | Kind::Array(..) | Kind::Float4 | Kind::Internal) => {
                return None;
            }
            (Type::Json | Type::Array(_), Kind::Other) => return None,
            // A cast may round a number.
            (Type::Double | Type::Float | Type::Decimal { .. }, Kind::Other) => return None,
            (_, Kind::Other) => Encoder::Plain(None),
            (Type::Text { .. }, kind) => Encoder::Parsed(kind.clone()),
            _ => return None,
        })
    }

    /// Appends a field: its length and its bytes. If the value is refused, the caller must remove what was appended.
    /// `escapes` says whether a text may come from escapes, and `source` returns the value as it stands in the line.
    ///
    /// # Errors
    /// The column cannot store the value exactly.
    #[inline]
    pub(crate) fn encode<'s>(
        &self,
        value: Value<'_>,
        escapes: bool,
        source: impl FnOnce() -> Option<json::Value<'s>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        match (self, value) {
            (_, Value::Null) => put(out, &(-1_i32).to_be_bytes()),
            (Encoder::Text(max), Value::Text(text)) => return self::text(text, *max, escapes, out),
            (Encoder::Float8, Value::Double(x)) => fixed(out, x.to_be_bytes()),
            (Encoder::Int(8), Value::Integer(n)) => fixed(out, n.to_be_bytes()),
            (Encoder::Timestamp(digits), Value::Timestamp(micros) | Value::TimestampTz(micros)) => {
                return timestamp(micros, *digits, out);
            }
            (Encoder::Bool, Value::Boolean(b)) => fixed(out, [b.into()]),
            (Encoder::Numeric(precision), Value::Decimal(digits)) => {
                return numeric::encode(digits, *precision, out);
            }
            _ => return self.encode_rarer(value, source(), out),
        }
        Ok(())
    }

    fn encode_rarer(
        &self,
        value: Value<'_>,
        source: Option<json::Value<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        // What came as a text, but is none, is not JSON's string: a number may then have blanks, a plus or leading zeros.
        let is_text = source.is_some_and(|source| matches!(source.kind, Json::String { .. }));
        let number = match value {
            Value::Integer(_) | Value::Double(_) if is_text => source.and_then(number_of),
            _ => None,
        };
        let raw = match value {
            Value::Json(text) | Value::Array(text, _) => text,
            Value::Boolean(true) => "true",
            Value::Boolean(false) => "false",
            _ => number.as_deref().or(source.map(|source| source.raw)).unwrap_or_default(),
        };
        let escapes = source.is_some_and(|source| source.kind == Json::String { escaped: true });
        match (self, value) {
            (Encoder::Int(bytes), Value::Integer(n)) => return int(n, *bytes, out),
            (Encoder::IntAsFloat8, Value::Integer(n)) => {
                // i64::MAX becomes 2^63, which the cast back saturates to i64::MAX again.
                if n as f64 as i64 != n || n == i64::MAX {
                    return Err("has more digits than the column's double precision keeps".into());
                }
                fixed(out, (n as f64).to_be_bytes());
            }
            (Encoder::Float4, Value::Double(x)) => fixed(out, (x as f32).to_be_bytes()),
            (Encoder::Numeric(precision), Value::Integer(_) | Value::Double(_)) => {
                return numeric::encode(raw, *precision, out);
            }
            (Encoder::Date, Value::Date(days)) => fixed(out, (days - EPOCH).to_be_bytes()),
            (Encoder::Midnight, Value::Date(days)) => {
                fixed(out, (i64::from(days - EPOCH) * DAY).to_be_bytes());
            }
            (Encoder::Uuid, Value::Uuid(bytes)) => fixed(out, bytes),
            (Encoder::Bytea, Value::Bytes(bytes)) => sized(out, bytes),
            (Encoder::Json, _) => sized(out, raw.as_bytes()),
            (Encoder::Jsonb, _) => return jsonb(raw, out),
            (Encoder::Raw(max), _) => return self::text(raw, *max, false, out),
            (Encoder::Plain(max), Value::Text(text) | Value::Decimal(text) | Value::Special(text)) => {
                return self::text(text, *max, escapes, out);
            }
            (Encoder::Plain(max), _) => {
                let source = source.ok_or("comes from no text, which its column would keep")?;
                return self::text(source.text, *max, escapes, out);
            }
            (_, Value::Special(text)) => return special::encode(self, text, out),
            (Encoder::Parsed(kind), Value::Text(text)) => return parsed(kind, text, out),
            (Encoder::Array(encoder, ty, oid), Value::Array(array, _)) => {
                return array::encode(encoder, array, ty, *oid, out);
            }
            (Encoder::Vector, Value::Array(array, _)) => return vector(array, out),
            _ => return Err("is of another type than its column: a bug".into()),
        }
        Ok(())
    }
}

/// Appends a vector as its text, which has the form of JSON and no nulls.
fn vector(array: &str, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match json::elements(array).position(|element| element.kind == Json::Null) {
        Some(index) => Err(format!("is refused: element {index} is null, which a vector cannot have").into()),
        None => {
            sized(out, array.as_bytes());
            Ok(())
        }
    }
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Integer { .. } | Type::Double | Type::Float | Type::Decimal { .. })
}

#[inline]
fn text(text: &str, max: Option<u32>, escapes: bool, out: &mut Vec<u8>) -> Result<(), Refusal> {
    // Only an escape can bring in a U+0000.
    if escapes && memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(NUL.into());
    }
    if let Some(max) = max.filter(|max| text.len() > *max as usize && text.chars().count() > *max as usize) {
        let most = counted(max.into(), "character", "characters");
        return Err(format!("is longer than the {most} of its column").into());
    }
    sized(out, text.as_bytes());
    Ok(())
}

const NUL: &str = "has the character U+0000, which PostgreSQL does not store";

fn jsonb(raw: &str, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if json::has_nul(raw) {
        return Err(NUL.into());
    }
    put(out, &(raw.len() as i32 + 1).to_be_bytes());
    // The version of the format (`jsonb_recv`).
    out.push(1);
    put(out, raw.as_bytes());
    Ok(())
}

fn int(n: i64, bytes: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let range = |name: &str| Refusal::from(format!("is out of range for the column's type, {name}"));
    match bytes {
        2 => fixed(out, i16::try_from(n).map_err(|_| range("smallint"))?.to_be_bytes()),
        4 => fixed(out, i32::try_from(n).map_err(|_| range("integer"))?.to_be_bytes()),
        _ => fixed(out, n.to_be_bytes()),
    }
    Ok(())
}

#[inline]
fn timestamp(micros: i64, digits: u32, out: &mut Vec<u8>) -> Result<(), Refusal> {
    keeps(micros, digits)?;
    fixed(out, since_2000(micros).to_be_bytes());
    Ok(())
}

/// Microseconds since 2000, from those since 1970.
#[inline]
pub(crate) fn since_2000(micros: i64) -> i64 {
    micros - i64::from(EPOCH) * DAY
}

/// Refuses a time that has more digits than the column keeps.
#[inline]
fn keeps(micros: i64, digits: u32) -> Result<(), Refusal> {
    if digits < 6 && micros % 10_i64.pow(6 - digits) != 0 {
        return Err(format!(
            "has more digits of a second's fraction than the {digits} that its column keeps"
        )
        .into());
    }
    Ok(())
}

/// Parses a text for a column of another type, and appends the field.
fn parsed(kind: &Kind, text: &str, out: &mut Vec<u8>) -> Result<(), Refusal> {
    // JSON writes no leading zeros and no plus. A text that has them may be more than a number, and must not lose them.
    let number = || json::scan_value(text).is_ok_and(|value| value.kind == Json::Number && value.raw == text);
    match kind {
        Kind::Bool => match text {
            "true" => fixed(out, [1]),
            "false" => fixed(out, [0]),
            _ => return Err("is neither true nor false".into()),
        },
        Kind::Int(bytes) => {
            let integer = text.parse().ok().filter(|_| number());
            return int(integer.ok_or("is not an integer of 64 bits as JSON writes it")?, *bytes, out);
        }
        Kind::Float8 if number() => fixed(out, text::double(text)?.to_be_bytes()),
        Kind::Numeric(precision) if number() => return numeric::encode(text, *precision, out),
        Kind::Float8 | Kind::Numeric(_) => return Err("is not a number as JSON writes it".into()),
        Kind::Uuid => fixed(out, parse_uuid(text).ok_or("is not a UUID")?),
        Kind::Date => fixed(out, (time::parse_date(text)? - EPOCH).to_be_bytes()),
        Kind::Timestamp(digits) => return timestamp(time::parse_timestamp(text)?, *digits, out),
        Kind::TimestampTz(digits) => return timestamp(time::parse_timestamptz(text)?, *digits, out),
        Kind::Time(digits) => {
            let micros = text::time(text)?;
            keeps(micros, *digits)?;
            fixed(out, micros.to_be_bytes());
        }
        Kind::Interval => fixed(out, text::interval(text)?.binary()),
        Kind::Inet | Kind::Cidr => return text::network(text, *kind == Kind::Cidr, out),
        Kind::Macaddr => fixed(out, text::macaddr(text).ok_or("is not a MAC address of 6 bytes")?),
        Kind::Enum(labels) if labels.iter().any(|label| label == text) => sized(out, text.as_bytes()),
        Kind::Enum(labels) => {
            let labels = json::shorten(&labels.join(", "), 200).into_owned();
            return Err(format!("is not one of the column's values, {labels}").into());
        }
        _ => return Err("is a string, which its column does not store".into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
