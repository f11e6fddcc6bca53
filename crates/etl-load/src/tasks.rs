//! What a loader does besides loading: `--plan` and `--print-state`.

use std::io::Write;

use etl_component::{Class, Fault, InputArgs, Output};
use etl_stream::{Begin, Event};

use crate::args::{Settings, Task};
use crate::sink::{Plan, Sink};
use crate::target::Target;

/// Prints what was asked for and gives back the summary.
pub(crate) fn run<S: Sink>(
    sink: &mut S,
    settings: &Settings,
    input: &InputArgs,
    mut output: Output,
) -> anyhow::Result<String> {
    let (text, summary) = match (settings.task, &settings.pipeline) {
        (Task::PrintState, Some(pipeline)) => {
            let target = Target::resolve(settings, None, S::table_name)?;
            let table = target.table.clone();
            match sink.state(target, settings, pipeline)? {
                Some(state) => (state + "\n", format!("the state of {pipeline} in {table}")),
                None => (String::new(), format!("{table} has no state of {pipeline}")),
            }
        }
        _ => {
            let plan = plan(sink, settings, input)?;
            (sink.explain(&plan), format!("{}: {} was not touched", sink.name(), plan.name))
        }
    };
    let failed = |error| Fault::new(Class::Io, "cannot write the output").because(error);
    output.write_all(text.as_bytes()).map_err(failed)?;
    output.publish()?;
    Ok(summary)
}

/// The plan by the flags; where they do not tell, by the beginning of the input.
fn plan<S: Sink>(sink: &mut S, settings: &Settings, input: &InputArgs) -> Result<Plan<S::Details>, Fault> {
    let mut plan = |begin: Option<&Begin>| {
        let target = Target::resolve(settings, begin, S::table_name)?;
        sink.plan(target, settings)
    };
    match plan(None) {
        Err(fault) if settings.schema.is_none() && fault.class() == Class::Config => {
            match input.open()?.next()? {
                Some(Event::Begin(begin)) if begin.schema.is_some() => plan(Some(&begin)),
                _ => Err(fault),
            }
        }
        planned => planned,
    }
}
