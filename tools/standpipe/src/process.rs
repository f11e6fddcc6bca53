//! A program that is run: started, waited for, ended, and its exit status as a fault.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::signals::{self, ChildGuard};
use etl_component::{Class, Fault, Terminal};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

/// How long a program may take to end by itself, and again after TERM.
const GRACE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);

/// A running program. The signals that end this process reach it too.
#[derive(Clone)]
pub(crate) struct Process {
    name: String,
    pid: Pid,
    /// Whether it leads a process group of its own.
    leader: bool,
    child: Arc<Mutex<Handle>>,
}

struct Handle {
    child: Child,
    /// `None` once it has ended: after that it is reaped, and its pid may belong to another process.
    running: Option<ChildGuard>,
}

impl Process {
    /// Starts a program that reads this process's own stdin. Unless that is a terminal, from which only the group in
    /// the foreground may read, it leads a process group, so that what it has started ends with it.
    ///
    /// # Errors
    /// 78 if it cannot be started.
    pub(crate) fn start(command: &[OsString], terminal: Terminal) -> Result<(Process, ChildStdout), Fault> {
        let (process, _, stdout) = Process::spawn(command, Stdio::inherit(), !terminal.stdin)?;
        Ok((process, stdout))
    }

    /// Starts a program that is fed. It leads a process group, so that [`Process::kill`] leaves nothing behind that
    /// would take the end of its input for the end of the data.
    ///
    /// # Errors
    /// 78 if it cannot be started.
    pub(crate) fn start_fed(command: &[OsString]) -> Result<(Process, ChildStdin, ChildStdout), Fault> {
        let (process, stdin, stdout) = Process::spawn(command, Stdio::piped(), true)?;
        Ok((process, stdin.ok_or_else(no_pipe)?, stdout))
    }

    fn spawn(
        command: &[OsString],
        stdin: Stdio,
        leader: bool,
    ) -> Result<(Process, Option<ChildStdin>, ChildStdout), Fault> {
        let (program, args) =
            command.split_first().ok_or_else(|| Fault::usage("a program is missing after --"))?;
        let name = program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.args(args).stdin(stdin).stdout(Stdio::piped());
        if leader {
            command.process_group(0);
        }
        let (mut child, guard) = signals::spawn(&mut command)
            .map_err(|error| Fault::config(format!("`{name}` cannot be started")).because(error))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(no_pipe)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().ok_or_else(no_pipe)?);
        let child = Arc::new(Mutex::new(Handle { child, running: Some(guard) }));
        Ok((Process { name, pid, leader, child }, stdin, stdout))
    }

    /// Concludes the run of a program whose output was read with this result: waits for it if all is well, and
    /// otherwise ends it. What the program says of itself by its exit code explains an output that was cut.
    ///
    /// # Errors
    /// The fault of the result, or that of the exit status: its own class if its code has one, otherwise 75.
    pub(crate) fn conclude<T>(&self, output: Result<T, Fault>) -> Result<T, Fault> {
        let fault = match output {
            Ok(value) => return self.wait().and_then(|status| self.verdict(status)).map(|()| value),
            Err(fault) => fault,
        };
        let by_itself = self.end()?;
        match by_itself.map(|status| self.verdict(status)) {
            Some(Err(own)) if fault.is_cut() => Err(own.because(fault)),
            _ => Err(fault),
        }
    }

    /// Kills it at once, with all it has started.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// The fault of what was wrong with the program's output.
    pub(crate) fn blame(&self, fault: Fault) -> Fault {
        fault.within(format!("the output of `{}`", self.name))
    }

    /// What an exit status means.
    fn verdict(&self, status: ExitStatus) -> Result<(), Fault> {
        let name = &self.name;
        if let Some(signal) = status.signal() {
            return Err(Fault::new(Class::Transient, format!("`{name}` was ended by signal {signal}")));
        }
        let code = status.code().unwrap_or_default();
        if code == 0 {
            return Ok(());
        }
        let class = match u64::try_from(code).ok().and_then(Class::from_code) {
            // Its reader never went away: the pipe that broke was inside the program, and 141 would hide that.
            None | Some(Class::Closed) => Class::Transient,
            Some(class) => class,
        };
        Err(Fault::new(class, format!("`{name}` failed with exit code {code}")))
    }

    fn wait(&self) -> Result<ExitStatus, Fault> {
        // Without reaping it, because until then its pid is its own, and without the lock, because it may have to be
        // killed.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // An error means that the program has already been reaped.
        let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), options));
        let running = self.handle().running.take();
        if let Some(running) = running {
            running.ended();
        }
        self.handle().child.wait().map_err(lost)
    }

    /// Ends it after its pipes were closed; returns its status if it ended without being told to.
    fn end(&self) -> Result<Option<ExitStatus>, Fault> {
        if self.ends_soon()? {
            if self.leader {
                self.kill();
            }
            return self.wait().map(Some);
        }
        self.signal(Signal::TERM);
        if !self.ends_soon()? {
            self.kill();
        }
        self.wait().map(|_| None)
    }

    fn ends_soon(&self) -> Result<bool, Fault> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let asked = Instant::now();
        loop {
            let ended = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), options));
            if ended.map_err(|error| lost(error.into()))?.is_some() {
                return Ok(true);
            }
            if asked.elapsed() >= GRACE {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
    }

    fn signal(&self, signal: Signal) {
        let handle = self.handle();
        if handle.running.is_some() {
            let send = if self.leader { kill_process_group } else { kill_process };
            // It may have ended on its own.
            let _ = send(self.pid, signal);
        }
    }

    fn handle(&self) -> MutexGuard<'_, Handle> {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn no_pipe() -> Fault {
    Fault::new(Class::Bug, "a program was started without its pipes")
}

fn lost(error: io::Error) -> Fault {
    Fault::new(Class::Io, "waiting for the program failed").because(error)
}
