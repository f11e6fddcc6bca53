//! Runs binaries as their users do: with arguments, environment, pipes, signals and exit codes.
//!
//! ```no_run
//! use etl_testkit::run::Cmd;
//! let ran = Cmd::bin("standpipe").args(["verify", "--json"]).stdin("{}\n").run();
//! ran.fails(3);
//! ```

mod running;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

pub use rustix::process::Signal;

pub use running::{Running, is_drained, wait_until};

/// The path of a binary of this workspace, built beside the running test.
///
/// # Panics
/// If it is not built.
pub fn workspace_binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps");
    let binary = folder.join(name);
    assert!(
        binary.is_file(),
        "{} is not built: `cargo build --workspace --bins` builds it, and `cargo xtask test` does that first",
        binary.display()
    );
    binary
}

/// A folder of this test's own, removed when dropped.
///
/// # Panics
/// If it cannot be created.
pub fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A folder of a test's own and the files in it, removed when dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Creates an empty folder.
    ///
    /// # Panics
    /// If it cannot be created.
    #[allow(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Folder {
        Folder(temp_dir())
    }

    /// The path of a file in the folder; for an empty name, of the folder itself.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the folder is writable");
    }

    /// The text of a file.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file exists")
    }
}

/// Compares a text with a golden file; `UPDATE_GOLDEN=1` writes the file instead.
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

/// A command to run. Its environment holds only `PATH` and what is given here.
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

    /// Adds arguments that are separated by blanks.
    pub fn words(self, args: &str) -> Cmd {
        self.args(args.split_whitespace())
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Cmd {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it in this folder.
    pub fn in_folder(mut self, folder: impl AsRef<Path>) -> Cmd {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Feeds it these bytes through a pipe; the default is no bytes.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Cmd {
        self.stdin = Input::Bytes(bytes.as_ref().to_owned());
        self
    }

    /// Makes this file its stdin.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn stdin_file(self, path: impl AsRef<Path>) -> Cmd {
        self.stdin_from(File::open(path).expect("the file for stdin"))
    }

    /// Makes this file or end of a pipe its stdin.
    pub fn stdin_from(mut self, source: impl Into<Stdio>) -> Cmd {
        self.stdin = Input::From(source.into());
        self
    }

    /// Makes its stdin a pipe that stays open until [`Running::close_stdin`] or [`Running::finish`].
    pub fn stdin_open(mut self) -> Cmd {
        self.stdin = Input::Open;
        self
    }

    /// Makes this file, such as `/dev/full`, or pipe its stdout; [`Ran::stdout`] is then empty.
    pub fn stdout_to(mut self, target: impl Into<Stdio>) -> Cmd {
        self.stdout = Some(target.into());
        self
    }

    /// Limits the size of every file it writes (`ulimit -f`).
    pub fn file_size_limit(self, kib: u64) -> Cmd {
        // POSIX counts in blocks of 512 bytes.
        let blocks = OsString::from((kib * 2).to_string());
        let script = ["-c", "ulimit -f \"$1\"; shift; exec \"$@\"", "sh"].map(OsString::from);
        let program = [blocks, self.program.into_os_string()];
        let args = script.into_iter().chain(program).chain(self.args).collect();
        Cmd { program: PathBuf::from("sh"), args, ..self }
    }

    /// Runs it until it ends.
    ///
    /// # Panics
    /// If it cannot be started, or hangs.
    pub fn run(self) -> Ran {
        self.spawn().finish()
    }

    /// Runs `self | next` until both have ended.
    ///
    /// # Panics
    /// As [`Cmd::run`].
    pub fn pipe(self, next: Cmd) -> (Ran, Ran) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let first = self.stdout_to(writer).spawn();
        let second = next.stdin_from(reader).spawn();
        (first.finish(), second.finish())
    }

    /// Starts it, and waits until it has read these bytes from a pipe and waits for more.
    ///
    /// # Panics
    /// If it cannot be started, or ends, or after five minutes.
    #[track_caller]
    pub fn waiting(self, bytes: impl AsRef<[u8]>) -> Running {
        let mut running = self.stdin_open().spawn();
        running.write(bytes);
        running.wait_until_it_reads();
        running
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(self) -> Running {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().stderr(Stdio::piped());
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(self.env);
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
            // A program need not read all its input.
            thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(&bytes)));
        }
        Running::watch(child, stdin)
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code, 128+n if signal n ended it.
    pub code: i32,
    /// What it printed; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// What it printed on stderr.
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
    /// If that line is not an error.
    #[track_caller]
    pub fn last_error_line(&self) -> &str {
        let last = self.stderr.lines().last().unwrap_or_default();
        last.strip_prefix("error: ").unwrap_or_else(|| panic!("no error at the end of {:?}", self.stderr))
    }

    /// The lines it printed on stdout.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

#[cfg(test)]
mod tests;
