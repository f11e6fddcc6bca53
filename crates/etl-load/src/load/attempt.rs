//! One attempt at a load: what each event of the stream does.

use etl_component::{Class, Fault, random_id};
use etl_schema::Checker;
use etl_stream::json::{Record, Scanner};
use etl_stream::reader::place;
use etl_stream::{Begin, Digest, Line, SchemaRef, Segment};
use serde_json::value::RawValue;

use super::Load;
use crate::args::Mode;
use crate::sink::{Loaded, Plan, Refused, Sink};
use crate::target::Target;

/// A row of the ledger that this load took.
pub(super) struct Claim {
    pub(super) table: usize,
    pub(super) load_id: String,
    /// Of a segment with a row of its own: its digest and records, once it has ended.
    pub(super) segment: Option<(Digest, u64)>,
}

/// A target of the load.
pub(super) struct Table<D> {
    /// Its name as the flag or the schema has it, which need not be the sink's.
    target: String,
    pub(super) plan: Plan<D>,
    pub(super) checker: Checker,
    /// Its number at the sink, once it was opened there.
    pub(super) opened: Option<usize>,
    /// Records that went in, and those set aside.
    pub(super) records: u64,
    pub(super) rejected: u64,
    /// Whether any segment was new.
    pub(super) fresh: bool,
    /// The load id, or that of the last segment, and whether there were several.
    pub(super) load_id: Option<String>,
    pub(super) several: bool,
}

impl<D> Table<D> {
    fn new(target: String, plan: Plan<D>, checker: Checker) -> Table<D> {
        let (opened, records, rejected, fresh) = (None, 0, 0, false);
        let (load_id, several) = (None, false);
        Table { target, plan, checker, opened, records, rejected, fresh, load_id, several }
    }

    /// Nothing of what was read is new.
    pub(super) fn withdraw(&mut self) {
        (self.fresh, self.records, self.rejected, self.checker.dropped) = (false, 0, 0, 0);
    }
}

/// What an attempt at a load has found out and done so far.
pub(super) struct Attempt<D> {
    pub(super) tables: Vec<Table<D>>,
    opened: usize,
    /// Which schema reference goes to which table.
    routes: Vec<(Option<SchemaRef>, usize)>,
    current: Option<usize>,
    pub(super) claims: Vec<Claim>,
    /// The segment at hand was loaded before: its digest must be this one.
    skipped: Option<Loaded>,
    /// The whole load was committed before, so that nothing is left to do but to compare.
    pub(super) before: Option<Loaded>,
    pub(super) state: Option<Box<RawValue>>,
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

impl<S: Sink> Load<'_, S> {
    /// A segment opens.
    pub(super) fn begin(&mut self, begin: &Begin) -> Result<(), Fault> {
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
    pub(super) fn ready(&mut self, table: usize) -> Result<usize, Fault> {
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
        let target = Target::resolve(self.settings, begin, S::table_of)?;
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

    pub(super) fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
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

    pub(super) fn replaces(&self) -> bool {
        self.settings.mode == Some(Mode::Replace)
    }

    pub(super) fn state(&mut self, value: Box<RawValue>) {
        if self.attempt.skipped.is_none() && self.attempt.before.is_none() {
            self.attempt.state = Some(value);
        }
    }

    pub(super) fn end(&mut self, segment: &Segment) -> Result<(), Fault> {
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
}

fn scan<'a>(scanner: &'a mut Scanner, line: Line<'a>) -> Result<Record<'a>, Fault> {
    scanner.scan(line.bytes).map_err(|error| {
        let at = place(line.number, line.offset + error.offset as u64);
        Fault::data(format!("{at}: {}", error.message))
    })
}
