//! What is said about a line that is not a record. None of this runs for a good one.

use super::Error;
use super::cursor::Cursor;

/// jq without -c, and the like.
const PRETTY: &str =
    "is it pretty-printed? one object per line (`jq -c`; within a pipe under `standpipe through`)";

impl Cursor<'_> {
    #[cold]
    #[inline(never)]
    pub(super) fn fail(self, message: impl Into<String>) -> Box<Error> {
        Box::new(Error { offset: self.pos(), message: message.into() })
    }

    /// What is at the position, in words for a message.
    pub(super) fn found(self) -> String {
        let head = &self.rest[..self.rest.len().min(4)];
        match head.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
            None => "the end of the line".into(),
            Some('\0') => "a NUL byte".into(),
            Some(c) if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_key(self) -> Box<Error> {
        if self.at_end() {
            return self.fail(format!("the line ends inside an object: {PRETTY}"));
        }
        let found = self.found();
        self.fail(format!("expected a key in double quotes, found {found}"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_colon(self) -> Box<Error> {
        let found = self.found();
        self.fail(format!("expected `:` after a key, found {found}"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_separator(self, object: bool) -> Box<Error> {
        let (what, close) = if object { ("object", '}') } else { ("array", ']') };
        if self.at_end() {
            return self.fail(format!("the line ends inside an {what}"));
        }
        let found = self.found();
        self.fail(format!("expected `,` or `{close}` after a value, found {found}"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_value(self) -> Box<Error> {
        self.no_value_from(self.rest)
    }

    /// A value is missing, though a number may have begun at `start`.
    #[cold]
    #[inline(never)]
    pub(super) fn no_value_from(self, start: &[u8]) -> Box<Error> {
        let words = ["NaN", "nan", "-NaN", "-nan", "Infinity", "-Infinity", "inf", "-inf", "Inf", "-Inf"];
        if let Some(word) = words.iter().find(|word| start.starts_with(word.as_bytes())) {
            return Cursor { rest: start, len: self.len }.fail(format!("{word} is not a JSON number"));
        }
        if self.at_end() {
            return self.fail(format!("the line ends where a value is expected: {PRETTY}"));
        }
        let found = self.found();
        self.fail(format!("expected a value, found {found}"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn bad_string(self) -> Box<Error> {
        if self.at_end() {
            return self.fail("the line ends inside a string");
        }
        let found = self.found();
        self.fail(format!("{found} inside a string, where it must be escaped"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_object(self) -> Box<Error> {
        match self.peek() {
            _ if self.at_end() => self.fail("a blank line is not a record"),
            b'[' => self.fail("the line is an array; a record is an object, one per line"),
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                self.fail(format!("the line is not an object: {PRETTY}"))
            }
            0xef if self.rest.starts_with(b"\xef\xbb\xbf") => {
                self.fail("a byte order mark before the object")
            }
            _ => self.fail(format!("expected an object, found {}", self.found())),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn trailing(self) -> Box<Error> {
        match self.peek() {
            b'{' => self.fail("two objects on a line"),
            _ => self.fail(format!("text after the object: {}", self.found())),
        }
    }
}

#[cold]
pub(super) fn invalid_utf8(line: &[u8], offset: usize) -> Box<Error> {
    let byte = line.get(offset).copied().unwrap_or_default();
    Box::new(Error { offset, message: format!("invalid UTF-8: byte 0x{byte:02X}") })
}

/// UTF-16 is a fault of the whole file, so saying so is worth more than naming the first byte that fails.
#[cold]
pub(super) fn explain(line: &[u8], error: Error) -> Error {
    let utf16 = match line {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // In ASCII text every other byte is then zero; one at the start is what is left of the previous line's newline.
        [0, other, 0, ..] | [other, 0, _, 0, ..] => *other != 0,
        _ => false,
    };
    if utf16 {
        return Error { message: "the text is UTF-16; a stream is UTF-8".into(), ..error };
    }
    error
}
