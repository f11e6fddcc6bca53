//! The line on a terminal that says how far a stream has been read.
//!
//! Reading is what moves it: what comes late holds it up, and so does a database that takes its time, because only the
//! first 8 MiB are read ahead. A thread draws it, so that it goes on while either is waited for.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::Seek;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::stderr;
use etl_stream::reader::Totals;
use etl_stream::{StreamId, counted};

/// How often the line changes, at most.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line; it is gone once this is dropped.
pub(crate) struct Progress {
    read: Arc<Read>,
    /// Dropped, it ends the thread that draws.
    _draws: Sender<()>,
}

/// How many records a source thinks that it will send.
#[derive(Default)]
pub(crate) struct Estimates {
    of: HashMap<Option<StreamId>, u64>,
    total: Arc<AtomicU64>,
}

impl Estimates {
    /// Of a stream, or of all, which counts more.
    pub(crate) fn put(&mut self, stream: Option<StreamId>, records: u64) {
        self.of.insert(stream, records);
        let all = || self.of.values().fold(0, |all: u64, records| all.saturating_add(*records));
        self.total.store(self.of.get(&None).copied().unwrap_or_else(all), Ordering::Relaxed);
    }

    /// Of all; 0 as long as nothing is known.
    pub(crate) fn total(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.total)
    }
}

/// What has been read. Nothing is shown before the first record.
#[derive(Default)]
struct Read {
    records: AtomicU64,
    bytes: AtomicU64,
    /// Held while the line is drawn or removed, so that it is not drawn just after it was removed.
    drawing: Mutex<()>,
}

impl Progress {
    /// Starts to show what is read from this source into this target.
    pub(crate) fn start(target: String, source: &File, expected: Arc<AtomicU64>) -> Progress {
        let (read, total, started) = (Arc::<Read>::default(), length(source), Instant::now());
        let (draws, ended) = mpsc::channel();
        let shared = Arc::clone(&read);
        let draw = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                shared.draw(&target, total, expected.load(Ordering::Relaxed), started.elapsed());
            }
        };
        // A load without a line is better than none.
        let _ = thread::Builder::new().name("progress".to_owned()).spawn(draw);
        Progress { read, _draws: draws }
    }

    /// Takes note of what has been read.
    #[inline]
    pub(crate) fn read(&self, totals: &Totals) {
        self.read.records.store(totals.records, Ordering::Relaxed);
        self.read.bytes.store(totals.bytes, Ordering::Relaxed);
    }

    /// Removes the line until reading goes on.
    pub(crate) fn hide(&self) {
        let _drawing = self.read.drawing();
        self.read.records.store(0, Ordering::Relaxed);
        stderr::clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}

impl Read {
    fn draw(&self, target: &str, total: Option<u64>, expected: u64, elapsed: Duration) {
        let _drawing = self.drawing();
        let records = self.records.load(Ordering::Relaxed);
        if records > 0 {
            let bytes = self.bytes.load(Ordering::Relaxed);
            stderr::stand(&line(target, (records, expected), (bytes, total), elapsed));
        }
    }

    fn drawing(&self) -> MutexGuard<'_, ()> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes are left of a file; nobody knows that of a pipe.
fn length(mut source: &File) -> Option<u64> {
    let found = source.metadata().ok().filter(Metadata::is_file)?;
    Some(found.len().saturating_sub(source.stream_position().ok()?))
}

fn line(
    target: &str,
    (records, expected): (u64, u64),
    (bytes, total): (u64, Option<u64>),
    elapsed: Duration,
) -> String {
    let share = match total {
        // A file may have grown.
        Some(total) if total >= bytes && total > 0 => {
            format!(" of {} ({}%)", size(total), u128::from(bytes) * 100 / u128::from(total))
        }
        _ => String::new(),
    };
    let about = if expected > 0 { format!(" of about {expected}") } else { String::new() };
    let (read, bytes) = (counted(records, "record", "records"), size(bytes));
    format!("{target}: {read}{about} read, {bytes}{share} in {}", time(elapsed.as_secs()))
}

/// Such as `17 B` or `1.2 MB`.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// Such as `5 s`, `2 min 5 s` or `3 h 7 min`.
fn time(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use etl_stream::decode::catalog;
    use etl_stream::{Decoder, Format};

    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let seconds = Duration::from_secs;
        assert_eq!(line("db: t", (1, 0), (17, None), seconds(0)), "db: t: 1 record read, 17 B in 0 s");
        assert_eq!(
            line("db: t", (1, 7), (17, None), seconds(0)),
            "db: t: 1 record of about 7 read, 17 B in 0 s"
        );
        assert_eq!(
            line("db: t", (2_000, 0), (1_250_000, Some(5_000_000)), seconds(125)),
            "db: t: 2000 records read, 1.2 MB of 5.0 MB (25%) in 2 min 5 s"
        );
        // More than the file had at first.
        assert_eq!(
            line("t", (2, 0), (9_999_999_999, Some(1_000)), seconds(11_279)),
            "t: 2 records read, 9.9 GB in 3 h 7 min"
        );
    }

    #[test]
    fn what_is_said_of_all_counts_more_than_the_sum_of_the_streams() {
        let stream = |name: &str| {
            format!(r#"{{"stream":{{"name":"{name}","json_schema":{{}}}},"destination_sync_mode":"append"}}"#)
        };
        let declared = catalog(&format!(r#"{{"streams":[{},{}]}}"#, stream("a"), stream("b"))).unwrap();
        let streams: Vec<StreamId> = Decoder::new(Format::Airbyte, &declared).streams().collect();
        let (one, other) = (streams[0], streams[1]);
        let mut estimates = Estimates::default();
        let total = estimates.total();
        for (stream, records, sum) in
            [(Some(one), 5, 5), (Some(other), 7, 12), (Some(one), 6, 13), (None, 9, 9)]
        {
            estimates.put(stream, records);
            assert_eq!(total.load(Ordering::Relaxed), sum);
        }
    }

    #[test]
    fn the_rest_of_a_file_has_a_length_and_a_pipe_has_none() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"12345678").unwrap();
        assert_eq!(length(&file), Some(0));
        file.seek(std::io::SeekFrom::Start(3)).unwrap();
        assert_eq!(length(&file), Some(5));
        let (reader, _writer) = std::io::pipe().unwrap();
        assert_eq!(length(&File::from(std::os::fd::OwnedFd::from(reader))), None);
    }
}
