//! What the database says of a table that exists, and what its columns can store.

use etl_component::Fault;
use etl_load::stamp;
use etl_schema::{Column, Schema, Type};
use rusqlite::OptionalExtension;

use crate::database::Database;
use crate::plan::new_storage;

/// A table that exists.
pub(crate) struct Existing {
    /// Its name as it was created.
    pub(crate) name: String,
    strict: bool,
    columns: Vec<Found>,
}

/// A column of it.
struct Found {
    name: String,
    declared: String,
    not_null: bool,
    /// The SQL of its default.
    default: Option<String>,
    in_key: bool,
    generated: bool,
    /// It is the rowid itself, which SQLite fills.
    rowid: bool,
}

impl Found {
    /// Whether a row cannot do without a value for it.
    fn needed(&self) -> bool {
        self.not_null && self.default.is_none() && !self.rowid
    }
}

/// What the database has under this name.
pub(crate) fn inspect(database: &Database, name: &str) -> Result<Option<Existing>, Fault> {
    let connection = &database.connection;
    let fault = |error| database.fault(error);
    let kind = "SELECT m.name, m.type, m.sql LIKE 'CREATE VIRTUAL%',
                       ifnull((SELECT strict FROM pragma_table_list(m.name) WHERE schema = 'main'), 0)
                FROM sqlite_master m WHERE m.name = ?1 COLLATE NOCASE AND m.type IN ('table', 'view')";
    let object = connection.query_row(kind, [name], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, bool>(2)?,
            row.get::<_, bool>(3)?,
        ))
    });
    let Some((name, kind, is_virtual, strict)) = object.optional().map_err(fault)? else { return Ok(None) };
    if kind == "view" || is_virtual {
        let what = if is_virtual { "virtual table" } else { "view" };
        return Err(Fault::config(format!(
            "{name} is a {what}, into which rows cannot simply be loaded; name a table"
        )));
    }
    let columns = "SELECT name, type, \"notnull\", dflt_value, pk, hidden,
                              (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE pk > 0) = 1
                                AND NOT (SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main')
                       FROM pragma_table_xinfo(?1)";
    let mut statement = connection.prepare(columns).map_err(fault)?;
    let rows = statement.query_map([&name], |row| {
        let (declared, in_key) = (row.get::<_, String>(1)?, row.get::<_, i64>(4)? > 0);
        // A lone key declared INTEGER is the rowid itself (https://www.sqlite.org/lang_createtable.html#rowid).
        let rowid = in_key && row.get::<_, bool>(6)? && declared.eq_ignore_ascii_case("INTEGER");
        let generated = row.get::<_, i64>(5)? > 1;
        let (name, not_null, default) = (row.get(0)?, row.get(2)?, row.get(3)?);
        Ok(Found { name, declared, not_null, default, in_key, generated, rowid })
    });
    let columns = rows.and_then(Iterator::collect).map_err(fault)?;
    Ok(Some(Existing { name, strict, columns }))
}

impl Existing {
    /// The schema the table has by itself: its columns, and its primary key unless SQLite fills that. A column that
    /// is NOT NULL with a default may be left out of a record.
    pub(crate) fn schema(&self) -> Result<Schema, Fault> {
        let own = |column: &&Found| !column.generated && !stamp::is_stamp(&column.name);
        let own: Vec<&Found> = self.columns.iter().filter(own).collect();
        let typed = own.iter().map(|column| {
            let ty = Type::from_sqlite(&column.name, &column.declared)?;
            let nullable = column.rowid || !column.not_null;
            Ok(Column::new(column.name.as_str(), ty, nullable, column.needed()))
        });
        let typed = typed.collect::<Result<Vec<_>, Fault>>()?;
        let keyed: Vec<&&Found> = own.iter().filter(|column| column.in_key).collect();
        let filled = keyed.iter().any(|column| column.rowid || column.default.is_some());
        let key: Vec<&str> = keyed.iter().filter(|_| !filled).map(|column| &*column.name).collect();
        Schema::from_columns(&self.name, typed, &key)
    }

    /// What is inserted for each column of the table's own schema: the value, or the default where there is none and
    /// NULL cannot be.
    pub(crate) fn places(&self, schema: &Schema) -> Vec<String> {
        let place =
            |column: &Column| match self.column(&column.name).map(|found| (found.not_null, &found.default)) {
                Some((true, Some(default))) => format!("coalesce(?, ({default}))"),
                _ => "?".to_owned(),
            };
        schema.columns.iter().map(place).collect()
    }

    /// Checks that every column of the schema can be stored exactly, and that the table needs no other; gives back
    /// the columns' affinities, and those that the table lacks, if they may be added.
    pub(crate) fn fit(&self, schema: &Schema, add: bool) -> Result<(Vec<String>, Vec<usize>), Fault> {
        let table = &self.name;
        if !schema.columns.iter().any(|column| self.column(&column.name).is_some()) {
            return Err(Fault::config(format!(
                "table {table} has none of the columns of schema {}",
                schema.name
            )));
        }
        let mut missing = Vec::new();
        let affinities = schema.columns.iter().zip(0..).map(|(column, position)| {
            let name = &column.name;
            let Some(found) = self.column(name) else {
                if !add {
                    let wants = match stamp::is_stamp(name) {
                        true => "--stamp fills".to_owned(),
                        false => format!("schema {} has", schema.name),
                    };
                    return Err(Fault::config(format!(
                        "table {table} has no column {name}, which {wants} (--evolve add-columns adds it)"
                    )));
                }
                missing.push(position);
                return Ok(new_storage(column));
            };
            if found.generated {
                return Err(Fault::config(format!("table {table}: column {name} is generated; it cannot be loaded")));
            }
            if !stores(&found.declared, self.strict, &column.ty) {
                return Err(Fault::config(format!(
                    "table {table}: column {name} is declared {:?}, which does not store {} of schema {} exactly",
                    found.declared,
                    column.ty.sqlite(),
                    schema.name
                )));
            }
            Ok(if self.strict { strict_affinity(&found.declared) } else { affinity(&found.declared) }.to_owned())
        });
        let affinities = affinities.collect::<Result<_, Fault>>()?;
        let has = |name: &str| schema.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let lacking =
            self.columns.iter().find(|column| column.needed() && !column.generated && !has(&column.name));
        match lacking {
            Some(column) => Err(Fault::config(format!(
                "table {table}: column {} is NOT NULL without a default, and schema {} does not have it",
                column.name, schema.name
            ))),
            None => Ok((affinities, missing)),
        }
    }

    /// How a column of this type is declared when it is added.
    pub(crate) fn declaration(&self, ty: &Type) -> String {
        let declared = ty.sqlite();
        if self.strict { strict_name(&declared).to_owned() } else { declared }
    }

    /// How a unique index with exactly the key's columns compares each of them; nothing if there is no such index,
    /// so that ON CONFLICT has nothing to go by.
    pub(crate) fn collations(
        &self,
        database: &Database,
        schema: &Schema,
    ) -> Result<Option<Vec<String>>, Fault> {
        if let ([found], [key]) = (&*self.rowids(), &*schema.key)
            && found.name.eq_ignore_ascii_case(&schema.columns[*key].name)
        {
            return Ok(Some(vec!["BINARY".to_owned()]));
        }
        let indexes = "SELECT l.name, ifnull(i.name, ''), i.coll FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) i
                       WHERE l.\"unique\" AND NOT l.partial AND i.key ORDER BY l.seq";
        let fault = |error| database.fault(error);
        let mut statement = database.connection.prepare(indexes).map_err(fault)?;
        type Part = (String, String, String);
        let rows = statement.query_map([&self.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let rows: Vec<Part> = rows.and_then(Iterator::collect).map_err(fault)?;
        let of_key = |index: &[Part]| {
            let collation = |key: &str| {
                index.iter().find(|part| part.1.eq_ignore_ascii_case(key)).map(|part| part.2.clone())
            };
            schema
                .key_names()
                .map(collation)
                .collect::<Option<Vec<_>>>()
                .filter(|found| found.len() == index.len())
        };
        Ok(rows.chunk_by(|a, b| a.0 == b.0).find_map(of_key))
    }

    fn rowids(&self) -> Vec<&Found> {
        self.columns.iter().filter(|column| column.rowid).collect()
    }

    fn column(&self, name: &str) -> Option<&Found> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// The affinity of a declared type (<https://www.sqlite.org/datatype3.html>, section 3.1).
pub(crate) fn affinity(declared: &str) -> &'static str {
    let upper = declared.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| upper.contains(part));
    match () {
        () if has(&["INT"]) => "INTEGER",
        () if has(&["CHAR", "CLOB", "TEXT"]) => "TEXT",
        () if has(&["BLOB"]) || upper.is_empty() => "BLOB",
        () if has(&["REAL", "FLOA", "DOUB"]) => "REAL",
        () => "NUMERIC",
    }
}

/// What a column declared like this is in a STRICT table, which knows a few names only
/// (<https://www.sqlite.org/stricttables.html>).
fn strict_name(declared: &str) -> &'static str {
    match affinity(declared) {
        _ if declared.starts_with("TEXT") => "TEXT",
        "NUMERIC" => "INTEGER",
        affinity => affinity,
    }
}

/// The same in a STRICT table, where ANY keeps what it is given.
fn strict_affinity(declared: &str) -> &'static str {
    if declared.eq_ignore_ascii_case("ANY") { "BLOB" } else { affinity(declared) }
}

/// Whether a column declared like this stores every value of the type as it is. Our own `TEXT_…` declarations also
/// say what the text means.
fn stores(declared: &str, strict: bool, ty: &Type) -> bool {
    if declared.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("TEXT_")) {
        let Ok(stored) = Type::from_sqlite("", declared) else { return false };
        return match (&stored, ty) {
            (Type::Decimal { .. }, Type::Integer { .. } | Type::Decimal { .. }) => true,
            (Type::Json, Type::Array(_)) => true,
            (stored, ty) => stored == ty,
        };
    }
    let affinity = if strict { strict_affinity(declared) } else { affinity(declared) };
    match (affinity, ty) {
        ("BLOB", Type::Bytes) => true,
        // A STRICT table's BLOB refuses all but bytes.
        ("BLOB", _) => !strict || !declared.eq_ignore_ascii_case("BLOB"),
        // A text that looks like a number would become one.
        (_, Type::Text { .. } | Type::Decimal { .. } | Type::Json) => affinity == "TEXT",
        // These never look like a number, but a STRICT column refuses what is not of its type.
        (_, Type::Date | Type::Timestamp | Type::TimestampTz | Type::Uuid | Type::Array(_)) => {
            affinity == "TEXT" || !strict
        }
        (_, Type::Bytes) => !strict,
        // A REAL column has 53 bits of an integer's 64.
        (_, Type::Integer { .. }) => affinity != "REAL",
        (_, Type::Boolean) => affinity != "TEXT" && !(strict && affinity == "REAL"),
        (_, Type::Double | Type::Float) => affinity != "TEXT" && !(strict && affinity == "INTEGER"),
    }
}
