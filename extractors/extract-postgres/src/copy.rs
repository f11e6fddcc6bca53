//! The bytes of a binary COPY as rows (PostgreSQL 15, COPY, "Binary Format"), however the server cuts them.

use etl_component::{Class, Fault};

use crate::decode::Bytes;

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The signature, the flags, and the length of an extension.
const HEADER: usize = 19;

/// Finds the rows in what the server sends.
pub(crate) struct Copy {
    /// How many fields a row has.
    width: usize,
    /// What came of a row that is not whole yet.
    pending: Vec<u8>,
    place: Place,
}

#[derive(PartialEq)]
enum Place {
    Header,
    Rows,
    End,
}

impl Copy {
    pub(crate) fn new(width: usize) -> Copy {
        Copy { width, pending: Vec::new(), place: Place::Header }
    }

    /// Passes each row on to `each`, which must not use one that turns out not to be whole ([`Fields::is_whole`]): that one comes
    /// again.
    ///
    /// # Errors
    /// 76 if it is not the binary format, or what `each` fails with.
    #[inline]
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&mut Fields<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.pending.is_empty() {
            let taken = self.rows(bytes, &mut each)?;
            self.pending.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let taken = self.rows(&pending, &mut each)?;
        pending.drain(..taken);
        self.pending = pending;
        Ok(())
    }

    /// Passes whole rows on, and returns how many bytes they had.
    #[inline]
    fn rows(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(&mut Fields<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut rest = bytes;
        if self.place == Place::Header {
            let Some((header, rows)) = rest.split_first_chunk::<HEADER>() else { return Ok(0) };
            // No flags, and so no numbers (OIDs) of rows, and no extension.
            if header[..11] != *SIGNATURE || header[11..] != [0; 8] {
                return Err(wrong("has another header"));
            }
            (rest, self.place) = (rows, Place::Rows);
        }
        while let Some((count, fields)) = rest.split_first_chunk::<2>() {
            match (i16::from_be_bytes(*count), &self.place) {
                (-1, Place::Rows) => (rest, self.place) = (fields, Place::End),
                (count, Place::Rows) if usize::try_from(count) == Ok(self.width) => {
                    let mut fields = Fields { rest: fields, left: self.width, state: State::Whole };
                    each(&mut fields)?;
                    match fields.finish() {
                        (State::Whole, after) => rest = after,
                        (State::Cut, _) => break,
                        (State::Wrong, _) => return Err(wrong("has a field of negative length")),
                    }
                }
                _ => return Err(wrong("has a row of another width")),
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Checks that all of it has come.
    ///
    /// # Errors
    /// 76 if it has not.
    pub(crate) fn end(self) -> Result<(), Fault> {
        if self.place == Place::End && self.pending.is_empty() { Ok(()) } else { Err(wrong("has no end")) }
    }
}

#[cold]
fn wrong(what: &str) -> Fault {
    Fault::new(Class::Protocol, format!("the server's COPY {what}: it does not answer as PostgreSQL does"))
}

/// The fields of a row; `None` is NULL.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    left: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Whole,
    Cut,
    Wrong,
}

impl<'a> Fields<'a> {
    /// Whether all fields that were asked for are there.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Passes over the fields that were not asked for, and returns what follows them.
    fn finish(mut self) -> (State, &'a [u8]) {
        while self.left > 0 && self.next().is_some() {}
        (self.state, self.rest)
    }

    #[cold]
    fn stop(&mut self, state: State) -> Option<Option<Bytes<'a>>> {
        (self.left, self.state) = (0, state);
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Bytes<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Option<Bytes<'a>>> {
        if self.left == 0 {
            return None;
        }
        let Some((length, rest)) = self.rest.split_first_chunk::<4>() else { return self.stop(State::Cut) };
        self.left -= 1;
        match i32::from_be_bytes(*length) {
            length @ 0.. => {
                let length = length as usize;
                let Some(after) = rest.get(length..) else { return self.stop(State::Cut) };
                self.rest = after;
                Some(Some(Bytes::of(rest, length)))
            }
            -1 => {
                self.rest = rest;
                Some(None)
            }
            _ => self.stop(State::Wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = [SIGNATURE.as_slice(), &[0; 8]].concat();
        bytes.extend(b"\0\x02\0\0\0\x03abc\xff\xff\xff\xff");
        bytes.extend(b"\0\x02\0\0\0\0\0\0\0\x01x");
        bytes.extend(b"\xff\xff");
        bytes
    }

    /// The rows in these pieces.
    fn rows<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<String>, String> {
        let (mut copy, mut rows) = (Copy::new(2), Vec::new());
        for piece in pieces {
            copy.feed(piece, |fields| {
                let text = |field: Option<Bytes<'_>>| {
                    field.map_or("NULL".into(), |field| String::from_utf8_lossy(field.get()).into_owned())
                };
                let row = fields.by_ref().map(text).collect::<Vec<_>>().join("|");
                if fields.is_whole() {
                    rows.push(row);
                }
                Ok(())
            })
            .map_err(|fault| fault.message().to_owned())?;
        }
        copy.end().map_err(|fault| fault.message().to_owned())?;
        Ok(rows)
    }

    #[test]
    fn it_may_be_cut_anywhere() {
        let bytes = stream();
        for size in 1..=bytes.len() {
            assert_eq!(rows(bytes.chunks(size)), Ok(vec!["abc|NULL".to_owned(), "|x".to_owned()]), "{size}");
        }
    }

    #[test]
    fn what_is_not_whole_or_another_format_is_refused() {
        let bytes = stream();
        let said =
            |what: &str| Err(format!("the server's COPY {what}: it does not answer as PostgreSQL does"));
        for end in 0..bytes.len() {
            assert_eq!(rows([&bytes[..end]]), said("has no end"), "{end}");
        }
        let changed = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            rows([bytes.as_slice()])
        };
        assert_eq!(changed(0, b'p'), said("has another header"));
        assert_eq!(changed(12, 1), said("has another header"));
        assert_eq!(changed(HEADER + 1, 3), said("has a row of another width"));
        assert_eq!(changed(HEADER + 2, 0x80), said("has a field of negative length"));
        assert_eq!(
            rows([[bytes.as_slice(), b"\0\x02"].concat().as_slice()]),
            said("has a row of another width")
        );
    }
}
