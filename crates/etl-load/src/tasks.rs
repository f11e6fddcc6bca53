//! What a loader does besides loading: `--plan`, `--print-state` and `--print-runs`.

use std::io::Write;
use std::path::Path;

use etl_component::{Fault, InputArgs, Output, Relay, Terminal};
use etl_stream::writer::io_fault;
use etl_stream::{Declared, Decoder, Event, Format, SchemaRef, Seen, StreamId, Values, counted};

use crate::args::{Settings, Task};
use crate::sink::Sink;
use crate::target::{FirstRecord, Plan, Target};

/// Prints what was asked for and returns the summary.
pub(crate) fn run<S: Sink>(
    sink: &mut S,
    settings: &Settings,
    mut output: Output,
    terminal: Terminal,
) -> anyhow::Result<String> {
    let (text, summary) = match (settings.task, &settings.pipeline) {
        (Task::PrintState, Some(pipeline)) => {
            let target = named::<S>(settings)?;
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
            let plans = plans(sink, settings, terminal)?;
            let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
            let verb = if names.len() == 1 { "was" } else { "were" };
            let summary = format!("{}: {} {verb} not touched", sink.name(), names.join(", "));
            (plans.iter().map(|plan| sink.explain(plan)).collect(), summary)
        }
    };
    output.write_all(text.as_bytes()).map_err(io_fault)?;
    output.publish()?;
    Ok(summary)
}

/// The table that the flags name.
fn named<S: Sink>(settings: &Settings) -> Result<Target, Fault> {
    Target::resolve(settings, &Declared::default(), false, S::table_of, S::table_of_stream)
}

/// Prints the loads of a table, and returns the summary.
pub(crate) fn print_runs<S: Sink>(
    sink: &mut S,
    settings: &Settings,
    mut relay: Relay,
) -> anyhow::Result<String> {
    let target = named::<S>(settings)?;
    let table = target.table.clone();
    let runs = sink.runs(target)?;
    relay.begin(Some(&SchemaRef::Name("etl.run".to_owned())), Values::Json)?;
    runs.iter().try_for_each(|run| relay.serialize(run))?;
    relay.end()?;
    relay.close()?;
    Ok(format!("{}: {} of {table}", sink.name(), counted(runs.len() as u64, "load", "loads")))
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

/// The plans that follow from the flags, and from the beginning of the input if they name no schema: one, or one for each
/// stream of a connector.
fn plans<S: Sink>(
    sink: &mut S,
    settings: &Settings,
    terminal: Terminal,
) -> Result<Vec<Plan<S::Details>>, Fault> {
    let (carried, first) = match settings.schema {
        Some(_) => (vec![(Declared::default(), false)], None),
        None => beginning(settings, terminal)?,
    };
    let plan = |(carried, versions): &(Declared, bool)| {
        let target = Target::resolve(settings, carried, *versions, S::table_of, S::table_of_stream)?;
        Ok(sink.plan(Target { first: first.clone(), ..target })?)
    };
    carried.iter().map(plan).collect()
}

/// What the input says of the records of each stream, and whether they have versions.
type Streams = Vec<(Declared, bool)>;

/// What the input says of its records, and the first of them if that is nothing. There need not be any input. A tap is
/// read up to its first record; what streams it has after that is not known yet.
fn beginning(settings: &Settings, terminal: Terminal) -> Result<(Streams, Option<FirstRecord>), Fault> {
    let Settings { input, connectors, .. } = settings;
    if let Some(catalog) = &connectors.catalog {
        return Ok((catalog.iter().map(|stream| (stream.clone(), false)).collect(), None));
    }
    let mut declared = Declared::default();
    if input.input == Path::new("-") && terminal.stdin {
        return Ok((vec![(declared, false)], None));
    }
    let (mut format, mut decoder, mut versioned) =
        (connectors.format, None::<Decoder>, Vec::<StreamId>::new());
    let mut reader = (InputArgs { allow_empty: true, ..input.clone() }).open()?;
    while let Some(event) = reader.next()? {
        if let Event::Record(line) = &event {
            match *format.get_or_insert_with(|| Format::of(line.bytes)) {
                Format::Ndjson => return Ok((vec![(declared, false)], Some(FirstRecord::of(*line)))),
                Format::Airbyte => return Err(etl_component::format::no_catalog()),
                Format::Singer => (),
            }
            let decoder = decoder.get_or_insert_with(|| Decoder::new(Format::Singer, &[]));
            match decoder.look_ahead(&event, true)? {
                Some(Seen::Sent { stream, versions }) => {
                    versioned.extend(versions.then_some(stream));
                    break;
                }
                _ => continue,
            }
        }
        match event {
            Event::Begin(begin) => {
                declared = Declared { schema: begin.schema, values: begin.values, stream: None };
                if declared.schema.is_some() {
                    break;
                }
            }
            Event::Record(_) | Event::State(_) => (),
            Event::End(_) => break,
        }
    }
    let streams = decoder.iter().flat_map(|decoder| {
        decoder.streams().map(|stream| (decoder.declared(stream), versioned.contains(&stream)))
    });
    let streams: Streams = streams.collect();
    Ok((if streams.is_empty() { vec![(declared, false)] } else { streams }, None))
}
