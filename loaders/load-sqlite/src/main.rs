//! `load-sqlite`: loads a verified stream into SQLite, exactly once.
//!
//! ```sh
//! extract-openweather current --city Seattle | load-sqlite --db weather.db
//! ```

mod catalog;
mod database;
mod ledger;
mod load;
mod merge;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use etl_component::{Component, Context};
use etl_load::{Emit, Front, LoadArgs, Progress, Rejects, Settings, StateOut};

use crate::database::Database;
use crate::load::Load;

static COMPONENT: Component = Component {
    name: "load-sqlite",
    version: env!("CARGO_PKG_VERSION"),
    variables: &etl_load::args::VARIABLES,
    reads: &[],
    writes: &["etl.receipt", "etl.reject"],
    streams: |_| true,
};

/// Load a stream of records into a SQLite database, in one transaction, exactly once
#[derive(clap::Parser)]
struct Args {
    /// The database file; it is created if it is missing
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Accepted for likeness with load-postgres: a missing table is created in any case
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    load: LoadArgs,
}

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    let (input, output) = (args.load.input.clone(), args.load.output.clone());
    let settings = Settings::new(args.load, &context.env)?;
    settings.check_paths(&input.input, &output.output, &args.db)?;
    let emit = Emit::open(settings.emit, &output, context.producer())?;
    let database = Database::open(&args.db)?;
    let state_out = StateOut::create(settings.state_out.as_deref())?;
    let mut rejects = Rejects::create(settings.rejects.as_deref(), settings.max_rejects, context.producer())?;
    let mut front = Front::new(input.open()?);
    let progress = Progress::new(args.db.display().to_string());
    let loaded = Load::new(&database, &settings, emit, state_out).run(&mut front, &mut rejects, progress);
    // The rejects are worth reading above all when the load failed; the load's own failure comes first. A load that
    // failed without any must not take the place of those of an earlier one.
    if loaded.is_err() && rejects.count() == 0 {
        rejects.discard();
    }
    let kept = rejects.finish();
    let summary = loaded?;
    kept?;
    Ok(summary)
}
