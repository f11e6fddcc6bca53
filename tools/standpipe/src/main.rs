//! `standpipe`: seals and verifies streams, runs pipelines and renders them for schedulers, shows schemas.

use std::process::ExitCode;

use etl_component::{CommandCard, Component, Context, Reads, Stdout, When};

mod integers;
mod pipeline;
mod process;
mod programs;
mod records;
mod render;
mod run;
mod schema;
mod seal;
mod through;
mod unreject;
mod verify;

static COMPONENT: Component =
    Component { name: "standpipe", version: env!("CARGO_PKG_VERSION"), variables: &[], commands: COMMANDS };

/// What `verify` and `schema` print is for people; the others print records.
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
        Command::Schema(args) => schema::run(args),
        Command::Pipeline(args) => pipeline::run(args, context),
        Command::Render(args) => render::run(&args, context),
    }
}
