//! Messages of a tap and of a source into both databases of tables, beside the same records as NDJSON.

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database;
use crate::measure::Group;
use crate::messages;
use crate::records;

const RUNS: usize = 5;

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    messages::write(&bench.folder, "records", &[])?;
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
    Ok(vec![of("SQLite: connectors", &into_sqlite)?, of("PostgreSQL: connectors", &into_postgres)?])
}
