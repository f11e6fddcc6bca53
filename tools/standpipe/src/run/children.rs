//! The processes that a run starts. Each is reaped once it has ended, and whatever they have started and left behind
//! becomes a child of this process, so that it can be ended, too.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, kill_process_group,
    set_child_subreaper, waitid, waitpid,
};

/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(1);

/// The children that have not been reaped yet, so that their ids are still theirs.
#[derive(Default)]
pub(super) struct Children {
    known: Mutex<HashSet<Pid>>,
}

/// A process that was started.
#[derive(Clone)]
pub(super) struct Child {
    pid: Pid,
    /// Whether it leads a process group of its own, which receives its signals.
    leader: bool,
    children: Arc<Children>,
}

impl Children {
    /// Makes this process the parent of all that its children leave behind.
    pub(super) fn adopt() -> Arc<Children> {
        // Where the kernel does not allow it, they are the business of process 1.
        let _ = set_child_subreaper(Some(getpid()));
        Arc::default()
    }

    /// Starts a process. Its end is reported once, on a thread of its own.
    ///
    /// # Errors
    /// Those of [`Command::spawn`], and of a thread that cannot be started.
    pub(super) fn start(
        self: &Arc<Children>,
        command: &mut Command,
        leader: bool,
        ended: impl FnOnce(io::Result<ExitStatus>) + Send + 'static,
    ) -> io::Result<(process::Child, Child)> {
        if leader {
            command.process_group(0);
        }
        // Locked first, so that nobody takes it for something that was left behind.
        let mut known = self.known();
        let started = command.spawn()?;
        let pid = pid(started.id()).ok_or_else(|| io::Error::other("a process without an id"))?;
        known.insert(pid);
        drop(known);
        let child = Child { pid, leader, children: Arc::clone(self) };
        let waits = child.clone();
        let waiter = thread::Builder::new().name("child".to_owned()).spawn(move || ended(waits.wait()));
        if let Err(error) = waiter {
            child.signal(Signal::KILL);
            let _ = child.wait();
            return Err(error);
        }
        Ok((started, child))
    }

    /// Ends and reaps what was left behind, unless a process that was started is still running: it may be in use.
    pub(super) fn tidy(&self) {
        let known = self.known();
        let (all_over, since) = (known.is_empty(), Instant::now());
        loop {
            let left = left_behind(&known);
            if left.is_empty() || since.elapsed() > PATIENCE {
                return;
            }
            for &pid in &left {
                if all_over {
                    let _ = kill_process(pid, Signal::KILL);
                }
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
            if !all_over {
                return;
            }
            thread::sleep(POLL);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Pid>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child {
    /// Sends a signal, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        // Nobody reaps it while this is locked.
        let known = self.children.known();
        if known.contains(&self.pid) {
            let send = if self.leader { kill_process_group } else { kill_process };
            let _ = send(self.pid, signal);
        }
    }

    /// Kills it with all of its group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// How many bytes it has read, from wherever (proc(5), `rchar`).
    pub(super) fn has_read(&self) -> Option<u64> {
        let io = fs::read_to_string(format!("/proc/{}/io", self.pid)).ok()?;
        io.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
    }

    fn wait(&self) -> io::Result<ExitStatus> {
        // Without reaping it, and so without the lock: it may have to be signalled.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), ended));
        if self.leader {
            // The rest of its group would outlive it.
            self.kill();
        }
        let mut known = self.children.known();
        known.remove(&self.pid);
        match waitpid(Some(self.pid), WaitOptions::empty())? {
            Some((_, status)) => Ok(ExitStatus::from_raw(status.as_raw())),
            None => Err(io::Error::other("it has not ended")),
        }
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The children that nobody here has started.
fn left_behind(known: &HashSet<Pid>) -> Vec<Pid> {
    let any = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    // An error says that there are no children at all. That is usual, and /proc may be long.
    if waitid(WaitId::All, any).is_err() {
        return Vec::new();
    }
    let me = getpid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| pid(entry.file_name().to_str()?.parse().ok()?));
    pids.filter(|pid| !known.contains(pid) && parent(*pid) == Some(me)).collect()
}

/// The parent of a process (proc(5), `ppid`).
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    self::pid(rest.split(' ').nth(1)?.parse().ok()?)
}
