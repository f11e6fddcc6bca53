//! Names of tables and columns, as SQL has them.

use etl_schema::{Schema, quote_ident};

/// What the names of temporary tables start with, which no target's can: a temporary table would hide it.
pub(crate) const STAGE_PREFIX: &str = "etl_stage_";

/// The schema's columns, quoted, as SQL lists them.
pub(crate) fn column_list(schema: &Schema) -> String {
    schema.columns.iter().map(|column| quote_ident(&column.name)).collect::<Vec<_>>().join(", ")
}

/// The columns of its key, in the same way.
pub(crate) fn key_list(schema: &Schema) -> String {
    schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ")
}
