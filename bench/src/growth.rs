//! What four times as much of something costs: the ratio is at most 4 where work grows with the input only.

use std::fs::File;
use std::io::{BufWriter, Write};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{RUNS, server};
use crate::measure::Group;

const SCHEMA: &str = r#"{"required":["id"],"properties":{"id":{"type":"integer"}}}"#;
const FIELDS: u64 = 100_000;
const SEGMENTS: u64 = 4_000;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    std::fs::write(bench.folder.join("growth.json"), SCHEMA)?;
    for times in [1, 4] {
        fields(bench, times * FIELDS)?;
        segments(bench, times * SEGMENTS)?;
    }
    let server = server();
    let space = server.database();
    let load = ["--table", "growth", "--schema", "growth.json", "--unknown-fields", "drop", "--emit", "none"];
    let mut groups = Vec::new();
    for (what, count) in [("unknown fields", FIELDS), ("segments", SEGMENTS)] {
        for name in ["load-sqlite", "load-postgres"] {
            let program = bench.binaries.join(name).display().to_string();
            let more = if name == "load-sqlite" { ["--db", "growth.db"] } else { ["--mode", "append"] };
            let fresh = || {
                bench.remove_sqlite("growth.db")?;
                space.sql("DROP TABLE IF EXISTS growth, etl_load; CREATE TABLE growth (id bigint)");
                Ok(())
            };
            let contenders = [count, 4 * count].map(|count| {
                let contender =
                    Contender::new(&format!("{count} {what}"), &program, &[&load[..], &more].concat());
                contender.stdin(&format!("{count}.ndjson")).env(&space.env()).before(fresh)
            });
            let title = format!("{name}: {what}");
            groups.push(bench.measure(&title, count, RUNS, &contenders)?);
        }
    }
    Ok(groups)
}

/// One record of so many fields that the schema does not know.
fn fields(bench: &Bench, count: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(bench.folder.join(format!("{count}.ndjson")))?);
    write!(file, "{{\"id\":1")?;
    for n in 0..count {
        write!(file, ",\"unknown-{n}\":{n}")?;
    }
    writeln!(file, "}}")?;
    Ok(file.flush()?)
}

/// So many segments of one record.
fn segments(bench: &Bench, count: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(bench.folder.join(format!("{count}.ndjson")))?);
    for n in 0..count {
        let end = format!("\"kind\":\"end\",\"id\":\"segment-{n}\",\"records\":1");
        writeln!(
            file,
            "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"segment-{n}\"}}}}\n{{\"id\":{n}}}\n{{\"_etl\":{{\"v\":1,{end}}}}}"
        )?;
    }
    Ok(file.flush()?)
}
