//! extract-postgres and load-postgres, which copy a table, beside two psql that hand each other the server's binary rows, and
//! beside sling.

use anyhow::ensure;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{RUNS, create, psql, psql_contender, server};
use crate::measure::Group;
use crate::records;
use crate::sling;

/// The rows that are copied.
const QUERY: &str = "SELECT * FROM records";

/// One million rows from one table into another of the same server, which is empty and has no key.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    create(&space, "records", false)?;
    let csv = bench.folder.join("records.csv");
    let fill = format!("\\copy records FROM '{}' (FORMAT csv)", csv.display());
    psql(&space, &["-c", &fill, "-c", "VACUUM ANALYZE records"])?;
    let fresh = || {
        create(&space, "copied", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        Ok(())
    };
    // None of them encrypts.
    let plain = [("PGSSLMODE".to_owned(), "disable".to_owned())];
    let out = format!("COPY ({QUERY}) TO STDOUT (FORMAT binary)");
    let into = ["-c", "COPY copied FROM STDIN (FORMAT binary)"];
    let psql = psql_contender(&space, "psql, binary COPY | psql, binary COPY", &into).env(&plain);
    let mut contenders = vec![psql.fed_by("psql", &["-X", "-q", "-c", &out]).before(fresh)];
    contenders
        .extend(sling::contender(&space, "public.records", "public.copied").map(|sling| sling.before(fresh)));
    for (folder, build) in bench.builds("extract-postgres") {
        let program = |name: &str| folder.join(name).display().to_string();
        let load = ["--table", "copied", "--emit", "none"];
        let ours = Contender::new("extract-postgres | load-postgres", &program("load-postgres"), &load);
        let ours =
            ours.fed_by(&program("extract-postgres"), &["--query", QUERY]).env(&space.env()).env(&plain);
        contenders.push(ours.of(build).before(fresh));
    }
    let group = bench.measure("PostgreSQL: a table copied", records::COUNT, RUNS, &contenders)?;
    // The last one has copied it exactly.
    for (one, other) in [("records", "copied"), ("copied", "records")] {
        let only = format!("SELECT count(*) FROM (TABLE {one} EXCEPT ALL TABLE {other}) only_here");
        ensure!(space.count(&only) == 0, "{one} has rows that {other} does not have");
    }
    Ok(vec![group])
}
