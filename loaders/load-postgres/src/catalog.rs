//! What the server's system catalogs say about a table (PostgreSQL 15, chapter 53).

mod sql;

use etl_component::Fault;
use etl_load::{History, stamp};
use etl_postgres::types::Types;
use etl_postgres::{Error, Kind, Name, Session, TextRow};
use etl_schema::{Column as SchemaColumn, Schema, quote_ident};

/// What was found under a name, and what this role may do with it.
#[derive(Clone, Debug)]
pub(crate) struct Inspected {
    /// The name, with its schema.
    pub(crate) name: Name,
    /// The table, if it exists.
    pub(crate) table: Option<Table>,
    /// Whether this role may read and write the schema's ledger; `None` if there is no ledger.
    pub(crate) ledger: Option<bool>,
    /// Whether the ledger has all columns of this version, and whether this role may add them.
    pub(crate) ledger_fits: bool,
    pub(crate) owns_ledger: bool,
    /// Whether this role may create tables in the schema; `None` if there is no such schema.
    pub(crate) may_create: Option<bool>,
    /// Whether this role may create temporary tables.
    pub(crate) may_stage: bool,
    /// Whether the database knows only bytes, not characters.
    pub(crate) bytes_only: bool,
    /// Whether the server knows MERGE, as PostgreSQL 15 and later do.
    pub(crate) merges: bool,
    /// The database and the role, quoted.
    pub(crate) database: String,
    pub(crate) role: String,
    /// Whether the session is read-only: on a standby, or because of `default_transaction_read_only`.
    pub(crate) read_only: bool,
}

/// A table that exists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// The unique indexes of plain columns that are checked at once and for every row.
    pub(crate) unique: Vec<Unique>,
    /// The columns of the primary key.
    pub(crate) primary: Vec<String>,
    /// Whether this role may INSERT, SELECT, UPDATE and DELETE.
    pub(crate) may: [bool; 4],
    /// Whether policies decide which rows can be written, which COPY does not support.
    pub(crate) policies: bool,
    /// Whether a trigger can keep a row out.
    pub(crate) insert_veto: bool,
    /// Whether a trigger can keep a row as it is.
    pub(crate) update_veto: bool,
    /// Whether a trigger can keep a row from being deleted.
    pub(crate) delete_veto: bool,
    /// Whether it has rules ON UPDATE and ON DELETE.
    pub(crate) rules: [bool; 2],
    pub(crate) partitioned: bool,
    /// Whether tables inherit from it, other than partitions, and whether one of them is on another server.
    pub(crate) children: bool,
    pub(crate) foreign_children: bool,
}

/// A unique index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unique {
    pub(crate) columns: Vec<KeyColumn>,
    /// WITHOUT OVERLAPS (PostgreSQL 18): ranges that overlap exclude each other, and ON CONFLICT (…) cannot name it.
    pub(crate) overlaps: bool,
    /// The condition of the rows that it is checked for, if not for all.
    pub(crate) predicate: Option<String>,
}

/// A column of a unique index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyColumn {
    pub(crate) name: String,
    /// The index's equality operator, which may not be in the search path.
    pub(crate) equal: String,
    /// Whether values that are equal are also the same, which 1.0 and 1.00 are not, nor two spellings of a citext.
    pub(crate) exact: bool,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Its type, as SQL spells it, with modifiers.
    pub(crate) spelled: String,
    /// The type to cast to: that of the column or, for a domain, its base type, without modifiers, because a cast to
    /// `bit(3)` would truncate the value.
    pub(crate) bare: String,
    /// A domain's base type, with modifiers.
    pub(crate) base: Option<String>,
    /// Its collation, if it is not that of the type.
    pub(crate) collation: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) not_null: bool,
    /// Its default in SQL; for an identity column, the next number.
    pub(crate) default: Option<String>,
    pub(crate) generated: bool,
    /// GENERATED ALWAYS AS IDENTITY.
    pub(crate) identity_always: bool,
}

impl Column {
    /// Whether every row must have a value for it.
    pub(crate) fn needed(&self) -> bool {
        self.not_null && self.default.is_none() && !self.generated
    }
}

/// Looks up what has this name. It takes one round trip, or more for what only some tables have: indexes, triggers, heirs,
/// columns of types that are not built in.
///
/// # Errors
/// Those of the server; 78 if it cannot be loaded into.
pub(crate) fn inspect(session: &Session, name: &Name) -> Result<Inspected, Fault> {
    let what = what(name);
    let results = session.results(&what, &format!("{};{}", sql::facts(name), sql::columns(name)))?;
    let (facts, columns) = two(&what, &results)?;
    let schema = facts.get("schema").map(str::to_owned).or_else(|| name.schema.clone());
    if schema.is_none() {
        let why = "the search_path names no schema that exists; name one";
        return Err(Fault::config(format!("{what}: {why}")));
    }
    let name = Name { schema, table: name.table.clone() };
    let is = |column: &str| facts.get(column) == Some("t");
    Ok(Inspected {
        table: read_table(session, &name, facts, columns)?,
        name,
        ledger: facts.get("ledger").map(|may| may == "t"),
        ledger_fits: is("ledger_fits"),
        owns_ledger: is("owns_ledger"),
        may_create: facts.get("may_create").map(|may| may == "t"),
        may_stage: is("may_stage"),
        bytes_only: facts.get("encoding") == Some("SQL_ASCII"),
        merges: is("merges"),
        database: facts.get("database").unwrap_or_default().to_owned(),
        role: facts.get("role").unwrap_or_default().to_owned(),
        read_only: facts.get("read_only") == Some("on"),
    })
}

/// The statements that look up a table alone, for a message that does something else first.
pub(crate) fn question(name: &Name) -> String {
    format!("{};{}", sql::table(name), sql::columns(name))
}

/// What the results of [`question`] say.
///
/// # Errors
/// Those of [`inspect`].
pub(crate) fn answer(
    session: &Session,
    name: &Name,
    results: &[Vec<TextRow>],
) -> Result<Option<Table>, Fault> {
    let (facts, columns) = two(&what(name), results)?;
    read_table(session, name, facts, columns)
}

fn what(name: &Name) -> String {
    format!("table {}", name.text())
}

/// The one row of the first result, and the rows of the second.
fn two<'r>(what: &str, results: &'r [Vec<TextRow>]) -> Result<(&'r TextRow, &'r [TextRow]), Fault> {
    match results {
        [facts, columns] if !facts.is_empty() => Ok((&facts[0], columns)),
        _ => Err(Error::unexpected(what).into()),
    }
}

fn read_table(
    session: &Session,
    name: &Name,
    facts: &TextRow,
    columns: &[TextRow],
) -> Result<Option<Table>, Fault> {
    let Some(oid) = facts.get("oid") else { return Ok(None) };
    let (what, is) = (what(name), |column: &str| facts.get(column) == Some("t"));
    let around = match is("has_surroundings") {
        true => session.rows(&what, &sql::surroundings(oid))?.pop(),
        false => None,
    };
    let found = |column: &str| around.as_ref().and_then(|around| around.get(column));
    let has = |column: &str, kind: &str| found(column).is_some_and(|kinds| kinds.contains(kind));
    refuse_kind(name, facts, &has)?;
    let events: u32 = found("vetoes").and_then(|events| events.parse().ok()).unwrap_or_default();
    let (primary, unique) = match is("has_indexes") {
        true => indexes(&session.rows(&what, &sql::unique(oid))?),
        false => (Vec::new(), Vec::new()),
    };
    Ok(Some(Table {
        columns: read_columns(session, &what, columns)?,
        unique,
        primary,
        may: ["may_insert", "may_select", "may_update", "may_delete"].map(is),
        policies: is("policies"),
        insert_veto: events & ON_INSERT != 0,
        update_veto: events & ON_UPDATE != 0,
        delete_veto: events & ON_DELETE != 0,
        rules: ["2", "4"].map(|event| has("rules", event)),
        partitioned: facts.get("relkind") == Some("p"),
        children: found("children").is_some(),
        foreign_children: has("children", "f"),
    }))
}

/// The bits of `tgtype` that say what a trigger is about.
const ON_INSERT: u32 = 4;
const ON_DELETE: u32 = 8;
const ON_UPDATE: u32 = 16;

/// Refuses what rows cannot be copied into, or what cannot commit together with the ledger.
fn refuse_kind(name: &Name, facts: &TextRow, has: &impl Fn(&str, &str) -> bool) -> Result<(), Fault> {
    let why = match facts.get("relkind") {
        Some("r" | "p") if has("rules", "3") => "has rules ON INSERT, which COPY does not follow",
        Some("p") if has("foreign", "t") => {
            "has partitions on another server, which cannot commit together with the ledger"
        }
        Some("r" | "p") => return Ok(()),
        Some("v" | "m") => "is a view, into which rows cannot be loaded; name a table",
        Some("f") => {
            "is a foreign table, which cannot commit together with the ledger; load into its own server"
        }
        Some("S") => "is a sequence; name a table",
        _ => "is not a table",
    };
    Err(Fault::config(format!("{} {why}", name.text())))
}

fn read_columns(session: &Session, what: &str, rows: &[TextRow]) -> Result<Vec<Column>, Fault> {
    let number = |row: &TextRow, column: &str| row.get(column).and_then(|text| text.parse::<u32>().ok());
    let types = Types::of(session, what, rows.iter().filter_map(|row| number(row, "atttypid")))?;
    let column = |row: &TextRow| {
        let text = |column: &str| row.get(column).map(str::to_owned);
        let modifier = row.get("atttypmod").and_then(|text| text.parse().ok()).unwrap_or(-1);
        let kind = number(row, "atttypid").map_or(Kind::Other, |oid| types.kind(oid, modifier));
        let generated = row.get("generated") == Some("t");
        Column {
            name: text("attname").unwrap_or_default(),
            spelled: text("spelled").unwrap_or_default(),
            bare: text("bare").unwrap_or_default(),
            base: text("base"),
            collation: text("collation"),
            kind,
            not_null: row.get("attnotnull") == Some("t"),
            default: text("default").filter(|_| !generated),
            generated,
            identity_always: row.get("identity_always") == Some("t"),
        }
    };
    Ok(rows.iter().map(column).collect())
}

/// The columns of the primary key, and those of each unique index, including the primary key's.
fn indexes(rows: &[TextRow]) -> (Vec<String>, Vec<Unique>) {
    let (mut primary, mut unique) = (Vec::new(), Vec::new());
    for index in rows.chunk_by(|a, b| a.get("indexrelid") == b.get("indexrelid")) {
        let column = |row: &TextRow| {
            let equal = row.get("equal").unwrap_or("=").to_owned();
            Some(KeyColumn {
                name: row.get("attname")?.to_owned(),
                equal,
                exact: row.get("exact") == Some("t"),
            })
        };
        let columns: Vec<KeyColumn> = index.iter().filter_map(column).collect();
        let predicate = index.iter().find_map(|row| row.get("predicate")).map(str::to_owned);
        let is = |fact: &str| index.iter().any(|row| row.get(fact) == Some("t"));
        if is("indisprimary") {
            primary = columns.iter().map(|column| column.name.clone()).collect();
        }
        unique.push(Unique { columns, overlaps: is("overlaps"), predicate });
    }
    (primary, unique)
}

impl Table {
    /// The columns of a unique index on exactly these columns that ON CONFLICT can name.
    pub(crate) fn key(&self, names: &[&str]) -> Option<&[KeyColumn]> {
        self.index(names, false, None).map(|index| index.columns.as_slice())
    }

    /// Whether a unique index on exactly these columns is checked for the rows for which this column is true.
    pub(crate) fn is_unique_where(&self, names: &[&str], column: &str) -> bool {
        self.index(names, false, Some(column)).is_some()
    }

    /// Whether the only key on exactly these columns is WITHOUT OVERLAPS.
    pub(crate) fn overlaps(&self, names: &[&str]) -> bool {
        self.index(names, false, None).is_none() && self.index(names, true, None).is_some()
    }

    fn index(&self, names: &[&str], overlaps: bool, wanted: Option<&str>) -> Option<&Unique> {
        let all = |index: &Unique| index.columns.iter().all(|column| names.contains(&column.name.as_str()));
        // The server writes a column in quotes only where they are needed.
        let spelled = |predicate: &str| {
            wanted.is_some_and(|column| predicate == column || predicate == quote_ident(column))
        };
        let is_of = |index: &Unique| match &index.predicate {
            None => wanted.is_none(),
            Some(predicate) => spelled(predicate.trim_matches(['(', ')']).trim_end_matches(" = true")),
        };
        self.unique.iter().find(|index| {
            index.overlaps == overlaps && index.columns.len() == names.len() && all(index) && is_of(index)
        })
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The schema that follows from the table itself: the columns that the server does not always fill, and the primary
    /// key unless the server can fill that. A record may leave out a NOT NULL column that has a default. In mode history the
    /// columns of the version are none of the records'.
    ///
    /// # Errors
    /// 78 if a column has a name that a record's field cannot have.
    pub(crate) fn schema(&self, name: &Name, history: Option<&History>) -> Result<Schema, Fault> {
        let is_version = |column: &str| history.is_some_and(|history| history.has(column));
        let own = |column: &&Column| {
            let beside = stamp::is_stamp(&column.name) || is_version(&column.name);
            !column.generated && !column.identity_always && !beside
        };
        let own = self.columns.iter().filter(own);
        let typed: Vec<SchemaColumn> = own
            .map(|column| {
                SchemaColumn::new(&*column.name, column.kind.logical(), !column.not_null, column.needed())
            })
            .collect();
        let filled = |key: &String| {
            self.column(key)
                .is_none_or(|column| column.default.is_some() || column.generated || column.identity_always)
        };
        let primary: Vec<&String> = self.primary.iter().filter(|key| !is_version(key)).collect();
        let key: Vec<&str> = match primary.iter().any(|key| filled(key)) {
            true => Vec::new(),
            false => primary.into_iter().map(String::as_str).collect(),
        };
        Schema::from_columns(&name.text(), typed, &key)
    }
}
