//! One table of a load: what a row is checked for, and the statement that it is bound to.

use std::sync::Arc;

use etl_component::{Class, Fault, excerpt};
use etl_load::Mode;
use etl_schema::{Row, Type, Value, Violation, format_uuid, quote_ident, time};
use etl_stream::Line;
use rusqlite::Statement;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

use crate::database::{self, Database};
use crate::merge::{Stage, history, keep};
use crate::names::column_list;
use crate::number::kept;
use crate::plan::{Details, Plan, statements};

/// A table that records go to, in the load's transaction.
pub(crate) struct Table<'c> {
    pub(crate) plan: Arc<Plan>,
    insert: Statement<'c>,
    /// Adds a row to the stage whose reference is not there yet.
    later: Option<Statement<'c>>,
    /// The positions of those rows.
    pub(crate) waiting: Vec<u64>,
    pub(crate) stage: Option<Stage>,
    /// Whether rows go into the table at once.
    pub(crate) direct: bool,
    /// How many rows were deleted, in mode replace.
    pub(crate) replaced: Option<u64>,
    /// How many current versions there were, in mode history, if somebody asks.
    pub(crate) current: Option<u64>,
    positions: bool,
    lines: bool,
    lacks: bool,
    /// The columns whose fields some record did not have.
    pub(crate) lacked: Vec<bool>,
    /// The columns of decimals that are kept as integers or doubles; empty if there are none.
    numeric: Vec<bool>,
    /// The columns that have numbers only, not their texts, and so none of what `x-special` admits; empty if there are none.
    finite: Vec<bool>,
    stamp: bool,
    pub(crate) fed: u64,
    text: Vec<u8>,
}

impl<'c> Table<'c> {
    /// Makes the table ready: created if it is missing, emptied if it is to be replaced.
    /// With `asks`, current versions are counted.
    pub(crate) fn open(
        database: &'c Database,
        plan: &Arc<Plan>,
        index: usize,
        asks: bool,
    ) -> Result<Table<'c>, Fault> {
        let Details { create, stored, placeholders, aside, .. } = &plan.details;
        database.batch(&statements(plan))?;
        if *create {
            log::info!("table {} is created in {} when this load is committed", plan.name, database.name);
        }
        let (mut replaced, mut current) = (None, None);
        if asks && plan.mode == Mode::History {
            let (table, is_current) = (quote_ident(&plan.name), history::is_current(plan));
            let count = format!("SELECT count(*) FROM {table} AS old WHERE {is_current}");
            let count = database.connection.query_row(&count, [], |row| row.get::<_, i64>(0));
            current = Some(count.map_err(|error| database.fault(error))?.unsigned_abs());
        }
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
        let direct = plan.mode == Mode::Append || plan.schema.key.is_empty();
        let waits = direct && *aside && Stage::has_room(plan);
        let stage = (!direct || waits).then(|| Stage::create(database, plan, index)).transpose()?;
        let prepare = |into: &str, columns: &str, placeholders: &str, conflict: &str| {
            let insert = format!("{into} ({columns}) VALUES ({placeholders}){conflict}");
            database.connection.prepare(&insert).map_err(|error| database.fault(error))
        };
        let (mut columns, mut placeholders) = (column_list(stored), placeholders.join(", "));
        // A constraint's own ON CONFLICT clause would silently drop or overwrite rows.
        let into = format!("INSERT OR ABORT INTO {}", quote_ident(&plan.name));
        let own = direct.then(|| prepare(&into, &columns, &placeholders, "")).transpose()?;
        for column in stage.iter().flat_map(Stage::own_columns) {
            columns += &format!(", {column}");
            placeholders += ", ?";
        }
        let staged = stage.as_ref().map(|stage| {
            prepare(&stage.insert_into(plan), &columns, &placeholders, &stage.on_conflict(plan))
        });
        let (insert, later) = match (own, staged.transpose()?) {
            (Some(own), staged) => (own, staged),
            (None, Some(staged)) => (staged, None),
            (None, None) => return Err(Fault::new(Class::Bug, "a table without a statement")),
        };
        let positions = stage.as_ref().is_some_and(Stage::has_positions);
        let lacks = stage.as_ref().is_some_and(Stage::has_lacks);
        let lines = !direct && stage.as_ref().is_some_and(Stage::has_lines);
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
            later,
            waiting: Vec::new(),
            stage,
            direct,
            replaced,
            current,
            positions,
            lines,
            lacks,
            lacked: vec![false; plan.schema.columns.len()],
            numeric,
            finite,
            stamp,
            fed: 0,
            text: Vec::new(),
        })
    }

    /// A failure that this record has caused.
    pub(crate) fn about(&self, line: Line<'_>, fault: Fault) -> Fault {
        fault.adding(&excerpt(line, self.plan.schema.key_names())).at(&line.place())
    }

    /// The first value of a row that its column would change.
    pub(crate) fn changed(&self, row: &Row<'_>) -> Option<Violation> {
        if !self.finite.is_empty()
            && let Some(violation) = self.not_finite(row)
        {
            return Some(violation);
        }
        if let Some(time) = self.plan.schema.time.filter(|_| self.plan.mode == Mode::History)
            && row.get(time) == Value::Null
        {
            let field = self.plan.schema.columns[time].name.clone();
            return Some(Violation { field, reason: "null, but a version begins at some time".to_owned() });
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

    /// Whether rows whose references are not there yet can wait.
    pub(crate) fn waits(&self) -> bool {
        self.later.is_some()
    }

    /// Binds a row and runs the statement.
    pub(crate) fn store(
        &mut self,
        row: &Row<'_>,
        line: u64,
        load_id: &str,
        loaded_at: &str,
    ) -> rusqlite::Result<usize> {
        let stamp = self.stamp.then_some([load_id, loaded_at]);
        let mut next = bind(&mut self.insert, &mut self.text, &self.numeric, row, stamp)?;
        if self.positions && !self.direct {
            self.insert.raw_bind_parameter(next, self.fed as i64)?;
            next += 1;
        }
        if self.lines {
            self.insert.raw_bind_parameter(next, line as i64)?;
            next += 1;
        }
        if self.lacks && !self.direct {
            for (column, lacked) in self.lacked.iter_mut().enumerate() {
                *lacked |= row.is_absent(column);
            }
            for bits in keep::bits(row.len(), |column| row.is_absent(column)) {
                self.insert.raw_bind_parameter(next, bits)?;
                next += 1;
            }
        }
        self.insert.raw_execute()
    }

    /// Keeps a row whose reference is not there yet for the end of the load.
    pub(crate) fn store_later(
        &mut self,
        row: &Row<'_>,
        load_id: &str,
        loaded_at: &str,
    ) -> rusqlite::Result<usize> {
        let Some(later) = &mut self.later else { return Ok(0) };
        let stamp = self.stamp.then_some([load_id, loaded_at]);
        let next = bind(later, &mut self.text, &self.numeric, row, stamp)?;
        later.raw_bind_parameter(next, self.fed as i64)?;
        self.waiting.push(self.fed);
        later.raw_execute()
    }
}

/// Binds a row, and returns the number of the next parameter. A value that SQLite has no type for is stored as text in its
/// standard form.
fn bind(
    insert: &mut Statement<'_>,
    text: &mut Vec<u8>,
    numeric: &[bool],
    row: &Row<'_>,
    stamp: Option<[&str; 2]>,
) -> rusqlite::Result<usize> {
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
    for stamp in stamp.into_iter().flatten() {
        insert.raw_bind_parameter(next, stamp)?;
        next += 1;
    }
    Ok(next)
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
