//! TERM, INT and HUP end a component with 128+n within a second, with nothing committed.
//!
//! A thread waits for them and ends the process by itself, so that no loop has to check. What must not be interrupted,
//! a COMMIT whose reply is under way, is [`critical`]: the thread waits for it, and if it succeeds, the process ends as
//! a success. What a signal does in each phase of the work is a table, [`phase`].

mod phase;
#[cfg(test)]
mod tests;

use std::process::{self, Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use etl_stream::{Class, Details};
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use self::phase::{Answer, Event, Phase};
use crate::{io, logs};

static STATE: Mutex<State> = Mutex::new(State {
    phase: Phase::Nothing,
    more: false,
    sent: (0, ""),
    under_way: (0, ""),
    children: Vec::new(),
});
/// Notified of every change of the state.
static CHANGED: Condvar = Condvar::new();
/// Set by the signal handlers themselves, and so before anything that the signal makes a child do.
static ARRIVED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Who decides what a signal does; see [`hand_over`].
static DECIDES: Mutex<Option<Decides>> = Mutex::new(None);

/// Is given the number of a signal.
type Decides = Box<dyn FnMut(i32) + Send>;

/// What is still to be ended elsewhere; see [`on_end`].
static ELSEWHERE: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// How long the rest of the process may take once it has been told to end; and how long all its children together.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the handling of a signal depends on.
struct State {
    phase: Phase,
    /// Whether more is to follow the next commit.
    more: bool,
    /// How much was sent that cannot be taken back, and what a unit of it is called.
    sent: (u64, &'static str),
    /// The same of what has been sent, but not been answered yet.
    under_way: (u64, &'static str),
    /// The children that have not been reaped yet, so that their ids are still theirs.
    children: Vec<Pid>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state, for what must not begin once a signal is ending the process: in that case this does not return.
fn state_unless_ending() -> MutexGuard<'static, State> {
    let state = state();
    if state.phase == Phase::Ending {
        drop(state);
        leave_to_signal();
    }
    state
}

/// Waits for a change, at most for this long.
fn wait(state: MutexGuard<'static, State>, longest: Duration) -> MutexGuard<'static, State> {
    CHANGED.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner).0
}

fn change(change: impl FnOnce(&mut State)) {
    change(&mut state());
    CHANGED.notify_all();
}

/// Runs what a signal must wait for: the COMMIT. If it succeeds, no signal turns this run into a failure any more,
/// unless more is to follow ([`expect_more`]). Once a signal is ending the process, this neither runs it nor returns.
pub fn critical<T, E>(commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut committing = Committing::begin();
    let result = commit();
    committing.succeeded = result.is_ok();
    result
}

/// A commit under way. It ends when this is dropped, also by a panic.
struct Committing {
    succeeded: bool,
}

impl Committing {
    fn begin() -> Committing {
        let mut state = state_unless_ending();
        state.phase = state.phase.after(Event::Commit);
        Committing { succeeded: false }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        change(|state| {
            let event = if self.succeeded { Event::Committed { last: !state.more } } else { Event::Failed };
            state.phase = state.phase.after(event);
        });
    }
}

/// Says before a commit whether more is to be done after it. If so, a signal that comes after the commit ends the
/// process as a failure, once there has been time to report the commit.
pub fn expect_more(more: bool) {
    state().more = more;
}

/// Says that nothing follows the last commit after all: the run is a success.
pub fn no_more() {
    change(|state| state.phase = state.phase.after(Event::NoMore));
}

/// Says that the last commit has been reported and the next part begins. If a signal has arrived, this does not return:
/// the process ends by the signal.
pub fn go_on() {
    change(|state| state.phase = state.phase.after(Event::Reported));
    if arrived() {
        leave_to_signal();
    }
}

/// Counts what was sent and cannot be taken back, such as each `point`: a signal that ends the process reports it.
pub fn sent(count: u64, what: &'static str) {
    let sent = &mut state().sent;
    *sent = (sent.0 + count, what);
}

/// Counts what is being sent, such as one `message`, until the guard is dropped: nobody knows yet what becomes of it.
pub fn sending(count: u64, what: &'static str) -> Sending {
    let under_way = &mut state().under_way;
    *under_way = (under_way.0 + count, what);
    Sending { count }
}

/// Something is being sent.
#[derive(Debug)]
#[must_use]
pub struct Sending {
    count: u64,
}

impl Drop for Sending {
    fn drop(&mut self) {
        state().under_way.0 -= self.count;
    }
}

/// Says how to end what this process has set going elsewhere, such as a statement that a server is still busy with. It is done if a
/// signal ends the process as a failure, on another thread, which the process waits for only for a moment.
pub fn on_end(end: impl FnOnce() + Send + 'static) {
    *ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(end));
}

/// Leaves it to the caller what a signal does: from now on each is given to `decide`, and none ends the process by itself.
/// For a process that is nothing but the parent of others, whose end decides about its own.
///
/// # Errors
/// If the end of children cannot be seen.
pub fn hand_over(decide: impl FnMut(i32) + Send + 'static) -> std::io::Result<()> {
    // Whoever started this process may have it ignored, and then nobody learns how a child ended.
    signal_hook::flag::register(SIGCHLD, Arc::default())?;
    *decides() = Some(Box::new(decide));
    Ok(())
}

fn decides() -> MutexGuard<'static, Option<Decides>> {
    DECIDES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child process. For as long as the guard lives, it receives the signals that this process receives, and so
/// does its whole process group if it leads one. Once a signal is ending the process, this does not return.
///
/// # Errors
/// Those of [`Command::spawn`].
pub fn spawn(command: &mut Command) -> std::io::Result<(Child, ChildGuard)> {
    // Locked first, because the child may be at work before its id is known here, and a signal must not miss it.
    let mut state = state_unless_ending();
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    state.children.extend(pid);
    Ok((child, ChildGuard { pid }))
}

/// Makes sure that a child receives signals. It must be dropped before the child is reaped, because then the id may
/// soon belong to another process.
#[derive(Debug)]
pub struct ChildGuard {
    pid: Option<Pid>,
}

impl ChildGuard {
    /// The child has ended, and will be reaped.
    ///
    /// A child may receive a signal and exit 0 with half its work done. So if a signal has arrived, this does not
    /// return: the process ends by the signal.
    pub fn ended(self) {
        drop(self);
        if arrived() {
            leave_to_signal();
        }
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        change(|state| {
            let at = state.children.iter().position(|&child| Some(child) == self.pid);
            at.map(|at| state.children.swap_remove(at));
        });
    }
}

fn arrived() -> bool {
    ARRIVED.load(Ordering::SeqCst)
}

/// Leaves it to the thread that waits for signals to end the process; this thread does not go on.
fn leave_to_signal() -> ! {
    loop {
        thread::park();
    }
}

/// Waits for the signal thread to end the process, if a signal has arrived: its code is the true one, not that of what
/// the signal made fail.
pub(crate) fn yield_to_signal() {
    // What the signal makes fail may fail before the thread has run.
    if arrived() && state().phase != Phase::Done && decides().is_none() {
        leave_to_signal();
    }
}

/// Starts the thread that waits for signals.
pub(crate) fn watch(step: &'static str, termination_log: Option<String>) -> std::io::Result<()> {
    let ignored = ignored();
    let watched = [SIGTERM, SIGINT, SIGHUP].into_iter().filter(|signal| ignored & 1 << (signal - 1) == 0);
    let watched: Vec<i32> = watched.collect();
    let mut signals = Signals::new(&watched)?;
    for signal in watched {
        signal_hook::flag::register(signal, Arc::clone(&ARRIVED))?;
    }
    // A write beyond the file-size limit is then an error (74), and not the end of the process.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            match &mut *decides() {
                Some(decide) => decide(signal),
                None => end(signal, step, termination_log.as_deref()),
            }
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

fn end(signal: i32, step: &str, termination_log: Option<&str>) -> ! {
    let Some(before) = settle() else {
        log::warn!("a signal arrived after the commit; the receipt may be incomplete");
        io::remove_temporaries();
        process::exit(0);
    };
    end_elsewhere();
    end_children(signal);
    let class = Class::Signal(u8::try_from(signal).unwrap_or(15));
    let name = signal_hook::low_level::signal_name(signal).unwrap_or("signal");
    let (sent, under_way) = {
        let state = state();
        (state.sent, state.under_way)
    };
    let maybe = match under_way {
        (0, _) => String::new(),
        (1, what) => format!("1 {what} was under way and may have arrived"),
        (count, what) => format!("{count} {what}s were under way and may have arrived"),
    };
    let what = match sent {
        (0, _) if !maybe.is_empty() => String::new(),
        (0, _) if before != Phase::Nothing => "what was not committed yet is rolled back".to_owned(),
        (0, _) => "nothing was committed".to_owned(),
        (1, what) => format!("1 {what} was sent and stays"),
        (count, what) => format!("{count} {what}s were sent and stay"),
    };
    let what = [what, maybe].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    let message = format!("ended by {name}: {what}");
    abort_briefly(class, message.clone(), Details::of_step(step));
    io::remove_temporaries();
    logs::failure(class, &message, termination_log);
    process::exit(class.code().into());
}

/// Waits for a commit, and for the main thread to report it. Returns the phase that the signal has found; nothing new
/// begins after that. `None` if the run is a success.
fn settle() -> Option<Phase> {
    let (mut state, mut since) = (state(), None);
    loop {
        let left = PATIENCE.saturating_sub(since.map_or(Duration::ZERO, |since: Instant| since.elapsed()));
        match state.phase.answer() {
            Answer::Wait => state = wait(state, PATIENCE),
            Answer::FailSoon | Answer::SucceedSoon if !left.is_zero() => {
                since.get_or_insert_with(Instant::now);
                state = wait(state, left);
            }
            Answer::SucceedSoon => return None,
            Answer::Fail | Answer::FailSoon => {
                let before = state.phase;
                state.phase = before.after(Event::End);
                return Some(before);
            }
        }
    }
}

/// Writing the `abort` may block, if its reader does not read; the process does not wait for that.
fn abort_briefly(class: Class, message: String, details: Details) {
    // Without a thread there is no abort: the reader sees a cut stream.
    briefly(move || io::abort(class, &message, &details));
}

fn end_elsewhere() {
    let end = ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(end) = end {
        briefly(end);
    }
}

/// Does something on another thread, and waits for it a moment.
fn briefly(act: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let _ = thread::Builder::new().spawn(move || {
        act();
        let _ = done.send(());
    });
    let _ = wait.recv_timeout(PATIENCE / 2);
}

/// Passes the signal on to all children, and kills those that it does not end.
fn end_children(signal: i32) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    // Nobody reaps a child while the state is locked.
    let mut state = state();
    send(&state.children, signal);
    let asked = Instant::now();
    while !state.children.is_empty() && asked.elapsed() < PATIENCE {
        state = wait(state, PATIENCE.saturating_sub(asked.elapsed()));
    }
    send(&state.children, Signal::KILL);
}

fn send(children: &[Pid], signal: Signal) {
    for &child in children {
        // A child that leads a process group does so for the sake of the processes that it starts.
        let leads = getpgid(Some(child)) == Ok(child);
        let send = if leads { kill_process_group } else { kill_process };
        // It may have ended on its own.
        let _ = send(child, signal);
    }
}
