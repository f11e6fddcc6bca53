//! What the records are like, field by field (`--stats`).

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

use etl_component::{Class, Fault, Output};
use etl_schema::{Row, Value};
use etl_stream::json::shorten;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::schemas::{Checked, Schemas};

/// How many different values of a field are told apart.
const MOST: usize = 1000;
/// How much of a value the log shows, in characters.
const SHOWN: usize = 40;

/// The good records of one schema.
pub(crate) struct Stats {
    fields: Vec<Field>,
    hasher: RandomState,
}

/// One of their fields.
#[derive(Default)]
struct Field {
    values: u64,
    nulls: u64,
    absent: u64,
    /// Digests of the values, as they were written, until there are too many.
    distinct: HashSet<u64>,
    least: Option<Extreme>,
    greatest: Option<Extreme>,
}

/// A value that can be compared with others of its field, and its JSON text.
struct Extreme {
    order: Order<String>,
    text: String,
}

/// By what values are compared.
enum Order<T> {
    Integer(i64),
    Number(f64),
    Text(T),
    Id([u8; 16]),
}

impl Stats {
    pub(crate) fn new(fields: usize) -> Stats {
        Stats { fields: (0..fields).map(|_| Field::default()).collect(), hasher: RandomState::new() }
    }

    /// Takes a record into account.
    pub(crate) fn add(&mut self, row: &Row<'_>) {
        for (column, field) in self.fields.iter_mut().enumerate() {
            let Some(source) = row.source(column) else {
                field.absent += 1;
                continue;
            };
            let value = row.get(column);
            if value == Value::Null {
                field.nulls += 1;
                continue;
            }
            field.values += 1;
            if field.distinct.len() <= MOST {
                field.distinct.insert(self.hasher.hash_one(source.raw));
            }
            if let Some(order) = order(value) {
                extend(&mut field.least, Ordering::Less, &order, source.raw);
                extend(&mut field.greatest, Ordering::Greater, &order, source.raw);
            }
        }
    }
}

impl Field {
    /// How many different values there are, if that is known.
    fn distinct(&self) -> Option<usize> {
        Some(self.distinct.len()).filter(|&count| count <= MOST)
    }
}

fn order(value: Value<'_>) -> Option<Order<&str>> {
    Some(match value {
        Value::Integer(integer) => Order::Integer(integer),
        Value::Date(days) => Order::Integer(days.into()),
        Value::Timestamp(micros) | Value::TimestampTz(micros) => Order::Integer(micros),
        Value::Boolean(boolean) => Order::Integer(boolean.into()),
        Value::Double(double) => Order::Number(double),
        Value::Decimal(text) => Order::Number(text.parse().ok()?),
        Value::Text(text) => Order::Text(text),
        Value::Uuid(id) => Order::Id(id),
        _ => return None,
    })
}

fn compare(one: &Order<&str>, other: &Order<String>) -> Option<Ordering> {
    match (one, other) {
        (Order::Integer(one), Order::Integer(other)) => Some(one.cmp(other)),
        (Order::Number(one), Order::Number(other)) => one.partial_cmp(other),
        (Order::Text(one), Order::Text(other)) => Some((*one).cmp(other)),
        (Order::Id(one), Order::Id(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn extend(extreme: &mut Option<Extreme>, towards: Ordering, order: &Order<&str>, text: &str) {
    if extreme.as_ref().is_none_or(|known| compare(order, &known.order) == Some(towards)) {
        let order = match order {
            Order::Integer(integer) => Order::Integer(*integer),
            Order::Number(number) => Order::Number(*number),
            Order::Text(text) => Order::Text((*text).to_owned()),
            Order::Id(id) => Order::Id(*id),
        };
        *extreme = Some(Extreme { order, text: text.to_owned() });
    }
}

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
