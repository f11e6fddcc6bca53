//! SQLite as a sink: the load's transaction and the tables in it.

use std::sync::Arc;

use etl_component::{Fault, excerpt, random_id};
use etl_load::{
    Counts, Culprit, Entry, Loaded, Mode, Newest, PlanError, Refused, Settings, Sink, Stay, Swept, Target,
};
use etl_schema::{Names, Row, Schema, Type, Value, Violation, format_uuid, quote_ident, time};
use etl_stream::{Line, Stream};
use rusqlite::Statement;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

use crate::database::{self, Database};
use crate::ledger;
use crate::merge::Stage;
use crate::names::column_list;
use crate::number::kept;
use crate::plan::{self, Details, Plan, statements};

/// A database to load into.
pub(crate) struct Sqlite<'c> {
    database: &'c Database,
    settings: &'c Settings,
    /// The tables for which a load id was claimed.
    claimed: Vec<String>,
    tables: Vec<Table<'c>>,
    /// The place of the load in the order of loads, and the name of the attempt, once its rows are completed.
    place: Option<(i64, String)>,
    /// The number of the table whose merge has failed.
    merging: Option<usize>,
    /// The stamp of the rows to come.
    load_id: String,
    loaded_at: String,
}

impl<'c> Sqlite<'c> {
    pub(crate) fn new(database: &'c Database, settings: &'c Settings) -> Sqlite<'c> {
        let (claimed, tables, place, merging, load_id, loaded_at) = Default::default();
        Sqlite { database, settings, claimed, tables, place, merging, load_id, loaded_at }
    }
}

impl Sink for Sqlite<'_> {
    type Details = Details;

    // Other processes may create or change the table until this one has its lock.
    const PLANS_LAST: bool = false;

    fn name(&self) -> String {
        self.database.name.clone()
    }

    /// SQLite has one namespace, so `etl.weather` is `etl_weather` here.
    fn table_of(schema: &Schema) -> Option<String> {
        schema.table.as_ref().map(|table| table.replace('.', "_"))
    }

    /// A namespace is a prefix.
    fn table_of_stream(stream: &Stream, names: Names) -> String {
        match &stream.namespace {
            Some(namespace) => names.of(&format!("{namespace}_{}", stream.name)),
            None => names.of(&stream.name),
        }
    }

    fn plan(&mut self, target: Target) -> Result<Plan, PlanError> {
        plan::plan(self.database, target, self.settings)
    }

    fn explain(&self, plan: &Plan) -> String {
        plan::explain(plan)
    }

    fn states(&mut self, target: Target) -> Result<Vec<(String, String)>, Fault> {
        let found = crate::catalog::inspect(self.database, &target.table)?;
        let name = found.map_or(target.table, |table| table.name);
        ledger::states(self.database, &name)
    }

    /// Tables are created in the load's own transaction.
    fn prepare(&mut self, _: &mut Plan) -> Result<(), Fault> {
        Ok(())
    }

    /// Tables get their columns when they are opened.
    fn evolve(&mut self, _: &mut Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.claimed.clear();
        self.tables.clear();
        (self.place, self.merging) = (None, None);
        self.loaded_at = ledger::now();
        self.database.begin()?;
        ledger::create(self.database)
    }

    fn claim(&mut self, plan: &Arc<Plan>, load_id: &str) -> Result<Option<Loaded>, Fault> {
        if !self.claimed.contains(&plan.name) {
            self.claimed.push(plan.name.clone());
            if plan.details.create {
                ledger::forget(self.database, &plan.name)?;
            }
        }
        load_id.clone_into(&mut self.load_id);
        ledger::claim(self.database, &plan.name, load_id)
    }

    fn newest(&mut self, plan: &Plan) -> Result<Option<Newest>, Fault> {
        ledger::newest(self.database, &plan.name)
    }

    fn open(&mut self, plan: &Arc<Plan>) -> Result<(), Fault> {
        let index = self.tables.len();
        self.tables.push(Table::open(self.database, plan, index)?);
        Ok(())
    }

    fn record(&mut self, table: usize, row: &Row<'_>, line: Line<'_>) -> Result<(), Refused> {
        let table = &mut self.tables[table];
        if let Some(violation) = table.changed(row) {
            return Err(Refused::Record(violation));
        }
        let stored = table.store(row, line.number, &self.load_id, &self.loaded_at);
        table.fed += 1;
        match stored {
            Ok(0) if table.stage.is_none() => {
                let name = &table.plan.name;
                let fault = Fault::data(format!("a trigger on table {name} keeps the row out"));
                Err(table.about(line, fault).into())
            }
            Ok(_) => Ok(()),
            Err(error) => {
                let is_data = database::is_data(&error);
                let fault = database::fault(&format!("table {}", table.plan.name), error);
                Err(if is_data { table.about(line, fault) } else { fault.at(&line.place()) }.into())
            }
        }
    }

    fn finish(&mut self, index: usize, new: Option<&mut dyn FnMut(u64)>) -> Result<Counts, Fault> {
        let table = &self.tables[index];
        let counts = match &table.stage {
            Some(stage) => {
                let merged = stage.merge(self.database, &table.plan, table.fed, new);
                merged.inspect_err(|_| self.merging = Some(index))?
            }
            None => {
                if let Some(new) = new {
                    (0..table.fed).for_each(new);
                }
                Counts { inserted: table.fed, ..Counts::default() }
            }
        };
        Ok(Counts { replaced: table.replaced, ..counts })
    }

    fn sweep(&mut self, table: usize, column: &str, stay: &Stay) -> Result<Swept, Fault> {
        let name = &self.tables[table].plan.name;
        let (table, others) = (quote_ident(name), stay.others(&quote_ident(column)));
        let fault = |error| database::fault(&format!("table {name}"), error);
        let connection = &self.database.connection;
        let deleted =
            connection.execute(&format!("DELETE FROM {table} WHERE {others}"), []).map_err(fault)?;
        let rows = |condition: &str| {
            let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs).map_err(fault)
        };
        if rows(&others)? > 0 {
            let message = format!("table {name}: a trigger on the table keeps rows from being deleted");
            return Err(Fault::data(message));
        }
        Ok(Swept { deleted: deleted as u64, left: rows("true")? })
    }

    fn complete(&mut self, entries: &[Entry<'_>]) -> Result<(), Fault> {
        let (order, attempt) = match &self.place {
            Some(place) => place,
            None => self.place.insert((ledger::next(self.database)?, random_id()?)),
        };
        entries.iter().try_for_each(|entry| ledger::complete(self.database, entry, *order, attempt))
    }

    fn prune(&mut self) -> Result<(), Fault> {
        let Some((order, _)) = self.place else { return Ok(()) };
        let mut tables = self.claimed.iter();
        tables.try_for_each(|table| ledger::prune(self.database, table, self.settings.ledger_keep, order))
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.tables.clear();
        self.database.batch("COMMIT")
    }

    fn rollback(&mut self) -> Result<(), Fault> {
        self.tables.clear();
        self.database.batch("ROLLBACK")
    }

    /// The stage of a table that was not merged still has the record.
    fn culprit(&mut self) -> Option<Culprit> {
        let Table { stage, plan, .. } = self.tables.get(self.merging.take()?)?;
        let line = stage.as_ref()?.refused(self.database, plan)?;
        Some(Culprit { line, record: 0, key: plan.schema.key_names().map(str::to_owned).collect() })
    }
}

/// A table that records go to, in the load's transaction.
struct Table<'c> {
    plan: Arc<Plan>,
    insert: Statement<'c>,
    stage: Option<Stage>,
    /// How many rows were deleted, in mode replace.
    replaced: Option<u64>,
    news: bool,
    lines: bool,
    /// The columns of decimals that are kept as integers or doubles; empty if there are none.
    numeric: Vec<bool>,
    /// The columns that have numbers only, not their texts, and so none of what `x-special` admits; empty if there are none.
    finite: Vec<bool>,
    stamp: bool,
    fed: u64,
    text: Vec<u8>,
}

impl<'c> Table<'c> {
    /// Makes the table ready: created if it is missing, emptied if it is to be replaced.
    fn open(database: &'c Database, plan: &Arc<Plan>, index: usize) -> Result<Table<'c>, Fault> {
        let Details { create, stored, placeholders, news, .. } = &plan.details;
        database.batch(&statements(plan))?;
        if *create {
            log::info!("table {} is created in {} when this load is committed", plan.name, database.name);
        }
        let mut replaced = None;
        if plan.mode == Mode::Replace {
            let table = quote_ident(&plan.name);
            let deleted = database.connection.execute(&format!("DELETE FROM {table}"), []);
            replaced = Some(deleted.map_err(|error| database.fault(error))? as u64);
            let left = format!("SELECT EXISTS (SELECT 1 FROM {table})");
            let left = database.connection.query_row(&left, [], |row| row.get::<_, bool>(0));
            if left.map_err(|error| database::fault(&format!("table {}", plan.name), error))? {
                let name = &plan.name;
                return Err(Fault::data(format!(
                    "table {name}: a trigger on the table keeps rows from being deleted"
                )));
            }
        }
        let stage = match plan.mode {
            Mode::Append => None,
            _ if plan.schema.key.is_empty() => None,
            _ => Some(Stage::create(database, plan, index)?),
        };
        let (mut columns, mut placeholders) = (column_list(stored), placeholders.join(", "));
        let into = match &stage {
            Some(stage) => stage.insert_into(plan.mode),
            // A constraint's own ON CONFLICT clause would silently drop or overwrite rows.
            None => format!("INSERT OR ABORT INTO {}", quote_ident(&plan.name)),
        };
        let (news, lines) = (*news && stage.is_some(), stage.as_ref().is_some_and(Stage::has_lines));
        for column in stage.iter().flat_map(Stage::own_columns) {
            columns += &format!(", {column}");
            placeholders += ", ?";
        }
        let insert = database
            .connection
            .prepare(&format!("{into} ({columns}) VALUES ({placeholders})"))
            .map_err(|error| database.fault(error))?;
        let numeric = plan.schema.columns.iter().zip(&plan.details.storage).map(|(column, storage)| {
            matches!(column.ty, Type::Decimal { .. } | Type::Json) && storage.starts_with("NUMERIC")
        });
        let numeric: Vec<bool> = numeric.collect();
        let finite = plan.schema.columns.iter().zip(&numeric).map(|(column, numeric)| {
            column.is_special()
                && (matches!(column.ty, Type::Double | Type::Float)
                    || *numeric && matches!(column.ty, Type::Decimal { .. }))
        });
        let finite: Vec<bool> = finite.collect();
        let some = |columns: Vec<bool>| if columns.contains(&true) { columns } else { Vec::new() };
        let (numeric, finite) = (some(numeric), some(finite));
        let stamp = stored.columns.len() > plan.schema.columns.len();
        Ok(Table {
            plan: Arc::clone(plan),
            insert,
            stage,
            replaced,
            news,
            lines,
            numeric,
            finite,
            stamp,
            fed: 0,
            text: Vec::new(),
        })
    }

    /// A failure that this record has caused.
    fn about(&self, line: Line<'_>, fault: Fault) -> Fault {
        fault.adding(&excerpt(line, self.plan.schema.key_names())).at(&line.place())
    }

    /// The first value of a row that its column would change.
    fn changed(&self, row: &Row<'_>) -> Option<Violation> {
        if !self.finite.is_empty()
            && let Some(violation) = self.not_finite(row)
        {
            return Some(violation);
        }
        if self.numeric.is_empty() {
            return None;
        }
        let columns = self.plan.schema.columns.iter().zip(&self.numeric).zip(row.values());
        let mut numbers = columns.filter_map(|((column, numeric), value)| match value {
            Value::Decimal(text) | Value::Json(text) if *numeric && is_number(text) => Some((column, text)),
            _ => None,
        });
        let (column, text) = numbers.find(|(_, text)| kept(text).is_none())?;
        let shown: String = text.chars().take(80).collect();
        let reason = format!(
            "{shown} would be changed: the column keeps only what a double or 64 bits hold (declare it TEXT)"
        );
        Some(Violation { field: column.name.to_string(), reason })
    }

    /// The first value of a row that is NaN or infinite in a column that only has numbers.
    fn not_finite(&self, row: &Row<'_>) -> Option<Violation> {
        let mut columns = self.plan.schema.columns.iter().zip(&self.finite).zip(row.values());
        columns.find_map(|((column, finite), value)| match value {
            Value::Special(text) if *finite => {
                let reason = format!("{text} is not a number that SQLite stores");
                Some(Violation { field: column.name.clone(), reason })
            }
            _ => None,
        })
    }

    /// Binds a row and runs the statement. A value that SQLite has no type for is stored as text in its standard form.
    fn store(&mut self, row: &Row<'_>, line: u64, load_id: &str, loaded_at: &str) -> rusqlite::Result<usize> {
        let Table { insert, text, numeric, .. } = self;
        let mut next = 1;
        for value in row.values() {
            match value {
                Value::Decimal(value) | Value::Json(value)
                    if numeric.get(next - 1) == Some(&true) && is_number(value) =>
                {
                    insert.raw_bind_parameter(next, kept(value))?;
                }
                Value::Null => insert.raw_bind_parameter(next, Null)?,
                Value::Text(value)
                | Value::Decimal(value)
                | Value::Json(value)
                | Value::Special(value)
                | Value::Array(value, _) => {
                    insert.raw_bind_parameter(next, value)?;
                }
                Value::Integer(value) => insert.raw_bind_parameter(next, value)?,
                Value::Double(value) => insert.raw_bind_parameter(next, value)?,
                Value::Boolean(value) => insert.raw_bind_parameter(next, value)?,
                Value::Bytes(value) => insert.raw_bind_parameter(next, value)?,
                Value::Date(days) => {
                    insert.raw_bind_parameter(next, written(text, |text| time::format_date(days, text)))?;
                }
                Value::Timestamp(micros) => {
                    let write = |text: &mut Vec<u8>| time::format_timestamp(micros, text);
                    insert.raw_bind_parameter(next, written(text, write))?;
                }
                Value::TimestampTz(micros) => {
                    let write = |text: &mut Vec<u8>| time::format_timestamptz(micros, text);
                    insert.raw_bind_parameter(next, written(text, write))?;
                }
                Value::Uuid(uuid) => {
                    insert.raw_bind_parameter(next, written(text, |text| format_uuid(&uuid, text)))?;
                }
            }
            next += 1;
        }
        if self.stamp {
            insert.raw_bind_parameter(next, load_id)?;
            insert.raw_bind_parameter(next + 1, loaded_at)?;
            next += 2;
        }
        if self.news {
            insert.raw_bind_parameter(next, self.fed as i64)?;
            next += 1;
        }
        if self.lines {
            insert.raw_bind_parameter(next, line as i64)?;
        }
        insert.raw_execute()
    }
}

/// What `write` writes, as a text to bind. It is ASCII, so nothing looks at it again.
fn written(text: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> ToSqlOutput<'_> {
    text.clear();
    write(text);
    ToSqlOutput::Borrowed(ValueRef::Text(text))
}

/// Whether the text of a decimal, or of any JSON, is that of a number, which a NUMERIC column would convert.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        || !text.starts_with(['{', '[', '"', 't', 'f', 'n'])
}
