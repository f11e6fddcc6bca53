//! The records as others send them: plain, as messages of a tap, and as messages of a source.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::records;

/// Writes the records of `NAME.ndjson` as plain NDJSON, `NAME.plain`, as a tap would send them, `NAME.singer`, and as a source
/// would, `NAME.airbyte`; and what says the same of their schema: `NAME.json` and `NAME.catalog`. The tap says that this is
/// their key.
pub(crate) fn write(folder: &Path, name: &str, key: &[&str]) -> anyhow::Result<()> {
    let path = |kind: &str| folder.join(format!("{name}.{kind}"));
    let create = |kind: &str| File::create(path(kind)).map(BufWriter::new);
    let (schema, strict) = schemas()?;
    std::fs::write(path("json"), strict.to_string())?;
    let stream =
        json!({ "stream": { "name": "records", "json_schema": schema }, "destination_sync_mode": "append" });
    std::fs::write(path("catalog"), json!({ "streams": [stream] }).to_string())?;
    let (mut plain, mut singer, mut airbyte) = (create("plain")?, create("singer")?, create("airbyte")?);
    let first = json!({ "type": "SCHEMA", "stream": "records", "schema": schema, "key_properties": key });
    writeln!(singer, "{first}")?;
    let lines = BufReader::new(File::open(path("ndjson"))?).lines();
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
