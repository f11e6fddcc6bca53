//! Which files are asked for.

use std::fmt;

use etl_extract::{Window, new_york};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// How long the files of two years are asked for after a year has ended: the new one may have no row yet, and the last
/// rows of the old one may come late.
const DAYS_OF_BOTH: i64 = 7;

/// What a file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    /// A calendar year.
    Year(i16),
    /// A month of a year.
    Month(i16, i8),
}

impl Period {
    /// Whether a day is in it.
    pub(crate) fn contains(self, date: Date) -> bool {
        match self {
            Period::Year(year) => date.year() == year,
            Period::Month(year, month) => (date.year(), date.month()) == (year, month),
        }
    }

    /// Its year.
    pub(crate) fn year(self) -> i16 {
        match self {
            Period::Year(year) | Period::Month(year, _) => year,
        }
    }
}

/// As the service writes it.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Year(year) => write!(f, "{year:04}"),
            Period::Month(year, month) => write!(f, "{year:04}{month:02}"),
        }
    }
}

/// Reads `YYYY`.
///
/// # Errors
/// What is expected.
pub(crate) fn year(text: &str) -> Result<Period, String> {
    let year = digits(text, 4).and_then(|year| year.parse().ok()).filter(|year| *year > 0);
    year.map(Period::Year).ok_or_else(|| "expected a year such as 2026".to_owned())
}

/// Reads `YYYYMM`.
///
/// # Errors
/// What is expected.
pub(crate) fn month(text: &str) -> Result<Period, String> {
    let read = |text: &str| {
        let (year, month) = digits(text, 6)?.split_at(4);
        let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
        Some(Period::Month(year.parse().ok()?, month))
    };
    read(text).ok_or_else(|| "expected a year and month such as 202601".to_owned())
}

fn digits(text: &str, count: usize) -> Option<&str> {
    Some(text).filter(|text| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The years of a window, where none was asked for: from its begin to its end, as far as there is one. Otherwise it is this
/// year where the rates are made, and in its first days the last one, too.
pub(crate) fn years(window: Window, first_year: i16, now: Timestamp) -> Vec<Period> {
    let today = new_york().to_datetime(now).date();
    let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).date();
    let last = window.until.map_or(today, |until| day(just_before(until)).min(today));
    let recent = last.saturating_sub((DAYS_OF_BOTH - 1).days());
    let first = window.since.map_or(recent, |since| day(since).min(last));
    (first.year().max(first_year)..=last.year()).map(Period::Year).collect()
}

fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn years_of(since: &str, until: &str, now: &str) -> Vec<i16> {
        let at = |text: &str| etl_extract::instant(text).ok();
        let window = Window { since: at(since), until: at(until) };
        let periods = years(window, 1990, now.parse().unwrap());
        periods.into_iter().map(Period::year).collect()
    }

    #[test]
    fn the_year_is_that_of_new_york_and_around_new_year_both_are_asked_for() {
        for (now, years) in [
            ("2026-11-27T20:00:00Z", &[2026][..]),
            // Still the old year in New York.
            ("2027-01-01T04:59:59Z", &[2026]),
            ("2027-01-01T05:00:00Z", &[2026, 2027]),
            ("2027-01-07T04:59:59Z", &[2026, 2027]),
            ("2027-01-07T05:00:00Z", &[2027]),
        ] {
            assert_eq!(years_of("", "", now), years, "{now}");
        }
    }

    #[test]
    fn a_window_asks_for_its_years() {
        let now = "2026-11-27T20:00:00Z";
        for (since, until, years) in [
            ("2024-12-31", "", &[2024, 2025, 2026][..]),
            ("2024-12-31T23:59:59Z", "2025-01-01", &[2024]),
            ("2024-12-31", "2025-01-01T00:00:01Z", &[2024, 2025]),
            ("", "2020-01-01", &[2019]),
            ("", "2020-01-03", &[2019, 2020]),
            ("", "2040-01-01", &[2026]),
            ("2030-01-01", "", &[2026]),
            ("1700-01-01", "1991-06-30", &[1990, 1991]),
            ("", "1985-01-01", &[]),
        ] {
            assert_eq!(years_of(since, until, now), years, "{since} to {until}");
        }
    }

    #[test]
    fn what_is_not_a_year_or_a_month_says_what_is_expected() {
        assert_eq!(year("2026"), Ok(Period::Year(2026)));
        assert_eq!(month("202612"), Ok(Period::Month(2026, 12)));
        for wrong in ["", "26", "0000", "+202", "20260", "2026x", "２０２６"] {
            assert_eq!(year(wrong), Err("expected a year such as 2026".to_owned()), "{wrong}");
        }
        for wrong in ["", "2026", "202600", "202613", "2026-1", "2026121"] {
            assert_eq!(month(wrong), Err("expected a year and month such as 202601".to_owned()), "{wrong}");
        }
    }
}
