//! What a result depends on: when, how many cores, and which versions.

use std::process::Command;

use etl_testkit::postgres::search_path;
use serde_json::{Map, Value, json};
use xtask::cargo;

/// Programs, and how they are asked for their version.
const PROGRAMS: [(&str, &[&str]); 11] = [
    ("rustc", &["--version"]),
    ("postgres", &["--version"]),
    ("psql", &["--version"]),
    ("sqlite3", &["--version"]),
    ("influxd", &["version"]),
    ("victoria-metrics", &["--version"]),
    ("curl", &["--version"]),
    ("python3", &["--version"]),
    ("jq", &["--version"]),
    ("jaq", &["--version"]),
    ("valgrind", &["--version"]),
];

/// Those of this run.
pub(crate) fn json() -> Value {
    let versions: Map<String, Value> = PROGRAMS
        .into_iter()
        .filter_map(|(program, args)| Some((program.to_owned(), first_line(program, args)?.into())))
        .collect();
    json!({
        "date": first_line("date", &["-u", "+%F"]),
        "commit": first_line("git", &["describe", "--always", "--dirty", "--exclude", "*"]),
        "cores": std::thread::available_parallelism().ok().map(usize::from),
        "architecture": std::env::consts::ARCH,
        "versions": versions,
    })
}

/// The first line that a program prints, if it is installed.
fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(args).env("PATH", search_path()).current_dir(cargo::root()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    // Some say it on stderr.
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).lines().find(|line| !line.is_empty()).map(str::to_owned)
}
