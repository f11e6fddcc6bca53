//! Cron lines: five fields, as Kubernetes, Argo, Airflow and crontab(5) agree on them.
//!
//! They disagree on a few things, which are refused: seconds and years, `L`, `W`, `#`, `?`, `@reboot`, and a step from
//! `*` in one of the two fields for days where the other is restricted too.

use std::fmt;

/// When a pipeline is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// The line of the file.
    pub line: usize,
    /// Minute, hour, day of the month, month, day of the week.
    pub fields: [Field; 5],
}

/// A field of a cron line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As it is rendered: digits for names, 0 for Sunday.
    pub text: String,
    /// The values it stands for, sorted.
    pub values: Vec<u8>,
    /// Whether it begins with `*`.
    pub star: bool,
}

struct Kind {
    what: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
}

const KINDS: [Kind; 5] = [
    Kind { what: "a minute", first: 0, last: 59, names: &[] },
    Kind { what: "an hour", first: 0, last: 23, names: &[] },
    Kind { what: "a day of the month", first: 1, last: 31, names: &[] },
    Kind {
        what: "a month",
        first: 1,
        last: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    // 7 is Sunday, too.
    Kind {
        what: "a day of the week",
        first: 0,
        last: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The most days that each month can have, from January.
const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads a cron line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, line: usize) -> Result<Cron, String> {
        let meant = MACROS.iter().find(|(name, _)| *name == text.trim()).map_or(text, |(_, meant)| meant);
        let texts: Vec<&str> = meant.split_whitespace().collect();
        let count = texts.len();
        let five: [&str; 5] = texts.try_into().map_err(|_| {
            format!("`{text}` has {count} fields; a cron line has five: minute, hour, day of the month, month, day of the week")
        })?;
        let wrong = |error: String| format!("`{text}`: {error}");
        let mut fields = Vec::with_capacity(5);
        for (kind, text) in KINDS.iter().zip(five) {
            fields.push(field(kind, text).map_err(wrong)?);
        }
        let fields: [Field; 5] =
            fields.try_into().map_err(|_| wrong("five fields are expected".to_owned()))?;
        let [_, _, day, month, weekday] = &fields;
        let restricted = |field: &Field| field.text != "*";
        if restricted(day) && restricted(weekday) && (day.star || weekday.star) {
            return Err(wrong(
                "schedulers disagree on a step from `*` in one field for days while the other is restricted, too: \
                 write the days out, or use two lines"
                    .to_owned(),
            ));
        }
        if !restricted(weekday) && !month.values.iter().any(|&m| day.values[0] <= DAYS[usize::from(m) - 1]) {
            return Err(wrong("none of its months has such a day: it would never start".to_owned()));
        }
        Ok(Cron { line, fields })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.fields.iter().map(|field| field.text.as_str()).collect();
        f.write_str(&texts.join(" "))
    }
}

fn field(kind: &Kind, text: &str) -> Result<Field, String> {
    let week = kind.last == 7;
    let top = if week { 6 } else { kind.last };
    let sunday = |value: u8| if week { value % 7 } else { value };
    let mut parts = Vec::new();
    let mut values = Vec::new();
    for part in text.split(',') {
        if part.starts_with('*') && part != text {
            return Err(format!("`{text}`: schedulers disagree on `*` in a list"));
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let number = step.parse::<u8>().ok().filter(|&step| step >= 1);
                (
                    range,
                    Some(number.ok_or_else(|| format!("`{part}` has no step from 1 on, as {}", kind.what))?),
                )
            }
            None => (part, None),
        };
        let (first, last, written) = match range.split_once('-') {
            _ if range == "*" => (kind.first, top, "*".to_owned()),
            Some((first, last)) => {
                let (first, mut last) = (value(kind, first)?, value(kind, last)?);
                // A week may end with Sunday.
                if week && last == 0 && first > 0 {
                    last = 7;
                }
                if first > last {
                    return Err(format!("`{range}` runs backwards, as {}", kind.what));
                }
                (first, last, format!("{first}-{last}"))
            }
            None if step.is_some() => {
                return Err(format!(
                    "`{part}`: schedulers disagree on a step without a range: write `{range}-{top}/…`"
                ));
            }
            None => {
                let value = sunday(value(kind, range)?);
                (value, value, value.to_string())
            }
        };
        let these: Vec<u8> = (first..=last).step_by(step.unwrap_or(1).into()).map(sunday).collect();
        // A range up to Sunday as 7 is not known everywhere.
        parts.push(match (last, step) {
            (7, _) if week => these.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            (_, Some(step)) => format!("{written}/{step}"),
            (_, None) => written,
        });
        values.extend(these);
    }
    values.sort_unstable();
    values.dedup();
    Ok(Field { star: text.starts_with('*'), text: parts.join(","), values })
}

fn value(kind: &Kind, text: &str) -> Result<u8, String> {
    let named = kind.names.iter().position(|name| text.eq_ignore_ascii_case(name));
    let digits = text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty();
    let number = match named {
        Some(at) => u8::try_from(at).ok().map(|at| at + kind.first),
        None if digits => text.parse().ok(),
        None => None,
    };
    let number = number.filter(|number| (kind.first..=kind.last).contains(number));
    number
        .ok_or_else(|| format!("`{text}` is not {}: it goes from {} to {}", kind.what, kind.first, kind.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rendered_as_all_schedulers_read_them() {
        for (text, expected) in [
            ("*/15 * * * *", "*/15 * * * *"),
            ("0 5 * * 7", "0 5 * * 0"),
            ("0 5 * * MON-fri", "0 5 * * 1-5"),
            ("0 5 * * 5-7", "0 5 * * 5,6,0"),
            ("0 5 * * sat-sun", "0 5 * * 6,0"),
            ("0 5 * * 0-7/2", "0 5 * * 0,2,4,6"),
            ("0 0 1 JAN,Jul *", "0 0 1 1,7 *"),
            ("  5   4 * * * ", "5 4 * * *"),
            ("@daily", "0 0 * * *"),
            ("0-30/10,45 1-3 * * *", "0-30/10,45 1-3 * * *"),
            ("0 0 1,15 * 1", "0 0 1,15 * 1"),
            ("0 0 29 2 *", "0 0 29 2 *"),
            ("05 08 * * *", "5 8 * * *"),
        ] {
            assert_eq!(Cron::parse(text, 1).unwrap().to_string(), expected, "{text}");
        }
        let cron = Cron::parse("*/20 * * * 5-7", 3).unwrap();
        assert_eq!(cron.fields[0].values, [0, 20, 40]);
        assert_eq!(cron.fields[4].values, [0, 5, 6]);
        assert_eq!(Cron::parse("0 0 * * *", 1).unwrap().fields[4].values, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_schedulers_do_not_read_alike_is_refused() {
        for (text, part) in [
            ("* * * *", "has 4 fields"),
            ("0 0 0 * * *", "has 6 fields"),
            ("60 * * * *", "`60` is not a minute: it goes from 0 to 59"),
            ("0 24 * * *", "`24` is not an hour"),
            ("0 0 0 * *", "`0` is not a day of the month"),
            ("0 0 * 13 *", "`13` is not a month"),
            ("0 0 * * 8", "`8` is not a day of the week"),
            ("0 0 L * *", "`L` is not a day of the month"),
            ("0 0 ? * *", "`?` is not a day of the month"),
            ("0 0 * * 1#2", "`1#2` is not a day of the week"),
            ("*/0 * * * *", "has no step from 1 on"),
            ("5/15 * * * *", "write `5-59/…`"),
            ("30-10 * * * *", "runs backwards"),
            ("0 0 */2 * 1", "schedulers disagree"),
            ("0 0 1,* * 1", "`*` in a list"),
            ("0 0 30 2 *", "would never start"),
            ("@reboot", "has 1 fields"),
            ("+5 * * * *", "`+5` is not a minute"),
            ("", "has 0 fields"),
        ] {
            let error = Cron::parse(text, 1).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
