//! Which table a segment's records go to, and which schema they have.

use etl_component::Fault;
use etl_schema::Schema;
use etl_stream::json::{Kind, Scanner};
use etl_stream::{Declared, Line, SchemaRef, Values};

use crate::args::{Mode, Settings};

/// Where records go.
#[derive(Clone, Debug)]
pub struct Target {
    /// The table, as `--table` or the schema names it.
    pub table: String,
    /// The records' schema; `None` means the table's own columns.
    pub schema: Option<Schema>,
    /// How the records' values are written.
    pub values: Values,
    /// How records meet the rows that exist; `None` leaves it to the schema's key ([`Target::mode_for`]).
    pub mode: Option<Mode>,
    /// What the first record has, if one was seen and the schema is the table's own: it may decide what the key is.
    pub first: Option<FirstRecord>,
}

/// The fields of a record that are not null.
#[derive(Clone, Debug, Default)]
pub struct FirstRecord(Vec<String>);

impl FirstRecord {
    /// Reads a line. One that is not a record has no fields; it is refused when its turn comes.
    pub(crate) fn of(line: Line<'_>) -> FirstRecord {
        let mut scanner = Scanner::new();
        let Ok(record) = line.scan(&mut scanner) else { return FirstRecord::default() };
        let fields = record.fields().filter(|field| field.value.kind != Kind::Null);
        FirstRecord(fields.map(|field| field.name().into_owned()).collect())
    }

    /// Whether it has a value for this field.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|name| name == field)
    }
}

impl Target {
    /// The target of a stream that says this about its records. The schema comes from the flag, otherwise from the
    /// stream, otherwise it is the table's own; the table comes from the flag, otherwise from the schema: what
    /// `table_of` says, or its name with `_` for each dot.
    ///
    /// # Errors
    /// 78 for a schema that is unknown, broken or missing, 2 if an inline schema comes without `--table`.
    pub fn resolve(
        settings: &Settings,
        carried: &Declared,
        table_of: fn(&Schema) -> Option<String>,
    ) -> Result<Target, Fault> {
        let schema = match (&settings.schema, &carried.schema) {
            (Some(flag), _) => Some(Schema::from_flag(flag)?),
            (None, Some(SchemaRef::Name(name))) => Some(Schema::named(name)?),
            (None, Some(SchemaRef::Inline(document))) => Some(inline(document.get(), settings)?),
            (None, None) => None,
        };
        let named =
            schema.as_ref().map(|schema| table_of(schema).unwrap_or_else(|| schema.name.replace('.', "_")));
        match settings.table.clone().or(named) {
            Some(table) => {
                Ok(Target { table, schema, values: carried.values, mode: settings.mode, first: None })
            }
            None => Err(Fault::config(
                "the records have no schema: the stream names none. Give --schema NAME (`standpipe schema list` \
                 shows them) or --schema PATH (`standpipe schema infer` writes one from sample records), or --table TABLE to \
                 use the columns of a table",
            )),
        }
    }

    /// The mode for these records, whose default depends on whether they have a key.
    ///
    /// # Errors
    /// 78 if the mode needs a key and the schema has none.
    pub fn mode_for(&self, table: &str, schema: &Schema) -> Result<Mode, Fault> {
        let keyed = !schema.key.is_empty();
        match self.mode {
            Some(mode @ (Mode::Upsert | Mode::Ignore)) if !keyed => {
                // A schema without a document is a table's own.
                let lacks = match &schema.document {
                    None => "the table has none that the records must have",
                    Some(_) => "the schema has no x-key",
                };
                Err(Fault::config(format!("table {table}: mode {mode} needs a key, but {lacks}")))
            }
            Some(mode) => Ok(mode),
            None => Ok(if keyed { Mode::Upsert } else { Mode::Append }),
        }
    }
}

fn inline(document: &str, settings: &Settings) -> Result<Schema, Fault> {
    if settings.table.is_none() {
        return Err(Fault::usage(
            "the stream carries its schema inline: --table must say where its records go",
        ));
    }
    Schema::from_json("inline", document)
}
