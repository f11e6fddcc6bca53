//! `validate`: a gate, which passes on the records that fit a schema and sets the others aside.
//!
//! ```sh
//! extract-file orders.csv | validate --schema orders.json --rejects bad.ndjson --max-rejects 1% | load-postgres --table orders
//! ```

mod args;
mod gate;
mod report;
mod sample;
mod schemas;
mod stats;

use std::process::ExitCode;

use etl_component::{Component, Context, Output, counted};
use etl_transform::Pass;

use args::{Args, Settings};
use gate::Gate;

static COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: &[],
    commands: args::COMMANDS,
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    if let Some(most) = args.sample {
        return sample::run(args, most, context);
    }
    let pass = Pass::open(args.stream.clone(), context)?;
    let settings = Settings::new(&args)?;
    let stats = match &settings.stats_file {
        Some(path) => Some(Output::create(path)?),
        None => None,
    };
    let mut gate = Gate::open(&settings, context)?;
    let identity = gate.identity();
    let passed = pass.run(&[identity.as_bytes()], &mut gate);
    let kept = gate.close_rejects(passed.is_err());
    let reported = if settings.stats { gate.report(stats, passed.is_ok()) } else { Ok(()) };
    // What is wrong with the records comes first.
    let passed = passed?;
    kept.and(reported)?;
    gate.warn();
    let said = format!("{}, {} rejected", counted(passed.records, "record", "records"), gate.rejected());
    passed.close()?;
    Ok(said)
}
