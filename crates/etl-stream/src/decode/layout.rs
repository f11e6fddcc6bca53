//! Where messages of one shape have their fields.

use crate::json::{Extent, Record, Shape, unescape};
use crate::reader::Line;

/// The positions of some fields in the messages of one shape, which are looked up again when another shape comes.
pub(super) struct Layout<const N: usize> {
    shape: Option<Shape>,
    positions: [Option<usize>; N],
}

impl<const N: usize> Default for Layout<N> {
    fn default() -> Layout<N> {
        Layout { shape: None, positions: [None; N] }
    }
}

impl<const N: usize> Layout<N> {
    /// Where the values of these fields are in a message. The names are always the same. `None` if it has none of them.
    #[inline]
    pub(super) fn find(&mut self, record: &Record<'_>, names: [&str; N]) -> Option<[Option<Extent>; N]> {
        if self.shape != Some(record.shape()) {
            self.positions = names.map(|name| record.fields().position(|field| field.name() == name));
            self.shape = Some(record.shape());
        }
        let found = self.positions.map(|position| record.extents().nth(position?));
        found.iter().any(Option::is_some).then_some(found)
    }
}

impl Extent {
    /// The text of the value, of a string with its quotes.
    #[inline]
    pub(super) fn of(self, line: &[u8]) -> &[u8] {
        &line[self.start as usize..self.end as usize]
    }

    /// The part of a line that it is.
    #[inline]
    pub(super) fn line(self, line: Line<'_>) -> Line<'_> {
        Line { offset: line.offset + u64::from(self.start), bytes: self.of(line.bytes), ..line }
    }

    /// The same in a text that begins so many bytes earlier.
    pub(super) fn after(self, offset: u32) -> Extent {
        Extent { tag: self.tag, start: self.start + offset, end: self.end + offset }
    }
}

/// What a string with its quotes says.
pub(super) fn string(written: &[u8]) -> String {
    let inside = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    unescape(&String::from_utf8_lossy(inside))
}
