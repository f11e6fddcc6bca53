//! One load after the other: from the first event of the stream to the last commit.

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use etl_component::{Class, Context, Fault, Output, random_id, signals};
use etl_schema::Checker;
use etl_stream::json::{Record, Scanner};
use etl_stream::reader::place;
use etl_stream::{Begin, Digest, Event, Line, SchemaRef, Segment};
use serde_json::value::RawValue;

use crate::args::{IfLoaded, LoadArgs, Mode, Settings, Task};
use crate::emit::{Emit, Receipt};
use crate::front::{Cuts, Front};
use crate::progress::Progress;
use crate::rejects::Rejects;
use crate::sink::{Counts, Entry, Loaded, Plan, Refused, Sink};
use crate::state::StateOut;
use crate::target::Target;
use crate::tasks;

/// How many records pass between two looks at the progress line.
const PROGRESS_EVERY: u64 = 1024;

/// The `run` of a loader: does what the flags ask of the sink that `connect` opens, and gives back the summary.
/// `database` is the file of an embedded sink.
///
/// # Errors
/// Those of the stream and of the sink.
pub fn run<S: Sink>(
    args: LoadArgs,
    context: &Context,
    database: Option<&Path>,
    connect: impl FnOnce(&Settings) -> Result<S, Fault>,
) -> anyhow::Result<String> {
    let (input, output) = (args.input.clone(), args.output.clone());
    let settings = Settings::new(args, &context.env)?;
    settings.check_paths(&input.input, &output.output, database)?;
    if settings.task != Task::Load {
        let output = Output::create(&output.output)?;
        return tasks::run(&mut connect(&settings)?, &settings, &input, output);
    }
    let emit = Emit::open(settings.emit, &output, context.producer())?;
    let sink = connect(&settings)?;
    let state_out = StateOut::create(settings.state_out.as_deref())?;
    let rejects = Rejects::create(&settings, context.producer())?;
    let front = Front::new(input.open()?).cut(settings.cuts)?;
    let progress = Progress::new(sink.name());
    Load::new(sink, &settings, emit, state_out, rejects, progress).run(front)
}

/// A row of the ledger that this load took.
struct Claim {
    table: usize,
    load_id: String,
    /// Of a segment with a row of its own: its digest and records, once it has ended.
    segment: Option<(Digest, u64)>,
}

/// A target of the load.
struct Table<D> {
    /// Its name as the flag or the schema has it, which need not be the sink's.
    target: String,
    plan: Plan<D>,
    checker: Checker,
    /// Its number at the sink, once it was opened there.
    opened: Option<usize>,
    /// Records that went in, and those set aside.
    records: u64,
    rejected: u64,
    /// Whether any segment was new.
    fresh: bool,
    /// The load id, or that of the last segment, and whether there were several.
    load_id: Option<String>,
    several: bool,
}

impl<D> Table<D> {
    fn new(target: String, plan: Plan<D>, checker: Checker) -> Table<D> {
        let (opened, records, rejected, fresh) = (None, 0, 0, false);
        let (load_id, several) = (None, false);
        Table { target, plan, checker, opened, records, rejected, fresh, load_id, several }
    }

    /// Nothing of what was read is new.
    fn withdraw(&mut self) {
        (self.fresh, self.records, self.rejected, self.checker.dropped) = (false, 0, 0, 0);
    }
}

/// What an attempt at a load has found out and done so far.
struct Attempt<D> {
    tables: Vec<Table<D>>,
    opened: usize,
    /// Which schema reference goes to which table.
    routes: Vec<(Option<SchemaRef>, usize)>,
    current: Option<usize>,
    claims: Vec<Claim>,
    /// The segment at hand was loaded before: its digest must be this one.
    skipped: Option<Loaded>,
    /// The whole load was committed before, so that nothing is left to do but to compare.
    before: Option<Loaded>,
    state: Option<Box<RawValue>>,
}

impl<D> Default for Attempt<D> {
    fn default() -> Attempt<D> {
        Attempt {
            tables: Vec::new(),
            opened: 0,
            routes: Vec::new(),
            current: None,
            claims: Vec::new(),
            skipped: None,
            before: None,
            state: None,
        }
    }
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
        let done = self.loads(&mut front);
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
        let target = Target::resolve(self.settings, begin, S::table_name)?;
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

    /// A segment opens.
    fn begin(&mut self, begin: &Begin) -> Result<(), Fault> {
        self.emit.segment(begin.schema.clone())?;
        if self.attempt.before.is_none() {
            self.open(Some(begin))?;
        }
        Ok(())
    }

    /// Opens the table of a segment or of the plain stream, and takes its row of the ledger.
    fn open(&mut self, begin: Option<&Begin>) -> Result<(), Fault> {
        let table = self.route(begin)?;
        self.attempt.current = Some(table);
        let own = begin.filter(|_| self.settings.load_id.is_none());
        // The reader refuses a segment's id that is there twice, so only the load's own can be taken already.
        if own.is_none() && self.attempt.claims.iter().any(|claim| claim.table == table) {
            return Ok(());
        }
        let load_id = match (&self.settings.load_id, own) {
            (Some(id), _) => id.clone(),
            (None, Some(begin)) => begin.id.clone(),
            (None, None) => random_id(),
        };
        let Table { plan, load_id: known, several, .. } = &mut self.attempt.tables[table];
        *several |= known.replace(load_id.clone()).is_some();
        match self.sink.claim(plan, &load_id)? {
            None => {
                self.attempt.tables[table].fresh = true;
                self.attempt.claims.push(Claim { table, load_id, segment: None });
                self.ready(table)?;
            }
            Some(loaded) if own.is_some() => self.attempt.skipped = Some(loaded),
            Some(loaded) => {
                // Whoever else waits for the database need not wait for the rest of this stream.
                self.sink.rollback()?;
                self.attempt.before = Some(loaded);
            }
        }
        Ok(())
    }

    /// The number of a table at the sink, which makes it ready when it is first asked for.
    fn ready(&mut self, table: usize) -> Result<usize, Fault> {
        let Attempt { tables, opened, .. } = &mut self.attempt;
        if let Some(number) = tables[table].opened {
            return Ok(number);
        }
        self.sink.open(&tables[table].plan)?;
        tables[table].opened = Some(*opened);
        *opened += 1;
        Ok(*opened - 1)
    }

    /// The table of a segment, planned when it is first seen. Which names are one table only the sink knows.
    fn route(&mut self, begin: Option<&Begin>) -> Result<usize, Fault> {
        let carried = self.carried(begin);
        if let Some((_, table)) = self.attempt.routes.iter().find(|(schema, _)| *schema == carried) {
            return Ok(*table);
        }
        let target = Target::resolve(self.settings, begin, S::table_name)?;
        let name = target.table.clone();
        let planned = self.planned.iter().position(|(schema, _)| S::PLANS_LAST && *schema == carried);
        // A plan is used once, for in another attempt the database may be another.
        let plan = match planned {
            Some(at) => Ok(self.planned.swap_remove(at).1),
            None => self.sink.plan(target, self.settings),
        };
        let tables = &self.attempt.tables;
        let known = match &plan {
            Ok(plan) => tables.iter().position(|table| table.plan.name == plan.name),
            // What another schema has just made of the table does not fit this one.
            Err(fault) if fault.class() == Class::Config => {
                tables.iter().position(|table| table.target == name)
            }
            Err(_) => None,
        };
        let table = match (known, plan) {
            (Some(table), Ok(plan)) if tables[table].plan.schema.document == plan.schema.document => table,
            (Some(table), _) => {
                let name = &tables[table].plan.name;
                return Err(Fault::config(format!("two schemas of the stream go to one table, {name}")));
            }
            (None, plan) => {
                let mut plan = plan?;
                if planned.is_none() {
                    self.sink.prepare(&mut plan)?;
                }
                let checker = Checker::new(plan.schema.clone(), self.settings.unknown_fields);
                let tables = &mut self.attempt.tables;
                tables.push(Table::new(name, plan, checker));
                tables.len() - 1
            }
        };
        self.attempt.routes.push((carried, table));
        Ok(table)
    }

    fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if self.attempt.current.is_none() && self.attempt.before.is_none() {
            self.emit.segment(None)?;
            self.open(None)?;
        }
        let (false, Some(table)) = (self.skips(), self.attempt.current) else {
            return self.loaded_before(line);
        };
        let number = match self.attempt.tables[table].opened {
            Some(number) => number,
            None => self.ready(table)?,
        };
        let Table { plan, checker, records, rejected, .. } = &mut self.attempt.tables[table];
        let record = scan(&mut self.scanner, line)?;
        *records += 1;
        let stored = match checker.check(&record) {
            Ok(row) => self.sink.record(number, plan, &row, line),
            Err(violation) => Err(Refused::Record(violation)),
        };
        let violation = match stored {
            Ok(()) => None,
            Err(Refused::Record(violation)) => Some(violation),
            // This attempt has done nothing with the record; the next one may.
            Err(Refused::Load(fault)) => return Err(fault),
        };
        let first_time = line.number > self.furthest;
        self.furthest = self.furthest.max(line.number);
        match violation {
            None => {
                self.emit.taken(line)?;
                if first_time { self.emit.record(line) } else { Ok(()) }
            }
            Some(violation) => {
                *rejected += 1;
                if first_time { self.rejects.add(line, &violation) } else { Ok(()) }
            }
        }
    }

    /// A record of what was loaded before is passed on, unless it was set aside then.
    fn loaded_before(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if !self.emit.passes_on() || line.number <= self.furthest {
            return Ok(());
        }
        self.furthest = line.number;
        // What is passed on has one schema, and so one table.
        if let Some(Table { checker, .. }) = self.attempt.tables.first_mut() {
            let record = scan(&mut self.scanner, line)?;
            let dropped = checker.dropped;
            let fits = checker.check(&record).is_ok();
            checker.dropped = dropped;
            if !fits {
                return Ok(());
            }
        }
        self.emit.record(line)
    }

    /// Whether the records at hand are in the database already. A replacement is of the whole stream, so its rows go
    /// in again beside the new ones.
    fn skips(&self) -> bool {
        self.attempt.before.is_some() || self.attempt.skipped.is_some() && !self.replaces()
    }

    fn replaces(&self) -> bool {
        self.settings.mode == Some(Mode::Replace)
    }

    fn state(&mut self, value: Box<RawValue>) {
        if self.attempt.skipped.is_none() && self.attempt.before.is_none() {
            self.attempt.state = Some(value);
        }
    }

    fn end(&mut self, segment: &Segment) -> Result<(), Fault> {
        let attempt = &mut self.attempt;
        let current = attempt.current.take();
        if let Some(loaded) = attempt.skipped.take() {
            if loaded.digest != segment.digest.to_string() {
                return Err(Fault::data(format!(
                    "segment {} was loaded before with other content (digest {}, now {})",
                    segment.id, loaded.digest, segment.digest
                )));
            }
            // The state of the last segment that has one counts, loaded now or before.
            let state = loaded.state.and_then(|state| RawValue::from_string(state).ok());
            attempt.state = state.or(attempt.state.take());
            if !self.replaces() {
                log::info!("segment {} was loaded before; skipped", segment.id);
            }
            return Ok(());
        }
        let claim = attempt
            .claims
            .last_mut()
            .filter(|claim| Some(claim.table) == current && claim.load_id == segment.id);
        if let (Some(claim), None) = (claim, &self.settings.load_id) {
            claim.segment = Some((segment.digest, segment.records));
        }
        Ok(())
    }

    /// The load id was used before: the same bytes are a success, others are refused unless they may be skipped.
    fn compare(&mut self, before: &Loaded, digest: Digest) -> Result<Vec<Receipt>, Fault> {
        let load_id = self.settings.load_id.clone().unwrap_or_default();
        if before.digest != digest.to_string() && self.settings.if_loaded == IfLoaded::Refuse {
            return Err(Fault::data(format!(
                "load id {load_id} was committed before with other content (digest {}, now {digest}); \
                 --if-loaded skip accepts that",
                before.digest
            )));
        }
        let state = before.state.clone().and_then(|state| RawValue::from_string(state).ok());
        self.attempt.tables.iter_mut().for_each(Table::withdraw);
        self.attempt.state = state;
        self.state_out.prepare(self.attempt.state.as_deref().map(RawValue::get))?;
        Ok(self.receipts(&before.digest, &[]))
    }

    /// Brings everything in, completes the ledger and commits.
    fn commit(&mut self, digest: Digest) -> Result<Vec<Receipt>, Fault> {
        let digest = digest.to_string();
        let news = self.attempt.tables.is_empty() || self.attempt.tables.iter().any(|table| table.fresh);
        if !news {
            self.rejects.discard();
        }
        if self.replaces() {
            self.attempt.tables.iter_mut().for_each(|table| table.fresh = news);
            if !news {
                return self.withdraw(&digest);
            }
            // A segment without a record is part of the whole, too, and leaves nothing in its table.
            (0..self.attempt.tables.len()).try_for_each(|table| self.ready(table).map(|_| ()))?;
        }
        let Attempt { tables, claims, state, .. } = &self.attempt;
        let mut counts = Vec::new();
        for table in tables {
            let mut news = self.emit.news();
            let news = news.as_mut().map(|news| news as &mut dyn FnMut(u64));
            counts.push(match table.opened {
                Some(number) => self.sink.finish(number, &table.plan, news)?,
                None => Counts::default(),
            });
        }
        let pipeline = self.settings.pipeline.as_deref();
        let state = state.as_deref().map(RawValue::get);
        let rows: Vec<(&Claim, String, u64)> = claims
            .iter()
            .map(|claim| match claim.segment {
                Some((digest, records)) => (claim, digest.to_string(), records),
                None => (claim, digest.clone(), tables[claim.table].records),
            })
            .collect();
        let entries: Vec<Entry<'_>> = rows
            .iter()
            .map(|(claim, digest, records)| {
                let target = &tables[claim.table].plan.name;
                Entry { target, load_id: &claim.load_id, digest, records: *records, pipeline, state }
            })
            .collect();
        let plans: Vec<&Plan<S::Details>> = tables.iter().map(|table| &table.plan).collect();
        self.sink.complete(&plans, &entries, self.settings)?;
        self.state_out.prepare(state)?;
        self.rejects.finish()?;
        self.sink.commit()?;
        Ok(self.receipts(&digest, &counts))
    }

    /// Every segment of a replacement was loaded before: the tables, which may be newer than it, stay as they are.
    fn withdraw(&mut self, digest: &str) -> Result<Vec<Receipt>, Fault> {
        self.sink.rollback()?;
        self.attempt.tables.iter_mut().for_each(Table::withdraw);
        self.state_out.prepare(self.attempt.state.as_deref().map(RawValue::get))?;
        Ok(self.receipts(digest, &[]))
    }

    /// A receipt for each table; those without counts did nothing.
    fn receipts(&self, digest: &str, counts: &[Counts]) -> Vec<Receipt> {
        let receipt = |index: usize| {
            let Attempt { tables, state, .. } = &self.attempt;
            let (table, counts) = (&tables[index], counts.get(index).copied().unwrap_or_default());
            Receipt {
                target: table.plan.name.clone(),
                load_id: table.load_id.clone().filter(|_| !table.several),
                mode: table.plan.mode,
                records: table.records,
                inserted: counts.inserted,
                updated: counts.updated,
                unchanged: counts.unchanged,
                superseded: counts.superseded,
                rejected: table.rejected,
                dropped_fields: table.checker.dropped,
                sha256: digest.to_owned(),
                seconds: self.started.elapsed().as_secs_f64(),
                already_loaded: !table.fresh,
                pipeline: self.settings.pipeline.clone(),
                state: state.clone(),
            }
        };
        (0..self.attempt.tables.len()).map(receipt).collect()
    }

    /// The data is safe: tells everyone.
    fn finish(&mut self, receipts: Vec<Receipt>) -> Result<Vec<Receipt>, Fault> {
        // First what the next run depends on: printing can wait for a slow reader.
        self.state_out.publish()?;
        self.emit.committed(&receipts, self.attempt.state.as_deref());
        Ok(receipts)
    }
}

fn scan<'a>(scanner: &'a mut Scanner, line: Line<'a>) -> Result<Record<'a>, Fault> {
    scanner.scan(line.bytes).map_err(|error| {
        let at = place(line.number, line.offset + error.offset as u64);
        Fault::data(format!("{at}: {}", error.message))
    })
}
