//! Whole processes compared with each other: interleaved runs, medians, and ratios within the same run.

mod bench;
mod connectors;
mod contender;
mod copy;
mod database;
mod facts;
mod file;
mod growth;
mod guard;
mod huge;
mod influx;
mod instructions;
mod measure;
mod messages;
mod parts;
mod peers;
mod pipe;
mod postgres;
mod print;
mod records;
mod scale;
mod shapes;
mod sling;
mod sqlite;
mod start;
mod transform;
mod trust;
mod upsert;

use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use etl_testkit::need;
use serde_json::{Value, json};
use xtask::cargo;

use bench::Bench;
use measure::{Group, Line};

/// What can be measured.
struct Topic {
    name: &'static str,
    run: fn(&Bench) -> anyhow::Result<Vec<Group>>,
    needs: Needs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// The million records.
    Records,
    /// The records, and servers.
    Servers,
}

/// The instructions of the parts are counted by this name.
const INSTRUCTIONS: &str = "instructions";
/// What is only measured by its name.
const HUGE: &str = "huge";
const TOPICS: [Topic; 17] = [
    Topic { name: "parts", run: parts::run, needs: Needs::Servers },
    Topic { name: "sqlite", run: sqlite::run, needs: Needs::Records },
    Topic { name: "postgres", run: postgres::run, needs: Needs::Servers },
    Topic { name: "upsert", run: upsert::run, needs: Needs::Servers },
    Topic { name: "trust", run: trust::run, needs: Needs::Servers },
    Topic { name: "shapes", run: shapes::run, needs: Needs::Servers },
    Topic { name: "copy", run: copy::run, needs: Needs::Servers },
    Topic { name: "connectors", run: connectors::run, needs: Needs::Servers },
    Topic { name: "peers", run: peers::run, needs: Needs::Servers },
    Topic { name: "file", run: file::run, needs: Needs::Servers },
    Topic { name: "influx", run: influx::run, needs: Needs::Servers },
    Topic { name: "growth", run: growth::run, needs: Needs::Servers },
    Topic { name: "run", run: pipe::run, needs: Needs::Nothing },
    Topic { name: "start", run: start::run, needs: Needs::Nothing },
    Topic { name: "scale", run: scale::run, needs: Needs::Servers },
    Topic { name: "transform", run: transform::run, needs: Needs::Records },
    Topic { name: HUGE, run: huge::run, needs: Needs::Servers },
];

/// `bench [--before FOLDER] [--runs N] [all | NAME...]`, from the folder that also has the components, built alike. FOLDER
/// has those of the build before. `bench guard [--update] FOLDER` counts the instructions of the programs in the folder.
fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|(bench, names)| run(&bench, &names)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where and how often, and the names of what is measured.
fn options(mut args: impl Iterator<Item = String>) -> anyhow::Result<(Bench, Vec<String>)> {
    let here = std::env::current_exe().context("cannot find out where this program is")?;
    let binaries = here.parent().context("this program is not in a folder")?.to_owned();
    let folder = binaries.with_file_name("bench");
    let mut bench = Bench { folder, binaries, before: None, runs: None };
    let mut names = Vec::new();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            // The contenders run in another folder.
            "--before" => bench.before = Some(std::fs::canonicalize(value()?).context("--before")?),
            "--runs" => bench.runs = Some(value()?.parse().context("--runs")?),
            _ => names.push(arg),
        }
    }
    Ok((bench, names))
}

fn run(bench: &Bench, names: &[String]) -> anyhow::Result<()> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let guard = |binaries: &str, update| {
        let (folder, binaries) = (bench.binaries.with_file_name("guard"), binaries.into());
        guard::run(&Bench { folder, binaries, before: None, runs: None }, update)
    };
    match *names.as_slice() {
        ["guard", binaries] => guard(binaries, false),
        ["guard", "--update", binaries] => guard(binaries, true),
        _ => measure(bench, &names),
    }
}

/// Measures what is named, otherwise everything, on the same records.
fn measure(bench: &Bench, names: &[&str]) -> anyhow::Result<()> {
    let known = || TOPICS.iter().map(|topic| topic.name).chain([INSTRUCTIONS, "all"]);
    if let Some(unknown) = names.iter().find(|name| !known().any(|known| known == **name)) {
        bail!("{unknown} is not one of {}", known().collect::<Vec<_>>().join(", "));
    }
    let all = names.is_empty() || names.contains(&"all");
    let wanted = |name: &str| all && name != HUGE || names.contains(&name);
    let topics: Vec<&Topic> = TOPICS.iter().filter(|topic| wanted(topic.name)).collect();
    need::programs(&[need::SQLITE, need::TIME])?;
    if topics.iter().any(|topic| topic.needs == Needs::Servers) || wanted(INSTRUCTIONS) {
        need::servers()?;
    }
    std::fs::create_dir_all(&bench.folder)?;
    if topics.iter().any(|topic| topic.needs != Needs::Nothing) {
        eprintln!("writing {} records ...", records::COUNT);
        records::write(&bench.folder, "records", &records::MANY)?;
    }
    let (mut groups, mut failed) = (Vec::new(), Vec::new());
    for topic in topics {
        match (topic.run)(bench) {
            Ok(measured) => groups.extend(measured),
            // What takes hours does not end with one of many.
            Err(error) => {
                eprintln!("error: {}: {error:#}", topic.name);
                failed.push(topic.name);
            }
        }
    }
    let mut counts = Vec::new();
    if wanted(INSTRUCTIONS) {
        if need::exists(need::VALGRIND.0) {
            counts = instructions::run(bench)?;
            instructions::print(&counts);
        } else {
            need::skipped(INSTRUCTIONS, "valgrind is not installed");
        }
    }
    let summary: Vec<Line> = groups.iter().flat_map(Group::summary).collect();
    Line::print(&summary);
    let results = json!({
        "facts": facts::json(),
        "against": bench.before.as_ref().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy()),
        "instructions": instructions::json(&counts),
        "groups": groups.iter().map(Group::json).collect::<Value>(),
        "summary": summary.iter().map(Line::json).collect::<Value>(),
    });
    let path = if all { cargo::root().join("bench/results.json") } else { bench.folder.join("results.json") };
    std::fs::write(&path, serde_json::to_string_pretty(&results)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("\nThe same as JSON: {}", path.display());
    ensure!(failed.is_empty(), "what failed: {}", failed.join(", "));
    Ok(())
}
