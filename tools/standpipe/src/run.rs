//! `standpipe run`: a pipeline as processes that are joined by pipes.
//!
//! ```sh
//! standpipe run pipelines/openweather-current.yaml
//! standpipe run -- extract-openweather current --city Seattle '|' load-influx --db weather
//! ```

mod children;
mod env_file;
mod failure;
mod file;
mod items;
mod lines;
mod outcome;
mod pipe;
mod step;
mod stops;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use etl_component::logs::{self, Format};
use etl_component::{Context, Fault, duration};
use etl_pipeline::{Pipeline, Plan};

use crate::pipeline::{cards, files};
use crate::programs::Programs;
use file::Given;
use step::{Maker, Step};

/// Flags of `run`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe run pipelines/openweather-current.yaml --env-file .env
  standpipe run -- extract-openweather current --city Seattle '|' load-influx --db weather
  standpipe run --on-failure notify-slack -- python3 meters.py '|' load-sqlite --db meters.db")]
pub(crate) struct Args {
    /// The pipeline file
    #[arg(value_name = "FILE", required_unless_present = "steps")]
    file: Option<PathBuf>,
    /// How many items of the file's matrix run at once
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "steps", help_heading = "Pipeline")]
    jobs: NonZeroUsize,
    /// The start of the data interval, `${since}` in the file
    #[arg(long, value_name = "TIME", conflicts_with = "steps", help_heading = "Pipeline")]
    since: Option<String>,
    /// The end of the data interval, `${until}` in the file
    #[arg(long, value_name = "TIME", conflicts_with = "steps", help_heading = "Pipeline")]
    until: Option<String>,
    /// How long a try may take, in place of the file's `deadline`; after that all steps are ended, and the exit code is 75
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Pipeline")]
    deadline: Option<Duration>,
    /// What is run after a failure, with WORKFLOW_NAME, WORKFLOW_STATUS and WORKFLOW_FAILURES in its environment
    #[arg(long, value_name = "COMMAND", conflicts_with = "file", help_heading = "Pipeline")]
    on_failure: Option<String>,
    /// A file of NAME=value lines: variables that are not set already
    #[arg(long, value_name = "FILE", help_heading = "Pipeline")]
    env_file: Option<PathBuf>,
    /// In place of a file, the steps: programs with their arguments, with '|' between them
    #[arg(last = true, conflicts_with = "file", value_name = "STEP")]
    steps: Vec<OsString>,
}

/// One run: what a pipeline does for one item.
struct Unit {
    /// What `on-failure` calls it.
    name: String,
    /// Which item it is of, if there are several.
    label: Option<String>,
    steps: Vec<Step>,
    on_failure: Option<Step>,
}

/// Runs `standpipe run`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let (env, programs) = (&context.env, Programs::new()?);
    let pipeline = args.file.as_deref().map(files::read).transpose()?.transpose().map_err(Fault::from)?;
    let typed = args.steps.split(|word| word == "|").filter_map(|step| step.first());
    let of_file = pipeline.iter().flat_map(Pipeline::programs).map(|step| OsStr::new(step.program()));
    let cards = cards::here(&programs, of_file.chain(typed.map(OsString::as_os_str)));
    let maker = Maker { cards: &cards, programs: &programs, terminal: env.terminal.stdin };
    let set = args.env_file.as_deref().map(env_file::read).transpose()?.unwrap_or_default();
    let set: Vec<_> = set.into_iter().filter(|(name, _)| env.get(name).is_none()).collect();
    let given = Given { process: env, file: &set };
    let plan = pipeline
        .map(|pipeline| etl_pipeline::plan(&pipeline, &cards, None))
        .transpose()
        .map_err(Fault::from)?;
    let mut units = match &plan {
        Some(plan) => file::units(plan, args, &given, &maker)?,
        None => vec![direct(args, &given, &maker)?],
    };
    one_format(plan.as_ref(), &given, &mut units);
    let name = plan.as_ref().map(|plan| plan.pipeline.name.as_str());
    let deadline = args.deadline.or(plan.as_ref().and_then(|plan| plan.pipeline.deadline));
    items::run(name, &units, args.jobs.get(), deadline, env.terminal)
}

/// What a command line says.
fn direct(args: &Args, given: &Given<'_>, maker: &Maker<'_>) -> Result<Unit, Fault> {
    let steps: Vec<&[OsString]> = args.steps.split(|word| word == "|").collect();
    if steps.iter().any(|step| step.is_empty()) {
        return Err(Fault::usage("a step is missing: '|' stands between two steps"));
    }
    let (count, env) = (steps.len(), given.beside(Vec::new()));
    let numbered = steps.iter().enumerate();
    let steps = numbered.map(|(at, words)| maker.step(words, (at, count), env.clone()));
    let steps: Vec<Step> = steps.collect::<Result<_, Fault>>()?;
    let on_failure = |text: &String| {
        let wrong = |why| Fault::usage(format!("--on-failure: {why}"));
        let words = etl_pipeline::split(text).map_err(wrong)?;
        let words: Vec<OsString> =
            words.iter().map(|word| word.fill(str::to_owned, |name| format!("${{{name}}}")).into()).collect();
        let step = maker.step(&words, (0, 1), env.clone());
        step.map_err(|fault| Fault::new(fault.class(), format!("--on-failure: {}", fault.message())))
    };
    let on_failure = args.on_failure.as_ref().map(on_failure).transpose()?;
    let name = steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(" | ");
    Ok(Unit { name, label: None, steps, on_failure })
}

/// Whoever reads the log reads one format: the one that was asked of this program is that of the steps, and otherwise
/// the one that the file sets for the steps is that of this program.
fn one_format(plan: Option<&Plan>, given: &Given<'_>, units: &mut [Unit]) {
    const NAME: &str = "ETL_LOG_FORMAT";
    if logs::format() == Format::default() {
        let of_plan = plan.into_iter().flat_map(|plan| &plan.pipeline.settings.env);
        let of_plan =
            of_plan.filter(|variable| variable.name == NAME).find_map(|variable| variable.value.literal());
        if given.process.get(NAME).is_none() {
            logs::set_format(Format::named(given.get(NAME).or(of_plan)));
        }
    } else if let Some(value) = logs::format().to_possible_value() {
        for step in units.iter_mut().flat_map(|unit| unit.steps.iter_mut().chain(&mut unit.on_failure)) {
            step.set(NAME, value.get_name());
        }
    }
}
