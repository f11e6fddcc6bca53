//! Moves the rows of a stage with a key into the target by `INSERT … ON CONFLICT`, counts them, and checks them where a
//! trigger on the table could lose one.

use etl_component::{Fault, counted};
use etl_load::{Counts, Mode};
use etl_postgres::{Error, Session};
use etl_schema::quote_ident;

use super::Stage;
use super::lacks::Lacks;
use crate::catalog::Table;
use crate::plan::{Field, TablePlan};
use crate::target::{MergeError, complete, insert, key_exprs, quoted, what};

/// The rows of a stage, one for each key, on their way into the target.
pub(super) struct Merge<'a> {
    pub(super) session: &'a mut Session,
    pub(super) plan: &'a TablePlan,
    pub(super) stage: &'a Stage,
    pub(super) source: &'a str,
    pub(super) row: &'a str,
    pub(super) lacks: &'a Lacks,
}

impl Merge<'_> {
    /// Moves them into a table that was emptied before.
    pub(super) fn insert(
        &mut self,
        distinct: u64,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        if let Some(new) = new {
            let rows = format!("SELECT {} FROM {} s ORDER BY 1", self.row, self.source);
            self.positions(&rows, |row| new(row.unsigned_abs()))?;
        }
        let inserted = self.session.count(&what(self.plan), &insert(self.plan, self.source))?;
        complete(self.plan, distinct, inserted)?;
        Ok(Counts { inserted, ..Counts::default() })
    }

    pub(super) fn on_conflict(
        &mut self,
        distinct: u64,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        let table = self.plan.details.table.as_ref();
        let is = |fact: fn(&Table) -> bool| table.is_some_and(fact);
        let vetoed = self.plan.mode == Mode::Upsert && self.vetoes_updates();
        if vetoed {
            self.session.batch(&what(self.plan), &format!("CREATE TEMPORARY SEQUENCE {CHANGES}"))?;
        }
        let insert = format!("{} {}", insert(self.plan, self.source), on_conflict(self.plan));
        let (inserted, updated) = match new {
            new if is(|table| table.partitioned) => self.in_two_steps(new)?,
            None => self.count(&insert)?,
            Some(new) => self.tell(&insert, new)?,
        };
        // A row that another one overlaps has no row with its own key.
        if is(|table| table.insert_veto) && !conflict_target(self.plan).is_empty() {
            self.check_present(distinct)?;
        }
        if vetoed {
            let sql = format!(
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pg_temp.{CHANGES};
                 DROP SEQUENCE pg_temp.{CHANGES}"
            );
            let differing = self.session.number(&what(self.plan), &sql)?;
            self.check_changed(updated, differing)?;
        }
        let unchanged = distinct.saturating_sub(inserted + updated);
        Ok(Counts { inserted, updated, unchanged, ..Counts::default() })
    }

    pub(super) fn vetoes_updates(&self) -> bool {
        self.plan.details.table.as_ref().is_some_and(|table| table.update_veto)
    }

    /// A partitioned table does not return xmax. So the rows whose keys are new are inserted first and their keys kept,
    /// and then the other rows are updated.
    fn in_two_steps(&mut self, new: Option<&mut dyn FnMut(u64)>) -> Result<(u64, u64), MergeError> {
        let (what, plan) = (what(self.plan), self.plan);
        let keys = plan.schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ");
        let fresh = self.stage.beside("new");
        let create = fresh.trim_start_matches("pg_temp.");
        let table = plan.details.name.sql();
        self.session.batch(
            &what,
            &format!(
                "CREATE TEMPORARY TABLE {create} ON COMMIT DROP AS SELECT {keys} FROM {table} WITH NO DATA"
            ),
        )?;
        let inserted = self.session.count(
            &what,
            &format!(
                "WITH done AS ({} ON CONFLICT{} DO NOTHING RETURNING {keys})
                 INSERT INTO {fresh} SELECT * FROM done",
                insert(plan, self.source),
                conflict_target(plan)
            ),
        )?;
        if let Some(new) = new {
            let rows = format!(
                "SELECT s.{} FROM {fresh} old JOIN {} s ON {} ORDER BY 1",
                self.row,
                self.source,
                same_key(plan)
            );
            self.positions(&rows, |row| new(row.unsigned_abs()))?;
        }
        let done = format!("DROP TABLE {fresh}");
        if plan.mode == Mode::Ignore {
            self.session.batch(&what, &done)?;
            return Ok((inserted, 0));
        }
        let others = format!(
            "(SELECT * FROM {} s WHERE NOT EXISTS (SELECT FROM {fresh} old WHERE {}))",
            self.source,
            same_key(plan)
        );
        let update = format!("{} {}", insert(plan, &others), on_conflict(plan));
        let updated = self.session.count(&what, &update)?;
        self.session.batch(&what, &done)?;
        Ok((inserted, updated))
    }

    /// Returns how many rows are new and how many were changed. A new row has no xmax: nobody has locked it.
    fn count(&self, insert: &str) -> Result<(u64, u64), MergeError> {
        let sql = format!(
            "WITH done AS ({insert} RETURNING old.xmax = 0 AS new)
             SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM done"
        );
        let what = what(self.plan);
        let rows = self.session.rows(&what, &sql)?;
        let number = |column| rows.first().and_then(|row| row.get(column)?.parse().ok());
        number(0).zip(number(1)).ok_or_else(|| Error::unexpected(&what).into())
    }

    /// The same, and reports the positions of the new rows.
    fn tell(&mut self, insert: &str, new: &mut dyn FnMut(u64)) -> Result<(u64, u64), MergeError> {
        let keys: Vec<String> =
            self.plan.schema.key_names().map(|name| format!("old.{}", quote_ident(name))).collect();
        // No column has the name of the row's position, so that name is free for the flag of the new rows.
        let sql = format!(
            "WITH done AS ({insert} RETURNING {keys}, old.xmax = 0 AS {row})
             SELECT CASE WHEN old.{row} THEN s.{row} ELSE -1 END FROM done old JOIN {} s ON {} ORDER BY 1",
            self.source,
            same_key(self.plan),
            keys = keys.join(", "),
            row = self.row
        );
        let (mut inserted, mut updated) = (0, 0);
        self.positions(&sql, |row| match u64::try_from(row) {
            Ok(row) => {
                inserted += 1;
                new(row);
            }
            Err(_) => updated += 1,
        })?;
        Ok((inserted, updated))
    }

    /// Hands each position that the query selects, one per row, to `each`.
    pub(super) fn positions(&mut self, select: &str, each: impl FnMut(i64)) -> Result<(), MergeError> {
        let mut copy = self.session.copy_out(&what(self.plan), format!("COPY ({select}) TO STDOUT"));
        let mut integers = Integers { each, number: 0, negative: false };
        while let Some(bytes) = copy.chunk()? {
            integers.read(bytes);
        }
        Ok(())
    }

    /// A row trigger may return NULL, which silently drops the row.
    fn check_present(&self, distinct: u64) -> Result<(), MergeError> {
        let sql = format!(
            "SELECT count(*) FROM {} s WHERE EXISTS (SELECT FROM {} old WHERE {})",
            self.source,
            self.plan.details.own_rows(),
            same_key(self.plan)
        );
        complete(self.plan, distinct, self.session.number(&what(self.plan), &sql)?)
    }

    /// A row trigger may return NULL for an update, too.
    pub(super) fn check_changed(&self, updated: u64, differing: u64) -> Result<(), MergeError> {
        if updated >= differing {
            return Ok(());
        }
        let differing = counted(differing, "row that differs was", "rows that differ were");
        Err(MergeError::Changed(Fault::data(format!(
            "table {}: only {updated} of {differing} updated: a trigger on the table keeps rows as they are",
            self.plan.name
        ))))
    }
}

/// Reads integers, one per line, from bytes that may be cut anywhere.
struct Integers<F: FnMut(i64)> {
    each: F,
    number: i64,
    negative: bool,
}

impl<F: FnMut(i64)> Integers<F> {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'-' => self.negative = true,
                b'\n' => {
                    (self.each)(if self.negative { -self.number } else { self.number });
                    (self.number, self.negative) = (0, false);
                }
                digit => self.number = self.number * 10 + i64::from(digit - b'0'),
            }
        }
    }
}

/// A sequence that counts the rows to change, for tables with a trigger that may keep one as it is. It is dropped after
/// the merge.
const CHANGES: &str = "etl_changes";

/// The condition that a row `old` of the target has the key of the stage's row `s`.
pub(super) fn same_key(plan: &TablePlan) -> String {
    same_key_as("old", plan)
}

/// The same, of a row of another name.
pub(super) fn same_key_as(old: &str, plan: &TablePlan) -> String {
    let index = plan.details.key(&plan.schema);
    let same = plan.schema.key_names().zip(key_exprs(plan)).map(|(name, key)| {
        let own = index.and_then(|index| index.iter().find(|column| column.name == *name));
        let equal = own.map_or("=", |column| &column.equal);
        format!("{old}.{} {equal} {key}", quote_ident(name))
    });
    same.collect::<Vec<_>>().join(" AND ")
}

/// The key as ON CONFLICT names it, after a space; nothing for a key WITHOUT OVERLAPS, which it cannot name.
pub(super) fn conflict_target(plan: &TablePlan) -> String {
    let names: Vec<&str> = plan.schema.key_names().collect();
    if plan.details.table.as_ref().is_some_and(|table| table.overlaps(&names)) {
        return String::new();
    }
    format!(" ({})", names.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", "))
}

/// Whether the row of a key that is there already must be told how the record spells that key: equal values may differ,
/// and the row ends with the last record's however the records are cut into loads.
fn is_respelled(plan: &TablePlan, index: usize) -> bool {
    let name = &plan.details.fields[index].column.name;
    let key = plan.details.key(&plan.schema);
    key.is_some_and(|key| key.iter().any(|column| column.name == *name && !column.exact))
}

/// The columns besides the key, and whether each makes a row count as changed.
fn others(plan: &TablePlan) -> impl Iterator<Item = (usize, &Field, bool)> {
    let others = plan.details.fields.iter().enumerate();
    let others = others.filter(|(index, _)| !plan.schema.key.contains(index) || is_respelled(plan, *index));
    others.map(move |(index, field)| (index, field, plan.compares(index)))
}

/// What an UPDATE sets, to the columns of this row.
pub(super) fn set(plan: &TablePlan, new: &str, lacks: &Lacks) -> String {
    set_to(plan, |index, field| lacks.newer(index, field, new))
}

/// What an UPDATE sets, to what each column becomes.
pub(super) fn set_to(plan: &TablePlan, newer: impl Fn(usize, &Field) -> String) -> String {
    let (compared, stamps): (Vec<_>, Vec<_>) = others(plan).partition(|(.., counts)| *counts);
    let set = compared.iter().chain(&stamps);
    let set = set.map(|(index, field, _)| format!("{} = {}", quoted(field), newer(*index, field)));
    set.collect::<Vec<_>>().join(", ")
}

/// The condition that the row `old` would change to this one; `None` if no row can. Rows are compared by their bytes:
/// values that are equal may still differ, such as 1.0 and 1.00 or the case of a citext, and not every type has an
/// equality operator (chapter 9.24.6). Building the two rows takes time, so values of a few bytes are compared first.
pub(super) fn differs(plan: &TablePlan, new: &str, lacks: &Lacks) -> Option<String> {
    let old = |field: &Field| format!("old.{}", quoted(field));
    differ(plan, old, |index, field| lacks.newer(index, field, new))
}

/// The condition that what each column has in one row differs from what it has in another one.
pub(super) fn differ(
    plan: &TablePlan,
    old: impl Fn(&Field) -> String,
    newer: impl Fn(usize, &Field) -> String,
) -> Option<String> {
    let compared = others(plan).filter(|(.., counts)| *counts);
    // A stage without constraints has the base type of a domain, and rows of other types are not compared.
    let based = |field: &Field, value: String| match &field.column.base {
        Some(base) => format!("({value})::{base}"),
        None => value,
    };
    let compared = compared
        .map(|(index, field, _)| (field, based(field, old(field)), based(field, newer(index, field))));
    let compared: Vec<(&Field, String, String)> = compared.collect();
    if compared.is_empty() {
        return None;
    }
    let olds: Vec<&str> = compared.iter().map(|(_, old, _)| old.as_str()).collect();
    let news: Vec<&str> = compared.iter().map(|(.., new)| new.as_str()).collect();
    let short = compared.iter().filter(|(field, ..)| field.column.kind.is_short());
    let short = short.map(|(_, old, new)| format!("{old} IS DISTINCT FROM {new} OR "));
    let short = short.collect::<String>();
    Some(format!("{short}NOT record_image_eq(ROW({}), ROW({}))", olds.join(", "), news.join(", ")))
}

/// A row that would not change is not written.
fn on_conflict(plan: &TablePlan) -> String {
    let target = conflict_target(plan);
    let nothing = Lacks::default();
    let differs = match differs(plan, "excluded", &nothing) {
        Some(differs) if plan.mode != Mode::Ignore => differs,
        _ => return format!("ON CONFLICT{target} DO NOTHING"),
    };
    let differs = match &plan.details.table {
        Some(table) if table.update_veto => {
            format!("CASE WHEN {differs} THEN nextval('pg_temp.{CHANGES}') > 0 ELSE false END")
        }
        _ => differs,
    };
    format!("ON CONFLICT{target} DO UPDATE SET {} WHERE {differs}", set(plan, "excluded", &nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_be_cut_anywhere() {
        let text = b"0\n-1\n1234567890123\n";
        for cut in 0..text.len() {
            let mut read = Vec::new();
            let mut integers = Integers { each: |number| read.push(number), number: 0, negative: false };
            integers.read(&text[..cut]);
            integers.read(&text[cut..]);
            assert_eq!(read, [0, -1, 1_234_567_890_123], "{cut}");
        }
    }
}
