//! SQLite as a sink: the load's transaction and the tables in it.

use std::sync::Arc;

use etl_component::{Fault, random_id};
use etl_load::{
    Counts, Culprit, Entry, Loaded, Mode, Newest, PlanError, Refuse, Refused, Run, Settings, Sink, Stay,
    Swept, Target,
};
use etl_schema::{Names, Row, Schema, quote_ident};
use etl_stream::{Line, Stream};

use crate::database::{self, Database};
use crate::ledger;
use crate::merge;
use crate::plan::{self, Details, Plan};
use crate::table::Table;

/// A database to load into.
pub(crate) struct Sqlite<'c> {
    database: &'c Database,
    settings: &'c Settings,
    /// The tables for which a load id was claimed.
    claimed: Vec<String>,
    tables: Vec<Table<'c>>,
    /// The place of the load in the order of loads, and the name of the attempt, once its rows are completed.
    place: Option<(i64, String)>,
    /// The number of the table whose merge has failed.
    merging: Option<usize>,
    /// The stamp of the rows to come.
    load_id: String,
    loaded_at: String,
}

impl<'c> Sqlite<'c> {
    pub(crate) fn new(database: &'c Database, settings: &'c Settings) -> Sqlite<'c> {
        let (claimed, tables, place, merging, load_id, loaded_at) = Default::default();
        Sqlite { database, settings, claimed, tables, place, merging, load_id, loaded_at }
    }

    /// A table's name as the database has it, which need not be written in the same case.
    fn stored_name(&self, target: Target) -> Result<String, Fault> {
        let found = crate::catalog::inspect(self.database, &target.table)?;
        Ok(found.map_or(target.table, |table| table.name))
    }
}

impl Sink for Sqlite<'_> {
    type Details = Details;

    const REFUSES: bool = true;

    // Other processes may create or change the table until this one has its lock.
    const PLANS_LAST: bool = false;

    fn name(&self) -> String {
        self.database.name.clone()
    }

    /// SQLite has one namespace, so `etl.weather` is `etl_weather` here.
    fn table_of(schema: &Schema) -> Option<String> {
        schema.table.as_ref().map(|table| table.replace('.', "_"))
    }

    /// A namespace is a prefix.
    fn table_of_stream(stream: &Stream, names: Names) -> String {
        match &stream.namespace {
            Some(namespace) => names.of(&format!("{namespace}_{}", stream.name)),
            None => names.of(&stream.name),
        }
    }

    fn plan(&mut self, target: Target) -> Result<Plan, PlanError> {
        plan::plan(self.database, target, self.settings)
    }

    fn explain(&self, plan: &Plan) -> String {
        plan::explain(plan)
    }

    fn states(&mut self, target: Target) -> Result<Vec<(String, String)>, Fault> {
        ledger::states(self.database, &self.stored_name(target)?)
    }

    fn runs(&mut self, target: Target) -> Result<Vec<Run>, Fault> {
        ledger::runs(self.database, &self.stored_name(target)?)
    }

    /// Tables are created in the load's own transaction.
    fn prepare(&mut self, _: &mut Plan) -> Result<(), Fault> {
        Ok(())
    }

    /// Tables get their columns when they are opened.
    fn evolve(&mut self, _: &mut Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.claimed.clear();
        self.tables.clear();
        (self.place, self.merging) = (None, None);
        self.loaded_at = ledger::now();
        self.database.begin()?;
        ledger::create(self.database)
    }

    fn claim(&mut self, plan: &Arc<Plan>, load_id: &str) -> Result<Option<Loaded>, Fault> {
        if !self.claimed.contains(&plan.name) {
            self.claimed.push(plan.name.clone());
            if plan.details.create {
                ledger::forget(self.database, &plan.name)?;
            }
        }
        load_id.clone_into(&mut self.load_id);
        ledger::claim(self.database, &plan.name, load_id)
    }

    fn newest(&mut self, plan: &Plan) -> Result<Option<Newest>, Fault> {
        ledger::newest(self.database, &plan.name)
    }

    fn open(&mut self, plan: &Arc<Plan>) -> Result<(), Fault> {
        let index = self.tables.len();
        let asks = self.settings.absent_rows.is_some() && self.settings.max_shrink.is_some();
        self.tables.push(Table::open(self.database, plan, index, asks)?);
        Ok(())
    }

    fn record(&mut self, table: usize, row: &Row<'_>, line: Line<'_>) -> Result<(), Refused> {
        let table = &mut self.tables[table];
        if let Some(violation) = table.changed(row) {
            return Err(Refused::Record(violation));
        }
        let (load_id, loaded_at) = (&self.load_id, &self.loaded_at);
        let stored = match table.store(row, line.number, load_id, loaded_at) {
            Err(error) if table.plan.details.aside => match database::refusal(&error) {
                // What it refers to may come after it.
                Some((_, true)) if table.waits() => table.store_later(row, load_id, loaded_at),
                Some((refusal, _)) => return Err(Refused::Row(refusal)),
                None => Err(error),
            },
            stored => stored,
        };
        match stored {
            Ok(0) if table.direct => {
                let name = &table.plan.name;
                let fault = Fault::data(format!("a trigger on table {name} keeps the row out"));
                Err(table.about(line, fault).into())
            }
            Ok(_) => {
                table.fed += 1;
                Ok(())
            }
            Err(error) => {
                let is_data = database::is_data(&error);
                let fault = database::fault(&format!("table {}", table.plan.name), error);
                Err(if is_data { table.about(line, fault) } else { fault.at(&line.place()) }.into())
            }
        }
    }

    fn finish(
        &mut self,
        index: usize,
        mut new: Option<&mut dyn FnMut(u64)>,
        refuse: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, Fault> {
        let table = &self.tables[index];
        let mut counts = Counts::default();
        if table.direct {
            counts.inserted = table.fed - table.waiting.len() as u64;
            if let Some(new) = &mut new {
                let there = (0..table.fed).filter(|position| table.waiting.binary_search(position).is_err());
                there.for_each(&mut **new);
            }
        }
        let fed = if table.direct { table.waiting.len() as u64 } else { table.fed };
        if let Some(stage) = table.stage.as_ref().filter(|_| !table.direct || !table.waiting.is_empty()) {
            let merged = stage.merge(self.database, &table.plan, (fed, &table.lacked), new, refuse);
            counts = counts.and(merged.inspect_err(|_| self.merging = Some(index))?);
        }
        Ok(Counts { replaced: table.replaced, ..counts })
    }

    fn sweep(&mut self, table: usize, stay: &Stay) -> Result<Swept, Fault> {
        let Table { plan, stage, current, .. } = &self.tables[table];
        let (name, closes) = (&plan.name, plan.mode == Mode::History);
        let others = stay.others(|| stage.as_ref().map_or("true".to_owned(), |stage| stage.has(plan)));
        let table = format!("{} AS old", quote_ident(name));
        let fault = |error| database::fault(&format!("table {name}"), error);
        let connection = &self.database.connection;
        let (sql, are_left, kept) = match stage.as_ref().filter(|_| closes) {
            Some(stage) => (stage.close(plan, &others), merge::history::is_current(plan), "as they are"),
            None => (format!("DELETE FROM {table} WHERE {others}"), "true".to_owned(), "from being deleted"),
        };
        let gone = connection.execute(&sql, []).map_err(fault)? as u64;
        let rows = |condition: &str| {
            let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs).map_err(fault)
        };
        if rows(&format!("{are_left} AND {others}"))? > 0 {
            let message = format!("table {name}: a trigger on the table keeps rows {kept}");
            return Err(Fault::data(message));
        }
        Ok(Swept { gone, left: rows(&are_left)?, before: *current })
    }

    fn complete(&mut self, entries: &[Entry<'_>]) -> Result<(), Fault> {
        let (order, attempt) = match &self.place {
            Some(place) => place,
            None => self.place.insert((ledger::next(self.database)?, random_id()?)),
        };
        entries.iter().try_for_each(|entry| ledger::complete(self.database, entry, *order, attempt))
    }

    fn prune(&mut self) -> Result<(), Fault> {
        let Some((order, _)) = self.place else { return Ok(()) };
        let mut tables = self.claimed.iter();
        tables.try_for_each(|table| ledger::prune(self.database, table, self.settings.ledger_keep, order))
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.tables.clear();
        self.database.commit()
    }

    fn rollback(&mut self) -> Result<(), Fault> {
        self.tables.clear();
        self.database.batch("ROLLBACK")
    }

    /// The stage of a table that was not merged still has the record.
    fn culprit(&mut self) -> Option<Culprit> {
        let Table { stage, plan, .. } = self.tables.get(self.merging.take()?)?;
        let line = stage.as_ref()?.refused(self.database, plan)?;
        Some(Culprit { line, record: 0, key: plan.schema.key_names().map(str::to_owned).collect() })
    }
}
