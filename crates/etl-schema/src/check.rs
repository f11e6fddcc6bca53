//! Records in, rows of typed values out.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use etl_stream::json::{self, Record, Shape};

use crate::schema::Schema;
use crate::value::{Cell, Scratch, Value, read};

/// What happens to a field that the schema does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    /// It makes the record bad.
    #[default]
    Error,
    /// It is dropped and counted.
    Drop,
}

/// Why a record is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field.
    pub field: String,
    /// What is wrong with it, with the value shortened to about 80 characters.
    pub reason: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {:?}: {}", self.field, self.reason)
    }
}

impl std::error::Error for Violation {}

/// In place of a column or a field where there is none.
const NONE: u32 = u32::MAX;

/// Checks records against a schema. Nothing is allocated for a good record.
pub struct Checker {
    schema: Arc<Schema>,
    unknown: UnknownFields,
    /// How many unknown fields were dropped so far.
    pub dropped: u64,
    columns: HashMap<String, u32>,
    plan: Plan,
    cells: Vec<Cell>,
    scratch: Scratch,
}

/// Where the fields of a record of one shape go.
#[derive(Default)]
struct Plan {
    shape: Option<Shape>,
    /// Of each field the column.
    column_of: Vec<u32>,
    /// Of each column the field.
    field_of: Vec<u32>,
    dropped: u64,
}

impl Checker {
    /// A checker for a schema, whose `additionalProperties: true` is the same as [`UnknownFields::Drop`].
    pub fn new(schema: Arc<Schema>, unknown: UnknownFields) -> Checker {
        let columns = schema.columns.iter().zip(0..).map(|(column, i)| (column.name.clone(), i)).collect();
        let unknown = if schema.additional { UnknownFields::Drop } else { unknown };
        Checker {
            cells: vec![Cell::Null; schema.columns.len()],
            schema,
            unknown,
            dropped: 0,
            columns,
            plan: Plan::default(),
            scratch: Scratch::default(),
        }
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Checks a record and reads its values.
    ///
    /// # Errors
    /// The first field that breaks the schema.
    pub fn check<'a>(&'a mut self, record: &Record<'a>) -> Result<Row<'a>, Violation> {
        if self.plan.shape != Some(record.shape()) {
            self.make_plan(record)?;
        }
        self.scratch.clear();
        for (value, &position) in record.values().zip(&self.plan.column_of) {
            let Some(column) = self.schema.columns.get(position as usize) else { continue };
            match read(&column.ty, column.nullable, &column.rules, value, &mut self.scratch) {
                Ok(cell) => self.cells[position as usize] = cell,
                Err(reason) => return Err(Violation { field: column.name.clone(), reason: reason.into() }),
            }
        }
        self.dropped += self.plan.dropped;
        Ok(Row {
            record: *record,
            schema: &self.schema,
            cells: &self.cells,
            field_of: &self.plan.field_of,
            scratch: &self.scratch,
        })
    }

    fn make_plan(&mut self, record: &Record<'_>) -> Result<(), Violation> {
        let Plan { shape, column_of, field_of, dropped } = &mut self.plan;
        *shape = None;
        *dropped = 0;
        column_of.clear();
        field_of.clear();
        field_of.resize(self.schema.columns.len(), NONE);
        // Records mostly have the schema's order, perhaps with gaps, so the next column is the first guess.
        let mut next = 0;
        for (field, i) in record.fields().zip(0..) {
            let name = field.name();
            let guess =
                self.schema.columns.get(next).filter(|column| column.name == *name).map(|_| next as u32);
            match guess.or_else(|| self.columns.get(&*name).copied()) {
                Some(column) => {
                    column_of.push(column);
                    field_of[column as usize] = i;
                    next = column as usize + 1;
                }
                None if self.unknown == UnknownFields::Drop => {
                    column_of.push(NONE);
                    *dropped += 1;
                }
                None => {
                    let field = json::shorten(&name, 80).into_owned();
                    let reason = format!("the schema {} has no such field", self.schema.name);
                    return Err(Violation { field, reason });
                }
            }
        }
        for (column, position) in self.schema.columns.iter().zip(0..) {
            if field_of[position] != NONE {
                continue;
            }
            if column.required {
                return Err(Violation { field: column.name.clone(), reason: "required, but missing".into() });
            }
            self.cells[position] = Cell::Null;
        }
        *shape = Some(record.shape());
        Ok(())
    }
}

/// A checked record.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    record: Record<'a>,
    schema: &'a Schema,
    cells: &'a [Cell],
    field_of: &'a [u32],
    scratch: &'a Scratch,
}

impl<'a> Row<'a> {
    /// How many columns it has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether it has no columns; no schema is like that.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The value of a column.
    ///
    /// # Panics
    /// There is no such column.
    #[inline]
    pub fn get(&self, column: usize) -> Value<'a> {
        let ty = &self.schema.columns[column].ty;
        self.cells[column].value(ty, || self.record.value(self.field_of[column] as usize), self.scratch)
    }

    /// The value of a column as it stands in the line; nothing where the field is absent.
    #[inline]
    pub fn source(&self, column: usize) -> Option<json::Value<'a>> {
        self.record.value(*self.field_of.get(column)? as usize)
    }

    /// The values in the order of the columns.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let row = *self;
        (0..row.len()).map(move |column| row.get(column))
    }

    /// The record it comes from.
    pub fn record(&self) -> Record<'a> {
        self.record
    }
}

#[cfg(test)]
mod tests;
