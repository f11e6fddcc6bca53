//! One attempt at a load: what each message of the stream does.

use std::io::Read;
use std::time::Instant;

use etl_component::{Fault, random_id};
use etl_stream::json::Scanner;
use etl_stream::{Begin, Decoder, Envelope, Format, Line, Message, Segment, StreamId, Values};
use serde_json::value::RawValue;

use super::ended::{Claim, Ended};
use super::outputs::Outputs;
use super::plans::Plans;
use super::said::Said;
use super::states::States;
use super::table::{Route, Table};
use crate::args::Settings;
use crate::emit::Receipt;
use crate::flatten::Unfit;
use crate::front::Front;
use crate::sink::{Loaded, Refusal, Refused, Sink};

/// What a load that is committed comes to.
pub(super) struct Done {
    pub(super) receipts: Vec<Receipt>,
    pub(super) state: Option<Box<RawValue>>,
    /// The lines for a connector's runner.
    pub(super) said: Vec<String>,
}

/// What an attempt works with, has found out and has done so far.
pub(super) struct Attempt<'l, 's, S: Sink> {
    pub(super) settings: &'s Settings,
    pub(super) sink: &'l mut S,
    pub(super) plans: &'l mut Plans<'s, S>,
    pub(super) outputs: &'l mut Outputs,
    scanner: &'l mut Scanner,
    pub(super) started: Instant,
    pub(super) format: Format,
    pub(super) decoder: Decoder,
    pub(super) said: Said,
    /// By the numbers of the streams, and those that are open.
    pub(super) routes: Vec<Option<Route>>,
    pub(super) open: Vec<usize>,
    pub(super) tables: Vec<Table<S::Details>>,
    /// The tables that are open at the sink, by their numbers there.
    pub(super) numbers: Vec<usize>,
    /// The id of the segment at hand.
    segment: Option<String>,
    /// The rows of the ledger that are claimed and cannot be completed yet.
    pub(super) claims: Vec<Claim>,
    /// Those of segments that have ended.
    pub(super) ended: Ended,
    /// The segment at hand was loaded before: its digest must be this one.
    skipped: Option<Loaded>,
    /// The whole load was committed before, so that nothing is left to do but to compare.
    pub(super) before: Option<Loaded>,
    pub(super) states: States,
}

impl<'l, 's, S: Sink> Attempt<'l, 's, S> {
    /// An attempt that has done nothing yet.
    pub(super) fn new(
        settings: &'s Settings,
        format: Format,
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
            format,
            decoder: Decoder::new(format, settings.connectors.catalog.as_deref().unwrap_or_default()),
            said: Said::default(),
            routes: Vec::new(),
            open: Vec::new(),
            tables: Vec::new(),
            numbers: Vec::new(),
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
    ) -> Result<Done, Fault> {
        self.outputs.start_attempt()?;
        self.plans.prepare(self.sink)?;
        self.sink.begin()?;
        while let Some(event) = front.next()? {
            match self.decoder.decode(event)? {
                Message::Record(stream, line, envelope) => self.record(stream, line, envelope)?,
                message => self.message(message)?,
            }
            if self.outputs.emit.passes_on() && front.is_drained() {
                self.outputs.emit.flush()?;
            }
        }
        let digest = front.digest();
        read(front);
        self.open_waiting()?;
        self.check_complete(front.totals().sealed, front.cut_class())?;
        let receipts = match self.before.take() {
            Some(before) => self.compare(&before, digest)?,
            None => self.commit(digest, front.totals())?,
        };
        Ok(Done { receipts, state: self.states.value(), said: self.states.said().to_vec() })
    }

    fn message(&mut self, message: Message<'_>) -> Result<(), Fault> {
        match message {
            Message::Record(stream, line, envelope) => self.record(stream, line, envelope)?,
            Message::Begin(begin, stream) => self.begin(&begin, stream)?,
            Message::Batch(stream, batch, line) => self.batch(stream, &batch, line)?,
            Message::Schema(stream, line) => self.schema(stream, line)?,
            Message::State(stream, value) => self.cursor(stream, value)?,
            Message::EmptyState => self.empty_state(),
            Message::Version(stream, version) => self.version(stream, version)?,
            Message::Status(stream, status) => self.status(stream, status)?,
            Message::Estimate(stream, records) => self.outputs.estimates.put(stream, records),
            Message::Log(level, text) => etl_component::format::log(level, &text),
            Message::Ignored(warning) => warning.iter().for_each(|warning| log::warn!("{warning}")),
            Message::End(segment) => self.end(&segment)?,
        }
        Ok(())
    }

    /// A segment opens.
    fn begin(&mut self, begin: &Begin, stream: Option<StreamId>) -> Result<(), Fault> {
        self.outputs.emit.segment(begin.schema.as_ref(), begin.values)?;
        self.segment = Some(begin.id.clone());
        match stream {
            Some(stream) if self.before.is_none() => self.open(stream).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// A stream opens, in the segment at hand or in the plain input: finds its table and claims its row of the ledger.
    pub(super) fn open(&mut self, stream: StreamId) -> Result<usize, Fault> {
        let is_known = matches!(self.routes.get(stream.index()), Some(Some(_)));
        let table = self.route(stream)?;
        if !is_known {
            self.sink.expect(&self.tables[table].plan, &self.plans.segments(stream))?;
        }
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
        let Table { plan, load_id: known, several, records: read, .. } = &mut self.tables[table];
        *several |= known.replace(load_id.clone()).is_some();
        let before = *read;
        let claimed = self.sink.claim(plan, &load_id)?;
        if let Some(Loaded { loaded_at, .. }) = &claimed {
            let table = &mut self.tables[table];
            table.loaded_at = table.loaded_at.take().max(Some(loaded_at.clone()));
        }
        match claimed {
            None => {
                self.tables[table].fresh = true;
                self.tables[table].claimed(None);
                self.claims.push(Claim { table, load_id, before });
                self.ready(table)?;
            }
            Some(loaded) if is_own => {
                if self.tables[table].replaces() {
                    self.tables[table].claimed(Some(loaded.order));
                    self.claims.push(Claim { table, load_id, before });
                }
                self.tables[table].skipped = true;
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
        let number = self.numbers.len();
        self.tables[table].number = Some(number);
        self.numbers.push(table);
        Ok(number)
    }

    pub(super) fn record(
        &mut self,
        stream: StreamId,
        line: Line<'_>,
        envelope: Envelope<'_>,
    ) -> Result<(), Fault> {
        let table = match self.routes.get(stream.index()) {
            Some(Some(Route { table, open: true })) => *table,
            _ if self.before.is_some() => return self.loaded_before(line),
            _ if self.format == Format::Ndjson => {
                // The first record of a plain input.
                self.outputs.emit.segment(None, Values::Json)?;
                self.open(stream)?
            }
            _ => {
                let versions = self.decoder.about(envelope).has_version();
                self.open_first(stream, versions)?
            }
        };
        if self.skips(table) {
            return self.loaded_before(line);
        }
        let number = self.ready(table)?;
        let Table { checker, records, rejected, plan, metadata, flatten, activated, .. } =
            &mut self.tables[table];
        if flatten.is_empty() && metadata.is_empty() && self.sink.take(number, checker, line)? {
            *records += 1;
            return self.outputs.taken(number, line, checker.values());
        }
        let flat = match flatten.is_empty() {
            true => Ok(line.bytes),
            false => flatten.flatten(line, self.format == Format::Singer),
        };
        let scanned = match flat {
            Ok(bytes) => etl_component::scan(Line { bytes, ..line }, self.scanner),
            Err(Unfit::Refused(violation)) => {
                (*records, *rejected) = (*records + 1, *rejected + 1);
                return self.outputs.refused(line, &violation.into(), &plan.schema, checker.values());
            }
            // What is wrong with it is said in one way.
            Err(Unfit::Broken) => etl_component::scan(line, self.scanner),
        };
        let record = match scanned {
            Ok(record) => record,
            Err(fault) => return self.unscanned(table, line, envelope, fault),
        };
        *records += 1;
        let filled = match metadata.is_empty() {
            true => Ok(None),
            false => metadata.fill(checker, self.decoder.about(envelope)),
        };
        let stored = filled.and_then(|version| {
            // A version that is sent after another one was activated is still to be activated itself.
            if let (Some(stay), Some(version)) = (activated, version) {
                stay.insert(version);
            }
            checker.check(&record)
        });
        let stored = match stored {
            Ok(row) => self.sink.record(number, &row, line),
            Err(violation) => Err(Refused::Record(violation)),
        };
        match stored {
            Ok(()) => self.outputs.taken(number, line, checker.values()),
            Err(Refused::Record(violation)) => {
                *rejected += 1;
                self.outputs.refused(line, &violation.into(), &plan.schema, checker.values())
            }
            Err(Refused::Row(refusal)) => {
                *rejected += 1;
                self.outputs.refused(line, &refusal, &plan.schema, checker.values())
            }
            // This attempt has done nothing with the record; the next one may.
            Err(Refused::Load(fault)) => Err(fault),
        }
    }

    /// A record is not one, unless its message is not what it looked like. Its line is set aside like a record that does
    /// not fit, if it may be.
    #[cold]
    fn unscanned(
        &mut self,
        table: usize,
        line: Line<'_>,
        envelope: Envelope<'_>,
        fault: Fault,
    ) -> Result<(), Fault> {
        if let Some(message) = self.decoder.again(line, envelope)? {
            return self.message(message);
        }
        let wrong = self.outputs.rejects.takes_line(line).filter(|_| self.format == Format::Ndjson);
        let Some(reason) = wrong else { return Err(fault) };
        let Table { checker, records, rejected, plan, .. } = &mut self.tables[table];
        (*records, *rejected) = (*records + 1, *rejected + 1);
        let refusal = Refusal { reason, ..Refusal::default() };
        self.outputs.refused(line, &refusal, &plan.schema, checker.values())
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
    pub(super) fn skips(&self, table: usize) -> bool {
        self.before.is_some() || self.tables[table].skipped && !self.tables[table].replaces()
    }

    pub(super) fn state(&mut self, stream: Option<StreamId>, value: Box<RawValue>) {
        if self.skipped.is_none() && self.before.is_none() {
            self.states.put(stream, value);
        }
    }

    fn end(&mut self, segment: &Segment) -> Result<(), Fault> {
        self.open_waiting()?;
        let mut replaces = false;
        for stream in self.open.drain(..) {
            if let Some(route) = &mut self.routes[stream] {
                route.open = false;
                self.tables[route.table].skipped = false;
                replaces |= self.tables[route.table].replaces();
            }
        }
        self.segment = None;
        if self.settings.load_id.is_none() {
            for claim in self.claims.drain(..) {
                // A message need not be a record.
                let records = match self.format {
                    Format::Ndjson => segment.records,
                    _ => self.tables[claim.table].records - claim.before,
                };
                self.ended.push(claim, segment, records)?;
            }
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
