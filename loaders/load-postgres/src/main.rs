//! `load-postgres`: loads a verified stream into PostgreSQL at the speed of COPY, exactly once.
//!
//! ```sh
//! extract-openweather forecast --lat 47.6 --lon -122.3 | load-postgres --create
//! ```

mod catalog;
mod create;
mod encode;
mod feed;
mod ledger;
mod link;
mod plan;
mod row;
mod sink;
mod stage;
mod target;

use std::process::ExitCode;

use etl_component::{Component, Context, Variable};
use etl_load::LoadArgs;
use etl_load::args::VARIABLES as COMMON;
use etl_postgres::VARIABLES as CONNECTION;

use crate::sink::Postgres;

/// The variables of every loader, and those of the connection.
static VARIABLES: [Variable; COMMON.len() + CONNECTION.len()] = {
    let mut all = [COMMON[0]; COMMON.len() + CONNECTION.len()];
    let mut next = COMMON.len();
    while next < all.len() {
        all[next] = CONNECTION[next - COMMON.len()];
        next += 1;
    }
    all
};

static COMPONENT: Component = Component {
    name: "load-postgres",
    version: env!("CARGO_PKG_VERSION"),
    variables: &VARIABLES,
    commands: etl_load::card::COMMANDS,
};

/// Load a stream of records into a PostgreSQL table, in one transaction, exactly once. The server and the user
/// are set as for psql: DATABASE_URL, or PGHOST, PGUSER, PGPASSWORD and so on
#[derive(clap::Parser)]
#[command(after_help = "Examples:
  extract-openweather current --city Seattle | load-postgres --create
  extract-file orders.csv | load-postgres --table orders --mode replace
  DATABASE_URL=postgres://etl@db/shop load-postgres --table orders --input orders.ndjson --plan")]
struct Args {
    /// What a connector's arrays of scalars of one type become
    #[arg(long, value_enum, default_value = "json", help_heading = "Table")]
    arrays: Arrays,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Arrays {
    /// jsonb, as all other arrays.
    Json,
    /// Arrays of that type.
    Native,
}

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    let mut settings = etl_load::Settings::new(args.load, &context.env)?;
    settings.connectors.layout.arrays = args.arrays == Arrays::Native;
    etl_load::run(&settings, context, None, |settings| {
        Postgres::connect(etl_postgres::Settings::new(&context.env, COMPONENT.name)?, settings)
    })
}
