//! Dates and times that RFC 3339 does not have: the infinities, and years before 1 and after 9999, as PostgreSQL writes
//! them (chapter 8.5.2, style ISO): `infinity`, `0044-03-15 BC`, `12026-01-01 00:00:00+00`.
//!
//! The numbers here are PostgreSQL's own: days and microseconds since 2000-01-01, of which the least and the greatest are the
//! infinities. Those of the last 30 years that it knows, to 294276, would not fit when counted from 1970.

use super::{MONTHS, civil_from_days, days_from_civil, format_clock, is_leap, pair};
use crate::digits::triple;

const DAY: i64 = 86_400_000_000;
/// 2000-01-01, in days since 1970-01-01.
const EPOCH: i64 = 10_957;
/// 4714-11-24 BC, where PostgreSQL begins (src/include/datatype/timestamp.h, `DATETIME_MIN_JULIAN`).
const FIRST_DAY: i64 = -2_451_545;
/// The first day after 5874897-12-31 (`DATE_END_JULIAN`).
const END_DAY: i64 = 2_147_483_494 - 2_451_545;
/// The first microsecond after 294276-12-31 (`END_TIMESTAMP`).
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// Appends a date.
pub fn format_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let is_bc = push_day(days.into(), out);
            out.extend_from_slice(if is_bc { b" BC" } else { b"" });
        }
    }
}

/// Appends a time, with the zone `+00` if it is one in UTC.
pub fn format_timestamp(micros: i64, is_utc: bool, out: &mut Vec<u8>) {
    match micros {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let is_bc = push_day(micros.div_euclid(DAY), out);
            out.push(b' ');
            format_clock(micros.rem_euclid(DAY), out);
            out.extend_from_slice(if is_utc { b"+00" } else { b"" });
            out.extend_from_slice(if is_bc { b" BC" } else { b"" });
        }
    }
}

/// Appends a day, without the era, and says whether it is before Christ.
fn push_day(days: i64, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = civil_from_days(days + EPOCH);
    let is_bc = year < 1;
    let year = if is_bc { 1 - year } else { year };
    out.extend_from_slice(format!("{year:04}-").as_bytes());
    out.extend_from_slice(&pair(month));
    out.push(b'-');
    out.extend_from_slice(&pair(day));
    is_bc
}

/// The days of a date that [`format_date`] writes and [`super::parse_date`] does not read.
pub fn parse_date(text: &str) -> Option<i32> {
    match text {
        "infinity" => Some(i32::MAX),
        "-infinity" => Some(i32::MIN),
        _ => {
            let (days, rest) = day(text)?;
            (rest.is_empty() && (FIRST_DAY..END_DAY).contains(&days)).then_some(days as i32)
        }
    }
}

/// The microseconds of a time that [`format_timestamp`] writes and [`super::parse_timestamp`], or
/// [`super::parse_timestamptz`] if it has a zone, does not read.
pub fn parse_timestamp(text: &str, has_zone: bool) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => (),
    }
    let (days, rest) = day(text)?;
    let (&[b' ' | b'T', ref clock @ ..], rest) = rest.as_bytes().split_first_chunk::<9>()? else {
        return None;
    };
    let (hour, minute, second) = triple(*clock, b':').filter(|(h, m, s)| *h < 24 && *m < 60 && *s < 60)?;
    let (micros, zone) = fraction(rest)?;
    let offset = if has_zone { offset(zone)? } else { zone.is_empty().then_some(0)? };
    let seconds = i64::from(hour * 3600 + minute * 60 + second) - offset;
    let micros = i128::from(days) * i128::from(DAY) + i128::from(seconds * 1_000_000 + micros);
    let known = i128::from(FIRST_DAY * DAY)..i128::from(END_TIMESTAMP);
    known.contains(&micros).then_some(micros as i64)
}

/// The days of a date before the year 1 or after 9999, and what follows it, without the era at the end.
fn day(text: &str) -> Option<(i64, &str)> {
    let (text, is_bc) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let at = text.find('-')?;
    let (year, rest) = text.split_at(at);
    let plain = (4..=7).contains(&at) && (at == 4 || !year.starts_with('0'));
    let (month_day, rest) = rest.split_at_checked("-MM-DD".len())?;
    let year: i64 = year.parse().ok().filter(|_| plain && year.bytes().all(|byte| byte.is_ascii_digit()))?;
    let [b'-', m1, m2, b'-', d1, d2] = *month_day.as_bytes() else { return None };
    let (month, day) = (super::two(m1, m2)?, super::two(d1, d2)?);
    // There is no year 0: 1 BC is the one before 1.
    let year = match is_bc {
        true if year > 0 => 1 - year,
        false if year > 9999 => year,
        _ => return None,
    };
    let leap = month == 2 && day == 29 && is_leap(year.rem_euclid(400) as u32);
    let length = MONTHS.get(month as usize).copied().unwrap_or(0);
    (day >= 1 && (day <= length || leap)).then_some(())?;
    // The calendar repeats after 400 years, and that one does not count years below 1.
    let cycles = (year - 1).div_euclid(400);
    let days = days_from_civil((year - cycles * 400) as u32, month, day);
    Some((i64::from(days) + cycles * 146_097 - EPOCH, rest))
}

/// The microseconds of a fraction of at most six digits, if there is one, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', tail @ ..] = rest else { return Some((0, rest)) };
    let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = tail.split_at(length);
    let value = digits.iter().fold(0, |n: i64, digit| n * 10 + i64::from(digit - b'0'));
    (1..=6).contains(&length).then(|| (value * 10_i64.pow(6 - length as u32), zone))
}

/// The seconds of a zone: `Z`, `+HH`, `+HH:MM` or `+HH:MM:SS`.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        b"Z" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let part = |at: usize, most: u32| match digits.get(at..) {
        Some([]) => Some(0),
        Some([tens, ones, ..]) => super::two(*tens, *ones).filter(|part| *part <= most),
        _ => None,
    };
    let separated = |at: usize| digits.get(at).is_none_or(|byte| *byte == b':');
    let whole = matches!(digits.len(), 2 | 5 | 8) && separated(2) && separated(5);
    let at = |index: usize| index.min(digits.len());
    let (hours, minutes, seconds) = (part(0, 15)?, part(at(3), 59)?, part(at(6), 59)?);
    whole.then(|| sign * i64::from(hours * 3600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        format(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    /// What PostgreSQL 15 has for these, by `x - date '2000-01-01'` and `extract(epoch from x)`.
    #[test]
    fn dates_are_those_of_postgresql() {
        for (text, days) in [
            ("infinity", i32::MAX),
            ("-infinity", i32::MIN),
            ("4714-11-24 BC", -2_451_545),
            ("0044-03-15 BC", -746_117),
            ("0001-12-31 BC", -730_120),
            ("0001-02-29 BC", -730_426),
            ("10000-01-01", 2_921_940),
            ("5874897-12-31", 2_145_031_948),
        ] {
            assert_eq!(parse_date(text), Some(days), "{text}");
            assert_eq!(shown(|out| format_date(days, out)), text);
        }
    }

    #[test]
    fn times_are_those_of_postgresql() {
        for (text, micros) in [
            ("infinity", i64::MAX),
            ("-infinity", i64::MIN),
            ("4714-11-24 00:00:00 BC", -211_813_488_000_000_000),
            ("0001-12-31 23:59:59.999999 BC", -63_082_281_600_000_001),
            ("10000-01-01 00:00:00", 252_455_616_000_000_000),
            ("294276-12-31 23:59:59.999999", 9_223_371_331_199_999_999),
        ] {
            assert_eq!(parse_timestamp(text, false), Some(micros), "{text}");
            assert_eq!(shown(|out| format_timestamp(micros, false, out)), text);
            let zoned = match text.strip_suffix(" BC") {
                Some(time) => format!("{time}+00 BC"),
                None if text.ends_with("infinity") => text.to_owned(),
                None => format!("{text}+00"),
            };
            assert_eq!(parse_timestamp(&zoned, true), Some(micros), "{zoned}");
            assert_eq!(shown(|out| format_timestamp(micros, true, out)), zoned);
        }
        let noon = parse_timestamp("0044-03-15 12:00:00 BC", false);
        for text in
            ["0044-03-15 13:30:00+01:30 BC", "0044-03-15T12:00:00.000Z BC", "0044-03-15 06:06:32-05:53:28 BC"]
        {
            assert_eq!(parse_timestamp(text, true), noon, "{text}");
        }
    }

    #[test]
    fn what_rfc_3339_has_or_nobody_writes_is_not_special() {
        for text in [
            "",
            "Infinity",
            "+infinity",
            "2026-01-01",
            "9999-12-31",
            "0000-01-01",
            "0000-01-01 BC",
            "044-03-15 BC",
            "010000-01-01",
            "10000-02-30",
            "10001-02-29",
            "10000-1-1",
            "+10000-01-01",
            "0044-03-15 AD",
            "0044-03-15BC",
            "4714-11-23 BC",
            "5874898-01-01",
            "99999999-01-01",
            "10000-01-01 ",
            "-0044-03-15",
            "１0000-01-01",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for text in [
            "10000-01-01",
            "10000-01-01 24:00:00",
            "10000-01-01 00:00:60",
            "10000-01-01 00:00:00.",
            "10000-01-01 00:00",
            "10000-01-01 00:00:00.1234567",
            "294277-01-01 00:00:00",
            "4714-11-23 23:59:59 BC",
            "2026-01-01 00:00:00",
            "10000-01-01 00:00:00+00",
        ] {
            assert_eq!(parse_timestamp(text, false), None, "{text}");
        }
        for text in [
            "10000-01-01 00:00:00",
            "10000-01-01 00:00:00+0",
            "10000-01-01 00:00:00+00:",
            "10000-01-01 00:00:00+00:0x",
            "10000-01-01 00:00:00+16",
            "10000-01-01 00:00:00+00:00:00:00",
        ] {
            assert_eq!(parse_timestamp(text, true), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..100_000 {
            let days = random.i64(FIRST_DAY..END_DAY) as i32;
            let text = shown(|out| format_date(days, out));
            let ordinary = super::super::parse_date(&text).ok().map(|days| days - EPOCH as i32);
            assert_eq!(parse_date(&text).or(ordinary), Some(days), "{text}");
            let micros = random.i64(FIRST_DAY * DAY..END_TIMESTAMP);
            let text = shown(|out| format_timestamp(micros, true, out));
            // In the years between, RFC 3339 has another zone.
            if !text.ends_with("+00") || text.find('-') > Some(4) {
                assert_eq!(parse_timestamp(&text, true), Some(micros), "{text}");
            }
        }
    }
}
