//! Which table the records of a stream go to.

use etl_component::Fault;
use etl_schema::{Checker, Difference, UnknownFields};
use etl_stream::{Declared, Stream, StreamId, Values};

use super::attempt::Attempt;
use super::plans;
use super::table::{Route, Table};
use crate::args::Mode;
use crate::evolve::Evolve;
use crate::sink::{Counts, Sink};
use crate::target::{Plan, PlanError, Target};

impl<S: Sink> Attempt<'_, '_, S> {
    /// The table of a stream, which is planned when it is first seen. Only the sink knows which names are the same
    /// table.
    pub(super) fn route(&mut self, stream: StreamId) -> Result<usize, Fault> {
        if let Some(Some(route)) = self.routes.get_mut(stream.index()) {
            if !std::mem::replace(&mut route.open, true) {
                self.open.push(stream.index());
            }
            return Ok(route.table);
        }
        let declared = self.decoder.declared(stream);
        if let Some(table) = self.same_stream(&declared)? {
            self.link(stream, table);
            return Ok(table);
        }
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
        if let (Some(table), Some(stream)) = (known, &declared.stream)
            && let Some(other) = &self.tables[table].stream
        {
            return Err(plans::two_streams(self.settings, &self.tables[table].plan.name, other, stream));
        }
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
                self.plans.note_changes(&plan);
                let checker = self.checker(&plan, declared.values);
                let snapshot = self.settings.absent_rows.is_some();
                self.tables.push(Table::new(name, declared.stream, plan, checker, snapshot)?);
                self.tables.len() - 1
            }
        };
        self.link(stream, table);
        Ok(table)
    }

    /// The records of a stream go to this table.
    fn link(&mut self, stream: StreamId, table: usize) {
        if self.routes.len() <= stream.index() {
            self.routes.resize(stream.index() + 1, None);
        }
        self.routes[stream.index()] = Some(Route { table, open: true });
        self.open.push(stream.index());
    }

    /// Whether a connector's stream has a table, perhaps by another schema.
    pub(super) fn has_stream(&self, stream: StreamId) -> bool {
        let declared = self.decoder.declared(stream);
        let is = |known: &Stream| declared.stream.as_ref().is_some_and(|stream| known.is(stream));
        self.tables.iter().any(|table| table.stream.as_deref().is_some_and(is))
    }

    /// The table of a connector's stream that had another schema before, if that says the same of its columns, or if they may
    /// change.
    fn same_stream(&mut self, declared: &Declared) -> Result<Option<usize>, Fault> {
        let Some(stream) = &declared.stream else { return Ok(None) };
        let is = |table: &Table<S::Details>| table.stream.as_ref().is_some_and(|known| known.is(stream));
        let Some(table) = self.tables.iter().position(is) else { return Ok(None) };
        let target = self.plans.target(declared)?;
        let before = &self.tables[table].plan.schema;
        let differences = target.schema.as_ref().map_or(Vec::new(), |later| before.differences(later));
        if let Some(what) =
            differences.iter().find_map(|difference| refusal(self.settings.evolve, difference))
        {
            return Err(Fault::data(format!("the SCHEMA of {} changes: {what}", stream.label())));
        }
        if !differences.is_empty() {
            self.evolve(table, target)?;
        }
        Ok(Some(table))
    }

    /// From here on the records of a table have other columns: those before are put in place, and the table gets the new
    /// ones, in the load's own transaction.
    fn evolve(&mut self, table: usize, target: Target) -> Result<(), Fault> {
        if self.tables[table].snapshot {
            let name = &self.tables[table].plan.name;
            let what = "--absent-rows needs all records in one form; load what comes from there on apart";
            return Err(Fault::data(format!("table {name}: the SCHEMA changes in the middle: {what}")));
        }
        let counts = match self.tables[table].number {
            Some(number) => self.finish(number)?,
            None => Counts::default(),
        };
        // The rows that were there before the load are gone by now. A key that comes again replaces its first row.
        let mode = match self.tables[table].mode {
            Mode::Replace if self.tables[table].plan.schema.key.is_empty() => Mode::Append,
            Mode::Replace => Mode::Upsert,
            mode => mode,
        };
        let mut plan = self.sink.plan(Target { mode: Some(mode), ..target })?;
        self.sink.evolve(&mut plan)?;
        self.plans.note_changes(&plan);
        let checker = self.checker(&plan, self.tables[table].checker.values());
        self.tables[table].evolve(plan, checker, counts)?;
        if self.tables[table].fresh {
            self.ready(table)?;
        }
        Ok(())
    }

    fn checker(&self, plan: &Plan<S::Details>, values: Values) -> Checker {
        let usual = if plan.schema.is_foreign() { UnknownFields::Drop } else { UnknownFields::Error };
        let unknown = self.settings.unknown_fields.unwrap_or(usual);
        let checker = Checker::new(plan.schema.clone(), unknown).of(values).within(self.format.levels());
        checker.with_odd_numbers(S::ODD_NUMBERS)
    }
}

/// Why a load does not follow this difference of a stream's later schema; `None` if it does.
fn refusal(evolve: Evolve, difference: &Difference) -> Option<String> {
    let flag = |what: &str, flag: &str| Some(format!("{what} (--evolve {flag} follows such a change)"));
    match difference {
        Difference::Column(_) if evolve.add_columns => None,
        Difference::Wider(_) if evolve.widen => None,
        Difference::Column(what) => flag(what, "add-columns"),
        Difference::Wider(what) => flag(what, "widen"),
        Difference::Other(what) => {
            Some(format!("{what}; a load has one (load what comes from there on apart)"))
        }
    }
}
