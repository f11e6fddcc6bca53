//! A shell that outlives its owner by one command, so that whatever it started ends even if the owner is killed.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::geteuid;

/// Runs the lines of its stdin and prints their exit codes. Its stdin ends when its owner does, in whatever way; then it
/// runs `$1` and removes the folder. A code that nobody reads any more must not end the shell (SIGPIPE), hence the
/// subshell.
const SCRIPT: &str = r#"
while read -r line; do eval "$line" </dev/null >>log 2>&1; (echo $?); done
eval "$1" </dev/null >>log 2>&1
cd / && rm -rf "$0""#;

/// The shell, in a folder of its own.
pub(crate) struct Watchdog {
    shell: Child,
    commands: Option<ChildStdin>,
    codes: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Watchdog {
    /// Starts the shell in a new folder that holds these files.
    ///
    /// PostgreSQL and pgbouncer refuse to run as root, so for root the shell and the folder belong to the user that
    /// Debian's packages create.
    pub(crate) fn start(files: &[(&str, &str)], at_end: &str) -> Watchdog {
        // Not TMPDIR: the path of a socket may have at most 107 bytes (unix(7)).
        let folder =
            tempfile::Builder::new().prefix("etl-test-").tempdir_in("/tmp").expect("a temporary folder");
        for (name, text) in files {
            write(&folder.path().join(name), text);
        }
        let (program, args): (&str, &[&str]) = if geteuid().is_root() {
            let chown = Command::new("chown").args(["-R", "postgres:"]).arg(folder.path()).status();
            assert!(chown.is_ok_and(|status| status.success()), "the user postgres does not exist");
            ("setpriv", &["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"])
        } else {
            ("sh", &[])
        };
        let mut shell = Command::new(program)
            .args(args)
            .args(["-c", SCRIPT])
            .arg(folder.path())
            .arg(at_end)
            .env_clear()
            .env("PATH", search_path())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C on the terminal is for the owner.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let commands = shell.stdin.take();
        let codes = BufReader::new(shell.stdout.take().expect("its stdout is a pipe"));
        Watchdog { shell, commands, codes, folder: folder.keep() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file that the next command reads.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
    }

    /// Runs one line of shell and returns whether it succeeded.
    pub(crate) fn try_run(&mut self, command: &str) -> bool {
        let commands = self.commands.as_mut().expect("open until it is dropped");
        writeln!(commands, "{command}").expect("the shell reads");
        let mut code = String::new();
        self.codes.read_line(&mut code).expect("the shell answers");
        code == "0\n"
    }

    /// Runs one line of shell that must succeed.
    pub(crate) fn run(&mut self, command: &str) {
        assert!(self.try_run(command), "{command} failed:\n{}", self.log());
    }

    /// What its commands have printed.
    pub(crate) fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}{}", read("log"), read("server.log"))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.shell.wait();
    }
}

/// Writes a file that only its owner can read; PostgreSQL accepts a key in no other.
pub(super) fn write(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}

/// Where the servers' programs are looked for: in the folder of the PostgreSQL to test, if one is named, in `PATH`, and
/// then where Debian puts daemons and its newest PostgreSQL.
pub fn search_path() -> OsString {
    let mut path = std::env::var_os(super::BIN).unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path.push(":/usr/sbin");
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |name: OsString| name.to_str().and_then(|name| name.parse::<u32>().ok());
    if let Some(newest) = versions.filter_map(|entry| version(entry.file_name())).max() {
        path.push(format!(":/usr/lib/postgresql/{newest}/bin"));
    }
    path
}
