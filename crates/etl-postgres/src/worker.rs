//! The thread that a connection lives on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use crate::error::Error;

/// A statement that takes longer is mentioned in the log, as it is most likely waiting for a lock.
pub(crate) const LONG: Duration = Duration::from_secs(3);

/// Something to be done with the connection.
pub(crate) type Job = Box<dyn FnOnce(&mut Client) -> After + Send>;

/// What becomes of the connection after a job.
#[derive(PartialEq)]
pub(crate) enum After {
    /// It waits for the next job.
    Stay,
    /// It is closed.
    Close,
}

/// The thread; it ends with its last job.
pub(crate) struct Worker {
    jobs: SyncSender<Job>,
    closed: Closed,
}

/// Whether a job has closed the connection.
#[derive(Clone, Default)]
pub(crate) struct Closed(Arc<AtomicBool>);

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn start(mut client: Client) -> io::Result<Worker> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(1);
        let closed = Closed::default();
        let told = closed.clone();
        let work = move || {
            while let Ok(job) = queue.recv() {
                if job(&mut client) == After::Close {
                    told.0.store(true, Ordering::Release);
                    break;
                }
            }
            // Closing takes until the server has ended its statement; nobody should have to wait for that.
            drop(queue);
        };
        thread::Builder::new().name("postgres".to_owned()).spawn(work)?;
        Ok(Worker { jobs, closed })
    }

    /// Hands over a job, which is done after all earlier ones. If the connection is closed, the job is dropped.
    pub(crate) fn hand(&self, job: Job) {
        // Then the channel of its outcome is closed, and whoever waits for it asks why.
        let _ = self.jobs.send(job);
    }

    /// Hands over a job, and waits for its outcome.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        what: &str,
        job: impl FnOnce(&mut Client) -> Result<T, postgres::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, result) = mpsc::sync_channel(1);
        self.hand(Box::new(move |client: &mut Client| {
            // If the process is ending, nobody is waiting any longer.
            let _ = reply.send(job(client));
            After::Stay
        }));
        match wait(what, &result) {
            Some(result) => result.map_err(|error| Error::statement(what, error)),
            None => Err(self.closed.error(what)),
        }
    }

    pub(crate) fn closed(&self) -> Closed {
        self.closed.clone()
    }
}

impl Closed {
    /// Why a job has no outcome.
    ///
    /// # Panics
    /// If the thread is gone for another reason, which is a bug.
    pub(crate) fn error(&self, what: &str) -> Error {
        assert!(self.0.load(Ordering::Acquire), "the connection's thread is gone");
        Error::closed(what)
    }
}

/// Waits for the connection's thread, and logs it if that takes long: most likely somebody else holds a lock. `None` if
/// nothing more will come.
pub(crate) fn wait<T>(what: &str, result: &Receiver<T>) -> Option<T> {
    let mut longest = LONG;
    let started = Instant::now();
    loop {
        match result.recv_timeout(longest) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = started.elapsed().as_secs();
                log::info!(
                    "{what}: waiting for the server for {seconds} s; it is busy, or another session holds a lock"
                );
                longest *= 2;
            }
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}
