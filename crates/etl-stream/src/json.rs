//! A strict JSON scanner for records: one line in, the spans of its fields out.
//!
//! It checks everything that RFC 8259 and the stream contract say about a line, and converts nothing: numbers stay
//! text, strings stay escaped, so that whoever knows the column's type reads each value once. Nothing is allocated per
//! line; a [`Scanner`] keeps its scratch.
//!
//! It is stricter than RFC 8259: the line must be one object, a key may not come twice at the top level, `_etl` is not
//! allowed as a key, a `\u` escape may not be a lone surrogate, and nesting ends at 128 levels.

mod cursor;
mod faults;
mod keys;
mod names;
mod numbers;
mod odd;
mod scanner;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::borrow::Cow;
use std::fmt;

pub(crate) use cursor::hex;
pub use odd::has_odd_numbers;
pub use scanner::Scanner;
pub use text::{Elements, elements, first_value, has_nul, scan_value, unescape, unescape_into};
pub use words::stops;

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

/// A [`Kind`] in one byte, for hot loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `null`
    Null,
    /// `false`
    False,
    /// `true`
    True,
    /// A number.
    Number,
    /// `NaN`, `Infinity` or `-Infinity` in the place of a number, where they are admitted.
    Odd,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl From<Tag> for Kind {
    fn from(tag: Tag) -> Kind {
        match tag {
            Tag::Null => Kind::Null,
            Tag::False => Kind::Bool(false),
            Tag::True => Kind::Bool(true),
            Tag::Number | Tag::Odd => Kind::Number,
            Tag::Plain => Kind::String { escaped: false },
            Tag::Escaped => Kind::String { escaped: true },
            Tag::Array => Kind::Array,
            Tag::Object => Kind::Object,
        }
    }
}

/// A value as written in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its JSON text; for a string, what is between the quotes.
    pub text: &'a str,
    /// Its JSON text; for a string, with the quotes.
    pub raw: &'a str,
}

impl<'a> Value<'a> {
    /// Whether it is [`Tag::Odd`].
    pub fn is_odd(&self) -> bool {
        odd::begins(self.raw.as_bytes())
    }

    /// The JSON text of `source` between two offsets, which for a string include the quotes.
    fn cut(source: &'a str, start: usize, end: usize, tag: Tag) -> Value<'a> {
        let raw = &source[start..end];
        let text = if let Tag::Plain | Tag::Escaped = tag { &raw[1..raw.len() - 1] } else { raw };
        Value { kind: tag.into(), text, raw }
    }
}

/// One member of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The key as written between the quotes.
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

/// A value by its offsets in the line, so that what is read from bytes need not be cut out of the text first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its kind.
    pub tag: Tag,
    /// Where its JSON text begins; for a string, at the quote.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// Identifies the scanner, and the period of its life, that the numbers of keys belong to; see [`Record::key_numbers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering(u64);

/// Identifies the keys of a record, decoded and in order. Two records with the same shape have the same keys, so what was
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
    odd: bool,
}

impl<'a> Record<'a> {
    /// Whether it has `NaN`, `Infinity` or `-Infinity` without quotes.
    pub fn is_odd(&self) -> bool {
        self.odd
    }

    /// The line, without its newline.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The fields in the order of the line.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let text = self.text;
        keys(text, self.spans).zip(self.spans).map(move |((_, key), span)| Field {
            key,
            key_escaped: key.contains('\\'),
            value: span.value(text),
        })
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

    /// The values in the order of the line, by their offsets.
    #[inline]
    pub fn extents(&self) -> impl ExactSizeIterator<Item = Extent> + use<'a> {
        self.spans.iter().map(|span| Extent { tag: span.tag, start: span.value, end: span.value_end })
    }

    /// The numbers of the keys in the order of the line. Within one [`Numbering`] the same number is the same decoded
    /// key, but 0 may be any: a few keys have no number. Numbers are small, so that a table can be indexed with them.
    #[inline]
    pub fn key_numbers(&self) -> impl ExactSizeIterator<Item = u16> + use<'a> {
        self.spans.iter().map(|span| span.number)
    }

    /// What the numbers of the keys belong to.
    #[inline]
    pub fn numbering(&self) -> Numbering {
        Numbering(self.shape.scanner)
    }

    /// The field with this decoded name.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(|field| if field.key_escaped { field.name() == name } else { field.key == name })
    }

    /// What the keys are, to compare with another record's.
    #[inline]
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

/// Where a value is in its line, and the number of its key.
#[derive(Clone, Copy, Debug)]
struct Span {
    value: u32,
    value_end: u32,
    tag: Tag,
    number: u16,
}

impl Span {
    #[inline]
    fn value<'a>(&self, text: &'a str) -> Value<'a> {
        Value::cut(text, self.value as usize, self.value_end as usize, self.tag)
    }
}

/// The keys as written between the quotes, and their offsets in the line. They are not stored, since they are hardly
/// ever needed: each is what is in quotes between two values.
fn keys<'a>(text: &'a str, spans: &'a [Span]) -> impl ExactSizeIterator<Item = (u32, &'a str)> {
    let mut before = 0;
    spans.iter().map(move |span| {
        let between = &text[before..span.value as usize];
        let quotes = between.find('"').zip(between.rfind('"'));
        let (start, end) = quotes.map_or((0, 0), |(open, close)| (open + 1, close));
        let at = before + start;
        before = span.value_end as usize;
        (at as u32, &between[start..end])
    })
}

/// Whether a text that may have been cut is a whole object; false if it can still become one.
///
/// # Errors
/// What the scanner finds wrong with it, if no object can begin like this.
pub fn is_whole_object(text: &[u8]) -> Result<bool, Error> {
    let begins = text.trim_ascii_start().first().is_none_or(|&first| first == b'{');
    let is_text = std::str::from_utf8(text).err().is_none_or(|error| error.error_len().is_none());
    match serde_json::from_slice::<serde::de::IgnoredAny>(text) {
        Ok(_) if begins && is_text => Ok(true),
        Err(error) if error.is_eof() && begins && is_text => Ok(false),
        _ => match Scanner::new().scan(text) {
            Err(error) if error.offset >= text.len() && begins && is_text => Ok(false),
            scanned => scanned.map(|_| true),
        },
    }
}

/// Why a line is not a record.
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

/// At most `chars` characters of a text, with `…` where it was cut: for messages.
pub fn shorten(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
