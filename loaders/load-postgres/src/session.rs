//! A connection on a thread of its own, so that reading, checking and encoding go on while it sends.

use std::error::Error as _;
use std::io::{BufRead, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault};
use postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

use crate::fault::fault;
use crate::settings::Settings;

/// How many chunks of a COPY may wait for the server.
const QUEUE: usize = 3;
/// What takes longer is mentioned in the log: it most likely waits for a lock.
const LONG: Duration = Duration::from_secs(3);

type Job = Box<dyn FnOnce(&mut Client) + Send>;

/// An open connection.
pub(crate) struct Session {
    jobs: SyncSender<Job>,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// 75 if the server cannot be reached, 76, 77 or 78 for what is wrong with it or with the credentials.
    pub(crate) fn connect(settings: &Settings) -> Result<Session, Fault> {
        let mut client = settings.connect()?;
        let (jobs, queue) = mpsc::sync_channel::<Job>(1);
        let work = move || {
            while let Ok(job) = queue.recv() {
                job(&mut client);
            }
        };
        let failed = |error| Fault::new(Class::Io, "cannot start a thread").because(error);
        thread::Builder::new().name("postgres".to_owned()).spawn(work).map_err(failed)?;
        Ok(Session { jobs })
    }

    /// Runs statements and gives back the rows of the last one that has any, as texts. `what` is for the log.
    pub(crate) fn rows(&self, what: &str, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        Ok(self.results(what, sql)?.pop().unwrap_or_default())
    }

    /// Runs statements and gives back the rows of each that has any.
    pub(crate) fn results(&self, what: &str, sql: &str) -> Result<Vec<Vec<SimpleQueryRow>>, Error> {
        let mut results = Vec::new();
        for message in self.simple(what, sql)? {
            match message {
                SimpleQueryMessage::RowDescription(_) => results.push(Vec::new()),
                SimpleQueryMessage::Row(row) => {
                    if let Some(rows) = results.last_mut() {
                        rows.push(row);
                    }
                }
                _ => (),
            }
        }
        Ok(results)
    }

    /// Runs statements and gives back the count that the last one with rows selects.
    pub(crate) fn number(&self, what: &str, sql: &str) -> Result<u64, Error> {
        let rows = self.rows(what, sql)?;
        Ok(rows.first().and_then(|row| row.get(0)?.parse().ok()).unwrap_or(0))
    }

    /// Runs statements and says how many rows the last one was about.
    pub(crate) fn count(&self, what: &str, sql: &str) -> Result<u64, Error> {
        Ok(self.counts(what, sql)?.pop().unwrap_or(0))
    }

    /// Runs statements and says how many rows each was about.
    pub(crate) fn counts(&self, what: &str, sql: &str) -> Result<Vec<u64>, Error> {
        let count = |message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(rows),
            _ => None,
        };
        Ok(self.simple(what, sql)?.into_iter().filter_map(count).collect())
    }

    fn simple(&self, what: &str, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        let sql = sql.to_owned();
        self.call(what, move |client| client.simple_query(&sql))
    }

    /// Runs statements whose rows do not matter.
    pub(crate) fn batch(&self, what: &str, sql: &str) -> Result<(), Error> {
        let sql = sql.to_owned();
        self.call(what, move |client| client.batch_execute(&sql))
    }

    /// Does something with the connection, on its thread.
    fn call<T: Send + 'static>(
        &self,
        what: &str,
        job: impl FnOnce(&mut Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, result) = mpsc::sync_channel(1);
        self.start(Box::new(move |client: &mut Client| {
            // Nobody waits any more if the process is ending.
            let _ = reply.send(job(client));
        }));
        wait(what, &result)
    }

    /// Runs `COPY (…) TO STDOUT` of one column of integers and hands each to `each`.
    pub(crate) fn integers(&self, what: &str, sql: String, mut each: impl FnMut(i64)) -> Result<(), Error> {
        let (data, chunks) = mpsc::sync_channel::<Vec<i64>>(QUEUE);
        let (reply, result) = mpsc::sync_channel(1);
        self.start(Box::new(move |client: &mut Client| {
            let _ = reply.send(copy_out(client, &sql, &data));
        }));
        // The first chunk takes the longest; after it no more waits are told.
        while let Ok(chunk) = chunks.recv() {
            chunk.into_iter().for_each(&mut each);
        }
        wait(what, &result)
    }

    fn start(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            panic!("the connection's thread is gone");
        }
    }

    /// Starts `COPY … FROM STDIN`. What is wrong with it is told by [`Copy::send`] or [`Copy::finish`].
    pub(crate) fn copy_in(&self, what: &str, sql: String) -> Copy {
        let (data, chunks) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
        let (spares, spare) = mpsc::sync_channel(QUEUE + 2);
        let (result, outcome) = mpsc::sync_channel(1);
        self.start(Box::new(move |client| {
            if let Some(done) = copy(client, &sql, &chunks, &spares) {
                let _ = result.send(done);
            }
        }));
        Copy { what: what.to_owned(), data, spare, outcome }
    }
}

/// Waits for the connection's thread, and says so if that takes long: most likely a lock is held by somebody else.
fn wait<T>(what: &str, result: &Receiver<T>) -> T {
    let mut longest = LONG;
    let started = Instant::now();
    loop {
        match result.recv_timeout(longest) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = started.elapsed().as_secs();
                log::info!(
                    "{what}: waiting for the server for {seconds} s; it is at work, or another holds a lock"
                );
                longest *= 2;
            }
            Err(RecvTimeoutError::Disconnected) => panic!("the connection's thread is gone"),
        }
    }
}

fn copy_out(client: &mut Client, sql: &str, data: &SyncSender<Vec<i64>>) -> Result<(), Error> {
    let mut reader = client.copy_out(sql)?;
    let (mut chunk, mut number, mut negative) = (Vec::new(), 0_i64, false);
    loop {
        let bytes = match reader.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) => {
                drop(reader);
                let own = error.into_inner().and_then(|error| error.downcast::<Error>().ok());
                // If it were no error of the connection, the failed transaction refuses a statement all the same.
                return own.map_or_else(|| client.batch_execute("SELECT 1"), |error| Err(*error));
            }
        };
        for byte in bytes {
            match byte {
                b'-' => negative = true,
                b'\n' => {
                    chunk.push(if negative { -number } else { number });
                    (number, negative) = (0, false);
                }
                digit => number = number * 10 + i64::from(digit - b'0'),
            }
        }
        let length = bytes.len();
        reader.consume(length);
        if chunk.len() >= 8192 && data.send(std::mem::take(&mut chunk)).is_err() {
            break;
        }
    }
    let _ = data.send(chunk);
    Ok(())
}

/// Sends chunks until an empty one ends the copy; `None` if it was given up.
fn copy(
    client: &mut Client,
    sql: &str,
    chunks: &Receiver<Vec<u8>>,
    spares: &SyncSender<Vec<u8>>,
) -> Option<Result<u64, Error>> {
    let mut writer = match client.copy_in(sql) {
        Ok(writer) => writer,
        Err(error) => return Some(Err(error)),
    };
    while let Ok(mut chunk) = chunks.recv() {
        if chunk.is_empty() {
            return Some(writer.finish());
        }
        if writer.write_all(&chunk).and_then(|()| writer.flush()).is_err() {
            // The end tells what the server says, or that the connection is gone.
            return Some(writer.finish());
        }
        chunk.clear();
        let _ = spares.try_send(chunk);
    }
    None
}

/// A `COPY … FROM STDIN` under way. Dropped, it is given up, and its transaction fails.
pub(crate) struct Copy {
    what: String,
    data: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    outcome: Receiver<Result<u64, Error>>,
}

impl Copy {
    /// Sends a chunk, which must not be empty, and gives back an empty one.
    ///
    /// # Errors
    /// What made the copy fail.
    pub(crate) fn send(&mut self, mut chunk: Vec<u8>) -> Result<Vec<u8>, Error> {
        let capacity = chunk.capacity();
        let mut free = None;
        loop {
            chunk = match self.data.try_send(chunk) {
                Ok(()) => break,
                Err(TrySendError::Full(chunk)) => chunk,
                Err(TrySendError::Disconnected(_)) => return Err(self.failure()),
            };
            // A chunk that comes back is one that was sent.
            match self.spare.recv_timeout(LONG) {
                Ok(chunk) => free = Some(chunk),
                Err(RecvTimeoutError::Timeout) => {
                    log::info!(
                        "{}: the server takes no more data for now; it may wait for a lock",
                        self.what
                    );
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.failure()),
            }
        }
        let free = free.or_else(|| self.spare.try_recv().ok());
        Ok(free.unwrap_or_else(|| Vec::with_capacity(capacity)))
    }

    /// Completes the copy; the number of rows the server took.
    ///
    /// # Errors
    /// What made the copy fail.
    pub(crate) fn finish(self) -> Result<u64, Error> {
        // If it has failed already, the outcome says so.
        let _ = self.data.send(Vec::new());
        wait(&self.what, &self.outcome)
    }

    fn failure(&mut self) -> Error {
        match self.outcome.recv() {
            Ok(Err(error)) => error,
            _ => panic!("the connection's thread is gone"),
        }
    }
}

/// What a failed statement means.
pub(crate) fn failed(what: &str) -> impl Fn(Error) -> Fault {
    move |error| fault(what, &error)
}

/// Whether the connection broke, so that nobody knows what the server did last.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error.as_db_error() {
        Some(error) => matches!(error.code().code().get(..3), Some("57P" | "08P" | "080")),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>()),
    }
}
