//! `standpipe run` beside the shell: the same three steps.

use crate::bench::Bench;
use crate::contender::Contender;
use crate::measure::Group;

const RUNS: usize = 101;

/// One record through three steps, so that what is measured is the start and the end of processes.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    std::fs::write(bench.folder.join("one.csv"), "id,name\n1,one\n")?;
    let program = |name: &str| bench.binaries.join(name).display().to_string();
    let (extract, standpipe) = (program("extract-file"), program("standpipe"));
    let shell = format!("'{extract}' one.csv | '{standpipe}' through -- cat | '{standpipe}' verify");
    let mut contenders = vec![Contender::new("sh, extract | through | verify", "sh", &["-c", &shell])];
    // `through` is put around `cat` by `run` itself.
    let steps = ["run", "--", &extract, "one.csv", "|", "cat", "|", &standpipe, "verify"];
    contenders
        .extend(bench.component("standpipe run, the same steps", "standpipe", &steps, |contender| contender));
    let group = bench.measure("A pipe of three steps, one record", 1, RUNS, &contenders)?;
    Ok(vec![group])
}
