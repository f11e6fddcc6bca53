//! Requests in flight: two at a time, but never two that write the same point, for the later one has to win.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender as Channel, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use etl_component::{Class, Fault};

use crate::batch::Batch;
use crate::send::Sender;
use crate::settings::Database;
use crate::tally::Tally;

/// How many requests are in flight. A server of one core gains nothing from more than two.
const IN_FLIGHT: usize = 2;

/// Sends batches on threads of its own.
pub(crate) struct Flight {
    jobs: Vec<SyncSender<Batch>>,
    done: Receiver<(usize, Batch, Result<(), Fault>)>,
    /// Of each thread the keys of the batch that it has.
    busy: [Option<Vec<u64>>; IN_FLIGHT],
    spare: Vec<Batch>,
    /// The first failure; nothing is sent after it.
    failed: Option<Fault>,
    threads: Vec<JoinHandle<()>>,
}

impl Flight {
    /// Starts the threads, which send nothing yet.
    ///
    /// # Errors
    /// 78 if the CA file or a proxy variable is no use, 74 if there can be no thread.
    pub(crate) fn new(database: &Arc<Database>, tally: &Arc<Mutex<Tally>>) -> Result<Flight, Fault> {
        let (finished, done) = channel();
        let (mut jobs, mut threads, stop) = (Vec::new(), Vec::new(), Arc::default());
        for number in 0..IN_FLIGHT {
            let sender = Sender::new(database, tally, &stop)?;
            let (give, take) = sync_channel(1);
            let (finished, stop) = (finished.clone(), Arc::clone(&stop));
            let thread = thread::Builder::new().name(format!("send-{number}"));
            let thread = thread.spawn(move || work(number, &sender, &take, &finished, &stop));
            threads
                .push(thread.map_err(|error| Fault::new(Class::Io, "cannot start a thread").because(error))?);
            jobs.push(give);
        }
        Ok(Flight { jobs, done, busy: Default::default(), spare: Vec::new(), failed: None, threads })
    }

    /// Sends a batch once a thread is free and no request under way writes one of its points; gives back an empty one.
    ///
    /// # Errors
    /// What an earlier batch has failed with.
    pub(crate) fn send(&mut self, batch: Batch) -> Result<Batch, Fault> {
        let free = loop {
            self.failed.take().map_or(Ok(()), Err)?;
            let meets = self.busy.iter().flatten().any(|keys| batch.meets(keys));
            match self.busy.iter().position(Option::is_none) {
                Some(free) if !meets => break free,
                _ => self.wait()?,
            }
        };
        self.busy[free] = Some(batch.points.iter().map(|point| point.key).collect());
        self.jobs[free].send(batch).map_err(|_| gone())?;
        Ok(self.spare.pop().unwrap_or_default())
    }

    /// Waits until nothing is in flight.
    ///
    /// # Errors
    /// What a batch has failed with.
    pub(crate) fn land(&mut self) -> Result<(), Fault> {
        while self.busy.iter().any(Option::is_some) {
            self.wait()?;
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    fn wait(&mut self) -> Result<(), Fault> {
        let (number, mut batch, result) = self.done.recv().map_err(|_| gone())?;
        self.busy[number] = None;
        batch.clear();
        self.spare.push(batch);
        if let Err(fault) = result {
            self.failed.get_or_insert(fault);
        }
        Ok(())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.jobs.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(
    number: usize,
    sender: &Sender,
    jobs: &Receiver<Batch>,
    done: &Channel<(usize, Batch, Result<(), Fault>)>,
    stop: &AtomicBool,
) {
    while let Ok(batch) = jobs.recv() {
        let result = catch_unwind(AssertUnwindSafe(|| sender.send(&batch)));
        let result = result.unwrap_or_else(|_| Err(Fault::new(Class::Bug, "a panic while sending")));
        let failed = result.is_err();
        if done.send((number, batch, result)).is_err() {
            return;
        }
        // After its own failure was told, which the other's must not come before.
        if failed {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

fn gone() -> Fault {
    Fault::new(Class::Bug, "a thread that sends has ended early")
}
