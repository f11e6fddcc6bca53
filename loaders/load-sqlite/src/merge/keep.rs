//! Records that do not have all fields, in an upsert: some columns keep what the row has (`--absent keep`, `x-keep`),
//! others become NULL.

use etl_schema::quote_ident;

use super::{Merge, column_list, differs, is_written, key_list};
use crate::names::free_name;
use crate::plan::Plan;

/// How many columns of the schema a column of the stage speaks of: an integer of SQLite has 64 bits, one of them for the sign.
const BITS: usize = 62;

/// The columns whose fields some record of a load does not have.
#[derive(Default)]
pub(crate) struct Lacks {
    /// Those that keep what the row has.
    pub(super) kept: Vec<usize>,
    /// Those that become NULL.
    lost: Vec<usize>,
}

impl Lacks {
    /// Those of the columns that some record `lacked`.
    pub(super) fn new(keeps: &[bool], lacked: &[bool]) -> Lacks {
        let which = |keep: bool| {
            let columns = lacked.iter().zip(keeps).enumerate();
            let columns = columns.filter(|(_, (lacked, keeps))| **lacked && **keeps == keep);
            columns.map(|(column, _)| column).collect()
        };
        Lacks { kept: which(true), lost: which(false) }
    }

    /// What a column of the row `old` becomes.
    pub(super) fn newer(&self, plan: &Plan, column: usize, old: &str, new: &str) -> String {
        let name = quote_ident(&plan.details.stored.columns[column].name);
        if !self.kept.contains(&column) {
            return format!("{new}.{name}");
        }
        format!("CASE WHEN {} THEN {old}.{name} ELSE {new}.{name} END", is_absent(plan, column, new))
    }
}

/// The names of the columns of a stage that say which fields a record lacks, a bit for each column of the schema.
pub(super) fn columns(plan: &Plan) -> Vec<String> {
    let groups = 0..plan.schema.columns.len().div_ceil(BITS);
    groups.map(|group| free_name(&plan.details.stored, &format!("etl_lacks_{group}"))).collect()
}

/// The numbers in them, for a record of which some fields are absent.
pub(crate) fn bits(columns: usize, is_absent: impl Fn(usize) -> bool) -> impl Iterator<Item = i64> {
    (0..columns).step_by(BITS).map(move |first| {
        let group = (first..columns.min(first + BITS)).filter(|column| is_absent(*column));
        group.fold(0, |bits, column| bits | 1 << (column - first))
    })
}

/// The condition that the record of a row of the stage does not have a field.
fn is_absent(plan: &Plan, column: usize, row: &str) -> String {
    let lacks = &columns(plan)[column / BITS];
    format!("({row}.{lacks} >> {} & 1)", column % BITS)
}

/// What a record does to the row of its key that is in the stage already: it changes the fields that it has.
pub(super) fn on_conflict(plan: &Plan, stage: &str, own: &[String]) -> String {
    let Some(keeps) = &plan.details.keeps else { return String::new() };
    let kept = Lacks { kept: (0..keeps.len()).filter(|column| keeps[*column]).collect(), lost: Vec::new() };
    let set = plan.details.stored.columns.iter().enumerate();
    let set = set.map(|(index, column)| {
        format!("{} = {}", quote_ident(&column.name), kept.newer(plan, index, stage, "excluded"))
    });
    let own = own.iter().map(|column| format!("{column} = excluded.{column}"));
    let lacks = columns(plan).into_iter().zip(bits(keeps.len(), |column| keeps[column]));
    // Of what is kept the row lacks only what both lack; of the rest, what the last one lacks.
    let lacks = lacks
        .map(|(name, kept)| format!("{name} = excluded.{name} & ({name} | {})", !kept & ((1 << BITS) - 1)));
    let set: Vec<String> = set.chain(own).chain(lacks).collect();
    format!(" ON CONFLICT ({}) DO UPDATE SET {}", key_list(&plan.schema), set.join(", "))
}

impl Merge<'_> {
    /// How many rows have values that become NULL because their records do not have the fields.
    pub(super) fn nulled(&self) -> rusqlite::Result<u64> {
        if self.lacks.lost.is_empty() {
            return Ok(0);
        }
        let loses = self.lacks.lost.iter().map(|&column| {
            let name = quote_ident(&self.plan.schema.columns[column].name);
            format!("{} AND old.{name} IS NOT NULL", is_absent(self.plan, column, "new"))
        });
        let (loses, Merge { stage, table, same, .. }) = (loses.collect::<Vec<_>>().join(" OR "), self);
        self.count(&format!("SELECT count(*) FROM {stage} new JOIN {table} old ON {same} WHERE {loses}"))
    }

    /// Updates the rows that are there and inserts the others; returns how many rows that changed. ON CONFLICT does not see
    /// which fields a record lacks.
    pub(super) fn keep(&self) -> rusqlite::Result<u64> {
        let Merge { plan, stage, table, same, lacks, .. } = self;
        let columns = column_list(&plan.details.stored);
        let mut changed = 0;
        if let Some(differs) = differs(plan, "old", "new", lacks) {
            let written = (0..plan.details.stored.columns.len()).filter(|column| is_written(plan, *column));
            let set = written.map(|column| {
                let name = quote_ident(&plan.details.stored.columns[column].name);
                format!("{name} = {}", lacks.newer(plan, column, "old", "new"))
            });
            let set = set.collect::<Vec<_>>().join(", ");
            changed += self.change(&format!(
                "UPDATE OR ABORT {table} AS old SET {set} FROM {stage} AS new WHERE {same} AND {differs}"
            ))?;
        }
        let insert = format!(
            "INSERT OR ABORT INTO {table} ({columns}) SELECT {columns} FROM {stage} new
             WHERE NOT EXISTS (SELECT 1 FROM {table} old WHERE {same})"
        );
        Ok(changed + self.change(&insert)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_lacks_is_a_bit_of_an_integer() {
        let lacks = |columns: usize, absent: &[usize]| {
            bits(columns, |column| absent.contains(&column)).collect::<Vec<_>>()
        };
        assert_eq!(lacks(3, &[]), [0]);
        assert_eq!(lacks(3, &[0, 2]), [0b101]);
        assert_eq!(lacks(62, &[61]), [1 << 61]);
        assert_eq!(lacks(125, &[62, 123, 124]), [0, 1 | 1 << 61, 1]);
    }
}
