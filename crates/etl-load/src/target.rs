//! Which table a segment's records go to, and which schema they have.

use etl_component::Fault;
use etl_schema::Schema;
use etl_stream::{Begin, SchemaRef};

use crate::args::Settings;

/// Where records go.
#[derive(Clone, Debug)]
pub struct Target {
    /// The table, as `--table` or the schema names it.
    pub table: String,
    /// The records' schema; `None` means the table's own columns.
    pub schema: Option<Schema>,
}

impl Target {
    /// The target of a segment, or of a plain stream. The schema comes from the flag, else from the `begin` line, else
    /// it is the table's own; the table from the flag, else from the schema: what `table_of` says, or its name with
    /// `_` for each dot.
    ///
    /// # Errors
    /// 78 for a schema that is unknown, broken or missing, 2 if an inline schema comes without `--table`.
    pub fn resolve(
        settings: &Settings,
        begin: Option<&Begin>,
        table_of: fn(&Schema) -> Option<String>,
    ) -> Result<Target, Fault> {
        let carried = begin.and_then(|begin| begin.schema.as_ref());
        let schema = match (&settings.schema, carried) {
            (Some(flag), _) => Some(Schema::from_flag(flag)?),
            (None, Some(SchemaRef::Name(name))) => Some(Schema::named(name)?),
            (None, Some(SchemaRef::Inline(document))) => Some(inline(document.get(), settings)?),
            (None, None) => None,
        };
        let named =
            schema.as_ref().map(|schema| table_of(schema).unwrap_or_else(|| schema.name.replace('.', "_")));
        match settings.table.clone().or(named) {
            Some(table) => Ok(Target { table, schema }),
            None => Err(Fault::config(
                "the records have no schema: the stream names none. Give --schema NAME (`standpipe schema list` \
                 shows them) or --schema PATH, or --table TABLE to use the columns of a table",
            )),
        }
    }
}

fn inline(document: &str, settings: &Settings) -> Result<Schema, Fault> {
    if settings.table.is_none() {
        return Err(Fault::usage(
            "the stream carries its schema inline: --table must say where its records go",
        ));
    }
    let broken =
        |error: serde_json::Error| Fault::config("the inline schema of the stream is broken").because(error);
    Schema::from_json("inline", &serde_json::from_str(document).map_err(broken)?)
}
