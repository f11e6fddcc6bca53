//! A program that is run: started, waited for, ended, and its exit status as a fault.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::signals::{self, ChildGuard};
use etl_component::{Class, Details, Fault, Terminal, stderr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

/// How long a program may take to end by itself, and again after TERM.
const GRACE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);

/// The flags that say which program is run.
#[derive(clap::Args)]
pub(crate) struct Program {
    /// What exit code 1 of the program means: 3 (its data is bad), 70 (a bug) or 75 (run it again)
    #[arg(long, value_name = "CODE", default_value = "75", value_parser = exit_1, help_heading = "Program")]
    exit_1_is: Class,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl Program {
    /// A component and its arguments. None ends with 1.
    pub(crate) fn component(command: Vec<OsString>) -> Program {
        Program { exit_1_is: Class::Transient, command }
    }
}

fn exit_1(code: &str) -> Result<Class, String> {
    match code {
        "3" => Ok(Class::Data),
        "70" => Ok(Class::Bug),
        "75" => Ok(Class::Transient),
        _ => Err("expected 3, 70 or 75".to_owned()),
    }
}

/// A running program. The signals that end this process reach it too.
#[derive(Clone)]
pub(crate) struct Process {
    name: String,
    pid: Pid,
    /// Whether it leads a process group of its own.
    leader: bool,
    exit_1: Class,
    child: Arc<Mutex<Handle>>,
    last_words: Arc<Mutex<LastLines>>,
}

struct Handle {
    child: Child,
    /// `None` once it has ended: after that it is reaped, and its pid may belong to another process.
    running: Option<ChildGuard>,
    /// Reports once all of its stderr has been passed on.
    silent: Option<Receiver<()>>,
}

impl Process {
    /// Starts a program that reads this process's own stdin. Unless that is a terminal, from which only the group in
    /// the foreground may read, it leads a process group, so that what it has started ends with it.
    ///
    /// # Errors
    /// 78 if it cannot be started.
    pub(crate) fn start(program: &Program, terminal: Terminal) -> Result<(Process, ChildStdout), Fault> {
        let (process, _, stdout) = Process::spawn(program, Stdio::inherit(), !terminal.stdin)?;
        Ok((process, stdout))
    }

    /// Starts a program that is fed. It leads a process group, so that [`Process::kill`] leaves nothing behind that
    /// would take the end of its input for the end of the data.
    ///
    /// # Errors
    /// 78 if it cannot be started.
    pub(crate) fn start_fed(program: &Program) -> Result<(Process, ChildStdin, ChildStdout), Fault> {
        let (process, stdin, stdout) = Process::spawn(program, Stdio::piped(), true)?;
        Ok((process, stdin.ok_or_else(no_pipe)?, stdout))
    }

    fn spawn(
        run: &Program,
        stdin: Stdio,
        leader: bool,
    ) -> Result<(Process, Option<ChildStdin>, ChildStdout), Fault> {
        let (program, args) =
            run.command.split_first().ok_or_else(|| Fault::usage("a program is missing after --"))?;
        let name = program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.args(args).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        if leader {
            command.process_group(0);
        }
        let (mut child, guard) = signals::spawn(&mut command)
            .map_err(|error| Fault::config(format!("`{name}` cannot be started")).because(error))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(no_pipe)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().ok_or_else(no_pipe)?);
        let last_words = Arc::new(Mutex::new(LastLines::default()));
        let silent = pass_on(child.stderr.take().ok_or_else(no_pipe)?, Arc::clone(&last_words))?;
        let child = Arc::new(Mutex::new(Handle { child, running: Some(guard), silent: Some(silent) }));
        Ok((Process { name, pid, leader, exit_1: run.exit_1_is, child, last_words }, stdin, stdout))
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

    /// How messages name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The fault of what was wrong with the program's output.
    pub(crate) fn blame(&self, fault: Fault) -> Fault {
        fault.within(format!("the output of `{}`", self.name))
    }

    /// What an exit status means.
    fn verdict(&self, status: ExitStatus) -> Result<(), Fault> {
        let name = &self.name;
        if let Some(signal) = status.signal() {
            let fault = Fault::new(Class::Transient, format!("`{name}` was ended by signal {signal}"));
            return Err(fault.of_step(self.details()));
        }
        let code = status.code().unwrap_or_default();
        if code == 0 {
            return Ok(());
        }
        let class = match u64::try_from(code).ok().and_then(Class::from_code) {
            None if code == 1 => self.exit_1,
            // Its reader never went away: the pipe that broke was inside the program, and 141 would hide that.
            None | Some(Class::Closed) => Class::Transient,
            Some(class) => class,
        };
        // Where its stderr is not kept, the message is all that is left of it.
        let said = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).text();
        let said = said.map(|line| format!(": {line}")).unwrap_or_default();
        let fault = Fault::new(class, format!("`{name}` failed with exit code {code}{said}"));
        Err(fault.of_step(self.details()))
    }

    /// Which step it is, and what it said last.
    fn details(&self) -> Details {
        let log = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).lines();
        Details { log, ..Details::of_step(&self.name) }
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
        // What it has started may keep its stderr open for as long as it likes.
        let silent = self.handle().silent.take();
        silent.map(|silent| silent.recv_timeout(GRACE));
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
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last lines of a text that are not blank, or of a longer one its beginning.
#[derive(Default)]
struct LastLines {
    /// The line at hand, and those before it.
    line: Vec<u8>,
    before: VecDeque<Vec<u8>>,
}

impl LastLines {
    /// The longest line that is kept, in bytes.
    const LONGEST: usize = 300;
    /// How many lines are kept.
    const MOST: usize = 10;

    fn push(&mut self, text: &[u8]) {
        for (n, part) in text.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            if n > 0 {
                self.keep();
            }
            // One byte more shows that it was longer.
            let room = (Self::LONGEST + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    /// The line at hand has ended.
    fn keep(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii().is_empty() {
            return;
        }
        if self.before.len() == Self::MOST {
            self.before.pop_front();
        }
        self.before.push_back(line);
    }

    fn lines(&self) -> Vec<String> {
        let last = [&self.line].into_iter().filter(|line| !line.trim_ascii().is_empty());
        let lines: Vec<&Vec<u8>> = self.before.iter().chain(last).collect();
        let first = lines.len().saturating_sub(Self::MOST);
        lines[first..].iter().map(|line| shown(line.trim_ascii_end())).collect()
    }

    /// The last of them.
    fn text(&self) -> Option<String> {
        self.lines().pop().map(|line| line.trim_ascii().to_owned())
    }
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(LastLines::LONGEST)]).into_owned();
    // A character that was cut in two says nothing.
    if line.len() > LastLines::LONGEST { format!("{}…", text.trim_end_matches('\u{fffd}')) } else { text }
}

/// Passes a program's stderr on as it comes, in a thread of its own, and reports its end.
fn pass_on(mut stderr: ChildStderr, last: Arc<Mutex<LastLines>>) -> Result<Receiver<()>, Fault> {
    let (tell, told) = mpsc::channel();
    let relay = move || {
        let mut buf = [0; 8192];
        loop {
            match stderr.read(&mut buf) {
                Ok(0) => break,
                Ok(n) => {
                    last.lock().unwrap_or_else(PoisonError::into_inner).push(&buf[..n]);
                    // A stderr that nobody reads is no reason to stop a program.
                    stderr::print(&buf[..n]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(_) => break,
            }
        }
        let _ = tell.send(());
    };
    thread::Builder::new().name("stderr".to_owned()).spawn(relay).map_err(no_thread)?;
    Ok(told)
}

/// The fault of a thread that cannot be started.
pub(crate) fn no_thread(error: io::Error) -> Fault {
    Fault::new(Class::Io, "cannot start a thread").because(error)
}

fn no_pipe() -> Fault {
    Fault::new(Class::Bug, "a program was started without its pipes")
}

fn lost(error: io::Error) -> Fault {
    Fault::new(Class::Io, "waiting for the program failed").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_is_not_blank() {
        let long = "é".repeat(200);
        let cut = format!("{}…", "é".repeat(150));
        for (text, last) in [
            ("", None),
            ("\n \r\n", None),
            ("one", Some("one")),
            ("one\ntwo\n\n  \n", Some("two")),
            ("one\r\ntwo ", Some("two")),
            ("10%\r20%\r", Some("20%")),
            (long.as_str(), Some(cut.as_str())),
        ] {
            for chunk in [1, 2, 1000] {
                let mut kept = LastLines::default();
                text.as_bytes().chunks(chunk).for_each(|chunk| kept.push(chunk));
                assert_eq!(kept.text().as_deref(), last, "{text:?}");
            }
        }
    }

    #[test]
    fn the_last_lines_keep_their_indentation() {
        let mut kept = LastLines::default();
        kept.push(b"Traceback:\n\n  File 1 \nValueError");
        assert_eq!(kept.lines(), ["Traceback:", "  File 1", "ValueError"]);
        (0..20).for_each(|n| kept.push(format!("\nline {n}").as_bytes()));
        assert_eq!(kept.lines(), (10..20).map(|n| format!("line {n}")).collect::<Vec<_>>());
    }
}
