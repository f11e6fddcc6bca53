//! Cron lines as calendar events of systemd.time(7).

use std::time::Duration;

use crate::cron::{Cron, Field};

/// The events of a cron line in a zone: two where it names days of the month and of the week, either of which is enough.
pub(super) fn events(cron: &Cron, timezone: &str) -> Vec<String> {
    let [minute, hour, day, month, weekday] = &cron.fields;
    let time = format!("{}:{}:00 {timezone}", numbers(hour), numbers(minute));
    let of_month = |day: &str| format!("*-{}-{day} {time}", numbers(month));
    let of_week = || format!("{} {}", weekdays(weekday), of_month("*"));
    match (day.text == "*", weekday.text == "*") {
        (_, true) => vec![of_month(&numbers(day))],
        (true, false) => vec![of_week()],
        (false, false) => vec![of_month(&numbers(day)), of_week()],
    }
}

/// The shortest time between two starts, as if each day was one of them.
pub(super) fn shortest_gap(schedule: &[Cron]) -> Duration {
    let mut minutes: Vec<u64> = Vec::new();
    for Cron { fields: [minute, hour, ..], .. } in schedule {
        minutes.extend(
            hour.values
                .iter()
                .flat_map(|&h| minute.values.iter().map(move |&m| u64::from(h) * 60 + u64::from(m))),
        );
    }
    minutes.sort_unstable();
    minutes.dedup();
    let tomorrow = minutes.first().map(|first| first + 24 * 60);
    let next = minutes.iter().copied().skip(1).chain(tomorrow);
    let gap = minutes.iter().zip(next).map(|(minute, next)| next - minute).min();
    Duration::from_mins(gap.unwrap_or(24 * 60))
}

fn numbers(field: &Field) -> String {
    if field.text == "*" {
        return field.text.clone();
    }
    runs(&field.values, |value| format!("{value:02}"))
}

/// From Monday on, which is where a week begins for systemd.
fn weekdays(field: &Field) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let mut days: Vec<u8> = field.values.iter().map(|day| (day + 6) % 7).collect();
    days.sort_unstable();
    runs(&days, |day| NAMES[usize::from(day)].to_owned())
}

/// Sorted values with commas between them, three and more that follow each other as `first..last`.
fn runs(values: &[u8], name: impl Fn(u8) -> String) -> String {
    let runs = values.chunk_by(|a, b| a + 1 == *b).flat_map(|run| match run {
        [first, _, .., last] => vec![format!("{}..{}", name(*first), name(*last))],
        run => run.iter().map(|value| name(*value)).collect(),
    });
    runs.collect::<Vec<_>>().join(",")
}
