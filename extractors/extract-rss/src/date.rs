//! The instants that feeds mean.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The years that every database here stores.
const YEARS: std::ops::RangeInclusive<i16> = 1..=9999;

/// The zones of RFC 822.
const ZONES: [&str; 10] = ["UT", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"];

/// The instant that a text says: RFC 822 as RSS has it, or RFC 3339 as Atom has it, in the forms that feeds have made of
/// them. A text without a zone, without a time or in another language says none.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let instant = words.parse::<Timestamp>().ok().or_else(|| rfc_822(&words))?;
    YEARS.contains(&jiff::tz::TimeZone::UTC.to_datetime(instant).year()).then_some(instant)
}

fn rfc_822(words: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    // A weekday says nothing that the date does not, and feeds spell it in many ways.
    let date = words.split_once(',').map_or(words, |(_, date)| date.trim_start());
    let mut words: Vec<String> = date.split(' ').map(str::to_owned).collect();
    if words.len() == 6 && words[0].chars().all(char::is_alphabetic) {
        words.remove(0);
    }
    // As Americans write it.
    if words.len() == 5 && is_month(&words[0]) {
        words.swap(0, 1);
    }
    let [day, month, year, time, zone] = words.get_mut(..).unwrap_or_default() else { return None };
    // `Sept`, `July`; `+00:00`; `UTC`.
    if month.is_ascii() && month.len() > 3 && is_month(month) {
        month.truncate(3);
    }
    if zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':' {
        zone.remove(3);
    }
    let zone = match zone.to_ascii_uppercase().as_str() {
        "UTC" | "Z" => "GMT".to_owned(),
        // The parser takes any other word for UTC, as RFC 2822 asks it to, and would be an hour off for CET.
        zone if zone.starts_with(['+', '-']) || ZONES.contains(&zone) => zone.to_owned(),
        _ => return None,
    };
    PARSER.parse_timestamp(format!("{day} {month} {year} {time} {zone}")).ok()
}

fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    MONTHS.iter().any(|month| month.starts_with(&word.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn dates_as_feeds_have_them() {
        for (text, at) in [
            ("Thu, 01 Jan 2004 19:48:21 GMT", Some("2004-01-01T19:48:21Z")),
            ("Thu, 19 May 2022 14:32:32 GMT", Some("2022-05-19T14:32:32Z")),
            ("Sun, 06 Sep 2009 16:20:00 +0000", Some("2009-09-06T16:20:00Z")),
            // The weekday is wrong; no weekday; another language's weekday.
            ("Mon, 01 Jan 2004 19:48:21 GMT", Some("2004-01-01T19:48:21Z")),
            ("1 Jan 2004 19:48:21 GMT", Some("2004-01-01T19:48:21Z")),
            ("Do, 01 Jan 2004 19:48:21 GMT", Some("2004-01-01T19:48:21Z")),
            ("Thursday, 01 January 2004 19:48 EST", Some("2004-01-02T00:48:00Z")),
            ("Thu 01 Sept 2005 19:48:21 PDT", Some("2005-09-02T02:48:21Z")),
            (" Thu,  01\n Jul 2004 19:48:21 +02:00 ", Some("2004-07-01T17:48:21Z")),
            ("Fri, Oct 7 2022 10:15:00 -0400", Some("2022-10-07T14:15:00Z")),
            ("01 Jan 04 19:48:21 UT", Some("2004-01-01T19:48:21Z")),
            ("Thu, 01 Jan 2004 19:48:21 UTC", Some("2004-01-01T19:48:21Z")),
            ("2003-12-13T08:29:29-04:00", Some("2003-12-13T12:29:29Z")),
            ("2003-12-13T08:29:29.25Z", Some("2003-12-13T08:29:29.25Z")),
            ("2003-12-13 08:29:29+00:00", Some("2003-12-13T08:29:29Z")),
            ("2003-12-13T08:29Z", Some("2003-12-13T08:29:00Z")),
            ("2003-12-13T08:29:29+0100", Some("2003-12-13T07:29:29Z")),
            // No zone, no time, no such zone, no such day, another language, nothing.
            ("2003-12-13T08:29:29", None),
            ("2003-12-13", None),
            ("Thu, 01 Jan 2004 19:48:21", None),
            ("Sat, Dec 16 2023 02:02:33 PM", None),
            ("Thu Jan 01 19:48:21 2004", None),
            ("Thu, 01 Jan 2004 19:48:21 CET", None),
            ("Thu, 01 Jan 2004 19:48:21 A", None),
            ("Thu, 01 Jan 2004 19:48:21 GMT+1", None),
            ("2017-06-13T03:18:00+00:0", None),
            ("Thu, 31 Feb 2004 19:48:21 GMT", None),
            ("Do, 01 Mai 2004 19:48:21 GMT", None),
            ("Thu, 01 Märzen 2004 19:48:21 GMT", None),
            ("0000-00-00T00:00:00Z", None),
            ("-000001-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(instant(text).map(|at| at.to_string()).as_deref(), at, "{text}");
        }
    }
}
