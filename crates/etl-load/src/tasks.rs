//! What a loader does besides loading: `--plan` and `--print-state`.

use std::io::Write;
use std::path::Path;

use etl_component::{Fault, InputArgs, Output, Terminal};
use etl_stream::writer::io_fault;
use etl_stream::{Declared, Event};

use crate::args::{Settings, Task};
use crate::sink::{Plan, Sink};
use crate::target::{FirstRecord, Target};

/// Prints what was asked for and returns the summary.
pub(crate) fn run<S: Sink>(
    sink: &mut S,
    settings: &Settings,
    mut output: Output,
    terminal: Terminal,
) -> anyhow::Result<String> {
    let (text, summary) = match (settings.task, &settings.pipeline) {
        (Task::PrintState, Some(pipeline)) => {
            let target = Target::resolve(settings, &Declared::default(), S::table_of)?;
            let table = target.table.clone();
            let mut states = sink.states(target)?;
            match states.iter().position(|(name, _)| name == pipeline) {
                Some(at) => (states.swap_remove(at).1 + "\n", format!("the state of {pipeline} in {table}")),
                None if settings.input.allow_empty => {
                    (String::new(), format!("{table} has no state of {pipeline}"))
                }
                None => return Err(no_state(&table, pipeline, &states).into()),
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

/// How many pipelines a message names.
const NAMED: usize = 20;

/// A name that was mistyped looks like a first run, after which everything is extracted again.
fn no_state(table: &str, pipeline: &str, states: &[(String, String)]) -> Fault {
    let names: Vec<&str> = states.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
    let more = states.len() - names.len();
    let known = match (names.as_slice(), more) {
        ([], _) => "it has no state of any pipeline".to_owned(),
        (names, 0) => format!("it has states of {}", names.join(", ")),
        (names, more) => format!("it has states of {} and {more} more", names.join(", ")),
    };
    let what = format!("{table} has no state of {pipeline}; {known}");
    Fault::config(format!("{what} (--allow-empty prints nothing then, as before a first load)"))
}

/// The plan that follows from the flags, and from the beginning of the input if they name no schema.
fn plan<S: Sink>(sink: &mut S, settings: &Settings, terminal: Terminal) -> Result<Plan<S::Details>, Fault> {
    let (carried, first) = match settings.schema {
        Some(_) => Default::default(),
        None => beginning(&settings.input, terminal)?,
    };
    let target = Target::resolve(settings, &carried, S::table_of)?;
    Ok(sink.plan(Target { first, ..target })?)
}

/// What the input says of its records, and the first of them if that is nothing. There need not be any input.
fn beginning(input: &InputArgs, terminal: Terminal) -> Result<(Declared, Option<FirstRecord>), Fault> {
    let mut declared = Declared::default();
    if input.input == Path::new("-") && terminal.stdin {
        return Ok((declared, None));
    }
    let mut reader = (InputArgs { allow_empty: true, ..input.clone() }).open()?;
    while let Some(event) = reader.next()? {
        match event {
            Event::Begin(begin) => {
                declared = Declared { schema: begin.schema, values: begin.values };
                if declared.schema.is_some() {
                    break;
                }
            }
            Event::Record(line) => return Ok((declared, Some(FirstRecord::of(line)))),
            Event::State(_) => (),
            Event::End(_) => break,
        }
    }
    Ok((declared, None))
}
