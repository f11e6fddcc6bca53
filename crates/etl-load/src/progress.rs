//! The line on a terminal that says how far a stream has been read.
//!
//! Reading is what moves it: what comes late holds it up, and so does a database that takes its time, because only the
//! first 8 MiB are read ahead. A thread draws it, so that it goes on while either is waited for.

use std::fs::{File, Metadata};
use std::io::Seek;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::stderr;
use etl_stream::counted;
use etl_stream::reader::Totals;

/// How often the line changes, at most.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line; it is gone once this is dropped.
pub(crate) struct Progress {
    read: Arc<Read>,
    /// Dropped, it ends the thread that draws.
    _draws: Sender<()>,
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
    pub(crate) fn start(target: String, source: &File) -> Progress {
        let (read, total, started) = (Arc::<Read>::default(), length(source), Instant::now());
        let (draws, ended) = mpsc::channel();
        let shared = Arc::clone(&read);
        let draw = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                shared.draw(&target, total, started.elapsed());
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
    fn draw(&self, target: &str, total: Option<u64>, elapsed: Duration) {
        let _drawing = self.drawing();
        let records = self.records.load(Ordering::Relaxed);
        if records > 0 {
            stderr::stand(&line(target, records, self.bytes.load(Ordering::Relaxed), total, elapsed));
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

fn line(target: &str, records: u64, bytes: u64, total: Option<u64>, elapsed: Duration) -> String {
    let share = match total {
        // A file may have grown.
        Some(total) if total >= bytes && total > 0 => {
            format!(" of {} ({}%)", size(total), u128::from(bytes) * 100 / u128::from(total))
        }
        _ => String::new(),
    };
    let (read, bytes) = (counted(records, "record", "records"), size(bytes));
    format!("{target}: {read} read, {bytes}{share} in {}", time(elapsed.as_secs()))
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

    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let seconds = Duration::from_secs;
        assert_eq!(line("db: t", 1, 17, None, seconds(0)), "db: t: 1 record read, 17 B in 0 s");
        assert_eq!(
            line("db: t", 2_000, 1_250_000, Some(5_000_000), seconds(125)),
            "db: t: 2000 records read, 1.2 MB of 5.0 MB (25%) in 2 min 5 s"
        );
        // More than the file had at first.
        assert_eq!(
            line("t", 2, 9_999_999_999, Some(1_000), seconds(11_279)),
            "t: 2 records read, 9.9 GB in 3 h 7 min"
        );
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
