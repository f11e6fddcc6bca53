//! The syntax of numbers.

use super::cursor::{Cursor, Step};
use super::words::not_digits;

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(super) fn number(&mut self) -> Step<()> {
        match self.short_number() {
            Some(rest) => self.rest = rest,
            None => self.rest = self.any_number()?,
        }
        Ok(())
    }

    /// What follows a number that has no exponent and ends, not counting its sign, within sixteen bytes. `None` for all
    /// that is longer or wrong, and for some numbers that are right.
    #[inline(always)]
    fn short_number(self) -> Option<&'a [u8]> {
        let text = &self.rest[usize::from(self.peek() == b'-')..];
        let (word, behind) = text.split_first_chunk()?;
        let word = u64::from_le_bytes(*word);
        let marks = not_digits(word);
        // Places are counted in bits: the place of the first mark, or 64.
        let place = |marks: u64| marks.trailing_zeros() & !7;
        let whole = place(marks);
        if whole == 0 || whole > 8 && word as u8 == b'0' {
            return None;
        }
        let (mut end, mut next) = (whole, 0);
        let point = whole < 64 && (word >> whole) as u8 == b'.';
        if point {
            end = place(marks & (marks - 1));
        }
        if end < 64 {
            next = (word >> end) as u8;
        } else {
            let word = u64::from_le_bytes(*behind.first_chunk()?);
            let more = place(not_digits(word));
            if more < 64 {
                next = (word >> more) as u8;
            }
            if more == 64 || next == b'.' {
                return None;
            }
            end += more;
        }
        if point && end == whole + 8 || matches!(next, b'e' | b'E') {
            return None;
        }
        Some(&text[end as usize / 8..])
    }

    #[inline(never)]
    fn any_number(mut self) -> Step<&'a [u8]> {
        let start = self.rest;
        self.take(b'-');
        let first = self.rest;
        let whole = self.digits();
        if whole == 0 {
            return Err(self.no_value_from(start));
        }
        if whole > 1 && first[0] == b'0' {
            self.rest = first;
            return Err(self.fail("a number with a leading zero"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.fail("a number without a digit after its decimal point"));
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = rest;
            if let [b'+' | b'-', rest @ ..] = rest {
                self.rest = rest;
            }
            if self.digits() == 0 {
                return Err(self.fail("a number without a digit in its exponent"));
            }
        }
        Ok(self.rest)
    }

    /// Skips digits, eight bytes at a time: where they end is hard to predict, so a branch per digit would be
    /// expensive.
    #[inline(always)]
    fn digits(&mut self) -> usize {
        let before = self.rest.len();
        while let Some((chunk, rest)) = self.rest.split_first_chunk::<8>() {
            let ends = not_digits(u64::from_le_bytes(*chunk));
            if ends != 0 {
                self.rest = &self.rest[(ends.trailing_zeros() / 8) as usize..];
                return before - self.rest.len();
            }
            self.rest = rest;
        }
        while let [b'0'..=b'9', rest @ ..] = self.rest {
            self.rest = rest;
        }
        before - self.rest.len()
    }
}
