//! `standpipe run`: a pipeline as processes that are joined by pipes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use etl_component::{Context, Fault, duration};

mod children;
mod env_file;
mod failure;
mod lines;
mod outcome;
mod pipe;
mod step;
mod stops;

use children::Children;
use outcome::Cause;
use pipe::Around;
use step::{Programs, Step};
use stops::Stops;

/// Flags of `run`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe run -- extract-openweather current --city Seattle '|' load-influx --db weather
  standpipe run --deadline 10m --on-failure notify-slack -- python3 meters.py '|' load-sqlite --db meters.db --table meters")]
pub(crate) struct Args {
    /// How long a try may take; after that all steps are ended, and the exit code is 75
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Pipeline")]
    deadline: Option<Duration>,
    /// What is run if it fails, with WORKFLOW_NAME, WORKFLOW_STATUS and WORKFLOW_FAILURES in its environment
    #[arg(long, value_name = "COMMAND", help_heading = "Pipeline")]
    on_failure: Option<String>,
    /// A file of NAME=value lines: variables that are not set already
    #[arg(long, value_name = "FILE", help_heading = "Pipeline")]
    env_file: Option<PathBuf>,
    /// The steps: programs with their arguments, with '|' between them
    #[arg(last = true, required = true, value_name = "STEP")]
    steps: Vec<OsString>,
}

/// Runs `standpipe run`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let programs = Programs::new(&context.env)?;
    let set = args.env_file.as_deref().map(env_file::read).transpose()?.unwrap_or_default();
    let unset = |(name, _): &(String, String)| context.env.get(name).is_none();
    let env: Vec<(String, OsString)> =
        set.into_iter().filter(unset).map(|(name, value)| (name, value.into())).collect();
    let steps = direct(&args.steps, &programs, &env)?;
    let on_failure = args.on_failure.as_deref().map(|text| on_failure(text, &programs, &env)).transpose()?;
    let (children, stops) = (Children::adopt(), Stops::watch());
    // What goes to stdout from here on is up to the last step.
    etl_component::io::never_abort();
    let around = Around {
        children: &children,
        stops: &stops,
        item: None,
        deadline: args.deadline,
        shows: context.env.terminal.stderr,
        stdin: Stdio::inherit(),
        stdout: Stdio::inherit(),
    };
    let name = steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(" | ");
    let outcome = pipe::run(&steps, around);
    let cause = match &outcome {
        Ok(outcome) => outcome.cause(),
        Err(fault) => Some(Cause { step: None, class: fault.class(), message: outcome::text(fault) }),
    };
    if let (Some(cause), Some(on_failure), None) = (&cause, &on_failure, stops.arrived()) {
        let failed = cause.step.zip(outcome.as_ref().ok()).map(|(at, outcome)| &outcome.steps[at]);
        failure::report(on_failure, &name, cause, failed, &children, &stops);
    }
    match cause {
        None => Ok(outcome.map(|outcome| outcome.summary())?),
        Some(cause) => Err(Fault::new(cause.class, cause.message).into()),
    }
}

fn on_failure(text: &str, programs: &Programs, env: &[(String, OsString)]) -> Result<Step, Fault> {
    let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
    let step = programs.step(&words, (0, 1), env.to_vec());
    step.map_err(|fault| Fault::new(fault.class(), format!("on-failure: {}", fault.message())))
}

/// The steps of a command line.
fn direct(words: &[OsString], programs: &Programs, env: &[(String, OsString)]) -> Result<Vec<Step>, Fault> {
    let steps: Vec<&[OsString]> = words.split(|word| word == "|").collect();
    if steps.iter().any(|step| step.is_empty()) {
        return Err(Fault::usage("a step is missing: '|' stands between two steps"));
    }
    let count = steps.len();
    steps.iter().enumerate().map(|(at, step)| programs.step(step, (at, count), env.to_vec())).collect()
}
