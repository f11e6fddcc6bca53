//! load-sqlite and the tools, beside SQLite's shell.

use etl_schema::{Dialect, Schema, ddl};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::measure::{Goal, Group};
use crate::records;

const RUNS: usize = 5;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let schema = Schema::from_json("bench", records::SCHEMA)?;
    let create = ddl(&schema, Dialect::Sqlite, "records");
    // The ready-made rows fill the same table, declared in the same way.
    let import = format!("{create}\n.import --csv records.csv records\n");
    std::fs::write(bench.folder.join("import.sql"), import)?;
    let fresh = |file: &'static str| move || bench.remove_sqlite(file);
    let load = ["--db", "load.db", "--table", "records", "--input", "records.ndjson", "--emit", "none"];
    let seal = ["seal", "--output", "sealed.ndjson", "--", "grep", "-v", "^{\"_etl", "records.ndjson"];
    let import =
        Contender::new("sqlite3 .import, ready-made CSV", "sqlite3", &["import.db", ".read import.sql"]);
    let mut contenders = vec![import.before(fresh("import.db"))];
    contenders.extend(
        bench.component("load-sqlite, append", "load-sqlite", &load, |load| load.before(fresh("load.db"))),
    );
    let verify = ["verify", "records.ndjson"];
    contenders.extend(bench.component("standpipe verify", "standpipe", &verify, |verify| verify));
    contenders.extend(bench.component("standpipe seal -- grep -v _etl", "standpipe", &seal, |seal| {
        seal.before(fresh("sealed.ndjson"))
    }));
    let group = bench.measure("SQLite: append", records::COUNT, RUNS, &contenders)?;
    Ok(vec![group.goal("load-sqlite, append", Goal::Wall(0.7))])
}
