//! PostgreSQL as a sink: the load's transaction and the tables in it.

mod claims;
mod copy;
mod open;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use etl_component::Fault;
use etl_load::{
    Counts, Culprit, Entry, Loaded, Mode, Newest, PlanError, Refuse, Refused, Run, Settings, Sink, Stay,
    Swept, Target,
};
use etl_postgres::{Name, Session};
use etl_schema::{Checker, Names, Row, Schema};
use etl_stream::{Line, Stream};

use self::claims::Pending;
use crate::feed::{Destination, Feed};
use crate::link::{Completed, Link};
use crate::plan::{self, Details, TablePlan};
use crate::row::{RowEncoder, Stamp};
use crate::stage::{self, Keys, Stage};
use crate::target::{self, MergeError, what};
use crate::{catalog, create, ledger};

/// A server that loads go to.
pub(crate) struct Postgres<'s> {
    settings: &'s Settings,
    link: Link,
    in_transaction: bool,
    /// The load ids that are still to come, by table, and what the ledger has said of the next ones, by table and id.
    expected: HashMap<String, VecDeque<String>>,
    known: HashMap<(String, String), Option<Loaded>>,
    /// The tables in whose ledger a row was claimed, and those that are open for records.
    targets: Vec<Arc<TablePlan>>,
    tables: Vec<Table>,
    /// The COPY under way. It is taken out while a row is added to it.
    feed: Option<Box<Feed>>,
    stamp: Stamp,
    /// The record that a COPY has failed for.
    culprit: Option<Culprit>,
    /// A row of the ledger that this transaction completes: by it, a lost COMMIT is settled.
    completed: Option<Completed>,
    pending: Pending,
}

/// A table that is open for records, in the load's transaction.
struct Table {
    plan: Arc<TablePlan>,
    destination: Destination,
    stage: Option<Stage>,
    keys: Option<Keys>,
    encoder: RowEncoder,
    fed: u64,
    /// How many of them the server says it took.
    there: u64,
    /// Rows go into the target at once until it refuses one; from then on into the stage, like this.
    ahead: Option<(Destination, RowEncoder)>,
    /// How many had gone into the target by then.
    placed: u64,
    /// How many rows were deleted, in mode replace.
    replaced: Option<u64>,
    /// How many current versions there were, in mode history, if somebody asks.
    current: Option<u64>,
}

/// Why rows are not in the target, as a fault.
fn merge_failed(link: &mut Link, plan: &TablePlan, failure: MergeError) -> Fault {
    match failure {
        MergeError::Changed(fault) => fault,
        MergeError::Cast { column, spelled, changed } => Fault::data(format!(
            "{}: column {column} is {spelled}, which does not keep {changed} of the values",
            what(plan)
        )),
        MergeError::Server(error) => link.failed(&what(plan), &error),
    }
}

impl Table {
    /// Takes note of a row, as it was encoded.
    #[inline]
    fn note(&mut self, row: &[u8]) {
        if let Some(keys) = &mut self.keys {
            keys.see(row);
        }
    }
}

impl<'s> Postgres<'s> {
    /// Connects.
    ///
    /// # Errors
    /// Those of [`Link::open`].
    pub(crate) fn connect(
        connection: etl_postgres::Settings,
        settings: &'s Settings,
    ) -> Result<Postgres<'s>, Fault> {
        Ok(Postgres {
            settings,
            link: Link::open(connection)?,
            in_transaction: false,
            expected: HashMap::new(),
            known: HashMap::new(),
            targets: Vec::new(),
            tables: Vec::new(),
            feed: None,
            stamp: Stamp::default(),
            culprit: None,
            completed: None,
            pending: Pending::default(),
        })
    }

    fn reset(&mut self) {
        (self.feed, self.culprit) = (None, None);
        self.expected.clear();
        self.known.clear();
        self.targets.clear();
        self.tables.clear();
        (self.completed, self.pending) = (None, Pending::default());
        self.in_transaction = false;
        self.link.forget();
    }
}

impl Sink for Postgres<'_> {
    type Details = Details;

    // In the transaction, the table is locked and compared with the plan.
    const PLANS_LAST: bool = true;

    const ODD_NUMBERS: bool = true;

    const REFUSES: bool = true;

    fn name(&self) -> String {
        self.link.name()
    }

    fn table_of(schema: &Schema) -> Option<String> {
        schema.table.clone()
    }

    fn table_of_stream(stream: &Stream, names: Names) -> String {
        target::of_stream(stream, names).text()
    }

    fn plan(&mut self, target: Target) -> Result<TablePlan, PlanError> {
        self.end_copy()?;
        let found = self.link.inspect(&Name::parse(&target.table)?, self.in_transaction)?;
        plan::fitting(&found, target, self.settings)
    }

    fn explain(&self, plan: &TablePlan) -> String {
        plan::explain(plan)
    }

    fn states(&mut self, target: Target) -> Result<Vec<(String, String)>, Fault> {
        let found = catalog::inspect(&self.link.session, &Name::parse(&target.table)?)?;
        if found.ledger.is_none() {
            return Ok(Vec::new());
        }
        let what = format!("the ledger of {}", found.name.text());
        let rows = self.link.session.rows(&what, &ledger::states(&found.name))?;
        Ok(rows.iter().filter_map(|row| Some((row.get(0)?.to_owned(), row.get(1)?.to_owned()))).collect())
    }

    fn runs(&mut self, target: Target) -> Result<Vec<Run>, Fault> {
        let found = catalog::inspect(&self.link.session, &Name::parse(&target.table)?)?;
        if found.ledger.is_none() {
            return Ok(Vec::new());
        }
        let (name, what) = (&found.name, format!("the ledger of {}", found.name.text()));
        let columns = self.link.session.rows(&what, &ledger::columns(name))?;
        let rows = self.link.session.rows(&what, &ledger::runs(name, &columns))?;
        Ok(ledger::read_runs(name, &rows))
    }

    fn prepare(&mut self, plan: &mut TablePlan) -> Result<(), Fault> {
        if plan.details.is_ready() {
            return Ok(());
        }
        if self.in_transaction {
            // On a connection of its own, so that what is created is committed and its locks are not held for the whole
            // load.
            create::make(&self.link.another()?, plan, self.settings)
        } else {
            create::make(&self.link.session, plan, self.settings)
        }
        .map_err(|fault| self.link.examined(fault))
    }

    /// Here the load itself has locked the table, so nobody else could change it.
    fn evolve(&mut self, plan: &mut TablePlan) -> Result<(), Fault> {
        if plan.details.is_ready() {
            return Ok(());
        }
        let what = what(plan);
        for (about, statement) in plan::statements(plan) {
            self.link.run(Session::batch, &about, &statement)?;
        }
        let comments = plan::comments(plan).concat();
        if !comments.is_empty() {
            self.link.run(Session::batch, &what, &comments)?;
        }
        let changes = std::mem::take(&mut plan.changes);
        log::info!("{what}: {changes} when this load is committed; until then, nobody else reads it");
        *plan = TablePlan { changes, ..self.plan(plan.details.target.clone())? };
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fault> {
        // The first claim sends BEGIN, which saves a round trip.
        self.reset();
        Ok(())
    }

    fn claim(&mut self, plan: &Arc<TablePlan>, load_id: &str) -> Result<Option<Loaded>, Fault> {
        if !self.targets.iter().any(|known| known.name == plan.name) {
            self.targets.push(Arc::clone(plan));
        }
        let key = (plan.name.clone(), load_id.to_owned());
        if !self.known.contains_key(&key) {
            let load_ids = self.next_ids(&plan.name, load_id);
            self.claim_rows(plan, &load_ids)?;
        }
        load_id.clone_into(&mut self.stamp.load_id);
        Ok(self.known.remove(&key).flatten())
    }

    fn expect(&mut self, plan: &Arc<TablePlan>, load_ids: &[&str]) -> Result<(), Fault> {
        let load_ids = load_ids.iter().map(|id| (*id).to_owned());
        self.expected.entry(plan.name.clone()).or_default().extend(load_ids);
        Ok(())
    }

    fn newest(&mut self, plan: &TablePlan) -> Result<Option<Newest>, Fault> {
        self.end_copy()?;
        let rows = self.link.run(Session::rows, "the ledger", &ledger::newest(&plan.details.name))?;
        Ok(ledger::read_newest(&rows))
    }

    fn open(&mut self, plan: &Arc<TablePlan>) -> Result<(), Fault> {
        let table = self.open_table(plan)?;
        self.tables.push(table);
        Ok(())
    }

    fn take(&mut self, number: usize, checker: &mut Checker, line: Line<'_>) -> Result<bool, Fault> {
        let mut feed = self.feed(number)?;
        let table = &mut self.tables[number];
        let (position, start) = (table.fed + feed.rows(), feed.chunk.len());
        if !table.encoder.take(checker, line.bytes, position, &self.stamp, &mut feed.chunk)? {
            self.feed = Some(feed);
            return Ok(false);
        }
        table.note(&feed.chunk[start..]);
        self.taken(feed, line).map(|()| true)
    }

    fn record(&mut self, number: usize, row: &Row<'_>, line: Line<'_>) -> Result<(), Refused> {
        let mut feed = self.feed(number)?;
        let table = &mut self.tables[number];
        let (position, start) = (table.fed + feed.rows(), feed.chunk.len());
        if let Err(refused) = table.encoder.encode(row, position, &self.stamp, &mut feed.chunk) {
            self.feed = Some(feed);
            return Err(refused);
        }
        table.note(&feed.chunk[start..]);
        Ok(self.taken(feed, line)?)
    }

    fn finish(
        &mut self,
        number: usize,
        new: Option<&mut dyn FnMut(u64)>,
        refuse: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, Fault> {
        self.end_copy()?;
        let table = &self.tables[number];
        let (plan, replaced) = (Arc::clone(&table.plan), table.replaced);
        let placed = table.placed;
        let merged = match table.stage.as_ref().filter(|_| table.ahead.is_none()) {
            Some(stage) => {
                let seen = (table.keys.as_ref(), table.encoder.lacked());
                stage.merge(&mut self.link.session, &plan, table.fed, seen, new, refuse)
            }
            None => target::complete(&plan, table.fed, table.there).map(|()| {
                if let Some(new) = new {
                    (0..table.fed).for_each(new);
                }
                Counts { inserted: table.fed, ..Counts::default() }
            }),
        };
        let merged = merged.map(|counts| Counts { replaced, inserted: placed + counts.inserted, ..counts });
        merged.map_err(|failure| merge_failed(&mut self.link, &plan, failure))
    }

    fn sweep(&mut self, number: usize, stay: &Stay) -> Result<Swept, Fault> {
        self.end_copy()?;
        let Table { plan, stage, current, .. } = &self.tables[number];
        let (what, rows, closes) = (what(plan), plan.details.own_rows(), plan.mode == Mode::History);
        let others = stay.others(|| stage.as_ref().map_or("true".to_owned(), |stage| stage.has(plan)));
        let (sql, are_left, kept) = if closes {
            let (name, now) = (stage.as_ref().map(Stage::name), stage.as_ref().map_or("", Stage::now));
            (stage::close(plan, &others, name, now), stage::is_current(plan), "as they are")
        } else {
            (format!("DELETE FROM {rows} old WHERE {others}"), "true".to_owned(), "from being deleted")
        };
        let gone = self.link.run(Session::count, &what, &sql)?;
        let table = plan.details.table.as_ref();
        let vetoed = table.is_some_and(|table| match closes {
            true => table.update_veto,
            false => table.delete_veto || table.rules[1],
        });
        let count = |condition: &str| format!("SELECT count(*) FROM {rows} old WHERE {condition}");
        let still = format!("{are_left} AND {others}");
        if vetoed && self.link.run(Session::number, &what, &count(&still))? > 0 {
            return Err(Fault::data(format!("{what}: a trigger or a rule on the table keeps rows {kept}")));
        }
        let left = self.link.run(Session::number, &what, &count(&are_left))?;
        Ok(Swept { gone, left, before: *current })
    }

    fn complete(&mut self, entries: &[Entry<'_>]) -> Result<(), Fault> {
        self.end_copy()?;
        if self.in_transaction { self.complete_rows(entries) } else { Ok(()) }
    }

    fn prune(&mut self) -> Result<(), Fault> {
        if self.completed.is_none() {
            return Ok(());
        }
        let keep = self.settings.ledger_keep;
        let prune = self.targets.iter().map(|plan| ledger::prune(&plan.details.name, keep));
        self.send_pending(&prune.collect::<Vec<_>>().join(";"))
    }

    fn commit(&mut self) -> Result<(), Fault> {
        if self.in_transaction {
            match self.link.session.batch("COMMIT", "COMMIT") {
                Err(error) if error.is_lost() => self.link.settle(&error, self.completed.as_ref()),
                committed => committed.map_err(|error| self.link.failed("COMMIT", &error)),
            }?;
        }
        self.reset();
        self.link.committed();
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), Fault> {
        let in_transaction = self.in_transaction;
        self.reset();
        if in_transaction {
            self.link.run(Session::batch, "ROLLBACK", "ROLLBACK")?;
        }
        Ok(())
    }

    fn culprit(&mut self) -> Option<Culprit> {
        self.culprit.take()
    }

    fn retry(&mut self, fault: Fault) -> Result<(), Fault> {
        self.feed = None;
        self.link.recover(fault)
    }
}
