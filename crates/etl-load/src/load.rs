//! One load after the other: from the first event of the stream to the last commit.

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use etl_component::{Class, Context, Fault, Output, random_id, signals};
use etl_schema::Checker;
use etl_stream::json::Scanner;
use etl_stream::reader::place;
use etl_stream::{Begin, Digest, Event, Line, SchemaRef, Segment};
use serde_json::Value;
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
    /// Its name as the flag or the schema has it.
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
            Ok(plan) => self.planned.push((None, plan)),
            Err(fault) if self.settings.schema.is_some() || fault.class() != Class::Config => {
                return Err(fault);
            }
            Err(_) => (),
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
            match self.attempt(front) {
                Ok(receipts) => return Ok(receipts),
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
        match self.sink.claim(&self.attempt.tables[table].plan, &load_id)? {
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

    /// The table of a segment, planned when it is first seen.
    fn route(&mut self, begin: Option<&Begin>) -> Result<usize, Fault> {
        let carried = self.carried(begin);
        if let Some((_, table)) = self.attempt.routes.iter().find(|(schema, _)| *schema == carried) {
            return Ok(*table);
        }
        let target = Target::resolve(self.settings, begin, S::table_name)?;
        let same = |table: &Table<S::Details>| table.target.eq_ignore_ascii_case(&target.table);
        let table = match self.attempt.tables.iter().position(same) {
            Some(table) => {
                let document = target.schema.as_ref().map_or(&Value::Null, |schema| &schema.document);
                if self.attempt.tables[table].plan.schema.document != *document {
                    let name = &target.table;
                    return Err(Fault::config(format!("two schemas of the stream go to one table, {name}")));
                }
                table
            }
            None => {
                let name = target.table.clone();
                let plan = self.planned(target, &carried)?;
                let checker = Checker::new(plan.schema.clone(), self.settings.unknown_fields);
                let (opened, records, rejected, fresh) = (None, 0, 0, false);
                let tables = &mut self.attempt.tables;
                tables.push(Table { target: name, plan, checker, opened, records, rejected, fresh });
                tables.len() - 1
            }
        };
        self.attempt.routes.push((carried, table));
        Ok(table)
    }

    /// The plan for a target: that from before the transaction, or a new one. A plan is used once, for in another
    /// attempt the database may be another.
    fn planned(&mut self, target: Target, carried: &Option<SchemaRef>) -> Result<Plan<S::Details>, Fault> {
        let planned = self.planned.iter().position(|(schema, _)| S::PLANS_LAST && schema == carried);
        if let Some(at) = planned {
            return Ok(self.planned.swap_remove(at).1);
        }
        let mut plan = self.sink.plan(target, self.settings)?;
        self.sink.prepare(&mut plan)?;
        Ok(plan)
    }

    fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if self.attempt.current.is_none() && self.attempt.before.is_none() {
            self.emit.segment(None)?;
            self.open(None)?;
        }
        let first_time = line.number > self.furthest;
        self.furthest = self.furthest.max(line.number);
        let (false, Some(table)) = (self.skips(), self.attempt.current) else {
            return if first_time { self.emit.record(line, true) } else { Ok(()) };
        };
        let number = match self.attempt.tables[table].opened {
            Some(number) => number,
            None => self.ready(table)?,
        };
        let Table { plan, checker, records, rejected, .. } = &mut self.attempt.tables[table];
        let record = self.scanner.scan(line.bytes).map_err(|error| {
            Fault::data(format!(
                "{}: {}",
                place(line.number, line.offset + error.offset as u64),
                error.message
            ))
        })?;
        *records += 1;
        let stored = match checker.check(&record) {
            Ok(row) => self.sink.record(number, plan, &row, line),
            Err(violation) => Err(Refused::Record(violation)),
        };
        match stored {
            Ok(()) if first_time => self.emit.record(line, false),
            Ok(()) => Ok(()),
            Err(Refused::Load(fault)) => Err(fault),
            Err(Refused::Record(violation)) => {
                *rejected += 1;
                if first_time { self.rejects.add(line, &violation) } else { Ok(()) }
            }
        }
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
        self.attempt.tables.iter_mut().for_each(|table| {
            (table.fresh, table.records, table.rejected) = (false, 0, 0);
        });
        self.attempt.state = state;
        self.state_out.prepare(self.attempt.state.as_deref().map(RawValue::get))?;
        let receipts = self.receipts(&before.digest, &[]);
        self.finish(receipts)
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
        let receipts = self.receipts(&digest, &counts);
        self.finish(receipts)
    }

    /// Every segment of a replacement was loaded before: the tables, which may be newer than it, stay as they are.
    fn withdraw(&mut self, digest: &str) -> Result<Vec<Receipt>, Fault> {
        self.sink.rollback()?;
        self.attempt.tables.iter_mut().for_each(|table| (table.records, table.rejected) = (0, 0));
        self.state_out.prepare(self.attempt.state.as_deref().map(RawValue::get))?;
        let receipts = self.receipts(digest, &[]);
        self.finish(receipts)
    }

    /// A receipt for each table; those without counts did nothing.
    fn receipts(&self, digest: &str, counts: &[Counts]) -> Vec<Receipt> {
        let receipt = |index: usize| {
            let Attempt { tables, claims, state, .. } = &self.attempt;
            let (table, counts) = (&tables[index], counts.get(index).copied().unwrap_or_default());
            let mut ids = claims.iter().filter(|claim| claim.table == index).map(|claim| &claim.load_id);
            let only = ids.next().filter(|_| ids.next().is_none());
            Receipt {
                target: table.plan.name.clone(),
                load_id: self.settings.load_id.clone().or_else(|| only.cloned()),
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
