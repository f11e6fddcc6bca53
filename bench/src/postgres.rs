//! load-postgres beside psql, which sends ready-made rows: appends of every size, and one record.

use etl_testkit::postgres::Space;

use crate::bench::Bench;
use crate::database::{RUNS, create, loaders, psql, psql_contender, ready, server};
use crate::measure::{Goal, Group};
use crate::print::count;
use crate::records::{self, MANY, Records};

/// How often what takes milliseconds runs.
const SHORT_RUNS: usize = 41;

/// How many records are appended, how often, and the goal.
const SIZES: [(u64, usize, f64); 4] =
    [(records::COUNT, RUNS, 0.95), (500_000, RUNS, 1.0), (100_000, 15, 1.0), (10_000, SHORT_RUNS, 1.0)];

const APPEND: &str = "load-postgres";

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    let mut groups = Vec::new();
    for (size, runs, goal) in SIZES {
        let group = append(bench, &space, size, runs)?.goal(APPEND, Goal::Wall(goal));
        groups.push(if size == records::COUNT { group.goal(APPEND, Goal::Cpu(0.6)) } else { group });
    }
    groups.push(one(bench, &space)?);
    Ok(groups)
}

/// Into an empty table without a key.
fn append(bench: &Bench, space: &Space, size: u64, runs: usize) -> anyhow::Result<Group> {
    records::write(&bench.folder, "append", &Records { count: size, ..MANY })?;
    create(space, "ready", false)?;
    ready(bench, space, "append", "ready")?;
    space.sql("DROP TABLE ready");
    let fresh = || {
        create(space, "records", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        Ok(())
    };
    let binary = ["-c", "COPY records FROM STDIN (FORMAT binary)"];
    let csv = ["-c", "\\copy records FROM 'append.csv' (FORMAT csv)"];
    let load = ["--table", "records", "--input", "append.ndjson", "--emit", "none"];
    let copy = psql_contender(space, "psql, COPY of ready-made binary", &binary).stdin("append.bin");
    let mut contenders =
        vec![copy.before(fresh), psql_contender(space, "psql, \\copy of ready-made CSV", &csv).before(fresh)];
    contenders.extend(loaders(bench, space, APPEND, &load, fresh));
    bench.measure(&format!("PostgreSQL: {} appended", count(size)), size, runs, &contenders)
}

/// One record, from the start of the process to its end.
fn one(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    records::write(&bench.folder, "one", &Records { count: 1, key: true, ..MANY })?;
    create(space, "records", true)?;
    // Both find the table and the ledger, as on every day but the first.
    let load = ["--table", "records", "--input", "one.ndjson", "--emit", "none", "--mode", "append"];
    psql(space, &["-c", "TRUNCATE records"])?;
    let line = std::fs::read_to_string(bench.folder.join("one.csv"))?;
    let values: Vec<String> = line.trim_end().split(',').map(|value| format!("'{value}'")).collect();
    let insert = format!("INSERT INTO records VALUES ({})", values.join(", ").replace("''", "NULL"));
    let fresh = || {
        space.sql("TRUNCATE records");
        if space.count("SELECT count(*) FROM pg_class WHERE relname = 'etl_load'") > 0 {
            space.sql("TRUNCATE etl_load");
        }
        Ok(())
    };
    let mut contenders = vec![psql_contender(space, "psql -c INSERT", &["-c", &insert]).before(fresh)];
    contenders.extend(loaders(bench, space, APPEND, &load, fresh));
    Ok(bench.measure("PostgreSQL: one record", 1, SHORT_RUNS, &contenders)?.goal(APPEND, Goal::Wall(0.35)))
}
