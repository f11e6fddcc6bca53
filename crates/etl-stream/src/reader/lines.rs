//! The lines of a source, found in a reused buffer, and the digest over them.

use std::io::{ErrorKind, Read};

use super::{Options, place};
use crate::digest::{Digest, Hasher};
use crate::fault::{Class, Fault, counted};
use crate::foreign::Foreign;

/// How much is read at a time.
pub(super) const BUFFER: usize = 128 * 1024;

/// Finds lines. What was consumed stays in the buffer until the next call, and its offsets stay valid until then.
pub(super) struct Lines<R> {
    source: R,
    options: Options,
    buf: Vec<u8>,
    /// `buf[start..end]` has been read, but not yet consumed.
    start: usize,
    end: usize,
    /// `buf[start..searched]` is known to contain no newline.
    searched: usize,
    /// `buf[hashed..start]` has been consumed, but is not yet in the digest.
    hashed: usize,
    /// The stream position of `buf[0]`.
    base: u64,
    hasher: Hasher,
    /// How many lines have been found.
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R, options: Options) -> Lines<R> {
        Lines {
            source,
            options,
            buf: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
            hashed: 0,
            base: 0,
            hasher: Hasher::default(),
            number: 0,
        }
    }

    /// Finds and consumes the next line: where it starts and ends in the buffer, without its newline.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        loop {
            let from = self.start.max(self.searched);
            if let Some(at) = memchr::memchr(b'\n', &self.buf[from..self.end]) {
                let (from, to) = (self.start, from + at);
                self.number += 1;
                self.check_length(to - from, from)?;
                self.start = to + 1;
                return Ok(Some((self.skip_bom(from, to), to)));
            }
            self.searched = self.end;
            if self.end - self.start > self.options.max_line_bytes {
                self.number += 1;
                self.check_length(self.end - self.start, self.start)?;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// What follows the last newline, once the source has ended: consumes it as a line.
    pub(super) fn rest(&mut self) -> Option<(usize, usize)> {
        let (from, to) = (self.start, self.end);
        (from < to).then(|| {
            self.number += 1;
            self.start = to;
            (self.skip_bom(from, to), to)
        })
    }

    /// The bytes between two offsets in the buffer.
    #[inline]
    pub(super) fn text(&self, from: usize, to: usize) -> &[u8] {
        &self.buf[from..to]
    }

    /// What was read from an offset in the buffer on.
    pub(super) fn text_from(&self, from: usize) -> &[u8] {
        &self.buf[from..self.end]
    }

    /// The number of the last line.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The stream position of an offset in the buffer.
    #[inline]
    pub(super) fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// The stream position after the last line.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        self.offset(self.start)
    }

    /// Whether the buffer does not yet hold the whole next line.
    pub(super) fn is_drained(&self) -> bool {
        let rest = &self.buf[self.start..self.end];
        rest.len() <= self.options.max_line_bytes && memchr::memchr(b'\n', rest).is_none()
    }

    pub(super) fn source(&self) -> &R {
        &self.source
    }

    /// Starts the digest again after the last line.
    pub(super) fn start_digest(&mut self) {
        self.hasher = Hasher::default();
        self.hashed = self.start;
    }

    /// The length and digest of what comes before an offset in the buffer; the digest starts again from there.
    pub(super) fn digest_before(&mut self, at: usize) -> (u64, Digest) {
        self.hash_up_to(at);
        (self.hasher.bytes(), self.hasher.finish())
    }

    /// The length and digest of what was consumed; the digest starts again from there.
    pub(super) fn digest(&mut self) -> (u64, Digest) {
        self.digest_before(self.start)
    }

    /// Reads more into the buffer; false at the end of the source.
    pub(super) fn fill(&mut self) -> Result<bool, Fault> {
        self.hash_up_to(self.start);
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.searched = self.searched.saturating_sub(self.start);
            (self.start, self.hashed) = (0, 0);
        }
        if self.end == self.buf.len() {
            let longest = self.options.max_line_bytes.saturating_add(BUFFER);
            self.buf.resize((self.buf.len() * 2).clamp(BUFFER, longest), 0);
        }
        loop {
            match self.source.read(&mut self.buf[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => {
                    let at = place(self.number + 1, self.offset(self.end));
                    let message = format!("{at}: reading the input failed");
                    return Err(Fault::new(Class::Io, message).because(error));
                }
            }
        }
    }

    /// The size of the buffer.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.buf.len()
    }

    #[inline]
    fn check_length(&self, length: usize, from: usize) -> Result<(), Fault> {
        if length <= self.options.max_line_bytes { Ok(()) } else { Err(self.too_long(from)) }
    }

    #[cold]
    fn too_long(&self, from: usize) -> Fault {
        let at = place(self.number, self.offset(from));
        // Packed or JSON in one line: what it is matters more than its length.
        if let Some(foreign) = Foreign::of(self.text_from(from)).filter(|_| self.number == 1) {
            return Fault::data(format!("{at}: {}", foreign.says()));
        }
        let most = counted(self.options.max_line_bytes as u64, "byte", "bytes");
        Fault::data(format!("{at}: the line is longer than {most} (--max-line-bytes)"))
    }

    /// A byte order mark is tolerated where editors put it, before the first line.
    fn skip_bom(&self, from: usize, to: usize) -> usize {
        if self.number == 1 && self.buf[from..to].starts_with(b"\xEF\xBB\xBF") {
            (self.options.warn)("the input starts with a byte order mark, which is skipped");
            return from + 3;
        }
        from
    }

    fn hash_up_to(&mut self, to: usize) {
        self.hasher.update(&self.buf[self.hashed..to]);
        self.hashed = to;
    }
}
