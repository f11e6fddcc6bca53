//! Whole processes beside each other: interleaved runs, medians, ratios within the run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use etl_schema::{Dialect, Schema, ddl};

use crate::{cargo, need, records};

const RUNS: usize = 5;

/// One command that is timed, with what it must start from.
struct Contender {
    name: &'static str,
    program: String,
    args: Vec<String>,
    fresh: Option<&'static str>,
}

/// One run: wall seconds, CPU seconds, peak memory in MB.
type Cost = [f64; 3];

/// Measures the parts, then the processes, all on the same million records.
pub(crate) fn run() -> anyhow::Result<()> {
    need::programs(&[need::SQLITE, need::TIME])?;
    eprintln!("building in release ...");
    cargo::run(&["build", "--release", "--quiet", "-p", "load-sqlite", "-p", "standpipe", "-p", "xtask"])?;
    let binaries = cargo::built("release")?;
    let folder = binaries.join("bench");
    std::fs::create_dir_all(&folder)?;
    let path = |name: &str| folder.join(name);
    let (stream, gaps, csv) = (path("records.ndjson"), path("gaps.ndjson"), path("records.csv"));
    eprintln!("writing {} records ...", records::COUNT);
    records::write(&stream, &gaps, &csv)?;
    let status = Command::new(binaries.join("xtask")).arg("rates").args([&stream, &gaps]).status()?;
    ensure!(status.success(), "measuring the parts failed");

    let contenders = contenders(&binaries, &folder)?;
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders.len()];
    for run in 0..=RUNS {
        for (contender, costs) in contenders.iter().zip(&mut costs) {
            let cost = time(contender, &folder)?;
            // The first is the warm-up.
            if run > 0 {
                costs.push(cost);
            }
        }
    }
    report(&contenders, &costs);
    Ok(())
}

fn contenders(binaries: &Path, folder: &Path) -> anyhow::Result<Vec<Contender>> {
    let own = |name: &str| binaries.join(name).display().to_string();
    let words = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
    let schema = Schema::from_json("bench", &serde_json::from_str(records::SCHEMA)?)?;
    let create = ddl(&schema, Dialect::Sqlite, "records");
    // The ready-made rows fill the same table, declared in the same way.
    std::fs::write(folder.join("import.sql"), format!("{create}\n.import --csv records.csv records\n"))?;
    let load = ["--db", "load.db", "--table", "records", "--input", "records.ndjson", "--emit", "none"];
    Ok(vec![
        Contender {
            name: "sqlite3 .import, ready-made CSV",
            program: "sqlite3".into(),
            args: words(&["import.db", ".read import.sql"]),
            fresh: Some("import.db"),
        },
        Contender {
            name: "load-sqlite, append",
            program: own("load-sqlite"),
            args: words(&load),
            fresh: Some("load.db"),
        },
        Contender {
            name: "standpipe verify",
            program: own("standpipe"),
            args: words(&["verify", "records.ndjson"]),
            fresh: None,
        },
        Contender {
            name: "standpipe seal -- grep -v _etl",
            program: own("standpipe"),
            args: words(&[
                "seal",
                "--output",
                "sealed.ndjson",
                "--",
                "grep",
                "-v",
                "^{\"_etl",
                "records.ndjson",
            ]),
            fresh: Some("sealed.ndjson"),
        },
    ])
}

/// Runs a command under `time`.
fn time(contender: &Contender, folder: &Path) -> anyhow::Result<Cost> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        if let Some(fresh) = contender.fresh {
            let _ = std::fs::remove_file(folder.join(format!("{fresh}{suffix}")));
        }
    }
    let output = Command::new("/usr/bin/time")
        .args(["-o", "time.txt", "-f", "%e %U %S %M", &contender.program])
        .args(&contender.args)
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot run {}", contender.name))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{} failed: {stderr}", contender.name);
    let text = std::fs::read_to_string(folder.join("time.txt"))?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [wall, user, system, kilobytes] = numbers[..] else { anyhow::bail!("time printed {text:?}") };
    Ok([wall, user + system, kilobytes / 1024.0])
}

fn report(contenders: &[Contender], costs: &[Vec<Cost>]) {
    let median = |costs: &[Cost], index: usize| {
        let mut values: Vec<f64> = costs.iter().map(|cost| cost[index]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let peer = median(&costs[0], 0);
    println!(
        "\n{:<34} {:>8} {:>12} {:>7} {:>8} {:>14}",
        "process", "wall s", "records/s", "CPU s", "peak MB", "ratio to .import"
    );
    for (contender, costs) in contenders.iter().zip(costs) {
        let wall = median(costs, 0);
        println!(
            "{:<34} {wall:>8.2} {:>12.0} {:>7.2} {:>8.1} {:>14.2}",
            contender.name,
            records::COUNT as f64 / wall,
            median(costs, 1),
            median(costs, 2),
            wall / peer
        );
    }
}
