//! The end of a load: what it comes to, the commit, and the receipts.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use etl_component::{Fault, signals};
use etl_stream::reader::Totals;
use etl_stream::{Digest, Format, counted};
use serde_json::value::RawValue;

use super::attempt::Attempt;
use super::ended::{Claim, Row};
use super::table::Table;
use crate::args::{IfLoaded, Mode};
use crate::emit::Receipt;
use crate::evolve::Changes;
use crate::sink::{Counts, Entry, Loaded, Refuse, Sink};

/// How many rows of the ledger a sink completes at a time.
const ROWS: usize = 256;

impl<S: Sink> Attempt<'_, '_, S> {
    /// The load id was used before: the same bytes are a success, others are refused unless they may be skipped.
    pub(super) fn compare(&mut self, before: &Loaded, digest: Digest) -> Result<Vec<Receipt>, Fault> {
        self.outputs.rejects.discard();
        let load_id = self.settings.load_id.clone().unwrap_or_default();
        let same = before.digest == digest.to_string();
        if !same && self.settings.if_loaded == IfLoaded::Refuse {
            return Err(Fault::data(format!(
                "load id {load_id} was committed before with other content (digest {}, now {digest}); \
                 another --load-id loads this one too, --if-loaded skip leaves it out",
                before.digest
            )));
        }
        let stored = before.state.clone().and_then(|state| RawValue::from_string(state).ok());
        self.states.replay(stored, self.format, same);
        self.withdraw(&before.digest)
    }

    /// Finishes the tables, completes the ledger and commits. `read` is what was read of the input.
    pub(super) fn commit(&mut self, digest: Digest, read: &Totals) -> Result<Vec<Receipt>, Fault> {
        let digest = digest.to_string();
        let news = self.tables.is_empty() || self.tables.iter().any(|table| table.fresh);
        if !news {
            self.outputs.rejects.discard();
        }
        if self.tables.iter().any(Table::replaces) && !self.replace()? {
            // The newest load of every table comes again: what changed them since, if anything, is meant to stay.
            self.sink.rollback()?;
            return self.withdraw(&digest);
        }
        let records = match self.format {
            Format::Ndjson => read.records,
            _ => self.tables.iter().map(|table| table.records).sum(),
        };
        self.check_records(records)?;
        self.outputs.rejects.judge(records)?;
        let mut counts = self.merge()?;
        if self.set_aside()? {
            self.check_records(records)?;
            self.outputs.rejects.judge(records)?;
            let replaced = (0..self.tables.len()).filter(|&table| self.tables[table].replaces());
            replaced.into_iter().try_for_each(|table| self.check_empty(table))?;
        }
        self.check_shrinkage(&counts)?;
        self.sweep(read.sealed, &mut counts)?;
        let state = self.states.value();
        self.complete(&digest, state.as_deref(), &counts)?;
        self.outputs.prepare(state.as_deref())?;
        signals::critical(|| self.sink.commit())?;
        for Table { plan, checker, .. } in
            self.tables.iter().filter(|table| table.checker.dropped.records > 0)
        {
            let records = counted(checker.dropped.records, "record", "records");
            // The flag asks for it, or the schema; a tap has only contradicted itself.
            let level = if plan.schema.is_foreign() { log::Level::Warn } else { log::Level::Info };
            log::log!(
                level,
                "{}: dropped from {records} what the schema does not know: {}",
                plan.name,
                checker.dropped
            );
        }
        for Table { plan, checker, .. } in self.tables.iter().filter(|table| table.checker.assumed_utc() > 0)
        {
            let times =
                counted(checker.assumed_utc(), "time without a zone was", "times without a zone were");
            log::warn!("{}: {times} taken for UTC", plan.name);
        }
        for (Table { plan, .. }, Counts { too_old, .. }) in self
            .tables
            .iter()
            .zip(&counts)
            .filter(|(table, counts)| table.mode == Mode::History && counts.too_old > 0)
        {
            let records = counted(
                *too_old,
                "record was left out: it is older than the version of its key",
                "records were left out: they are older than the versions of their keys",
            );
            log::warn!("{}: {records} that the table has", plan.name);
        }
        for (Table { plan, .. }, Counts { nulled, .. }) in
            self.tables.iter().zip(&counts).filter(|(_, counts)| counts.nulled > 0)
        {
            let rows = counted(*nulled, "row that existed has", "rows that existed have");
            log::warn!(
                "{}: {rows} NULL now where the record does not have the field (--absent keep, or x-keep in the schema, \
                 leaves such values as they are)",
                plan.name
            );
        }
        Ok(self.receipts(&digest, &counts))
    }

    /// Lets the sink put the records of all tables in place.
    fn merge(&mut self) -> Result<Vec<Counts>, Fault> {
        let mut counts = Vec::new();
        for index in 0..self.tables.len() {
            let (number, before) = (self.tables[index].number, self.tables[index].counts);
            counts.push(match number {
                Some(number) => before.and(self.finish(number)?),
                None => before,
            });
        }
        Ok(counts)
    }

    /// Lets the sink put the records of the table of this number in place, and takes note of those that are new and of
    /// those that the database refuses.
    pub(super) fn finish(&mut self, number: usize) -> Result<Counts, Fault> {
        let records = self.tables.iter().map(|table| table.records).sum();
        let room = self.outputs.rejects.room(records);
        let (wants_news, refuses) = (self.outputs.emit.wants_news(), self.outputs.emit.waits());
        let taken = RefCell::new(&mut self.outputs.emit.taken);
        let mut new = |position| taken.borrow_mut().want(number, position);
        let mut refuse = |position, refusal| {
            let mut taken = taken.borrow_mut();
            taken.refuse(number, position, refusal);
            taken.refused() <= room
        };
        let new = wants_news.then_some(&mut new as &mut dyn FnMut(u64));
        let refuse = refuses.then_some(&mut refuse as &mut Refuse<'_>);
        let counts = self.sink.finish(number, new, refuse)?;
        if self.outputs.emit.taken.refused() > room {
            self.set_aside()?;
            self.outputs.rejects.judge(records)?;
        }
        Ok(counts)
    }

    /// Sets the records aside that the database has refused, and says whether there are any.
    fn set_aside(&mut self) -> Result<bool, Fault> {
        let Attempt { outputs, tables, numbers, .. } = self;
        let before = outputs.rejects.count();
        outputs.set_aside(|number| {
            let table = &mut tables[numbers[number]];
            table.rejected += 1;
            Arc::clone(&table.plan.schema)
        })?;
        Ok(outputs.rejects.count() > before)
    }

    /// Completes the rows of the ledger that this load has claimed, and forgets old ones.
    fn complete(&mut self, digest: &str, state: Option<&RawValue>, counts: &[Counts]) -> Result<(), Fault> {
        let Attempt { sink, tables, claims, ended, settings, started, .. } = self;
        let (pipeline, state) = (settings.pipeline.as_deref(), state.map(RawValue::get));
        let seconds = started.elapsed().as_secs_f64();
        let mut complete = |rows: &[Row]| {
            let entries = rows.iter().map(|Row { table, load_id, digest, records }| {
                let Table { mode, plan, rejected, .. } = &tables[*table];
                Entry {
                    target: &plan.name,
                    mode: *mode,
                    load_id,
                    digest,
                    records: *records,
                    inserted: counts[*table].inserted,
                    rejected: *rejected,
                    seconds,
                    pipeline,
                    state,
                }
            });
            sink.complete(&entries.collect::<Vec<_>>())
        };
        let of_the_load = |Claim { table, load_id, .. }: Claim| {
            let records = tables[table].records;
            Row { table, load_id, digest: digest.to_owned(), records }
        };
        let mut rows: Vec<Row> = claims.drain(..).map(of_the_load).collect();
        ended.drain(|row| {
            rows.push(row);
            if rows.len() >= ROWS {
                complete(&rows)?;
                rows.clear();
            }
            Ok(())
        })?;
        complete(&rows)?;
        self.sink.prune()
    }

    /// Nothing is new: the receipts say so, and the state is that of the earlier load.
    fn withdraw(&mut self, digest: &str) -> Result<Vec<Receipt>, Fault> {
        self.tables.iter_mut().for_each(Table::withdraw);
        self.outputs.prepare_state(self.states.value().as_deref())?;
        Ok(self.receipts(digest, &[]))
    }

    /// A receipt for each table; those without counts did nothing.
    fn receipts(&self, digest: &str, counts: &[Counts]) -> Vec<Receipt> {
        let (state, now) = (self.states.value(), etl_component::instant(jiff::Timestamp::now()));
        let some = |count| Some(count).filter(|count| *count > 0);
        let receipt = |(index, table): (usize, &Table<S::Details>)| {
            let counts = counts.get(index).copied().unwrap_or_default();
            Receipt {
                target: table.plan.name.clone(),
                load_id: table.load_id.clone().filter(|_| !table.several),
                mode: table.mode,
                records: table.records,
                inserted: counts.inserted,
                updated: counts.updated,
                unchanged: counts.unchanged,
                superseded: counts.superseded,
                deleted: some(counts.deleted),
                closed: some(counts.closed),
                nulled: some(counts.nulled),
                rejected: table.rejected,
                too_old: some(counts.too_old),
                rows_before: counts.replaced,
                rows_after: counts.replaced.map(|_| counts.inserted),
                dropped_fields: table.checker.dropped.fields,
                unknown_fields: table.checker.dropped.shown().map(Cow::into_owned).collect(),
                changes: if table.fresh { self.plans.changes(&table.plan.name) } else { Changes::default() },
                sha256: digest.to_owned(),
                seconds: self.started.elapsed().as_secs_f64(),
                already_loaded: !table.fresh,
                loaded_at: table.loaded_at.clone().filter(|_| !table.fresh).unwrap_or_else(|| now.clone()),
                pipeline: self.settings.pipeline.clone(),
                state: state.clone(),
            }
        };
        self.tables.iter().enumerate().map(receipt).collect()
    }
}
