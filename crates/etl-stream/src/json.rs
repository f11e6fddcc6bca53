//! A strict JSON scanner for records: one line in, the spans of its fields out.
//!
//! It decides everything RFC 8259 and the stream contract say about a line, and converts nothing: numbers stay text,
//! strings stay escaped, so that whoever knows the column's type reads each value once. Nothing is allocated per
//! line; a [`Scanner`] keeps its scratch.
//!
//! Stricter than RFC 8259: the line is one object, a key may not come twice at the top level, `_etl` is no key of a
//! record, a `\u` escape may not be a lone surrogate, and nesting ends at 128 levels.

mod cursor;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use cursor::{Cursor, Step};

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
        self.spans.get(position).map(|span| span.field(self.text).value)
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
        Field {
            key: self.key(text),
            key_escaped: self.key_escaped,
            value: Value::cut(text, self.value as usize, self.value_end as usize, self.kind),
        }
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

/// Scratch for the check that no key comes twice.
#[derive(Default)]
struct Names {
    decoded: Vec<u8>,
    /// Start and end in `decoded`, and the offset of the key in the line.
    order: Vec<(u32, u32, u32)>,
}

impl Names {
    /// Above this many keys, sorting is cheaper than comparing each with each.
    const FEW: usize = 24;

    fn check(&mut self, text: &str, spans: &[Span]) -> Step<()> {
        let plain = !spans.iter().any(|span| span.key_escaped);
        if plain && spans.len() <= Names::FEW {
            for (i, span) in spans.iter().enumerate() {
                let key = span.key(text);
                if key == "_etl" {
                    return Err(reserved(span.key));
                }
                if spans[..i].iter().any(|other| other.key(text) == key) {
                    return Err(twice(key, span.key));
                }
            }
            return Ok(());
        }
        self.check_many(text, spans)
    }

    fn check_many(&mut self, text: &str, spans: &[Span]) -> Step<()> {
        self.decoded.clear();
        self.order.clear();
        for span in spans {
            let start = self.decoded.len() as u32;
            unescape_into(span.key(text), &mut self.decoded);
            self.order.push((start, self.decoded.len() as u32, span.key));
        }
        let decoded = &self.decoded;
        let name = |&(start, end, _): &(u32, u32, u32)| &decoded[start as usize..end as usize];
        // The length first: it tells most keys apart without touching their bytes.
        self.order.sort_unstable_by(|a, b| {
            let (a_name, b_name) = (name(a), name(b));
            (a_name.len(), a_name, a.2).cmp(&(b_name.len(), b_name, b.2))
        });
        if let Some(key) = self.order.iter().find(|key| name(key) == b"_etl") {
            return Err(reserved(key.2));
        }
        match self.order.windows(2).find(|pair| name(&pair[0]) == name(&pair[1])) {
            Some(pair) => Err(twice(&String::from_utf8_lossy(name(&pair[1])), pair[1].2)),
            None => Ok(()),
        }
    }
}

fn reserved(offset: u32) -> Box<Error> {
    Box::new(Error {
        offset: offset as usize,
        message: "the key `_etl` is reserved for control lines".into(),
    })
}

fn twice(key: &str, offset: u32) -> Box<Error> {
    Box::new(Error {
        offset: offset as usize,
        message: format!("the key `{}` comes twice", shorten(key, 80)),
    })
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

/// The text of one value that is all there is, such as an element or a whole document.
///
/// # Errors
/// The text is not one strict JSON value.
pub fn scan_value(text: &str) -> Result<Value<'_>, Error> {
    let mut at = Cursor { bytes: text.as_bytes(), pos: 0 };
    at.skip_whitespace();
    let start = at.pos;
    let kind = at.value(0).map_err(|error| *error)?;
    let end = at.pos;
    at.skip_whitespace();
    if at.at_end() { Ok(Value::cut(text, start, end, kind)) } else { Err(*trailing(&at)) }
}

/// The elements of an array whose text a [`Scanner`] or [`scan_value`] has accepted.
pub fn elements(array: &str) -> Elements<'_> {
    let mut at = Cursor { bytes: array.as_bytes(), pos: 0 };
    at.skip_whitespace();
    at.pos += usize::from(at.peek() == b'[');
    at.skip_whitespace();
    Elements { text: array, pos: at.pos }
}

/// Iterates over the elements of an array; see [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let mut at = Cursor { bytes: self.text.as_bytes(), pos: self.pos };
        // A closing bracket is no value, so it ends the iteration.
        let kind = at.value(0).ok()?;
        let (start, end) = (self.pos, at.pos);
        at.skip_whitespace();
        at.pos += usize::from(at.peek() == b',');
        at.skip_whitespace();
        self.pos = at.pos;
        Some(Value::cut(self.text, start, end, kind))
    }
}

/// Appends the decoded body of a string that was accepted by a [`Scanner`].
pub fn unescape_into(raw: &str, out: &mut Vec<u8>) {
    let mut rest = raw.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&kind, tail)) = rest.split_first() else { return };
        rest = tail;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => rest = unescape_unicode(rest, out),
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

/// Decodes what follows `\u`, a surrogate pair with its second escape; gives back what is behind it.
fn unescape_unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let unit = |at: usize| rest.get(at..at + 4).and_then(cursor::hex4).unwrap_or(0);
    let (code, length) = match unit(0) {
        high @ 0xd800..=0xdbff => (0x10000 + ((high - 0xd800) << 10) + (unit(6).saturating_sub(0xdc00)), 10),
        code => (code, 4),
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    rest.get(length..).unwrap_or_default()
}

/// The decoded body of a string that was accepted by a [`Scanner`].
pub fn unescape(raw: &str) -> String {
    let mut out = Vec::with_capacity(raw.len());
    unescape_into(raw, &mut out);
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
