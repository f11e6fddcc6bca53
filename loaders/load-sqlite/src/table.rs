//! A target table: what it looks like, whether the records fit it, and putting them in.

use std::sync::Arc;

use etl_component::Fault;
use etl_load::target::Target;
use etl_load::{Mode, Settings};
use etl_schema::{Checker, Dialect, Row, Schema, Type, Value, ddl, format_uuid, quote_ident, time};
use rusqlite::Statement;
use rusqlite::types::Null;

use crate::database::Database;
use crate::merge::{self, Stage};
use crate::{catalog, ledger};

/// What is to be done with a table, known before any row.
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) schema: Arc<Schema>,
    /// Whether the table has to be created first.
    pub(crate) create: bool,
    /// How the table stores and compares the schema's columns: affinity, and of the key's the collation.
    pub(crate) storage: Vec<String>,
    /// What is inserted for each of the schema's columns: `?`, or more where the table has a default.
    places: Vec<String>,
}

impl Plan {
    /// Compares the target with the database.
    ///
    /// # Errors
    /// 78 if the records do not fit the table, or the mode does not; the message names the column.
    pub(crate) fn new(database: &Database, target: Target, settings: &Settings) -> Result<Plan, Fault> {
        let Target { table: name, schema } = target;
        let lower = name.to_ascii_lowercase();
        if lower == ledger::TABLE || lower.starts_with("sqlite_") || lower.starts_with(merge::PREFIX) {
            return Err(Fault::config(format!("table {name}: the name is reserved")));
        }
        let found = catalog::inspect(database, &name)?;
        // SQLite's names know no case, the ledger's do.
        let name = found.as_ref().map_or(name, |table| table.name.clone());
        let (schema, places) = match (schema, &found) {
            (Some(schema), _) => {
                let places = vec!["?".to_owned(); schema.columns.len()];
                (schema, places)
            }
            (None, Some(table)) => {
                let schema = table.schema()?;
                let places = table.places(&schema);
                (schema, places)
            }
            (None, None) => {
                return Err(Fault::config(format!(
                    "table {name} does not exist, and there is no schema to create it by"
                )));
            }
        };
        if let Some(key) =
            schema.key.iter().find(|&&key| matches!(schema.columns[key].ty, Type::Decimal { .. }))
        {
            let key = &schema.columns[*key].name;
            return Err(Fault::config(format!(
                "table {name}: key column {key} is a decimal, which SQLite compares as text: 1.0 and 1.00 would be two \
                 keys; make it an integer or a text"
            )));
        }
        let mode = settings.mode.unwrap_or(if schema.key.is_empty() { Mode::Append } else { Mode::Upsert });
        let keyed = matches!(mode, Mode::Upsert | Mode::Ignore);
        if keyed && schema.key.is_empty() {
            return Err(Fault::config(format!(
                "table {name}: mode {mode} needs a key, and the schema has no x-key"
            )));
        }
        let mut storage: Vec<String> = match &found {
            None => schema
                .columns
                .iter()
                .map(|column| catalog::affinity(&column.ty.sqlite()).to_owned())
                .collect(),
            Some(table) => table.fit(&schema)?,
        };
        if let Some(table) = found.as_ref().filter(|_| !schema.key.is_empty()) {
            match table.collations(database, &schema)? {
                Some(collations) => schema.key.iter().zip(collations).for_each(|(&column, collation)| {
                    storage[column] += &format!(" COLLATE {}", quote_ident(&collation));
                }),
                None if keyed => {
                    let (key, of) = (schema.key_names().collect::<Vec<_>>().join(", "), &schema.name);
                    let message =
                        format!("table {name} has no unique index on ({key}), the key of schema {of}");
                    return Err(Fault::config(message));
                }
                None => (),
            }
        }
        Ok(Plan { name, mode, schema: Arc::new(schema), create: found.is_none(), storage, places })
    }
}

/// A table that takes records, in the load's transaction.
pub(crate) struct Table<'c> {
    pub(crate) plan: Plan,
    pub(crate) checker: Checker,
    /// Records that went in, and those set aside.
    pub(crate) records: u64,
    pub(crate) rejected: u64,
    /// Whether any segment was new.
    pub(crate) fresh: bool,
    insert: Statement<'c>,
    stage: Option<Stage>,
    fed: u64,
    text: Vec<u8>,
}

/// What became of the rows.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) superseded: u64,
}

impl<'c> Table<'c> {
    /// Makes the table ready: created if it is missing, emptied if it is to be replaced.
    pub(crate) fn open(
        database: &'c Database,
        plan: Plan,
        settings: &Settings,
        index: usize,
    ) -> Result<Table<'c>, Fault> {
        if plan.create {
            database.batch(&ddl(&plan.schema, Dialect::Sqlite, &plan.name))?;
        }
        if plan.mode == Mode::Replace {
            database.batch(&format!("DELETE FROM {}", quote_ident(&plan.name)))?;
        }
        let stage = match plan.mode {
            Mode::Append => None,
            _ if plan.schema.key.is_empty() => None,
            _ => Some(Stage::create(database, &plan, index)?),
        };
        let columns = column_list(&plan.schema);
        let places = plan.places.join(", ");
        let into = match &stage {
            Some(stage) => stage.insert_into(plan.mode),
            // A constraint's own ON CONFLICT clause would drop or overwrite rows without a word.
            None => format!("INSERT OR ABORT INTO {}", quote_ident(&plan.name)),
        };
        let insert = database
            .connection
            .prepare(&format!("{into} ({columns}) VALUES ({places})"))
            .map_err(|error| database.fault(error))?;
        let checker = Checker::new(Arc::clone(&plan.schema), settings.unknown_fields);
        let (records, rejected, fresh, fed, text) = (0, 0, false, 0, Vec::new());
        Ok(Table { plan, checker, records, rejected, fresh, insert, stage, fed, text })
    }

    /// Checks a record and puts it in; gives back whether it is there, or why it cannot be one of the table's.
    pub(crate) fn record(
        &mut self,
        record: &etl_stream::json::Record<'_>,
    ) -> Result<rusqlite::Result<bool>, etl_schema::Violation> {
        let row = self.checker.check(record)?;
        let stored = store(&mut self.insert, &row, &mut self.text);
        self.fed += 1;
        Ok(stored.map(|rows| rows > 0 || self.stage.is_some()))
    }

    /// Brings staged records into the table and says what became of all.
    pub(crate) fn finish(&mut self, database: &Database) -> Result<Counts, Fault> {
        match &self.stage {
            Some(stage) => stage.merge(database, &self.plan, self.fed),
            None => Ok(Counts { inserted: self.fed, ..Counts::default() }),
        }
    }
}

/// The schema's columns, quoted, as SQL lists them.
pub(crate) fn column_list(schema: &Schema) -> String {
    schema.columns.iter().map(|column| quote_ident(&column.name)).collect::<Vec<_>>().join(", ")
}

/// Binds a row and runs the statement. What SQLite has no type for is a text in its standard form.
fn store(insert: &mut Statement<'_>, row: &Row<'_>, text: &mut Vec<u8>) -> rusqlite::Result<usize> {
    for (index, value) in row.values().enumerate() {
        let index = index + 1;
        text.clear();
        match value {
            Value::Null => insert.raw_bind_parameter(index, Null)?,
            Value::Text(value) | Value::Decimal(value) | Value::Json(value) | Value::Array(value, _) => {
                insert.raw_bind_parameter(index, value)?;
            }
            Value::Integer(value) => insert.raw_bind_parameter(index, value)?,
            Value::Double(value) => insert.raw_bind_parameter(index, value)?,
            Value::Boolean(value) => insert.raw_bind_parameter(index, value)?,
            Value::Bytes(value) => insert.raw_bind_parameter(index, value)?,
            Value::Date(days) => time::format_date(days, text),
            Value::Timestamp(micros) => time::format_timestamp(micros, text),
            Value::TimestampTz(micros) => time::format_timestamptz(micros, text),
            Value::Uuid(uuid) => format_uuid(&uuid, text),
        }
        if !text.is_empty() {
            insert.raw_bind_parameter(index, String::from_utf8_lossy(text))?;
        }
    }
    insert.raw_execute()
}
