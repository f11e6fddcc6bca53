//! Which table a segment's records go to, which schema they have, and what is to be done with the table.

use std::sync::Arc;

use etl_component::Fault;
use etl_schema::{Column, Names, Schema, Source};
use etl_stream::json::{Kind, Scanner};
use etl_stream::{Declared, Format, Line, SchemaRef, Stream, Values, Write};

use crate::args::{Absent, Mode, Settings};
use crate::evolve::Changes;
use crate::metadata;

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
    /// The column that says of which version or generation of its stream a row is.
    pub version: Option<VersionColumn>,
    /// Whether a field that a record does not have says nothing about it. An Airbyte source leaves out fields that are null.
    pub partial: bool,
    /// What the first record has, if one was seen and the schema is the table's own: it may decide what the key is.
    pub first: Option<FirstRecord>,
}

/// What is to be done with a table, known before any row.
#[derive(Debug)]
pub struct Plan<D> {
    /// The table, as receipts and the ledger name it.
    pub name: String,
    /// How records are combined with existing rows.
    pub mode: Mode,
    /// The records' schema.
    pub schema: Arc<Schema>,
    /// What this load changes, or has changed, about a table that exists.
    pub changes: Changes,
    /// What else the sink has to know.
    pub details: D,
}

impl<D> Plan<D> {
    /// Whether a row in which only this column differs has changed; the stamp's, which follow those of the schema, do not
    /// count. Nor do, in mode history, those that say when the version begins, whether it ends, and where it comes from.
    pub fn compares(&self, column: usize) -> bool {
        let Schema { columns, time, deleted, .. } = &*self.schema;
        let Some(own) = columns.get(column) else { return false };
        match self.mode {
            Mode::History => own.source == Source::Field && ![*time, *deleted].contains(&Some(column)),
            _ => own.counts(),
        }
    }
}

/// Why there is no plan for a target.
#[derive(Debug)]
pub enum PlanError {
    /// The records do not fit the table as it is now. Those of another schema may, or these once the load has changed it.
    Unfit(Fault),
    /// Whether they fit could not be found out, or loading them is not allowed.
    Failed(Fault),
}

impl From<Fault> for PlanError {
    fn from(fault: Fault) -> PlanError {
        PlanError::Failed(fault)
    }
}

impl From<PlanError> for Fault {
    fn from(error: PlanError) -> Fault {
        match error {
            PlanError::Unfit(fault) | PlanError::Failed(fault) => fault,
        }
    }
}

/// A column that says of which version or generation of its stream a row is.
#[derive(Clone, Debug)]
pub struct VersionColumn {
    column: Column,
    need: Need,
}

/// Whether the rows need such a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It is filled where the table has it.
    Filled,
    /// The same, and a new table gets it.
    Created,
    /// Rows of earlier generations must be told from others.
    Always,
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
    /// its table. `versions` says whether a tap has sent versions of the stream.
    ///
    /// # Errors
    /// 78 for a schema that is unknown, broken or missing, 2 if an inline schema comes without `--table`.
    pub fn resolve(
        settings: &Settings,
        carried: &Declared,
        versions: bool,
        table_of: fn(&Schema) -> Option<String>,
        table_of_stream: fn(&Stream, Names) -> String,
    ) -> Result<Target, Fault> {
        let stream = carried.stream.as_deref();
        let mut schema = match (&settings.schema, &carried.schema) {
            (Some(flag), _) => Some(Schema::from_flag(flag)?),
            (None, Some(SchemaRef::Name(name))) => Some(Schema::named(name)?),
            (None, Some(SchemaRef::Inline(document))) => Some(match stream {
                Some(Stream { name, key, .. }) => {
                    Schema::from_foreign(name, document.get(), key, settings.connectors.layout)?
                }
                None => inline(document.get(), settings)?,
            }),
            (None, None) => None,
        };
        if let (Some(format), Some(schema)) = (settings.metadata, &mut schema) {
            metadata::add_all(schema, format);
        }
        let partial = stream.is_none_or(|stream| stream.format != Format::Airbyte);
        if settings.absent == Some(Absent::Keep) && !partial {
            return Err(Fault::usage(
                "--absent keep cannot be used with an Airbyte source, which leaves out fields that are null",
            ));
        }
        // A new version of a stream does not make its rows differ.
        let version = stream.filter(|_| settings.history.is_none());
        let version = version.and_then(|stream| VersionColumn::of(stream, versions));
        let of_stream = stream.filter(|_| settings.schema.is_none());
        let of_stream = of_stream.map(|stream| table_of_stream(stream, settings.connectors.layout.names));
        let named =
            schema.as_ref().map(|schema| table_of(schema).unwrap_or_else(|| schema.name.replace('.', "_")));
        let asked = stream.and_then(|stream| stream.write).map(|write| match write {
            Write::Append => Mode::Append,
            Write::Upsert => Mode::Upsert,
            Write::Replace => Mode::Replace,
        });
        let mode = settings.mode.or(asked);
        match settings.table.clone().or(of_stream).or(named) {
            Some(table) => {
                let values = carried.values;
                Ok(Target { table, schema, values, mode, version, partial, first: None })
            }
            None => Err(Fault::config(
                "the records have no schema: the stream names none. Give --schema NAME (`standpipe schema list` \
                 shows them) or --schema PATH (`standpipe schema infer` writes one from sample records), or --table TABLE to \
                 use the columns of a table",
            )),
        }
    }

    /// The schema of what is stored, where the table is new or `has` columns of these names. `None` means the table's own
    /// columns.
    pub fn stored_in(&self, has: Option<impl Fn(&str) -> bool>) -> Option<Schema> {
        let mut schema = self.schema.clone()?;
        if let Some(VersionColumn { column, need }) = &self.version {
            let is_stored = match (&has, need) {
                (_, Need::Always) | (None, Need::Created) => true,
                (None, Need::Filled) => false,
                (Some(has), _) => has(&column.name),
            };
            if is_stored {
                metadata::add(&mut schema, column.clone());
            }
        }
        Some(schema)
    }

    /// For each column of the schema whether an upsert keeps what a row has where a record does not have the field. With
    /// `absent` the flag says it of all of them.
    pub fn keeps(&self, absent: Option<Absent>, schema: &Schema) -> Vec<bool> {
        let keeps = schema.columns.iter().map(|column| match absent {
            _ if !self.partial || !column.may_be_absent() => false,
            Some(absent) => absent == Absent::Keep,
            None => column.keep,
        });
        keeps.collect()
    }

    /// The mode for these records, whose default depends on whether they have a key.
    ///
    /// # Errors
    /// 78 if the mode needs a key and the schema has none.
    pub fn mode_for(&self, table: &str, schema: &Schema) -> Result<Mode, Fault> {
        let keyed = !schema.key.is_empty();
        match self.mode {
            Some(mode @ (Mode::Upsert | Mode::Ignore | Mode::History)) if !keyed => {
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

impl VersionColumn {
    fn of(stream: &Stream, versions: bool) -> Option<VersionColumn> {
        let need = match (stream.format, stream.generation) {
            (Format::Ndjson, _) | (Format::Airbyte, None) => return None,
            (Format::Airbyte, Some(generation)) if generation.is_partial() => Need::Always,
            (Format::Singer, _) if versions => Need::Created,
            (Format::Airbyte | Format::Singer, _) => Need::Filled,
        };
        Some(VersionColumn { column: metadata::version_column(stream), need })
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
