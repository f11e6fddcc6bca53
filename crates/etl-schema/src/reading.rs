//! How the values of a stream are written, and what reads those that are not read quickly.

use etl_stream::{Values, json};

use crate::cell::{Cell, Scratch};
use crate::lenient;
use crate::read::{Refused, read};
use crate::schema::Column;
use crate::texts;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) values: Values,
    /// Whether numbers that come as texts may also be NaN and infinite.
    pub(crate) odd: bool,
    /// How many levels of JSON are around a record, and count as its own.
    pub(crate) levels: u32,
}

impl Reading {
    /// Checks a value of any kind and reads it. It begins at `start` in the text that the cell refers to.
    pub(crate) fn cell(
        self,
        column: &Column,
        value: json::Value<'_>,
        start: u32,
        scratch: &mut Scratch,
    ) -> Result<Cell, Refused> {
        match self.values {
            Values::Json if column.rules.lenient => {
                lenient::read(&column.ty, column.nullable, &column.rules, value, start, scratch)
            }
            Values::Json => read(&column.ty, column.nullable, &column.rules, value, start, scratch),
            Values::Text => texts::read_value(column, value, start, self.odd, scratch),
        }
    }
}
