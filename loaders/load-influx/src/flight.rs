//! Requests in flight: two at a time, but never two that write the same point, because the later one has to win.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender as Channel, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use etl_component::{Class, Fault};

use crate::batch::Batch;
use crate::parts;
use crate::send::Sender;
use crate::settings::Database;
use crate::tally::Tally;

/// How many requests are in flight. A server of one core gains nothing from more than two.
const IN_FLIGHT: usize = 2;

/// How many batches are under way: those in flight, and one for the next thread that becomes free.
const UNDER_WAY: usize = IN_FLIGHT + 1;

/// The number of a batch, the batch, and how sending it ended.
type Done = (u64, Batch, Result<(), Fault>);

/// Sends batches on threads of its own.
pub(crate) struct Flight {
    jobs: Option<SyncSender<(u64, Batch)>>,
    done: Receiver<Done>,
    /// The numbers of the batches under way, each with its keys.
    under_way: Vec<(u64, Vec<u64>)>,
    next: u64,
    spare: Vec<Batch>,
    /// The first failure; nothing is sent after it.
    failed: Option<Fault>,
    /// Set when the threads must no longer retry.
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Flight {
    /// Starts the threads, which send nothing yet.
    ///
    /// # Errors
    /// 78 if the CA file or a proxy variable cannot be used, 74 if a thread cannot be started.
    pub(crate) fn new(database: &Arc<Database>, tally: &Arc<Mutex<Tally>>) -> Result<Flight, Fault> {
        let (jobs, queue) = sync_channel(UNDER_WAY);
        let (finished, done) = channel();
        let (queue, mut threads) = (Arc::new(Mutex::new(queue)), Vec::new());
        let stop: Arc<AtomicBool> = Arc::default();
        for number in 0..IN_FLIGHT {
            let sender = Sender::new(database, tally, &stop)?;
            let (queue, finished, stop) = (Arc::clone(&queue), finished.clone(), Arc::clone(&stop));
            let thread = thread::Builder::new().name(format!("send-{number}"));
            let thread = thread.spawn(move || work(&sender, &queue, &finished, &stop));
            threads
                .push(thread.map_err(|error| Fault::new(Class::Io, "cannot start a thread").because(error))?);
        }
        let (under_way, spare) = (Vec::new(), Vec::new());
        Ok(Flight { jobs: Some(jobs), done, under_way, next: 0, spare, failed: None, stop, threads })
    }

    /// Sends a batch once there is room for it and no batch under way writes one of its points; returns an empty one.
    ///
    /// # Errors
    /// The failure of an earlier batch.
    pub(crate) fn send(&mut self, batch: Batch) -> Result<Batch, Fault> {
        loop {
            self.failed.take().map_or(Ok(()), Err)?;
            let meets = self.under_way.iter().any(|(_, keys)| batch.meets(keys));
            if !meets && self.under_way.len() < UNDER_WAY {
                break;
            }
            self.wait()?;
        }
        self.under_way.push((self.next, batch.points.iter().map(|point| point.key).collect()));
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send((self.next, batch)).map_err(|_| gone())?;
        self.next += 1;
        Ok(self.spare.pop().unwrap_or_default())
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// The failure of a batch.
    pub(crate) fn land(&mut self) -> Result<(), Fault> {
        while !self.under_way.is_empty() {
            self.wait()?;
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Waits only for the replies to what was already sent, because the load has failed.
    pub(crate) fn give_up(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The first failure has already been reported.
        let _ = self.land();
    }

    fn wait(&mut self) -> Result<(), Fault> {
        let (number, mut batch, result) = self.done.recv().map_err(|_| gone())?;
        self.under_way.retain(|(known, _)| *known != number);
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
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(sender: &Sender, queue: &Mutex<Receiver<(u64, Batch)>>, done: &Channel<Done>, stop: &AtomicBool) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((number, batch)) = next() {
        let result = catch_unwind(AssertUnwindSafe(|| parts::send(sender, &batch)));
        let result = result.unwrap_or_else(|_| Err(Fault::new(Class::Bug, "a panic while sending")));
        let failed = result.is_err();
        if done.send((number, batch, result)).is_err() {
            return;
        }
        // Only once its own failure is in the channel: that of the other thread, which now stops, must not come first.
        if failed {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

fn gone() -> Fault {
    Fault::new(Class::Bug, "a thread that sends has ended early")
}
