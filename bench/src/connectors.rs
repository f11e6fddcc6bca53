//! Messages of a tap and of a source into both databases of tables, beside the same records as NDJSON.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use etl_testkit::postgres::Space;
use serde_json::{Map, Value, json};
use xtask::python;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database;
use crate::measure::Group;
use crate::records;

const RUNS: usize = 5;
/// Targets from PyPI, each with its version, its name for the database, and how much of the records they are given.
const TARGETS: [(&str, &str, &str); 2] = [
    ("meltanolabs-target-postgres", "0.8.1", "database"),
    ("pipelinewise-target-postgres", "2.1.2", "dbname"),
];
const FEW: u64 = 100_000;
const FEW_RUNS: usize = 3;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    write(&bench.folder)?;
    let inputs: [(&str, &[&str]); 3] = [
        ("NDJSON", &["--schema", "plain.json", "--table", "records", "--input", "plain.ndjson"]),
        ("Singer", &["--format", "singer", "--input", "records.singer"]),
        ("Airbyte", &["--format", "airbyte", "--catalog", "records.catalog", "--input", "records.airbyte"]),
    ];
    let common = ["--create", "--seal", "off", "--emit", "none"];
    let fresh = || {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(bench.folder.join(format!("connectors.db{suffix}")));
        }
        Ok(())
    };
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

/// The records, which are there already, as plain NDJSON, as a tap would send them, and as a source would; with what each says
/// of their schema. The columns are the same.
fn write(folder: &Path) -> anyhow::Result<()> {
    let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let (schema, strict) = schemas()?;
    std::fs::write(folder.join("plain.json"), strict.to_string())?;
    let stream =
        json!({ "stream": { "name": "records", "json_schema": schema }, "destination_sync_mode": "append" });
    std::fs::write(folder.join("records.catalog"), json!({ "streams": [stream] }).to_string())?;
    let (mut plain, mut singer, mut airbyte) =
        (create("plain.ndjson")?, create("records.singer")?, create("records.airbyte")?);
    let (mut few, mut keyed) = (create("few.singer")?, create("few-keyed.singer")?);
    let first = |key: &[&str]| json!({ "type": "SCHEMA", "stream": "records", "schema": schema, "key_properties": key });
    for file in [&mut singer, &mut few] {
        writeln!(file, "{}", first(&[]))?;
    }
    writeln!(keyed, "{}", first(&["id"]))?;
    let lines = BufReader::new(File::open(folder.join("records.ndjson"))?).lines();
    for (n, line) in lines.enumerate() {
        let line = line?;
        if line.starts_with("{\"_etl\"") {
            continue;
        }
        let (minute, second, micros) = (n / 60_000 % 60, n / 1000 % 60, n % 1000 * 997);
        writeln!(plain, "{line}")?;
        let message = format!(
            r#"{{"type":"RECORD","stream":"records","record":{line},"time_extracted":"2026-11-28T08:{minute:02}:{second:02}.{micros:06}+00:00"}}"#
        );
        writeln!(singer, "{message}")?;
        if n as u64 <= FEW {
            writeln!(few, "{message}")?;
            writeln!(keyed, "{message}")?;
        }
        let millis = 1_795_755_519_512 + n;
        writeln!(
            airbyte,
            r#"{{"type":"RECORD","record":{{"stream":"records","data":{line},"emitted_at":{millis}}}}}"#
        )?;
    }
    for mut file in [plain, singer, airbyte, few, keyed] {
        file.flush()?;
    }
    Ok(())
}

/// The schema of the records as a connector says it, and one of ours that makes the same columns.
fn schemas() -> anyhow::Result<(Value, Value)> {
    let own: Value = serde_json::from_str(records::SCHEMA)?;
    let (mut foreign, mut strict) = (Map::new(), Map::new());
    for (name, property) in own["properties"].as_object().into_iter().flatten() {
        let mut property = property.clone();
        if let Some(property) = property.as_object_mut() {
            property.remove("x-postgres");
        }
        foreign.insert(name.clone(), property.clone());
        let is_number = property["type"] == "number" || property["type"][0] == "number";
        if let Some(property) = property.as_object_mut().filter(|_| is_number) {
            property.insert("x-postgres".to_owned(), json!({ "type": "numeric" }));
        }
        strict.insert(name.clone(), property);
    }
    Ok((json!({ "properties": foreign }), json!({ "type": "object", "properties": strict })))
}
