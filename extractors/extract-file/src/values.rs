//! Texts as JSON values of a schema's types, in the spellings that files have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etl_schema::{Column, Schema, Type, time};
use etl_stream::json::{Kind, scan_value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What a time that is only a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Epoch {
    /// Seconds, with a fraction or without
    Seconds,
    /// Milliseconds
    Milliseconds,
}

/// How texts are read.
pub(crate) struct Reading {
    /// The types.
    pub(crate) schema: Schema,
    /// The zone of times without one.
    pub(crate) zone: Option<TimeZone>,
    /// What a time that is only a number counts.
    pub(crate) epoch: Option<Epoch>,
}

impl Reading {
    /// Appends the JSON value of a text.
    ///
    /// # Errors
    /// Why the text is not one, to be read after it.
    pub(crate) fn value(
        &self,
        ty: &Type,
        column: &Column,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
        let word = text.trim_ascii();
        match ty {
            Type::Text { .. } | Type::Uuid => json_text(text.as_bytes(), out),
            Type::Integer { .. } | Type::Double | Type::Float => number(word, out)?,
            Type::Decimal { .. } if column.is_string() => {
                out.push(b'"');
                number(word, out)?;
                out.push(b'"');
            }
            Type::Decimal { .. } => number(word, out)?,
            Type::Boolean => out.extend_from_slice(boolean(word)?),
            Type::Date => {
                time::parse_date(word)?;
                json_text(word.as_bytes(), out);
            }
            Type::Timestamp => {
                let micros = self.timestamp(word)?;
                written(out, |out| time::format_timestamp(micros, out));
            }
            Type::TimestampTz => {
                let micros = self.timestamptz(word)?;
                written(out, |out| time::format_timestamptz(micros, out));
            }
            Type::Bytes => match word.strip_prefix("\\x") {
                Some(hex) => {
                    let bytes = unhex(hex).ok_or("is not bytes in hexadecimal")?;
                    json_text(STANDARD.encode(bytes).as_bytes(), out);
                }
                None => json_text(word.as_bytes(), out),
            },
            Type::Json => json(word, None, out)?,
            Type::Array(_) => json(word, Some(Kind::Array), out)?,
        }
        Ok(())
    }

    fn timestamp(&self, text: &str) -> Result<i64, String> {
        if is_number(text) {
            return self.since_epoch(text);
        }
        Ok(time::parse_timestamp(&whole(text))?)
    }

    fn timestamptz(&self, text: &str) -> Result<i64, String> {
        if is_number(text) {
            return self.since_epoch(text);
        }
        let text = whole(text);
        if let Ok(micros) = time::parse_timestamptz(&zoned(&text)) {
            return Ok(micros);
        }
        let Ok(micros) = time::parse_timestamp(&text) else {
            return Err(time::parse_timestamptz(&zoned(&text)).err().unwrap_or_default().to_owned());
        };
        let zone = self.zone.as_ref().ok_or("has no zone, such as Z or +02:00 (--assume-zone gives one)")?;
        let mut local = Vec::new();
        time::format_timestamp(micros, &mut local);
        let local: DateTime =
            String::from_utf8_lossy(&local).parse().map_err(|_| "is not a time".to_owned())?;
        let instant = zone.to_ambiguous_zoned_datetime(local).unambiguous().map_err(|_| {
            "comes twice or never in --assume-zone, when its clocks are changed; give it a zone of its own"
        })?;
        Ok(instant.timestamp().as_microsecond())
    }

    /// The microseconds since 1970 of a number of seconds or milliseconds, to the last digit that they can have.
    fn since_epoch(&self, text: &str) -> Result<i64, String> {
        let digits = match self.epoch {
            Some(Epoch::Seconds) => 6,
            Some(Epoch::Milliseconds) => 3,
            None => return Err("is a number; --epoch seconds or milliseconds says what it counts".to_owned()),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let (kept, rest) = fraction.split_at_checked(digits).unwrap_or((fraction, ""));
        if rest.bytes().any(|digit| digit != b'0') {
            return Err("is finer than a microsecond".to_owned());
        }
        format!("{whole}{kept:0<digits$}").parse().map_err(|_| "is out of range".to_owned())
    }
}

/// Appends a text as JSON.
pub(crate) fn json_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
}

fn written(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A number with all its digits, as JSON spells it: no plus, no zeros in front, a digit on both sides of the point.
fn number(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("-", rest)) => ("-", rest),
        Some(("+", rest)) => ("", rest),
        _ => ("", text),
    };
    let (mantissa, exponent) = rest.split_at(rest.find(['e', 'E']).unwrap_or(rest.len()));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let power = exponent.get(1..).map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
    let is_number = digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() > 0
        && power.is_none_or(|power| !power.is_empty() && digits(power));
    if !is_number {
        return Err("is not a number".to_owned());
    }
    let whole = whole.trim_start_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    for part in [sign, if whole.is_empty() { "0" } else { whole }, point, fraction, exponent] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// As PostgreSQL reads booleans, whose words may be cut short, in any case.
fn boolean(text: &str) -> Result<&'static [u8], String> {
    let word = text.to_ascii_lowercase();
    let of = |words: &[&str]| !word.is_empty() && words.iter().any(|full| full.starts_with(&word));
    match word.as_str() {
        "o" => Err("is neither on nor off".to_owned()),
        "1" | "on" => Ok(b"true"),
        "0" | "off" | "of" => Ok(b"false"),
        _ if of(&["true", "yes"]) => Ok(b"true"),
        _ if of(&["false", "no"]) => Ok(b"false"),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// Appends JSON text, in one line.
fn json(text: &str, kind: Option<Kind>, out: &mut Vec<u8>) -> Result<(), String> {
    match scan_value(text) {
        Ok(value) if kind.is_none_or(|kind| value.kind == kind) => {
            out.extend(value.raw.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            Ok(())
        }
        Ok(_) => Err("is not a JSON array".to_owned()),
        Err(error) => Err(format!("is not JSON: {}", error.message)),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |&byte: &u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Whether a text is a whole or decimal number, and no date.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

/// A date alone as its midnight, and anything else as it is.
fn whole(text: &str) -> String {
    if time::parse_date(text).is_ok() { format!("{text}T00:00:00") } else { text.to_owned() }
}

/// A time whose zone is `+00`, `+0100` or ` UTC` with `+00:00`, `+01:00` or `Z`; anything else as it is.
fn zoned(text: &str) -> String {
    if let Some(local) = text.strip_suffix(" UTC").or_else(|| text.strip_suffix("UTC")) {
        return format!("{local}Z");
    }
    // Behind the date, whose dashes are no signs.
    let Some(at) = text.get(10..).and_then(|time| time.rfind(['+', '-'])).map(|at| at + 10) else {
        return text.to_owned();
    };
    let (local, offset) = (text[..at].trim_end(), &text[at..]);
    match offset.len() {
        3 => format!("{local}{offset}:00"),
        5 if !offset.contains(':') => format!("{local}{}:{}", &offset[..3], &offset[3..]),
        _ => format!("{local}{offset}"),
    }
}
