//! The grammar of RFC 8259 over the bytes of one line, without recursion and without allocation.

use super::{Error, Kind};

/// Levels of arrays and objects, the record itself included.
pub(super) const MAX_DEPTH: u32 = 128;

/// Boxed, so that the result of every step of the hot loop fits in registers.
pub(super) type Step<T> = Result<T, Box<Error>>;

/// A position in text that is valid UTF-8.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) pos: usize,
}

impl Cursor<'_> {
    /// The byte at the position, 0 at the end: no rule of the grammar takes a NUL, so both are faults, told apart
    /// only where the message is written.
    #[inline(always)]
    pub(super) fn peek(&self) -> u8 {
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(super) fn skip_whitespace(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.pos += 1;
        }
    }

    /// One value of any kind; `depth` is the number of levels it is inside of.
    #[inline(always)]
    pub(super) fn value(&mut self, depth: u32) -> Step<Kind> {
        match self.peek() {
            b'{' => self.nested(depth).map(|()| Kind::Object),
            b'[' => self.nested(depth).map(|()| Kind::Array),
            _ => self.scalar(),
        }
    }

    #[inline(always)]
    fn scalar(&mut self) -> Step<Kind> {
        match self.peek() {
            b'"' => {
                self.pos += 1;
                Ok(Kind::String { escaped: self.string()? })
            }
            b'-' | b'0'..=b'9' => self.number().map(|()| Kind::Number),
            b't' => self.literal(b"true", Kind::Bool(true)),
            b'f' => self.literal(b"false", Kind::Bool(false)),
            b'n' => self.literal(b"null", Kind::Null),
            _ => Err(self.no_value()),
        }
    }

    #[inline(always)]
    fn literal(&mut self, word: &[u8], kind: Kind) -> Step<Kind> {
        if !self.bytes[self.pos..].starts_with(word) {
            return Err(self.no_value());
        }
        self.pos += word.len();
        Ok(kind)
    }

    /// The rest of a string, from behind its opening quote to behind its closing one; tells whether it has escapes.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Step<bool> {
        let mut escaped = false;
        loop {
            while let Some(chunk) = self.bytes[self.pos..].first_chunk::<8>() {
                let stops = stops(u64::from_le_bytes(*chunk));
                if stops != 0 {
                    self.pos += (stops.trailing_zeros() / 8) as usize;
                    break;
                }
                self.pos += 8;
            }
            match self.peek() {
                b'"' => {
                    self.pos += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0..=0x1f => return Err(self.bad_string()),
                // Within the last seven bytes of the line.
                _ => self.pos += 1,
            }
        }
    }

    fn escape(&mut self) -> Step<()> {
        match self.bytes.get(self.pos + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.pos += 2,
            Some(b'u') => {
                let start = self.pos;
                match self.hex4(start + 2)? {
                    0xd800..=0xdbff => {
                        let low = match self.bytes.get(start + 6..start + 8) {
                            Some(b"\\u") => self.hex4(start + 8)?,
                            _ => 0,
                        };
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(self.fail("lone surrogate in a \\u escape"));
                        }
                        self.pos = start + 12;
                    }
                    0xdc00..=0xdfff => return Err(self.fail("lone surrogate in a \\u escape")),
                    _ => self.pos = start + 6,
                }
            }
            Some(_) => {
                self.pos += 1;
                let found = self.found();
                return Err(self.fail(format!("invalid escape in a string: \\ before {found}")));
            }
            None => return Err(self.fail("the line ends inside a string")),
        }
        Ok(())
    }

    fn hex4(&self, at: usize) -> Step<u32> {
        let digits = self.bytes.get(at..at + 4);
        match digits.and_then(hex4) {
            Some(unit) => Ok(unit),
            None => Err(self.fail("\\u without four hexadecimal digits")),
        }
    }

    #[inline(always)]
    fn digits(&mut self) -> bool {
        let start = self.pos;
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        self.pos > start
    }

    #[inline(always)]
    fn number(&mut self) -> Step<()> {
        let start = self.pos;
        if self.peek() == b'-' {
            self.pos += 1;
        }
        let first = self.pos;
        if !self.digits() {
            return Err(self.no_value_from(start));
        }
        if self.bytes[first] == b'0' && self.pos > first + 1 {
            self.pos = first;
            return Err(self.fail("a number with a leading zero"));
        }
        if self.peek() == b'.' {
            self.pos += 1;
            if !self.digits() {
                return Err(self.fail("a number without a digit after its point"));
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.pos += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.pos += 1;
            }
            if !self.digits() {
                return Err(self.fail("a number without a digit in its exponent"));
            }
        }
        Ok(())
    }

    /// An array or object with all it contains. The kinds of the open levels are the bits of one word.
    fn nested(&mut self, outer: u32) -> Step<()> {
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
                self.pos += 1;
                self.skip_whitespace();
                match (opened, self.peek()) {
                    (b'{', b'}') | (b'[', b']') => {}
                    (b'{', _) => {
                        self.key()?;
                        continue;
                    }
                    _ => continue,
                }
            } else {
                self.scalar()?;
            }
            while depth > outer {
                self.skip_whitespace();
                match (objects & 1 == 1, self.peek()) {
                    (true, b'}') | (false, b']') => {
                        self.pos += 1;
                        depth -= 1;
                        objects >>= 1;
                    }
                    (object, b',') => {
                        self.pos += 1;
                        self.skip_whitespace();
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    (object, _) => return Err(self.no_separator(object)),
                }
            }
            if depth == outer {
                return Ok(());
            }
        }
    }

    /// A key of a nested object, its colon and the space around it.
    fn key(&mut self) -> Step<()> {
        self.open_key()?;
        self.string()?;
        self.colon()
    }

    #[inline(always)]
    pub(super) fn open_key(&mut self) -> Step<()> {
        if self.peek() != b'"' {
            return Err(self.no_key());
        }
        self.pos += 1;
        Ok(())
    }

    #[inline(always)]
    pub(super) fn colon(&mut self) -> Step<()> {
        self.skip_whitespace();
        if self.peek() != b':' {
            let found = self.found();
            return Err(self.fail(format!("expected `:` after a key, found {found}")));
        }
        self.pos += 1;
        self.skip_whitespace();
        Ok(())
    }

    #[cold]
    #[inline(never)]
    pub(super) fn fail(&self, message: impl Into<String>) -> Box<Error> {
        Box::new(Error { offset: self.pos.min(self.bytes.len()), message: message.into() })
    }

    pub(super) fn at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    /// What is at the position, in words for a message.
    pub(super) fn found(&self) -> String {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let head = &rest[..rest.len().min(4)];
        match head.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
            None => "the end of the line".into(),
            Some('\0') => "a NUL byte".into(),
            Some(c) if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
        }
    }

    #[cold]
    #[inline(never)]
    fn no_key(&self) -> Box<Error> {
        if self.at_end() {
            return self.fail("the line ends inside an object: is it pretty-printed? one object a line");
        }
        let found = self.found();
        self.fail(format!("expected a key in double quotes, found {found}"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_separator(&self, object: bool) -> Box<Error> {
        let (what, close) = if object { ("object", '}') } else { ("array", ']') };
        if self.at_end() {
            return self.fail(format!("the line ends inside an {what}"));
        }
        let found = self.found();
        self.fail(format!("expected `,` or `{close}` after a value, found {found}"))
    }

    #[cold]
    #[inline(never)]
    fn no_value(&self) -> Box<Error> {
        self.no_value_from(self.pos)
    }

    #[cold]
    #[inline(never)]
    fn no_value_from(&self, start: usize) -> Box<Error> {
        let rest = &self.bytes[start..];
        let words = ["NaN", "nan", "-NaN", "-nan", "Infinity", "-Infinity", "inf", "-inf", "Inf", "-Inf"];
        if let Some(word) = words.iter().find(|word| rest.starts_with(word.as_bytes())) {
            let at = Cursor { bytes: self.bytes, pos: start };
            return at.fail(format!("{word} is no JSON number"));
        }
        if self.at_end() {
            return self
                .fail("the line ends where a value is expected: is it pretty-printed? one object a line");
        }
        let found = self.found();
        self.fail(format!("expected a value, found {found}"))
    }

    #[cold]
    #[inline(never)]
    fn bad_string(&self) -> Box<Error> {
        if self.at_end() {
            return self.fail("the line ends inside a string");
        }
        let found = self.found();
        self.fail(format!("{found} inside a string, where it must be escaped"))
    }
}

/// The value of four hexadecimal digits.
pub(super) fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

/// Marks the high bit of each byte that ends a plain run in a string: a quote, a backslash, a control character.
/// Bytes above the lowest mark may be marked falsely (the subtraction borrows); only the lowest is used.
#[inline(always)]
fn stops(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let equal = |byte: u8| {
        let x = word ^ (ONES * byte as u64);
        x.wrapping_sub(ONES) & !x
    };
    (equal(b'"') | equal(b'\\') | (word.wrapping_sub(ONES * 0x20) & !word)) & HIGH
}
