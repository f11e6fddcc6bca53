//! One load after the other: from the first event of the stream to the last commit.

mod attempt;
mod commit;

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use etl_component::{Class, Context, Fault, Output, signals};
use etl_stream::json::Scanner;
use etl_stream::{Begin, Event, SchemaRef};

use self::attempt::Attempt;
use crate::args::{Settings, Task};
use crate::emit::{Emit, Receipt};
use crate::front::{Cuts, Front};
use crate::progress::Progress;
use crate::rejects::Rejects;
use crate::sink::{Plan, Sink};
use crate::state::StateOut;
use crate::target::Target;
use crate::tasks;

/// How many records pass between two looks at the progress line.
const PROGRESS_EVERY: u64 = 1024;

/// The `run` of a loader: does what the settings ask of the sink that `connect` opens, and gives back the summary.
/// `database` is the file of an embedded sink.
///
/// # Errors
/// Those of the stream and of the sink.
pub fn run<S: Sink>(
    settings: Settings,
    context: &Context,
    database: Option<&Path>,
    connect: impl FnOnce(&Settings) -> Result<S, Fault>,
) -> anyhow::Result<String> {
    settings.check_paths(database)?;
    if settings.task != Task::Load {
        let output = Output::create(&settings.output.output)?;
        return tasks::run(&mut connect(&settings)?, &settings, output);
    }
    let emit = Emit::open(settings.emit, &settings.output, context.producer())?;
    let sink = connect(&settings)?;
    let state_out = StateOut::create(settings.state_out.as_deref())?;
    let rejects = Rejects::create(&settings, context.producer())?;
    let front = Front::new(settings.input.open()?).cut(settings.cuts)?;
    let progress = Progress::new(sink.name());
    Load::new(sink, &settings, emit, state_out, rejects, progress).run(front)
}

/// The loads of a run.
struct Load<'a, S: Sink> {
    sink: S,
    settings: &'a Settings,
    emit: Emit,
    state_out: StateOut,
    rejects: Rejects,
    progress: Progress,
    scanner: Scanner,
    started: Instant,
    /// The line up to which records were passed on or set aside, by this attempt or one before it.
    furthest: u64,
    /// The plans that were made while the stream was held back.
    planned: Vec<(Option<SchemaRef>, Plan<S::Details>)>,
    attempt: Attempt<S::Details>,
}

impl<'a, S: Sink> Load<'a, S> {
    /// Loads with these settings; nothing is touched yet.
    fn new(
        sink: S,
        settings: &'a Settings,
        emit: Emit,
        state_out: StateOut,
        rejects: Rejects,
        progress: Progress,
    ) -> Load<'a, S> {
        Load {
            sink,
            settings,
            emit,
            state_out,
            rejects,
            progress,
            scanner: Scanner::new(),
            started: Instant::now(),
            furthest: 0,
            planned: Vec::new(),
            attempt: Attempt::default(),
        }
    }

    /// Runs them to the last commit and returns the summary.
    fn run<R: Read>(mut self, mut front: Front<R>) -> anyhow::Result<String> {
        let done = self.loads(&mut front).map_err(|fault| self.sink.give_up(fault));
        // The rejects are worth reading above all when the load failed; the load's own failure comes first. A load
        // that failed without any must not take the place of those of an earlier one.
        if done.is_err() && self.rejects.count() == 0 {
            self.rejects.discard();
        }
        let kept = self.rejects.finish();
        let sentence = done?;
        kept?;
        self.emit.close();
        Ok(format!("{}: {sentence}", self.sink.name()))
    }

    fn loads<R: Read>(&mut self, front: &mut Front<R>) -> Result<String, Fault> {
        self.check_flags()?;
        let (mut loads, mut records) = (0_u64, 0);
        loop {
            self.started = Instant::now();
            self.rejects.next_load();
            self.hold_back(front)?;
            if loads > 0 && front.is_over() && front.is_empty() {
                signals::no_more();
                break;
            }
            let receipts = self.load(front)?;
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
        Ok(format!("{records} records in {loads} loads"))
    }

    /// What the flags say can be checked before anything is extracted; a table without a schema of its own may still
    /// get one from the stream.
    fn check_flags(&mut self) -> Result<(), Fault> {
        if self.settings.schema.is_none() && self.settings.table.is_none() {
            return Ok(());
        }
        match self.plan(None) {
            // By the table's own columns it may not be what will be done: the stream may have a schema.
            Ok(plan) if self.settings.schema.is_some() => self.planned.push((None, plan)),
            Err(fault) if self.settings.schema.is_some() || fault.class() != Class::Config => {
                return Err(fault);
            }
            _ => (),
        }
        Ok(())
    }

    /// Reads the first part of a load; finds what cannot work as soon as a target is known, without touching anything.
    fn hold_back<R: Read>(&mut self, front: &mut Front<R>) -> Result<(), Fault> {
        front.hold_back(|begin| {
            if begin.is_none() && self.replaces() && self.settings.replace_needs_seal {
                return Err(Fault::usage(
                    "mode replace needs a sealed stream, for a cut one would replace the whole by a part \
                     (`standpipe seal -- COMMAND` seals it, --seal off accepts the risk)",
                ));
            }
            let carried = self.carried(begin);
            if !self.planned.iter().any(|(known, _)| *known == carried) {
                let plan = self.plan(begin)?;
                self.planned.push((carried, plan));
            }
            Ok(())
        })
    }

    /// What tells the targets of the stream apart: its schemas, unless a flag names one for all.
    fn carried(&self, begin: Option<&Begin>) -> Option<SchemaRef> {
        begin.filter(|_| self.settings.schema.is_none()).and_then(|begin| begin.schema.clone())
    }

    fn plan(&mut self, begin: Option<&Begin>) -> Result<Plan<S::Details>, Fault> {
        let target = Target::resolve(self.settings, begin, S::table_of)?;
        self.sink.plan(target, self.settings)
    }

    /// One load, with as many attempts as the sink finds worth while, as long as all of it can be given again.
    fn load<R: Read>(&mut self, front: &mut Front<R>) -> Result<Vec<Receipt>, Fault> {
        self.furthest = 0;
        loop {
            self.attempt = Attempt::default();
            self.emit.start();
            match self.attempt(front) {
                Ok(receipts) => return self.finish(receipts),
                Err(fault) if front.rewind() => self.sink.retry(fault)?,
                Err(fault) => return Err(fault),
            }
        }
    }

    fn attempt<R: Read>(&mut self, front: &mut Front<R>) -> Result<Vec<Receipt>, Fault> {
        for (_, plan) in &mut self.planned {
            self.sink.prepare(plan)?;
        }
        self.sink.begin()?;
        while let Some(event) = front.next()? {
            match event {
                Event::Begin(begin) => self.begin(&begin)?,
                Event::Record(line) => self.record(line)?,
                Event::State(value) => self.state(value),
                Event::End(segment) => self.end(&segment)?,
            }
            let totals = front.totals();
            if totals.records.is_multiple_of(PROGRESS_EVERY) {
                self.progress.update(totals.records, totals.bytes);
            }
            if front.is_drained() {
                self.emit.flush()?;
            }
        }
        let digest = front.digest();
        signals::expect_more(self.settings.cuts != Cuts::default() && !front.is_over());
        match self.attempt.before.take() {
            Some(before) => {
                self.rejects.discard();
                self.compare(&before, digest)
            }
            None => self.commit(digest),
        }
    }
}
