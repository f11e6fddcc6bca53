//! A connection on a thread of its own, so that the caller goes on while it sends and receives.
//!
//! In each call, `what` says what the statement is about, for the log and for messages: `table weather`.

use postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::cancel::Canceller;
use crate::connect::connect;
use crate::copy_in::CopyIn;
use crate::copy_out::CopyOut;
use crate::error::Error;
use crate::settings::Settings;
use crate::worker::Worker;

/// An open connection.
pub struct Session {
    worker: Worker,
    canceller: Canceller,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// 75 if the server cannot be reached; 76, 77 or 78 if something is wrong with it or with the credentials.
    pub fn connect(settings: &Settings) -> Result<Session, Error> {
        let (client, canceller) = connect(settings)?;
        let worker = Worker::start(client).map_err(|error| Error::system("cannot start a thread", error))?;
        Ok(Session { worker, canceller })
    }

    /// A handle that cancels the running statement from another thread.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Runs statements, and returns the rows, as texts, of the last statement that has any.
    ///
    /// # Errors
    /// The error of the statement that failed; those after it were not run.
    pub fn rows(&self, what: &str, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        Ok(self.results(what, sql)?.pop().unwrap_or_default())
    }

    /// Runs statements, and returns the rows of each statement that has any.
    ///
    /// # Errors
    /// Those of [`Session::rows`].
    pub fn results(&self, what: &str, sql: &str) -> Result<Vec<Vec<SimpleQueryRow>>, Error> {
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

    /// Runs statements, and returns the number that the last statement with rows selects.
    ///
    /// # Errors
    /// Those of [`Session::rows`]; 76 if the result is not a number.
    pub fn number(&self, what: &str, sql: &str) -> Result<u64, Error> {
        let rows = self.rows(what, sql)?;
        rows.first().and_then(|row| row.get(0)?.parse().ok()).ok_or_else(|| Error::unexpected(what))
    }

    /// Runs statements, and returns how many rows the last one affected.
    ///
    /// # Errors
    /// Those of [`Session::rows`]; 76 if the server does not say.
    pub fn count(&self, what: &str, sql: &str) -> Result<u64, Error> {
        self.counts(what, sql)?.pop().ok_or_else(|| Error::unexpected(what))
    }

    /// Runs statements, and returns how many rows each one affected.
    ///
    /// # Errors
    /// Those of [`Session::rows`].
    pub fn counts(&self, what: &str, sql: &str) -> Result<Vec<u64>, Error> {
        let count = |message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(rows),
            _ => None,
        };
        Ok(self.simple(what, sql)?.into_iter().filter_map(count).collect())
    }

    fn simple(&self, what: &str, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        let sql = sql.to_owned();
        self.worker.call(what, move |client| client.simple_query(&sql))
    }

    /// Runs statements whose rows do not matter.
    ///
    /// # Errors
    /// Those of [`Session::rows`].
    pub fn batch(&self, what: &str, sql: &str) -> Result<(), Error> {
        let sql = sql.to_owned();
        self.worker.call(what, move |client| client.batch_execute(&sql))
    }

    /// Starts `COPY … FROM STDIN`. [`CopyIn::send`] or [`CopyIn::finish`] reports what is wrong with it. Anything else
    /// asked of the session waits until the copy has ended.
    pub fn copy_in(&self, what: &str, sql: impl Into<String>) -> CopyIn {
        CopyIn::start(&self.worker, what, sql.into())
    }

    /// Starts `COPY … TO STDOUT`. [`CopyOut::chunk`] reports what is wrong with it.
    ///
    /// The statement must only read: the crate does not report what goes wrong after the last row, such as a trigger at
    /// the end of an INSERT … RETURNING. In a transaction, the next statement is then refused (25P02).
    pub fn copy_out(&mut self, what: &str, sql: impl Into<String>) -> CopyOut<'_> {
        CopyOut::start(&self.worker, self.canceller.clone(), what, sql.into())
    }
}
