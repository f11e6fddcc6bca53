//! The columns whose fields some record does not have, and what they become.

use crate::plan::{Field, TablePlan};
use crate::target::{quoted, value};

/// The columns whose fields some record of a load does not have.
#[derive(Default)]
pub(super) struct Lacks {
    /// The column that says which fields a record has.
    pub(super) named: String,
    /// Those that keep what the row has.
    pub(super) kept: Vec<usize>,
    /// Those that become NULL.
    lost: Vec<usize>,
}

impl Lacks {
    /// Those of the columns that some record `lacked`.
    pub(super) fn new(named: &str, keeps: &[bool], lacked: &[bool]) -> Lacks {
        let which = |keep: bool| {
            let columns = lacked.iter().zip(keeps).enumerate();
            let columns = columns.filter(|(_, (lacked, keeps))| **lacked && **keeps == keep);
            columns.map(|(column, _)| column).collect()
        };
        Lacks { named: named.to_owned(), kept: which(true), lost: which(false) }
    }

    /// Whether any column keeps what a row has.
    pub(super) fn keeps_any(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What a column of the row `old` becomes: of the stage `s` if any column keeps what it has, otherwise of the row `new`.
    pub(super) fn newer(&self, index: usize, field: &Field, new: &str) -> String {
        let (column, named) = (quoted(field), &self.named);
        let newer = if self.keeps_any() { value(field) } else { format!("{new}.{column}") };
        if self.kept.contains(&index) {
            format!("CASE WHEN get_bit(s.{named}, {index}) = 0 THEN old.{column} ELSE {newer} END")
        } else {
            newer
        }
    }

    /// The condition that a row `old` of the target loses a value to the row `s` of the stage; `None` if none can.
    pub(super) fn loses(&self, plan: &TablePlan) -> Option<String> {
        let loses = self.lost.iter().map(|&index| {
            let column = quoted(&plan.details.fields[index]);
            format!("get_bit(s.{}, {index}) = 0 AND old.{column} IS NOT NULL", self.named)
        });
        (!self.lost.is_empty()).then(|| loses.collect::<Vec<_>>().join(" OR "))
    }
}
