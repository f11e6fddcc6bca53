//! What a loader does besides loading: `--plan` and `--print-state`.

use std::io::Write;
use std::path::Path;

use etl_component::{Fault, InputArgs, Output, Terminal};
use etl_stream::writer::io_fault;
use etl_stream::{Begin, Event};

use crate::args::{Settings, Task};
use crate::sink::{Plan, Sink};
use crate::target::Target;

/// Prints what was asked for and returns the summary.
pub(crate) fn run<S: Sink>(
    sink: &mut S,
    settings: &Settings,
    mut output: Output,
    terminal: Terminal,
) -> anyhow::Result<String> {
    let (text, summary) = match (settings.task, &settings.pipeline) {
        (Task::PrintState, Some(pipeline)) => {
            let target = Target::resolve(settings, None, S::table_of)?;
            let table = target.table.clone();
            match sink.state(target, pipeline)? {
                Some(state) => (state + "\n", format!("the state of {pipeline} in {table}")),
                None => (String::new(), format!("{table} has no state of {pipeline}")),
            }
        }
        _ => {
            let plan = plan(sink, settings, terminal)?;
            (sink.explain(&plan), format!("{}: {} was not touched", sink.name(), plan.name))
        }
    };
    output.write_all(text.as_bytes()).map_err(io_fault)?;
    output.publish()?;
    Ok(summary)
}

/// The plan that follows from the flags, and from the beginning of the input if they name no schema.
fn plan<S: Sink>(sink: &mut S, settings: &Settings, terminal: Terminal) -> Result<Plan<S::Details>, Fault> {
    let begin = if settings.schema.is_none() { begin(&settings.input, terminal)? } else { None };
    let carried = begin.and_then(|begin| begin.schema);
    Ok(sink.plan(Target::resolve(settings, carried.as_ref(), S::table_of)?)?)
}

/// The first line of the input, if it opens a segment. There need not be any input.
fn begin(input: &InputArgs, terminal: Terminal) -> Result<Option<Begin>, Fault> {
    if input.input == Path::new("-") && terminal.stdin {
        return Ok(None);
    }
    match (InputArgs { allow_empty: true, ..input.clone() }).open()?.next()? {
        Some(Event::Begin(begin)) => Ok(Some(begin)),
        _ => Ok(None),
    }
}
