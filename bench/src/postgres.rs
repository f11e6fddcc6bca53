//! load-postgres beside psql, which sends ready-made rows.

use anyhow::Context;
use etl_schema::{Dialect, Schema, ddl};
use etl_testkit::postgres::{Options, Server, Space, search_path};

use crate::Bench;
use crate::measure::{Contender, Group};
use crate::records::{self, Records};

pub(crate) const RUNS: usize = 7;
/// Runs of a few milliseconds.
const SHORT_RUNS: usize = 41;

const OLD: Records = Records { count: 100_000, seed: 11, key: true, gaps: false };
/// The same keys, other values.
const NEW: Records = Records { seed: 12, ..OLD };
const ONE: Records = Records { count: 1, ..OLD };

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    for (name, records) in [("old", &OLD), ("new", &NEW), ("one", &ONE)] {
        records::write(&bench.folder, name, records)?;
    }
    let server = server();
    let space = server.database();
    // The rows as the server itself writes them in binary.
    for (name, table, keyed) in
        [("records", "ready", false), ("new", "ready_new", true), ("old", "base", true)]
    {
        create(&space, table, keyed)?;
        let csv = bench.folder.join(format!("{name}.csv"));
        let binary = bench.folder.join(format!("{name}.bin"));
        let copy = format!("\\copy {table} FROM '{}' (FORMAT csv)", csv.display());
        let back = format!("\\copy {table} TO '{}' (FORMAT binary)", binary.display());
        psql(&space, &["-c", &copy, "-c", &back])?;
    }
    space.sql("DROP TABLE ready, ready_new");
    Ok(vec![append(bench, &space)?, upsert(bench, &space)?, one(bench, &space)?])
}

pub(crate) fn server() -> Server {
    let settings = "shared_buffers = 512MB\nmax_wal_size = 4GB\n";
    Server::start(Options { settings: settings.to_owned(), ..Options::default() })
}

pub(crate) fn create(space: &Space, table: &str, keyed: bool) -> anyhow::Result<()> {
    let schema = Schema::from_json("bench", &records::schema(keyed))?;
    space.sql(&format!("DROP TABLE IF EXISTS {table}; {}", ddl(&schema, Dialect::Postgres, table)));
    Ok(())
}

pub(crate) fn psql(space: &Space, args: &[&str]) -> anyhow::Result<()> {
    let mut command = std::process::Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).args(args);
    let status = command.env("PATH", search_path()).envs(space.env()).status().context("cannot run psql")?;
    anyhow::ensure!(status.success(), "psql failed");
    Ok(())
}

pub(crate) fn psql_contender<'a>(space: &Space, name: &str, args: &[&str]) -> Contender<'a> {
    let path = ("PATH".to_owned(), search_path().to_string_lossy().into_owned());
    Contender::new(name, "psql", args).env(&space.env()).env(&[path])
}

fn loaders<'a>(
    bench: &Bench,
    space: &'a Space,
    name: &str,
    args: &[&str],
    fresh: impl Fn() -> anyhow::Result<()> + Copy + 'a,
) -> Vec<Contender<'a>> {
    bench.component(name, "load-postgres", args, |load| load.env(&space.env()).before(fresh))
}

/// One million records into an empty table without a key.
fn append(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    let fresh = || {
        create(space, "records", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        Ok(())
    };
    let csv = ["-X", "-q", "-c", "\\copy records FROM 'records.csv' (FORMAT csv)"];
    let binary = ["-X", "-q", "-c", "COPY records FROM STDIN (FORMAT binary)"];
    let load = ["--table", "records", "--input", "records.ndjson", "--emit", "none"];
    let copy = psql_contender(space, "psql, COPY of ready-made binary", &binary).stdin("records.bin");
    let mut contenders =
        vec![copy.before(fresh), psql_contender(space, "psql, \\copy of ready-made CSV", &csv).before(fresh)];
    contenders.extend(loaders(bench, space, "load-postgres, append", &load, fresh));
    Group::measure("PostgreSQL: append", records::COUNT, RUNS, &bench.folder, &contenders)
}

/// New values for the existing keys.
fn upsert(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    create(space, "records", true)?;
    let fresh = || {
        space.sql("TRUNCATE records; INSERT INTO records SELECT * FROM base; DROP TABLE IF EXISTS etl_load");
        space.sql("VACUUM ANALYZE records");
        space.sql("CHECKPOINT");
        Ok(())
    };
    let set = [
        "temp",
        "humidity",
        "pressure",
        "wind_speed",
        "clouds",
        "raining",
        "price",
        "description",
        "note",
        "observed_at",
    ];
    let set = set.map(|column| format!("{column} = excluded.{column}")).join(", ");
    std::fs::write(
        bench.folder.join("upsert.sql"),
        format!(
            "BEGIN;\nCREATE TEMPORARY TABLE new (LIKE records) ON COMMIT DROP;\n\
             \\copy new FROM 'new.bin' (FORMAT binary)\n\
             INSERT INTO records SELECT * FROM new ON CONFLICT (station, id) DO UPDATE SET {set};\nCOMMIT;\n"
        ),
    )?;
    let sql = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "upsert.sql"];
    let load = ["--table", "records", "--input", "new.ndjson", "--emit", "none"];
    let psql = psql_contender(space, "psql, ready-made binary and ON CONFLICT by hand", &sql);
    let mut contenders = vec![psql.before(fresh)];
    contenders.extend(loaders(bench, space, "load-postgres, upsert", &load, fresh));
    let group =
        Group::measure("PostgreSQL: upsert onto as many", OLD.count, RUNS, &bench.folder, &contenders)?;
    let changed = "SELECT count(*) FROM records n JOIN base o USING (station, id) WHERE n.temp <> o.temp";
    anyhow::ensure!(space.count(changed) > 90_000, "the upsert has not changed the rows");
    Ok(group)
}

/// One record, from the start of the process to its end.
fn one(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    create(space, "records", true)?;
    // Both find the table and the ledger, as on every day but the first.
    let load = ["--table", "records", "--input", "one.ndjson", "--emit", "none", "--mode", "append"];
    psql(space, &["-c", "TRUNCATE records"])?;
    let line = std::fs::read_to_string(bench.folder.join("one.csv"))?;
    let values: Vec<String> = line.trim_end().split(',').map(|value| format!("'{value}'")).collect();
    let insert = format!("INSERT INTO records VALUES ({})", values.join(", ").replace("''", "NULL"));
    let fresh = || {
        space.sql("TRUNCATE records");
        if space.count("SELECT count(*) FROM pg_class WHERE relname = 'etl_load'") > 0 {
            space.sql("TRUNCATE etl_load");
        }
        Ok(())
    };
    let psql = psql_contender(space, "psql -c INSERT", &["-X", "-q", "-c", &insert]);
    let mut contenders = vec![psql.before(fresh)];
    contenders.extend(loaders(bench, space, "load-postgres, append", &load, fresh));
    Group::measure("PostgreSQL: one record", 1, SHORT_RUNS, &bench.folder, &contenders)
}
