//! What a database is to a load.
//!
//! The order of the calls: [`Sink::plan`] and [`Sink::prepare`] before the transaction; [`Sink::begin`]; once for
//! each stream [`Sink::expect`]; for each segment [`Sink::claim`], once for each table [`Sink::open`], then [`Sink::record`]; at the verified end
//! [`Sink::finish`], [`Sink::sweep`] where rows of earlier versions go, [`Sink::complete`], [`Sink::prune`] and [`Sink::commit`]. [`crate::load`] makes them. A sink gets its settings when
//! it is made, and keeps a plan from [`Sink::claim`] or [`Sink::open`] on; tables are numbered from 0 in the order they
//! are opened. Every step of the transaction must be implemented; a sink without such a step says so there.

use std::fmt;
use std::sync::Arc;

use etl_component::Fault;
use etl_component::rejects::Said;
use etl_schema::{Checker, Names, Row, Schema, Violation, quote_ident};
use etl_stream::{Line, Stream};
use serde::Serialize;

use crate::args::Mode;
use crate::target::{Plan, PlanError, Target};

/// What became of the rows of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
    /// Records whose row was already as they say, or (mode ignore) whose key already existed.
    pub unchanged: u64,
    /// Records that another one with the same key superseded.
    pub superseded: u64,
    /// How many rows the table had before they were replaced; `None` in other modes.
    pub replaced: Option<u64>,
    /// Rows that were deleted: of earlier versions, that the load does not have, or whose records say that they are gone.
    pub deleted: u64,
    /// Current versions that ended without another one in their place, in mode history.
    pub closed: u64,
    /// Rows that had values which are NULL now because their records do not have the fields.
    pub nulled: u64,
    /// Records that are left out because they are older than the database keeps such or, in mode history, than the version
    /// of their key that they meet.
    pub too_old: u64,
}

impl Counts {
    /// What became of these rows and of those that followed.
    pub fn and(self, later: Counts) -> Counts {
        Counts {
            inserted: self.inserted + later.inserted,
            updated: self.updated + later.updated,
            unchanged: self.unchanged + later.unchanged,
            superseded: self.superseded + later.superseded,
            replaced: self.replaced.or(later.replaced),
            deleted: self.deleted + later.deleted,
            closed: self.closed + later.closed,
            nulled: self.nulled + later.nulled,
            too_old: self.too_old + later.too_old,
        }
    }
}

/// Which rows of a table stay when others are deleted. Rows without a version or generation always stay.
#[derive(Clone, Debug)]
pub enum Stay {
    /// Those of these versions, by the column of the version.
    Versions(&'static str, Vec<i64>),
    /// Those of this generation and of later ones, by the column of the generation.
    From(&'static str, i64),
    /// Those whose keys the load has.
    Loaded,
}

impl Stay {
    /// The condition, in SQL, that a row does not stay; `loaded` is the one that the load has the key of the row `old`.
    pub fn others(&self, loaded: impl FnOnce() -> String) -> String {
        match self {
            Stay::Versions(column, versions) => {
                let versions: Vec<String> = versions.iter().map(i64::to_string).collect();
                format!("{} NOT IN ({})", quote_ident(column), versions.join(", "))
            }
            Stay::From(column, least) => format!("{} < {least}", quote_ident(column)),
            Stay::Loaded => format!("NOT {}", loaded()),
        }
    }
}

/// What became of the rows of a table of which some were deleted or, in mode history, of its current versions of which some
/// have ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Swept {
    /// How many those are.
    pub gone: u64,
    /// How many are left.
    pub left: u64,
    /// How many there were before the load, where that does not follow from its counts.
    pub before: Option<u64>,
}

/// A load that is in the ledger.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its digest.
    pub digest: String,
    /// The state it ended with.
    pub state: Option<String>,
    /// Its place in the order of loads; 0 if the ledger does not know it.
    pub order: i64,
    /// When it was committed, as RFC 3339 in UTC with three digits of a second.
    pub loaded_at: String,
}

/// The newest load of a table.
#[derive(Clone, Debug)]
pub struct Newest {
    /// Its place in the order of loads.
    pub order: i64,
    /// How many rows of the ledger it has: one for each segment, or one for its load id.
    pub rows: u64,
    /// The id of one of them.
    pub load_id: String,
    /// When it was committed.
    pub loaded_at: String,
    /// Whether it replaced all rows of the table.
    pub replaced: bool,
}

/// What completes a row of the ledger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The table.
    pub target: &'a str,
    /// How the records were combined with existing rows.
    pub mode: Mode,
    /// The load id, or that of the segment.
    pub load_id: &'a str,
    /// The digest of the load or of the segment.
    pub digest: &'a str,
    /// How many records it has.
    pub records: u64,
    /// How many rows the whole load has inserted into the table.
    pub inserted: u64,
    /// How many of the load's records were set aside.
    pub rejected: u64,
    /// How long the load has taken, in seconds.
    pub seconds: f64,
    /// `--pipeline`
    pub pipeline: Option<&'a str>,
    /// The last state.
    pub state: Option<&'a str>,
}

/// A load as the ledger has it: a record of the schema `etl.run`. What an earlier version did not write down is unknown.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The table.
    pub target: String,
    /// The load id; `None` if several sealed segments each had their own.
    pub load_id: Option<String>,
    /// `--pipeline`
    pub pipeline: Option<String>,
    /// Records read.
    pub records: u64,
    /// Rows that are new.
    pub inserted: Option<u64>,
    /// Records set aside.
    pub rejected: Option<u64>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// When it was committed, as in [`Loaded`].
    pub loaded_at: String,
}

/// Why a record is not in the table.
#[derive(Debug)]
pub enum Refused {
    /// It cannot be a row of the table; the load goes on if rejects are allowed.
    Record(Violation),
    /// The database refuses it; the load goes on if rejects are allowed.
    Row(Refusal),
    /// The load has failed.
    Load(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        Refused::Load(fault)
    }
}

/// Why a record is set aside.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The field that is wrong; empty if it is not about one.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// What else the database says, where it is what refuses the record.
    pub said: Option<Said>,
}

impl From<Violation> for Refusal {
    fn from(Violation { field, reason }: Violation) -> Refusal {
        Refusal { field, reason, said: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { field, reason, said } = self;
        match &**field {
            "" => f.write_str(reason)?,
            field => write!(f, "field {field:?}: {reason}")?,
        }
        let Some(Said { sqlstate, detail, .. }) = said else { return Ok(()) };
        if let Some(detail) = detail {
            write!(f, "; {}", detail.trim_end_matches('.'))?;
        }
        sqlstate.as_ref().map_or(Ok(()), |sqlstate| write!(f, " (SQLSTATE {sqlstate})"))
    }
}

/// Takes the position, from 0, among the records that [`Sink::record`] took for a table, of one that the database
/// refuses. False if there are more than may be set aside: then the load fails, whatever becomes of the others.
pub type Refuse<'a> = dyn FnMut(u64, Refusal) -> bool + 'a;

/// A record that the database itself refused.
#[derive(Debug)]
pub struct Culprit {
    /// Its line in the input.
    pub line: u64,
    /// Its number in its segment; 0 in a plain stream.
    pub record: u64,
    /// The names of the fields of its key.
    pub key: Vec<String>,
}

/// A database that takes loads.
pub trait Sink {
    /// What a plan holds for this sink alone.
    type Details;

    /// Whether a plan that was made before the transaction still holds in it, because [`Sink::open`] makes sure that
    /// the table is still the same. If not, it is made again.
    const PLANS_LAST: bool;

    /// Whether it stores NaN and infinities, where numbers come as texts.
    const ODD_NUMBERS: bool = false;

    /// Whether [`Sink::finish`] can go on without the records that the database refuses.
    const REFUSES: bool = false;

    /// Where the load goes, for the summary.
    fn name(&self) -> String;

    /// The table that a schema names for this sink, if it names one.
    fn table_of(schema: &Schema) -> Option<String>;

    /// The table of a connector's stream.
    fn table_of_stream(stream: &Stream, names: Names) -> String;

    /// Compares a target with the database; nothing is touched.
    ///
    /// # Errors
    /// 78 if the records do not fit the table, or the mode does not; the message names the column.
    fn plan(&mut self, target: Target) -> Result<Plan<Self::Details>, PlanError>;

    /// The statements that would make the table fit, and how each column is stored (`--plan`).
    fn explain(&self, plan: &Plan<Self::Details>) -> String;

    /// The newest state of each pipeline, as it was stored, with the pipeline's name before it, in the order of the names;
    /// none where states are not stored.
    ///
    /// # Errors
    /// Those of the database.
    fn states(&mut self, target: Target) -> Result<Vec<(String, String)>, Fault>;

    /// The loads of a table that are in the ledger, oldest first; none without a ledger.
    ///
    /// # Errors
    /// Those of the database.
    fn runs(&mut self, target: Target) -> Result<Vec<Run>, Fault>;

    /// Makes a table exist and fit where that has to be committed on its own; also called in the transaction, for a
    /// target that appears late.
    ///
    /// # Errors
    /// Those of the database.
    fn prepare(&mut self, plan: &mut Plan<Self::Details>) -> Result<(), Fault>;

    /// Makes a table whose records have got other columns fit, in the load's transaction, which has finished with it as it
    /// was and opens it again.
    ///
    /// # Errors
    /// Those of the database.
    fn evolve(&mut self, plan: &mut Plan<Self::Details>) -> Result<(), Fault>;

    /// Opens the load's transaction. What an earlier attempt left behind is discarded.
    ///
    /// # Errors
    /// Those of the database.
    fn begin(&mut self) -> Result<(), Fault>;

    /// Claims a load id for a table. `None` means that it is ours; otherwise it was loaded before. Without a ledger it
    /// is always ours.
    ///
    /// # Errors
    /// Those of the database.
    fn claim(&mut self, plan: &Arc<Plan<Self::Details>>, load_id: &str) -> Result<Option<Loaded>, Fault>;

    /// [`Sink::claim`] is going to be called for each of these ids of a table, in this order: those of segments that are
    /// held back. A sink that is far away asks for many of them at once.
    ///
    /// # Errors
    /// Those of the database.
    fn expect(&mut self, _plan: &Arc<Plan<Self::Details>>, _load_ids: &[&str]) -> Result<(), Fault> {
        Ok(())
    }

    /// The newest load of a table, of those whose order the ledger knows; `None` without a ledger.
    ///
    /// # Errors
    /// Those of the database.
    fn newest(&mut self, plan: &Plan<Self::Details>) -> Result<Option<Newest>, Fault>;

    /// Makes the table ready for records.
    ///
    /// # Errors
    /// Those of the database.
    fn open(&mut self, plan: &Arc<Plan<Self::Details>>) -> Result<(), Fault>;

    /// Puts the record of a line into the table of this number in one pass, without a row in between; false if that cannot
    /// be done, and nothing was.
    ///
    /// # Errors
    /// The load has failed.
    fn take(&mut self, _table: usize, _checker: &mut Checker, _line: Line<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    /// Puts a record into the table of this number.
    ///
    /// # Errors
    /// The record cannot be a row of the table, or the load has failed.
    fn record(&mut self, table: usize, row: &Row<'_>, line: Line<'_>) -> Result<(), Refused>;

    /// Puts all records of a table in place and says what became of them. `new` is called for each record that is a new
    /// row, with its position, from 0, among those that [`Sink::record`] took for this table; it is `None` if nobody
    /// asks. `refuse` is called for each one that the database refuses; it is `None` if the load fails then.
    ///
    /// # Errors
    /// Those of the database.
    fn finish(
        &mut self,
        table: usize,
        new: Option<&mut dyn FnMut(u64)>,
        refuse: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, Fault>;

    /// Deletes the rows of a table that do not stay; in mode history their current versions end. After [`Sink::finish`].
    ///
    /// # Errors
    /// Those of the database; 3 if rows cannot be deleted.
    fn sweep(&mut self, table: usize, stay: &Stay) -> Result<Swept, Fault>;

    /// Completes rows of the ledger; called any number of times, since a load may have many. All rows of a load get
    /// the same place in the order of loads, the next one. They are those that were claimed, and in a replacement also
    /// those of earlier loads that are put in again.
    ///
    /// # Errors
    /// Those of the database.
    fn complete(&mut self, entries: &[Entry<'_>]) -> Result<(), Fault>;

    /// Forgets old loads of the tables: the last statements before the commit.
    ///
    /// # Errors
    /// Those of the database.
    fn prune(&mut self) -> Result<(), Fault>;

    /// Commits; no signal interrupts it. If this fails, nothing is committed.
    ///
    /// # Errors
    /// Those of the database.
    fn commit(&mut self) -> Result<(), Fault>;

    /// Gives the transaction up.
    ///
    /// # Errors
    /// Those of the database.
    fn rollback(&mut self) -> Result<(), Fault>;

    /// After a failure, when the whole input can be read again: makes another attempt possible, or returns the failure.
    /// It may be one that has nothing to do with the sink, such as a record that is refused or an output that cannot be
    /// written.
    ///
    /// # Errors
    /// The failure, if another attempt would do no better.
    fn retry(&mut self, fault: Fault) -> Result<(), Fault> {
        Err(fault)
    }

    /// The record that the last failure of this attempt was about, if the sink knows: the failure's message is about to
    /// get its place and what it has, as far as the load is still held.
    fn culprit(&mut self) -> Option<Culprit> {
        None
    }

    /// The failure that ends the run, with what a sink that cannot roll back adds to it.
    fn give_up(&mut self, fault: Fault) -> Fault {
        fault
    }
}
