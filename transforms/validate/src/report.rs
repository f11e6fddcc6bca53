//! What `--stats` says: to the log, or as JSON.

use std::io::{self, Write};

use etl_component::{Class, Fault, Output};
use etl_stream::json::shorten;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::schemas::{Checked, Schemas};
use crate::stats::{Extreme, Field, MOST};

/// How much of a value the log shows, in characters.
const SHOWN: usize = 40;

/// Says it to the log, a line for each field.
pub(crate) fn log(schemas: &Schemas) {
    for checked in schemas.iter() {
        let schema = &checked.schema.name;
        for (name, field) in fields(checked) {
            let distinct = match field.distinct() {
                Some(count) => format!("{count} different"),
                None => format!("more than {MOST} different"),
            };
            let range = match (&field.least, &field.greatest) {
                (Some(least), Some(greatest)) => {
                    let [least, greatest] = [least, greatest].map(|value| shorten(&value.text, SHOWN));
                    format!(", from {least} to {greatest}")
                }
                _ => String::new(),
            };
            let Field { values, nulls, absent, .. } = field;
            log::info!("{schema}.{name}: {values} values, {nulls} null, {absent} absent, {distinct}{range}");
        }
    }
}

/// What is written.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether it is about all of the input.
    complete: bool,
    schemas: Vec<OfSchema<'a>>,
}

#[derive(Serialize)]
struct OfSchema<'a> {
    schema: &'a str,
    records: u64,
    rejected: u64,
    /// How many fields passed that the schema does not know.
    unknown_fields: u64,
    fields: Vec<OfField<'a>>,
}

#[derive(Serialize)]
struct OfField<'a> {
    name: &'a str,
    values: u64,
    nulls: u64,
    absent: u64,
    /// Null if there are more than are told apart.
    distinct: Option<usize>,
    /// As they are written in the records.
    min: Option<Box<RawValue>>,
    max: Option<Box<RawValue>>,
}

impl<'a> OfSchema<'a> {
    fn new(checked: &'a Checked) -> OfSchema<'a> {
        OfSchema {
            schema: &checked.schema.name,
            records: checked.records,
            rejected: checked.rejected,
            unknown_fields: checked.checker.dropped.fields,
            fields: fields(checked).map(|(name, field)| OfField::new(name, field)).collect(),
        }
    }
}

impl<'a> OfField<'a> {
    fn new(name: &'a str, field: &Field) -> OfField<'a> {
        let raw = |extreme: &Option<Extreme>| {
            let text = extreme.as_ref().map(|extreme| extreme.text.clone());
            text.and_then(|text| RawValue::from_string(text).ok())
        };
        let Field { values, nulls, absent, least, greatest, .. } = field;
        let (distinct, min, max) = (field.distinct(), raw(least), raw(greatest));
        OfField { name, values: *values, nulls: *nulls, absent: *absent, distinct, min, max }
    }
}

/// Writes it as JSON.
pub(crate) fn write(mut file: Output, schemas: &Schemas, whole: bool) -> Result<(), Fault> {
    let report = Report { complete: whole, schemas: schemas.iter().map(OfSchema::new).collect() };
    let failed = |error: io::Error| Fault::new(Class::Io, "cannot write the statistics").because(error);
    let text = serde_json::to_string_pretty(&report).map_err(|error| failed(error.into()))? + "\n";
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.publish()
}

fn fields(checked: &Checked) -> impl Iterator<Item = (&str, &Field)> {
    let fields = checked.stats.iter().flat_map(|stats| &stats.fields);
    checked.schema.columns.iter().map(|column| column.property()).zip(fields)
}
