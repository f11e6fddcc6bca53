//! TERM, INT and HUP end a component with 128+n within a second, nothing committed.
//!
//! A thread waits for them and ends the process by itself, so that no loop has to ask. What must not be interrupted,
//! which is a COMMIT whose answer is under way, holds [`critical`]: the thread waits for it, and if it committed, the
//! process ends with the success it is.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use etl_stream::Class;
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::{io, logs};

static CRITICAL: Mutex<Committed> =
    Mutex::new(Committed { all: false, some: false, told: true, more: false });
static CHILD: Mutex<Option<Pid>> = Mutex::new(None);
static SENT: Mutex<(u64, &str)> = Mutex::new((0, ""));
/// Set by the signal handlers themselves, so before anything that the signal makes a child do.
static ARRIVED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Whether what cannot be undone has been done.
struct Committed {
    /// All of it, so that the run is a success whatever comes.
    all: bool,
    /// Some of it.
    some: bool,
    /// Everybody was told of the last commit, or there was none yet.
    told: bool,
    /// More is to follow the next commit.
    more: bool,
}

/// How long the rest of a process may take once it was told to end.
const PATIENCE: Duration = Duration::from_millis(500);

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs what a signal must wait for: the COMMIT. If it succeeds, no signal turns this run into a failure any more,
/// unless more is to follow ([`expect_more`]).
pub fn critical<T, E>(commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut committed = lock(&CRITICAL);
    let result = commit();
    if result.is_ok() {
        (committed.all, committed.some, committed.told) = (!committed.more, true, false);
    }
    result
}

/// Says before a commit whether more is to be done after it. If so, a signal that comes after the commit ends the
/// process as a failure, once there was time to tell of the commit.
pub fn expect_more(more: bool) {
    lock(&CRITICAL).more = more;
}

/// What was to follow the last commit turns out to be nothing: the run is a success.
pub fn no_more() {
    let mut committed = lock(&CRITICAL);
    committed.all = committed.some;
}

/// Everybody was told of the last commit, and the next part begins. If a signal has arrived, this does not return: the
/// process ends by the signal.
pub fn go_on() {
    lock(&CRITICAL).told = true;
    while ARRIVED.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Counts what was sent and cannot be taken back, such as each `point`: a signal that ends the process says so.
pub fn sent(count: u64, what: &'static str) {
    let mut sent = lock(&SENT);
    *sent = (sent.0 + count, what);
}

/// Starts a child process that receives the signals that this one does, until [`child_ended`].
///
/// # Errors
/// Those of [`process::Command::spawn`].
pub fn spawn(command: &mut process::Command) -> std::io::Result<process::Child> {
    // Locked before, for the child may be at work before its id is known here, and a signal must not miss it.
    let mut slot = lock(&CHILD);
    let child = command.spawn()?;
    *slot = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(child)
}

/// The child has ended; its id may soon be another's.
///
/// A child may take a signal, exit 0 and have done half its work. So if a signal has arrived, this does not return: the
/// process ends by the signal.
pub fn child_ended() {
    *lock(&CHILD) = None;
    while ARRIVED.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Waits for the signal thread to end the process, if a signal has arrived: its code is the true one, not that of what
/// the signal made fail.
pub(crate) fn yield_to_signal() {
    // What the signal makes fail may fail before the thread has run. Where it is ending, the lock is never given back.
    while ARRIVED.load(Ordering::SeqCst) && !lock(&CRITICAL).all {
        thread::park();
    }
}

/// Starts the thread that waits for signals.
pub(crate) fn watch(termination_log: Option<String>) -> std::io::Result<()> {
    let ignored = ignored();
    let watched = [SIGTERM, SIGINT, SIGHUP].into_iter().filter(|signal| ignored & 1 << (signal - 1) == 0);
    let watched: Vec<i32> = watched.collect();
    let mut signals = Signals::new(&watched)?;
    for signal in watched {
        signal_hook::flag::register(signal, Arc::clone(&ARRIVED))?;
    }
    // A write beyond the file-size limit is then the error it is (74), and not the end of the process.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            end(signal, termination_log.as_deref());
        }
    })?;
    Ok(())
}

/// The signals that whoever started us wants ignored, as `nohup` does with HUP: a bit each, from signal 1.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn end(signal: i32, termination_log: Option<&str>) -> ! {
    let mut committed = lock(&CRITICAL);
    let since = Instant::now();
    // The data is safe: the main thread gets its chance to tell.
    while !committed.told && since.elapsed() < PATIENCE {
        drop(committed);
        thread::sleep(Duration::from_millis(5));
        committed = lock(&CRITICAL);
    }
    if committed.all {
        log::warn!("a signal arrived after the commit; the receipt may be incomplete");
        io::remove_temporaries();
        process::exit(0);
    }
    // From here on the main thread cannot commit, for it cannot enter the critical section.
    end_child(signal);
    let class = Class::Signal(u8::try_from(signal).unwrap_or(15));
    let name = signal_hook::low_level::signal_name(signal).unwrap_or("signal");
    let what = match *lock(&SENT) {
        (0, _) if committed.some => "what was not committed yet is rolled back".to_owned(),
        (0, _) => "nothing was committed".to_owned(),
        (1, what) => format!("1 {what} was sent and stays"),
        (count, what) => format!("{count} {what}s were sent and stay"),
    };
    let message = format!("ended by {name}, {what}");
    abort_briefly(class, message.clone());
    io::remove_temporaries();
    logs::failure(class, &message, termination_log);
    process::exit(class.code().into());
}

/// The `abort` may block on a reader that does not read; the process does not wait for it.
fn abort_briefly(class: Class, message: String) {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        io::abort(class, &message);
        let _ = done.send(());
    });
    let _ = wait.recv_timeout(PATIENCE / 2);
}

fn end_child(signal: i32) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    let alive = |pid| rustix::process::test_kill_process(pid).is_ok();
    let Some(pid) = *lock(&CHILD) else { return };
    // One that leads a process group of its own has it for the sake of those that it starts.
    let send = if getpgid(Some(pid)) == Ok(pid) { kill_process_group } else { kill_process };
    let _ = send(pid, signal);
    let asked = Instant::now();
    // The main thread reaps it, which empties CHILD.
    while asked.elapsed() < PATIENCE {
        if lock(&CHILD).is_none() || !alive(pid) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    if lock(&CHILD).is_some() {
        let _ = send(pid, Signal::KILL);
    }
}
