//! Values by themselves: a value alone, the elements of an array, the decoded text of a string.

use super::cursor::{self, Cursor};
use super::{Error, Value};

/// Scans a text that is a single value, such as an element or a whole document.
///
/// # Errors
/// The text is not one strict JSON value.
pub fn scan_value(text: &str) -> Result<Value<'_>, Error> {
    let mut at = Cursor::new(text.as_bytes());
    at.skip_whitespace();
    let start = at.pos();
    let tag;
    (tag, at) = at.any_value(0).map_err(|error| *error)?;
    let end = at.pos();
    at.skip_whitespace();
    if at.at_end() { Ok(Value::cut(text, start, end, tag)) } else { Err(*at.trailing()) }
}

/// The value at the start of a text, which has this many levels around it, and what follows it; `None` if it is not
/// strict JSON.
pub fn first_value(text: &[u8], levels: u32) -> Option<(Value<'_>, &[u8])> {
    let (tag, at) = Cursor::new(text).any_value(levels).ok()?;
    let value = std::str::from_utf8(&text[..at.pos()]).ok()?;
    Some((Value::cut(value, 0, value.len(), tag), at.rest))
}

/// The elements of an array whose text a [`Scanner`](super::Scanner) or [`scan_value`] has accepted.
pub fn elements(array: &str) -> Elements<'_> {
    let mut at = Cursor::new(array.as_bytes());
    at.skip_whitespace();
    at.take(b'[');
    at.skip_whitespace();
    Elements { text: array, pos: at.pos() }
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
        let mut at = Cursor { rest: &self.text.as_bytes()[self.pos..], len: self.text.len() };
        // A closing bracket is not a value, so it ends the iteration.
        let tag;
        (tag, at) = at.any_value(0).ok()?;
        let (start, end) = (self.pos, at.pos());
        at.skip_whitespace();
        at.take(b',');
        at.skip_whitespace();
        self.pos = at.pos();
        Some(Value::cut(self.text, start, end, tag))
    }
}

/// Whether a JSON text has the character U+0000, which it can write only as an escape.
pub fn has_nul(json: &str) -> bool {
    let mut rest = json.as_bytes();
    // A backslash that is itself escaped does not escape anything.
    while let Some(at) = memchr::memchr(b'\\', rest) {
        if rest[at + 1..].starts_with(b"u0000") {
            return true;
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

/// Appends the decoded body of a string that was accepted by a [`Scanner`](super::Scanner).
pub fn unescape_into(raw: &str, out: &mut Vec<u8>) {
    unescape_bytes(raw.as_bytes(), out);
}

pub(super) fn unescape_bytes(mut rest: &[u8], out: &mut Vec<u8>) {
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

/// Decodes what follows `\u`, including the second escape of a surrogate pair; returns what follows that.
fn unescape_unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let unit = |at: usize| rest.get(at..at + 4).and_then(cursor::hex).unwrap_or(0);
    let (code, length) = match unit(0) {
        high @ 0xd800..=0xdbff => (0x10000 + ((high - 0xd800) << 10) + (unit(6).saturating_sub(0xdc00)), 10),
        code => (code, 4),
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    rest.get(length..).unwrap_or_default()
}

/// The decoded body of a string that was accepted by a [`Scanner`](super::Scanner).
pub fn unescape(raw: &str) -> String {
    let mut out = Vec::with_capacity(raw.len());
    unescape_into(raw, &mut out);
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
