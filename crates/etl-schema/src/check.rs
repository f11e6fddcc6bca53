//! Turns records into rows of typed values.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use etl_stream::Values;
use etl_stream::json::{self, Numbering, Record, Shape};

use crate::cell::{Cell, Scratch};
use crate::dropped::Dropped;
use crate::quick::Quick;
use crate::reading::Reading;
use crate::schema::{Column, Schema, Source};
use crate::straight::{Straight, Take};
use crate::value::Value;

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

/// Stands for a column or a field that does not exist.
const NONE: u32 = u32::MAX;
/// Stands for the column of a key that has not been looked up yet.
const UNKNOWN: u32 = u32::MAX - 1;

/// Checks records against a schema. Nothing is allocated for a good record.
pub struct Checker {
    schema: Arc<Schema>,
    unknown: UnknownFields,
    reading: Reading,
    /// What has been dropped so far.
    pub dropped: Dropped,
    columns: HashMap<String, u32>,
    slots: Vec<Slot>,
    numbering: Option<Numbering>,
    /// The column of each key, by the key's number.
    column_of_key: Vec<u32>,
    layout: Layout,
    /// The values of columns that no field fills.
    added: Vec<(usize, Cell)>,
    scratch: Scratch,
    straight: Option<Straight>,
}

/// How to read a column's values quickly, and its cell of the current record.
struct Slot {
    quick: Quick,
    cell: Cell,
}

/// Where the fields of a record of one shape go.
///
/// It is laid out anew whenever a record does not have the keys of the one before. APIs leave out optional fields at
/// random, so that may be every record: it costs a few instructions per field, since the scanner numbers the keys.
#[derive(Default)]
struct Layout {
    shape: Option<Shape>,
    /// The column of each field.
    column_of: Vec<u32>,
    /// The field of each column.
    field_of: Vec<u32>,
    dropped: u64,
}

impl Checker {
    /// A checker for a schema. `additionalProperties: true` in the schema means the same as [`UnknownFields::Drop`].
    pub fn new(schema: Arc<Schema>, unknown: UnknownFields) -> Checker {
        let slots = schema.columns.iter().map(|column| Slot { quick: Quick::new(column), cell: Cell::Null });
        let filled = schema.columns.iter().zip(0..).filter(|(column, _)| column.source == Source::Field);
        let columns = filled.map(|(column, i)| (column.property().to_owned(), i)).collect();
        let straight = Straight::new(&schema);
        let unknown = if schema.additional { UnknownFields::Drop } else { unknown };
        Checker {
            slots: slots.collect(),
            schema,
            unknown,
            reading: Reading { values: Values::Json, odd: false, levels: 0 },
            dropped: Dropped::default(),
            columns,
            numbering: None,
            column_of_key: Vec::new(),
            layout: Layout::default(),
            added: Vec::new(),
            scratch: Scratch::default(),
            straight,
        }
    }

    /// The same, for records whose values are written in this way.
    pub fn of(self, values: Values) -> Checker {
        Checker { reading: Reading { values, ..self.reading }, ..self }
    }

    /// The same, for records that have this many levels of JSON around them, which count as theirs.
    pub fn within(self, levels: u32) -> Checker {
        Checker { reading: Reading { levels, ..self.reading }, ..self }
    }

    /// The same, where numbers that come as texts may also be NaN and infinite.
    pub fn with_odd_numbers(self, odd: bool) -> Checker {
        Checker { reading: Reading { odd, ..self.reading }, ..self }
    }

    /// The same, which goes on counting where another one ended.
    pub fn after(mut self, before: &mut Checker) -> Checker {
        self.dropped = std::mem::take(&mut before.dropped);
        self.scratch.assumed_utc = before.scratch.assumed_utc;
        self
    }

    /// How the records' values are written.
    pub fn values(&self) -> Values {
        self.reading.values
    }

    /// How many times without a zone were taken for UTC.
    pub fn assumed_utc(&self) -> u64 {
        self.scratch.assumed_utc
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Forgets what [`Checker::add`] was told.
    pub fn forget_added(&mut self) {
        self.added.clear();
        self.scratch.forget();
    }

    /// What a column that no field fills has in the records to come.
    pub fn add(&mut self, column: usize, value: Value<'_>) {
        let cell = self.scratch.add(value);
        self.added.push((column, cell));
    }

    /// Checks a record and reads its values.
    ///
    /// # Errors
    /// The first field that does not fit the schema.
    pub fn check<'a>(&'a mut self, record: &Record<'a>) -> Result<Row<'a>, Violation> {
        if self.layout.shape != Some(record.shape()) {
            self.lay_out(record)?;
        }
        self.scratch.odd = record.is_odd();
        // Decided once for a record, not for each of its fields.
        match self.reading.values {
            Values::Json => self.read_cells::<false>(record)?,
            Values::Text => self.read_cells::<true>(record)?,
        }
        for (column, cell) in &self.added {
            if let Some(slot) = self.slots.get_mut(*column) {
                slot.cell = *cell;
            }
        }
        self.dropped.fields += self.layout.dropped;
        self.dropped.records += u64::from(self.layout.dropped > 0);
        Ok(Row {
            record: *record,
            schema: &self.schema,
            slots: &self.slots,
            field_of: &self.layout.field_of,
            scratch: &self.scratch,
        })
    }

    /// Hands on the values of a record in one pass over its line, without scanning it first; false if that cannot be done,
    /// and then some of them may have been handed on. Whatever it hands on, [`Checker::check`] returns, too.
    #[inline]
    pub fn take(&mut self, line: &[u8], take: &mut impl Take) -> bool {
        let Some(straight) = self.straight.as_mut().filter(|straight| straight.is_worth_it()) else {
            return false;
        };
        let assumed_utc = self.scratch.assumed_utc;
        self.scratch.odd = false;
        let (schema, reading, scratch) = (&self.schema, self.reading, &mut self.scratch);
        let taken = match self.reading.values {
            Values::Json => straight.read::<false>(line, (schema, reading), scratch, take),
            Values::Text => straight.read::<true>(line, (schema, reading), scratch, take),
        };
        if !taken {
            self.scratch.assumed_utc = assumed_utc;
        }
        taken
    }

    #[inline(always)]
    fn read_cells<const TEXTS: bool>(&mut self, record: &Record<'_>) -> Result<(), Violation> {
        let Checker { slots, layout, schema, scratch, reading, .. } = self;
        scratch.clear();
        let line = record.text().as_bytes();
        for (i, (extent, &column)) in record.extents().zip(&layout.column_of).enumerate() {
            let column = column as usize;
            let Some(slot) = slots.get_mut(column) else { continue };
            let is_read = if TEXTS {
                slot.quick.read_text(line, extent, &mut slot.cell)
            } else {
                slot.quick.read(line, extent, &mut slot.cell)
            };
            if !is_read {
                let field = (i, extent.start);
                slot.cell = read_slowly(&schema.columns[column], *reading, record, field, scratch)?;
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn lay_out(&mut self, record: &Record<'_>) -> Result<(), Violation> {
        if self.numbering != Some(record.numbering()) {
            self.numbering = Some(record.numbering());
            self.column_of_key.clear();
        }
        self.layout.shape = None;
        self.layout.dropped = 0;
        self.layout.column_of.clear();
        self.layout.field_of.clear();
        self.layout.field_of.resize(self.schema.columns.len(), NONE);
        // The names are cut out of the line one after the other, as far as they are asked for.
        let (mut fields, mut passed) = (record.fields(), 0);
        for (number, field) in record.key_numbers().zip(0..) {
            let column = match self.column_of_key.get(usize::from(number)) {
                Some(&column) if column != UNKNOWN => column,
                _ => {
                    let asked = fields.nth(field as usize - passed);
                    passed = field as usize + 1;
                    match asked {
                        Some(field) => self.look_up(&field.name(), number)?,
                        None => NONE,
                    }
                }
            };
            self.layout.column_of.push(column);
            match self.layout.field_of.get_mut(column as usize) {
                Some(field_of) => *field_of = field,
                None => self.layout.dropped += 1,
            }
        }
        for ((field, column), slot) in
            self.layout.field_of.iter().zip(&self.schema.columns).zip(&mut self.slots)
        {
            if *field != NONE {
                continue;
            }
            if column.required {
                return Err(Violation {
                    field: column.property().to_owned(),
                    reason: "required, but missing".into(),
                });
            }
            slot.cell = Cell::Null;
        }
        self.layout.shape = Some(record.shape());
        Ok(())
    }

    /// Finds the column of a field by its name, and remembers it under the key's number, if the key has one.
    fn look_up(&mut self, name: &str, number: u16) -> Result<u32, Violation> {
        let column = match self.columns.get(name) {
            Some(&column) => column,
            None if self.unknown == UnknownFields::Drop => {
                self.dropped.name(name);
                NONE
            }
            None => {
                let field = json::shorten(name, 80).into_owned();
                let reason = format!(
                    "the schema {} has no such field (--unknown-fields drop of a loader leaves it out)",
                    self.schema.name
                );
                return Err(Violation { field, reason });
            }
        };
        let number = usize::from(number);
        if number > 0 {
            if self.column_of_key.len() <= number {
                self.column_of_key.resize(number + 1, UNKNOWN);
            }
            self.column_of_key[number] = column;
        }
        Ok(column)
    }
}

#[inline(never)]
fn read_slowly(
    column: &Column,
    reading: Reading,
    record: &Record<'_>,
    (field, start): (usize, u32),
    scratch: &mut Scratch,
) -> Result<Cell, Violation> {
    let Some(value) = record.value(field) else { return Ok(Cell::Null) };
    reading
        .cell(column, value, start, scratch)
        .map_err(|reason| Violation { field: column.property().to_owned(), reason: reason.into() })
}

/// A checked record.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    record: Record<'a>,
    schema: &'a Schema,
    slots: &'a [Slot],
    field_of: &'a [u32],
    scratch: &'a Scratch,
}

impl<'a> Row<'a> {
    /// How many columns it has.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it has no columns, which no schema allows.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The value of a column.
    ///
    /// # Panics
    /// If the column does not exist.
    #[inline]
    pub fn get(&self, column: usize) -> Value<'a> {
        self.slots[column].cell.value(&self.schema.columns[column].ty, self.record.text(), self.scratch)
    }

    /// The value of a column as it stands in the line; `None` if the field is absent.
    #[inline]
    pub fn source(&self, column: usize) -> Option<json::Value<'a>> {
        self.record.value(*self.field_of.get(column)? as usize)
    }

    /// Whether the record does not have the column's field.
    #[inline]
    pub fn is_absent(&self, column: usize) -> bool {
        self.field_of.get(column) == Some(&NONE) && self.schema.columns[column].may_be_absent()
    }

    /// The values in the order of the columns.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let (line, scratch) = (self.record.text(), self.scratch);
        let columns = self.slots.iter().zip(&self.schema.columns);
        columns.map(move |(slot, column)| slot.cell.value(&column.ty, line, scratch))
    }

    /// Whether anything in the line was decoded, such as an escape. Otherwise no text has what JSON can write only as an
    /// escape, such as the character U+0000.
    #[inline]
    pub fn is_decoded(&self) -> bool {
        self.scratch.is_used()
    }

    /// The record it comes from.
    pub fn record(&self) -> Record<'a> {
        self.record
    }
}

#[cfg(test)]
mod tests;
