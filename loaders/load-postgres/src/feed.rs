//! A COPY under way, fed row by row.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use etl_component::Fault;
use etl_postgres::{CopyIn, Error, Session};

use crate::encode::{HEADER, TRAILER};

/// How many bytes are encoded before they are sent.
const CHUNK: usize = 128 << 10;
/// A COPY ends at the first chunk after this many bytes or this long, because a refused row shows only at its end.
const LONGEST: (usize, Duration) = (64 << 20, Duration::from_secs(10));

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
}

impl Feed {
    /// Starts the COPY.
    pub(crate) fn start(session: &Session, destination: Destination, table: usize) -> Feed {
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
        }
    }

    /// Notes another row in the chunk, from this line of the input. `true` if it is time to finish.
    ///
    /// # Errors
    /// What made the COPY fail.
    #[inline]
    pub(crate) fn row(&mut self, line: u64) -> Result<bool, Error> {
        self.rows += 1;
        self.lines.push(self.rows, line);
        if self.chunk.len() < CHUNK {
            return Ok(false);
        }
        self.send()?;
        Ok(self.sent > LONGEST.0 || self.since.elapsed() > LONGEST.1)
    }

    /// How many rows were fed.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn send(&mut self) -> Result<(), Error> {
        self.sent += self.chunk.len();
        self.chunk = self.copy.send(std::mem::take(&mut self.chunk))?;
        Ok(())
    }

    /// Ends the COPY, and returns how many rows were fed and how many the server says it took.
    ///
    /// # Errors
    /// What made the COPY fail, also as a fault.
    pub(crate) fn finish(mut self) -> Result<(u64, u64), (Error, Fault)> {
        self.chunk.extend_from_slice(&TRAILER);
        if let Err(error) = self.send() {
            let fault = self.fault(&error);
            return Err((error, fault));
        }
        let Feed { copy, destination, lines, rows, .. } = self;
        copy.finish().map(|there| (rows, there)).map_err(|error| {
            let fault = explain(&destination, &lines, &error);
            (error, fault)
        })
    }

    /// An error of this COPY as a fault, with the line of the input that it is about.
    pub(crate) fn fault(&self, error: &Error) -> Fault {
        explain(&self.destination, &self.lines, error)
    }
}

fn explain(destination: &Destination, lines: &Lines, error: &Error) -> Fault {
    let at = error.copy_row(&destination.relation).map(|row| match lines.line(row) {
        Some(line) => format!("line {line}: "),
        None => format!("row {row} of the current COPY: "),
    });
    error.about(&format!("{}{}", at.unwrap_or_default(), destination.what))
}

/// Which line of the input each row of the COPY came from, as runs of rows from consecutive lines. Only the last runs
/// are kept: a row that the server refuses is among the last few megabytes that were sent.
#[derive(Debug, Default)]
struct Lines {
    /// The first row of each run, and its line.
    runs: VecDeque<(u64, u64)>,
}

/// The most runs that are kept.
const RUNS: usize = 1 << 16;

impl Lines {
    #[inline]
    fn push(&mut self, row: u64, line: u64) {
        let follows = self.runs.back().is_some_and(|(first, at)| line - at == row - first);
        if !follows {
            if self.runs.len() == RUNS {
                self.runs.pop_front();
            }
            self.runs.push_back((row, line));
        }
    }

    fn line(&self, row: u64) -> Option<u64> {
        let run = self.runs.iter().rev().find(|(first, _)| *first <= row)?;
        Some(run.1 + (row - run.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lead_back_to_their_lines() {
        let mut lines = Lines::default();
        for (row, line) in [(1, 2), (2, 3), (3, 7), (4, 8), (5, 10)] {
            lines.push(row, line);
        }
        assert_eq!(lines.runs.len(), 3);
        assert_eq!([1, 2, 3, 4, 5].map(|row| lines.line(row)), [2, 3, 7, 8, 10].map(Some));
        for row in 6..200_000 {
            lines.push(row, row * 2);
        }
        assert_eq!((lines.runs.len(), lines.line(199_999), lines.line(1)), (RUNS, Some(399_998), None));
    }
}
