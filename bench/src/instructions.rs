//! How many instructions a part takes for a record, which is the same on a busy machine.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::contender::Build;
use crate::parts::{DIGEST, PARTS, Part, Servers, write};
use crate::print::number;

/// The start and the end of a process are the same for both, so the difference is that of the records alone.
const FEW: (&str, u64) = ("few-parts", 2_000);
const MORE: (&str, u64) = ("more-parts", 12_000);

/// Instructions a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) part: &'static str,
    /// Without those of digests, which valgrind counts as if there were no SHA instructions.
    pub(crate) now: f64,
    pub(crate) before: Option<f64>,
    /// Those of the digests.
    pub(crate) digests: f64,
}

/// Counts those of all parts whose programs were built.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Count>> {
    eprintln!("counting instructions ...");
    for (name, count) in [FEW, MORE] {
        write(&bench.folder, name, count)?;
    }
    let servers = Servers::start();
    let of = |part: &Part, build: (&Path, Build)| {
        let of = |records| part.contender(bench, build, records, &servers).instructions(&bench.folder);
        anyhow::Ok((of(MORE.0)? - of(FEW.0)?) as f64 / RECORDS)
    };
    let digest = of(&DIGEST, (&bench.binaries, Build::Now))?;
    let a_byte = digest / hashed(&bench.folder, &DIGEST)?;
    let mut counts = vec![Count { part: DIGEST.name, now: digest, before: None, digests: digest }];
    for part in PARTS.iter().filter(|part| bench.binaries.join(part.program).exists()) {
        let both: Vec<f64> =
            bench.builds(part.program).map(|build| of(part, build)).collect::<Result<_, _>>()?;
        let digests = a_byte * hashed(&bench.folder, part)?;
        let (now, before) = both.split_first().context("a build")?;
        let before = before.first().map(|before| before - digests);
        counts.push(Count { part: part.name, now: now - digests, before, digests });
    }
    Ok(counts)
}

const RECORDS: f64 = (MORE.1 - FEW.1) as f64;

/// The bytes a record whose digest a part computes.
fn hashed(folder: &Path, part: &Part) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for file in part.hashed {
        let size = |records| anyhow::Ok(std::fs::metadata(folder.join(file.replace("NAME", records)))?.len());
        bytes += size(MORE.0)? - size(FEW.0)?;
    }
    Ok(bytes as f64 / RECORDS)
}

/// Prints them as a table.
pub(crate) fn print(counts: &[Count]) {
    println!(
        "\n{:<52} {:>9} {:>9} {:>6} {:>9}",
        "instructions a record", "now", "before", "ratio", "digests"
    );
    for count in counts {
        let ratio = count.before.map(|before| count.now / before);
        println!(
            "{:<52} {:>9.0} {:>9} {:>6} {:>9.0}",
            count.part,
            count.now,
            number(count.before, 0),
            number(ratio, 2),
            count.digests
        );
    }
}

/// The same as JSON.
pub(crate) fn json(counts: &[Count]) -> Value {
    let row = |count: &Count| json!({ "part": count.part, "now": count.now.round(), "before": count.before.map(f64::round), "digests": count.digests.round() });
    counts.iter().map(row).collect()
}
