//! Modes that go by a key: records gather in a temporary table, where a key is there once, and are brought into the
//! target by one statement.

use etl_component::Fault;
use etl_load::Mode;
use etl_schema::{Schema, quote_ident};

use crate::database::Database;
use crate::table::{Counts, Plan, column_list};

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
        let columns = plan.schema.columns.iter().zip(&plan.storage);
        let columns: Vec<String> =
            columns.map(|(column, storage)| format!("{} {storage}", quote_ident(&column.name))).collect();
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
    pub(crate) fn merge(&self, database: &Database, plan: &Plan, fed: u64) -> Result<Counts, Fault> {
        let (stage, table) = (&self.name, quote_ident(&plan.name));
        let count = |sql: String| {
            let count = database.connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
            count.map(i64::unsigned_abs).map_err(|error| database.fault(error))
        };
        let change = |sql: String| {
            let changed = database.connection.execute(&sql, []);
            changed.map(|rows| rows as u64).map_err(|error| database.fault(error))
        };
        let staged = count(format!("SELECT count(*) FROM {stage}"))?;
        let superseded = fed - staged;
        let (columns, key) = (column_list(&plan.schema), key_list(&plan.schema));
        let insert = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage}");
        let counts = match plan.mode {
            Mode::Append | Mode::Replace => {
                Counts { inserted: change(insert)?, superseded, ..Counts::default() }
            }
            Mode::Ignore => {
                let inserted = change(format!("{insert} WHERE true ON CONFLICT ({key}) DO NOTHING"))?;
                Counts { inserted, unchanged: staged - inserted, superseded, updated: 0 }
            }
            Mode::Upsert => {
                let same = plan.schema.key_names().map(quote_ident).map(|k| format!("old.{k} = new.{k}"));
                let same = same.collect::<Vec<_>>().join(" AND ");
                let known = count(format!("SELECT count(*) FROM {stage} new JOIN {table} old ON {same}"))?;
                let update = do_update(&plan.schema, &table);
                let changed = change(format!("{insert} WHERE true ON CONFLICT ({key}) {update}"))?;
                let inserted = staged - known;
                let updated = changed - inserted;
                Counts { inserted, updated, unchanged: known - updated, superseded }
            }
        };
        database.batch(&format!("DROP TABLE {stage}"))?;
        Ok(counts)
    }
}

fn key_list(schema: &Schema) -> String {
    schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ")
}

/// Rows that would not change are not written; they are counted as unchanged.
fn do_update(schema: &Schema, table: &str) -> String {
    let others = (0..schema.columns.len()).filter(|column| !schema.key.contains(column));
    let others: Vec<String> = others.map(|column| quote_ident(&schema.columns[column].name)).collect();
    if others.is_empty() {
        return "DO NOTHING".to_owned();
    }
    let set: Vec<String> = others.iter().map(|c| format!("{c} = excluded.{c}")).collect();
    // A column may compare without case; a change of case is a change all the same.
    let differs: Vec<String> =
        others.iter().map(|c| format!("{table}.{c} COLLATE BINARY IS NOT excluded.{c}")).collect();
    format!("DO UPDATE SET {} WHERE {}", set.join(", "), differs.join(" OR "))
}
