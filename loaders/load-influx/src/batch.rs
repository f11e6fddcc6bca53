//! The points of one request.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// Points, each a line of line protocol, in the order of the stream.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) body: Vec<u8>,
    pub(crate) points: Vec<Point>,
    /// The index in `points` of the last point with each series and time, by their hash.
    keys: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
}

/// Where a point comes from, and where it ends in the body.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    /// The end of its line in the body.
    pub(crate) end: usize,
    /// The line of its record in the stream.
    pub(crate) line: u64,
    /// The hash of its series and time.
    pub(crate) key: u64,
}

impl Batch {
    /// Adds a point; returns the stream's line of the earlier point that it overwrites, if any.
    pub(crate) fn push(&mut self, text: &[u8], line: u64, key: u64) -> Option<u64> {
        self.body.extend_from_slice(text);
        let place = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        self.points.push(Point { end: self.body.len(), line, key });
        self.keys.insert(key, place).map(|before| self.points[before as usize].line)
    }

    /// Removes all points, but keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.body.clear();
        self.points.clear();
        self.keys.clear();
    }

    /// Whether a point of this batch has one of these keys of another batch.
    pub(crate) fn meets(&self, keys: &[u64]) -> bool {
        keys.iter().any(|key| self.keys.contains_key(key))
    }

    /// The lines of these points.
    pub(crate) fn text(&self, points: Range<usize>) -> &[u8] {
        let end = |count: usize| if count == 0 { 0 } else { self.points[count - 1].end };
        &self.body[end(points.start)..end(points.end)]
    }
}

/// The hasher of keys that are hashes already: they stay as they are.
#[derive(Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_know_their_text_and_what_they_overwrite() {
        let mut batch = Batch::default();
        assert_eq!(batch.push(b"a v=1 1\n", 2, 7), None);
        assert_eq!(batch.push(b"bb v=1 1\n", 3, 8), None);
        assert_eq!(batch.push(b"a v=2 1\n", 5, 7), Some(2));
        assert_eq!(batch.push(b"a v=3 1\n", 6, 7), Some(5));
        assert_eq!(batch.text(0..4), b"a v=1 1\nbb v=1 1\na v=2 1\na v=3 1\n");
        assert_eq!(batch.text(1..2), b"bb v=1 1\n");
        assert_eq!(batch.text(0..0), b"");
        assert!(batch.meets(&[1, 8]) && !batch.meets(&[1, 9]));
        batch.clear();
        assert!(batch.points.is_empty() && !batch.meets(&[7, 8]));
    }
}
