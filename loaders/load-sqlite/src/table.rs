//! A target table: what it looks like, whether the records fit it, and putting them in.

use std::sync::Arc;

use etl_component::Fault;
use etl_load::target::Target;
use etl_load::{Mode, Settings};
use etl_schema::{Checker, Column, Dialect, Row, Schema, Type, Value, ddl, format_uuid, quote_ident, time};
use rusqlite::types::Null;
use rusqlite::{OptionalExtension, Statement};

use crate::database::Database;
use crate::ledger;
use crate::merge::Stage;

/// A column of a table that exists.
struct Found {
    name: String,
    declared: String,
    /// NOT NULL without a default: a row cannot do without it.
    needed: bool,
    in_key: bool,
    generated: bool,
    /// Filled by SQLite itself if it is left out.
    automatic: bool,
}

/// What is to be done with a table, known before any row.
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) schema: Arc<Schema>,
    /// Whether the table has to be created first.
    create: bool,
    /// The declared types of the schema's columns in the table.
    declared: Vec<String>,
}

impl Plan {
    /// Compares the target with the database.
    ///
    /// # Errors
    /// 78 if the records do not fit the table, or the mode does not; the message names the column.
    pub(crate) fn new(database: &Database, target: Target, settings: &Settings) -> Result<Plan, Fault> {
        let Target { table: name, schema } = target;
        if name.eq_ignore_ascii_case(ledger::TABLE) || name.to_ascii_lowercase().starts_with("sqlite_") {
            return Err(Fault::config(format!("table {name}: the name is reserved")));
        }
        let found = inspect(database, &name)?;
        let schema = match (schema, &found) {
            (Some(schema), _) => schema,
            (None, Some(columns)) => schema_of(&name, columns)?,
            (None, None) => {
                return Err(Fault::config(format!("table {name} does not exist, and there is no schema to create it by")));
            }
        };
        let mode = settings.mode.unwrap_or(if schema.key.is_empty() { Mode::Append } else { Mode::Upsert });
        if matches!(mode, Mode::Upsert | Mode::Ignore) && schema.key.is_empty() {
            return Err(Fault::config(format!("table {name}: mode {mode} needs a key, and the schema has no x-key")));
        }
        let declared = match &found {
            None => schema.columns.iter().map(|column| column.ty.sqlite()).collect(),
            Some(columns) => {
                if matches!(mode, Mode::Upsert | Mode::Ignore) {
                    check_key(database, &name, columns, &schema)?;
                }
                fit(&name, columns, &schema)?
            }
        };
        Ok(Plan { name, mode, schema: Arc::new(schema), create: found.is_none(), declared })
    }
}

/// What the database has under this name.
fn inspect(database: &Database, name: &str) -> Result<Option<Vec<Found>>, Fault> {
    let connection = &database.connection;
    let fault = |error| database.fault(error);
    let kind = "SELECT type, sql FROM sqlite_master WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')";
    let object = connection.query_row(kind, [name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let Some((kind, sql)) = object.optional().map_err(fault)? else { return Ok(None) };
    if kind == "view" || sql.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("CREATE VIRTUAL")) {
        return Err(Fault::config(format!("{name} is a {kind} that rows cannot simply be loaded into; name a table")));
    }
    let columns = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden,
                              (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE pk > 0) = 1
                                AND NOT (SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main')
                       FROM pragma_table_xinfo(?1)";
    let mut statement = connection.prepare(columns).map_err(fault)?;
    let rows = statement.query_map([name], |row| {
        let declared: String = row.get(1)?;
        let (not_null, defaulted, in_key) = (row.get::<_, bool>(2)?, row.get::<_, bool>(3)?, row.get::<_, i64>(4)? > 0);
        // A lone key declared INTEGER is the rowid itself (https://www.sqlite.org/lang_createtable.html#rowid).
        let automatic = in_key && row.get::<_, bool>(6)? && declared.eq_ignore_ascii_case("INTEGER");
        let needed = not_null && !defaulted && !automatic;
        let generated = row.get::<_, i64>(5)? > 1;
        Ok(Found { name: row.get(0)?, needed, in_key, generated, automatic: automatic || defaulted, declared })
    });
    rows.and_then(Iterator::collect).map(Some).map_err(fault)
}

/// The schema a table has by itself: its columns, and its primary key unless SQLite fills that.
fn schema_of(table: &str, columns: &[Found]) -> Result<Schema, Fault> {
    let own: Vec<&Found> = columns.iter().filter(|column| !column.generated).collect();
    let typed = own.iter().map(|column| {
        let ty = Type::from_sqlite(&column.name, &column.declared)?;
        let keyed = column.in_key && !column.automatic;
        Ok(Column::new(column.name.as_str(), ty, !column.needed && !keyed, column.needed || keyed))
    });
    let typed = typed.collect::<Result<Vec<_>, Fault>>()?;
    let filled = own.iter().any(|column| column.in_key && column.automatic);
    let key: Vec<&str> = own.iter().filter(|column| column.in_key && !filled).map(|column| &*column.name).collect();
    Schema::from_columns(table, typed, &key)
}

/// Checks that every column of the schema can be stored exactly, and that the table needs no other.
fn fit(table: &str, columns: &[Found], schema: &Schema) -> Result<Vec<String>, Fault> {
    let named = |name: &str| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    if !schema.columns.iter().any(|column| named(&column.name).is_some()) {
        return Err(Fault::config(format!("table {table} has none of the columns of schema {}", schema.name)));
    }
    let declared = schema.columns.iter().map(|column| {
        let name = &column.name;
        let found = named(name).ok_or_else(|| {
            Fault::config(format!("table {table} has no column {name}, which schema {} has", schema.name))
        })?;
        if found.generated {
            return Err(Fault::config(format!("table {table}: column {name} is generated; it cannot be loaded")));
        }
        if !stores(&found.declared, &column.ty) {
            return Err(Fault::config(format!(
                "table {table}: column {name} is declared {:?}, which does not store {} of schema {} exactly",
                found.declared,
                column.ty.sqlite(),
                schema.name
            )));
        }
        Ok(found.declared.clone())
    });
    let declared = declared.collect::<Result<_, Fault>>()?;
    let has = |name: &str| schema.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let lacking = columns.iter().find(|column| column.needed && !has(&column.name));
    match lacking {
        Some(column) => Err(Fault::config(format!(
            "table {table}: column {} is NOT NULL without a default, and schema {} does not have it",
            column.name, schema.name
        ))),
        None => Ok(declared),
    }
}

/// Whether a column declared like this stores every value of the type as it is. SQLite's conversions depend on
/// the affinity of the declaration (<https://www.sqlite.org/datatype3.html>, section 3.1); our own `TEXT_…`
/// declarations also say what the text means.
fn stores(declared: &str, ty: &Type) -> bool {
    let upper = declared.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| upper.contains(part));
    if upper.starts_with("TEXT_") {
        let Ok(stored) = Type::from_sqlite("", declared) else { return false };
        return match (&stored, ty) {
            (Type::Decimal { .. }, Type::Integer { .. } | Type::Decimal { .. }) => true,
            (Type::Json, Type::Array(_)) => true,
            (stored, ty) => stored == ty,
        };
    }
    let integer = has(&["INT"]);
    let text = !integer && has(&["CHAR", "CLOB", "TEXT"]);
    let none = !integer && !text && (has(&["BLOB"]) || upper.is_empty() || upper == "ANY");
    let real = !integer && !text && !none && has(&["REAL", "FLOA", "DOUB"]);
    match ty {
        // A text that looks like a number would become one.
        Type::Text { .. } | Type::Decimal { .. } | Type::Json => text || none,
        // These never look like a number.
        Type::Date | Type::Timestamp | Type::TimestampTz | Type::Uuid | Type::Array(_) => true,
        Type::Bytes => true,
        // A REAL column has 53 bits of an integer's 64.
        Type::Integer { .. } => !real,
        Type::Boolean | Type::Double | Type::Float => !text,
    }
}

/// Checks that a unique index has exactly the key's columns: without one, ON CONFLICT has nothing to go by.
fn check_key(database: &Database, table: &str, columns: &[Found], schema: &Schema) -> Result<(), Fault> {
    let sorted = |mut names: Vec<String>| {
        names.iter_mut().for_each(|name| name.make_ascii_lowercase());
        names.sort();
        names
    };
    let key = sorted(schema.key_names().map(str::to_owned).collect());
    if sorted(columns.iter().filter(|column| column.in_key).map(|column| column.name.clone()).collect()) == key {
        return Ok(());
    }
    let indexes = "SELECT l.name, ifnull(i.name, '') FROM pragma_index_list(?1) l, pragma_index_info(l.name) i
                   WHERE l.\"unique\" AND NOT l.partial ORDER BY l.seq";
    let fault = |error| database.fault(error);
    let mut statement = database.connection.prepare(indexes).map_err(fault)?;
    let rows = statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let rows: Vec<(String, String)> = rows.and_then(Iterator::collect).map_err(fault)?;
    let matches = rows.chunk_by(|a, b| a.0 == b.0).any(|index| {
        sorted(index.iter().map(|(_, column)| column.clone()).collect()) == key
    });
    if matches {
        return Ok(());
    }
    let names = schema.key_names().collect::<Vec<_>>().join(", ");
    Err(Fault::config(format!("table {table} has no unique index on ({names}), the key of schema {}", schema.name)))
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
    pub(crate) fn open(database: &'c Database, plan: Plan, settings: &Settings, index: usize) -> Result<Table<'c>, Fault> {
        if plan.create {
            database.batch(&ddl(&plan.schema, Dialect::Sqlite, &plan.name))?;
            log::info!("table {} created in {}", plan.name, database.name);
        }
        if plan.mode == Mode::Replace {
            database.batch(&format!("DELETE FROM {}", quote_ident(&plan.name)))?;
        }
        let stage = match plan.mode {
            Mode::Append => None,
            _ if plan.schema.key.is_empty() => None,
            _ => Some(Stage::create(database, &plan, &plan.declared, index)?),
        };
        let columns = column_list(&plan.schema);
        let places = vec!["?"; plan.schema.columns.len()].join(", ");
        let into = match &stage {
            Some(stage) => stage.insert_into(plan.mode),
            None => format!("INSERT INTO {}", quote_ident(&plan.name)),
        };
        let insert = database
            .connection
            .prepare(&format!("{into} ({columns}) VALUES ({places})"))
            .map_err(|error| database.fault(error))?;
        let checker = Checker::new(Arc::clone(&plan.schema), settings.unknown_fields);
        let (records, rejected, fresh, fed, text) = (0, 0, false, 0, Vec::new());
        Ok(Table { plan, checker, records, rejected, fresh, insert, stage, fed, text })
    }

    /// Checks a record and puts it in; gives back why it cannot be one of the table's.
    pub(crate) fn record(&mut self, record: &etl_stream::json::Record<'_>) -> Result<rusqlite::Result<()>, etl_schema::Violation> {
        let row = self.checker.check(record)?;
        let stored = store(&mut self.insert, &row, &mut self.text);
        self.fed += 1;
        Ok(stored)
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
fn store(insert: &mut Statement<'_>, row: &Row<'_>, text: &mut Vec<u8>) -> rusqlite::Result<()> {
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
    insert.raw_execute().map(|_| ())
}
