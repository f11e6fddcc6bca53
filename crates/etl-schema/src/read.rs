//! Turns a JSON value into the cell of its column, and checks it on the way.

use etl_stream::json::{self, Kind};
use etl_stream::{Class, Fault, counted};

use crate::cell::{Cell, Kept, Scratch};
use crate::encoding::{decode_base64, parse_uuid};
use crate::number::{self, Exact};
use crate::rules::{Kinds, Rules, at_most};
use crate::time;
use crate::types::Type;
use crate::value::Value;

/// Why a value is refused.
pub(crate) type Refused = Box<str>;

/// Says what is wrong with a value, which is shortened to about 80 characters.
#[cold]
#[inline(never)]
pub(crate) fn refuse(value: json::Value<'_>, what: impl AsRef<str>) -> Refused {
    format!("{} {}", json::shorten(value.raw, 80), what.as_ref()).into()
}

#[cold]
#[inline(never)]
pub(crate) fn wrong_type(ty: &Type, rules: &Rules, value: json::Value<'_>) -> Refused {
    // A string that is stored as a number is told from a number.
    let expected = match ty {
        Type::Decimal { .. } if rules.kinds == Kinds::STRING => "a text of digits",
        _ => ty.noun(),
    };
    let what = if matches!(value.kind, Kind::Number) { "the number " } else { "" };
    format!("expected {expected}, found {what}{}", json::shorten(value.raw, 80)).into()
}

/// Checks a value and reads it. The value begins at `at` in the text that the cell refers to.
pub(crate) fn read(
    ty: &Type,
    nullable: bool,
    rules: &Rules,
    value: json::Value<'_>,
    at: u32,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    let raw = Kept::line(at, at + value.raw.len() as u32);
    match (value.kind, ty) {
        (Kind::Null, _) if !nullable => Err("null, but the schema does not allow null here".into()),
        (Kind::Null, _) => rules.null().map(|()| Cell::Null).map_err(|what| refuse(value, what)),
        (Kind::Number, _) if value.is_odd() => read_odd(ty, rules, value, raw),
        (Kind::Array | Kind::Object, _) if scratch.odd && json::has_odd_numbers(value.raw) => {
            Err(refuse(value, "has NaN or Infinity, which JSON does not have"))
        }
        // The most common pair first; reading the number shows whether it is an integer.
        (Kind::Number, Type::Integer { .. }) => read_number(ty, rules, value, raw),
        (Kind::String { .. }, Type::Double | Type::Float | Type::Decimal { .. }) if rules.special => {
            read_special_number(ty, rules, value, raw, scratch)
        }
        _ if rules.kinds != Kinds::ANY && !rules.kinds.has(value.kind, value.text) => {
            Err(wrong_type(ty, rules, value))
        }
        (Kind::Number, Type::Double | Type::Float | Type::Decimal { .. }) => {
            read_number(ty, rules, value, raw)
        }
        (Kind::String { escaped: false }, _) if !matches!(ty, Type::Json) => {
            read_text(ty, rules, value, value.text, Kept::line(raw.start + 1, raw.end - 1), scratch)
        }
        (Kind::String { escaped: true }, _) if !matches!(ty, Type::Json) => {
            read_escaped(ty, rules, value, scratch)
        }
        (Kind::Bool(b), Type::Boolean) => {
            rules.bool(b).map(|()| Cell::Boolean(b)).map_err(|what| refuse(value, what))
        }
        (Kind::Array, Type::Array(_)) => read_array(ty, rules, value, scratch).map(|()| Cell::Array(raw)),
        (Kind::Array, Type::Json) => read_array(ty, rules, value, scratch).map(|()| Cell::Json(raw)),
        (_, Type::Json) => Ok(Cell::Json(raw)),
        _ => Err(wrong_type(ty, rules, value)),
    }
}

pub(crate) fn read_number(
    ty: &Type,
    rules: &Rules,
    value: json::Value<'_>,
    raw: Kept,
) -> Result<Cell, Refused> {
    let text = value.text;
    let (cell, approximate) = match ty {
        Type::Integer { bits } => {
            let n = number::integer(text).map_err(|what| refuse(value, what))?;
            if n >> (bits - 1) != 0 && n >> (bits - 1) != -1 {
                return Err(refuse(value, format!("is out of range for {bits} bits")));
            }
            (Cell::Integer(n), Some(n as f64))
        }
        Type::Decimal { precision } => {
            within(*precision, text).map_err(|what| refuse(value, what))?;
            (Cell::Decimal(raw), None)
        }
        _ => {
            let x = float(ty, text).ok_or_else(|| refuse(value, "is out of range for the column's type"))?;
            // A single is not the double nearest to its text, so it says nothing about a bound.
            (Cell::Double(x), matches!(ty, Type::Double).then_some(x))
        }
    };
    rules.number(text, approximate).map(|()| cell).map_err(|what| refuse(value, what))
}

/// Reads `NaN` or an infinity without quotes.
#[cold]
fn read_odd(ty: &Type, rules: &Rules, value: json::Value<'_>, raw: Kept) -> Result<Cell, Refused> {
    match ty {
        Type::Double | Type::Float | Type::Decimal { .. } if rules.lenient || rules.special => {
            Ok(Cell::Special(raw))
        }
        Type::Text { max } if rules.lenient && max.is_none_or(|max| value.raw.len() <= max as usize) => {
            Ok(Cell::Text(raw))
        }
        _ => Err(wrong_type(ty, rules, value)),
    }
}

/// What is a number to PostgreSQL, but not to JSON.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Reads a string in place of a number.
#[cold]
fn read_special_number(
    ty: &Type,
    rules: &Rules,
    value: json::Value<'_>,
    raw: Kept,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    if NO_NUMBERS.contains(&value.text) {
        return Ok(Cell::Special(Kept::line(raw.start + 1, raw.end - 1)));
    }
    // A decimal may be a text, too.
    if rules.kinds.includes(Kinds::STRING) {
        let ordinary = Rules { special: false, ..rules.clone() };
        return read(ty, true, &ordinary, value, raw.start, scratch);
    }
    Err(refuse(value, "is neither a number nor NaN, Infinity or -Infinity"))
}

/// Whether `x-special` admits a text in place of a date or a time of this type.
pub(crate) fn is_special_time(ty: &Type, text: &str) -> bool {
    match ty {
        Type::Date => time::special::parse_date(text).is_some(),
        Type::Timestamp | Type::TimestampTz => {
            time::special::parse_timestamp(text, *ty == Type::TimestampTz).is_some()
        }
        _ => false,
    }
}

/// The nearest double or single; `None` if it overflows, or if a number other than zero would become zero.
#[inline]
fn float(ty: &Type, text: &str) -> Option<f64> {
    let x = if matches!(ty, Type::Float) {
        text.parse::<f32>().ok()?.into()
    } else {
        text.parse::<f64>().ok()?
    };
    (x.is_finite() && (x != 0.0 || Exact::new(text).is_zero())).then_some(x)
}

fn within(precision: Option<(u32, u32)>, text: &str) -> Result<(), String> {
    let Some((digits, scale)) = precision else { return Ok(()) };
    let exact = Exact::new(text);
    if exact.whole_digits() > i64::from(digits - scale) {
        let digits = counted(u64::from(digits - scale), "digit", "digits");
        return Err(format!("has more than {digits} before the decimal point"));
    }
    if exact.fraction_digits() > i64::from(scale) {
        let digits = counted(u64::from(scale), "digit", "digits");
        return Err(format!("has more than {digits} after the decimal point"));
    }
    Ok(())
}

#[cold]
fn read_escaped(
    ty: &Type,
    rules: &Rules,
    value: json::Value<'_>,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    let start = scratch.bytes.len();
    json::unescape_into(value.text, &mut scratch.bytes);
    let end = scratch.bytes.len();
    let kept = Kept { start: start as u32, end: end as u32, scratch: true };
    if let Type::Bytes | Type::Uuid = ty {
        // The decoded bytes are appended after the text itself.
        let text = String::from_utf8_lossy(&scratch.bytes[start..end]).into_owned();
        return read_text(ty, rules, value, &text, kept, scratch);
    }
    let decoded = std::mem::take(&mut scratch.bytes);
    let text = std::str::from_utf8(&decoded[start..end]).unwrap_or_default();
    let read = read_text(ty, rules, value, text, kept, &mut Scratch::default());
    scratch.bytes = decoded;
    read
}

/// Reads a string; `text` is the decoded string, and `kept` says where it is kept.
pub(crate) fn read_text(
    ty: &Type,
    rules: &Rules,
    value: json::Value<'_>,
    text: &str,
    kept: Kept,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    let typed = match ty {
        Type::Text { max } => {
            max.map_or(Ok(()), |max| at_most(text, max.into())).map_err(|what| refuse(value, what))?;
            if let Some(format) = &rules.format {
                let length = scratch.bytes.len();
                read_text(format, &Rules::NONE, value, text, kept, scratch)?;
                scratch.bytes.truncate(length);
            }
            Ok(Cell::Text(kept))
        }
        Type::Date => time::parse_date(text).map(Cell::Date),
        Type::Timestamp => time::parse_timestamp(text).map(Cell::Timestamp),
        Type::TimestampTz => time::parse_timestamptz(text).map(Cell::TimestampTz),
        Type::Uuid => parse_uuid(text).map(|uuid| scratch.keep_uuid(uuid)).ok_or("is not a UUID"),
        Type::Bytes => decode_base64(text, &mut scratch.bytes).map(|(start, end)| Cell::Bytes(start, end)),
        Type::Decimal { precision } => match json::scan_value(text) {
            Ok(number) if number.kind == Kind::Number && number.raw.len() == text.len() => {
                within(*precision, text).map_err(|what| refuse(value, what))?;
                Ok(Cell::Decimal(kept))
            }
            _ => Err("is not a decimal number"),
        },
        _ => return Err(wrong_type(ty, rules, value)),
    };
    let cell = match typed {
        Err(_) if rules.special && is_special_time(ty, text) => Cell::Special(kept),
        typed => typed.map_err(|what| refuse(value, what))?,
    };
    rules.text(text).map(|()| cell).map_err(|what| refuse(value, what))
}

pub(crate) fn read_array(
    ty: &Type,
    rules: &Rules,
    value: json::Value<'_>,
    scratch: &mut Scratch,
) -> Result<(), Refused> {
    let length = scratch.bytes.len();
    let own = if rules.special { &Rules::SPECIAL } else { &Rules::NONE };
    for (i, element) in json::elements(value.raw).enumerate() {
        let read = match (&rules.items, ty) {
            (Some(items), _) => read(&items.ty, items.nullable, &items.rules, element, 0, scratch),
            (None, Type::Array(of)) if rules.nested && is_nested(of, element) => {
                read_array(ty, rules, element, scratch).map(|()| Cell::Null)
            }
            (None, Type::Array(of)) => read(of, true, own, element, 0, scratch),
            (None, _) => break,
        };
        read.map_err(|reason| format!("element {i}: {reason}"))?;
        scratch.bytes.truncate(length);
    }
    Ok(())
}

/// Whether an element is itself an array of elements of this type: a further dimension.
fn is_nested(of: &Type, element: json::Value<'_>) -> bool {
    element.kind == Kind::Array && !matches!(of, Type::Json)
}

/// Passes the elements of a checked array to `each`, in order, each with the JSON value it was read from; see
/// [`Value::Array`]. An array of several dimensions has arrays of the same type as elements.
///
/// # Errors
/// What `each` fails with; 70 if the array was not checked against this type.
pub fn array_elements<E: From<Fault>>(
    array: &str,
    element: &Type,
    scratch: &mut Scratch,
    mut each: impl FnMut(Value<'_>, json::Value<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for value in json::elements(array) {
        scratch.clear();
        if is_nested(element, value) {
            each(Value::Array(value.raw, element), value)?;
            continue;
        }
        let cell = read(element, true, &Rules::SPECIAL, value, 0, scratch).map_err(|reason| {
            Fault::new(Class::Bug, format!("an array element passed the check: {reason}"))
        })?;
        each(cell.value(element, value.raw, scratch), value)?;
    }
    Ok(())
}
