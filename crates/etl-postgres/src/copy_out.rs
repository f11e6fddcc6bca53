//! `COPY … TO STDOUT`: bytes from the server.
//!
//! The connection's thread reads a few chunks ahead and then waits, so a slow reader slows the server down and memory
//! use stays flat.

use std::io::{self, BufRead};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};

use postgres::Client;

use crate::cancel::Canceller;
use crate::error::Error;
use crate::worker::{After, Closed, Worker, wait};

/// How many chunks may wait for the reader.
const QUEUE: usize = 3;
/// A chunk of at least this many bytes is handed over. The server sends a message for each row; no message is split.
const CHUNK: usize = 64 << 10;

/// A `COPY … TO STDOUT` under way.
///
/// Dropping it before the server has sent everything gives it up: the server is asked to cancel it, and the connection
/// is closed, because such a request may come too late and hit the next statement. Whatever is asked of the session
/// after that fails ([`Error::is_lost`]).
pub struct CopyOut<'a> {
    what: String,
    chunks: Receiver<Vec<u8>>,
    spares: SyncSender<Vec<u8>>,
    outcome: Receiver<Result<(), ReadError>>,
    closed: Closed,
    canceller: Canceller,
    /// Whether it has been decided if the connection stays open. The first to set this decides: the connection's
    /// thread, once the server has ended the statement, or the reader who gives it up.
    decided: Arc<AtomicBool>,
    /// The chunk that was read last.
    chunk: Vec<u8>,
    end: End,
    /// Meanwhile, the session can do nothing else.
    _session: PhantomData<&'a mut ()>,
}

/// What the reader knows about the end.
enum End {
    NotYet,
    Whole,
    Failed,
}

/// Why it ended early.
enum ReadError {
    Statement(postgres::Error),
    System(io::Error),
}

impl CopyOut<'_> {
    pub(crate) fn start<'a>(worker: &Worker, canceller: Canceller, what: &str, sql: String) -> CopyOut<'a> {
        let (data, chunks) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
        let (spares, spare) = mpsc::sync_channel(QUEUE + 2);
        let (result, outcome) = mpsc::sync_channel(1);
        let decided = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&decided);
        worker.hand(Box::new(move |client| {
            let rest = copy(client, &sql, &data, &spare);
            let given_up = ended.swap(true, Ordering::AcqRel);
            let _ = result.send(rest.map(|rest| {
                if !rest.is_empty() {
                    let _ = data.send(rest);
                }
            }));
            if given_up { After::Close } else { After::Stay }
        }));
        CopyOut {
            what: what.to_owned(),
            chunks,
            spares,
            outcome,
            closed: worker.closed(),
            canceller,
            decided,
            chunk: Vec::new(),
            end: End::NotYet,
            _session: PhantomData,
        }
    }

    /// The next bytes, at least one; `None` at the end, when the server has sent everything. PostgreSQL sends a message
    /// for each row, and a chunk has only whole messages; the header and the trailer of binary data are not rows.
    ///
    /// # Errors
    /// What made the copy fail; the chunks before that are not complete data.
    ///
    /// # Panics
    /// If it has failed already.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        match self.end {
            End::NotYet => (),
            End::Whole => return Ok(None),
            End::Failed => panic!("a COPY that has failed has no more bytes"),
        }
        let mut used = std::mem::take(&mut self.chunk);
        // A chunk that a very long row has made large is not kept.
        if (1..=CHUNK * 2).contains(&used.capacity()) {
            used.clear();
            let _ = self.spares.try_send(used);
        }
        if let Some(chunk) = wait(&self.what, &self.chunks) {
            self.chunk = chunk;
            return Ok(Some(&self.chunk));
        }
        let failure = match self.outcome.recv() {
            Ok(Ok(())) => {
                self.end = End::Whole;
                return Ok(None);
            }
            Ok(Err(ReadError::Statement(error))) => Error::statement(&self.what, error),
            Ok(Err(ReadError::System(error))) => Error::system(&self.what, error),
            Err(_) => self.closed.error(&self.what),
        };
        self.end = End::Failed;
        Err(failure)
    }
}

impl Drop for CopyOut<'_> {
    fn drop(&mut self) {
        if !self.decided.swap(true, Ordering::AcqRel)
            && let Err(error) = self.canceller.cancel()
        {
            log::debug!("{error}");
        }
    }
}

/// Hands chunks over until the server has sent everything or the reader is gone, and returns what is left to hand over.
fn copy(
    client: &mut Client,
    sql: &str,
    data: &SyncSender<Vec<u8>>,
    spare: &Receiver<Vec<u8>>,
) -> Result<Vec<u8>, ReadError> {
    let mut reader = client.copy_out(sql).map_err(ReadError::Statement)?;
    loop {
        let mut chunk = spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK + CHUNK / 4));
        while chunk.len() < CHUNK {
            let message = reader.fill_buf().map_err(reason)?;
            if message.is_empty() {
                return Ok(chunk);
            }
            chunk.extend_from_slice(message);
            let length = message.len();
            reader.consume(length);
        }
        if data.send(chunk).is_err() {
            return Ok(Vec::new());
        }
    }
}

/// The crate's own error, which it wraps.
fn reason(error: io::Error) -> ReadError {
    match error.downcast::<postgres::Error>() {
        Ok(error) => ReadError::Statement(error),
        Err(error) => ReadError::System(error),
    }
}
