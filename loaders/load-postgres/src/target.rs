//! The table that records go to: its name in messages, the statements that fill it, and the check that it then has what
//! was sent.

use etl_component::{Fault, counted};
use etl_load::Refusal;
use etl_postgres::{Error, Name, RefusedRow};
use etl_schema::{Names, quote_ident};
use etl_stream::Stream;

use crate::plan::{Field, Null, TablePlan};

/// Why moving rows into the target failed.
pub(crate) enum MergeError {
    /// A statement failed.
    Server(Error),
    /// The target does not hold what was sent.
    Changed(Fault),
    /// The type of a column does not keep so many of its values.
    Cast { column: String, spelled: String, changed: u64 },
}

impl MergeError {
    /// What is said of a row that is alone in what was tried, if the row is to blame, and whether what it refers to is
    /// missing.
    pub(crate) fn refusal(&self) -> Option<(Refusal, bool)> {
        match self {
            MergeError::Server(error) => {
                let refused = error.refused_row()?;
                let is_reference = refused.said.sqlstate.as_deref() == Some("23503");
                let RefusedRow { column, message, said } = refused;
                Some((Refusal { field: column, reason: message, said: Some(said) }, is_reference))
            }
            MergeError::Changed(_) => None,
            MergeError::Cast { column, spelled, .. } => {
                let reason = format!("{spelled} does not keep the value");
                Some((Refusal { field: column.clone(), reason, ..Refusal::default() }, false))
            }
        }
    }
}

impl From<Error> for MergeError {
    fn from(error: Error) -> MergeError {
        MergeError::Server(error)
    }
}

/// The table of a connector's stream, whose namespace is a schema.
pub(crate) fn of_stream(stream: &Stream, names: Names) -> Name {
    let schema = stream.namespace.as_deref().map(|namespace| names.of(namespace));
    Name { schema, table: names.of(&stream.name) }
}

/// The target's name in messages.
pub(crate) fn what(plan: &TablePlan) -> String {
    format!("table {}", plan.name)
}

/// A COPY statement for these columns, whose names are quoted already.
pub(crate) fn copy(table: &str, columns: impl Iterator<Item = String>) -> String {
    format!("COPY {table} ({}) FROM STDIN (FORMAT binary)", columns.collect::<Vec<_>>().join(", "))
}

/// Checks that all rows that were sent are in the table.
///
/// # Errors
/// 3 if some are not.
pub(crate) fn complete(plan: &TablePlan, rows: u64, there: u64) -> Result<(), MergeError> {
    if rows == there {
        return Ok(());
    }
    Err(MergeError::Changed(Fault::data(format!(
        "table {}: only {there} of {} in the table: a trigger on the table keeps rows out, or gives them another key",
        plan.name,
        counted(rows, "row is", "rows are")
    ))))
}

/// The column's name for SQL.
pub(crate) fn quoted(field: &Field) -> String {
    quote_ident(&field.column.name)
}

/// `INSERT INTO target AS old (…) SELECT … FROM source s`.
pub(crate) fn insert(plan: &TablePlan, source: &str) -> String {
    format!("{} FROM {source} s", insert_with(plan, &[]))
}

/// The same up to the source, with other columns, whose names are quoted already, and their values.
pub(crate) fn insert_with(plan: &TablePlan, others: &[(String, &str)]) -> String {
    let fields = &plan.details.fields;
    let columns = fields.iter().map(quoted).chain(others.iter().map(|(name, _)| name.clone()));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let values = fields.iter().map(inserted).chain(others.iter().map(|(_, value)| (*value).to_owned()));
    let values = values.collect::<Vec<_>>().join(", ");
    let identity = fields.iter().any(|field| field.column.identity_always);
    let overriding = if identity { " OVERRIDING SYSTEM VALUE" } else { "" };
    format!("INSERT INTO {} AS old ({columns}){overriding} SELECT {values}", plan.details.name.sql())
}

/// What a new row has of the row `s` of the stage.
pub(crate) fn inserted(field: &Field) -> String {
    match (field.null, &field.column.default) {
        (Null::Default, Some(default)) => format!("coalesce({}, {default})", value(field)),
        _ => value(field),
    }
}

/// A column of the stage `s`, as the target stores it.
pub(crate) fn value(field: &Field) -> String {
    value_of("s", field)
}

/// The same, of a row of another name.
pub(crate) fn value_of(row: &str, field: &Field) -> String {
    let column = quoted(field);
    if field.is_cast() { format!("{row}.{column}::{}", field.column.bare) } else { format!("{row}.{column}") }
}

/// The columns of the key, as the target stores them.
pub(crate) fn key_exprs(plan: &TablePlan) -> impl Iterator<Item = String> {
    plan.schema.key.iter().map(|&column| value(&plan.details.fields[column]))
}
