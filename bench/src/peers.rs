//! load-postgres beside programs from PyPI that load the same 100,000 records, each in the way that suits it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

use anyhow::Context;
use etl_testkit::postgres::Space;
use serde_json::json;
use xtask::{cargo, python};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{address, create, peer_url, server};
use crate::measure::Group;
use crate::records::{self, MANY, Records};
use crate::{messages, sling};

const COUNT: u64 = 100_000;
/// They take long.
const RUNS: usize = 3;
/// Targets of Singer, each with its version and its name for the database.
const TARGETS: [(&str, &str, &str); 2] = [
    ("meltanolabs-target-postgres", "0.8.1", "database"),
    ("pipelinewise-target-postgres", "2.1.2", "dbname"),
];
/// The last version whose package has its program in it.
const INGESTR: &str = "0.15.9";
const DLT: &str = "1.31.0";
const PANDAS: &str = "3.1.1";

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    for (name, key) in [("few", &[][..]), ("few-keyed", &["id"])] {
        records::write(&bench.folder, name, &Records { count: COUNT, ..MANY })?;
        messages::write(&bench.folder, name, key)?;
    }
    csv(bench)?;
    let server = server();
    let space = server.database();
    let table = || {
        create(&space, "records", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; DROP SCHEMA IF EXISTS dlt CASCADE; CHECKPOINT");
        Ok(())
    };
    let none = || {
        space.sql("DROP TABLE IF EXISTS records, etl_load; CHECKPOINT");
        Ok(())
    };
    let mut contenders = Vec::new();
    for (binaries, build) in bench.builds("extract-file") {
        let [extract, load] =
            ["extract-file", "load-postgres"].map(|name| binaries.join(name).display().to_string());
        let pipe = Contender::new(
            "extract-file | load-postgres, CSV",
            &load,
            &["--table", "records", "--emit", "none"],
        );
        let pipe = pipe.of(build).fed_by(&extract, &["few-header.csv"]);
        contenders.push(pipe.env(&space.env()).before(table));
    }
    let plain = ["--table", "records", "--seal", "off", "--input", "few.plain", "--emit", "none"];
    contenders.extend(bench.component("load-postgres, NDJSON", "load-postgres", &plain, |load| {
        load.env(&space.env()).before(table)
    }));
    let file = format!("file://{}", bench.folder.join("few-header.csv").display());
    contenders.extend(sling::contender(&space, &file, "public.records").map(|sling| sling.before(table)));
    contenders.extend(others(bench, &space)?.into_iter().map(|other| other.before(table)));
    let mut groups = vec![bench.measure("Peers: append of 100,000", COUNT, RUNS, &contenders)?];
    for (file, title) in
        [("few.singer", "PostgreSQL: targets, append"), ("few-keyed.singer", "PostgreSQL: targets, upsert")]
    {
        let args = ["--create", "--seal", "off", "--input", file];
        let mut contenders = bench.component("load-postgres, Singer", "load-postgres", &args, |load| {
            load.env(&space.env()).before(none)
        });
        for target in targets(bench, &space)? {
            contenders.push(target.stdin(file).before(none));
        }
        groups.push(bench.measure(title, COUNT, RUNS, &contenders)?);
    }
    Ok(groups)
}

/// Writes `few-header.csv`: the records with a header, and with booleans that every peer takes for some.
fn csv(bench: &Bench) -> anyhow::Result<()> {
    let at = records::COLUMNS.split(',').position(|name| name == "raining").context("the column")?;
    let mut csv = BufWriter::new(File::create(bench.folder.join("few-header.csv"))?);
    writeln!(csv, "{}", records::COLUMNS)?;
    for line in BufReader::new(File::open(bench.folder.join("few.csv"))?).lines() {
        let line = line?;
        let mut fields: Vec<&str> = line.split(',').collect();
        if let Some(field) = fields.get_mut(at) {
            *field = if *field == "1" { "true" } else { "false" };
        }
        writeln!(csv, "{}", fields.join(","))?;
    }
    Ok(csv.flush()?)
}

/// ingestr, dlt and pandas, as far as pip can get them.
fn others<'a>(bench: &Bench, space: &Space) -> anyhow::Result<Vec<Contender<'a>>> {
    let mut contenders = Vec::new();
    if let Some(ingestr) = got("ingestr", INGESTR, python::program("ingestr", INGESTR, "ingestr")) {
        let (to, from) = (peer_url(space, "postgresql"), "csv://few-header.csv");
        let args = ["ingest", "--yes", "--progress", "log", "--source-uri", from, "--source-table", "few"];
        let into = ["--dest-uri", &to, "--dest-table", "public.records", "--incremental-strategy", "append"];
        let args = [&args[..], &into].concat();
        let off = [("INGESTR_DISABLE_TELEMETRY".to_owned(), "true".to_owned())];
        contenders.push(
            Contender::new(&format!("ingestr {INGESTR}, CSV"), &ingestr.display().to_string(), &args)
                .env(&off),
        );
    }
    let dlt =
        python::environment(&format!("dlt-{DLT}"), &["--prefer-binary", &format!("dlt[postgres]=={DLT}")]);
    if let Some(folder) = got("dlt", DLT, dlt) {
        let folders = bench.folder.join("dlt").display().to_string();
        let args = [&script("dlt_append.py"), "few.plain", &peer_url(space, "postgresql"), "dlt", &folders];
        let python = folder.join("python3").display().to_string();
        let off = [("RUNTIME__DLTHUB_TELEMETRY".to_owned(), "false".to_owned())];
        contenders.push(Contender::new(&format!("dlt {DLT}, NDJSON"), &python, &args).env(&off));
    }
    let arguments =
        ["--prefer-binary", &format!("pandas=={PANDAS}"), "sqlalchemy==2.1.9", "psycopg2-binary==2.9.13"];
    let pandas = python::environment(&format!("pandas-{PANDAS}"), &arguments);
    if let Some(folder) = got("pandas", PANDAS, pandas) {
        let python = folder.join("python3").display().to_string();
        // Others of SQLAlchemy's drivers have no `copy_expert`.
        let url = peer_url(space, "postgresql+psycopg2");
        for (how, name) in [("insert", "to_sql"), ("copy", "to_sql with COPY")] {
            let args = [&script("pandas_append.py"), "few-header.csv", &url, how];
            contenders.push(Contender::new(&format!("pandas {PANDAS}, {name}, CSV"), &python, &args));
        }
    }
    Ok(contenders)
}

/// Targets of Singer, as far as pip can get them.
fn targets<'a>(bench: &Bench, space: &Space) -> anyhow::Result<Vec<Contender<'a>>> {
    let mut contenders = Vec::new();
    for (package, version, database) in TARGETS {
        let program = python::program(package, version, "target-postgres");
        let Some(program) = got(package, version, program) else { continue };
        let config = bench.folder.join(format!("{package}.json"));
        let [host, port, name] = address(space);
        let port: u16 = port.parse().context("a port")?;
        let settings = json!({
            "host": host, "port": port, "user": "peer", "password": "peer", database: name,
            "default_target_schema": "public", "primary_key_required": false,
        });
        std::fs::write(&config, settings.to_string())?;
        let args = ["--config", &config.display().to_string()];
        contenders.push(Contender::new(package, &program.display().to_string(), &args));
    }
    Ok(contenders)
}

/// What pip got; what is missed otherwise is said.
fn got<T>(package: &str, version: &str, installed: Option<T>) -> Option<T> {
    if installed.is_none() {
        eprintln!("LEFT OUT: {package} {version}, which pip cannot get");
    }
    installed
}

/// One of the scripts that do what a user would write.
fn script(name: &str) -> String {
    cargo::root().join("bench/peers").join(name).display().to_string()
}
