//! Instants, days, and the spans of time that are read.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A half-open span of time: `since` is in it, `until` is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Where it begins, if anywhere.
    pub since: Option<Timestamp>,
    /// Where it ends, if anywhere.
    pub until: Option<Timestamp>,
}

impl Window {
    /// Whether an instant is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// The instant at which a calendar day begins in UTC, which is where it lies in a [`Window`].
pub fn midnight(day: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)
}

/// The zone of New York, by whose days US markets and services go; daylight saving time as it has been since 2007. It needs
/// no database of zones, which a container from scratch does not have.
pub fn new_york() -> TimeZone {
    TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap_or(TimeZone::UTC)
}

/// Reads a day, which begins in UTC, or an RFC 3339 time.
///
/// # Errors
/// What is expected, if it is neither.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok().filter(|_| text.len() == "2026-01-31".len()).map(midnight);
    text.parse().ok().or_else(day).ok_or_else(|| {
        "expected a day such as 2026-01-31, or a time with its zone such as 2026-01-31T18:00:00Z".to_owned()
    })
}
