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

/// A point, without its text.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    /// The end of its line in the body.
    pub(crate) end: usize,
    /// The hash of its series and time.
    pub(crate) key: u64,
    pub(crate) origin: Origin,
}

/// The record that a point was made of.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// The number of its table.
    pub(crate) table: usize,
    /// Its position, from 0, among the records of this table.
    pub(crate) position: u64,
    /// Its line in the stream.
    pub(crate) line: u64,
}

impl Batch {
    /// Adds a point; returns the stream's line of the earlier point that it overwrites, if any.
    pub(crate) fn push(&mut self, text: &[u8], origin: Origin, key: u64) -> Option<u64> {
        self.body.extend_from_slice(text);
        let place = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        self.points.push(Point { end: self.body.len(), key, origin });
        self.keys.insert(key, place).map(|before| self.points[before as usize].origin.line)
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

    /// The places of so many of these points, the oldest ones; `None` if the next one is as old as the last of them.
    pub(crate) fn oldest(&self, points: Range<usize>, count: usize) -> Option<Vec<usize>> {
        let timed = |place: usize| Some((time(self.text(place..place + 1))?, place));
        let mut timed: Vec<(i64, usize)> = points.map(timed).collect::<Option<_>>()?;
        if count >= timed.len() {
            return None;
        }
        let (oldest, &mut (next, _), _) = timed.select_nth_unstable(count);
        let is_clear = oldest.iter().all(|&(time, _)| time < next);
        let mut places: Vec<usize> = oldest.iter().map(|&(_, place)| place).collect();
        places.sort_unstable();
        is_clear.then_some(places)
    }

    /// Those of the points at these places that leave another one with the same series and time when they are taken away,
    /// one after the other: so many fewer points are overwritten.
    pub(crate) fn doubled<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a Point> {
        let mut left: HashMap<u64, usize, BuildHasherDefault<Hashed>> =
            places.iter().map(|&place| (self.points[place].key, 0)).collect();
        for point in &self.points {
            if let Some(left) = left.get_mut(&point.key) {
                *left += 1;
            }
        }
        places.iter().map(|&place| &self.points[place]).filter(move |point| {
            left.get_mut(&point.key).is_some_and(|left| {
                *left -= 1;
                *left > 0
            })
        })
    }
}

/// The time of a line, in the unit of its timestamp.
fn time(line: &[u8]) -> Option<i64> {
    let line = line.trim_ascii_end();
    let start = line.iter().rposition(|&byte| byte == b' ')? + 1;
    std::str::from_utf8(&line[start..]).ok()?.parse().ok()
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

    fn batch(lines: &[(&str, u64)]) -> Batch {
        let mut batch = Batch::default();
        for (position, (text, key)) in (0..).zip(lines) {
            batch.push(text.as_bytes(), Origin { table: 0, position, line: position + 1 }, *key);
        }
        batch
    }

    #[test]
    fn points_know_their_text_and_what_they_overwrite() {
        let mut batch = batch(&[("a v=1 1\n", 7), ("bb v=1 1\n", 8)]);
        let mut push = |text: &[u8], line| batch.push(text, Origin { table: 0, position: 0, line }, 7);
        assert_eq!(push(b"a v=2 1\n", 5), Some(1));
        assert_eq!(push(b"a v=3 1\n", 6), Some(5));
        assert_eq!(batch.text(0..4), b"a v=1 1\nbb v=1 1\na v=2 1\na v=3 1\n");
        assert_eq!(batch.text(1..2), b"bb v=1 1\n");
        assert_eq!(batch.text(0..0), b"");
        assert!(batch.meets(&[1, 8]) && !batch.meets(&[1, 9]));
        batch.clear();
        assert!(batch.points.is_empty() && !batch.meets(&[7, 8]));
    }

    #[test]
    fn the_oldest_are_found_unless_the_next_is_as_old() {
        let batch = batch(&[("m v=1 9\n", 0), ("m s=\"a\n1\" -5\n", 1), ("m v=1 9\n", 2), ("m v=1 7\n", 3)]);
        assert_eq!(batch.oldest(0..4, 2), Some(vec![1, 3]));
        assert_eq!(batch.oldest(0..3, 1), Some(vec![1]));
        assert_eq!(batch.oldest(2..4, 1), Some(vec![3]));
        assert_eq!(batch.oldest(0..4, 3), None);
        assert_eq!(batch.oldest(0..4, 4), None);
    }

    #[test]
    fn of_points_that_are_the_same_the_last_one_leaves_none() {
        let batch = batch(&[("a", 1), ("b", 2), ("a", 1), ("a", 1), ("c", 3)]);
        let lines =
            |places: &[usize]| batch.doubled(places).map(|point| point.origin.line).collect::<Vec<_>>();
        assert_eq!(lines(&[0, 1, 2]), [1, 3]);
        assert_eq!(lines(&[0, 2, 3]), [1, 3]);
        assert_eq!(lines(&[1, 4]), [0; 0]);
    }
}
