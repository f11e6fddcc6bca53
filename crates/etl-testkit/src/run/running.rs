//! A running command, which can be written to, signalled and waited for.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::Ran;
use crate::DEADLINE;

/// Waits until something is so.
///
/// # Panics
/// If it is not so after five minutes; `what` names it.
#[track_caller]
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < DEADLINE, "{what}: never");
        thread::yield_now();
    }
}

/// Whether all that was written to a pipe has been read.
///
/// # Panics
/// If it is not a pipe.
pub fn is_drained(pipe: impl AsFd) -> bool {
    rustix::io::ioctl_fionread(pipe).expect("a pipe tells what is in it") == 0
}

/// A running command.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
    watchdog: Sender<()>,
}

impl Running {
    pub(super) fn watch(mut child: Child, stdin: Option<ChildStdin>) -> Running {
        let stdout = Collected::from(child.stdout.take());
        let stderr = Collected::from(child.stderr.take());
        let pid = pid(&child);
        let (watchdog, ended) = mpsc::channel();
        thread::spawn(move || {
            if ended.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Running { child, stdin, stdout, stderr, watchdog }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to the stdin that [`super::Cmd::stdin_open`] left open.
    ///
    /// # Panics
    /// If it is closed, or the program no longer reads it.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin.as_mut().expect("stdin is open").write_all(bytes.as_ref()).expect("stdin is read");
    }

    /// Closes its stdin.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended and has been waited for.
    pub fn kill(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).expect("the process exists");
    }

    /// Waits until its stdout contains this text, and returns all of stdout so far.
    ///
    /// # Panics
    /// If stdout ends without it, or after five minutes.
    #[track_caller]
    pub fn wait_until_stdout_contains(&self, text: &str) -> String {
        self.stdout.wait_for(text)
    }

    /// Waits until its stderr contains this text, and returns all of stderr so far.
    ///
    /// # Panics
    /// If stderr ends without it, or after five minutes.
    #[track_caller]
    pub fn wait_until_stderr_contains(&self, text: &str) -> String {
        self.stderr.wait_for(text)
    }

    /// Waits until it has read everything written to its open stdin and is waiting for more.
    ///
    /// # Panics
    /// If stdin is closed, if the process ends, or after five minutes.
    #[track_caller]
    pub fn wait_until_it_reads(&self) {
        let stdin = self.stdin.as_ref().expect("stdin is open");
        wait_until("it reads its stdin", || is_drained(stdin) && self.sleeps());
    }

    /// Whether its main thread is waiting for something (proc(5), `state`).
    fn sleeps(&self) -> bool {
        let stat = self.proc("stat");
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        assert_ne!(state, Some('Z'), "it has ended");
        state == Some('S')
    }

    /// The most memory it has ever had in use, in KiB (proc(5), `VmHWM`).
    ///
    /// # Panics
    /// If it has ended.
    pub fn memory_peak(&self) -> u64 {
        let status = self.proc("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).expect("VmHWM")
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.id())).expect("the process exists")
    }

    /// Closes its stdin and waits until it ends. After a minute it is killed, which its exit code then says.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn finish(mut self) -> Ran {
        self.close_stdin();
        self.wait()
    }

    /// As [`Running::finish`], but its stdin stays open as long as the program runs.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn wait(mut self) -> Ran {
        let stdin = self.stdin.take();
        let status = self.child.wait().expect("the process can be waited for");
        drop(stdin);
        let _ = self.watchdog.send(());
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ran { code, stdout: self.stdout.join(), stderr: self.stderr.join() }
    }
}

fn pid(child: &Child) -> Pid {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process has a pid")
}

/// What has come through a pipe so far, read by a thread of its own.
#[derive(Debug)]
struct Collected {
    shared: Arc<(Mutex<Gathered>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Gathered {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collected {
    fn from(pipe: Option<impl Read + Send + 'static>) -> Collected {
        let shared = Arc::<(Mutex<Gathered>, Condvar)>::default();
        let writer = Arc::clone(&shared);
        let thread = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut chunk = [0; 64 * 1024];
                loop {
                    let read = pipe.read(&mut chunk).unwrap_or_default();
                    let mut gathered = lock(&writer.0);
                    gathered.bytes.extend_from_slice(&chunk[..read]);
                    gathered.ended = read == 0;
                    writer.1.notify_all();
                    if gathered.ended {
                        return;
                    }
                }
            })
        });
        Collected { shared, thread }
    }

    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        let (gathered, changed) = &*self.shared;
        let started = Instant::now();
        let mut gathered = lock(gathered);
        loop {
            let so_far = String::from_utf8_lossy(&gathered.bytes).into_owned();
            if so_far.contains(text) {
                return so_far;
            }
            let left = DEADLINE.saturating_sub(started.elapsed());
            assert!(!gathered.ended && !left.is_zero(), "{text:?} never came; so far: {so_far:?}");
            gathered =
                changed.wait_timeout(gathered, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    fn join(self) -> String {
        if let Some(thread) = self.thread {
            thread.join().expect("the thread that reads a pipe");
        }
        String::from_utf8_lossy(&lock(&self.shared.0).bytes).into_owned()
    }
}

fn lock(gathered: &Mutex<Gathered>) -> MutexGuard<'_, Gathered> {
    gathered.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
