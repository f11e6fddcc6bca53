//! Runs binaries as their users do: arguments, environment, pipes, signals, exit codes.
//!
//! ```no_run
//! use etl_testkit::run::Cmd;
//! let ran = Cmd::bin("standpipe").args(["verify", "--json"]).stdin("{}\n").run();
//! ran.fails(3);
//! ```

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// How long anything may take before it counts as hanging; no test passes or fails by being faster than this.
const DEADLINE: Duration = Duration::from_secs(60);

/// The path of a binary of this workspace, which was built beside the running test.
///
/// # Panics
/// If it is not there.
pub fn workspace_binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps");
    let binary = folder.join(name);
    assert!(
        binary.is_file(),
        "{} is not built: `cargo build --workspace --bins` builds it, `cargo xtask test` does that first",
        binary.display()
    );
    binary
}

/// A folder of this test's own, removed when dropped.
///
/// # Panics
/// If it cannot be made.
pub fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Compares a text with the file that keeps it; `UPDATE_GOLDEN=1` writes the file instead.
///
/// # Panics
/// If they differ, or the file cannot be read or written.
#[track_caller]
pub fn golden(path: impl AsRef<Path>, actual: &str) {
    let path = path.as_ref();
    if env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        return fs::write(path, actual).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
    }
    let expected = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("reading {} (UPDATE_GOLDEN=1 writes it): {error}", path.display()));
    assert_eq!(actual, expected, "{} differs (UPDATE_GOLDEN=1 rewrites it)", path.display());
}

/// A command to run. Its environment is empty but for `PATH` and what is given.
#[derive(Debug)]
pub struct Cmd {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    stdin: Input,
    stdout: Option<Stdio>,
}

#[derive(Debug)]
enum Input {
    Bytes(Vec<u8>),
    Open,
    From(Stdio),
}

impl Cmd {
    /// A program by its path or by its name in `PATH`.
    pub fn new(program: impl AsRef<Path>) -> Cmd {
        let program = program.as_ref().to_owned();
        let (args, env, folder) = (Vec::new(), Vec::new(), None);
        Cmd { program, args, env, folder, stdin: Input::Bytes(Vec::new()), stdout: None }
    }

    /// A binary of this workspace.
    ///
    /// # Panics
    /// If it is not built.
    pub fn bin(name: &str) -> Cmd {
        Cmd::new(workspace_binary(name))
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Cmd {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an argument.
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Cmd {
        self.args([arg])
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Cmd {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it in this folder.
    pub fn in_folder(mut self, folder: impl AsRef<Path>) -> Cmd {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Feeds it these bytes through a pipe; the default is none.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Cmd {
        self.stdin = Input::Bytes(bytes.as_ref().to_owned());
        self
    }

    /// Makes a file its stdin.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn stdin_file(mut self, path: impl AsRef<Path>) -> Cmd {
        self.stdin = Input::From(File::open(path).expect("the file for stdin").into());
        self
    }

    /// Leaves its stdin a pipe that stays open until [`Running::close_stdin`] or [`Running::finish`].
    pub fn stdin_open(mut self) -> Cmd {
        self.stdin = Input::Open;
        self
    }

    /// Makes a file, such as `/dev/full`, or a pipe its stdout; [`Ran::stdout`] is then empty.
    pub fn stdout_to(mut self, target: impl Into<Stdio>) -> Cmd {
        self.stdout = Some(target.into());
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started, or hangs.
    pub fn run(self) -> Ran {
        self.spawn().finish()
    }

    /// Runs `self | next` to the end of both.
    ///
    /// # Panics
    /// As [`Cmd::run`].
    pub fn pipe(self, next: Cmd) -> (Ran, Ran) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let first = self.stdout_to(writer).spawn();
        let second = Cmd { stdin: Input::From(reader.into()), ..next }.spawn();
        (first.finish(), second.finish())
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(self) -> Running {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env).stderr(Stdio::piped());
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some(folder) = self.folder {
            command.current_dir(folder);
        }
        command.stdout(self.stdout.unwrap_or_else(Stdio::piped));
        let (stdin, bytes) = match self.stdin {
            Input::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
            Input::Open => (Stdio::piped(), None),
            Input::From(stdio) => (stdio, None),
        };
        let mut child = command
            .stdin(stdin)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.program.display()));
        let mut stdin = child.stdin.take();
        if let Some(bytes) = bytes {
            let pipe = stdin.take();
            // A program need not read what it is given.
            thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(&bytes)));
        }
        Running::watch(child, stdin)
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
    watchdog: Sender<()>,
}

impl Running {
    fn watch(mut child: Child, stdin: Option<ChildStdin>) -> Running {
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

    /// Writes to the stdin that [`Cmd::stdin_open`] left open.
    ///
    /// # Panics
    /// If it is closed, or the program reads no more.
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
    /// If it has ended and was waited for.
    pub fn kill(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).expect("the process is there");
    }

    /// Waits until its stdout contains this text; gives back all of it so far.
    ///
    /// # Panics
    /// If stdout ends without it, or after a minute.
    #[track_caller]
    pub fn wait_until_stdout_contains(&self, text: &str) -> String {
        self.stdout.wait_for(text)
    }

    /// Waits until its stderr contains this text; gives back all of it so far.
    ///
    /// # Panics
    /// If stderr ends without it, or after a minute.
    #[track_caller]
    pub fn wait_until_stderr_contains(&self, text: &str) -> String {
        self.stderr.wait_for(text)
    }

    /// Closes its stdin and waits for its end. After a minute it is killed, which its code then says.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn finish(mut self) -> Ran {
        self.stdin = None;
        let status = self.child.wait().expect("the process can be waited for");
        let _ = self.watchdog.send(());
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ran { code, stdout: self.stdout.join(), stderr: self.stderr.join() }
    }
}

fn pid(child: &Child) -> Pid {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process has a pid")
}

/// What a pipe has brought so far, read by a thread of its own.
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
            assert!(!gathered.ended && !left.is_zero(), "{text:?} never came; there was {so_far:?}");
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

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code, 128+n if signal n ended it.
    pub code: i32,
    /// What it printed; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Ran {
    /// Asserts exit code 0.
    #[track_caller]
    pub fn ok(&self) -> &Ran {
        self.fails(0)
    }

    /// Asserts an exit code.
    #[track_caller]
    pub fn fails(&self, code: i32) -> &Ran {
        assert_eq!(self.code, code, "stderr: {}\nstdout: {}", self.stderr, self.stdout);
        self
    }

    /// The last line on stderr, without `error: `.
    ///
    /// # Panics
    /// If it is no error.
    #[track_caller]
    pub fn last_error_line(&self) -> &str {
        let last = self.stderr.lines().last().unwrap_or_default();
        last.strip_prefix("error: ").unwrap_or_else(|| panic!("no error at the end of {:?}", self.stderr))
    }

    /// The lines of its stdout.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh").args(["-c", script])
    }

    #[test]
    fn codes_and_texts_come_back() {
        let ran = sh("cat; echo \"error: $X\" >&2; exit 3").env("X", "why").stdin("in\n").run();
        assert_eq!((ran.code, ran.stdout.as_str(), ran.last_error_line()), (3, "in\n", "why"));
        sh("kill -TERM $$").run().fails(143);
        sh("test -z \"$HOME\"").run().ok();
    }

    #[test]
    fn pipes_are_real() {
        let (first, second) = sh("yes; exit 7").pipe(sh("head -n1"));
        assert_eq!((first.code, second.stdout.as_str()), (7, "y\n"));
    }

    #[test]
    fn a_running_command_is_talked_to() {
        let mut running = sh("read line; echo got $line; exec cat").stdin_open().spawn();
        running.write("a\n");
        assert_eq!(running.wait_until_stdout_contains("got"), "got a\n");
        running.kill(Signal::INT);
        running.finish().fails(130);
    }
}
