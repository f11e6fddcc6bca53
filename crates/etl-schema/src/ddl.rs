//! CREATE TABLE statements with descriptions and units.

use std::fmt::Write as _;

use crate::schema::{Column, Schema};

/// Which database's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// An identifier in double quotes, for both databases.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The parts of a name of PostgreSQL, which dots separate. A part that begins with a quote ends with the next one that is not doubled, and a quote
/// within a part is a character like any other.
pub fn name_parts(text: &str) -> Vec<String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    loop {
        let (part, after) = match quoted(rest) {
            Some((part, after)) => (part, after),
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return parts,
        }
    }
}

/// A quoted part at the beginning of a text, and what comes after it: a dot or nothing.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut from = 0;
    loop {
        let end = from + inside[from..].find('"')?;
        let after = &inside[end + 1..];
        if !after.starts_with('"') {
            let ends = after.is_empty() || after.starts_with('.');
            return ends.then(|| (inside[..end].replace("\"\"", "\""), after));
        }
        from = end + 2;
    }
}

/// A table's name, quoted. In PostgreSQL it may be qualified by a schema, `etl.weather`.
pub fn quote_table(table: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => {
            name_parts(table).iter().map(|part| quote_ident(part)).collect::<Vec<_>>().join(".")
        }
        Dialect::Sqlite => quote_ident(table),
    }
}

/// The statements that create the table of a schema unless it exists, with its comments, each followed by `;` and a
/// newline.
pub fn ddl(schema: &Schema, dialect: Dialect, table: &str) -> String {
    let mut sql = create_table(schema, dialect, table);
    if dialect == Dialect::Postgres {
        sql.extend(comments(schema, &quote_table(table, dialect)));
    }
    sql
}

/// The statement that creates the table. SQLite keeps the comments within it; PostgreSQL has [`comments`].
pub fn create_table(schema: &Schema, dialect: Dialect, table: &str) -> String {
    let mut sql = String::new();
    if let (Dialect::Sqlite, Some(text)) = (dialect, &schema.description) {
        let _ = writeln!(sql, "-- {}", one_line(text));
    }
    let quoted = quote_table(table, dialect);
    let _ = writeln!(sql, "CREATE TABLE IF NOT EXISTS {quoted} (");
    // The last line has no comma: the key's constraint if there is a key, otherwise the last column.
    let commas = schema.columns.len() - usize::from(schema.key.is_empty());
    for (i, column) in schema.columns.iter().enumerate() {
        let ty = match dialect {
            Dialect::Postgres => column.postgres(),
            Dialect::Sqlite => column.ty.sqlite(),
        };
        let null = if column.never_null() { " NOT NULL" } else { "" };
        let comma = if i < commas { "," } else { "" };
        let _ = write!(sql, "    {} {ty}{null}{comma}", quote_ident(&column.name));
        if let (Dialect::Sqlite, Some(text)) = (dialect, comment(column)) {
            let _ = write!(sql, " -- {}", one_line(&text));
        }
        sql.push('\n');
    }
    if !schema.key.is_empty() {
        let key: Vec<_> = schema.key_names().map(quote_ident).collect();
        let _ = writeln!(sql, "    PRIMARY KEY ({})", key.join(", "));
    }
    sql.push_str(");\n");
    sql
}

/// The statements that set the comments of a PostgreSQL table and its columns. `table` is quoted already.
pub fn comments(schema: &Schema, table: &str) -> Vec<String> {
    let own = schema.description.as_ref();
    let own = own.map(|text| format!("COMMENT ON TABLE {table} IS {};\n", quote_literal(text)));
    own.into_iter().chain(schema.columns.iter().filter_map(|column| column_comment(column, table))).collect()
}

/// The statement that sets the comment of a column of a PostgreSQL table to its description and unit. `table` is
/// quoted already.
pub fn column_comment(column: &Column, table: &str) -> Option<String> {
    let (name, text) = (quote_ident(&column.name), quote_literal(&comment(column)?));
    Some(format!("COMMENT ON COLUMN {table}.{name} IS {text};\n"))
}

/// Description and unit, `Air temperature. [°C]`.
fn comment(column: &Column) -> Option<String> {
    match (&column.description, &column.unit) {
        (Some(text), Some(unit)) => Some(format!("{text} [{unit}]")),
        (Some(text), None) => Some(text.clone()),
        (None, Some(unit)) => Some(format!("[{unit}]")),
        (None, None) => None,
    }
}

/// Puts a text on one line, since a comment in SQLite ends with its line.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A literal that means the same whatever `standard_conforming_strings` is. PostgreSQL's text has no NUL.
fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\0', "").replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}
