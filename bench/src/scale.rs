//! Several loaders at once into one table, beside as many psql with ready-made rows: what a second one brings, and where
//! the server is the limit.

use std::fmt::Write as _;

use anyhow::Context;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{create, psql_contender, ready, server};
use crate::measure::{Goal, Group};
use crate::records::{self, MANY, Records};

const RUNS: usize = 5;

/// One million records in all, in equal parts.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    let mut groups = Vec::new();
    for loaders in [1, 2, 4] {
        let count = records::COUNT / loaders;
        for part in 0..loaders {
            let name = format!("part{part}");
            let records = Records { count, seed: 20 + part, ..MANY };
            records::write(&bench.folder, &name, &records)?;
            create(&space, "ready", false)?;
            ready(bench, &space, &name, "ready")?;
        }
        let fresh = || {
            create(&space, "records", false)?;
            space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
            Ok(())
        };
        let copy = "psql -X -q -c 'COPY records FROM STDIN (FORMAT binary)' < partN.bin";
        let script = at_once(loaders, copy)?;
        let name = format!("{loaders} psql, COPY of ready-made binary");
        let copies = psql_contender(&space, &name, &[]);
        let mut contenders = vec![copies.program("sh", &["-c", &script]).before(fresh)];
        for (binaries, build) in bench.builds("load-postgres") {
            let load = binaries.join("load-postgres").display().to_string();
            let script =
                at_once(loaders, &format!("'{load}' --table records --input partN.ndjson --emit none"))?;
            let contender =
                Contender::new(&format!("{loaders} load-postgres, append"), "sh", &["-c", &script]);
            contenders.push(contender.of(build).env(&space.env()).before(fresh));
        }
        let title = format!("PostgreSQL: one table, {loaders} at once");
        let group = bench.measure(&title, records::COUNT, RUNS, &contenders)?;
        groups.push(if loaders == 2 {
            group.goal("2 load-postgres, append", Goal::Wall(1.1))
        } else {
            group
        });
        let rows = space.count("SELECT count(*) FROM records");
        anyhow::ensure!(rows == i64::try_from(records::COUNT)?, "{rows} rows were loaded");
    }
    Ok(groups)
}

/// A script that runs a command for each part at once, and fails if one of them does.
fn at_once(parts: u64, command: &str) -> anyhow::Result<String> {
    let mut script = String::new();
    for part in 0..parts {
        let command = command.replace("partN", &format!("part{part}"));
        writeln!(script, "{command} & p{part}=$!").context("formatting")?;
    }
    for part in 0..parts {
        writeln!(script, "wait $p{part} || exit 1").context("formatting")?;
    }
    Ok(script)
}
