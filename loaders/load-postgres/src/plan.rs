//! What to do with a table: whether the records fit it, and how each column is sent.

mod history;
mod privileges;
mod statements;
mod widen;

use std::sync::Arc;

use etl_component::Fault;
use etl_load::args::Task;
use etl_load::{Changes, History, Mode, PlanError, Settings, Target, stamp};
use etl_postgres::{Name, Session};
use etl_schema::{Column as SchemaColumn, Schema, Type};

use crate::catalog::{self, Column, Inspected, KeyColumn, Table};
use crate::encode::Encoder;
use crate::ledger;

pub(crate) use statements::{comments, explain, statements};

/// What to do with a table of PostgreSQL.
pub(crate) type TablePlan = etl_load::Plan<Details>;

/// The most columns that a table can have (PostgreSQL 15, appendix K).
pub(crate) const MAX_COLUMNS: usize = 1600;

/// What only this loader needs to know about a target.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) name: Name,
    /// The target, to plan again once the table has been created or changed.
    pub(crate) target: Target,
    /// The columns to store: the records' and the stamp's.
    pub(crate) stored: Schema,
    /// Whether the schema that the table is in, the namespace of a connector's stream, still has to be created.
    pub(crate) makes_schema: bool,
    /// The table, unless it still has to be created.
    pub(crate) table: Option<Table>,
    /// The columns that must be added first.
    missing: Vec<usize>,
    /// The columns of the table whose types must become wider first, as they will be.
    widened: Vec<Column>,
    /// Whether the ledger exists, with all columns of this version.
    pub(crate) ledger: bool,
    /// Whether the server knows MERGE.
    pub(crate) merges: bool,
    /// How each stored column is sent, once all of them exist and are wide enough.
    pub(crate) fields: Vec<Field>,
    /// In an upsert of records that may lack fields: which columns of the schema keep what a row has in their place.
    pub(crate) keeps: Option<Vec<bool>>,
    /// In mode history: the columns of a version, which follow the others in `stored`, and are none of `fields`.
    pub(crate) history: Option<History>,
}

/// How a column of the records gets into the table.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) column: Column,
    pub(crate) encoder: Encoder,
    pub(crate) null: Null,
}

/// What NULL becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Null {
    /// NULL.
    Stays,
    /// The column's default, because the table's own schema lets a record leave the column out.
    Default,
    /// Nothing: the column must have a value.
    Refused,
}

impl Field {
    /// Whether the server casts the text to the column's type.
    pub(crate) fn is_cast(&self) -> bool {
        self.column.kind.is_cast()
    }

    /// The type of its column in a stage: what the server casts is a text there, or several. That of a stage without
    /// constraints is no domain.
    pub(crate) fn staged(&self, free: bool) -> &str {
        match (&self.encoder, &self.column.base) {
            (Encoder::Array(..), _) if self.is_cast() => "text[]",
            _ if self.is_cast() => "text",
            // Here NULL stands for the default, and the domain may not allow it.
            (_, Some(base)) if free || self.null == Null::Default => base,
            _ => &self.column.spelled,
        }
    }
}

impl Details {
    /// Whether nothing needs to be created or changed first.
    pub(crate) fn is_ready(&self) -> bool {
        self.ledger && self.table.is_some() && !self.changes_table()
    }

    /// Whether the table is as it should be, but the ledger is not.
    pub(crate) fn lacks_only_ledger(&self) -> bool {
        !self.ledger && self.table.is_some() && !self.changes_table()
    }

    fn changes_table(&self) -> bool {
        !self.missing.is_empty() || !self.widened.is_empty()
    }

    /// The unique index by which rows are found: on the key or, in mode history, on the key and the beginning of a version.
    pub(crate) fn key(&self, schema: &Schema) -> Option<&[KeyColumn]> {
        let names = schema.key_names().chain(self.history.as_ref().map(|history| history.from.as_str()));
        self.table.as_ref()?.key(&names.collect::<Vec<_>>())
    }

    /// The table's own rows, for SQL: those of its partitions, but not those of tables that only inherit from it.
    pub(crate) fn own_rows(&self) -> String {
        let partitioned = self.table.as_ref().is_some_and(|table| table.partitioned);
        format!("{}{}", if partitioned { "" } else { "ONLY " }, self.name.sql())
    }

    /// Whether rows go through a temporary table: to keep one row per key, or for what COPY does not do.
    pub(crate) fn is_staged(&self, mode: Mode, schema: &Schema) -> bool {
        let keyed = mode != Mode::Append && !schema.key.is_empty();
        let field = |field: &Field| field.is_cast() || field.null == Null::Default;
        keyed || self.fields.iter().any(field) || self.table.as_ref().is_some_and(|table| table.policies)
    }
}

/// Compares the target with the database.
///
/// # Errors
/// Those of [`catalog::inspect`] and of [`fitting`].
pub(crate) fn plan(session: &Session, target: Target, settings: &Settings) -> Result<TablePlan, PlanError> {
    let found = catalog::inspect(session, &Name::parse(&target.table)?)?;
    fitting(&found, target, settings)
}

/// Compares the target with what was found under its name.
///
/// # Errors
/// 78 if the records or the mode do not fit the table; 77 if a privilege is missing.
pub(crate) fn fitting(
    found: &Inspected,
    target: Target,
    settings: &Settings,
) -> Result<TablePlan, PlanError> {
    let loads = settings.task == Task::Load;
    let plan = compare(found, target, settings).map_err(PlanError::Unfit)?;
    if loads && !plan.details.makes_schema {
        privileges::permitted(&plan, found, settings.deletes(plan.mode, &plan.schema))?;
    }
    Ok(plan)
}

/// Refuses a schema of more columns than a table can have.
fn few(schema: &Schema) -> Result<&Schema, Fault> {
    let (name, count) = (&schema.name, schema.columns.len());
    if count > MAX_COLUMNS {
        return Err(Fault::config(format!(
            "schema {name} has {count} columns, but a table of PostgreSQL has at most {MAX_COLUMNS}"
        )));
    }
    Ok(schema)
}

/// Checks that the records fit what was found under the target's name, and plans how they are sent.
fn compare(found: &Inspected, target: Target, settings: &Settings) -> Result<TablePlan, Fault> {
    let name = found.name.clone();
    if name.table == ledger::TABLE {
        return Err(Fault::config(format!("table {}: the name is reserved", name.text())));
    }
    if name.schema.as_deref().is_some_and(|schema| schema.starts_with("pg_temp")) {
        return Err(Fault::config(format!("table {}: a temporary table ends with the load", name.text())));
    }
    let loads = settings.task == Task::Load;
    if loads && found.read_only {
        let why = "the server accepts no writes: it is a standby, or default_transaction_read_only is on";
        return Err(Fault::config(format!("table {}: {why}", name.text())));
    }
    let has = found.table.as_ref().map(|table| |name: &str| table.column(name).is_some());
    let (schema, own) = match (target.stored_in(has), &found.table) {
        (Some(mut schema), found) => {
            few(&schema)?;
            let column = |name: &str| found.as_ref().and_then(|table| table.column(name));
            schema.widen(|name| column(name).is_some_and(|column| column.spelled == "numeric"));
            (schema, false)
        }
        (None, Some(table)) => (table.schema(&name, settings.history.as_ref())?, true),
        (None, None) => {
            let name = name.text();
            return Err(Fault::config(format!(
                "table {name} does not exist, and no --schema says what to create"
            )));
        }
    };
    if loads && found.table.is_none() && !settings.create {
        return Err(Fault::config(format!("table {} does not exist (--create creates it)", name.text())));
    }
    let key: Vec<&str> = schema.key_names().collect();
    let mode = match (target.mode, &found.table) {
        (None, Some(table)) if table.overlaps(&key) => Mode::Append,
        _ => target.mode_for(&name.text(), &schema)?,
    };
    let keeps = target.keeps(settings.absent, &schema);
    settings.suit(&name.text(), mode, &schema, &keeps)?;
    let lacks =
        mode == Mode::Upsert && target.partial && schema.columns.iter().any(SchemaColumn::may_be_absent);
    let records = stamp::stored(&schema, settings.stamp)?;
    let stored = settings.history.as_ref().map(|history| history.stored(&records)).transpose()?;
    let stored = stored.unwrap_or_else(|| records.clone());
    few(&stored)?;
    if lacks && keeps.contains(&true) && stored.columns.len() + 2 > MAX_COLUMNS {
        let (name, most) = (name.text(), MAX_COLUMNS - 2);
        return Err(Fault::config(format!(
            "table {name}: values can be kept in a table of at most {most} columns"
        )));
    }
    let Fit { mut fields, missing, widened } = match &found.table {
        None => Fit::default(),
        Some(table) => fit(&name, table, &records, own, settings)?,
    };
    if let Some(table) = &found.table {
        let deletes = settings.deletes(mode, &schema);
        suits(&name, table, (mode, deletes), &schema, &fields)?;
        if let Some(history) = &settings.history {
            history::suits(&name, table, history, &schema)?;
            // A version begins at some time.
            let time = schema.time.and_then(|time| fields.get_mut(time));
            time.into_iter().for_each(|field| field.null = Null::Refused);
        }
    }
    if found.bytes_only {
        counts_characters(&name, &stored, &fields)?;
    }
    let ledger = found.ledger.is_some() && found.ledger_fits;
    let is_namespace = settings.create && settings.table.is_none() && schema.is_foreign();
    let makes_schema = is_namespace && found.may_create.is_none();
    let table = found.table.clone();
    let merges = found.merges;
    let keeps = lacks.then_some(keeps);
    let changes = Changes {
        added: missing.iter().map(|&column| stored.columns[column].name.clone()).collect(),
        widened: widened.iter().map(|column| column.name.clone()).collect(),
    };
    let details = Details {
        name,
        target,
        stored,
        makes_schema,
        table,
        missing,
        widened,
        ledger,
        merges,
        fields,
        keeps,
        history: settings.history.clone(),
    };
    Ok(TablePlan { name: details.name.text(), mode, schema: Arc::new(schema), changes, details })
}

/// How the stored columns fit a table.
#[derive(Default)]
struct Fit {
    fields: Vec<Field>,
    missing: Vec<usize>,
    widened: Vec<Column>,
}

/// Finds the table's column for each stored one, and those that are missing or too narrow, if that may be changed.
fn fit(name: &Name, table: &Table, stored: &Schema, own: bool, settings: &Settings) -> Result<Fit, Fault> {
    let Settings { evolve, history, .. } = settings;
    let refuse = |what: String| Err(Fault::config(format!("table {}: {what}", name.text())));
    if !stored.columns.iter().any(|column| table.column(&column.name).is_some()) {
        return refuse(format!("it has none of the columns of schema {}", stored.name));
    }
    let mut fit = Fit::default();
    for (column, position) in stored.columns.iter().zip(0..) {
        match table.column(&column.name) {
            Some(found) => {
                let wider = widen::widened(found, column).filter(|_| evolve.widen && !own);
                fit.fields.push(field(name, wider.as_ref().unwrap_or(found), column, stored, own)?);
                fit.widened.extend(wider);
            }
            None if evolve.add_columns => fit.missing.push(position),
            None => return Err(no_column(name, table, column, &stored.name)),
        }
    }
    let has = |column: &str| {
        stored.position(column).is_some() || history.as_ref().is_some_and(|history| history.has(column))
    };
    let lacking = table.columns.iter().find(|column| column.needed() && !has(&column.name));
    match lacking {
        Some(Column { name, .. }) => refuse(format!(
            "column {name} is NOT NULL without a default, but schema {} does not have it",
            stored.name
        )),
        None => Ok(fit),
    }
}

fn no_column(name: &Name, table: &Table, column: &SchemaColumn, schema: &str) -> Fault {
    let wanted = &column.name;
    let like = table.columns.iter().find(|found| found.name.eq_ignore_ascii_case(wanted));
    let hint = match like {
        Some(like) => format!("names are taken as written, and the table has {}", like.name),
        None => "--evolve add-columns adds it".to_owned(),
    };
    let name = name.text();
    Fault::config(format!("table {name} has no column {wanted}, which schema {schema} has ({hint})"))
}

fn field(
    name: &Name,
    found: &Column,
    column: &SchemaColumn,
    stored: &Schema,
    own: bool,
) -> Result<Field, Fault> {
    let refuse =
        |what: String| Err(Fault::config(format!("table {}: column {} {what}", name.text(), found.name)));
    if found.generated {
        return refuse("is generated; it cannot be loaded".to_owned());
    }
    let Some(encoder) = Encoder::between(&column.ty, &found.kind) else {
        let ty = column.postgres();
        return refuse(format!(
            "is {}, which does not store {ty} of schema {} exactly",
            found.spelled, stored.name
        ));
    };
    let null = match (found.not_null, &found.default) {
        _ if column.never_null() => Null::Stays,
        (false, _) => Null::Stays,
        (true, Some(_)) if own => Null::Default,
        (true, _) => Null::Refused,
    };
    Ok(Field { column: found.clone(), encoder, null })
}

/// Refuses a length in characters where the server would count bytes and cut blanks beyond them.
fn counts_characters(name: &Name, stored: &Schema, fields: &[Field]) -> Result<(), Fault> {
    let found = fields.iter().map(|field| &field.column).find(|column| column.kind.is_limited());
    let wanted = stored.columns.iter().find(|column| matches!(column.ty, Type::Text { max: Some(_) }));
    let (column, spelled) = match (found, wanted) {
        (Some(found), _) => (&found.name, found.spelled.clone()),
        (None, Some(wanted)) if fields.is_empty() => (&wanted.name, wanted.postgres()),
        _ => return Ok(()),
    };
    let why = "which counts bytes in a database with the encoding SQL_ASCII; make it text";
    Err(Fault::config(format!("table {}: column {column} is {spelled}, {why}", name.text())))
}

/// Checks that the mode can do with the table what it promises.
fn suits(
    name: &Name,
    table: &Table,
    (mode, deletes): (Mode, bool),
    schema: &Schema,
    fields: &[Field],
) -> Result<(), Fault> {
    let refuse = |what: &str| Err(Fault::config(format!("table {} {what} (mode {mode})", name.text())));
    let key: Vec<&str> = schema.key_names().collect();
    let [on_update, on_delete] = table.rules;
    let fixed = fields
        .iter()
        .map(|field| &field.column)
        .find(|column| column.identity_always && !key.contains(&column.name.as_str()));
    match (mode, fixed) {
        (Mode::Upsert | Mode::Ignore, _) if on_update => {
            return refuse("has rules ON UPDATE, which ON CONFLICT does not follow");
        }
        (Mode::History, _) if on_update => {
            return refuse("has rules ON UPDATE; versions that they keep would stay current");
        }
        (Mode::Upsert | Mode::History, Some(column)) => {
            let name = &column.name;
            return refuse(&format!(
                "has column {name}, GENERATED ALWAYS AS IDENTITY, which no UPDATE can set"
            ));
        }
        (Mode::Replace, _) if table.foreign_children => {
            return refuse(
                "has children on another server, which cannot commit together with the ledger; replace a table of its own",
            );
        }
        (Mode::Upsert | Mode::Replace, _) if on_delete && (deletes || mode == Mode::Replace) => {
            return refuse("has rules ON DELETE; rows that they keep would remain");
        }
        (Mode::Replace, _) if table.policies => {
            return refuse("has row-level policies; rows that they hide from this role would remain");
        }
        _ => (),
    }
    let overlaps = table.overlaps(&key);
    if overlaps && mode == Mode::Upsert {
        let why = "which ON CONFLICT cannot name; append and ignore can load it";
        return refuse(&format!("has the key ({}) WITHOUT OVERLAPS, {why}", key.join(", ")));
    }
    if matches!(mode, Mode::Upsert | Mode::Ignore) && !overlaps && table.key(&key).is_none() {
        let (name, key) = (name.text(), key.join(", "));
        return Err(Fault::config(format!(
            "table {name} has no unique index on ({key}), the key of schema {}, that ON CONFLICT can use (not one that is \
             partial, deferrable or on expressions)",
            schema.name
        )));
    }
    Ok(())
}
