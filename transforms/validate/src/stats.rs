//! What the records are like, field by field (`--stats`).

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use etl_schema::{Row, Value};

/// How many different values of a field are told apart.
pub(crate) const MOST: usize = 1000;

/// The good records of one schema.
pub(crate) struct Stats {
    pub(crate) fields: Vec<Field>,
    hasher: RandomState,
}

/// One of their fields.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) values: u64,
    pub(crate) nulls: u64,
    pub(crate) absent: u64,
    /// Digests of the values, as they were written, until there are too many.
    distinct: HashSet<u64>,
    pub(crate) least: Option<Extreme>,
    pub(crate) greatest: Option<Extreme>,
}

/// A value that can be compared with others of its field, and its JSON text.
pub(crate) struct Extreme {
    order: Order<String>,
    pub(crate) text: String,
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
    pub(crate) fn distinct(&self) -> Option<usize> {
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
