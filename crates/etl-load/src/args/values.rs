//! What the flags take.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// How records are combined with existing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every record becomes a row; one that violates a key fails the load.
    Append,
    /// A record replaces the row with the same key.
    Upsert,
    /// A record whose key already exists changes nothing.
    Ignore,
    /// The records replace all rows.
    Replace,
    /// A record that differs from the current version of its key becomes a new version.
    History,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What to do when the load id was used before, with different content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IfLoaded {
    /// Fail with 3.
    Refuse,
    /// Load nothing and succeed: a retried live pipe fetches new data.
    Skip,
}

/// What the loader prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmitKind {
    /// A sealed segment of `etl.receipt` records, after the commit.
    Receipt,
    /// The records, as they are read; their `end` comes after the commit.
    Records,
    /// The records that became new rows, after the commit.
    New,
    /// Nothing.
    None,
}

/// What an upsert makes of a column whose field a record does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Absent {
    /// NULL.
    Null,
    /// What the row has, if it exists.
    Keep,
}

/// What becomes of rows that the load does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AbsentRows {
    /// They are deleted.
    Delete,
    /// Their current versions end (--mode history).
    Close,
}

impl AbsentRows {
    /// The mode that it belongs to.
    pub(crate) fn mode(self) -> Mode {
        match self {
            AbsentRows::Delete => Mode::Upsert,
            AbsentRows::Close => Mode::History,
        }
    }
}

impl fmt::Display for AbsentRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        write!(f, "--absent-rows {}", value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What to do with a field that the schema does not know.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Unknown {
    Error,
    Drop,
}

/// A share such as `20%`.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
    number
        .filter(|share| (0.0..=100.0).contains(share))
        .ok_or("give a share from 0% to 100%, such as 20%".to_owned())
}
