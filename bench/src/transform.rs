//! `transform-jq` beside jq and jaq, and `validate` beside the parts that it is made of.

use std::process::{Command, Stdio};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::measure::Group;
use crate::records;

const RUNS: usize = 5;

/// The filters, each with what it is called.
const FILTERS: [(&str, &str); 2] =
    [("as it is", "."), ("a part of some", "select(.raining) | {id, station, celsius: .temp}")];

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    std::fs::write(bench.folder.join("schema.json"), records::SCHEMA)?;
    let peers: Vec<&str> = ["jq", "jaq"].into_iter().filter(|peer| is_there(peer)).collect();
    let mut groups = Vec::new();
    for (title, filter) in FILTERS {
        let mut contenders = Vec::new();
        for peer in &peers {
            // Their output goes where that of the components goes.
            let args = ["-c", "exec \"$0\" -c \"$1\" records.ndjson >/dev/null", peer, filter];
            contenders.push(Contender::new(&format!("{peer} -c"), "sh", &args));
        }
        let args = [filter, "--input", "records.ndjson", "--output", "/dev/null"];
        contenders.extend(bench.component("transform-jq", "transform-jq", &args, |contender| contender));
        let title = format!("A filter: records {title}");
        groups.push(bench.measure(&title, records::COUNT, RUNS, &contenders)?);
    }
    let gate = ["--schema", "schema.json", "--input", "records.ndjson", "--output", "/dev/null"];
    let check = ["schema", "check", "schema.json", "records.ndjson"];
    let verify = ["verify", "records.ndjson"];
    let mut contenders = bench.component("standpipe schema check, verified", "standpipe", &check, |it| it);
    contenders.extend(bench.component("standpipe verify", "standpipe", &verify, |it| it));
    contenders.extend(bench.component("validate", "validate", &gate, |it| it));
    groups.push(bench.measure("A gate", records::COUNT, RUNS, &contenders)?);
    Ok(groups)
}

/// Whether a peer is installed; it is said loudly if it is not.
fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::piped()).output();
    match version {
        Ok(said) if said.status.success() => {
            eprintln!("{program}: {}", String::from_utf8_lossy(&said.stdout).trim());
            true
        }
        _ => {
            eprintln!(
                "SKIPPED: {program} is not in PATH, so transform-jq is not compared with it (`cargo install jaq`)"
            );
            false
        }
    }
}
