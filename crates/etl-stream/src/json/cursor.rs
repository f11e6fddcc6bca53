//! The grammar of RFC 8259 over the bytes of one line, without recursion and without allocation.

use super::words::stops;
use super::{Error, Tag};

/// Levels of arrays and objects, the record itself included.
pub(super) const MAX_DEPTH: u32 = 128;

/// Boxed, so that the result of every step of the hot loop fits in registers.
pub(super) type Step<T> = Result<T, Box<Error>>;

/// A position in text that is valid UTF-8.
///
/// It is kept as the rest of the text, not as an offset: taking eight bytes off a slice costs one comparison, and with
/// an offset two. Functions that are not inlined get a copy, so that the hot loop's own cursor stays in registers.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
    /// The length of the whole text.
    pub(super) len: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: text, len: text.len() }
    }

    /// The offset in the text.
    #[inline(always)]
    pub(super) fn pos(self) -> usize {
        self.len - self.rest.len()
    }

    #[inline(always)]
    pub(super) fn at_end(self) -> bool {
        self.rest.is_empty()
    }

    /// The byte at the position, or 0 at the end: no rule of the grammar accepts a NUL, so both are faults,
    /// distinguished only where the message is written.
    #[inline(always)]
    pub(super) fn peek(self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    /// Skips this byte if it comes next.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    pub(super) fn skip_whitespace(&mut self) {
        // Most streams have none, and of all bytes that the grammar accepts only white space is this low.
        if self.peek() <= b' ' {
            while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
                self.rest = rest;
            }
        }
    }

    /// One value of any kind, and what follows it; `depth` is the number of levels around it.
    #[inline(never)]
    pub(super) fn any_value(mut self, depth: u32) -> Step<(Tag, Cursor<'a>)> {
        if let Some(tag) = self.scalar()? {
            return Ok((tag, self));
        }
        let tag = match self.peek() {
            b'{' => Tag::Object,
            b'[' => Tag::Array,
            _ => return Err(self.no_value()),
        };
        Ok((tag, self.nested(depth)?))
    }

    /// A value that contains no others, if one begins here.
    #[inline(always)]
    pub(super) fn scalar(&mut self) -> Step<Option<Tag>> {
        match self.peek() {
            b'"' => {
                self.rest = &self.rest[1..];
                let escaped = self.string()?;
                Ok(Some(if escaped { Tag::Escaped } else { Tag::Plain }))
            }
            b'-' | b'0'..=b'9' => self.number().map(|()| Some(Tag::Number)),
            b't' => Ok(self.literal(b"true", Tag::True)),
            b'f' => Ok(self.literal(b"false", Tag::False)),
            b'n' => Ok(self.literal(b"null", Tag::Null)),
            _ => Ok(None),
        }
    }

    #[inline(always)]
    fn literal<const N: usize>(&mut self, word: &[u8; N], tag: Tag) -> Option<Tag> {
        let (found, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = if found == word { rest } else { return None };
        Some(tag)
    }

    /// Reads the rest of a string, from after its opening quote to after its closing one; returns whether it has
    /// escapes.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Step<bool> {
        let mut escaped = false;
        loop {
            while let Some((chunk, rest)) = self.rest.split_first_chunk() {
                let stops = stops(u64::from_le_bytes(*chunk));
                if stops != 0 {
                    self.rest = &self.rest[(stops.trailing_zeros() / 8) as usize..];
                    break;
                }
                self.rest = rest;
            }
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(escaped);
                }
                [b'\\', ..] => {
                    escaped = true;
                    self.rest = self.escape()?;
                }
                [0..=0x1f, ..] | [] => return Err(self.bad_string()),
                // Within the last seven bytes of the line.
                [_, rest @ ..] => self.rest = rest,
            }
        }
    }

    /// What follows the escape that begins here.
    fn escape(mut self) -> Step<&'a [u8]> {
        let length = match self.rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match self.hex4(2)? {
                0xd800..=0xdbff => {
                    let low = match self.rest.get(6..8) {
                        Some(b"\\u") => self.hex4(8)?,
                        _ => 0,
                    };
                    if !(0xdc00..=0xdfff).contains(&low) {
                        return Err(self.fail("lone surrogate in a \\u escape"));
                    }
                    12
                }
                0xdc00..=0xdfff => return Err(self.fail("lone surrogate in a \\u escape")),
                _ => 6,
            },
            Some(_) => {
                self.rest = &self.rest[1..];
                let found = self.found();
                return Err(self.fail(format!("invalid escape in a string: \\ before {found}")));
            }
            None => return Err(self.fail("the line ends inside a string")),
        };
        Ok(&self.rest[length..])
    }

    fn hex4(self, from: usize) -> Step<u32> {
        match self.rest.get(from..from + 4).and_then(hex) {
            Some(unit) => Ok(unit),
            None => Err(self.fail("\\u without four hexadecimal digits")),
        }
    }

    /// What follows an array or object. The kinds of the open levels are the bits of one word.
    fn nested(mut self, outer: u32) -> Step<Cursor<'a>> {
        let mut depth = outer;
        let mut objects = 0u128;
        loop {
            let opened = self.peek();
            if opened == b'{' || opened == b'[' {
                if depth == MAX_DEPTH {
                    return Err(self.fail(format!("nested deeper than {MAX_DEPTH} levels")));
                }
                depth += 1;
                objects = objects << 1 | u128::from(opened == b'{');
                self.take(opened);
                self.skip_whitespace();
                match (opened, self.peek()) {
                    (b'{', b'}') | (b'[', b']') => {}
                    (b'{', _) => {
                        self.key()?;
                        self.skip_whitespace();
                        continue;
                    }
                    _ => continue,
                }
            } else if self.scalar()?.is_none() {
                return Err(self.no_value());
            }
            while depth > outer {
                self.skip_whitespace();
                match (objects & 1 == 1, self.rest) {
                    (true, [b'}', rest @ ..]) | (false, [b']', rest @ ..]) => {
                        self.rest = rest;
                        depth -= 1;
                        objects >>= 1;
                    }
                    (object, [b',', rest @ ..]) => {
                        self.rest = rest;
                        self.skip_whitespace();
                        if object {
                            self.key()?;
                            self.skip_whitespace();
                        }
                        break;
                    }
                    (object, _) => return Err(self.no_separator(object)),
                }
            }
            if depth == outer {
                return Ok(self);
            }
        }
    }

    /// Reads a key and its colon, and the space between them. Returns what is between the quotes, and whether it has
    /// escapes.
    pub(super) fn key(&mut self) -> Step<(&'a [u8], bool)> {
        if !self.take(b'"') {
            return Err(self.no_key());
        }
        let start = self.rest;
        let escaped = self.string()?;
        let raw = &start[..start.len() - self.rest.len() - 1];
        self.skip_whitespace();
        if !self.take(b':') {
            return Err(self.no_colon());
        }
        Ok((raw, escaped))
    }
}

/// The value of a few hexadecimal digits.
pub(crate) fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}
