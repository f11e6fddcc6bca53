//! Whole processes beside each other: interleaved runs, medians, ratios within the run.

mod influx;
mod measure;
mod postgres;
mod sqlite;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::records::Records;
use crate::{cargo, need, records};
use measure::Group;

/// Where everything is.
struct Bench {
    binaries: PathBuf,
    /// Where the records are, and everything else that is written.
    folder: PathBuf,
}

impl Bench {
    /// The path of a binary of this workspace.
    fn binary(&self, name: &str) -> String {
        self.binaries.join(name).display().to_string()
    }
}

/// Measures the parts and the loaders named, else everything, all on the same records.
pub(crate) fn run(names: &[&str]) -> anyhow::Result<()> {
    const ALL: [&str; 4] = ["parts", "sqlite", "postgres", "influx"];
    if let Some(unknown) = names.iter().find(|name| !ALL.contains(name)) {
        bail!("{unknown} is none of {}", ALL.join(", "));
    }
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    need::programs(&[need::SQLITE, need::TIME])?;
    if wanted("postgres") || wanted("influx") {
        need::servers()?;
    }
    eprintln!("building in release ...");
    let packages =
        ["load-sqlite", "load-postgres", "load-influx", "standpipe", "xtask"].map(|package| ["-p", package]);
    cargo::run(&[&["build", "--release", "--quiet"], packages.as_flattened()].concat())?;
    let binaries = cargo::built("release")?;
    let bench = Bench { folder: binaries.join("bench"), binaries };
    std::fs::create_dir_all(&bench.folder)?;
    eprintln!("writing {} records ...", records::COUNT);
    records::write(&bench.folder, "records", &records::MANY)?;
    if wanted("parts") {
        records::write(&bench.folder, "gaps", &Records { gaps: true, ..records::MANY })?;
        let mut rates = Command::new(bench.binary("xtask"));
        let status =
            rates.args(["rates", "records.ndjson", "gaps.ndjson"]).current_dir(&bench.folder).status()?;
        ensure!(status.success(), "measuring the parts failed");
    }
    let mut report = Vec::new();
    if wanted("sqlite") {
        report.extend(sqlite::run(&bench)?);
    }
    if wanted("postgres") {
        report.extend(postgres::run(&bench)?);
    }
    if wanted("influx") {
        report.extend(influx::run(&bench)?);
    }
    let path = bench.folder.join("bench.json");
    let json = serde_json::to_string_pretty(&serde_json::Value::from_iter(report.iter().map(Group::json)))?;
    std::fs::write(&path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    println!("\nThe same as JSON: {}", path.display());
    Ok(())
}
