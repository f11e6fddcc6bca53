//! extract-postgres and load-postgres, which copy a table, beside two psql that hand each other the server's binary rows, and
//! beside sling.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use etl_testkit::postgres::Space;
use xtask::python;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{RUNS, create, psql, psql_contender, server};
use crate::measure::Group;
use crate::records;

/// The rows that are copied.
const QUERY: &str = "SELECT * FROM records";
const SLING: &str = "1.4.11";

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
    if let Some(program) = sling() {
        contenders.push(sling_contender(&space, &program).before(fresh));
    } else {
        eprintln!("sling {SLING} is left out: pip cannot get it");
    }
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

/// The program of sling, if pip can get it.
fn sling() -> Option<PathBuf> {
    let system = match std::env::consts::ARCH {
        "x86_64" => "linux-amd64",
        "aarch64" => "linux-arm64",
        _ => return None,
    };
    let folder = python::folder(&format!("sling-{system}"), SLING)?;
    let program = folder.join(format!("sling_{}/bin/sling-{system}", system.replace('-', "_")));
    python::succeeds(Command::new("chmod").arg("+x").arg(&program))?;
    Some(program)
}

/// Sling in the mode in which it is fastest. It does not connect with the password of the superuser.
fn sling_contender<'a>(space: &Space, program: &Path) -> Contender<'a> {
    space.sql("CREATE ROLE sling SUPERUSER LOGIN PASSWORD 'sling'");
    let env = space.env();
    let of = |name: &str| env.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let url = format!(
        "postgres://sling:sling@{}:{}/{}?sslmode=disable",
        of("PGHOST"),
        of("PGPORT"),
        of("PGDATABASE")
    );
    let (stream, object) = ("public.records", "public.copied");
    let args =
        ["run", "--src-conn", "FROM", "--src-stream", stream, "--tgt-conn", "TO", "--tgt-object", object];
    let args = [&args[..], &["--mode", "truncate"]].concat();
    Contender::new(&format!("sling {SLING}"), &program.display().to_string(), &args).env(&[
        ("FROM".to_owned(), url.clone()),
        ("TO".to_owned(), url),
        ("SLING_DISABLE_TELEMETRY".to_owned(), "true".to_owned()),
        ("SLING_HOME_DIR".to_owned(), "sling-home".to_owned()),
    ])
}
