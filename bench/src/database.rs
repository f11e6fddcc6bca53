//! A PostgreSQL for the bench, its tables, and psql.

use std::collections::HashMap;

use anyhow::Context;
use etl_schema::{Dialect, Schema, ddl};
use etl_testkit::postgres::{Options, Server, Space, search_path};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::records;

/// How often what takes seconds runs.
pub(crate) const RUNS: usize = 7;

pub(crate) fn server() -> Server {
    let settings = "shared_buffers = 512MB\nmax_wal_size = 4GB\n";
    let server = Server::start(Options { settings: settings.to_owned(), ..Options::default() });
    // Not every peer connects with the password of the superuser.
    server.space().sql("CREATE ROLE peer SUPERUSER LOGIN PASSWORD 'peer'");
    server
}

/// Its host and port, and the name of the database.
pub(crate) fn address(space: &Space) -> [String; 3] {
    let env: HashMap<String, String> = space.env().into_iter().collect();
    ["PGHOST", "PGPORT", "PGDATABASE"].map(|name| env.get(name).cloned().unwrap_or_default())
}

/// Where a peer connects to, as a URL of this scheme.
pub(crate) fn peer_url(space: &Space, scheme: &str) -> String {
    let [host, port, database] = address(space);
    format!("{scheme}://peer:peer@{host}:{port}/{database}")
}

/// A new table for the records.
pub(crate) fn create(space: &Space, table: &str, keyed: bool) -> anyhow::Result<()> {
    create_as(space, table, &records::schema(keyed))
}

/// A new table for records of a schema.
pub(crate) fn create_as(space: &Space, table: &str, schema: &str) -> anyhow::Result<()> {
    let schema = Schema::from_json("bench", schema)?;
    space.sql(&format!("DROP TABLE IF EXISTS {table}; {}", ddl(&schema, Dialect::Postgres, table)));
    Ok(())
}

/// Writes `NAME.bin`: the rows of `NAME.csv` as the server itself writes them in binary. The table has them, too.
pub(crate) fn ready(bench: &Bench, space: &Space, name: &str, table: &str) -> anyhow::Result<()> {
    let path = |kind: &str| bench.folder.join(format!("{name}.{kind}")).display().to_string();
    let copy = format!("\\copy {table} FROM '{}' (FORMAT csv)", path("csv"));
    let back = format!("\\copy {table} TO '{}' (FORMAT binary)", path("bin"));
    psql(space, &["-c", &copy, "-c", &back])
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
    let args = [&["-X", "-q", "-v", "ON_ERROR_STOP=1"], args].concat();
    Contender::new(name, "psql", &args).env(&space.env()).env(&[path])
}

/// load-postgres with these arguments.
pub(crate) fn loaders<'a>(
    bench: &Bench,
    space: &'a Space,
    name: &str,
    args: &[&str],
    fresh: impl Fn() -> anyhow::Result<()> + Copy + 'a,
) -> Vec<Contender<'a>> {
    bench.component(name, "load-postgres", args, |load| load.env(&space.env()).before(fresh))
}
