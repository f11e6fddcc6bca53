//! How soon something happens: from the start of a process to its first byte, without network.

use xtask::cargo;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::measure::{Goal, Group};

const RUNS: usize = 101;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    std::fs::write(bench.folder.join("one.csv"), "id,name\n1,one\n")?;
    let replies = cargo::root().join("extractors/extract-openweather/demo").display().to_string();
    let current = ["current", "--city", "Munich", "--replay", &replies];
    let mut groups = Vec::new();
    for (name, program, args, goal) in [
        ("extract-file, a line of CSV", "extract-file", &["one.csv"][..], 5.0),
        ("extract-openweather, a recorded reply", "extract-openweather", &current, 5.0),
        ("standpipe --version", "standpipe", &["--version"], 2.0),
    ] {
        // How soon a program can write at all.
        let mut contenders = vec![Contender::new("cat", "cat", &["one.csv"]).until_first_byte()];
        contenders.extend(bench.component(name, program, args, Contender::until_first_byte));
        let title = format!("First byte of {program}");
        groups.push(bench.measure(&title, 1, RUNS, &contenders)?.goal(name, Goal::Millis(goal)));
    }
    Ok(groups)
}
