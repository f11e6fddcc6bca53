//! What a load does with a table: whether the records fit it, and how it stores them.

use std::fmt::Write as _;
use std::sync::Arc;

use etl_component::Fault;
use etl_load::args::EmitKind;
use etl_load::{Changes, History, Mode, PlanError, Settings, Target, stamp};
use etl_schema::{Column, Dialect, Schema, Type, ddl, quote_ident};

use crate::catalog::{self, Existing, Fit};
use crate::database::Database;
use crate::ledger;
use crate::names::{STAGE_PREFIX, key_list};
use crate::types::new_storage;

pub(crate) type Plan = etl_load::Plan<Details>;

/// What only this sink has to know about a target.
pub(crate) struct Details {
    /// Whether the table has to be created first.
    pub(crate) create: bool,
    /// What is stored: the records' columns and the stamp's.
    pub(crate) stored: Schema,
    /// The same and, in mode history, the columns of a version: what a new table has.
    created: Schema,
    /// In mode history: the columns of a version.
    pub(crate) history: Option<History>,
    /// The columns that have to be added first, with their declarations.
    pub(crate) missing: Vec<(usize, String)>,
    /// How the table stores and compares the columns: the affinity, and for columns of the key also the collation.
    pub(crate) storage: Vec<String>,
    /// What is inserted for each column: `?`, or more where the table has a default.
    pub(crate) placeholders: Vec<String>,
    /// Whether the load will ask which records are new.
    pub(crate) news: bool,
    /// Whether records that the target refuses may be set aside.
    pub(crate) aside: bool,
    /// In an upsert of records that may lack fields: which columns of the schema keep what a row has in their place.
    pub(crate) keeps: Option<Vec<bool>>,
}

/// The most columns that a table can have (SQLITE_MAX_COLUMN as it is built in).
const MAX_COLUMNS: usize = 2000;

/// Compares the target with the database.
///
/// # Errors
/// 78 if the records do not fit the table, or the mode does not; the message names the column.
pub(crate) fn plan(database: &Database, target: Target, settings: &Settings) -> Result<Plan, PlanError> {
    let name = target.table.clone();
    let lower = name.to_ascii_lowercase();
    if lower == ledger::TABLE || lower.starts_with("sqlite_") || lower.starts_with(STAGE_PREFIX) {
        return Err(Fault::config(format!("table {name}: the name is reserved")).into());
    }
    let found = catalog::inspect(database, &name)?;
    // Case does not matter in SQLite's names, but it does in the ledger's.
    let name = found.as_ref().map_or(name, |table| table.name.clone());
    let has = found.as_ref().map(|table| |name: &str| table.has(name));
    let (schema, mut placeholders) = match (target.stored_in(has), &found) {
        (Some(mut schema), found) => {
            schema.widen(|column| found.as_ref().is_some_and(|table| table.keeps_digits(column)));
            (schema, Vec::new())
        }
        (None, Some(table)) => {
            let schema = table.schema(target.first.as_ref(), settings.history.as_ref());
            let schema = schema.map_err(|fault| PlanError::Unfit(fault.within(format!("table {name}"))))?;
            let placeholders = table.placeholders(&schema);
            (schema, placeholders)
        }
        (None, None) => {
            let missing = format!("table {name} does not exist, and no --schema says what to create");
            return Err(PlanError::Unfit(Fault::config(missing)));
        }
    };
    let mode = target.mode_for(&name, &schema).map_err(PlanError::Unfit)?;
    let keeps = target.keeps(settings.absent, &schema);
    settings.suit(&name, mode, &schema, &keeps).map_err(PlanError::Unfit)?;
    let lacks = mode == Mode::Upsert && target.partial && schema.columns.iter().any(Column::may_be_absent);
    let keeps = lacks.then_some(keeps);
    let stored = stamp::stored(&schema, settings.stamp).map_err(PlanError::Unfit)?;
    let history = settings.history.clone();
    let created = match &history {
        Some(history) => history.stored(&stored).map_err(PlanError::Unfit)?,
        None => stored.clone(),
    };
    if created.columns.len() > MAX_COLUMNS {
        let (name, count) = (&schema.name, created.columns.len());
        return Err(PlanError::Unfit(Fault::config(format!(
            "schema {name} has {count} columns, but a table of SQLite has at most {MAX_COLUMNS}"
        ))));
    }
    placeholders.resize(stored.columns.len(), "?".to_owned());
    let Fit { mut storage, missing } = match &found {
        Some(table) => table
            .fit(&stored, settings.evolve.add_columns, &created.columns[stored.columns.len()..])
            .map_err(PlanError::Unfit)?,
        None => {
            let storage = stored.columns.iter().map(|column| new_storage(&column.ty).to_owned());
            Fit { storage: storage.collect(), missing: Vec::new() }
        }
    };
    check_key(&name, &schema, &storage).map_err(PlanError::Unfit)?;
    if let Some(table) = found.as_ref().filter(|_| !schema.key.is_empty()) {
        collate(&mut storage, database, table, &schema, (mode, history.as_ref()))?;
    }
    let (news, aside) = (settings.emit == EmitKind::New, settings.sets_aside());
    let create = found.is_none();
    let details =
        Details { create, stored, created, history, missing, storage, placeholders, news, aside, keeps };
    let added =
        details.missing.iter().map(|(column, _)| details.stored.columns[*column].name.clone()).collect();
    let changes = Changes { added, ..Changes::default() };
    Ok(Plan { name, mode, schema: Arc::new(schema), changes, details })
}

fn check_key(table: &str, schema: &Schema, storage: &[String]) -> Result<(), Fault> {
    let mut key = schema.key.iter().map(|&key| (&schema.columns[key], &storage[key]));
    match key.find(|(column, storage)| matches!(column.ty, Type::Decimal { .. }) && *storage != "NUMERIC") {
        Some((column, _)) => Err(Fault::config(format!(
            "table {table}: key column {} is a decimal, which SQLite compares as text: 1.0 and 1.00 would be two \
             keys; make it an integer or a text",
            column.name
        ))),
        None => Ok(()),
    }
}

/// Makes the key's columns compare as the table's unique index compares them.
fn collate(
    storage: &mut [String],
    database: &Database,
    table: &Existing,
    schema: &Schema,
    (mode, history): (Mode, Option<&History>),
) -> Result<(), PlanError> {
    let mut names: Vec<&str> = schema.key_names().collect();
    if let Some(history) = history {
        let lacks = |what: &str, index: String| {
            let name = &table.name;
            PlanError::Unfit(Fault::config(format!(
                "table {name}: there is no index that keeps {what} apart; run: {index}"
            )))
        };
        if !table.is_unique_where(database, &names, &history.current)? {
            return Err(lacks("current versions", unique_current(&table.name, schema, history)));
        }
        names.push(&history.from);
        if table.collations(database, &names)?.is_none() {
            let [index, from] =
                [&format!("{}_{}", table.name, history.from), &history.from].map(|name| quote_ident(name));
            let (own, key) = (quote_ident(&table.name), key_list(schema));
            return Err(lacks("versions", format!("CREATE UNIQUE INDEX {index} ON {own} ({key}, {from})")));
        }
    }
    match table.collations(database, &names)? {
        Some(collations) => {
            for (&column, collation) in schema.key.iter().zip(collations) {
                storage[column] += &format!(" COLLATE {}", quote_ident(&collation));
            }
        }
        None if matches!(mode, Mode::Upsert | Mode::Ignore) => {
            let (key, of) = (schema.key_names().collect::<Vec<_>>().join(", "), &schema.name);
            let message =
                format!("table {} has no unique index on ({key}), the key of schema {of}", table.name);
            return Err(PlanError::Unfit(Fault::config(message)));
        }
        None => (),
    }
    Ok(())
}

/// The statement that creates the index which keeps the current versions of a table apart.
fn unique_current(table: &str, schema: &Schema, history: &History) -> String {
    let names = [&format!("{table}_{}", history.current), table, &history.current];
    let [index, table, current] = names.map(quote_ident);
    format!("CREATE UNIQUE INDEX {index} ON {table} ({}) WHERE {current}", key_list(schema))
}

/// The statements that create the table, or add the columns that it lacks.
pub(crate) fn statements(plan: &Plan) -> String {
    let Details { create, stored, created, history, missing, .. } = &plan.details;
    let table = quote_ident(&plan.name);
    if *create {
        let mut sql = ddl(created, Dialect::Sqlite, &plan.name);
        if let Some(history) = history {
            let _ = writeln!(sql, "{};", unique_current(&plan.name, &plan.schema, history));
        }
        return sql;
    }
    missing.iter().fold(String::new(), |mut sql, (column, declared)| {
        let name = quote_ident(&stored.columns[*column].name);
        let _ = writeln!(sql, "ALTER TABLE {table} ADD COLUMN {name} {declared};");
        sql
    })
}

/// The text of `--plan`.
pub(crate) fn explain(plan: &Plan) -> String {
    let Details { create, stored, missing, storage, .. } = &plan.details;
    let what = match (create, missing.is_empty()) {
        (true, _) => "would be created",
        (false, true) => "exists and fits",
        (false, false) => "would get columns",
    };
    let mut first = format!("table {} {what}; mode {}", plan.name, plan.mode);
    if !plan.schema.key.is_empty() {
        let _ = write!(first, ", key ({})", plan.schema.key_names().collect::<Vec<_>>().join(", "));
    }
    let columns = stored.columns.iter().zip(storage);
    let columns = columns
        .map(|(column, storage)| comment(&format!("{}: {} as {storage}", column.name, column.postgres())));
    comment(&first) + &statements(plan) + &columns.collect::<String>()
}

/// A comment ends with its line, so a name in it must not contain a line break.
fn comment(text: &str) -> String {
    format!("-- {}\n", text.replace(char::is_control, " "))
}
