//! A target of a load: what is known of it, and what has become of its records.

use std::collections::BTreeSet;
use std::sync::Arc;

use etl_component::Fault;
use etl_schema::{Checker, Dropped};
use etl_stream::Stream;
use etl_stream::decode::Generation;

use crate::args::Mode;
use crate::flatten::Flatten;
use crate::metadata::{self, Metadata};
use crate::sink::{Counts, Stay};
use crate::target::Plan;

/// Where the records of a stream go.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) table: usize,
    /// Whether it is open in the segment at hand.
    pub(super) open: bool,
}

/// A target of the load.
pub(super) struct Table<D> {
    /// Its name as the flag or the schema has it, which need not be the sink's.
    pub(super) target: String,
    /// The stream of a connector that it is for.
    pub(super) stream: Option<Arc<Stream>>,
    pub(super) plan: Arc<Plan<D>>,
    /// How its records meet the rows that exist, which does not change when the plan does.
    pub(super) mode: Mode,
    /// Whether the load is all that there is, so that rows it does not have are deleted or closed (`--absent-rows`).
    pub(super) snapshot: bool,
    /// What became of the records before the plan changed.
    pub(super) counts: Counts,
    pub(super) checker: Checker,
    /// Its number at the sink, once it has been opened there.
    pub(super) number: Option<usize>,
    /// How many records there were, and how many of them were set aside.
    pub(super) records: u64,
    pub(super) rejected: u64,
    /// Takes objects in records apart.
    pub(super) flatten: Flatten,
    /// Fills the columns beside those of the records.
    pub(super) metadata: Metadata,
    /// The versions whose rows stay, once a tap has activated one.
    pub(super) activated: Option<BTreeSet<i64>>,
    /// Whether any segment was new.
    pub(super) fresh: bool,
    /// Whether its part of the segment at hand was loaded before.
    pub(super) skipped: bool,
    /// The load id, or that of the last segment, and whether there were several.
    pub(super) load_id: Option<String>,
    pub(super) several: bool,
    /// How many rows of the ledger were claimed, and the place in the order of loads that all of them had before, if
    /// they had.
    pub(super) claims: u64,
    pub(super) before: Option<i64>,
    /// When the newest of those that were loaded before was committed.
    pub(super) loaded_at: Option<String>,
}

impl<D> Table<D> {
    pub(super) fn new(
        target: String,
        stream: Option<Arc<Stream>>,
        plan: Plan<D>,
        checker: Checker,
        snapshot: bool,
    ) -> Result<Table<D>, Fault> {
        let metadata = Metadata::of(&plan.schema, stream.as_deref())?;
        let flatten = Flatten::of(&plan.schema);
        let (mode, plan, number) = (plan.mode, Arc::new(plan), None);
        let (counts, records, rejected, fresh) = (Counts::default(), 0, 0, false);
        let (load_id, several, claims, before) = (None, false, 0, None);
        let (skipped, activated, loaded_at) = (false, None, None);
        Ok(Table {
            target,
            stream,
            plan,
            mode,
            snapshot,
            counts,
            checker,
            number,
            records,
            rejected,
            flatten,
            metadata,
            activated,
            fresh,
            skipped,
            load_id,
            several,
            claims,
            before,
            loaded_at,
        })
    }

    /// The column of the version or generation of its rows, if it has one.
    pub(super) fn version_column(&self) -> Option<&'static str> {
        let format = self.stream.as_ref().filter(|_| self.metadata.has_version())?.format;
        Some(metadata::version_name(format))
    }

    /// Which rows stay at the end of the load, if others go.
    pub(super) fn stay(&self) -> Option<Stay> {
        if self.snapshot {
            return Some(Stay::Loaded);
        }
        if self.mode == Mode::History {
            return None;
        }
        let column = self.version_column()?;
        let generation = self.stream.as_ref().and_then(|stream| stream.generation);
        match (&self.activated, generation.filter(|generation| generation.is_partial())) {
            (Some(versions), _) => Some(Stay::Versions(column, versions.iter().copied().collect())),
            (None, Some(Generation { least, .. })) => Some(Stay::From(column, least)),
            (None, None) => None,
        }
    }

    /// A row of the ledger was claimed, which had this place in the order of loads, or none.
    pub(super) fn claimed(&mut self, before: Option<i64>) {
        self.before = before.filter(|_| self.claims == 0 || self.before == before);
        self.claims += 1;
    }

    /// Whether the load is all that the table is to have: then what was loaded before goes in again, together with what is
    /// new.
    pub(super) fn replaces(&self) -> bool {
        self.mode == Mode::Replace || self.snapshot
    }

    /// Its records have got other columns from here on. What was read so far is in the table.
    pub(super) fn evolve(&mut self, plan: Plan<D>, checker: Checker, counts: Counts) -> Result<(), Fault> {
        self.flatten = Flatten::of(&plan.schema);
        self.metadata = Metadata::of(&plan.schema, self.stream.as_deref())?;
        self.checker = checker.after(&mut self.checker);
        self.counts = self.counts.and(counts);
        (self.plan, self.number) = (Arc::new(plan), None);
        Ok(())
    }

    /// Nothing that was read is new.
    pub(super) fn withdraw(&mut self) {
        (self.fresh, self.records, self.rejected, self.activated) = (false, 0, 0, None);
        self.checker.dropped = Dropped::default();
    }
}
