//! Messages of a tap and of a source into both databases of tables, beside the same records as NDJSON.

use etl_testkit::postgres::Space;
use serde_json::json;
use xtask::python;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database;
use crate::measure::Group;
use crate::messages;
use crate::records::{self, MANY, Records};

const RUNS: usize = 5;
/// Targets from PyPI, each with its version, its name for the database, and how much of the records they are given.
const TARGETS: [(&str, &str, &str); 2] = [
    ("meltanolabs-target-postgres", "0.8.1", "database"),
    ("pipelinewise-target-postgres", "2.1.2", "dbname"),
];
const FEW: u64 = 100_000;
const FEW_RUNS: usize = 3;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    messages::write(&bench.folder, "records", &[])?;
    for (name, key) in [("few", &[][..]), ("few-keyed", &["id"])] {
        records::write(&bench.folder, name, &Records { count: FEW, ..MANY })?;
        messages::write(&bench.folder, name, key)?;
    }
    let inputs: [(&str, &[&str]); 3] = [
        ("NDJSON", &["--schema", "records.json", "--table", "records", "--input", "records.plain"]),
        ("Singer", &["--format", "singer", "--input", "records.singer"]),
        ("Airbyte", &["--format", "airbyte", "--catalog", "records.catalog", "--input", "records.airbyte"]),
    ];
    let common = ["--create", "--seal", "off", "--emit", "none"];
    let fresh = || bench.remove_sqlite("connectors.db");
    let mut into_sqlite: Vec<Contender<'_>> = Vec::new();
    for (name, args) in inputs {
        let args = [&["--db", "connectors.db"], &common[..], args].concat();
        let title = format!("load-sqlite, {name}");
        into_sqlite.extend(bench.component(&title, "load-sqlite", &args, |load| load.before(fresh)));
    }
    let server = database::server();
    let space = server.database();
    let gone = || {
        space.sql("DROP TABLE IF EXISTS records, etl_load");
        Ok(())
    };
    let mut into_postgres: Vec<Contender<'_>> = Vec::new();
    for (name, args) in inputs {
        let (args, title) = ([&common[..], args].concat(), format!("load-postgres, {name}"));
        let contenders =
            bench.component(&title, "load-postgres", &args, |load| load.env(&space.env()).before(gone));
        into_postgres.extend(contenders);
    }
    let of =
        |title: &str, contenders: &[Contender<'_>]| bench.measure(title, records::COUNT, RUNS, contenders);
    let mut groups =
        vec![of("SQLite: connectors", &into_sqlite)?, of("PostgreSQL: connectors", &into_postgres)?];
    // The targets do not connect with the password of the superuser.
    space.sql("CREATE ROLE target SUPERUSER LOGIN PASSWORD 'target'");
    for (file, title) in
        [("few.singer", "PostgreSQL: targets, append"), ("few-keyed.singer", "PostgreSQL: targets, upsert")]
    {
        let args = ["--create", "--seal", "off", "--input", file];
        let mut contenders = bench
            .component("load-postgres", "load-postgres", &args, |load| load.env(&space.env()).before(gone));
        for (package, version, database) in TARGETS {
            let Some(program) = python::program(package, version, "target-postgres") else {
                eprintln!("{package} {version} is left out: pip cannot get it");
                continue;
            };
            let config = bench.folder.join(format!("{package}.json"));
            std::fs::write(&config, settings(&space, database)?)?;
            let args = ["--config", &config.display().to_string()];
            let target = Contender::new(package, &program.display().to_string(), &args).stdin(file);
            contenders.push(target.before(gone));
        }
        groups.push(bench.measure(title, FEW, FEW_RUNS, &contenders)?);
    }
    Ok(groups)
}

/// The configuration of a target that calls the name of the database so.
fn settings(space: &Space, database: &str) -> anyhow::Result<String> {
    let env = space.env();
    let of = |name: &str| env.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let config = json!({
        "host": of("PGHOST"), "port": of("PGPORT").parse::<u16>()?, "user": "target", "password": "target",
        database: of("PGDATABASE"), "default_target_schema": "public", "primary_key_required": false,
    });
    Ok(config.to_string())
}
