//! What may be changed about a table that exists (`--evolve`), and what was changed.

use std::fmt;

use clap::ValueEnum;
use etl_component::Fault;
use etl_stream::listed;
use serde::Serialize;

/// A value of `--evolve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Change {
    /// Nothing: a column that the schema has but the table lacks is refused.
    None,
    /// Columns of the schema that the table lacks are added; existing rows have NULL in them.
    AddColumns,
    /// A column that is too narrow for the schema's type gets a wider one that keeps every value it has.
    Widen,
}

/// What may be changed about a table that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evolve {
    /// Columns that it lacks may be added.
    pub add_columns: bool,
    /// Columns that are too narrow may get wider types.
    pub widen: bool,
}

impl Evolve {
    /// What the values of the flag mean.
    ///
    /// # Errors
    /// 2 if `none` is one of several.
    pub(crate) fn new(changes: &[Change]) -> Result<Evolve, Fault> {
        let has = |change| changes.contains(&change);
        let evolve = Evolve { add_columns: has(Change::AddColumns), widen: has(Change::Widen) };
        if has(Change::None) && evolve != Evolve::default() {
            return Err(Fault::usage("--evolve none cannot be used with other values of --evolve"));
        }
        Ok(evolve)
    }
}

/// What is changed about a table that exists, so that the records fit it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The names of the columns that it gets.
    #[serde(rename = "columns_added", skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// The names of the columns whose types become wider.
    #[serde(rename = "columns_widened", skip_serializing_if = "Vec::is_empty")]
    pub widened: Vec<String>,
}

impl Changes {
    /// Whether it stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    /// Takes note of other changes of the same table. An attempt that follows another one may make the same again.
    pub(crate) fn add(&mut self, others: &Changes) {
        for (names, others) in [(&mut self.added, &others.added), (&mut self.widened, &others.widened)] {
            let new: Vec<String> = others.iter().filter(|name| !names.contains(name)).cloned().collect();
            names.extend(new);
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [(&self.added, "added"), (&self.widened, "widened")];
        let lists = lists.into_iter().filter(|(names, _)| !names.is_empty());
        let lists: Vec<String> =
            lists.map(|(names, what)| format!("columns {what}: {}", listed(names))).collect();
        f.write_str(&lists.join("; "))
    }
}
