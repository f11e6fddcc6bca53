//! `standpipe`: seals and verifies streams, runs pipelines and renders them for schedulers, shows runs and schemas.

use std::process::ExitCode;

use etl_component::{CommandCard, Component, Context, Reads, Stdout, When};

mod check;
mod integers;
mod metrics;
mod pipeline;
mod process;
mod programs;
mod receipts;
mod records;
mod render;
mod run;
mod runs;
mod schema;
mod seal;
mod through;
mod unreject;
mod verify;

static COMPONENT: Component = Component {
    name: "standpipe",
    version: env!("CARGO_PKG_VERSION"),
    variables: &metrics::VARIABLES,
    commands: COMMANDS,
};

/// What `verify`, `schema`, `runs` and `check` print is for people; the others print records.
const COMMANDS: &[CommandCard] = &[
    // What is read is up to the program, which has the stdin of `seal`.
    CommandCard::new("seal", Reads::Any, Stdout::Any),
    CommandCard {
        when: &[When { flag: "--schema", values: &[], reads: Reads::Any, stdout: Stdout::Any }],
        ..CommandCard::new("through", Reads::Any, Stdout::PassesOn)
    },
    // What stdout is, the last step knows.
    CommandCard::new("run", Reads::Any, Stdout::Any),
    CommandCard::new("verify", Reads::Any, Stdout::Text),
    CommandCard::new("unreject", Reads::Schemas(&[unreject::SCHEMA]), Stdout::Any),
    metrics::CARD,
    runs::CARD,
    check::CARD,
    CommandCard::new("schema list", Reads::Nothing, Stdout::Text),
    CommandCard::new("schema show", Reads::Nothing, Stdout::Text),
    CommandCard::new("schema ddl", Reads::Nothing, Stdout::Text),
    CommandCard::new("schema infer", Reads::Any, Stdout::Text),
    CommandCard::new("schema check", Reads::Any, Stdout::Text),
    CommandCard::new("pipeline check", Reads::Nothing, Stdout::Text),
    CommandCard::new("pipeline schema", Reads::Nothing, Stdout::Text),
    CommandCard::new("render", Reads::Nothing, Stdout::Text),
];

/// Seals, verifies and inspects streams of newline-delimited JSON, runs pipelines, and renders them for schedulers
#[derive(clap::Parser)]
#[command(after_help = "Examples:
  standpipe seal -- python3 meters.py | load-sqlite --db meters.db --schema meter.json
  extract-file orders.csv | standpipe through -- jq -c 'del(.note)' | load-postgres --table orders
  standpipe verify day.ndjson")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run a program and add the seal to its output: `end` is written only if it exits 0
    Seal(seal::Args),
    /// Feed the records of a verified stream to a program and seal what it prints
    Through(through::Args),
    /// Run a pipeline: programs joined by pipes, which commit nothing unless all before them ended well
    Run(run::Args),
    /// Say whether a stream is whole, and which segments, schemas, counts and states it has
    Verify(verify::Args),
    /// Print the original lines of a stream of rejects, to be corrected and loaded again
    Unreject(unreject::Args),
    /// Write what receipts say as metrics for Prometheus or OpenTelemetry, and pass the receipts on
    Metrics(metrics::Args),
    /// Show the runs that receipts or a ledger tell of: a table, lines of JSON or a page
    Runs(runs::Args),
    /// Fail with 3 if the newest loads are too old, too small or have too many rejects
    Check(check::Args),
    /// List, show, infer and check schemas, and write their DDL
    Schema(schema::Args),
    /// Check pipeline files, and print their schema
    Pipeline(pipeline::Args),
    /// Write pipelines in the terms of a scheduler: argo, cronjob, airflow, compose, systemd, shell
    Render(render::Args),
}

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    match args.command {
        Command::Seal(args) => seal::run(&args, context),
        Command::Through(args) => through::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Verify(args) => verify::run(args),
        Command::Unreject(args) => unreject::run(args, context),
        Command::Metrics(args) => metrics::run(args, context),
        Command::Runs(args) => runs::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Schema(args) => schema::run(args),
        Command::Pipeline(args) => pipeline::run(args, context),
        Command::Render(args) => render::run(&args, context),
    }
}
