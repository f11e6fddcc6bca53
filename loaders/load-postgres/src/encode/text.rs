//! Texts of types that JSON and the schemas do not have. They are read strictly, to the same value that PostgreSQL
//! reads, or refused.

use std::net::IpAddr;

use super::field::{Refusal, put};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// The microseconds since midnight in `HH:MM[:SS[.ffffff]]`, up to `24:00:00` (chapter 8.5.1.2).
pub(super) fn time(text: &str) -> Result<i64, Refusal> {
    let wrong = || Refusal::from("is not a time (HH:MM or HH:MM:SS)");
    let [h1, h2, b':', m1, m2, ref rest @ ..] = *text.as_bytes() else { return Err(wrong()) };
    let two = |tens: u8, ones: u8| number(&[tens, ones]).ok_or_else(wrong);
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let seconds = match rest {
        [] => 0,
        [b':', ..] => seconds(&text[6..], 2).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    let micros = hours * HOUR + minutes * 60 * SECOND + seconds;
    if minutes > 59 || seconds > 60 * SECOND || micros > 24 * HOUR {
        return Err("is not a time of day".into());
    }
    Ok(micros)
}

/// The microseconds in a number of seconds with exactly `digits` digits (0: any number of them), and up to six more
/// after the decimal point.
fn seconds(text: &str, digits: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if digits > 0 && whole.len() != digits || fraction.len() > 6 {
        return None;
    }
    let fraction = number(fraction.as_bytes())? * 10_i64.pow(6 - fraction.len() as u32);
    number(whole.as_bytes())?.checked_mul(SECOND)?.checked_add(fraction)
}

/// A number of 1 to 18 digits and nothing else.
fn number(digits: &[u8]) -> Option<i64> {
    let plain = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0')))
}

/// An interval, each of whose parts has its own sign.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Interval {
    months: i64,
    days: i64,
    micros: i64,
}

impl Interval {
    /// The bytes that `interval_recv` reads.
    pub(super) fn binary(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.micros.to_be_bytes());
        bytes[8..12].copy_from_slice(&(self.days as i32).to_be_bytes());
        bytes[12..].copy_from_slice(&(self.months as i32).to_be_bytes());
        bytes
    }

    fn add(&mut self, count: i64, unit: Unit) -> Option<()> {
        let (part, scale) = match unit {
            Unit::Year => (&mut self.months, 12),
            Unit::Month => (&mut self.months, 1),
            Unit::Week => (&mut self.days, 7),
            Unit::Day => (&mut self.days, 1),
            Unit::Hour => (&mut self.micros, HOUR),
            Unit::Minute => (&mut self.micros, 60 * SECOND),
            Unit::Microsecond => (&mut self.micros, 1),
        };
        *part = part.checked_add(count.checked_mul(scale)?)?;
        Some(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Microsecond,
}

/// Reads `P1Y2M3DT4H5M6.7S` (ISO 8601, with fractions only of seconds), and what PostgreSQL writes, `1 year 2 mons 3
/// days 04:05:06.7` (chapter 8.5.4).
pub(super) fn interval(text: &str) -> Result<Interval, Refusal> {
    let read = text.strip_prefix('P').map_or_else(|| units_interval(text), iso_interval);
    // Months and days have 32 bits.
    let fits = |part: i64| i32::try_from(part).is_ok();
    read.filter(|interval| fits(interval.months) && fits(interval.days)).ok_or_else(|| {
        "is not an interval like P1DT2H3M4.5S (ISO 8601) or 1 day 02:03:04.5, or is out of range".into()
    })
}

fn iso_interval(mut rest: &str) -> Option<Interval> {
    let (mut interval, mut in_time, mut order) = (Interval::default(), false, 0);
    if rest.is_empty() || rest.ends_with('T') {
        return None;
    }
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T').filter(|_| !in_time) {
            (rest, in_time) = (time, true);
            continue;
        }
        let (negative, unsigned) = sign(rest);
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (count, unit) = (&unsigned[..end], unsigned.as_bytes()[end]);
        rest = &unsigned[end + 1..];
        let (unit, place) = match (unit, in_time) {
            (b'Y', false) => (Unit::Year, 1),
            (b'M', false) => (Unit::Month, 2),
            (b'W', false) => (Unit::Week, 3),
            (b'D', false) => (Unit::Day, 4),
            (b'H', true) => (Unit::Hour, 5),
            (b'M', true) => (Unit::Minute, 6),
            (b'S', true) => (Unit::Microsecond, 7),
            _ => return None,
        };
        // Each unit at most once, and in this order.
        if place <= order {
            return None;
        }
        order = place;
        let count = if unit == Unit::Microsecond { seconds(count, 0)? } else { number(count.as_bytes())? };
        interval.add(if negative { -count } else { count }, unit)?;
    }
    Some(interval)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn units_interval(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        let (negative, count) = sign(word);
        if count.contains(':') {
            // The time comes last.
            let micros = hours(count)?;
            interval.add(if negative { -micros } else { micros }, Unit::Microsecond)?;
            return words.next().is_none().then_some(interval);
        }
        let unit = match words.next()? {
            "year" | "years" => Unit::Year,
            "mon" | "mons" | "month" | "months" => Unit::Month,
            "week" | "weeks" => Unit::Week,
            "day" | "days" => Unit::Day,
            "hour" | "hours" => Unit::Hour,
            "min" | "mins" | "minute" | "minutes" => Unit::Minute,
            "sec" | "secs" | "second" | "seconds" => Unit::Microsecond,
            _ => return None,
        };
        let count = if unit == Unit::Microsecond { seconds(count, 0)? } else { number(count.as_bytes())? };
        interval.add(if negative { -count } else { count }, unit)?;
    }
    Some(interval)
}

/// The microseconds in `HH:MM:SS[.ffffff]`, for any number of hours.
fn hours(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, rest) = rest.split_once(':')?;
    let (minutes, seconds) = (number(minutes.as_bytes()).filter(|_| minutes.len() == 2)?, seconds(rest, 2)?);
    if minutes > 59 || seconds >= 60 * SECOND {
        return None;
    }
    number(hours.as_bytes())?.checked_mul(HOUR)?.checked_add(minutes * 60 * SECOND + seconds)
}

/// Appends an `inet` or `cidr` (chapter 8.9; `network_recv`): family, bits, whether it is a cidr, length, address.
pub(super) fn network(text: &str, cidr: bool, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let wrong = || Refusal::from("is not an IPv4 or IPv6 address, with or without /bits");
    let (family, length, address) = match address.parse().map_err(|_| wrong())? {
        IpAddr::V4(address) => (2, 4, u128::from(u32::from(address)) << 96),
        IpAddr::V6(address) => (3, 16, u128::from(address)),
    };
    let all = length * 8;
    let bits = match bits {
        None => all,
        Some(bits) => number(bits.as_bytes())
            .and_then(|bits| u8::try_from(bits).ok())
            .filter(|bits| *bits <= all)
            .ok_or_else(wrong)?,
    };
    if cidr && address.checked_shl(bits.into()).unwrap_or(0) != 0 {
        return Err("has bits set to the right of its mask, which a cidr does not store".into());
    }
    put(out, &(4 + i32::from(length)).to_be_bytes());
    put(out, &[family, bits, cidr.into(), length]);
    put(out, &address.to_be_bytes()[..length.into()]);
    Ok(())
}

/// Reads a `macaddr` (chapter 8.9.4) in any of its spellings.
pub(super) fn macaddr(text: &str) -> Option<[u8; 6]> {
    let text = text.as_bytes();
    let (group, separators): (usize, &[u8]) = match text.len() {
        17 => (2, b":-"),
        14 => (4, b".-"),
        13 => (6, b":-"),
        12 => (12, b""),
        _ => return None,
    };
    let separator = text[group.min(text.len() - 1)];
    let (mut bytes, mut digits) = ([0; 6], 0);
    for (position, byte) in text.iter().enumerate() {
        if position % (group + 1) == group {
            if *byte != separator || !separators.contains(byte) {
                return None;
            }
            continue;
        }
        let digit = char::from(*byte).to_digit(16)? as u8;
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

/// The double nearest to a JSON number.
pub(super) fn double(text: &str) -> Result<f64, Refusal> {
    let x: f64 = text.parse().map_err(|_| "is not a number")?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if x.is_finite() && (x != 0.0 || zero) {
        Ok(x)
    } else {
        Err("is out of range for double precision".into())
    }
}
