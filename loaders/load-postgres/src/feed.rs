//! A COPY under way, fed row by row.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use etl_component::Fault;
use etl_postgres::{CopyIn, Error, Session};
use etl_stream::Line;

use crate::encode::{HEADER, TRAILER};

/// How many bytes are encoded before they are sent.
const CHUNK: usize = 128 << 10;
/// A COPY ends at the first chunk after this many bytes or this long, because a refused row shows only at its end.
const LONGEST: (usize, Duration) = (64 << 20, Duration::from_secs(10));
/// One whose rows are kept until the server has taken them ends after this many bytes.
const LONGEST_KEPT: usize = 4 << 20;

/// What a COPY writes into.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// Its name in our messages.
    pub(crate) what: String,
    /// Its name in the server's messages.
    pub(crate) relation: String,
    /// The COPY statement.
    pub(crate) copy: String,
}

/// A COPY of rows into one table.
pub(crate) struct Feed {
    /// The table's number.
    pub(crate) table: usize,
    destination: Destination,
    copy: CopyIn,
    /// Encoded rows that have not been sent yet.
    pub(crate) chunk: Vec<u8>,
    rows: u64,
    lines: Lines,
    sent: usize,
    since: Instant,
    /// What was sent, if it may have to be sent again.
    kept: Option<Vec<u8>>,
}

impl Feed {
    /// Starts the COPY. If it `keeps` its rows, they are in [`Failure::kept`].
    pub(crate) fn start(session: &Session, destination: Destination, table: usize, keeps: bool) -> Feed {
        let mut chunk = Vec::with_capacity(CHUNK + (CHUNK >> 2));
        chunk.extend_from_slice(HEADER);
        let copy = session.copy_in(&destination.what, destination.copy.clone());
        Feed {
            table,
            destination,
            copy,
            chunk,
            rows: 0,
            lines: Lines::default(),
            sent: 0,
            since: Instant::now(),
            kept: keeps.then(Vec::new),
        }
    }

    /// Notes another row in the chunk, from this line. `true` if it is time to finish.
    ///
    /// # Errors
    /// What made the COPY fail.
    #[inline]
    pub(crate) fn row(&mut self, line: Line<'_>) -> Result<bool, Error> {
        self.rows += 1;
        self.lines.push(self.rows, line.number, line.record);
        if self.chunk.len() < CHUNK {
            return Ok(false);
        }
        self.send()?;
        let longest = if self.kept.is_some() { LONGEST_KEPT } else { LONGEST.0 };
        Ok(self.sent > longest || self.since.elapsed() > LONGEST.1)
    }

    /// How many rows were fed.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn send(&mut self) -> Result<(), Error> {
        self.sent += self.chunk.len();
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&self.chunk);
        }
        self.chunk = self.copy.send(std::mem::take(&mut self.chunk))?;
        Ok(())
    }

    /// Ends the COPY, and returns how many rows were fed and how many the server says it took.
    ///
    /// # Errors
    /// What made the COPY fail.
    pub(crate) fn finish(mut self) -> Result<(u64, u64), Box<Failure>> {
        self.chunk.extend_from_slice(&TRAILER);
        if let Err(error) = self.send() {
            return Err(self.failure(error));
        }
        let Feed { copy, destination, lines, rows, table, kept, .. } = self;
        copy.finish()
            .map(|there| (rows, there))
            .map_err(|error| Failure::new(error, table, &destination, &lines, kept))
    }

    /// An error of this COPY, with what is known of the row that it is about.
    pub(crate) fn failure(self, error: Error) -> Box<Failure> {
        Failure::new(error, self.table, &self.destination, &self.lines, self.kept)
    }
}

/// Why a COPY failed.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) fault: Fault,
    /// The number of the table, and the line and the record's number of the row that was refused.
    pub(crate) refused: Option<(usize, u64, u64)>,
    /// The number of the table.
    pub(crate) table: usize,
    /// All rows of the COPY as they were sent, if it kept them.
    pub(crate) kept: Option<Vec<u8>>,
}

impl Failure {
    fn new(
        error: Error,
        table: usize,
        destination: &Destination,
        lines: &Lines,
        kept: Option<Vec<u8>>,
    ) -> Box<Failure> {
        // A connection that ends in the middle of a row is not that row's fault.
        let row = error.copy_row(&destination.relation).filter(|_| error.is_data());
        let refused = row.and_then(|row| lines.of(row)).map(|(line, record)| (table, line, record));
        let fault = error.about(&destination.what);
        let fault = match (row, refused) {
            (Some(row), None) => fault.at(&format!("row {row} of the current COPY")),
            _ => fault,
        };
        Box::new(Failure { error, fault, refused, table, kept })
    }
}

/// The rows of a COPY as another one that begins each with its position, the first with this one; and how many there are.
pub(crate) fn numbered(copied: &[u8], first: u64) -> (Vec<u8>, u64) {
    let mut rows = HEADER.to_vec();
    let (mut rest, mut position) = (copied.get(HEADER.len()..).unwrap_or_default(), first);
    while let Some((count, fields)) = rest.split_first_chunk::<2>() {
        let count = i16::from_be_bytes(*count);
        let mut after = fields;
        for _ in 0..count {
            let Some((length, value)) = after.split_first_chunk::<4>() else { break };
            // The length of NULL is -1.
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or_default();
            after = value.get(length..).unwrap_or_default();
        }
        if count < 0 {
            break;
        }
        rows.extend_from_slice(&(count + 1).to_be_bytes());
        rows.extend_from_slice(&8_i32.to_be_bytes());
        rows.extend_from_slice(&position.to_be_bytes());
        rows.extend_from_slice(&fields[..fields.len() - after.len()]);
        (rest, position) = (after, position + 1);
    }
    rows.extend_from_slice(&TRAILER);
    (rows, position - first)
}

/// Which line of the input each row of the COPY came from, as runs of rows from consecutive lines. Only the last runs
/// are kept: a row that the server refuses is among the last few megabytes that were sent.
#[derive(Debug, Default)]
struct Lines {
    /// The first row of each run, its line, and its record's number in the segment, or 0.
    runs: VecDeque<(u64, u64, u64)>,
}

/// The most runs that are kept.
const RUNS: usize = 1 << 16;

impl Lines {
    #[inline]
    fn push(&mut self, row: u64, line: u64, record: u64) {
        let follows = self.runs.back().is_some_and(|(first, at, _)| line - at == row - first);
        if !follows {
            if self.runs.len() == RUNS {
                self.runs.pop_front();
            }
            self.runs.push_back((row, line, record));
        }
    }

    fn of(&self, row: u64) -> Option<(u64, u64)> {
        let (first, line, record) = self.runs.iter().rev().find(|(first, ..)| *first <= row)?;
        let after = row - first;
        Some((line + after, if *record == 0 { 0 } else { record + after }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_their_positions() {
        let row = |count: u8, position: Option<u8>, fields: &[u8]| {
            let position = position.map(|position| [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, position]);
            [&[0, count], position.iter().flatten().copied().collect::<Vec<_>>().as_slice(), fields].concat()
        };
        let (one, null) = ([0, 0, 0, 2, 7, 8], [255, 255, 255, 255]);
        let fields = [[&one[..], &null].concat(), [&null[..], &null].concat(), [&null[..], &one].concat()];
        let rows = |first: Option<u8>| {
            let rows = fields.iter().zip(0..).flat_map(|(fields, n)| {
                row(if first.is_some() { 3 } else { 2 }, first.map(|first| first + n), fields)
            });
            [HEADER, &rows.collect::<Vec<_>>(), &TRAILER].concat()
        };
        assert_eq!(numbered(&rows(None), 5), (rows(Some(5)), 3));
        // It may have ended before its trailer was sent.
        let cut = rows(None);
        assert_eq!(numbered(&cut[..cut.len() - 2], 5), (rows(Some(5)), 3));
    }

    #[test]
    fn rows_lead_back_to_their_lines() {
        let mut lines = Lines::default();
        for (row, line, record) in [(1, 2, 1), (2, 3, 2), (3, 7, 1), (4, 8, 2), (5, 10, 0)] {
            lines.push(row, line, record);
        }
        assert_eq!(lines.runs.len(), 3);
        let expected = [(2, 1), (3, 2), (7, 1), (8, 2), (10, 0)].map(Some);
        assert_eq!([1, 2, 3, 4, 5].map(|row| lines.of(row)), expected);
        for row in 6..200_000 {
            lines.push(row, row * 2, 0);
        }
        assert_eq!((lines.runs.len(), lines.of(199_999), lines.of(1)), (RUNS, Some((399_998, 0)), None));
    }
}
