//! Modes that go by a key: records gather in a temporary table, where a key is there once, and are brought into the
//! target by one statement.

use etl_component::Fault;
use etl_load::{Counts, Mode};
use etl_schema::{Schema, quote_ident};

use crate::database::{Database, fault};
use crate::plan::Plan;
use crate::sink::column_list;

/// What the names of temporary tables start with, which no target's can: a temporary table would hide it.
pub(crate) const PREFIX: &str = "etl_stage_";

/// A temporary table of one target's records.
pub(crate) struct Stage {
    name: String,
}

impl Stage {
    /// Creates it, with the target's own affinities and collations, so that values compare as they do there.
    pub(crate) fn create(database: &Database, plan: &Plan, index: usize) -> Result<Stage, Fault> {
        let name = format!("temp.{PREFIX}{index}");
        let columns = plan.details.stored.columns.iter().zip(&plan.details.storage);
        let mut columns: Vec<String> =
            columns.map(|(column, storage)| format!("{} {storage}", quote_ident(&column.name))).collect();
        if plan.details.news {
            columns.push("etl_row INTEGER".to_owned());
        }
        let (columns, key) = (columns.join(", "), key_list(&plan.schema));
        database.batch(&format!("CREATE TABLE {name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID"))?;
        Ok(Stage { name })
    }

    /// The start of the statement that adds a record: the last one of a key wins, in mode ignore the first.
    pub(crate) fn insert_into(&self, mode: Mode) -> String {
        let conflict = if mode == Mode::Ignore { "IGNORE" } else { "REPLACE" };
        format!("INSERT OR {conflict} INTO {}", self.name)
    }

    /// Brings everything into the target. `fed` records were added.
    pub(crate) fn merge(
        &self,
        database: &Database,
        plan: &Plan,
        fed: u64,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, Fault> {
        let (stage, table) = (&self.name, quote_ident(&plan.name));
        let fault = |error| fault(&format!("table {}", plan.name), error);
        let count = |sql: String| {
            let count = database.connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
            count.map(i64::unsigned_abs).map_err(fault)
        };
        let change = |sql: String| {
            let changed = database.connection.execute(&sql, []);
            changed.map(|rows| rows as u64).map_err(fault)
        };
        let staged = count(format!("SELECT count(*) FROM {stage}"))?;
        let superseded = fed - staged;
        let (columns, key) = (column_list(&plan.details.stored), key_list(&plan.schema));
        // The left side's collation counts (https://www.sqlite.org/datatype3.html, section 7.1), and the stage has
        // that of the index.
        let same = plan.schema.key_names().map(quote_ident).map(|k| format!("new.{k} = old.{k}"));
        let same = same.collect::<Vec<_>>().join(" AND ");
        if let Some(new) = new {
            let absent = match plan.mode {
                Mode::Append | Mode::Replace => String::new(),
                Mode::Ignore | Mode::Upsert => {
                    format!("WHERE NOT EXISTS (SELECT 1 FROM {table} old WHERE {same})")
                }
            };
            let rows = format!("SELECT etl_row FROM {stage} new {absent}");
            let mut rows = database.connection.prepare(&rows).map_err(fault)?;
            let mut rows = rows.query([]).map_err(fault)?;
            while let Some(row) = rows.next().map_err(fault)? {
                new(row.get::<_, i64>(0).map_err(fault)?.unsigned_abs());
            }
        }
        let there = format!("SELECT count(*) FROM {stage} new JOIN {table} old ON {same}");
        // A trigger may answer RAISE(IGNORE), which leaves a row out or as it is, and tells nobody.
        let triggers =
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE";
        let triggers = database.connection.query_row(triggers, [&plan.name], |row| row.get::<_, i64>(0));
        let triggers = triggers.map_err(fault)? > 0;
        // A constraint's own ON CONFLICT clause would drop or overwrite rows without a word.
        let insert = format!("INSERT OR ABORT INTO {table} ({columns}) SELECT {columns} FROM {stage}");
        let (inserted, updated, known) = match plan.mode {
            Mode::Append | Mode::Replace => (change(insert)?, 0, 0),
            Mode::Ignore => {
                let known = if triggers { Some(count(there)?) } else { None };
                let inserted = change(format!("{insert} WHERE true ON CONFLICT ({key}) DO NOTHING"))?;
                (inserted, 0, known.unwrap_or(staged.saturating_sub(inserted)))
            }
            Mode::Upsert => {
                let known = count(there.clone())?;
                let differs = differs(plan, "old", "new").filter(|_| triggers);
                let differing =
                    differs.map(|differs| count(format!("{there} WHERE {differs}"))).transpose()?;
                let update = do_update(plan, &table);
                let changed = change(format!("{insert} WHERE true ON CONFLICT ({key}) {update}"))?;
                let inserted = count(there)?.saturating_sub(known);
                let updated = changed.saturating_sub(inserted);
                if let Some(differing) = differing.filter(|differing| updated < *differing) {
                    return Err(Fault::data(format!(
                        "table {}: of {differing} rows that differ {updated} were updated: a trigger of the table keeps \
                         rows as they are",
                        plan.name
                    )));
                }
                (inserted, updated, known)
            }
        };
        if inserted + known != staged || updated > known {
            return Err(Fault::data(format!(
                "table {}: of {staged} rows {inserted} were inserted and {updated} of {known} updated: a trigger of \
                 the table keeps rows out",
                plan.name
            )));
        }
        let counts = Counts { inserted, updated, unchanged: known - updated, superseded };
        database.batch(&format!("DROP TABLE {stage}"))?;
        Ok(counts)
    }
}

fn key_list(schema: &Schema) -> String {
    schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ")
}

/// Rows that would not change are not written; they are counted as unchanged.
fn do_update(plan: &Plan, table: &str) -> String {
    let Some(differs) = differs(plan, table, "excluded") else { return "DO NOTHING".to_owned() };
    let columns = plan.details.stored.columns.iter().enumerate();
    let written = columns.filter(|(column, _)| !plan.schema.key.contains(column));
    let set = written.map(|(_, column)| quote_ident(&column.name)).map(|c| format!("{c} = excluded.{c}"));
    format!("DO UPDATE SET {} WHERE {differs}", set.collect::<Vec<_>>().join(", "))
}

/// That two rows of one key are not the same; nothing if there are only keys. The stamp's columns do not make a row
/// another one. A column may compare without case; a change of case is a change all the same. Rows are compared as row
/// values, for a chain of a thousand ORs is deeper than SQLite allows.
fn differs(plan: &Plan, old: &str, new: &str) -> Option<String> {
    let columns = plan.schema.columns.iter().enumerate();
    let others = columns.filter(|(column, _)| !plan.schema.key.contains(column));
    let others = others.map(|(_, column)| quote_ident(&column.name));
    let (olds, news): (Vec<_>, Vec<_>) =
        others.map(|c| (format!("{old}.{c} COLLATE BINARY"), format!("{new}.{c}"))).unzip();
    (!olds.is_empty()).then(|| format!("({}) IS NOT ({})", olds.join(", "), news.join(", ")))
}
