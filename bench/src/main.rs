//! Whole processes compared with each other: interleaved runs, medians, and ratios within the same run.

mod connectors;
mod copy;
mod file;
mod growth;
mod influx;
mod measure;
mod pipe;
mod postgres;
mod rates;
mod records;
mod scale;
mod sqlite;
mod transform;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use etl_testkit::need;

use measure::{Contender, Group};
use records::Records;

/// Where everything is.
struct Bench {
    binaries: PathBuf,
    /// The binaries of the build before, to be compared with.
    before: Option<PathBuf>,
    /// Where the records and everything else are written.
    folder: PathBuf,
}

impl Bench {
    /// A component of this workspace with these arguments, and beside it that of the build before, if there is one.
    fn component<'a>(
        &self,
        title: &str,
        name: &str,
        args: &[&str],
        finish: impl Fn(Contender<'a>) -> Contender<'a>,
    ) -> Vec<Contender<'a>> {
        let of = |(folder, is_before): (&PathBuf, bool)| {
            let program = folder.join(name).display().to_string();
            finish(Contender::new(title, &program, args).of_before(is_before))
        };
        self.builds(name).map(of).collect()
    }

    /// The folders of the builds that have a component, and whether each is of the build before.
    fn builds(&self, name: &str) -> impl Iterator<Item = (&PathBuf, bool)> {
        let before = self.before.iter().filter(move |folder| folder.join(name).exists());
        [(&self.binaries, false)].into_iter().chain(before.map(|folder| (folder, true)))
    }
}

/// `bench [--before FOLDER] [parts] [sqlite] [postgres] [copy] [connectors] [file] [influx] [growth] [run] [scale] [transform]`, from the folder that also has the components, built
/// alike. FOLDER has those of the build before.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (before, names) = match args.as_slice() {
        ["--before", folder, names @ ..] => (Some(PathBuf::from(folder)), names),
        names => (None, names),
    };
    match run(before, names) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what is named, otherwise everything, on the same records.
fn run(before: Option<PathBuf>, names: &[&str]) -> anyhow::Result<()> {
    const ALL: [&str; 11] = [
        "parts",
        "sqlite",
        "postgres",
        "copy",
        "connectors",
        "file",
        "influx",
        "growth",
        "run",
        "scale",
        "transform",
    ];
    if let Some(unknown) = names.iter().find(|name| !ALL.contains(name)) {
        bail!("{unknown} is not one of {}", ALL.join(", "));
    }
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    need::programs(&[need::SQLITE, need::TIME])?;
    if ["postgres", "copy", "connectors", "file", "influx", "growth", "scale"].into_iter().any(wanted) {
        need::servers()?;
    }
    let here = std::env::current_exe().context("cannot find out where this program is")?;
    let binaries = here.parent().context("this program is not in a folder")?;
    // The contenders run in another folder.
    let before = before.map(std::fs::canonicalize).transpose().context("--before")?;
    let bench = Bench { folder: binaries.with_file_name("bench"), binaries: binaries.to_owned(), before };
    std::fs::create_dir_all(&bench.folder)?;
    if ALL.into_iter().any(|name| name != "run" && wanted(name)) {
        eprintln!("writing {} records ...", records::COUNT);
        records::write(&bench.folder, "records", &records::MANY)?;
    }
    if wanted("parts") {
        records::write(&bench.folder, "gaps", &Records { gaps: true, ..records::MANY })?;
        rates::run(&bench.folder.join("records.ndjson"), &bench.folder.join("gaps.ndjson"))?;
    }
    let mut report = Vec::new();
    if wanted("sqlite") {
        report.extend(sqlite::run(&bench)?);
    }
    if wanted("postgres") {
        report.extend(postgres::run(&bench)?);
    }
    if wanted("copy") {
        report.extend(copy::run(&bench)?);
    }
    if wanted("connectors") {
        report.extend(connectors::run(&bench)?);
    }
    if wanted("file") {
        report.extend(file::run(&bench)?);
    }
    if wanted("influx") {
        report.extend(influx::run(&bench)?);
    }
    if wanted("growth") {
        report.extend(growth::run(&bench)?);
    }
    if wanted("run") {
        report.extend(pipe::run(&bench)?);
    }
    if wanted("scale") {
        report.extend(scale::run(&bench)?);
    }
    if wanted("transform") {
        report.extend(transform::run(&bench)?);
    }
    let path = bench.folder.join("bench.json");
    let json = serde_json::to_string_pretty(&serde_json::Value::from_iter(report.iter().map(Group::json)))?;
    std::fs::write(&path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    println!("\nThe same as JSON: {}", path.display());
    Ok(())
}
