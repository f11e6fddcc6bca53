//! Records as rows of binary COPY: a row of values in, bytes out.
//!
//! A row is the number of its fields in 2 bytes, and then for each field its length in 4 bytes and its value (chapter
//! on COPY, "Binary Format").

mod named;
mod straight;

use etl_component::Fault;
use etl_load::Refused;
use etl_schema::{Checker, Row, Value, Violation};
use etl_stream::json::shorten;

use self::named::Named;
use self::straight::Fields;
use crate::encode::Encoder;
use crate::plan::{Field, Null};

/// What `--stamp` adds to the rows of the current load.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    pub(crate) load_id: String,
    /// Microseconds since 1970.
    pub(crate) loaded_at: i64,
}

/// Encodes the records of one table.
pub(crate) struct RowEncoder {
    /// The table's name, for messages.
    table: String,
    columns: Vec<Column>,
    /// Whether the record's position comes first, in 8 bytes.
    numbered: bool,
    /// Which fields a record has comes last, if somebody asks.
    named: Option<Named>,
    /// How many fields a row has.
    width: [u8; 2],
    /// Where the row of a line is put together that is read in one pass, and each of its longer values.
    window: Vec<u8>,
    spare: Vec<u8>,
}

/// Longer lines are not read in one pass.
const LONGEST: usize = 64 << 10;

struct Column {
    name: String,
    encoder: Encoder,
    refuses_null: bool,
    /// Whether a row that exists keeps what it has where a record does not have the field.
    keeps: bool,
}

impl RowEncoder {
    /// An encoder for the table of this name. The fields are those of the records, followed by those of the stamp if
    /// there is one. With `named`, the rows say which of the fields of so many columns their records have; it says of each
    /// whether a row that exists keeps what it has in its place.
    pub(crate) fn new(table: &str, fields: &[Field], numbered: bool, named: Option<&[bool]>) -> RowEncoder {
        let columns = fields.iter().enumerate().map(|(index, field)| Column {
            name: field.column.name.clone(),
            encoder: field.encoder.clone(),
            refuses_null: field.null == Null::Refused,
            keeps: named.is_some_and(|keeps| keeps.get(index) == Some(&true)),
        });
        // PostgreSQL has at most 1600 columns in a table.
        let width = (fields.len() + usize::from(numbered) + usize::from(named.is_some())) as i16;
        RowEncoder {
            table: table.to_owned(),
            columns: columns.collect(),
            numbered,
            named: named.map(|keeps| Named::new(keeps.len())),
            width: width.to_be_bytes(),
            window: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// The columns whose fields some record did not have, as far as somebody asks.
    pub(crate) fn lacked(&self) -> &[bool] {
        self.named.as_ref().map_or(&[], Named::lacked)
    }

    /// Appends a row. `position` is its record's position in the load. If the record is refused, `out` is left
    /// unchanged.
    ///
    /// # Errors
    /// The record has a value that its column does not take; or the stamp does not fit its column, which fails the load
    /// (78).
    #[inline]
    pub(crate) fn encode(
        &mut self,
        row: &Row<'_>,
        position: u64,
        stamp: &Stamp,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let start = out.len();
        let appended = self.append(row, position, stamp, out);
        if appended.is_err() {
            out.truncate(start);
        }
        appended
    }

    /// Appends the row of a line, if it can be read in one pass; otherwise false, and `out` is left unchanged.
    ///
    /// # Errors
    /// The stamp does not fit its column (78).
    #[inline]
    pub(crate) fn take(
        &mut self,
        checker: &mut Checker,
        line: &[u8],
        position: u64,
        stamp: &Stamp,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        if line.len() > LONGEST {
            return Ok(false);
        }
        let own = checker.schema().columns.len().min(self.columns.len());
        // The fields of scalars fit, and most arrays do.
        let room = 64 + 40 * own + 4 * line.len();
        if self.window.len() < room {
            self.window.resize(room, 0);
        }
        let all = self.window.len();
        if let Some(named) = &mut self.named {
            named.start();
        }
        let mut fields = Fields {
            columns: &self.columns[..own],
            room: &mut self.window,
            spare: &mut self.spare,
            named: self.named.as_mut(),
        };
        fields.put(self.width);
        if self.numbered {
            fields.put(8_i32.to_be_bytes());
            fields.put(position.to_be_bytes());
        }
        if !checker.take(line, &mut fields) {
            return Ok(false);
        }
        let length = all - fields.room.len();
        out.extend_from_slice(&self.window[..length]);
        self.append_stamp(own, stamp, out)?;
        Ok(true)
    }

    #[inline]
    fn append(
        &mut self,
        row: &Row<'_>,
        position: u64,
        stamp: &Stamp,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        out.extend_from_slice(&self.width);
        if self.numbered {
            out.extend_from_slice(&8_i32.to_be_bytes());
            out.extend_from_slice(&position.to_be_bytes());
        }
        let escapes = row.is_decoded();
        for (index, column) in self.columns.iter().take(row.len()).enumerate() {
            let value = row.get(index);
            let violation = |reason| Refused::Record(Violation { field: column.name.clone(), reason });
            if column.refuses_null && value == Value::Null && !(column.keeps && row.is_absent(index)) {
                return Err(violation(format!("null, but its column in {} is NOT NULL", self.table)));
            }
            column.encoder.encode(value, escapes, || row.source(index), out).map_err(|refusal| {
                let shown = row.source(index).map_or("null", |source| source.raw);
                violation(format!("{} {refusal}", shorten(shown, 80)))
            })?;
        }
        if let Some(named) = &mut self.named {
            named.start();
            (0..row.len()).filter(|index| row.is_absent(*index)).for_each(|index| named.absent(index));
        }
        Ok(self.append_stamp(row.len(), stamp, out)?)
    }

    /// Appends the fields of the stamp, which come after the record's own, and which of these there are.
    #[inline]
    fn append_stamp(&self, own: usize, stamp: &Stamp, out: &mut Vec<u8>) -> Result<(), Fault> {
        let columns = self.columns.iter().skip(own);
        for (column, value) in columns.zip([Value::Text(&stamp.load_id), Value::TimestampTz(stamp.loaded_at)])
        {
            column.encoder.encode(value, true, || None, out).map_err(|refusal| {
                let (table, name) = (&self.table, &column.name);
                Fault::config(format!("table {table}: column {name}: the stamp {refusal}"))
            })?;
        }
        self.named.iter().for_each(|named| named.append(out));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
