//! Which table a segment's records go to, and which schema they have.

use etl_component::Fault;
use etl_schema::{Names, Schema};
use etl_stream::json::{Kind, Scanner};
use etl_stream::{Declared, Line, SchemaRef, Stream, Values, Write};

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
    /// `table_of` says, or its name with `_` for each dot. A connector's stream has its own schema, and `table_of_stream` says
    /// its table.
    ///
    /// # Errors
    /// 78 for a schema that is unknown, broken or missing, 2 if an inline schema comes without `--table`.
    pub fn resolve(
        settings: &Settings,
        carried: &Declared,
        table_of: fn(&Schema) -> Option<String>,
        table_of_stream: fn(&Stream, Names) -> String,
    ) -> Result<Target, Fault> {
        let stream = carried.stream.as_deref();
        let schema = match (&settings.schema, &carried.schema) {
            (Some(flag), _) => Some(Schema::from_flag(flag)?),
            (None, Some(SchemaRef::Name(name))) => Some(Schema::named(name)?),
            (None, Some(SchemaRef::Inline(document))) => Some(match stream {
                Some(Stream { name, key, .. }) => {
                    Schema::from_foreign(name, document.get(), key, settings.connectors.names)?
                }
                None => inline(document.get(), settings)?,
            }),
            (None, None) => None,
        };
        let of_stream = stream.filter(|_| settings.schema.is_none());
        let of_stream = of_stream.map(|stream| table_of_stream(stream, settings.connectors.names));
        let named =
            schema.as_ref().map(|schema| table_of(schema).unwrap_or_else(|| schema.name.replace('.', "_")));
        let asked = stream.and_then(|stream| stream.write).map(|write| match write {
            Write::Append => Mode::Append,
            Write::Upsert => Mode::Upsert,
            Write::Replace => Mode::Replace,
        });
        let mode = settings.mode.or(asked);
        match settings.table.clone().or(of_stream).or(named) {
            Some(table) => Ok(Target { table, schema, values: carried.values, mode, first: None }),
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
