//! `standpipe pipeline`: what would fail later, and the schema of pipeline files.

pub(crate) mod cards;
pub(crate) mod files;

use std::collections::BTreeSet;
use std::path::PathBuf;

use etl_component::{Context, Fault, counted};
use etl_pipeline::{Cards, Options, Pipeline, Problem, Problems, SCHEMA, Target, plan, render};

use crate::schema::print;

/// Flags of `pipeline`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe pipeline check pipelines/
  standpipe pipeline schema > pipeline.schema.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Refuse, with file and line, what would fail later: flags, variables, schemas, zones, cron lines
    #[command(after_help = "Examples:
  standpipe pipeline check pipelines/
  standpipe pipeline check weather.yaml --to argo --to airflow")]
    Check(CheckArgs),
    /// Print the JSON Schema of pipeline files, with which editors complete them
    #[command(after_help = "Examples:
  standpipe pipeline schema > pipeline.schema.json")]
    Schema,
}

#[derive(clap::Args)]
struct CheckArgs {
    /// Pipeline files, and folders of them (*.yaml, *.yml)
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// Check that a target can express it, too; may be repeated
    #[arg(long, value_name = "TARGET", value_parser = target, help_heading = "Pipelines")]
    to: Vec<Target>,
}

/// Parses the name of a target.
pub(crate) fn target(name: &str) -> Result<Target, String> {
    let names: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
    let found = Target::ALL.into_iter().find(|target| target.name() == name);
    found.ok_or_else(|| format!("expected {}", names.join(", ")))
}

/// Runs `standpipe pipeline`.
pub(crate) fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    match args.command {
        Command::Schema => {
            print(SCHEMA)?;
            Ok("the schema of pipeline files".to_owned())
        }
        Command::Check(args) => check(&args, context),
    }
}

fn check(args: &CheckArgs, context: &Context) -> anyhow::Result<String> {
    let mut faults = Vec::new();
    let mut pipelines = Vec::new();
    for path in files::pipelines(&args.paths)? {
        match files::read(&path)? {
            Ok(pipeline) => pipelines.push(pipeline),
            Err(problems) => faults.push(problems),
        }
    }
    let cards = cards::of(&pipelines, context)?;
    for pipeline in &pipelines {
        faults.extend(problems(pipeline, &cards, &args.to));
    }
    refuse(&faults)?;
    let count = pipelines.len() as u64;
    Ok(format!("{}, nothing to mend", counted(count, "pipeline", "pipelines")))
}

/// What is wrong with a pipeline: by itself, for the targets that it names, and for those that were asked for.
fn problems(pipeline: &Pipeline, cards: &Cards, to: &[Target]) -> Option<Problems> {
    // A script is refused least, but variables have to be named.
    let planned: BTreeSet<Target> = pipeline.targets.keys().copied().chain([Target::Shell]).collect();
    for target in planned {
        if let Err(problems) = plan(pipeline, cards, Some(target)) {
            return Some(problems);
        }
    }
    for target in to {
        let rendered =
            plan(pipeline, cards, Some(*target)).and_then(|plan| render(&plan, &Options::default()));
        match rendered {
            Ok(rendering) => rendering.warnings.iter().for_each(|warning| log::warn!("{warning}")),
            Err(problems) => return Some(problems),
        }
    }
    None
}

/// Says every problem on a line of its own, and fails with the first.
pub(crate) fn refuse(found: &[Problems]) -> Result<(), Fault> {
    let all: Vec<&Problem> = found.iter().flat_map(Problems::iter).collect();
    let Some((first, more)) = all.split_first() else { return Ok(()) };
    for problem in more {
        log::error!("{problem}");
    }
    let count = all.len() as u64;
    let total = if count == 1 {
        String::new()
    } else {
        format!(" ({} in all)", counted(count, "problem", "problems"))
    };
    Err(Fault::config(format!("{first}{total}")))
}
