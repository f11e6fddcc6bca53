//! The quick way to the record of a message: nearly all messages of a stream differ only in their record, a time and a
//! number, so what is around the record is compared with that of an earlier one.
//!
//! What a template finds is a guess: bytes before the record and after it that were seen in a message that was scanned. If
//! what is between them scans as one object, then the whole line is that message with that record. If not, the line has to be
//! read in full.

use super::StreamId;
use crate::json::{Extent, Tag};
use crate::reader::Line;

/// The fields of a message in whose values digits may differ.
const VARYING: [&[u8]; 3] = [b"time_extracted", b"version", b"emitted_at"];

/// What is around the records of one stream.
struct Template {
    stream: StreamId,
    before: Box<[u8]>,
    after: Vec<Piece>,
}

/// A part of what follows a record.
#[derive(Debug, PartialEq)]
enum Piece {
    /// These bytes.
    Same(Box<[u8]>),
    /// Some digits; where they begin a number, no zero comes first.
    Digits { of_number: bool },
}

/// The templates of the streams that came last.
#[derive(Default)]
pub(super) struct Templates(Vec<Template>);

impl Templates {
    /// How many streams may take turns.
    const MOST: usize = 4;

    /// The stream and the record of a message, if it is like an earlier one.
    #[inline]
    pub(super) fn find(&mut self, line: &[u8]) -> Option<(StreamId, Extent)> {
        let found = self.0.iter().enumerate().find_map(|(at, known)| Some((at, known.find(line)?)));
        let (at, extent) = found?;
        if at > 0 {
            self.0[..=at].rotate_right(1);
        }
        Some((self.0[0].stream, extent))
    }

    /// Remembers a message that was scanned.
    #[cold]
    pub(super) fn learn(&mut self, line: Line<'_>, stream: StreamId, record: Extent) {
        let (before, rest) = line.bytes.split_at(record.start as usize);
        let Some(after) = rest.get((record.end - record.start) as usize..).and_then(pieces) else { return };
        self.0.truncate(Templates::MOST - 1);
        self.0.insert(0, Template { stream, before: before.into(), after });
    }

    /// Another schema makes another stream of records that look the same.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Template {
    #[inline]
    fn find(&self, line: &[u8]) -> Option<Extent> {
        let mut record = line.strip_prefix(&*self.before)?;
        for piece in self.after.iter().rev() {
            record = match piece {
                Piece::Same(bytes) => record.strip_suffix(&**bytes)?,
                Piece::Digits { of_number } => strip_digits(record, *of_number)?,
            };
        }
        let is_object = matches!(record, [b'{', .., b'}']);
        let (start, end) = (self.before.len(), self.before.len() + record.len());
        let end = u32::try_from(end).ok().filter(|_| is_object && u32::try_from(line.len()).is_ok())?;
        Some(Extent { tag: Tag::Object, start: start as u32, end })
    }
}

#[inline]
fn strip_digits(text: &[u8], of_number: bool) -> Option<&[u8]> {
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, digits) = text.split_at(text.len() - digits);
    let fits = match digits {
        [] => false,
        [b'0', _, ..] => !of_number,
        _ => true,
    };
    fits.then_some(rest)
}

/// What follows a record, in pieces; `None` if strings in it have escapes.
fn pieces(after: &[u8]) -> Option<Vec<Piece>> {
    if after.contains(&b'\\') {
        return None;
    }
    let mut pieces = Vec::new();
    let (mut same, mut key, mut at) = (Vec::new(), &b""[..], 0);
    let is_varying = |key: &[u8]| VARYING.contains(&key);
    while let Some(&byte) = after.get(at) {
        if byte == b'"' {
            let length = memchr::memchr(b'"', &after[at + 1..])?;
            let text = &after[at + 1..at + 1 + length];
            at += length + 2;
            let is_key = after[at..].trim_ascii_start().first() == Some(&b':');
            same.push(b'"');
            if is_key || !is_varying(key) {
                same.extend_from_slice(text);
            } else {
                split(text, false, &mut same, &mut pieces);
            }
            same.push(b'"');
            if is_key {
                key = text;
            }
            continue;
        }
        let length = after[at..].iter().position(|byte| *byte == b'"').unwrap_or(after.len() - at);
        let text = &after[at..at + length];
        match is_varying(key) {
            true => split(text, true, &mut same, &mut pieces),
            false => same.extend_from_slice(text),
        }
        at += length;
    }
    pieces.push(Piece::Same(same.into()));
    Some(pieces)
}

/// Takes a text apart at its digits.
fn split(text: &[u8], outside: bool, same: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
    let mut rest = text;
    while let Some(start) = rest.iter().position(u8::is_ascii_digit) {
        let length = rest[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        same.extend_from_slice(&rest[..start]);
        // The digits of a fraction or of an exponent may begin with a zero.
        let of_number = outside && !matches!(same.last(), Some(b'.' | b'e' | b'E' | b'+'));
        pieces.push(Piece::Same(std::mem::take(same).into()));
        pieces.push(Piece::Digits { of_number });
        rest = &rest[start + length..];
    }
    same.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_times_and_versions_may_differ() {
        let same = |text: &str| Piece::Same(text.as_bytes().into());
        let digits = |of_number| Piece::Digits { of_number };
        let found = pieces(br#","time_extracted":"2026-01","version": -7.50, "x1":2}"#).unwrap();
        let expected = [
            same(r#","time_extracted":""#),
            digits(false),
            same("-"),
            digits(false),
            same(r#"","version": -"#),
            digits(true),
            same("."),
            digits(false),
            same(r#", "x1":2}"#),
        ];
        assert_eq!(found, expected);
        assert_eq!(pieces(br#","time_extracted":"\u0041"}"#), None);
        assert_eq!(pieces(b"}").unwrap(), [same("}")]);
    }
}
