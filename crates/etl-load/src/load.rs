//! One load after the other: from the first event of the stream to the last commit.

mod ahead;
mod attempt;
mod batch;
mod commit;
mod connector;
mod ended;
mod guards;
mod outputs;
mod plans;
mod routes;
mod said;
mod states;
mod table;

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use etl_component::format::warn_but_unsealed;
use etl_component::{Context, Details, Fault, Output, Relay, excerpt, signals};
use etl_stream::json::Scanner;
use etl_stream::{Format, counted};

use self::ahead::Ahead;
use self::attempt::{Attempt, Done};
use self::outputs::Outputs;
use self::plans::Plans;
use crate::args::{Settings, Task};
use crate::emit::{Emit, Receipt};
use crate::front::{Cuts, Front};
use crate::sink::{Culprit, Sink};
use crate::tasks;

/// The `run` of a loader: does what the settings ask of the sink that `connect` opens, and returns the summary.
/// `database` is the file of an embedded sink.
///
/// # Errors
/// Those of the stream and of the sink.
pub fn run<'s, S: Sink>(
    settings: &'s Settings,
    context: &Context,
    database: Option<&Path>,
    connect: impl FnOnce(&'s Settings) -> Result<S, Fault>,
) -> anyhow::Result<String> {
    settings.check_paths(database)?;
    if settings.task == Task::PrintRuns {
        let relay = Relay::new(settings.output.open()?, context.producer(), "--print-runs");
        return tasks::print_runs(&mut connect(settings)?, settings, relay);
    }
    if settings.task != Task::Load {
        let output = Output::create(&settings.output.output)?;
        return tasks::run(&mut connect(settings)?, settings, output, context.env.terminal);
    }
    let refuses = S::REFUSES && settings.sets_aside();
    let emit = Emit::open(settings.emit, &settings.output, refuses, context)?;
    let step = context.component.name;
    let sink =
        connect(settings).map_err(|fault| located(fault, step, settings, settings.table.as_deref()))?;
    let shows = context.env.terminal.stderr && !emit.passes_on();
    let mut outputs = Outputs::open(emit, settings, context)?;
    let mut front = Front::new(settings.input.open_with(warn_but_unsealed)?).cut(settings.cuts)?;
    if shows {
        front.show(sink.name(), outputs.estimates.total());
    }
    let (plans, scanner, format) = (Plans::new(settings), Scanner::new(), settings.connectors.format);
    if format.is_some_and(|format| format != Format::Ndjson) {
        // A failure that comes before the first line must not be taken for a state.
        outputs.emit.speak_to_connector(settings)?;
    }
    Load { sink, step, settings, format, plans, outputs, scanner }.run(front)
}

/// A failure of this load, with its place in the pipeline; one of an earlier step has its own.
fn located(fault: Fault, step: &str, settings: &Settings, table: Option<&str>) -> Fault {
    if fault.details().is_some() {
        return fault;
    }
    let (pipeline, table) = (settings.pipeline.clone(), table.map(str::to_owned));
    fault.of_step(Details { pipeline, table, ..Details::of_step(step) })
}

/// The loads of a run.
struct Load<'s, S: Sink> {
    sink: S,
    /// The name of the loader.
    step: &'static str,
    settings: &'s Settings,
    /// The format of the input, once it is known.
    format: Option<Format>,
    plans: Plans<'s, S>,
    outputs: Outputs,
    scanner: Scanner,
}

impl<S: Sink> Load<'_, S> {
    /// Runs them to the last commit and returns the summary.
    fn run<R: Read>(mut self, mut front: Front<R>) -> anyhow::Result<String> {
        let done = self.loads(&mut front).map_err(|fault| {
            let fault = self.sink.give_up(fault);
            located(fault, self.step, self.settings, self.plans.only_table())
        });
        let kept = self.outputs.close_rejects(done.is_err());
        // The load's own failure comes first.
        let sentence = done?;
        kept?;
        self.outputs.emit.close()?;
        Ok(format!("{}: {sentence}", self.sink.name()))
    }

    fn loads<R: Read>(&mut self, front: &mut Front<R>) -> Result<String, Fault> {
        self.plans.check_flags(&mut self.sink)?;
        let (mut loads, mut records) = (0_u64, 0);
        loop {
            let started = Instant::now();
            self.outputs.start_load()?;
            self.hold_back(front)?;
            if loads > 0 && front.is_over() && front.is_empty() {
                signals::no_more();
                break;
            }
            let receipts = self.load(front, started)?;
            loads += 1;
            records += receipts.iter().map(|receipt| receipt.records).sum::<u64>();
            if self.settings.cuts == Cuts::default() {
                let sentences: Vec<String> = receipts.iter().map(Receipt::sentence).collect();
                return Ok(if sentences.is_empty() {
                    "nothing to load".to_owned()
                } else {
                    sentences.join("; ")
                });
            }
            for receipt in &receipts {
                log::info!("committed {}", receipt.sentence());
            }
            if front.is_over() {
                break;
            }
            signals::go_on();
        }
        Ok(format!("{} in {}", counted(records, "record", "records"), counted(loads, "load", "loads")))
    }

    /// Reads the first part of a load, and looks at each stream as soon as it appears.
    fn hold_back<R: Read>(&mut self, front: &mut Front<R>) -> Result<(), Fault> {
        let Load { sink, settings, format, plans, outputs, scanner, .. } = self;
        let mut ahead = Ahead::new(settings, sink, plans, outputs, format);
        let held = front.hold_back(|event| ahead.see(event));
        scanner.admit_odd_numbers(*format == Some(Format::Singer));
        scanner.set_levels(format.unwrap_or_default().levels());
        match held {
            // What a source says to people is not a record either.
            Err(fault) if fault.is_cut() && *format != Some(Format::Airbyte) => {
                Err(front.first_bad(scanner).unwrap_or(fault))
            }
            held => held,
        }
    }

    /// One load, with as many attempts as the sink finds worthwhile, as long as all of it can be read again.
    fn load<R: Read>(&mut self, front: &mut Front<R>, started: Instant) -> Result<Vec<Receipt>, Fault> {
        let cut = self.settings.cuts != Cuts::default();
        loop {
            let Load { sink, settings, format, plans, outputs, scanner, .. } = self;
            let format = format.unwrap_or_default();
            let attempt = Attempt::new(settings, format, sink, plans, outputs, scanner, started);
            match attempt.run(front, |front| signals::expect_more(cut && !front.is_over())) {
                Ok(Done { receipts, state, said }) => {
                    front.hide();
                    self.outputs.committed(&receipts, state.as_deref(), &said)?;
                    return Ok(receipts);
                }
                Err(fault) => {
                    let fault = match self.sink.culprit() {
                        Some(culprit) => naming(front, &culprit, fault),
                        None => fault,
                    };
                    if !front.rewind() {
                        return Err(fault);
                    }
                    self.sink.retry(fault)?;
                }
            }
        }
    }
}

/// A failure of the database with the record that it is about.
fn naming<R: Read>(front: &mut Front<R>, culprit: &Culprit, fault: Fault) -> Fault {
    let Culprit { line, record, key } = culprit;
    let key = key.iter().map(String::as_str);
    match front.find(*line, |line| (line.place(), excerpt(line, key))) {
        Some((place, excerpt)) => fault.adding(&excerpt).at(&place),
        None if *record > 0 => fault.at(&format!("line {line} (record {record})")),
        None => fault.at(&format!("line {line}")),
    }
}
