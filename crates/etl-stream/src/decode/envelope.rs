//! The message that a record of a connector comes in.

use crate::json::{Extent, Scanner};
use crate::reader::Line;

use super::layout::Layout;

/// A message as it stands in its line, and where in it the record is.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    line: &'a [u8],
    start: u32,
    end: u32,
    /// Whether the line was not scanned: it is this message only if the record is one.
    guessed: bool,
}

/// What a message says of its record besides the record itself, as JSON; empty where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// When the source was asked for it: Singer's `time_extracted`, Airbyte's `emitted_at`.
    pub time: &'a [u8],
    /// Singer's `version`.
    pub version: &'a [u8],
    /// Airbyte's `meta`.
    pub meta: &'a [u8],
}

impl About<'_> {
    /// Whether the record is of a version.
    pub fn has_version(&self) -> bool {
        !matches!(self.version, b"" | b"null")
    }
}

impl<'a> Envelope<'a> {
    /// Nothing is around the record.
    pub const NONE: Envelope<'static> = Envelope { line: &[], start: 0, end: 0, guessed: false };

    /// The line of a message whose record is here.
    #[inline]
    pub(super) fn new(line: &'a [u8], record: Extent) -> Envelope<'a> {
        Envelope { line, start: record.start, end: record.end, guessed: false }
    }

    /// The same of a line that was not scanned.
    #[inline]
    pub(super) fn guess(line: &'a [u8], record: Extent) -> Envelope<'a> {
        Envelope { guessed: true, ..Envelope::new(line, record) }
    }

    /// The line of the message whose record is this, if it was not scanned.
    pub(super) fn unscanned(self, record: Line<'a>) -> Option<Line<'a>> {
        let offset = record.offset - u64::from(self.start);
        self.guessed.then_some(Line { offset, bytes: self.line, ..record })
    }

    /// The values of these fields of the message, or of the object in it that the record is in; nothing where one is
    /// missing. `scanner` scans the message without its record.
    pub(super) fn find<const N: usize>(
        self,
        reading: &mut Reading<N>,
        names: [&str; N],
        inside: Option<&str>,
    ) -> [&'a [u8]; N] {
        let Reading { scanner, inner, layout, text } = reading;
        let (start, end) = (self.start as usize, self.end as usize);
        if end == 0 {
            return [&[]; N];
        }
        // The record may be long, and was looked at already.
        text.clear();
        text.extend_from_slice(&self.line[..start]);
        text.push(b'0');
        text.extend_from_slice(&self.line[end..]);
        let Ok(message) = scanner.scan(text) else { return [&[]; N] };
        let (message, offset) = match inside.map(|key| message.get(key)) {
            None => (message, 0),
            Some(Some(field)) => {
                let at = field.value.raw.as_ptr() as usize - text.as_ptr() as usize;
                match inner.scan(field.value.raw.as_bytes()) {
                    Ok(message) => (message, at),
                    Err(_) => return [&[]; N],
                }
            }
            Some(None) => return [&[]; N],
        };
        let longer = end - start - 1;
        let found = layout.find(&message, names).unwrap_or([None; N]);
        found.map(|extent| match extent {
            None => &[][..],
            Some(Extent { start: from, end: to, .. }) => {
                let shift = |at: u32| {
                    let at = at as usize + offset;
                    if at > start { at + longer } else { at }
                };
                &self.line[shift(from)..shift(to)]
            }
        })
    }
}

/// What reading messages without their records needs, used again for each.
#[derive(Default)]
pub(super) struct Reading<const N: usize> {
    scanner: Scanner,
    inner: Scanner,
    layout: Layout<N>,
    text: Vec<u8>,
}
