//! Rows that are gone, as their records say it (`x-deleted`).

use etl_component::Fault;
use etl_load::Mode;
use etl_schema::{Type, quote_ident};

use super::{Merge, Merged, Unmerged};
use crate::plan::Plan;

/// The condition that the record of a row of the stage says that its row is gone (`x-deleted`); `None` if none can.
pub(super) fn gone(plan: &Plan, row: &str) -> Option<String> {
    let column = &plan.schema.columns[plan.schema.deleted?];
    let is = if column.ty == Type::Boolean { "IS TRUE" } else { "IS NOT NULL" };
    Some(format!("({row}.{} {is})", quote_ident(&column.name)))
}

impl Merge<'_> {
    /// Inserts, updates and deletes as the mode requires, and checks that all rows are there.
    pub(super) fn checked(&self, staged: u64) -> Result<Merged, Unmerged> {
        let Some(gone) = gone(self.plan, "new").filter(|_| self.plan.mode == Mode::Upsert) else {
            return self.put(staged);
        };
        let Merge { database, plan, stage, table, same, lacks } = self;
        let marked = self.count(&format!("SELECT count(*) FROM {stage} new WHERE {gone}"))?;
        if marked == 0 {
            return self.put(staged);
        }
        let there = format!("FROM {stage} AS new JOIN {table} AS old ON {same} WHERE {gone}");
        // By their rowids they are found without reading the whole table, if it has such.
        let deleted = match self.rowid() {
            Some(id) => format!("DELETE FROM {table} WHERE {id} IN (SELECT old.{id} {there})"),
            None => format!(
                "DELETE FROM {table} AS old WHERE EXISTS (SELECT 1 FROM {stage} AS new WHERE {same} AND {gone})"
            ),
        };
        let deleted = self.change(&deleted)?;
        if self.count(&format!("SELECT count(*) {there}"))? > 0 {
            let name = &plan.name;
            let message = format!("table {name}: a trigger on the table keeps rows from being deleted");
            return Err(Unmerged::Fault(Fault::data(message)));
        }
        let rest = format!("(SELECT * FROM {stage} AS new WHERE NOT {gone})");
        let rest = Merge { database, plan, stage: &rest, table: table.clone(), same: same.clone(), lacks };
        let merged = rest.put(staged - marked)?;
        Ok(Merged { known: merged.known + marked - deleted, deleted, ..merged })
    }

    /// A name of the target's rowid that none of its columns has; `None` if it has no rowid.
    fn rowid(&self) -> Option<&'static str> {
        let columns = "SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE";
        let connection = &self.database.connection;
        let is_free = |name: &&str| {
            let taken = connection.query_row(columns, [&*self.plan.name, name], |row| row.get::<_, i64>(0));
            taken.is_ok_and(|taken| taken == 0)
        };
        let name = ["rowid", "_rowid_", "oid"].into_iter().find(is_free)?;
        connection.prepare(&format!("SELECT {name} FROM {}", self.table)).ok().map(|_| name)
    }
}
