//! Whether a table keeps versions (`--mode history`).

use etl_component::Fault;
use etl_load::History;
use etl_postgres::{Kind, Name};
use etl_schema::{Schema, quote_ident};

use crate::catalog::{Column, Table};

/// Checks that it has the columns of a version, and the indexes that tell versions apart.
///
/// # Errors
/// 78 if it does not; the message names what is missing.
pub(super) fn suits(name: &Name, table: &Table, history: &History, schema: &Schema) -> Result<(), Fault> {
    let refuse = |what: String| Err(Fault::config(format!("table {}: {what} (mode history)", name.text())));
    let mut columns = Vec::new();
    for wanted in history.names() {
        match table.column(wanted) {
            Some(column) if column.generated => {
                return refuse(format!("column {wanted} is generated; it cannot be loaded"));
            }
            Some(column) => columns.push(column),
            None => {
                return refuse(format!(
                    "it has no column {wanted}, which says when a version holds; a table that --create makes has it"
                ));
            }
        }
    }
    let [from, to, current] = columns[..] else { return Ok(()) };
    let time = schema.time.and_then(|time| table.column(&schema.columns[time].name));
    for column in [from, to] {
        let fits = match time {
            Some(time) => (&time.kind, &time.spelled) == (&column.kind, &column.spelled),
            None => matches!(column.kind, Kind::TimestampTz(_)),
        };
        if !fits {
            let (wanted, of) = match time {
                Some(time) => (time.spelled.as_str(), format!("column {}, which says when", time.name)),
                None => ("timestamp with time zone", "the time of a load".to_owned()),
            };
            let Column { name, spelled, .. } = column;
            return refuse(format!("column {name} is {spelled}, not {wanted} like {of}"));
        }
    }
    if current.kind != Kind::Bool {
        return refuse(format!("column {} is {}, not boolean", current.name, current.spelled));
    }
    if to.not_null {
        return refuse(format!("column {} is NOT NULL, but NULL while a version holds", to.name));
    }
    let mut key: Vec<&str> = schema.key_names().collect();
    let list = |names: &[&str]| names.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", ");
    let current = history.current.as_str();
    // Of a partitioned table every unique index has the columns that it is partitioned by.
    if !table.partitioned && !table.is_unique_where(&key, current) {
        let (columns, condition) = (list(&key), quote_ident(current));
        return refuse(format!(
            "there is no index that keeps current versions apart; run: CREATE UNIQUE INDEX ON {} ({columns}) WHERE {condition}",
            name.sql()
        ));
    }
    key.push(&history.from);
    if table.key(&key).is_none() {
        let columns = list(&key);
        return refuse(format!(
            "there is no index that keeps versions apart; run: CREATE UNIQUE INDEX ON {} ({columns})",
            name.sql()
        ));
    }
    Ok(())
}
