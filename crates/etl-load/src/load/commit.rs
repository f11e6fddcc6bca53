//! The end of a load: what it comes to, the commit, and the receipts.

use etl_component::Fault;
use etl_stream::Digest;
use serde_json::value::RawValue;

use super::Load;
use super::attempt::{Attempt, Claim, Table};
use crate::args::IfLoaded;
use crate::emit::Receipt;
use crate::sink::{Counts, Entry, Loaded, Plan, Sink};

impl<S: Sink> Load<'_, S> {
    /// The load id was used before: the same bytes are a success, others are refused unless they may be skipped.
    pub(super) fn compare(&mut self, before: &Loaded, digest: Digest) -> Result<Vec<Receipt>, Fault> {
        let load_id = self.settings.load_id.clone().unwrap_or_default();
        if before.digest != digest.to_string() && self.settings.if_loaded == IfLoaded::Refuse {
            return Err(Fault::data(format!(
                "load id {load_id} was committed before with other content (digest {}, now {digest}); \
                 another --load-id loads this, too, and --if-loaded skip leaves it out",
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
    pub(super) fn commit(&mut self, digest: Digest) -> Result<Vec<Receipt>, Fault> {
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
            for table in self.attempt.tables.iter().filter(|table| table.records == table.rejected) {
                log::warn!(
                    "{}: there are no records to replace its rows by, so the load empties it",
                    table.plan.name
                );
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
    pub(super) fn finish(&mut self, receipts: Vec<Receipt>) -> Result<Vec<Receipt>, Fault> {
        // First what the next run depends on: printing can wait for a slow reader.
        self.state_out.publish()?;
        self.emit.committed(&receipts, self.attempt.state.as_deref());
        Ok(receipts)
    }
}
