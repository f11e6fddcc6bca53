//! One attempt at a load: what each message of the stream does.

use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

use etl_component::{Fault, random_id};
use etl_schema::{Checker, Dropped};
use etl_stream::json::Scanner;
use etl_stream::{Begin, Decoder, Line, Message, Segment, StreamId, Values};
use serde_json::value::RawValue;

use super::ended::{Claim, Ended};
use super::outputs::Outputs;
use super::plans::Plans;
use super::states::States;
use crate::args::{Mode, Settings};
use crate::emit::Receipt;
use crate::front::Front;
use crate::sink::{Loaded, Plan, PlanError, Refused, Sink};

/// A target of the load.
pub(super) struct Table<D> {
    /// Its name as the flag or the schema has it, which need not be the sink's.
    target: String,
    pub(super) plan: Arc<Plan<D>>,
    pub(super) checker: Checker,
    /// Its number at the sink, once it has been opened there.
    pub(super) number: Option<usize>,
    /// How many records there were, and how many of them were set aside.
    pub(super) records: u64,
    pub(super) rejected: u64,
    /// Whether any segment was new.
    pub(super) fresh: bool,
    /// The load id, or that of the last segment, and whether there were several.
    pub(super) load_id: Option<String>,
    pub(super) several: bool,
    /// How many rows of the ledger were claimed, and the place in the order of loads that all of them had before, if
    /// they had.
    pub(super) claims: u64,
    pub(super) before: Option<i64>,
}

impl<D> Table<D> {
    fn new(target: String, plan: Plan<D>, checker: Checker) -> Table<D> {
        let (plan, number, records, rejected, fresh) = (Arc::new(plan), None, 0, 0, false);
        let (load_id, several, claims, before) = (None, false, 0, None);
        Table { target, plan, checker, number, records, rejected, fresh, load_id, several, claims, before }
    }

    /// A row of the ledger was claimed, which had this place in the order of loads, or none.
    fn claimed(&mut self, before: Option<i64>) {
        self.before = before.filter(|_| self.claims == 0 || self.before == before);
        self.claims += 1;
    }

    /// Whether all its rows are replaced: then what was loaded before goes in again, together with what is new.
    pub(super) fn replaces(&self) -> bool {
        self.plan.mode == Mode::Replace
    }

    /// Nothing that was read is new.
    pub(super) fn withdraw(&mut self) {
        (self.fresh, self.records, self.rejected) = (false, 0, 0);
        self.checker.dropped = Dropped::default();
    }
}

/// Where the records of a stream go.
#[derive(Clone, Copy)]
struct Route {
    table: usize,
    /// Whether it is open in the segment at hand.
    open: bool,
}

/// What an attempt works with, has found out and has done so far.
pub(super) struct Attempt<'l, 's, S: Sink> {
    pub(super) settings: &'s Settings,
    pub(super) sink: &'l mut S,
    plans: &'l mut Plans<'s, S>,
    pub(super) outputs: &'l mut Outputs,
    scanner: &'l mut Scanner,
    pub(super) started: Instant,
    decoder: Decoder,
    /// By the numbers of the streams, and those that are open.
    routes: Vec<Option<Route>>,
    open: Vec<usize>,
    pub(super) tables: Vec<Table<S::Details>>,
    opened: usize,
    /// The id of the segment at hand.
    segment: Option<String>,
    /// The rows of the ledger that are claimed and cannot be completed yet.
    pub(super) claims: Vec<Claim>,
    /// Those of segments that have ended.
    pub(super) ended: Ended,
    /// The segment at hand was loaded before: its digest must be this one.
    skipped: Option<Loaded>,
    /// The whole load was committed before, so that nothing is left to do but to compare.
    before: Option<Loaded>,
    pub(super) states: States,
}

impl<'l, 's, S: Sink> Attempt<'l, 's, S> {
    /// An attempt that has done nothing yet.
    pub(super) fn new(
        settings: &'s Settings,
        sink: &'l mut S,
        plans: &'l mut Plans<'s, S>,
        outputs: &'l mut Outputs,
        scanner: &'l mut Scanner,
        started: Instant,
    ) -> Attempt<'l, 's, S> {
        Attempt {
            settings,
            sink,
            plans,
            outputs,
            scanner,
            started,
            decoder: Decoder::default(),
            routes: Vec::new(),
            open: Vec::new(),
            tables: Vec::new(),
            opened: 0,
            segment: None,
            claims: Vec::new(),
            ended: Ended::default(),
            skipped: None,
            before: None,
            states: States::default(),
        }
    }

    /// Reads the load to its end and commits it. `read` is called once it has been read. Returns the receipts, and the
    /// state.
    ///
    /// # Errors
    /// Those of the stream, of the sink and of the outputs.
    pub(super) fn run<R: Read>(
        mut self,
        front: &mut Front<R>,
        read: impl FnOnce(&Front<R>),
    ) -> Result<(Vec<Receipt>, Option<Box<RawValue>>), Fault> {
        self.outputs.emit.start()?;
        self.plans.prepare(self.sink)?;
        self.sink.begin()?;
        while let Some(event) = front.next()? {
            match self.decoder.decode(event) {
                Message::Record(stream, line) => self.record(stream, line)?,
                Message::Begin(begin, stream) => self.begin(&begin, stream)?,
                Message::State(stream, value) => self.state(stream, value),
                Message::End(segment) => self.end(&segment)?,
            }
            if self.outputs.emit.passes_on() && front.is_drained() {
                self.outputs.emit.flush()?;
            }
        }
        let digest = front.digest();
        read(front);
        let receipts = match self.before.take() {
            Some(before) => self.compare(&before, digest)?,
            None => self.commit(digest, front.totals().records)?,
        };
        Ok((receipts, self.states.value()))
    }

    /// A segment opens.
    fn begin(&mut self, begin: &Begin, stream: StreamId) -> Result<(), Fault> {
        self.outputs.emit.segment(begin.schema.as_ref(), begin.values)?;
        self.segment = Some(begin.id.clone());
        if self.before.is_none() {
            self.open(stream)?;
        }
        Ok(())
    }

    /// A stream opens, in the segment at hand or in the plain input: finds its table and claims its row of the ledger.
    fn open(&mut self, stream: StreamId) -> Result<usize, Fault> {
        let table = self.route(stream)?;
        let own = self.segment.as_ref().filter(|_| self.settings.load_id.is_none());
        // The reader refuses a segment id that comes twice, so the table's row can already be claimed only under the
        // load's own id, or for another stream of the same segment.
        let mut latest =
            self.claims.iter().rev().take_while(|claim| own.is_none_or(|id| claim.load_id == *id));
        if latest.any(|claim| claim.table == table) {
            return Ok(table);
        }
        let (is_own, load_id) = match (&self.settings.load_id, own) {
            (Some(id), _) => (false, id.clone()),
            (None, Some(id)) => (true, id.clone()),
            (None, None) => (false, random_id()?),
        };
        let Table { plan, load_id: known, several, .. } = &mut self.tables[table];
        *several |= known.replace(load_id.clone()).is_some();
        match self.sink.claim(plan, &load_id)? {
            None => {
                self.tables[table].fresh = true;
                self.tables[table].claimed(None);
                self.claims.push(Claim { table, load_id });
                self.ready(table)?;
            }
            Some(loaded) if is_own => {
                if self.tables[table].replaces() {
                    self.tables[table].claimed(Some(loaded.order));
                    self.claims.push(Claim { table, load_id });
                }
                self.skipped = Some(loaded);
            }
            Some(loaded) => {
                self.warn_of_later(table, &load_id, &loaded)?;
                // Whoever else waits for the database need not wait for the rest of this stream.
                self.sink.rollback()?;
                self.before = Some(loaded);
            }
        }
        Ok(table)
    }

    /// The number of a table at the sink, which opens it when the number is first needed.
    #[inline]
    pub(super) fn ready(&mut self, table: usize) -> Result<usize, Fault> {
        match self.tables[table].number {
            Some(number) => Ok(number),
            None => self.open_table(table),
        }
    }

    #[cold]
    fn open_table(&mut self, table: usize) -> Result<usize, Fault> {
        self.sink.open(&self.tables[table].plan)?;
        self.tables[table].number = Some(self.opened);
        self.opened += 1;
        Ok(self.opened - 1)
    }

    /// The table of a stream, which is planned when it is first seen. Only the sink knows which names are the same
    /// table.
    fn route(&mut self, stream: StreamId) -> Result<usize, Fault> {
        if let Some(Some(route)) = self.routes.get_mut(stream.index()) {
            if !std::mem::replace(&mut route.open, true) {
                self.open.push(stream.index());
            }
            return Ok(route.table);
        }
        let declared = self.decoder.declared(stream);
        let (name, plan, is_ready) = match self.plans.take(&declared) {
            Some((name, plan)) => (name, Ok(plan), true),
            None => {
                let target = self.plans.target(&declared)?;
                (target.table.clone(), self.sink.plan(target), false)
            }
        };
        let known = match &plan {
            Ok(plan) => self.tables.iter().position(|table| table.plan.name == plan.name),
            // What another schema has just made of the table does not fit this one.
            Err(PlanError::Unfit(_)) => self.tables.iter().position(|table| table.target == name),
            Err(PlanError::Failed(_)) => None,
        };
        let table = match (known, plan) {
            (Some(table), _) if self.tables[table].checker.values() != declared.values => {
                let name = &self.tables[table].plan.name;
                return Err(Fault::config(format!(
                    "segments whose values are texts go to one table, {name}, together with others; load them apart"
                )));
            }
            (Some(table), Ok(plan)) if self.tables[table].plan.schema.agrees(&plan.schema) => table,
            (Some(table), _) => {
                let name = &self.tables[table].plan.name;
                return Err(Fault::config(format!("two schemas of the stream go to one table, {name}")));
            }
            (None, plan) => {
                let mut plan = plan?;
                if !is_ready {
                    self.sink.prepare(&mut plan)?;
                }
                let checker = Checker::new(plan.schema.clone(), self.settings.unknown_fields)
                    .of(declared.values)
                    .with_odd_numbers(S::ODD_NUMBERS);
                self.tables.push(Table::new(name, plan, checker));
                self.tables.len() - 1
            }
        };
        if self.routes.len() <= stream.index() {
            self.routes.resize(stream.index() + 1, None);
        }
        self.routes[stream.index()] = Some(Route { table, open: true });
        self.open.push(stream.index());
        Ok(table)
    }

    fn record(&mut self, stream: StreamId, line: Line<'_>) -> Result<(), Fault> {
        let table = match self.routes.get(stream.index()) {
            Some(Some(Route { table, open: true })) => *table,
            _ if self.before.is_some() => return self.loaded_before(line),
            // The first record of a plain input.
            _ => {
                self.outputs.emit.segment(None, Values::Json)?;
                self.open(stream)?
            }
        };
        if self.skips(table) {
            return self.loaded_before(line);
        }
        let number = self.ready(table)?;
        let Table { checker, records, rejected, plan, .. } = &mut self.tables[table];
        let record = etl_component::scan(line, self.scanner)?;
        *records += 1;
        let stored = match checker.check(&record) {
            Ok(row) => self.sink.record(number, &row, line),
            Err(violation) => Err(Refused::Record(violation)),
        };
        match stored {
            Ok(()) => self.outputs.taken(line),
            Err(Refused::Record(violation)) => {
                *rejected += 1;
                self.outputs.refused(line, &violation, &plan.schema, checker.values())
            }
            // This attempt has done nothing with the record; the next one may.
            Err(Refused::Load(fault)) => Err(fault),
        }
    }

    /// A record that was loaded before is passed on, unless it was set aside then.
    fn loaded_before(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if !self.outputs.wants(line) {
            return Ok(());
        }
        // What is passed on has one schema, and so one table.
        let fits = match self.tables.first_mut() {
            Some(Table { checker, .. }) => {
                let record = etl_component::scan(line, self.scanner)?;
                let counts = (checker.dropped.fields, checker.dropped.records);
                let fits = checker.check(&record).is_ok();
                (checker.dropped.fields, checker.dropped.records) = counts;
                fits
            }
            None => true,
        };
        self.outputs.passed(line, fits)
    }

    /// Whether the records at hand are in the database already.
    #[inline]
    fn skips(&self, table: usize) -> bool {
        self.before.is_some() || self.skipped.is_some() && !self.tables[table].replaces()
    }

    fn state(&mut self, stream: Option<StreamId>, value: Box<RawValue>) {
        if self.skipped.is_none() && self.before.is_none() {
            self.states.put(stream, value);
        }
    }

    fn end(&mut self, segment: &Segment) -> Result<(), Fault> {
        let mut replaces = false;
        for stream in self.open.drain(..) {
            if let Some(route) = &mut self.routes[stream] {
                route.open = false;
                replaces |= self.tables[route.table].replaces();
            }
        }
        self.segment = None;
        if self.settings.load_id.is_none() {
            self.claims.drain(..).try_for_each(|claim| self.ended.push(claim, segment))?;
        }
        if let Some(loaded) = self.skipped.take() {
            if loaded.digest != segment.digest.to_string() {
                return Err(Fault::data(format!(
                    "segment {} was loaded before with other content (digest {}, now {})",
                    segment.id, loaded.digest, segment.digest
                )));
            }
            // The state of the last segment that has one counts, whether loaded now or before.
            if let Some(state) = loaded.state.and_then(|state| RawValue::from_string(state).ok()) {
                self.states.put(None, state);
            }
            if !replaces {
                log::info!("segment {} was loaded before; skipped", segment.id);
            }
        }
        Ok(())
    }
}
