//! `bench guard`: no part takes more instructions for a record than it did.

use anyhow::{Context, bail};
use etl_testkit::need;
use serde_json::{Map, Value, json};
use xtask::cargo;

use crate::bench::Bench;
use crate::instructions::{self, Count};

/// How much may change by itself, in percent, and in instructions. In another folder, on another machine and days later, the
/// parts took exactly as many, and the loaders at most 0.6 percent more or less.
const TOLERANCE: f64 = 3.0;
const FEW: f64 = 20.0;
const FILE: &str = "bench/instructions.json";

/// Counts, and compares with the file, or writes it anew.
pub(crate) fn run(bench: &Bench, update: bool) -> anyhow::Result<()> {
    need::programs(&[need::VALGRIND])?;
    need::servers()?;
    std::fs::create_dir_all(&bench.folder)?;
    let path = cargo::root().join(FILE);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let mut known: Map<String, Value> = serde_json::from_str(&text).with_context(|| FILE.to_owned())?;
    let arch = std::env::consts::ARCH;
    if !update && !known.contains_key(arch) {
        need::skipped("instructions", &format!("{FILE} has none for {arch}"));
        return Ok(());
    }
    let counts = instructions::run(bench)?;
    instructions::print(&counts);
    if update {
        let counts: Map<String, Value> =
            counts.iter().map(|count| (count.part.to_owned(), json!(count.now.round()))).collect();
        known.insert(arch.to_owned(), counts.into());
        return Ok(std::fs::write(path, serde_json::to_string_pretty(&known)? + "\n")?);
    }
    let changes = compare(&counts, &known[arch]);
    for change in changes.iter().filter(|change| !change.is_worse) {
        eprintln!("{}; `cargo xtask guard --update` keeps that", change.text);
    }
    let worse: Vec<&str> =
        changes.iter().filter(|change| change.is_worse).map(|change| &*change.text).collect();
    if !worse.is_empty() {
        bail!(
            "instructions a record, which `cargo xtask guard --update` accepts:\n    {}",
            worse.join("\n    ")
        );
    }
    Ok(())
}

/// What has changed by more than by itself.
#[derive(Debug, PartialEq)]
struct Change {
    text: String,
    is_worse: bool,
}

fn compare(counts: &[Count], known: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    for Count { part, now, .. } in counts {
        let Some(before) = known[part].as_f64() else {
            changes.push(Change { text: format!("{part}: {FILE} has no figure"), is_worse: true });
            continue;
        };
        let percent = (now / before - 1.0) * 100.0;
        if percent.abs() > TOLERANCE && (now - before).abs() > FEW {
            let word = if percent > 0.0 { "more" } else { "fewer" };
            let text = format!("{part}: {now:.0}, {:.1} % {word} than {before:.0}", percent.abs());
            changes.push(Change { text, is_worse: percent > 0.0 });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_is_named_with_how_much() {
        let known = json!({ "scan": 1000, "check": 1000, "write": 1000, "newlines": 60 });
        let of = |part, now| Count { part, now, before: None, digests: 0.0 };
        let counts = [
            of("scan", 1029.0),
            of("check", 1250.0),
            of("write", 700.0),
            of("newlines", 70.0),
            of("new", 1.0),
        ];
        let change = |text: &str, is_worse| Change { text: text.to_owned(), is_worse };
        assert_eq!(
            compare(&counts, &known),
            [
                change("check: 1250, 25.0 % more than 1000", true),
                change("write: 700, 30.0 % fewer than 1000", false),
                change("new: bench/instructions.json has no figure", true),
            ]
        );
    }
}
