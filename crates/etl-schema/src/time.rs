//! Dates and times: read strictly, written as short as possible.
//!
//! Dates are days since 1970-01-01, timestamps microseconds since its midnight, in the proleptic Gregorian calendar,
//! of the years 1 to 9999.

pub mod special;
pub(crate) mod zone;

use crate::digits::triple;

const DAY: i64 = 86_400_000_000;
/// 0001-01-01 and the first day after 9999-12-31.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

/// Days since 1970-01-01 of a date `YYYY-MM-DD`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_date(text: &str) -> Result<i32, &'static str> {
    date(text.as_bytes())
}

#[inline]
pub(crate) fn date(text: &[u8]) -> Result<i32, &'static str> {
    match text.split_first_chunk::<10>() {
        Some((date, [])) => date_of(date, NO_DATE),
        _ => Err(NO_DATE),
    }
}

const NO_DATE: &str = "is not a date (YYYY-MM-DD)";
const NO_TIME: &str = "is not an RFC 3339 date and time";

/// Microseconds since 1970-01-01T00:00:00Z of an RFC 3339 date and time, which must have a zone.
///
/// `T` may be `t` or a space. Second 60 is the first second of the next minute, as in PostgreSQL. A fraction may have
/// any length and is rounded to microseconds, half to even.
///
/// # Errors
/// What is wrong with it.
pub fn parse_timestamptz(text: &str) -> Result<i64, &'static str> {
    timestamptz(text.as_bytes())
}

#[inline]
pub(crate) fn timestamptz(text: &[u8]) -> Result<i64, &'static str> {
    let (local, zone) = local_time(text)?;
    let offset = match zone {
        [b'Z' | b'z'] => 0,
        [] => return Err("has no zone, such as Z or +02:00"),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2).ok_or(NO_TIME)?, two(*m1, *m2).ok_or(NO_TIME)?);
            // PostgreSQL's limit; the widest offset in use is +14:00.
            if hours > 15 || minutes > 59 {
                return Err("has a zone offset out of range");
            }
            let offset = i64::from(hours * 60 + minutes) * 60_000_000;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return Err(NO_TIME),
    };
    in_range(local - offset)
}

/// The same of a time as connectors write it: a zone may be missing, which is UTC then, or short.
pub fn parse_instant(text: &str) -> Option<i64> {
    parse_timestamptz(text).ok().or_else(|| zone::read(text).map(|(micros, _)| micros))
}

/// Whether a timestamp is of the years 1 to 9999.
pub fn is_in_range(micros: i64) -> bool {
    (FIRST_DAY * DAY..LAST_DAY * DAY).contains(&micros)
}

/// Microseconds since 1970-01-01T00:00:00 of a date and time that must not have a zone; otherwise as
/// [`parse_timestamptz`].
///
/// # Errors
/// What is wrong with it.
pub fn parse_timestamp(text: &str) -> Result<i64, &'static str> {
    timestamp(text.as_bytes())
}

#[inline]
pub(crate) fn timestamp(text: &[u8]) -> Result<i64, &'static str> {
    let (local, zone) = local_time(text)?;
    match zone {
        [] => in_range(local),
        [b'Z' | b'z' | b'+' | b'-', ..] => Err("has a zone, but the column is a timestamp without one"),
        _ => Err(NO_TIME),
    }
}

#[inline]
fn in_range(micros: i64) -> Result<i64, &'static str> {
    if (FIRST_DAY * DAY..(LAST_DAY + 1) * DAY).contains(&micros) {
        Ok(micros)
    } else {
        Err("is outside the years 0001 to 9999")
    }
}

/// The microseconds of the part before the zone, and the bytes of the zone.
#[inline(always)]
fn local_time(text: &[u8]) -> Result<(i64, &[u8]), &'static str> {
    let (date, rest) = text.split_first_chunk::<10>().ok_or(NO_TIME)?;
    let days = date_of(date, NO_TIME)?;
    let Some((&[b'T' | b't' | b' ', ref time @ ..], rest)) = rest.split_first_chunk::<9>() else {
        return Err(NO_TIME);
    };
    let (hour, minute, second) = triple(*time, b':').ok_or(NO_TIME)?;
    if hour > 23 || minute > 59 || second > 60 {
        return Err("has a time of day out of range");
    }
    let (fraction, zone) = fraction(rest)?;
    let of_day = i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + fraction;
    // 23:59:60 is the midnight that follows; anything later is not a time of this day, nor is it in PostgreSQL.
    if of_day > DAY {
        return Err("has a time of day out of range");
    }
    Ok((i64::from(days) * DAY + of_day, zone))
}

/// The microseconds of a fraction, if there is one, and what follows it.
#[inline(always)]
fn fraction(rest: &[u8]) -> Result<(i64, &[u8]), &'static str> {
    match rest {
        [b'.', tail @ ..] => fraction_of(tail),
        _ => Ok((0, rest)),
    }
}

fn fraction_of(tail: &[u8]) -> Result<(i64, &[u8]), &'static str> {
    let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Err(NO_TIME);
    }
    let (digits, zone) = tail.split_at(length);
    let mut micros = 0;
    for i in 0..6 {
        micros = micros * 10 + digits.get(i).map_or(0, |digit| i64::from(digit - b'0'));
    }
    if let [first, more @ ..] = digits.get(6..).unwrap_or_default() {
        let above = *first > b'5' || *first == b'5' && more.iter().any(|&digit| digit != b'0');
        let tie = *first == b'5' && !above;
        micros += i64::from(above || tie && micros % 2 == 1);
    }
    Ok((micros, zone))
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens * 10 + ones))
}

/// The days of a date; `malformed` is the error for a text that does not even look like one.
#[inline(always)]
fn date_of(date: &[u8; 10], malformed: &'static str) -> Result<i32, &'static str> {
    let [y1, y2, rest @ ..] = *date;
    let (Some(century), Some((year, month, day))) = (two(y1, y2), triple(rest, b'-')) else {
        return Err(malformed);
    };
    let year = century * 100 + year;
    let length = MONTHS.get(month as usize).copied().unwrap_or(0);
    let leap = month == 2 && day == 29 && is_leap(year);
    if year == 0 || day == 0 || day > length && !leap {
        return Err("is not a day of the calendar");
    }
    Ok(days_from_civil(year, month, day))
}

/// How many days each month has, by its number, not counting the leap day.
const MONTHS: [u32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

// Both conversions follow Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years start in March, so
// that the leap day is the last one.

/// The year is 1 or later.
#[inline]
fn days_from_civil(year: u32, month: u32, day: u32) -> i32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days as i32 - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends a date, `2026-11-23`.
pub fn format_date(days: i32, out: &mut Vec<u8>) {
    match short_date(days.into()) {
        Some(date) => out.extend_from_slice(&date),
        None => push_long_date(days.into(), out),
    }
}

/// Appends a time without a zone, `2026-11-23T02:00:00`, with as many fractional digits as it needs.
pub fn format_timestamp(micros: i64, out: &mut Vec<u8>) {
    let (days, of_day) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    match short_date(days) {
        Some([y1, y2, y3, y4, d1, m1, m2, d2, t1, t2]) => {
            let [h1, h2, c1, i1, i2, c2, s1, s2] = clock(of_day);
            out.extend_from_slice(&[
                y1, y2, y3, y4, d1, m1, m2, d2, t1, t2, b'T', h1, h2, c1, i1, i2, c2, s1, s2,
            ]);
        }
        None => {
            push_long_date(days, out);
            out.push(b'T');
            out.extend_from_slice(&clock(of_day));
        }
    }
    push_fraction(of_day, out);
}

/// Appends a time in UTC, `2026-11-23T02:00:00Z`, with as many fractional digits as it needs.
pub fn format_timestamptz(micros: i64, out: &mut Vec<u8>) {
    format_timestamp(micros, out);
    out.push(b'Z');
}

/// Appends the time of day of this many microseconds, `02:00:00`, with as many fractional digits as it needs.
pub fn format_clock(of_day: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&clock(of_day));
    push_fraction(of_day, out);
}

/// A date of the years 0 to 9999.
#[inline]
fn short_date(days: i64) -> Option<[u8; 10]> {
    // Days since 0000-03-01; that year's January and February belong to the year before.
    let days = u32::try_from(days + 719_468).ok().filter(|days| *days < 3_652_365)?;
    let (century, day_of_century) = ((4 * days + 3) / 146_097, (4 * days + 3) % 146_097 / 4);
    let (year, day_of_year) = ((4 * day_of_century + 3) / 1461, (4 * day_of_century + 3) % 1461 / 4);
    let (shifted, day) = ((5 * day_of_year + 2) / 153, (5 * day_of_year + 2) % 153 / 5 + 1);
    let (month, next) = if shifted < 10 { (shifted + 3, 0) } else { (shifted - 9, 1) };
    let year = century * 100 + year + next;
    let ([y1, y2], [y3, y4]) = (pair(year / 100), pair(year % 100));
    let ([m1, m2], [d1, d2]) = (pair(month), pair(day));
    Some([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2])
}

/// `02:00:00`
#[inline]
fn clock(of_day: i64) -> [u8; 8] {
    let seconds = (of_day / 1_000_000) as u32;
    let ([h1, h2], [m1, m2], [s1, s2]) = (pair(seconds / 3600), pair(seconds / 60 % 60), pair(seconds % 60));
    [h1, h2, b':', m1, m2, b':', s1, s2]
}

/// The fraction of a second, if there is one.
#[inline]
fn push_fraction(of_day: i64, out: &mut Vec<u8>) {
    let fraction = (of_day % 1_000_000) as u32;
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    for part in [fraction / 10_000, fraction / 100 % 100, fraction % 100] {
        out.extend_from_slice(&pair(part));
    }
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// A date of any year.
fn push_long_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { year.to_string() };
    out.extend_from_slice(year.as_bytes());
    for part in [month, day] {
        out.push(b'-');
        out.extend_from_slice(&pair(part));
    }
}

#[inline]
fn pair(n: u32) -> [u8; 2] {
    [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8]
}

#[cfg(test)]
mod tests;
