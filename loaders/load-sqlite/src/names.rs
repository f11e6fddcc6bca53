//! Names of tables and columns, as SQL writes them.

use etl_schema::{Schema, quote_ident};

/// The prefix of the names of temporary tables. No target's name may have it: a temporary table would hide the target.
pub(crate) const STAGE_PREFIX: &str = "etl_stage_";

/// A name for a column beside those of the schema.
pub(crate) fn free_name(schema: &Schema, name: &str) -> String {
    let mut free = name.to_owned();
    while schema.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&free)) {
        free.push('_');
    }
    quote_ident(&free)
}

/// The schema's columns, quoted and separated by commas.
pub(crate) fn column_list(schema: &Schema) -> String {
    schema.columns.iter().map(|column| quote_ident(&column.name)).collect::<Vec<_>>().join(", ")
}

/// The same, each as a column of this row.
pub(crate) fn column_list_of(row: &str, schema: &Schema) -> String {
    let columns = schema.columns.iter().map(|column| format!("{row}.{}", quote_ident(&column.name)));
    columns.collect::<Vec<_>>().join(", ")
}

/// The columns of its key, in the same way.
pub(crate) fn key_list(schema: &Schema) -> String {
    schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ")
}
