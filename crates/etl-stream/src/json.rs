//! A strict JSON scanner for records: one line in, the spans of its fields out.
//!
//! It decides everything RFC 8259 and the stream contract say about a line, and converts nothing: numbers stay text,
//! strings stay escaped, so that whoever knows the column's type reads each value once. Nothing is allocated per
//! line; a [`Scanner`] keeps its scratch.
//!
//! Stricter than RFC 8259: the line is one object, a key may not come twice at the top level, `_etl` is no key of a
//! record, a `\u` escape may not be a lone surrogate, and nesting ends at 128 levels.

mod cursor;
mod names;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use cursor::{Cursor, Step};
use names::Names;
pub use text::{Elements, elements, scan_value, unescape, unescape_into};

/// What kind of JSON value a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, checked for its syntax only.
    Number,
    /// A string; `escaped` if its body contains a backslash.
    String {
        /// The body must go through [`unescape_into`].
        escaped: bool,
    },
    /// An array; see [`elements`].
    Array,
    /// An object.
    Object,
}

/// A value as it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its JSON text; of a string, what stands between the quotes.
    pub text: &'a str,
    /// Its JSON text, of a string with the quotes.
    pub raw: &'a str,
}

impl<'a> Value<'a> {
    /// The JSON text of `source` between two offsets, which for a string include the quotes.
    fn cut(source: &'a str, start: usize, end: usize, kind: Kind) -> Value<'a> {
        let raw = &source[start..end];
        let text = if let Kind::String { .. } = kind { &raw[1..raw.len() - 1] } else { raw };
        Value { kind, text, raw }
    }
}

/// One member of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The key as it stands between the quotes.
    pub key: &'a str,
    /// Whether the key contains escapes.
    pub key_escaped: bool,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Field<'a> {
    /// The decoded key.
    pub fn name(&self) -> Cow<'a, str> {
        if self.key_escaped { Cow::Owned(unescape(self.key)) } else { Cow::Borrowed(self.key) }
    }
}

/// Identifies the keys of a record, raw and in order. Two records with the same shape have the same keys, so what was
/// found out about the keys of one holds for the other. The converse is not promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    scanner: u64,
    keys: u64,
}

/// A scanned line.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    text: &'a str,
    spans: &'a [Span],
    shape: Shape,
}

impl<'a> Record<'a> {
    /// The line, without its newline.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The fields in the order of the line.
    #[inline]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let text = self.text;
        self.spans.iter().map(move |span| span.field(text))
    }

    /// The value of the field at this position.
    #[inline]
    pub fn value(&self, position: usize) -> Option<Value<'a>> {
        self.spans.get(position).map(|span| span.value(self.text))
    }

    /// The values in the order of the line.
    #[inline]
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let text = self.text;
        self.spans.iter().map(move |span| span.value(text))
    }

    /// The field of this decoded name.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(|field| if field.key_escaped { field.name() == name } else { field.key == name })
    }

    /// What the keys are, to compare with another record's.
    #[inline]
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

/// Where a field is in its line.
#[derive(Clone, Copy, Debug)]
struct Span {
    key: u32,
    key_end: u32,
    value: u32,
    value_end: u32,
    kind: Kind,
    key_escaped: bool,
}

impl Span {
    #[inline]
    fn field<'a>(&self, text: &'a str) -> Field<'a> {
        Field { key: self.key(text), key_escaped: self.key_escaped, value: self.value(text) }
    }

    #[inline]
    fn value<'a>(&self, text: &'a str) -> Value<'a> {
        Value::cut(text, self.value as usize, self.value_end as usize, self.kind)
    }

    fn key<'a>(&self, text: &'a str) -> &'a str {
        &text[self.key as usize..self.key_end as usize]
    }
}

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The byte in the line, from 0.
    pub offset: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {} of the line)", self.message, self.offset + 1)
    }
}

impl std::error::Error for Error {}

/// A key of the last good record.
struct Known {
    end: usize,
    escaped: bool,
}

/// Scans lines, one after the other.
pub struct Scanner {
    spans: Vec<Span>,
    /// The raw keys of the last good record, one after the other, each with its closing quote.
    known_text: Vec<u8>,
    known: Vec<Known>,
    shape: Shape,
    names: Names,
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::new()
    }
}

impl Scanner {
    /// A scanner with empty scratch.
    pub fn new() -> Scanner {
        static SCANNERS: AtomicU64 = AtomicU64::new(0);
        let shape = Shape { scanner: SCANNERS.fetch_add(1, Ordering::Relaxed), keys: 0 };
        Scanner {
            spans: Vec::new(),
            known_text: Vec::new(),
            known: Vec::new(),
            shape,
            names: Names::default(),
        }
    }

    /// Scans a line without its newline; a `\r` before it is white space.
    ///
    /// # Errors
    /// The line is not one strict JSON object with distinct keys.
    pub fn scan<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, Error> {
        match self.scan_record(line) {
            Ok(text) => Ok(Record { text, spans: &self.spans, shape: self.shape }),
            Err(error) => Err(explain(line, *error)),
        }
    }

    fn scan_record<'a>(&mut self, line: &'a [u8]) -> Step<&'a str> {
        let text = std::str::from_utf8(line).map_err(|error| invalid_utf8(line, error.valid_up_to()))?;
        let mut at = Cursor { bytes: line, pos: 0 };
        if u32::try_from(line.len()).is_err() {
            return Err(at.fail("a line over 4 GiB"));
        }
        let same = self.scan_fields(&mut at)?;
        at.skip_whitespace();
        if !at.at_end() {
            return Err(trailing(&at));
        }
        if !same || self.shape.keys == 0 {
            self.names.check(text, &self.spans)?;
            self.remember(line);
        }
        Ok(text)
    }

    /// Fills `spans`; true if all keys are byte for byte those of the last good record.
    fn scan_fields(&mut self, at: &mut Cursor<'_>) -> Step<bool> {
        self.spans.clear();
        at.skip_whitespace();
        if at.peek() != b'{' {
            return Err(no_object(at));
        }
        at.pos += 1;
        at.skip_whitespace();
        if at.peek() == b'}' {
            at.pos += 1;
            return Ok(self.known.is_empty());
        }
        let mut same = true;
        let mut known_start = 0;
        loop {
            at.open_key()?;
            let key = at.pos;
            let known = self.known.get(self.spans.len()).filter(|known| {
                same && at.bytes[key..].starts_with(&self.known_text[known_start..known.end])
            });
            let key_escaped = match known {
                Some(known) => {
                    at.pos += known.end - known_start;
                    known_start = known.end;
                    known.escaped
                }
                None => {
                    same = false;
                    at.string()?
                }
            };
            let key_end = at.pos - 1;
            at.colon()?;
            let value = at.pos;
            let kind = at.value(1)?;
            self.spans.push(Span {
                key: key as u32,
                key_end: key_end as u32,
                value: value as u32,
                value_end: at.pos as u32,
                kind,
                key_escaped,
            });
            at.skip_whitespace();
            match at.peek() {
                b',' => at.pos += 1,
                b'}' => break,
                _ => return Err(at.no_separator(true)),
            }
            at.skip_whitespace();
        }
        at.pos += 1;
        Ok(same && self.spans.len() == self.known.len())
    }

    fn remember(&mut self, line: &[u8]) {
        self.shape.keys += 1;
        self.known_text.clear();
        self.known.clear();
        for span in &self.spans {
            self.known_text.extend_from_slice(&line[span.key as usize..=span.key_end as usize]);
            self.known.push(Known { end: self.known_text.len(), escaped: span.key_escaped });
        }
    }
}

/// At most `chars` characters of a text, with `…` where it was cut: for messages.
pub fn shorten(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cold]
fn no_object(at: &Cursor<'_>) -> Box<Error> {
    match at.peek() {
        _ if at.at_end() => at.fail("a blank line is no record"),
        b'[' => at.fail("the line is an array; a record is an object, one a line"),
        b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            at.fail("the line is no object: is it pretty-printed? one object a line")
        }
        0xef if at.bytes[at.pos..].starts_with(b"\xef\xbb\xbf") => {
            at.fail("a byte order mark before the object")
        }
        _ => at.fail(format!("expected an object, found {}", at.found())),
    }
}

#[cold]
fn trailing(at: &Cursor<'_>) -> Box<Error> {
    match at.peek() {
        b'{' => at.fail("two objects on a line"),
        _ => at.fail(format!("text after the object: {}", at.found())),
    }
}

#[cold]
fn invalid_utf8(line: &[u8], offset: usize) -> Box<Error> {
    let byte = line.get(offset).copied().unwrap_or_default();
    Box::new(Error { offset, message: format!("invalid UTF-8: byte 0x{byte:02X}") })
}

/// UTF-16 is a fault of the whole file, so it is worth more than the first byte it trips over.
#[cold]
fn explain(line: &[u8], error: Error) -> Error {
    let utf16 = match line {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // Of ASCII text every other byte is zero; the first one is left of the newline of the line before.
        [0, other, 0, ..] | [other, 0, _, 0, ..] => *other != 0,
        _ => false,
    };
    if utf16 {
        return Error { message: "the text is UTF-16; a stream is UTF-8".into(), ..error };
    }
    error
}
