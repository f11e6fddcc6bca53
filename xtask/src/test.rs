//! `cargo xtask test`: runs every test, even after failures, and at the end says once more what failed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, bail, ensure};

use xtask::cargo;

use crate::servers::SERVERS;

/// The tests of load-postgres that run with each version of the server: tables, modes and the ledger.
const OF_EACH_SERVER: [&str; 7] =
    ["columns::", "history::", "modes::", "once::", "partial::", "replace::", "tables::"];

/// The tests of load-postgres with taps, sources and a target from PyPI.
const REAL: &str = "real";

/// Builds every binary, and runs the tests with connectors from PyPI.
pub(crate) fn connectors() -> anyhow::Result<()> {
    cargo::run(&["build", "--workspace", "--bins"])?;
    let status = of_load_postgres(&cargo::built("debug")?, REAL).current_dir(cargo::root()).status();
    ensure!(status.context("cannot run the tests")?.success(), "tests with connectors failed");
    Ok(())
}

/// A target of load-postgres's tests.
fn of_load_postgres(binaries: &Path, target: &str) -> Command {
    let mut tests = Command::new(binaries.join("test-bed"));
    tests.args([env!("CARGO"), "test", "--no-fail-fast", "-p", "load-postgres", "--test", target]);
    tests
}

/// Builds every binary, which tests run, and then runs every test; arguments go to `cargo test`.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    cargo::run(&["build", "--workspace", "--bins"])?;
    let binaries = cargo::built("debug")?;
    let (mut failures, mut out) = (Failures::default(), std::io::stdout());
    let mut tests = Command::new(binaries.join("test-bed"));
    tests.args([env!("CARGO"), "test", "--no-fail-fast"]);
    // With `--workspace`, cargo takes no notice of the packages that are named.
    let named = |arg: &&str| arg.starts_with("-p") || arg.starts_with("--package");
    if !args.iter().take_while(|arg| **arg != "--").any(named) {
        tests.arg("--workspace");
    }
    tests.args(args);
    failures.step("tests", tests, &mut out)?;
    // Arguments select some of the tests.
    if args.is_empty() {
        let mut containers = Command::new(binaries.join("images"));
        containers.args(["containers", "--if-possible"]);
        failures.step("containers", containers, &mut out)?;
        failures.step("connectors", of_load_postgres(&binaries, REAL), &mut out)?;
        for server in &SERVERS {
            let Some(programs) = server.programs() else {
                eprintln!(
                    "SKIPPED: {}: pip cannot install its package here, or its user cannot run it there",
                    server.name
                );
                continue;
            };
            eprintln!("load-postgres with {}", server.name);
            let mut tests = of_load_postgres(&binaries, "it");
            tests.arg("--").args(OF_EACH_SERVER).env("ETL_TEST_PG_BIN", programs);
            failures.step(server.name, tests, &mut out)?;
        }
    }
    match failures.said.as_slice() {
        [] => Ok(()),
        said => bail!("what failed:\n    {}", said.join("\n    ")),
    }
}

/// What failed, gathered from the output of `cargo test`.
#[derive(Default)]
struct Failures {
    /// One line for each failure.
    said: Vec<String>,
    /// The tests that the running target has listed as failed so far.
    tests: Vec<String>,
    /// Whether the lines of such a list follow.
    listing: bool,
}

impl Failures {
    /// Runs a command, prints what it prints as it comes, and remembers what failed.
    fn step(&mut self, name: &str, mut command: Command, out: &mut impl Write) -> anyhow::Result<()> {
        // One pipe for both: cargo says on stderr which target the failed tests on stdout belong to.
        let (output, writer) = std::io::pipe().context("cannot make a pipe")?;
        command.current_dir(cargo::root()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot run the {name}"))?;
        // It holds ends of the pipe, which would otherwise stay open.
        drop(command);
        let before = self.said.len();
        let (mut output, mut line) = (BufReader::new(output), Vec::new());
        while output.read_until(b'\n', &mut line)? > 0 {
            out.write_all(&line)?;
            self.read(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
        self.end(name, child.wait()?, before);
        Ok(())
    }

    /// Remembers a failure that no line has reported.
    fn end(&mut self, name: &str, status: ExitStatus, before: usize) {
        if !status.success() && self.said.len() == before {
            self.said.push(format!("{name}: {status}"));
        }
    }

    fn read(&mut self, line: &str) {
        if line == "failures:" {
            // First come the tests' outputs under this line, then their names alone.
            self.tests.clear();
            self.listing = true;
        } else if let Some(test) = line.strip_prefix("    ").filter(|_| self.listing) {
            self.tests.push(test.to_owned());
        } else if let Some((_, target)) = line.split_once("to rerun pass `") {
            let tests = std::mem::take(&mut self.tests);
            let tests =
                if tests.is_empty() { "ended before its tests did".to_owned() } else { tests.join(", ") };
            self.said.push(format!("{}: {tests}", target.trim_end_matches('`')));
        } else if line.starts_with("error: could not compile") {
            self.said.push(line.trim_start_matches("error: ").to_owned());
        } else if !line.is_empty() {
            self.listing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &str) -> Vec<String> {
        let mut failures = Failures::default();
        lines.lines().for_each(|line| failures.read(line));
        failures.said
    }

    #[test]
    fn a_failed_target_is_said_with_its_tests() {
        let output = "\
     Running unittests src/lib.rs (target/debug/deps/a-1)

running 2 tests
test one ... ok
test x::two ... FAILED

failures:

---- x::two stdout ----
thread 'x::two' panicked at src/lib.rs:1:1:
assertion `left == right` failed
    left: 1

failures:
    x::two

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p a --lib`
     Running tests/it/main.rs (target/debug/deps/it-1)
error: test failed, to rerun pass `-p b --test it`

Caused by:
  process didn't exit successfully: `target/debug/deps/it-1` (signal: 9, SIGKILL: kill)
error: doctest failed, to rerun pass `-p c --doc`
error: could not compile `d` (lib test) due to 1 previous error
error: 2 targets failed:
    `-p a --lib`
    `-p b --test it`";
        assert_eq!(
            said(output),
            [
                "-p a --lib: x::two",
                "-p b --test it: ended before its tests did",
                "-p c --doc: ended before its tests did",
                "could not compile `d` (lib test) due to 1 previous error",
            ]
        );
    }

    #[test]
    fn a_step_that_fails_without_a_word_is_said() {
        let (mut failures, mut out) = (Failures::default(), Vec::new());
        let mut step = |name, script| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            failures.step(name, command, &mut out).unwrap();
        };
        step("first", "exit 3");
        step("second", "echo 'error: test failed, to rerun pass `-p a`' >&2; exit 1");
        step("third", "echo fine");
        assert_eq!(failures.said, ["first: exit status: 3", "-p a: ended before its tests did"]);
        assert_eq!(String::from_utf8(out).unwrap(), "error: test failed, to rerun pass `-p a`\nfine\n");
    }
}
