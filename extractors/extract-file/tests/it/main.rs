//! The binary on files of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod files;
mod formats;
mod help;
mod packed;
mod runs;
mod typed;

use etl_testkit::run::{Cmd, Folder, Ran};
use serde_json::Value;

/// Runs the binary in a folder.
pub(crate) fn run(folder: &Folder, args: &[&str]) -> Ran {
    Cmd::new(env!("CARGO_BIN_EXE_extract-file")).in_folder(folder.path("")).args(args).run()
}

/// What a file of these bytes becomes.
pub(crate) fn of(bytes: impl AsRef<[u8]>, args: &[&str]) -> Ran {
    let folder = Folder::new();
    folder.write("in", bytes);
    run(&folder, &[&["in"], args].concat())
}

/// The record lines of a run that succeeded.
pub(crate) fn records(ran: &Ran) -> Vec<String> {
    let lines = ran.ok().stdout.lines().filter(|line| !line.starts_with("{\"_etl\":"));
    lines.map(str::to_owned).collect()
}

/// A field of each `begin`.
pub(crate) fn begins(ran: &Ran, field: &str) -> Vec<Value> {
    let lines = ran.ok().stdout.lines().filter(|line| line.contains("\"kind\":\"begin\""));
    lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["_etl"][field].clone()).collect()
}

/// Asserts how a file of these bytes is refused.
#[track_caller]
pub(crate) fn refused(bytes: impl AsRef<[u8]>, args: &[&str], code: i32, message: &str) {
    let ran = of(bytes, args);
    ran.fails(code);
    assert_eq!(ran.last_error_line(), message);
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
}
