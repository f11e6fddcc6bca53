//! `standpipe runs`: the runs that receipts or a ledger tell of, for people and for programs.

mod page;
pub(crate) mod source;

use std::io::{self, Write};
use std::path::PathBuf;

use etl_component::{CommandCard, Context, Output, Reads, Stdout, When, instant, visible};
use etl_stream::counted;
use etl_stream::writer::io_fault;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use self::source::Source;
use crate::receipts::Load;

pub(crate) const CARD: CommandCard = CommandCard { name: "runs", ..OF_RUNS };

/// A command that reads runs.
pub(crate) const OF_RUNS: CommandCard = CommandCard {
    when: &[
        When::given("--sqlite", Reads::Nothing, Stdout::Text),
        When::given("--postgres", Reads::Nothing, Stdout::Text),
    ],
    ..CommandCard::new("", Reads::Schemas(&source::SCHEMAS), Stdout::Text)
};

/// Flags of `runs`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe runs --sqlite weather.db --table openweather_current
  standpipe runs receipts/*.ndjson --html runs.html
  load-postgres --table orders --print-runs | standpipe runs | jq 'select(.rejected > 0)'")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Write one self-contained page, with a timeline of each pipeline, in place of the table
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,
}

/// Runs `standpipe runs`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let loads = args.source.loads(context.env.terminal)?;
    let now = Timestamp::now();
    match &args.html {
        Some(path) => {
            let mut output = Output::create(path)?;
            output.write_all(page::page(&loads, now).as_bytes()).map_err(io_fault)?;
            output.publish()?;
        }
        None => {
            let text = if context.env.terminal.stdout { table(&loads, now) } else { lines(&loads) };
            io::stdout().lock().write_all(text.as_bytes()).map_err(io_fault)?;
        }
    }
    Ok(counted(loads.len() as u64, "run", "runs"))
}

/// A line of JSON for each load.
fn lines(loads: &[Load]) -> String {
    let line = |load: &Load| {
        let value = json!({
            "pipeline": load.pipeline,
            "target": load.target,
            "load_id": load.load_id,
            "loaded_at": load.loaded_at.map(instant),
            "records": load.records,
            "inserted": load.inserted,
            "updated": load.updated,
            "rejected": load.rejected,
            "seconds": load.seconds,
            "already_loaded": load.already_loaded,
        });
        format!("{value}\n")
    };
    loads.iter().map(line).collect()
}

/// The columns of tables; those from [`LEFT`] on are numbers.
const HEADS: [&str; 8] =
    ["PIPELINE", "TARGET", "LOADED AT", "AGE", "RECORDS", "INSERTED", "REJECTED", "SECONDS"];
const LEFT: usize = 3;

/// A load as the cells of a row. What is not known is `-`, and so are the counts of what an earlier run had committed.
fn cells(load: &Load, now: Timestamp) -> [String; HEADS.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let count =
        |count: Option<u64>| or_dash(count.filter(|_| !load.already_loaded).map(|count| count.to_string()));
    let seconds = load.seconds.filter(|_| !load.already_loaded);
    [
        or_dash(load.pipeline.clone()),
        load.target.clone(),
        or_dash(load.loaded_at.map(minute)),
        or_dash(load.loaded_at.map(|at| age(now, at))),
        count(Some(load.records)),
        count(load.inserted),
        count(load.rejected),
        or_dash(seconds.map(|seconds| format!("{seconds:.2}"))),
    ]
}

/// A table for a terminal.
fn table(loads: &[Load], now: Timestamp) -> String {
    let rows: Vec<_> = loads.iter().map(|load| cells(load, now).map(|cell| visible(&cell))).collect();
    let heads = HEADS.map(str::to_owned);
    let all = || [&heads].into_iter().chain(&rows);
    let widths: [usize; HEADS.len()] =
        std::array::from_fn(|column| all().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let line = |row: &[String; HEADS.len()]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0..LEFT => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  "))
    };
    all().map(line).collect()
}

/// An instant to the minute, in UTC.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// How long ago something was, in its two largest units; what is to come is 0 s away.
pub(crate) fn age(now: Timestamp, at: Timestamp) -> String {
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    span(age.as_secs().unsigned_abs())
}

/// A number of seconds, in its two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, one: &str, small: u64, other: &str| match small {
        0 => format!("{large} {one}"),
        _ => format!("{large} {one} {small} {other}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two(minutes, "min", seconds % 60, "s"),
        (0, _, _) => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// The loads of each pipeline, each in their order.
pub(crate) fn by_pipeline(loads: &[Load]) -> Vec<(Option<&str>, Vec<&Load>)> {
    let mut groups: Vec<(Option<&str>, Vec<&Load>)> = Vec::new();
    for load in loads {
        let name = load.pipeline.as_deref();
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(load),
            None => groups.push((name, vec![load])),
        }
    }
    groups.sort_by_key(|(name, _)| *name);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        let spans = [0, 59, 60, 61, 3600, 7500, 86_399, 86_400, 90_000, 864_000].map(span);
        let expected = [
            "0 s",
            "59 s",
            "1 min",
            "1 min 1 s",
            "1 h",
            "2 h 5 min",
            "23 h 59 min",
            "1 d",
            "1 d 1 h",
            "10 d",
        ];
        assert_eq!(spans, expected);
        let at: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        assert_eq!(age("2026-01-01T00:00:00Z".parse().unwrap(), at), "0 s");
    }

    #[test]
    fn a_table_shows_what_is_known_and_obeys_nothing() {
        let load = |text: &str| serde_json::from_str::<Load>(text).unwrap();
        let loads = [
            load(
                r#"{"target":"t","records":3,"inserted":2,"rejected":1,"seconds":0.5,"pipeline":"day","loaded_at":"2026-01-01T00:00:00Z"}"#,
            ),
            load(
                r#"{"target":"\u001b[2Jx","records":0,"already_loaded":true,"loaded_at":"2026-01-01T23:00:00.5Z"}"#,
            ),
        ];
        let table = table(&loads, "2026-01-02T00:00:00Z".parse().unwrap());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "PIPELINE  TARGET  LOADED AT                  AGE  RECORDS  INSERTED  REJECTED  SECONDS",
                "day       t       2026-01-01 00:00Z          1 d        3         2         1     0.50",
                "-          [2Jx   2026-01-01 23:00Z  59 min 59 s        -         -         -        -",
            ]
        );
    }
}
