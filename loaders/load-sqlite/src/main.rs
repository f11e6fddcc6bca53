//! `load-sqlite`: loads a verified stream into SQLite, exactly once.
//!
//! ```sh
//! extract-openweather current --city Seattle | load-sqlite --db weather.db
//! ```
//!
//! Its files from the bottom up, each of which uses only files before it: `names`, `number` and `types`, `database`, `catalog` and
//! `ledger`, `plan`, `merge`, `table`, `sink`.

mod catalog;
mod database;
mod ledger;
mod merge;
mod names;
mod number;
mod plan;
mod sink;
mod table;
mod types;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use etl_component::{Component, Context};
use etl_load::args::Task;
use etl_load::{LoadArgs, Settings};

use crate::database::Database;
use crate::sink::Sqlite;

static COMPONENT: Component = Component {
    name: "load-sqlite",
    version: env!("CARGO_PKG_VERSION"),
    variables: &etl_load::args::VARIABLES,
    commands: etl_load::card::COMMANDS,
};

/// Load a stream of records into a SQLite database, in one transaction, exactly once. A missing table is created
/// even without --create
#[derive(clap::Parser)]
#[command(after_help = "Examples:
  extract-openweather current --city Seattle | load-sqlite --db weather.db
  extract-file orders.csv | load-sqlite --db shop.db --table orders --mode replace
  load-sqlite --db shop.db --schema orders.schema.json --input orders.ndjson --plan")]
struct Args {
    /// The database file; it is created if it is missing
    #[arg(long, value_name = "FILE", help_heading = "Database")]
    db: PathBuf,
    /// How long to wait for other processes that use the database, before the load fails with 75
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = etl_component::duration, help_heading = "Database")]
    busy_timeout: Duration,
    #[command(flatten)]
    load: LoadArgs,
}

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(args.load, &context.env)?;
    let database = OnceCell::new();
    let done = etl_load::run(&settings, context, Some(&args.db), |settings| {
        let open = if settings.task == Task::Load { Database::open } else { Database::look };
        let opened = open(&args.db, args.busy_timeout)?;
        Ok(Sqlite::new(database.get_or_init(|| opened), settings))
    });
    if done.is_err() {
        database.get().map(Database::discard);
    }
    done
}
