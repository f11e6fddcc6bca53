//! A row of binary COPY from one pass over a line, which hands on a value at a time ([`etl_schema::Take`]). What is not
//! written here in a few instructions goes through [`Encoder::encode`] like everything else, or is left.

use etl_postgres::types::Precision;
use etl_schema::{Number, Short, Take, Value};
use etl_stream::json;

use super::{Column, Named};
use crate::encode::{Encoder, numeric, since_2000};

/// Texts of up to this many bytes are copied as so many bytes, which takes no loop.
const SHORT: usize = 32;

/// Where the values of one record go.
pub(super) struct Fields<'a> {
    pub(super) columns: &'a [Column],
    /// The room that is left.
    pub(super) room: &'a mut [u8],
    /// For values that are not of a few bytes.
    pub(super) spare: &'a mut Vec<u8>,
    pub(super) named: Option<&'a mut Named>,
}

impl Fields<'_> {
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, field: [u8; N]) -> bool {
        match std::mem::take(&mut self.room).split_first_chunk_mut() {
            Some((place, room)) => {
                *place = field;
                self.room = room;
                true
            }
            None => false,
        }
    }

    #[inline(always)]
    fn eight(&mut self, bytes: [u8; 8]) -> bool {
        let mut field = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        field[4..].copy_from_slice(&bytes);
        self.put(field)
    }

    #[inline(always)]
    fn skip(&mut self, length: usize) -> bool {
        match std::mem::take(&mut self.room).split_at_mut_checked(length) {
            Some((_, room)) => {
                self.room = room;
                true
            }
            None => false,
        }
    }

    #[inline(always)]
    fn numeric(&mut self, number: &Short, precision: Option<Precision>) -> bool {
        let Some((place, _)) = self.room.split_first_chunk_mut() else { return false };
        match numeric::write(number, precision, place) {
            Some(length) => self.skip(length),
            None => false,
        }
    }
}

impl Take for Fields<'_> {
    #[inline(always)]
    fn null(&mut self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| !column.refuses_null) && self.put([0xff; 4])
    }

    #[inline(always)]
    fn absent(&mut self, column: usize) -> bool {
        if let Some(named) = &mut self.named {
            named.absent(column);
        }
        match self.columns.get(column) {
            Some(column) if column.keeps => self.put([0xff; 4]),
            _ => self.null(column),
        }
    }

    #[inline(always)]
    fn text(&mut self, column: usize, line: &[u8], length: usize) -> bool {
        let Some(Column { encoder: Encoder::Text(max), .. }) = self.columns.get(column) else { return false };
        if max.is_some_and(|max| length > max as usize) || !self.put((length as i32).to_be_bytes()) {
            return false;
        }
        match (line.first_chunk::<SHORT>(), self.room.first_chunk_mut()) {
            // What comes after the text is overwritten by the next field.
            (Some(from), Some(to)) if length <= SHORT => *to = *from,
            _ => match (line.get(..length), self.room.get_mut(..length)) {
                (Some(from), Some(to)) => to.copy_from_slice(from),
                _ => return false,
            },
        }
        self.skip(length)
    }

    #[inline(always)]
    fn integer(&mut self, column: usize, n: i64, number: Number<'_>) -> bool {
        match self.columns.get(column).map(|column| &column.encoder) {
            Some(Encoder::Int(8)) => self.eight(n.to_be_bytes()),
            Some(Encoder::Int(4)) => i32::try_from(n).is_ok_and(|n| {
                let [a, b, c, d] = n.to_be_bytes();
                self.put([0, 0, 0, 4, a, b, c, d])
            }),
            Some(Encoder::Numeric(precision)) => self.numeric(&number.short, *precision),
            _ => false,
        }
    }

    #[inline(always)]
    fn double(&mut self, column: usize, x: f64, number: Number<'_>) -> bool {
        match self.columns.get(column).map(|column| &column.encoder) {
            Some(Encoder::Float8) => self.eight(x.to_be_bytes()),
            Some(Encoder::Numeric(precision)) => self.numeric(&number.short, *precision),
            _ => false,
        }
    }

    #[inline(always)]
    fn decimal(&mut self, column: usize, number: Number<'_>) -> bool {
        match self.columns.get(column).map(|column| &column.encoder) {
            Some(Encoder::Numeric(precision)) => self.numeric(&number.short, *precision),
            _ => false,
        }
    }

    #[inline(always)]
    fn boolean(&mut self, column: usize, b: bool) -> bool {
        let is_bool = self.columns.get(column).is_some_and(|column| column.encoder == Encoder::Bool);
        is_bool && self.put([0, 0, 0, 1, b.into()])
    }

    #[inline(always)]
    fn timestamp(&mut self, column: usize, micros: i64, _: &[u8]) -> bool {
        match self.columns.get(column).map(|column| &column.encoder) {
            Some(Encoder::Timestamp(6)) => self.eight(since_2000(micros).to_be_bytes()),
            _ => false,
        }
    }

    #[inline(always)]
    fn value(&mut self, column: usize, value: Value<'_>, source: json::Value<'_>) -> bool {
        let Some(column) = self.columns.get(column) else { return false };
        match put_value(column, value, source, self.spare, self.room) {
            Some(length) => self.skip(length),
            None => false,
        }
    }
}

#[inline(never)]
fn put_value(
    column: &Column,
    value: Value<'_>,
    source: json::Value<'_>,
    spare: &mut Vec<u8>,
    room: &mut [u8],
) -> Option<usize> {
    if column.refuses_null && value == Value::Null {
        return None;
    }
    spare.clear();
    column.encoder.encode(value, true, || Some(source), spare).ok()?;
    room.get_mut(..spare.len())?.copy_from_slice(spare);
    Some(spare.len())
}
