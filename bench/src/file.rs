//! extract-file and load-postgres beside psql, on the same CSV file.

use std::fs::File;
use std::io::{self, Write};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{RUNS, create, psql_contender, server};
use crate::measure::{Goal, Group};
use crate::records;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let mut csv = File::create(bench.folder.join("orders.csv"))?;
    writeln!(csv, "{}", records::COLUMNS)?;
    io::copy(&mut File::open(bench.folder.join("records.csv"))?, &mut csv)?;
    let server = server();
    let space = server.database();
    let fresh = || {
        create(&space, "orders", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        Ok(())
    };
    let copy = ["-c", "\\copy orders FROM 'orders.csv' (FORMAT csv, HEADER)"];
    let mut contenders = vec![psql_contender(&space, "psql, \\copy", &copy).before(fresh)];
    let load = ["--table", "orders", "--emit", "none"];
    for (folder, build) in bench.builds("extract-file") {
        let [extract, loader] =
            ["extract-file", "load-postgres"].map(|name| folder.join(name).display().to_string());
        let pipe = Contender::new("extract-file | load-postgres", &loader, &load).of(build);
        contenders.push(pipe.fed_by(&extract, &["orders.csv"]).env(&space.env()).before(fresh));
    }
    let group = bench.measure("CSV file into PostgreSQL", records::COUNT, RUNS, &contenders)?;
    anyhow::ensure!(space.count("SELECT count(*) FROM orders") as u64 == records::COUNT, "rows are missing");
    Ok(vec![group.goal("extract-file | load-postgres", Goal::Wall(0.8))])
}
