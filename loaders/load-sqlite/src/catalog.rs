//! What the database says about an existing table, and whether records fit it.

use etl_component::Fault;
use etl_load::{FirstRecord, History, stamp};
use etl_schema::{Column, Schema};
use rusqlite::{Connection, OptionalExtension};

use crate::database::Database;
use crate::types::{declaration, new_storage, own, storage, stores};

/// An existing table.
pub(crate) struct Existing {
    /// Its name as it was created.
    pub(crate) name: String,
    strict: bool,
    columns: Vec<TableColumn>,
}

/// One of its columns.
struct TableColumn {
    name: String,
    declared: String,
    not_null: bool,
    /// The SQL of its default.
    default: Option<String>,
    in_key: bool,
    generated: bool,
    /// Whether it is the rowid itself, which SQLite fills in.
    rowid: bool,
}

/// How a table stores the columns of a schema.
pub(crate) struct Fit {
    /// How it stores each of them.
    pub(crate) storage: Vec<String>,
    /// Those that have to be added first, by position, with their declarations.
    pub(crate) missing: Vec<(usize, String)>,
}

impl TableColumn {
    /// Whether a row must have a value for it.
    fn needed(&self) -> bool {
        self.not_null && self.default.is_none() && !self.rowid
    }
}

/// What the database has under this name.
pub(crate) fn inspect(database: &Database, name: &str) -> Result<Option<Existing>, Fault> {
    let kind = "SELECT m.name, m.type, m.sql LIKE 'CREATE VIRTUAL%',
                       ifnull((SELECT strict FROM pragma_table_list(m.name) WHERE schema = 'main'), 0)
                FROM sqlite_master m WHERE m.name = ?1 COLLATE NOCASE AND m.type IN ('table', 'view')";
    let object = database.connection.query_row(kind, [name], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, bool>(2)?,
            row.get::<_, bool>(3)?,
        ))
    });
    let object = object.optional().map_err(|error| database.fault(error))?;
    let Some((name, kind, is_virtual, strict)) = object else { return Ok(None) };
    if kind == "view" || is_virtual {
        let what = if is_virtual { "virtual table" } else { "view" };
        return Err(Fault::config(format!(
            "{name} is a {what}, into which rows cannot simply be loaded; name a table"
        )));
    }
    let columns = columns(&database.connection, &name).map_err(|error| database.fault(error))?;
    Ok(Some(Existing { name, strict, columns }))
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<TableColumn>> {
    let columns = "SELECT name, type, \"notnull\", dflt_value, pk, hidden,
                              (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE pk > 0) = 1
                                AND NOT (SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main')
                                AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')
                       FROM pragma_table_xinfo(?1)";
    let mut statement = connection.prepare(columns)?;
    let rows = statement.query_map([table], |row| {
        let (declared, in_key) = (row.get::<_, String>(1)?, row.get::<_, i64>(4)? > 0);
        // A lone key declared INTEGER is the rowid itself (https://www.sqlite.org/lang_createtable.html#rowid), unless
        // it has an index of its own, as INTEGER PRIMARY KEY DESC has.
        let rowid = in_key && row.get::<_, bool>(6)? && declared.eq_ignore_ascii_case("INTEGER");
        let generated = row.get::<_, i64>(5)? > 1;
        let (name, not_null, default) = (row.get(0)?, row.get(2)?, row.get(3)?);
        Ok(TableColumn { name, declared, not_null, default, in_key, generated, rowid })
    })?;
    rows.collect()
}

impl Existing {
    /// Whether it has a column of this name.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.column(column).is_some()
    }

    /// Whether a column keeps numbers of any length.
    pub(crate) fn keeps_digits(&self, column: &str) -> bool {
        let found = self.columns.iter().find(|known| known.name.eq_ignore_ascii_case(column));
        found.is_some_and(|column| column.declared.eq_ignore_ascii_case("TEXT_DECIMAL"))
    }

    /// The table's own schema: its columns, and its primary key unless that is filled in. A column that is NOT NULL
    /// with a default may be left out of a record. SQLite fills the rowid in, unless the first record has it:
    /// then all must. As long as none was seen, it is the key. In mode history the columns of the version are none of the
    /// records'.
    pub(crate) fn schema(
        &self,
        first: Option<&FirstRecord>,
        history: Option<&History>,
    ) -> Result<Schema, Fault> {
        let is_version = |column: &str| history.is_some_and(|history| history.has(column));
        let loaded = |column: &&TableColumn| {
            !column.generated && !stamp::is_stamp(&column.name) && !is_version(&column.name)
        };
        let loaded: Vec<&TableColumn> = self.columns.iter().filter(loaded).collect();
        let typed = loaded.iter().map(|column| {
            let ty = own(&column.name, &column.declared, self.strict)?;
            let nullable = column.rowid || !column.not_null;
            Ok(Column::new(column.name.as_str(), ty, nullable, column.needed()))
        });
        let typed = typed.collect::<Result<Vec<_>, Fault>>()?;
        let keyed: Vec<&&TableColumn> = loaded.iter().filter(|column| column.in_key).collect();
        let filled = keyed.iter().any(|column| match first {
            Some(record) if column.rowid => !record.has(&column.name),
            _ => !column.rowid && column.default.is_some(),
        });
        let key: Vec<&str> = keyed.iter().filter(|_| !filled).map(|column| &*column.name).collect();
        Schema::from_columns(&self.name, typed, &key)
    }

    /// What is inserted for each column of the table's own schema: the value, or the default if there is no value and
    /// NULL is not allowed.
    pub(crate) fn placeholders(&self, schema: &Schema) -> Vec<String> {
        let placeholder =
            |column: &Column| match self.column(&column.name).map(|found| (found.not_null, &found.default)) {
                Some((true, Some(default))) => format!("coalesce(?, ({default}))"),
                _ => "?".to_owned(),
            };
        schema.columns.iter().map(placeholder).collect()
    }

    /// Checks that every column of the schema can be stored exactly, and that the table needs no other; with `add`
    /// those that the table lacks may be added. It must have those of a `version`.
    ///
    /// # Errors
    /// 78 if the schema does not fit; the message names the column.
    pub(crate) fn fit(&self, schema: &Schema, add: bool, version: &[Column]) -> Result<Fit, Fault> {
        let table = &self.name;
        if !schema.columns.iter().any(|column| self.column(&column.name).is_some()) {
            return Err(Fault::config(format!(
                "table {table} has none of the columns of schema {}",
                schema.name
            )));
        }
        let mut fit = Fit { storage: Vec::with_capacity(schema.columns.len()), missing: Vec::new() };
        for (position, column) in schema.columns.iter().enumerate() {
            let storage = match self.column(&column.name) {
                Some(found) => self.storage_of(found, column, schema)?,
                None if add => {
                    fit.missing.push((position, declaration(&column.ty, self.strict)));
                    new_storage(&column.ty)
                }
                None => return Err(self.lacks(&column.name, schema)),
            };
            fit.storage.push(storage.to_owned());
        }
        for column in version {
            let (name, ty) = (&column.name, column.ty.sqlite());
            match self.column(name) {
                None => {
                    return Err(Fault::config(format!(
                        "table {table}: it has no column {name}, which says when a version holds; a new table gets it"
                    )));
                }
                Some(found) if found.generated || !stores(&found.declared, self.strict, &column.ty) => {
                    let declared = &found.declared;
                    return Err(Fault::config(format!(
                        "table {table}: column {name} is declared {declared:?}, not {ty}"
                    )));
                }
                Some(found) if found.not_null && column.nullable => {
                    return Err(Fault::config(format!(
                        "table {table}: column {name} is NOT NULL, but NULL while a version holds"
                    )));
                }
                Some(_) => (),
            }
        }
        let known = || schema.columns.iter().chain(version);
        let has = |name: &str| known().any(|column| column.name.eq_ignore_ascii_case(name));
        let lacking =
            self.columns.iter().find(|column| column.needed() && !column.generated && !has(&column.name));
        match lacking {
            Some(column) => Err(Fault::config(format!(
                "table {table}: column {} is NOT NULL without a default, but schema {} does not have it",
                column.name, schema.name
            ))),
            None => Ok(fit),
        }
    }

    /// How the table stores a column of the schema, if it can.
    fn storage_of(
        &self,
        found: &TableColumn,
        column: &Column,
        schema: &Schema,
    ) -> Result<&'static str, Fault> {
        let (table, name) = (&self.name, &column.name);
        if found.generated {
            return Err(Fault::config(format!(
                "table {table}: column {name} is generated; it cannot be loaded"
            )));
        }
        if !stores(&found.declared, self.strict, &column.ty) {
            return Err(Fault::config(format!(
                "table {table}: column {name} is declared {:?}, which does not store {} of schema {} exactly",
                found.declared,
                column.ty.sqlite(),
                schema.name
            )));
        }
        Ok(storage(&found.declared, self.strict))
    }

    fn lacks(&self, column: &str, schema: &Schema) -> Fault {
        let wants = if stamp::is_stamp(column) {
            "--stamp fills".to_owned()
        } else {
            format!("schema {} has", schema.name)
        };
        Fault::config(format!(
            "table {} has no column {column}, which {wants} (--evolve add-columns adds it)",
            self.name
        ))
    }

    /// Whether a unique index on exactly these columns is checked for the rows for which this column is true.
    pub(crate) fn is_unique_where(
        &self,
        database: &Database,
        names: &[&str],
        column: &str,
    ) -> Result<bool, Fault> {
        let indexes = "SELECT (SELECT group_concat(name, char(0)) FROM (SELECT i.name FROM pragma_index_xinfo(l.name) i WHERE i.key
                         ORDER BY i.name)), m.sql
                       FROM pragma_index_list(?1) l JOIN sqlite_schema m ON m.name = l.name WHERE l.\"unique\" AND l.partial";
        let fault = |error| database.fault(error);
        let mut statement = database.connection.prepare(indexes).map_err(fault)?;
        let rows = statement.query_map([&self.name], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: Vec<(String, String)> = rows.and_then(Iterator::collect).map_err(fault)?;
        let mut wanted: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        wanted.sort();
        Ok(rows.iter().any(|(columns, sql)| {
            let mut columns: Vec<String> = columns.split('\0').map(str::to_ascii_lowercase).collect();
            columns.sort();
            let condition = sql.to_ascii_lowercase().rsplit_once("where").map(|(_, condition)| {
                condition.trim_matches(|c: char| c.is_whitespace() || "()\"`[]".contains(c)).to_owned()
            });
            columns == wanted && condition.is_some_and(|condition| condition.eq_ignore_ascii_case(column))
        }))
    }

    /// How a unique index with exactly these columns compares each of them; `None` if there is no such index, which
    /// ON CONFLICT needs.
    pub(crate) fn collations(
        &self,
        database: &Database,
        names: &[&str],
    ) -> Result<Option<Vec<String>>, Fault> {
        if let ([found], [key]) = (&*self.rowids(), names)
            && found.name.eq_ignore_ascii_case(key)
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
            let found = names.iter().map(|name| collation(name)).collect::<Option<Vec<_>>>();
            found.filter(|found| found.len() == index.len())
        };
        Ok(rows.chunk_by(|a, b| a.0 == b.0).find_map(of_key))
    }

    fn rowids(&self) -> Vec<&TableColumn> {
        self.columns.iter().filter(|column| column.rowid).collect()
    }

    fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}
