//! Messages of a tap and of a source into both databases of tables, beside the same records as NDJSON.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Bench;
use crate::measure::{Contender, Group};
use crate::postgres;
use crate::records;

const RUNS: usize = 5;

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
    let server = postgres::server();
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
    let of = |title: &str, contenders: &[Contender<'_>]| {
        Group::measure(title, records::COUNT, RUNS, &bench.folder, contenders)
    };
    Ok(vec![of("SQLite: connectors", &into_sqlite)?, of("PostgreSQL: connectors", &into_postgres)?])
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
    let first = json!({ "type": "SCHEMA", "stream": "records", "schema": schema, "key_properties": [] });
    writeln!(singer, "{first}")?;
    let lines = BufReader::new(File::open(folder.join("records.ndjson"))?).lines();
    for (n, line) in lines.enumerate() {
        let line = line?;
        if line.starts_with("{\"_etl\"") {
            continue;
        }
        let (minute, second, micros) = (n / 60_000 % 60, n / 1000 % 60, n % 1000 * 997);
        writeln!(plain, "{line}")?;
        writeln!(
            singer,
            r#"{{"type":"RECORD","stream":"records","record":{line},"time_extracted":"2026-11-28T08:{minute:02}:{second:02}.{micros:06}+00:00"}}"#
        )?;
        let millis = 1_795_755_519_512 + n;
        writeln!(
            airbyte,
            r#"{{"type":"RECORD","record":{{"stream":"records","data":{line},"emitted_at":{millis}}}}}"#
        )?;
    }
    for mut file in [plain, singer, airbyte] {
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
