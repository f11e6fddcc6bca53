//! `COPY … FROM STDIN`: bytes to the server.

use std::io::Write;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};

use postgres::CopyInWriter;

use crate::error::Error;
use crate::worker::{After, Closed, LONG, Worker, wait};

/// How many chunks may wait for the server: the more, the less it waits when the stream comes in bursts.
const QUEUE: usize = 12;

/// A `COPY … FROM STDIN` under way. Dropping it gives it up, and its transaction fails.
///
/// If the server refuses the statement itself, not the data, the connection is closed ([`Error::is_lost`]).
pub struct CopyIn {
    what: String,
    data: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    outcome: Receiver<Result<u64, postgres::Error>>,
    closed: Closed,
}

impl CopyIn {
    pub(crate) fn start(worker: &Worker, what: &str, sql: String) -> CopyIn {
        let (data, chunks) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
        let (spares, spare) = mpsc::sync_channel(QUEUE + 2);
        let (result, outcome) = mpsc::sync_channel(1);
        worker.hand(Box::new(move |client| {
            let (done, after) = match client.copy_in(&sql) {
                Ok(writer) => (copy(writer, &chunks, &spares), After::Stay),
                // The crate ends such a statement twice, and would then take each answer for that to the previous
                // statement.
                Err(error) => (Some(Err(error)), After::Close),
            };
            if let Some(done) = done {
                let _ = result.send(done);
            }
            after
        }));
        CopyIn { what: what.to_owned(), data, spare, outcome, closed: worker.closed() }
    }

    /// Sends a chunk, which must not be empty, and returns an empty one. A chunk may end anywhere.
    ///
    /// # Errors
    /// What made the copy fail.
    pub fn send(&mut self, mut chunk: Vec<u8>) -> Result<Vec<u8>, Error> {
        let capacity = chunk.capacity();
        let mut free = None;
        loop {
            chunk = match self.data.try_send(chunk) {
                Ok(()) => break,
                Err(TrySendError::Full(chunk)) => chunk,
                Err(TrySendError::Disconnected(_)) => return Err(self.failure()),
            };
            // Chunks come back once they have been sent.
            match self.spare.recv_timeout(LONG) {
                Ok(chunk) => free = Some(chunk),
                Err(RecvTimeoutError::Timeout) => {
                    log::info!(
                        "{}: the server accepts no more data for now; it may be waiting for a lock",
                        self.what
                    );
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.failure()),
            }
        }
        let free = free.or_else(|| self.spare.try_recv().ok());
        Ok(free.unwrap_or_else(|| Vec::with_capacity(capacity)))
    }

    /// Completes the copy, and returns the number of rows that the server took.
    ///
    /// # Errors
    /// What made the copy fail.
    pub fn finish(self) -> Result<u64, Error> {
        // If it has failed already, the outcome says so.
        let _ = self.data.send(Vec::new());
        match wait(&self.what, &self.outcome) {
            Some(outcome) => outcome.map_err(|error| Error::statement(&self.what, error)),
            None => Err(self.closed.error(&self.what)),
        }
    }

    /// Why it takes no further chunks.
    fn failure(&mut self) -> Error {
        match self.outcome.recv() {
            Ok(Err(error)) => Error::statement(&self.what, error),
            Ok(Ok(_)) => panic!("a copy has ended before its last chunk"),
            Err(_) => self.closed.error(&self.what),
        }
    }
}

/// Sends chunks until an empty one ends the copy; `None` if it was given up.
fn copy(
    mut writer: CopyInWriter<'_>,
    chunks: &Receiver<Vec<u8>>,
    spares: &SyncSender<Vec<u8>>,
) -> Option<Result<u64, postgres::Error>> {
    while let Ok(mut chunk) = chunks.recv() {
        if chunk.is_empty() {
            return Some(writer.finish());
        }
        if writer.write_all(&chunk).and_then(|()| writer.flush()).is_err() {
            // Ending it shows what the server says, or that the connection is gone.
            return Some(writer.finish());
        }
        chunk.clear();
        let _ = spares.try_send(chunk);
    }
    None
}
