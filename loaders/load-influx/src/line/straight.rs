//! A line from one pass over a record, which hands on a value at a time ([`etl_schema::Take`]). What is not written here in
//! a few instructions goes through [`Encoder`] like everything else, or is left.

use etl_schema::{Checker, InfluxType, Number, Take, Value};
use etl_stream::json;
use memchr::{memchr, memchr3};

use super::{Encoder, GREATEST_EXACT, MAX_SERIES, Part, Point, integer, tag};

/// Where the values of one record go.
struct Parts<'a> {
    encoder: &'a Encoder,
    /// The measurement and the tags so far, and how many there were.
    series: &'a mut Vec<u8>,
    tags: usize,
    /// The fields so far, with what comes before each of them.
    fields: &'a mut Vec<u8>,
    time: Option<i64>,
    nulls: u64,
}

impl Encoder {
    /// Replaces the content of `line` with the line of a record, if that can be read in one pass; `fields` is only memory.
    pub(crate) fn take(
        &self,
        checker: &mut Checker,
        record: &[u8],
        line: &mut Vec<u8>,
        fields: &mut Vec<u8>,
    ) -> Option<Point> {
        line.clear();
        line.extend_from_slice(&self.head);
        fields.clear();
        let mut parts = Parts { encoder: self, series: line, tags: 0, fields, time: None, nulls: 0 };
        let is_taken = checker.take(record, &mut parts);
        let Parts { time, nulls, .. } = parts;
        let series = line.len();
        if !is_taken || fields.is_empty() || series > MAX_SERIES {
            return None;
        }
        line.extend_from_slice(fields);
        Some(self.end(line, series, time?, nulls))
    }
}

impl Parts<'_> {
    fn part(&self, column: usize) -> Part {
        self.encoder.parts.get(column).copied().unwrap_or(Part::Ignored)
    }

    /// Whether this is the tag that comes next: they are sorted.
    fn is_next(&mut self, place: usize) -> bool {
        let is_next = place == self.tags;
        self.tags += 1;
        is_next
    }

    fn key(&mut self, place: usize) {
        self.fields.push(if self.fields.is_empty() { b' ' } else { b',' });
        self.fields.extend_from_slice(&self.encoder.fields[place]);
    }

    /// A number as a field that keeps its digits.
    fn number(&mut self, column: usize, number: Number<'_>) -> bool {
        match self.part(column) {
            Part::Field(place, InfluxType::Float) => {
                self.key(place);
                self.fields.extend_from_slice(number.text);
                true
            }
            Part::Ignored => true,
            _ => false,
        }
    }
}

impl Take for Parts<'_> {
    fn null(&mut self, column: usize) -> bool {
        self.nulls += u64::from(matches!(self.part(column), Part::Field(..)));
        self.absent(column)
    }

    fn absent(&mut self, column: usize) -> bool {
        match self.part(column) {
            Part::Tag(place) => self.is_next(place),
            Part::Time => false,
            Part::Field(..) | Part::Ignored => true,
        }
    }

    fn text(&mut self, column: usize, line: &[u8], length: usize) -> bool {
        let text = &line[..length];
        match self.part(column) {
            Part::Tag(place) if self.is_next(place) => {
                if text.is_empty() {
                    return true;
                }
                let (name, key) = (&self.encoder.names[column], &self.encoder.tags[place]);
                // Without escapes in the record, no newline and no backslash is in the text.
                if memchr3(b',', b'=', b' ', text).is_some() {
                    let text = std::str::from_utf8(text).unwrap_or_default();
                    return tag(name, key, Value::Text(text), self.series).is_ok();
                }
                self.series.extend_from_slice(key);
                self.series.extend_from_slice(text);
                true
            }
            Part::Field(place, _) => {
                self.key(place);
                self.fields.push(b'"');
                self.fields.extend_from_slice(text);
                self.fields.push(b'"');
                true
            }
            Part::Ignored => true,
            _ => false,
        }
    }

    fn integer(&mut self, column: usize, n: i64, number: Number<'_>) -> bool {
        if self.encoder.server.victoria && n.unsigned_abs() > GREATEST_EXACT {
            return false;
        }
        match self.part(column) {
            Part::Field(place, InfluxType::Integer) => {
                self.key(place);
                integer(n, self.fields);
                self.fields.push(b'i');
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
                self.fields.extend_from_slice(if b { b"true" } else { b"false" });
                true
            }
            Part::Ignored => true,
            _ => false,
        }
    }

    fn timestamp(&mut self, column: usize, micros: i64, text: &[u8]) -> bool {
        match self.part(column) {
            // Whatever has a fraction may have more digits than microseconds.
            Part::Time if memchr(b'.', text).is_none() => {
                self.time = self.encoder.stamp(micros, "").ok();
                self.time.is_some()
            }
            Part::Ignored => true,
            _ => false,
        }
    }

    fn value(&mut self, column: usize, value: Value<'_>, source: json::Value<'_>) -> bool {
        match self.part(column) {
            Part::Tag(place) if self.is_next(place) => {
                let (name, key) = (&self.encoder.names[column], &self.encoder.tags[place]);
                tag(name, key, value, self.series).is_ok()
            }
            Part::Field(place, ty) if value != Value::Null => {
                self.key(place);
                self.encoder.field(value, || source.text, ty, self.fields).is_ok()
            }
            Part::Ignored => true,
            _ => false,
        }
    }
}
