//! A line from one pass over a record, which hands on a value at a time ([`etl_schema::Take`]). What is not written here in
//! a few instructions goes through [`Encoder`] like everything else, or is left.

use std::ops::Range;

use etl_schema::{Checker, InfluxType, Number, Take, Value};
use etl_stream::json;

use super::{Encoder, GREATEST_EXACT, MAX_SERIES, Part, Point, fraction, integer, tag};

/// The parts of a line, which come in the order of the columns.
#[derive(Default)]
pub(crate) struct Parts {
    /// `,KEY=VALUE` of each tag, and where that of each place ends and begins.
    tags: Vec<u8>,
    pieces: Vec<Range<usize>>,
    /// The fields so far, with what comes before each of them.
    fields: Vec<u8>,
    time: Option<i64>,
    nulls: u64,
}

/// Where the values of one record go.
struct Values<'a> {
    encoder: &'a Encoder,
    parts: &'a mut Parts,
}

impl Encoder {
    /// Replaces the content of `line` with the line of a record, if that can be read in one pass; `parts` is only memory.
    pub(crate) fn take(
        &self,
        checker: &mut Checker,
        record: &[u8],
        line: &mut Vec<u8>,
        parts: &mut Parts,
    ) -> Option<Point> {
        parts.tags.clear();
        parts.fields.clear();
        parts.pieces.clear();
        // A tag that is null or empty has no piece.
        parts.pieces.resize(self.tags.len(), 0..0);
        (parts.time, parts.nulls) = (None, 0);
        let is_taken = checker.take(record, &mut Values { encoder: self, parts });
        line.clear();
        line.extend_from_slice(&self.head);
        for piece in &parts.pieces {
            line.extend_from_slice(&parts.tags[piece.clone()]);
        }
        let series = line.len();
        if !is_taken || parts.fields.is_empty() || series > MAX_SERIES {
            return None;
        }
        line.extend_from_slice(&parts.fields);
        Some(self.end(line, series, parts.time?, parts.nulls))
    }
}

impl Values<'_> {
    fn part(&self, column: usize) -> Part {
        self.encoder.parts.get(column).copied().unwrap_or(Part::Ignored)
    }

    fn tag(&mut self, column: usize, place: usize, value: Value<'_>) -> bool {
        let (name, key) = (&self.encoder.names[column], &self.encoder.tags[place]);
        let start = self.parts.tags.len();
        let is_taken = tag(name, key, value, &mut self.parts.tags).is_ok();
        self.parts.pieces[place] = start..self.parts.tags.len();
        is_taken
    }

    fn key(&mut self, place: usize) {
        let fields = &mut self.parts.fields;
        fields.push(if fields.is_empty() { b' ' } else { b',' });
        fields.extend_from_slice(&self.encoder.fields[place]);
    }

    /// A number as a field that keeps its digits.
    fn number(&mut self, column: usize, number: Number<'_>) -> bool {
        match self.part(column) {
            Part::Field(place, InfluxType::Float) => {
                self.key(place);
                self.parts.fields.extend_from_slice(number.text);
                true
            }
            Part::Ignored => true,
            _ => false,
        }
    }
}

impl Take for Values<'_> {
    fn null(&mut self, column: usize) -> bool {
        self.parts.nulls += u64::from(matches!(self.part(column), Part::Field(..)));
        self.absent(column)
    }

    fn absent(&mut self, column: usize) -> bool {
        !matches!(self.part(column), Part::Time)
    }

    fn text(&mut self, column: usize, line: &[u8], length: usize) -> bool {
        let text = &line[..length];
        match self.part(column) {
            Part::Tag(place) => {
                self.tag(column, place, Value::Text(std::str::from_utf8(text).unwrap_or_default()))
            }
            Part::Field(place, _) => {
                self.key(place);
                self.parts.fields.push(b'"');
                self.parts.fields.extend_from_slice(text);
                self.parts.fields.push(b'"');
                true
            }
            Part::Ignored => true,
            Part::Time => false,
        }
    }

    fn integer(&mut self, column: usize, n: i64, number: Number<'_>) -> bool {
        if self.encoder.server.victoria && n.unsigned_abs() > GREATEST_EXACT {
            return false;
        }
        match self.part(column) {
            Part::Field(place, InfluxType::Integer) => {
                self.key(place);
                integer(n, &mut self.parts.fields);
                self.parts.fields.push(b'i');
                true
            }
            // Not a sign before a zero.
            _ => n != 0 && self.number(column, number),
        }
    }

    fn double(&mut self, column: usize, _: f64, number: Number<'_>) -> bool {
        self.number(column, number)
    }

    fn decimal(&mut self, column: usize, number: Number<'_>) -> bool {
        self.number(column, number)
    }

    fn boolean(&mut self, column: usize, b: bool) -> bool {
        match self.part(column) {
            Part::Field(place, InfluxType::Boolean) => {
                self.key(place);
                self.parts.fields.extend_from_slice(if b { b"true" } else { b"false" });
                true
            }
            Part::Ignored => true,
            _ => false,
        }
    }

    fn timestamp(&mut self, column: usize, micros: i64, text: &[u8]) -> bool {
        match self.part(column) {
            Part::Time => {
                let text = std::str::from_utf8(text).unwrap_or_default();
                self.parts.time = self.encoder.stamp(micros, fraction(text)).ok();
                self.parts.time.is_some()
            }
            Part::Ignored => true,
            _ => false,
        }
    }

    fn value(&mut self, column: usize, value: Value<'_>, source: json::Value<'_>) -> bool {
        match self.part(column) {
            Part::Tag(place) => self.tag(column, place, value),
            Part::Field(place, ty) if value != Value::Null => {
                self.key(place);
                self.encoder.field(value, || source.text, ty, &mut self.parts.fields).is_ok()
            }
            Part::Ignored => true,
            _ => false,
        }
    }
}
