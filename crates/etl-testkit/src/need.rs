//! Programs of the system that tests and benches need.

use std::io::Write;
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// A program and the Debian package it is in.
pub type Program = (&'static str, &'static str);

/// Runs examples in Python.
pub const PYTHON: Program = ("python3", "python3");
/// Runs examples in JavaScript.
pub const NODE: Program = ("node", "nodejs");
/// Reads receipts in the examples.
pub const JQ: Program = ("jq", "jq");
/// A terminal for what is shown on one.
pub const TMUX: Program = ("tmux", "tmux");
/// Reads units and runs them.
pub const SYSTEMD: Program = ("systemd-analyze", "systemd");
/// The shell of SQLite.
pub const SQLITE: Program = ("sqlite3", "sqlite3");
/// Measures CPU time and memory.
pub const TIME: Program = ("/usr/bin/time", "time");
/// Counts instructions.
pub const VALGRIND: Program = ("valgrind", "valgrind");
/// Makes a root folder of Debian's packages.
pub const MMDEBSTRAP: Program = ("mmdebstrap", "mmdebstrap");
/// Opens pages.
pub const CHROMIUM: Program = ("chromium", "chromium");
/// Compose as a program of its own.
pub const COMPOSE: Program = ("docker-compose", "docker-compose");

/// PostgreSQL, pgbouncer before it, InfluxDB and VictoriaMetrics, and what asks the last two.
const SERVERS: [Program; 6] = [
    ("psql", "postgresql-client"),
    ("initdb", "postgresql"),
    ("pgbouncer", "pgbouncer"),
    ("influxd", "influxdb"),
    ("victoria-metrics", "victoria-metrics"),
    ("curl", "curl"),
];

/// Prometheus, and what it reads text files through.
pub const PROMETHEUS: [Program; 2] =
    [("prometheus", "prometheus"), ("prometheus-node-exporter", "prometheus-node-exporter")];

/// Installs the servers that tests and benches start for themselves.
///
/// # Errors
/// As [`programs`].
pub fn servers() -> anyhow::Result<()> {
    programs(&SERVERS)
}

/// Installs the programs that are missing if this is root on a machine with apt; otherwise says exactly what to install.
///
/// # Errors
/// That programs are missing, or that installing them failed.
pub fn programs(programs: &[Program]) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(name, _)| !exists(name)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    if !is_root() || !exists("apt-get") {
        bail!("missing programs; as root: {install}");
    }
    eprintln!("installing what is missing: {}", missing.join(" "));
    for command in ["apt-get update -qq", &install] {
        let mut words = command.split(' ');
        let status = Command::new(words.next().unwrap_or_default())
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(std::process::Stdio::null())
            .status()
            .with_context(|| format!("cannot run {command}"))?;
        ensure!(status.success(), "{command} failed");
    }
    Ok(())
}

/// Says that something was not tested, so that it is not captured as the test's output.
pub fn skipped(what: &str, why: &str) {
    // Where stderr cannot be written, nobody reads it.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {what}: {why}");
}

/// Whether a program is installed.
pub fn exists(program: &str) -> bool {
    std::env::split_paths(&crate::postgres::search_path()).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n")
}
