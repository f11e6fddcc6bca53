//! What is told of each pipeline and target.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::receipts::Load;

/// A gauge. Both forms call it the same: `standpipe_records`, `standpipe.records`.
pub(super) struct Metric {
    name: &'static str,
    /// As OpenTelemetry writes it.
    pub(super) unit: &'static str,
    pub(super) help: &'static str,
}

/// How many there are.
pub(super) const COUNT: usize = 7;

/// All of them, in the order of [`Numbers::all`].
pub(super) const METRICS: [Metric; COUNT] = [
    Metric {
        name: "last_success_timestamp",
        unit: "s",
        help: "When the newest load was committed, in seconds since 1970.",
    },
    Metric {
        name: "data_timestamp",
        unit: "s",
        help: "The newest cursor in the state of the last load, in seconds since 1970: how far its source was read.",
    },
    Metric { name: "load_duration", unit: "s", help: "How long the last load took, from start to commit." },
    Metric { name: "records", unit: "{record}", help: "Records that the last load read." },
    Metric { name: "inserted", unit: "{row}", help: "Rows that the last load inserted." },
    Metric { name: "updated", unit: "{row}", help: "Rows that the last load changed." },
    Metric { name: "rejected", unit: "{record}", help: "Records that the last load set aside." },
];

impl Metric {
    /// Its name in Prometheus, which ends with the unit.
    pub(super) fn prometheus(&self) -> String {
        let unit = if self.unit == "s" { "_seconds" } else { "" };
        format!("standpipe_{}{unit}", self.name)
    }

    /// Its name in OpenTelemetry; Prometheus makes its own of this one and the unit.
    pub(super) fn otlp(&self) -> String {
        format!("standpipe.{}", self.name)
    }
}

/// The numbers of one pipeline and target: those of its loads in the stream together.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    last_success: Option<f64>,
    data: Option<f64>,
    seconds: Option<f64>,
    records: Option<u64>,
    inserted: Option<u64>,
    updated: Option<u64>,
    rejected: Option<u64>,
}

impl Numbers {
    fn add(&mut self, load: &Load) {
        let at = load.loaded_at.unwrap_or_else(Timestamp::now);
        self.last_success = later(self.last_success, Some(at));
        self.data = later(self.data, newest_cursor(&load.state));
        // What was committed by an earlier run was counted there.
        if load.already_loaded {
            return;
        }
        self.seconds = sum(self.seconds, load.seconds);
        self.records = sum(self.records, Some(load.records));
        self.inserted = sum(self.inserted, load.inserted);
        self.updated = sum(self.updated, load.updated);
        self.rejected = sum(self.rejected, load.rejected);
    }

    /// The values of [`METRICS`]; what is not known is not told.
    pub(super) fn all(&self) -> [Option<Number>; COUNT] {
        let real = |value: Option<f64>| value.and_then(Number::from_f64);
        let count = |value: Option<u64>| value.map(Number::from);
        [
            real(self.last_success),
            real(self.data),
            real(self.seconds),
            count(self.records),
            count(self.inserted),
            count(self.updated),
            count(self.rejected),
        ]
    }
}

/// The numbers by pipeline and target.
#[derive(Debug, Default)]
pub(super) struct Series(BTreeMap<(String, String), Numbers>);

impl Series {
    /// Counts a load. Without a pipeline its label is empty.
    pub(super) fn add(&mut self, load: &Load) {
        let key = (load.pipeline.clone().unwrap_or_default(), load.target.clone());
        self.0.entry(key).or_default().add(load);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The labels of each, and its values.
    pub(super) fn iter(&self) -> impl Iterator<Item = ([(&'static str, &str); 2], [Option<Number>; COUNT])> {
        self.0.iter().map(|((pipeline, target), numbers)| {
            ([("pipeline", pipeline.as_str()), ("target", target.as_str())], numbers.all())
        })
    }
}

fn sum<N: std::ops::Add<Output = N>>(one: Option<N>, other: Option<N>) -> Option<N> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// The later of two instants, in seconds since 1970.
fn later(known: Option<f64>, at: Option<Timestamp>) -> Option<f64> {
    let at = at.map(|at| at.as_millisecond() as f64 / 1000.0);
    known.into_iter().chain(at).reduce(f64::max)
}

/// The newest time that any `cursor` in a state is, as extractors write it: a cursor for each part of the source.
fn newest_cursor(state: &Value) -> Option<Timestamp> {
    match state {
        Value::Object(members) => {
            let cursors = members.iter().map(|(name, value)| match value {
                Value::String(text) if name == "cursor" => text.parse().ok(),
                value => newest_cursor(value),
            });
            cursors.flatten().max()
        }
        Value::Array(values) => values.iter().filter_map(newest_cursor).max(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_all_cursors_counts() {
        for (state, newest) in [
            ("null", None),
            (r#"{"cursor":"2026-11-23T02:00:00Z"}"#, Some("2026-11-23T02:00:00Z")),
            (
                r#"{"b":{"cursor":"2026-11-23T02:00:00+01:00","seen":{"x":"2027-01-01T00:00:00Z"}},"a":{"cursor":"2025-01-01T00:00:00Z"}}"#,
                Some("2026-11-23T01:00:00Z"),
            ),
            (r#"{"cursor":17}"#, None),
            (r#"{"cursor":"page 3"}"#, None),
            (r#"[{"cursor":"2026-11-23T02:00:00Z"}]"#, Some("2026-11-23T02:00:00Z")),
        ] {
            let value = serde_json::from_str(state).unwrap();
            assert_eq!(newest_cursor(&value).map(|at| at.to_string()).as_deref(), newest, "{state}");
        }
    }
}
