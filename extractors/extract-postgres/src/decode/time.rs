//! Dates, times and intervals, which PostgreSQL counts from 2000-01-01.

use etl_schema::time::{self, special};

const DAY: i64 = 86_400_000_000;
/// 2000-01-01, in days since 1970-01-01.
const EPOCH: i32 = 10_957;
/// The days from 0001-01-01 to 9999-12-31, which RFC 3339 has.
const DAYS: std::ops::Range<i32> = -730_119..2_921_940;
const MICROS: std::ops::Range<i64> = DAYS.start as i64 * DAY..DAYS.end as i64 * DAY;

/// Appends a date.
pub(super) fn date(days: i32, out: &mut Vec<u8>) {
    out.push(b'"');
    if DAYS.contains(&days) {
        time::format_date(days + EPOCH, out)
    } else {
        special::format_date(days, out)
    }
    out.push(b'"');
}

/// Appends a time, in UTC or without a zone.
#[inline]
pub(super) fn timestamp(micros: i64, is_utc: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    if MICROS.contains(&micros) {
        time::format_timestamp(micros + i64::from(EPOCH) * DAY, out);
        if is_utc {
            out.push(b'Z');
        }
    } else {
        special::format_timestamp(micros, is_utc, out);
    }
    out.push(b'"');
}

/// Appends a time of day, up to `24:00:00`.
pub(super) fn clock(micros: i64, out: &mut Vec<u8>) {
    out.push(b'"');
    time::format_clock(micros, out);
    out.push(b'"');
}

/// Appends an interval as PostgreSQL writes it in the style `iso_8601`, each of its parts with its own sign.
pub(super) fn interval(field: [u8; 16], out: &mut Vec<u8>) {
    let [m1, m2, m3, m4, m5, m6, m7, m8, d1, d2, d3, d4, o1, o2, o3, o4] = field;
    let micros = i64::from_be_bytes([m1, m2, m3, m4, m5, m6, m7, m8]);
    let (days, months) = (i32::from_be_bytes([d1, d2, d3, d4]), i32::from_be_bytes([o1, o2, o3, o4]));
    match (months, days, micros) {
        (0, 0, 0) => return out.extend_from_slice(b"\"PT0S\""),
        // As PostgreSQL 17 has them.
        (i32::MAX, i32::MAX, i64::MAX) => return out.extend_from_slice(b"\"infinity\""),
        (i32::MIN, i32::MIN, i64::MIN) => return out.extend_from_slice(b"\"-infinity\""),
        _ => (),
    }
    out.extend_from_slice(b"\"P");
    part((months / 12).into(), b'Y', out);
    part((months % 12).into(), b'M', out);
    part(days.into(), b'D', out);
    if micros != 0 {
        out.push(b'T');
        let (minutes, rest) = (micros / 60_000_000, micros % 60_000_000);
        part(minutes / 60, b'H', out);
        part(minutes % 60, b'M', out);
        if rest < 0 {
            out.push(b'-');
        }
        let (seconds, fraction) = (rest.unsigned_abs() / 1_000_000, rest.unsigned_abs() % 1_000_000);
        if rest != 0 {
            super::short::integer(seconds.cast_signed(), out);
            if fraction > 0 {
                out.extend_from_slice(format!(".{fraction:06}").trim_end_matches('0').as_bytes());
            }
            out.push(b'S');
        }
    }
    out.push(b'"');
}

/// Appends a part of an interval, unless it is zero.
fn part(n: i64, unit: u8, out: &mut Vec<u8>) {
    if n != 0 {
        super::short::integer(n, out);
        out.push(unit);
    }
}
