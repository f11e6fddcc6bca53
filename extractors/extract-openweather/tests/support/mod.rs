//! Runs the binary as a pipeline would, and reads what it printed as its reader would.

#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "clippy sees no test in a helper of tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etl_stream::reader::Options;
use etl_stream::{Reader, Seal};
use serde_json::Value;

/// Looks different in a URL, in JSON and in plain.
pub(crate) const KEY: &str = "s3cret/k\"y+1";

pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a sealed stream says.
pub(crate) struct Stream {
    pub(crate) id: String,
    pub(crate) schema: String,
    pub(crate) producer: String,
    pub(crate) records: Vec<Value>,
    pub(crate) lines: Vec<String>,
}

/// The binary with no environment but the key.
pub(crate) fn binary(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_extract-openweather"));
    command.args(args).env_clear().env("OPENWEATHER_API_KEY", KEY).stdin(Stdio::null());
    command
}

pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().expect("the binary starts");
    let run = Run {
        code: output.status.code().expect("an exit code"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    };
    no_secret_in(&run.stdout);
    no_secret_in(&run.stderr);
    run
}

pub(crate) fn run(args: &[&str]) -> Run {
    finish(&mut binary(args))
}

/// Neither the key nor a form of it.
pub(crate) fn no_secret_in(text: &str) {
    for form in [KEY, "s3cret/k\\\"y+1", "s3cret%2Fk%22y%2B1", "s3cret"] {
        assert!(!text.contains(form), "{form} in {text}");
    }
}

impl Run {
    /// The stream, its seal verified.
    pub(crate) fn stream(&self) -> Stream {
        assert_eq!(self.code, 0, "{}", self.stderr);
        let options = Options { seal: Seal::Required, ..Options::default() };
        let mut reader = Reader::new(self.stdout.as_bytes(), options);
        while reader.next().unwrap().is_some() {}
        let mut lines: Vec<String> = self.stdout.lines().map(str::to_owned).collect();
        let begin: Value = serde_json::from_str(&lines.remove(0)).unwrap();
        lines.pop();
        let text = |key: &str| begin["_etl"][key].as_str().unwrap().to_owned();
        Stream {
            id: text("id"),
            schema: text("schema"),
            producer: text("producer"),
            records: lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect(),
            lines,
        }
    }

    /// Asserts that the run failed with this code, that stdout ends with its `abort` and has no `end`, and that both it
    /// and the last line on stderr say `message` after the address of the server, written `HOST` here.
    pub(crate) fn failed(&self, code: i32, message: &str) {
        assert_eq!(self.code, code, "{}", self.stderr);
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(hide_address(last).ends_with(message), "{last:?} does not end with {message:?}");
        assert!(!self.stdout.contains("\"kind\":\"end\""), "{}", self.stdout);
        let abort: Value = serde_json::from_str(self.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(abort["_etl"]["kind"], "abort");
        assert_eq!(abort["_etl"]["code"], code);
        assert_eq!(hide_address(abort["_etl"]["message"].as_str().unwrap()), message);
    }
}

fn hide_address(text: &str) -> String {
    let Some((before, rest)) = text.split_once("127.0.0.1:") else { return text.to_owned() };
    format!("{before}HOST{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A file beside the tests, such as `replies/current/rain_1h_only.json`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn reply(name: &str) -> String {
    std::fs::read_to_string(file("tests/replies").join(name)).unwrap()
}

/// The only part of a live record that no file can hold.
pub(crate) fn with_fetched_at(line: &str, fetched_at: &str) -> String {
    let (before, rest) = line.split_once("\"fetched_at\":\"").expect("a fetched_at");
    let (_, after) = rest.split_once('"').expect("its end");
    format!("{before}\"fetched_at\":\"{fetched_at}\"{after}")
}

/// A folder that is removed afterwards, as text.
pub(crate) fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}
