//! A connection on a thread of its own, so that reading, checking and encoding go on while it sends.

use std::error::Error as _;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use etl_component::{Class, Fault};
use postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

use crate::fault::fault;
use crate::settings::Settings;

/// How many chunks of a COPY may wait for the server.
const QUEUE: usize = 3;
/// A statement that takes longer is mentioned in the log: it most likely waits for a lock.
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

    /// Runs statements and gives back the rows of the last one that has any, as texts.
    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        Ok(self.results(sql)?.pop().unwrap_or_default())
    }

    /// Runs statements and gives back the rows of each.
    pub(crate) fn results(&self, sql: &str) -> Result<Vec<Vec<SimpleQueryRow>>, Error> {
        let sql = sql.to_owned();
        let messages = self.call(move |client| client.simple_query(&sql))?;
        let mut results = Vec::new();
        for message in messages {
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

    /// Runs statements whose rows do not matter.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), Error> {
        let sql = sql.to_owned();
        self.call(move |client| client.batch_execute(&sql))
    }

    /// Does something with the connection, on its thread.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, wait) = mpsc::sync_channel(1);
        let job = move |client: &mut Client| {
            // Nobody waits any more if the process is ending.
            let _ = reply.send(job(client));
        };
        self.start(Box::new(job));
        loop {
            match wait.recv_timeout(LONG) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => {
                    log::debug!("waiting for the server");
                }
                Err(RecvTimeoutError::Disconnected) => panic!("the connection's thread is gone"),
            }
        }
    }

    fn start(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            panic!("the connection's thread is gone");
        }
    }

    /// Starts `COPY … FROM STDIN`. What is wrong with it is told by [`Copy::send`] or [`Copy::finish`].
    pub(crate) fn copy_in(&self, sql: String) -> Copy {
        let (data, chunks) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
        let (spares, spare) = mpsc::sync_channel(QUEUE + 2);
        let (result, outcome) = mpsc::sync_channel(1);
        self.start(Box::new(move |client| {
            if let Some(done) = copy(client, &sql, &chunks, &spares) {
                let _ = result.send(done);
            }
        }));
        Copy { data, spare, outcome }
    }
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
    data: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    outcome: Receiver<Result<u64, Error>>,
}

impl Copy {
    /// Sends a chunk, which must not be empty, and gives back an empty one.
    ///
    /// # Errors
    /// What made the copy fail.
    pub(crate) fn send(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, Error> {
        let capacity = chunk.capacity();
        if self.data.send(chunk).is_err() {
            return Err(self.failure());
        }
        Ok(self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(capacity)))
    }

    /// Completes the copy; the number of rows the server took.
    ///
    /// # Errors
    /// What made the copy fail.
    pub(crate) fn finish(self) -> Result<u64, Error> {
        // If it has failed already, the outcome says so.
        let _ = self.data.send(Vec::new());
        self.outcome.recv().unwrap_or_else(|_| panic!("the connection's thread is gone"))
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
