//! Values that are all texts, as in CSV: what a text is in its column, read as PostgreSQL's COPY reads it (chapter 8, each
//! type's input function), or refused. A text that COPY would round, or read by the session's settings, is refused.

mod array;

use std::borrow::Cow;

use etl_stream::json::{self, Kind};

use crate::cell::{Cell, Kept, Scratch};
use crate::encoding::parse_uuid;
use crate::read::{Refused, is_special_time, read, read_array, read_number, read_text, refuse};
use crate::rules::Kinds;
use crate::schema::Column;
use crate::time;
use crate::types::Type;

/// What COPY takes for white space around a value.
const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];
const DAY: i64 = 86_400_000_000;

/// Reads the value of a column, which begins at `at` in its line. `odd` says whether a number may be NaN or infinite.
pub(crate) fn read_value(
    column: &Column,
    value: json::Value<'_>,
    at: u32,
    odd: bool,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    match value.kind {
        Kind::Null => read(&column.ty, column.nullable, &column.rules, value, at, scratch),
        Kind::String { escaped: false } => {
            let kept = Kept::line(at + 1, at + 1 + value.text.len() as u32);
            typed(column, value, value.text, kept, odd, scratch)
        }
        Kind::String { escaped: true } => {
            let start = scratch.bytes.len();
            json::unescape_into(value.text, &mut scratch.bytes);
            let kept = Kept { start: start as u32, end: scratch.bytes.len() as u32, scratch: true };
            let text = String::from_utf8_lossy(&scratch.bytes[start..]).into_owned();
            typed(column, value, &text, kept, odd, scratch)
        }
        _ => Err(refuse(
            value,
            "is neither a string nor null, but the stream says that all its values are texts",
        )),
    }
}

fn typed(
    column: &Column,
    value: json::Value<'_>,
    text: &str,
    kept: Kept,
    odd: bool,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    let Column { ty, rules, .. } = column;
    let bare = text.trim_matches(BLANKS);
    // Only what was written as JSON writes it can stay where it is.
    let start = kept.start + (text.len() - text.trim_start_matches(BLANKS).len()) as u32;
    let bare_kept = Kept { start, end: start + bare.len() as u32, ..kept };
    match ty {
        Type::Integer { .. } | Type::Double | Type::Float | Type::Decimal { .. } => {
            let whole = matches!(ty, Type::Integer { .. });
            if whole && !bare.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refuse(value, "is not an integer"));
            }
            // A schema of its own may bound a number, and JSON, from which its bounds are, has none of these.
            let odd = rules.special || odd && !whole && rules.kinds == Kinds::ANY;
            if let Some(name) = not_finite(bare).filter(|_| odd) {
                return Ok(Cell::Special(keep(scratch, name.as_bytes())));
            }
            let number = normal(bare).ok_or_else(|| refuse(value, "is not a number"))?;
            let kept = if number == bare { bare_kept } else { keep(scratch, number.as_bytes()) };
            read_number(ty, rules, json::Value { kind: Kind::Number, text: &number, ..value }, kept)
        }
        Type::Boolean => {
            let b = boolean(bare).ok_or_else(|| refuse(value, "is not a boolean"))?;
            rules.bool(b).map(|()| Cell::Boolean(b)).map_err(|what| refuse(value, what))
        }
        Type::Date | Type::Timestamp | Type::TimestampTz => {
            let cell = match ty {
                Type::Date => time::parse_date(bare).map(Cell::Date),
                Type::Timestamp => timestamp(bare).map(Cell::Timestamp),
                _ => timestamptz(bare).map(Cell::TimestampTz),
            };
            let cell = match cell {
                Err(_) if rules.special && is_special_time(ty, bare) => Cell::Special(bare_kept),
                cell => cell.map_err(|what| refuse(value, what))?,
            };
            rules.text(text).map(|()| cell).map_err(|what| refuse(value, what))
        }
        Type::Uuid => {
            let uuid = parse_uuid(&hyphened(text)).ok_or_else(|| refuse(value, "is not a UUID"))?;
            let cell = scratch.keep_uuid(uuid);
            rules.text(text).map(|()| cell).map_err(|what| refuse(value, what))
        }
        Type::Bytes => {
            let bytes = hexadecimal(text).ok_or_else(|| refuse(value, "is not bytes as \\x and digits"))?;
            let Kept { start, end, .. } = keep(scratch, &bytes);
            rules.text(text).map(|()| Cell::Bytes(start, end)).map_err(|what| refuse(value, what))
        }
        // A `json` column keeps the white space around it.
        Type::Json => {
            let bare = text.trim_matches([' ', '\t', '\n', '\r']);
            match json::scan_value(bare) {
                Ok(scanned) if scanned.raw.len() == bare.len() => {
                    read(ty, true, rules, scanned, 0, scratch).map(|_| Cell::Json(kept))
                }
                _ => Err(refuse(value, "is not JSON")),
            }
        }
        Type::Array(element) => {
            let json = array::to_json(element, text).map_err(|what| refuse(value, what))?;
            let scanned = json::scan_value(&json).map_err(|error| refuse(value, error.message))?;
            read_array(ty, rules, scanned, scratch)?;
            Ok(Cell::Array(keep(scratch, json.as_bytes())))
        }
        Type::Text { .. } => read_text(ty, rules, value, text, kept, scratch),
    }
}

fn keep(scratch: &mut Scratch, bytes: &[u8]) -> Kept {
    let start = scratch.bytes.len() as u32;
    scratch.bytes.extend_from_slice(bytes);
    Kept { start, end: scratch.bytes.len() as u32, scratch: true }
}

/// The digits of a number that came as a text, as JSON writes them.
pub fn number_of(value: json::Value<'_>) -> Option<String> {
    let mut text = Cow::Borrowed(value.text);
    if value.kind == (Kind::String { escaped: true }) {
        let mut bytes = Vec::new();
        json::unescape_into(value.text, &mut bytes);
        text = Cow::Owned(String::from_utf8(bytes).ok()?);
    }
    normal(text.trim_matches(BLANKS))
}

/// The name of what is a number to PostgreSQL, but not to JSON.
fn not_finite(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Some("NaN"),
        "inf" | "+inf" | "infinity" | "+infinity" => Some("Infinity"),
        "-inf" | "-infinity" => Some("-Infinity"),
        _ => None,
    }
}

/// A decimal number as JSON writes it: without a plus or leading zeros, with digits on both sides of a point.
fn normal(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction_digits = fraction.unwrap_or_default();
    if !digits(whole) || !digits(fraction_digits) || whole.is_empty() && fraction_digits.is_empty() {
        return None;
    }
    let trimmed = whole.trim_start_matches('0');
    let mut number = format!("{sign}{}", if trimmed.is_empty() { "0" } else { trimmed });
    if !fraction_digits.is_empty() {
        number = number + "." + fraction_digits;
    }
    if let Some(exponent) = exponent {
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if power.is_empty() || !digits(power) {
            return None;
        }
        number = number + "e" + exponent;
    }
    Some(number)
}

/// PostgreSQL takes each unambiguous beginning of these words, in any case.
fn boolean(text: &str) -> Option<bool> {
    let word = text.to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    if word == "1" || word == "on" || begins("true", 1) || begins("yes", 1) {
        return Some(true);
    }
    (word == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1)).then_some(false)
}

/// A date alone is its midnight.
fn timestamp(text: &str) -> Result<i64, &'static str> {
    time::parse_date(text)
        .map(|days| i64::from(days) * DAY)
        .or_else(|_| time::parse_timestamp(&with_seconds(text)))
}

fn timestamptz(text: &str) -> Result<i64, &'static str> {
    time::parse_timestamptz(&with_minutes(&with_seconds(text)))
}

/// A time `HH:MM` with its seconds.
fn with_seconds(text: &str) -> Cow<'_, str> {
    const MINUTES: usize = "YYYY-MM-DD HH:MM".len();
    match (text.as_bytes().get(MINUTES - 3), text.split_at_checked(MINUTES)) {
        (Some(b':'), Some((time, rest))) if !rest.starts_with(':') => Cow::Owned(format!("{time}:00{rest}")),
        _ => Cow::Borrowed(text),
    }
}

/// A time whose zone is `+HH` or `+HHMM`, with the zone as `+HH:MM`.
fn with_minutes(text: &str) -> String {
    let at = text.rfind(['+', '-']).filter(|at| *at > "YYYY-MM-DD".len());
    match at.map(|at| text.split_at(at)) {
        Some((local, zone)) if zone.len() == 3 => format!("{local}{zone}:00"),
        Some((local, zone)) if zone.len() == 5 && zone.is_ascii() => {
            format!("{local}{}:{}", &zone[..3], &zone[3..])
        }
        _ => text.to_owned(),
    }
}

/// A UUID of 32 digits with its hyphens.
fn hyphened(text: &str) -> String {
    if text.len() != 32 || !text.is_ascii() {
        return text.to_owned();
    }
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests;
