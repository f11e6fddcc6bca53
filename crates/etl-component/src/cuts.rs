//! Where an endless input is cut: into loads by a loader, into segments by what seals it.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use etl_stream::{Class, Event, Fault, Reader};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// What cuts an input into parts; what is not set does not cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// After this many records.
    pub every: Option<u64>,
    /// This long after the first event of the part.
    pub interval: Option<Duration>,
}

/// Follows a part as it is read, and says when it is full.
#[derive(Default)]
pub struct Cutter {
    cuts: Cuts,
    /// What the reader reads from, to wait for it.
    input: Option<OwnedFd>,
    records: u64,
    since: Option<Instant>,
    in_segment: bool,
}

impl Cutter {
    /// A cutter of what is read from `input`.
    ///
    /// # Errors
    /// 74 if the input cannot be waited for.
    pub fn new(cuts: Cuts, input: &impl AsFd) -> Result<Cutter, Fault> {
        let input = input.as_fd().try_clone_to_owned().map_err(cannot_wait)?;
        Ok(Cutter { cuts, input: Some(input), ..Cutter::default() })
    }

    /// The next part begins.
    pub fn start(&mut self) {
        (self.records, self.since, self.in_segment) = (0, None, false);
    }

    /// Takes note of an event of the part.
    #[inline]
    pub fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Begin(_) => self.in_segment = true,
            Event::Record(_) => self.records += 1,
            Event::State(_) => (),
            Event::End(_) => self.in_segment = false,
        }
        if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    /// Whether the part ends before the next event, which is waited for no longer than the interval lasts.
    ///
    /// # Errors
    /// 74 if the input cannot be read or waited for.
    #[inline]
    pub fn is_full(&self, reader: &mut Reader<impl Read>) -> Result<bool, Fault> {
        // A sealed segment is never split, and an empty part is not a part.
        let (false, Some(since)) = (self.in_segment, self.since) else { return Ok(false) };
        if self.cuts.every.is_some_and(|every| self.records >= every) {
            return Ok(true);
        }
        match self.cuts.interval {
            Some(interval) => Ok(!self.waits_for_line(reader, since, interval)?),
            None => Ok(false),
        }
    }

    /// Waits until the next line has arrived, or the end of the input; false if neither has within `interval` of
    /// `since`. A line that has only begun does not count, because its rest may never come.
    ///
    /// # Errors
    /// 74 if the input cannot be read or waited for.
    pub fn waits_for_line(
        &self,
        reader: &mut Reader<impl Read>,
        since: Instant,
        interval: Duration,
    ) -> Result<bool, Fault> {
        loop {
            let left = interval.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            if !reader.is_drained() || self.waits(left)? && !reader.read_more()? {
                return Ok(true);
            }
        }
    }

    /// Waits for the input; false if nothing has arrived for this long.
    fn waits(&self, longest: Duration) -> Result<bool, Fault> {
        let Some(input) = &self.input else { return Ok(true) };
        let longest = rustix::event::Timespec::try_from(longest).ok();
        loop {
            let mut input = [PollFd::new(input, PollFlags::IN)];
            match poll(&mut input, longest.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => (),
                Err(error) => return Err(cannot_wait(error)),
            }
        }
    }
}

fn cannot_wait(error: impl Into<std::io::Error>) -> Fault {
    Fault::new(Class::Io, "cannot wait for the input").because(error.into())
}
