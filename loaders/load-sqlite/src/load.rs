//! One load: from the first event of the stream to the commit.

use std::io::Read;
use std::time::Instant;

use etl_component::{Fault, random_id};
use etl_load::target::Target;
use etl_load::{Emit, Front, IfLoaded, Mode, Progress, Receipt, Rejects, Settings, StateOut};
use etl_stream::json::Scanner;
use etl_stream::reader::place;
use etl_stream::{Begin, Digest, Event, Line, SchemaRef, Segment};
use serde_json::value::RawValue;

use crate::database::Database;
use crate::ledger::{self, Entry, Loaded};
use crate::table::{Plan, Table};

/// How many records pass between two looks at the progress line.
const PROGRESS_EVERY: u64 = 1024;

/// A row of the ledger that this load took.
struct Claim {
    table: usize,
    load_id: String,
    /// Of a segment with a row of its own: its digest and records, once it has ended.
    segment: Option<(Digest, u64)>,
}

/// A load under way.
pub(crate) struct Load<'c> {
    database: &'c Database,
    settings: &'c Settings,
    emit: Emit,
    state_out: StateOut,
    started: Instant,
    scanner: Scanner,
    tables: Vec<Table<'c>>,
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

impl<'c> Load<'c> {
    /// A load with these settings; nothing is touched yet.
    pub(crate) fn new(
        database: &'c Database,
        settings: &'c Settings,
        emit: Emit,
        state_out: StateOut,
    ) -> Load<'c> {
        Load {
            database,
            settings,
            emit,
            state_out,
            started: Instant::now(),
            scanner: Scanner::new(),
            tables: Vec::new(),
            routes: Vec::new(),
            current: None,
            claims: Vec::new(),
            skipped: None,
            before: None,
            state: None,
        }
    }

    /// Runs it to the commit and returns the summary.
    pub(crate) fn run<R: Read>(
        mut self,
        front: &mut Front<R>,
        rejects: &mut Rejects,
        mut progress: Progress,
    ) -> anyhow::Result<String> {
        if self.settings.schema.is_some() || self.settings.table.is_some() {
            // What the flags say can be checked before anything is extracted; a table without a schema of its own
            // may still get one from the stream.
            self.preview(None)
                .or_else(|fault| if self.settings.schema.is_some() { Err(fault) } else { Ok(()) })?;
        }
        let mut previewed: Vec<Option<SchemaRef>> = Vec::new();
        front.hold_back(|begin| {
            if begin.is_none()
                && self.settings.mode == Some(Mode::Replace)
                && self.settings.replace_needs_seal
            {
                return Err(Fault::usage(
                    "mode replace needs a sealed stream, for a cut one would replace the whole by a part \
                     (`standpipe seal -- COMMAND` seals it, --seal off accepts the risk)",
                ));
            }
            let schema = begin.and_then(|begin| begin.schema.clone());
            if !previewed.contains(&schema) {
                self.preview(begin)?;
                previewed.push(schema);
            }
            Ok(())
        })?;
        self.database.begin()?;
        ledger::create(self.database)?;
        while let Some(event) = front.next()? {
            match event {
                Event::Begin(begin) => self.begin(&begin)?,
                Event::Record(line) => self.record(line, rejects)?,
                Event::State(value) => self.state(value),
                Event::End(segment) => self.end(&segment)?,
            }
            let totals = front.totals();
            if totals.records.is_multiple_of(PROGRESS_EVERY) {
                progress.update(totals.records, totals.bytes);
            }
            if front.is_drained() {
                self.emit.flush()?;
            }
        }
        drop(progress);
        let digest = front.digest();
        match self.before.take() {
            Some(before) => {
                rejects.discard();
                self.compare(&before, digest)
            }
            None => self.commit(digest, rejects),
        }
    }

    /// Finds what cannot work as soon as the target is known, without touching anything.
    fn preview(&self, begin: Option<&Begin>) -> Result<(), Fault> {
        let target = Target::resolve(self.settings, begin, table_name)?;
        Plan::new(self.database, target, self.settings).map(|_| ())
    }

    /// A segment opens.
    fn begin(&mut self, begin: &Begin) -> Result<(), Fault> {
        self.emit.segment(begin.schema.clone())?;
        if self.before.is_none() {
            self.open(Some(begin))?;
        }
        Ok(())
    }

    /// Opens the table of a segment or of the plain stream, and takes its row of the ledger.
    fn open(&mut self, begin: Option<&Begin>) -> Result<(), Fault> {
        let table = self.route(begin)?;
        self.current = Some(table);
        let own = begin.filter(|_| self.settings.load_id.is_none());
        let load_id = match (&self.settings.load_id, own) {
            (Some(id), _) => id.clone(),
            (None, Some(begin)) => begin.id.clone(),
            (None, None) => random_id(),
        };
        // The reader refuses a segment's id that is there twice, so only the load's own can be taken already.
        if own.is_none() && self.claims.iter().any(|claim| claim.table == table) {
            return Ok(());
        }
        match ledger::claim(self.database, &self.tables[table].plan.name, &load_id)? {
            None => {
                self.tables[table].fresh = true;
                self.claims.push(Claim { table, load_id, segment: None });
            }
            Some(loaded) if own.is_some() => self.skipped = Some(loaded),
            Some(loaded) => {
                // Whoever else waits for the database need not wait for the rest of this stream.
                self.database.batch("ROLLBACK")?;
                self.before = Some(loaded);
            }
        }
        Ok(())
    }

    /// The table of a segment, opened when it is first seen.
    fn route(&mut self, begin: Option<&Begin>) -> Result<usize, Fault> {
        let carried = begin.and_then(|begin| begin.schema.clone());
        if let Some((_, table)) = self.routes.iter().find(|(schema, _)| *schema == carried) {
            return Ok(*table);
        }
        let target = Target::resolve(self.settings, begin, table_name)?;
        let same = self.tables.iter().position(|table| table.plan.name.eq_ignore_ascii_case(&target.table));
        let document = target.schema.as_ref().map_or(&serde_json::Value::Null, |schema| &schema.document);
        let table = match same {
            Some(table) if self.tables[table].plan.schema.document == *document => table,
            Some(_) => {
                let name = &target.table;
                return Err(Fault::config(format!("two schemas of the stream go to one table, {name}")));
            }
            None => {
                let plan = Plan::new(self.database, target, self.settings)?;
                if plan.create {
                    ledger::forget(self.database, &plan.name)?;
                }
                let index = self.tables.len();
                self.tables.push(Table::open(self.database, plan, self.settings, index)?);
                index
            }
        };
        self.routes.push((carried, table));
        Ok(table)
    }

    fn record(&mut self, line: Line<'_>, rejects: &mut Rejects) -> Result<(), Fault> {
        if self.current.is_none() && self.before.is_none() {
            self.emit.segment(None)?;
            self.open(None)?;
        }
        let (false, Some(table)) = (self.skips(), self.current) else {
            return self.emit.record(line);
        };
        let table = &mut self.tables[table];
        let record = self.scanner.scan(line.bytes).map_err(|error| {
            Fault::data(format!(
                "{}: {}",
                place(line.number, line.offset + error.offset as u64),
                error.message
            ))
        })?;
        table.records += 1;
        match table.record(&record) {
            Ok(Ok(true)) => self.emit.record(line),
            Ok(Ok(false)) => {
                let at = place(line.number, line.offset);
                Err(Fault::data(format!("{at}: a trigger of table {} keeps the row out", table.plan.name)))
            }
            Ok(Err(error)) => {
                let at = format!("{}: table {}", place(line.number, line.offset), table.plan.name);
                Err(crate::database::fault(&at, error))
            }
            Err(violation) => {
                table.rejected += 1;
                rejects.add(line, &violation)
            }
        }
    }

    /// Whether the records at hand are in the database already. A replacement is of the whole stream, so its rows go
    /// in again beside the new ones.
    fn skips(&self) -> bool {
        self.before.is_some() || self.skipped.is_some() && !self.replaces()
    }

    fn replaces(&self) -> bool {
        self.settings.mode == Some(Mode::Replace)
    }

    fn state(&mut self, value: Box<RawValue>) {
        if self.skipped.is_none() && self.before.is_none() {
            self.state = Some(value);
        }
    }

    fn end(&mut self, segment: &Segment) -> Result<(), Fault> {
        let current = self.current.take();
        if let Some(loaded) = self.skipped.take() {
            if loaded.digest != segment.digest.to_string() {
                return Err(Fault::data(format!(
                    "segment {} was loaded before with other content (digest {}, now {})",
                    segment.id, loaded.digest, segment.digest
                )));
            }
            if !self.replaces() {
                log::info!("segment {} was loaded before; skipped", segment.id);
            }
            // The state of the last segment that has one counts, loaded now or before.
            let state = loaded.state.and_then(|state| RawValue::from_string(state).ok());
            self.state = state.or(self.state.take());
            return Ok(());
        }
        let claim = self
            .claims
            .last_mut()
            .filter(|claim| Some(claim.table) == current && claim.load_id == segment.id);
        if let (Some(claim), None) = (claim, &self.settings.load_id) {
            claim.segment = Some((segment.digest, segment.records));
        }
        Ok(())
    }

    /// The load id was used before: the same bytes are a success, others are refused unless they may be skipped.
    fn compare(mut self, before: &Loaded, digest: Digest) -> anyhow::Result<String> {
        let load_id = self.settings.load_id.clone().unwrap_or_default();
        self.tables.iter_mut().for_each(|table| table.fresh = false);
        if before.digest != digest.to_string() && self.settings.if_loaded == IfLoaded::Refuse {
            return Err(Fault::data(format!(
                "load id {load_id} was committed before with other content (digest {}, now {digest}); \
                 --if-loaded skip accepts that",
                before.digest
            ))
            .into());
        }
        let state = before.state.clone().and_then(|state| RawValue::from_string(state).ok());
        self.state_out.prepare(state.as_deref().map(RawValue::get))?;
        let receipts: Vec<Receipt> = (0..self.tables.len())
            .map(|table| Receipt {
                state: state.clone(),
                ..self.receipt(table, Digest::of(b""), &Default::default())
            })
            .map(|receipt| Receipt { sha256: before.digest.clone(), ..receipt })
            .collect();
        self.finish(receipts, state)
    }

    /// Brings everything in, completes the ledger and commits.
    fn commit(mut self, digest: Digest, rejects: &mut Rejects) -> anyhow::Result<String> {
        let news = self.tables.is_empty() || self.tables.iter().any(|table| table.fresh);
        if !news {
            rejects.discard();
        }
        if self.replaces() {
            self.tables.iter_mut().for_each(|table| table.fresh = news);
            if !news {
                return self.withdraw(digest);
            }
        }
        let mut receipts = Vec::new();
        for index in 0..self.tables.len() {
            let counts = self.tables[index].finish(self.database)?;
            receipts.push(self.receipt(index, digest, &counts));
        }
        debug_assert_eq!(rejects.count(), self.tables.iter().map(|table| table.rejected).sum::<u64>());
        for table in &self.tables {
            ledger::prune(self.database, &table.plan.name, self.settings.ledger_keep)?;
        }
        for claim in &self.claims {
            let table = &self.tables[claim.table];
            let (digest, records) = claim.segment.unwrap_or((digest, table.records));
            ledger::complete(
                self.database,
                &Entry {
                    target: &table.plan.name,
                    load_id: &claim.load_id,
                    digest: &digest.to_string(),
                    records,
                    pipeline: self.settings.pipeline.as_deref(),
                    state: self.state.as_deref().map(RawValue::get),
                },
            )?;
        }
        self.state_out.prepare(self.state.as_deref().map(RawValue::get))?;
        rejects.finish()?;
        self.database.commit()?;
        for table in self.tables.iter().filter(|table| table.plan.create) {
            log::info!("table {} created in {}", table.plan.name, self.database.name);
        }
        let state = self.state.take();
        self.finish(receipts, state)
    }

    /// Every segment of a replacement was loaded before: the tables, which may be newer than it, stay as they are.
    fn withdraw(mut self, digest: Digest) -> anyhow::Result<String> {
        self.database.batch("ROLLBACK")?;
        self.tables.iter_mut().for_each(|table| (table.records, table.rejected) = (0, 0));
        self.state_out.prepare(self.state.as_deref().map(RawValue::get))?;
        let receipts =
            (0..self.tables.len()).map(|table| self.receipt(table, digest, &Default::default())).collect();
        let state = self.state.take();
        self.finish(receipts, state)
    }

    fn receipt(&self, index: usize, digest: Digest, counts: &crate::table::Counts) -> Receipt {
        let table = &self.tables[index];
        let mut ids = self.claims.iter().filter(|claim| claim.table == index).map(|claim| &claim.load_id);
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
            sha256: digest.to_string(),
            seconds: self.started.elapsed().as_secs_f64(),
            already_loaded: !table.fresh,
            pipeline: self.settings.pipeline.clone(),
            state: self.state.clone(),
        }
    }

    /// The data is safe: tells everyone.
    fn finish(self, receipts: Vec<Receipt>, state: Option<Box<RawValue>>) -> anyhow::Result<String> {
        let sentences: Vec<String> = receipts.iter().map(Receipt::sentence).collect();
        // First what the next run depends on: printing can wait for a slow reader.
        self.state_out.publish()?;
        self.emit.committed(&receipts, state.as_deref());
        let what = if sentences.is_empty() { "nothing to load".to_owned() } else { sentences.join("; ") };
        Ok(format!("{}: {what}", self.database.name))
    }
}

/// The table a schema names: SQLite has one namespace, so `etl.weather` is `etl_weather` here.
fn table_name(schema: &str) -> String {
    schema.replace('.', "_")
}
