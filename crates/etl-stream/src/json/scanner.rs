//! From a line to the spans of its fields.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cursor::{Cursor, Step};
use super::faults::{explain, invalid_utf8};
use super::keys::{Behind, Keys, Number, Spelled};
use super::names::Names;
use super::{Error, Record, Shape, Span, Tag, odd};

/// Scans lines, one after the other.
pub struct Scanner {
    spans: Vec<Span>,
    keys: Keys,
    /// The numbers of the last good record's keys.
    last: Vec<Number>,
    /// Whether a key that was not the expected one has come since then. Until one does, a record's keys are the first
    /// ones of the last good record, or all of them and perhaps others after them.
    strayed: bool,
    shape: Shape,
    names: Names,
    /// Whether `NaN` and infinities without quotes are numbers, and room for a line that has some.
    odd: bool,
    /// How many levels of JSON are around a record.
    levels: u32,
    masked: Vec<u8>,
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::new()
    }
}

impl Scanner {
    /// A scanner that has not seen any keys.
    pub fn new() -> Scanner {
        Scanner {
            spans: Vec::new(),
            keys: Keys::default(),
            last: Vec::new(),
            strayed: true,
            shape: new_shape(),
            names: Names::default(),
            odd: false,
            levels: 0,
            masked: Vec::new(),
        }
    }

    /// Whether `NaN`, `Infinity` and `-Infinity` without quotes are numbers; at first they are not.
    pub fn admit_odd_numbers(&mut self, admit: bool) {
        self.odd = admit;
    }

    /// How many levels of JSON are around the records, and count as theirs; at first there are none.
    pub fn set_levels(&mut self, levels: u32) {
        self.levels = levels;
    }

    /// Scans a line without its newline; a `\r` at its end is white space.
    ///
    /// # Errors
    /// The line is not one strict JSON object with distinct keys.
    pub fn scan<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, Error> {
        match self.scan_record(line) {
            Ok(text) => Ok(Record { text, spans: &self.spans, shape: self.shape, odd: false }),
            Err(_) if self.odd && self.scan_masked(line)? => {
                let text = text(line).map_err(|error| *error)?;
                Ok(Record { text, spans: &self.spans, shape: self.shape, odd: true })
            }
            Err(error) => Err(explain(line, *error)),
        }
    }

    /// Scans a line that is not JSON because of odd numbers; false if it has none.
    #[cold]
    fn scan_masked(&mut self, line: &[u8]) -> Result<bool, Error> {
        let mut masked = std::mem::take(&mut self.masked);
        let is_odd = odd::mask(line, &mut masked);
        let scanned = if is_odd { self.scan_record(&masked).map(|_| ()) } else { Ok(()) };
        self.masked = masked;
        scanned.map_err(|error| explain(line, *error))?;
        for span in self.spans.iter_mut().filter(|span| span.tag == Tag::Number) {
            if odd::begins(&line[span.value as usize..]) {
                span.tag = Tag::Odd;
            }
        }
        Ok(is_odd)
    }

    fn scan_record<'a>(&mut self, line: &'a [u8]) -> Step<&'a str> {
        let text = simdutf8::basic::from_utf8(line).or_else(|_| text(line))?;
        let mut at = Cursor::new(line);
        if u32::try_from(line.len()).is_err() {
            return Err(at.fail("a line over 4 GiB"));
        }
        if self.keys.full() {
            self.forget_keys();
        }
        at = self.scan_fields(at)?;
        at.skip_whitespace();
        if !at.at_end() {
            return Err(at.trailing());
        }
        if self.strayed || self.spans.len() != self.last.len() {
            self.other_shape(text)?;
        }
        Ok(text)
    }

    /// Fills `spans`; returns what follows the object.
    #[inline(always)]
    fn scan_fields<'a>(&mut self, mut at: Cursor<'a>) -> Step<Cursor<'a>> {
        self.spans.clear();
        at.skip_whitespace();
        if at.peek() != b'{' {
            return Err(at.no_object());
        }
        let (mut number, mut next, mut lead) = (0, self.keys.next(0), b'{');
        loop {
            match self.keys.strip(next, lead, at.rest) {
                Some(behind) => {
                    number = next;
                    (next, at.rest) = behind;
                }
                None => match closed(lead, at) {
                    Some(behind) => return Ok(behind),
                    None => (number, (next, at.rest)) = self.other_key(number, lead, at)?,
                },
            }
            lead = b',';
            let mut value = at.pos() as u32;
            let tag = match at.scalar()? {
                Some(tag) => tag,
                None => {
                    at.skip_whitespace();
                    value = at.pos() as u32;
                    let tag;
                    (tag, at) = at.any_value(self.levels + 1)?;
                    tag
                }
            };
            self.spans.push(Span { value, value_end: at.pos() as u32, tag, number });
        }
    }

    /// Reads a key where another one was expected, or the expected one with different white space.
    #[inline(never)]
    fn other_key<'a>(&mut self, before: Number, lead: u8, mut at: Cursor<'a>) -> Step<(Number, Behind<'a>)> {
        if let Some(second) = self.keys.strip_second(before, lead, at.rest) {
            self.strayed = true;
            return Ok(second);
        }
        at.skip_whitespace();
        let start = at.rest;
        if !at.take(lead) {
            return Err(at.no_separator(true));
        }
        at.skip_whitespace();
        let (raw, escaped) = at.key()?;
        // One space is part of how the stream is written; any more are left to the value.
        at.take(b' ');
        let key = Spelled { text: &start[..start.len() - at.rest.len()], raw, escaped };
        let expected = self.keys.next(before);
        if self.keys.is_expected(before, &key) {
            return Ok((expected, (self.keys.next(expected), at.rest)));
        }
        self.strayed = true;
        let number = self.keys.find(before, &key);
        Ok((number, (self.keys.next(number), at.rest)))
    }

    /// Checks the keys of a record that may differ from those of the last one.
    #[inline(never)]
    fn other_shape(&mut self, text: &str) -> Step<()> {
        let numbers = self.spans.iter().map(|span| span.number);
        let distinct = self.keys.distinct(numbers.clone());
        if !distinct {
            self.names.check(text, &self.spans)?;
        }
        // Keys without numbers may be anything, so the next record is checked again.
        self.strayed = !distinct;
        if !distinct || !numbers.clone().eq(self.last.iter().copied()) {
            self.last.clear();
            self.last.extend(numbers);
            self.shape.keys += 1;
        }
        Ok(())
    }

    /// Starts over, so that keys which never come again do not fill the memory.
    #[cold]
    fn forget_keys(&mut self) {
        (self.keys, self.shape, self.strayed) = (Keys::default(), new_shape(), true);
        self.last.clear();
    }
}

/// What follows the object, if it ends here, where `lead` and a key might have come instead.
#[inline(always)]
fn closed(lead: u8, mut at: Cursor<'_>) -> Option<Cursor<'_>> {
    at.skip_whitespace();
    if lead == b'{' {
        at.take(lead);
        at.skip_whitespace();
    }
    at.take(b'}').then_some(at)
}

/// The same with the place of what is wrong.
#[cold]
fn text(line: &[u8]) -> Step<&str> {
    std::str::from_utf8(line).map_err(|error| invalid_utf8(line, error.valid_up_to()))
}

fn new_shape() -> Shape {
    static SCANNERS: AtomicU64 = AtomicU64::new(0);
    Shape { scanner: SCANNERS.fetch_add(1, Ordering::Relaxed), keys: 0 }
}

#[cfg(test)]
mod tests;
