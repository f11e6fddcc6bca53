//! The columns of `--stamp`, which say which load wrote a row, and when.

use etl_component::Fault;
use etl_schema::{Column, Schema, Type};

/// The load id of the row.
pub const LOAD_ID: &str = "_etl_load_id";
/// When the load that wrote the row began.
pub const LOADED_AT: &str = "_etl_loaded_at";

/// The schema of what is stored: the records' columns, followed by those of the stamp if there is one.
///
/// # Errors
/// 78 if the records have a column with one of these names.
pub fn stored(schema: &Schema, stamp: bool) -> Result<Schema, Fault> {
    let mut stored = schema.clone();
    if stamp {
        if let Some(taken) = schema.columns.iter().find(|column| is_stamp(&column.name)) {
            let name = &taken.name;
            return Err(Fault::config(format!(
                "schema {} has a column {name}, which --stamp adds",
                schema.name
            )));
        }
        let column = |name, ty, description: &str| {
            let mut column = Column::new(name, ty, true, false);
            column.description = Some(description.to_owned());
            column
        };
        stored.columns.push(column(LOAD_ID, Type::Text { max: None }, "The load that wrote the row."));
        stored.columns.push(column(LOADED_AT, Type::TimestampTz, "When that load began."));
    }
    Ok(stored)
}

/// Whether a column of a table is one of the stamp's, and so not one of the records'.
pub fn is_stamp(column: &str) -> bool {
    [LOAD_ID, LOADED_AT].iter().any(|stamp| column.eq_ignore_ascii_case(stamp))
}
