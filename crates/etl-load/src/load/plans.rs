//! What is to be done with the targets of a run, found out as early as they are known.

use std::collections::HashMap;
use std::sync::Arc;

use etl_component::Fault;
use etl_stream::{Declared, Format, Line, Stream, StreamId};
use indexmap::IndexMap;

use crate::args::{Mode, Settings};
use crate::evolve::Changes;
use crate::sink::Sink;
use crate::target::{FirstRecord, Plan, PlanError, Target};

/// A plan, and its table as the flag or the schema has it.
struct Made<D> {
    table: String,
    plan: Plan<D>,
    /// Whether what follows from the records is known, too: a tap says in them whether a stream has versions.
    whole: bool,
}

/// Plans that were made before the load's transaction, by what the stream says about the records.
pub(super) struct Plans<'a, S: Sink> {
    settings: &'a Settings,
    made: IndexMap<Declared, Made<S::Details>>,
    /// The streams of a tap that have versions.
    versioned: Vec<Arc<Stream>>,
    /// The tables of the run that are known so far.
    tables: Vec<String>,
    /// The first record of the run that the table's own columns describe.
    first: Option<FirstRecord>,
    /// What was changed about the tables of the load, by name: also by earlier attempts, since it may have been committed on
    /// its own.
    changes: HashMap<String, Changes>,
    /// The ids of the segments that are held back, each with the stream of its records.
    segments: Vec<(StreamId, String)>,
}

impl<'a, S: Sink> Plans<'a, S> {
    pub(super) fn new(settings: &'a Settings) -> Plans<'a, S> {
        Plans {
            settings,
            made: IndexMap::new(),
            versioned: Vec::new(),
            tables: Vec::new(),
            first: None,
            changes: HashMap::new(),
            segments: Vec::new(),
        }
    }

    /// Checks what the flags say before anything is extracted. A table without a schema of its own may still get one
    /// from the stream.
    ///
    /// # Errors
    /// Those of [`Sink::plan`].
    pub(super) fn check_flags(&mut self, sink: &mut S) -> Result<(), Fault> {
        let by_schema = self.settings.schema.is_some();
        if !by_schema && self.settings.table.is_none() {
            return Ok(());
        }
        let target = self.target(&Declared::default())?;
        let table = target.table.clone();
        self.note_table(&table);
        match sink.plan(target) {
            Ok(plan) if by_schema => {
                self.made.insert(Declared::default(), Made { table, plan, whole: true });
            }
            Err(error) if by_schema => return Err(error.into()),
            Err(PlanError::Failed(fault)) => return Err(fault),
            // This plan follows the table's own columns, but the stream may still have a schema.
            Ok(_) | Err(PlanError::Unfit(_)) => (),
        }
        Ok(())
    }

    /// Whether the first of these records is still to be seen, because the table's own columns are their schema.
    pub(super) fn awaits_first(&self, declared: &Declared) -> bool {
        self.first.is_none() && self.settings.schema.is_none() && declared.schema.is_none()
    }

    /// The input has shown that record.
    #[cold]
    pub(super) fn see_first(&mut self, line: Line<'_>) {
        self.first = Some(FirstRecord::of(line));
    }

    fn note_table(&mut self, table: &str) {
        if !self.tables.iter().any(|known| known == table) {
            self.tables.push(table.to_owned());
        }
    }

    /// The table of the run, if all that is known of its records goes to one.
    pub(super) fn only_table(&self) -> Option<&str> {
        if let [table] = self.tables.as_slice() { Some(table) } else { None }
    }

    /// Another load begins.
    pub(super) fn start_load(&mut self) {
        self.segments.clear();
        self.changes.clear();
    }

    /// The input has shown a segment of this id.
    pub(super) fn see_segment(&mut self, stream: StreamId, id: &str) {
        self.segments.push((stream, id.to_owned()));
    }

    /// The ids of the segments of a stream that are held back.
    pub(super) fn segments(&self, stream: StreamId) -> Vec<&str> {
        self.segments.iter().filter(|(of, _)| *of == stream).map(|(_, id)| id.as_str()).collect()
    }

    /// The input has shown a stream of these records: finds out what cannot work, without touching anything. `sealed` says
    /// whether it is in a segment.
    ///
    /// # Errors
    /// 2 for a plain stream that would replace a table; otherwise those of [`Sink::plan`].
    pub(super) fn look_ahead(
        &mut self,
        sink: &mut S,
        declared: &Declared,
        sealed: bool,
    ) -> Result<(), Fault> {
        let whole = match self.settings.absent_rows {
            Some(_) => Some("--absent-rows"),
            None => (self.settings.mode == Some(Mode::Replace)).then_some("mode replace"),
        };
        if let Some(whole) = whole.filter(|_| !sealed && self.settings.replace_needs_seal) {
            return Err(Fault::usage(format!(
                "{whole} needs a sealed stream: one that was cut would replace the whole with a part \
                 (`standpipe seal -- COMMAND` seals it, --seal off accepts the risk)"
            )));
        }
        let carried = self.carried(declared);
        if self.made.contains_key(&carried) || self.made.keys().any(|made| is_same_stream(made, &carried)) {
            // Another schema of a stream that is known is compared with the first one when its turn comes.
            return Ok(());
        }
        let target = self.target(&carried)?;
        let table = target.table.clone();
        self.note_table(&table);
        let mut whole = true;
        if let Some(stream) = &carried.stream {
            whole = stream.format != Format::Singer;
            let meets = |made: &Declared, named: &str| made.stream.is_some() && named == table;
            let other = self.made.iter().find(|(declared, made)| meets(declared, &made.table));
            if let Some(other) = other.and_then(|(made, _)| made.stream.as_ref()) {
                return Err(two_streams(self.settings, &table, other, stream));
            }
        }
        let plan = sink.plan(target)?;
        self.made.insert(carried, Made { table, plan, whole });
        Ok(())
    }

    /// A tap has sent something of a stream, perhaps with a version.
    ///
    /// # Errors
    /// Those of [`Sink::plan`].
    pub(super) fn look_at_first(
        &mut self,
        sink: &mut S,
        declared: &Declared,
        versions: bool,
    ) -> Result<(), Fault> {
        let changes = versions && self.note_version(declared);
        let carried = self.carried(declared);
        let Some(mut made) = self.made.swap_remove(&carried) else { return Ok(()) };
        if changes {
            made.plan = sink.plan(self.target(&carried)?)?;
        }
        self.made.insert(carried, Made { whole: true, ..made });
        Ok(())
    }

    /// A stream of a tap has versions; whether that is new.
    pub(super) fn note_version(&mut self, declared: &Declared) -> bool {
        let Some(stream) = &declared.stream else { return false };
        let is_new = !self.versioned.iter().any(|known| known.is(stream));
        if is_new {
            self.versioned.push(Arc::clone(stream));
        }
        is_new
    }

    /// Makes the tables of all whole plans exist and fit.
    ///
    /// # Errors
    /// Those of [`Sink::prepare`].
    pub(super) fn prepare(&mut self, sink: &mut S) -> Result<(), Fault> {
        let mut whole = self.made.values_mut().filter(|made| made.whole);
        whole.try_for_each(|made| sink.prepare(&mut made.plan))
    }

    /// The plan that was made for a stream of these records, if it still holds in the load's transaction. It is used
    /// once, because the database may have changed by the next attempt.
    pub(super) fn take(&mut self, declared: &Declared) -> Option<(String, Plan<S::Details>)> {
        let made = self.made.swap_remove(&self.carried(declared));
        made.filter(|made| S::PLANS_LAST && made.whole).map(|made| (made.table, made.plan))
    }

    /// A plan is carried out in an attempt at the load.
    pub(super) fn note_changes(&mut self, plan: &Plan<S::Details>) {
        self.changes.entry(plan.name.clone()).or_default().add(&plan.changes);
    }

    /// What was changed about the table of this name.
    pub(super) fn changes(&self, table: &str) -> Changes {
        self.changes.get(table).cloned().unwrap_or_default()
    }

    /// The target of a stream of these records.
    ///
    /// # Errors
    /// Those of [`Target::resolve`].
    pub(super) fn target(&self, declared: &Declared) -> Result<Target, Fault> {
        let stream = declared.stream.as_ref();
        let versions = stream.is_some_and(|stream| self.versioned.iter().any(|known| known.is(stream)));
        let carried = self.carried(declared);
        let target = Target::resolve(self.settings, &carried, versions, S::table_of, S::table_of_stream)?;
        Ok(Target { first: self.first.clone(), ..target })
    }

    /// What the stream says about its records, without a schema that a flag says for all streams.
    fn carried(&self, declared: &Declared) -> Declared {
        let schema = declared.schema.clone().filter(|_| self.settings.schema.is_none());
        Declared { schema, values: declared.values, stream: declared.stream.clone() }
    }
}

/// Whether a connector speaks of the same stream, perhaps with another schema.
fn is_same_stream(one: &Declared, other: &Declared) -> bool {
    match (&one.stream, &other.stream) {
        (Some(one), Some(other)) => one.is(other),
        _ => false,
    }
}

/// Two streams of a connector would be mixed in one table.
pub(super) fn two_streams(settings: &Settings, table: &str, one: &Stream, other: &Stream) -> Fault {
    let (one, other) = (one.label(), other.label());
    if settings.table.is_some() {
        let what = "--table names one table, but the input has";
        return Fault::usage(format!(
            "{what} {one} and {other}: leave it out, and each has a table of its own"
        ));
    }
    Fault::config(format!("{one} and {other} would be mixed in one table, {table}; load them apart"))
}
