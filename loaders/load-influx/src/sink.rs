//! InfluxDB as a sink: no transactions, and a point that is sent twice is stored once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::Fault;
use etl_load::args::Task;
use etl_load::{
    Counts, Culprit, Entry, Loaded, Newest, PlanError, Refuse, Refused, Settings, Sink, Stay, Swept, Target,
};
use etl_schema::{Checker, Names, Row, Schema};
use etl_stream::{Line, Stream, counted};

use crate::batch::Batch;
use crate::flight::Flight;
use crate::line::{Encoder, Parts, Point};
use crate::plan::{self, Plan};
use crate::reply::Server;
use crate::send::Sender;
use crate::settings::Database;
use crate::spool::Spool;
use crate::tally::Tally;

/// How many points that overwrite others are reported one by one.
const TOLD: u64 = 3;

/// A server that accepts points.
pub(crate) struct Influx {
    database: Arc<Database>,
    tally: Arc<Mutex<Tally>>,
    flight: Flight,
    spool: Option<Spool>,
    server: Server,
    batch: Batch,
    /// The line of the current point, and its parts on their way into it.
    line: Vec<u8>,
    parts: Parts,
    tables: Vec<Table>,
    /// Whether the load has failed because points were refused; the message then already says what became of all.
    told: bool,
}

struct Table {
    plan: Arc<Plan>,
    points: u64,
    /// Points that a later one in the same batch overwrites.
    superseded: u64,
    /// Values that are null in records, and so in no point.
    nulls: u64,
}

impl Influx {
    /// Asks the server whether it would accept points, unless the task is only to say what they would be.
    ///
    /// # Errors
    /// 77 if it refuses the credentials, 78 if the database is missing, 75 if it cannot be reached.
    pub(crate) fn connect(database: Database, settings: &Settings) -> Result<Influx, Fault> {
        let (database, tally) = (Arc::new(database), Arc::default());
        // A plan asks no server; InfluxDB is what it is for.
        let (mut server, mut spool) = (Server { whole_strings: true, victoria: false }, None);
        if settings.task == Task::Load {
            spool = database.spool.as_deref().map(Spool::create).transpose()?;
            server = Sender::new(&database, &tally, &Arc::default())?.check()?;
            if server.victoria {
                log::info!(
                    "{}: VictoriaMetrics stores only numbers, of a fraction about 13 digits, and times in milliseconds; a \
                     point that is sent again is stored twice unless -dedup.minScrapeInterval is set",
                    database.address()
                );
            }
        }
        let flight = Flight::new(&database, &tally)?;
        let (batch, line, parts, tables, told) = Default::default();
        Ok(Influx { database, tally, flight, spool, server, batch, line, parts, tables, told })
    }

    /// Sends the current batch, or spools it.
    fn give(&mut self) -> Result<(), Fault> {
        if self.batch.points.is_empty() {
            return Ok(());
        }
        match &mut self.spool {
            Some(spool) => {
                spool.push(&self.batch)?;
                self.batch.clear();
            }
            None => self.batch = self.flight.send(std::mem::take(&mut self.batch))?,
        }
        Ok(())
    }

    /// Adds the point of a record, whose line is at hand.
    fn point(&mut self, table: usize, point: &Point, line: Line<'_>) -> Result<(), Fault> {
        let Database { batch_lines, batch_bytes, .. } = *self.database;
        let (points, bytes) = (self.batch.points.len(), self.batch.body.len());
        if points >= batch_lines || points > 0 && bytes + self.line.len() > batch_bytes {
            self.give()?;
        }
        let table = &mut self.tables[table];
        table.points += 1;
        table.nulls += point.nulls;
        if let Some(before) = self.batch.push(&self.line, line.number, point.key) {
            table.superseded += 1;
            if table.superseded <= TOLD {
                log::warn!(
                    "line {}: the point has the same measurement, tags and time as line {before}, whose fields it \
                     overwrites",
                    line.number
                );
            }
        }
        Ok(())
    }

    /// Sends everything and waits for the replies.
    fn flush(&mut self) -> Result<(), Fault> {
        self.give()?;
        if let Some(spool) = &mut self.spool {
            spool.drain(|batch| self.flight.send(batch))?;
        }
        self.flight.land()?;
        let refused = self.tally().refused > 0;
        self.told = refused;
        if refused {
            Err(Fault::data(format!("{}: {}", self.database.address(), self.tally().refusals())))
        } else {
            Ok(())
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Influx {
    type Details = Encoder;

    const PLANS_LAST: bool = true;

    fn name(&self) -> String {
        self.database.address()
    }

    fn table_of(schema: &Schema) -> Option<String> {
        schema.measurement.clone()
    }

    fn table_of_stream(stream: &Stream, names: Names) -> String {
        names.of(&stream.name)
    }

    fn plan(&mut self, target: Target) -> Result<Plan, PlanError> {
        plan::plan(target, self.database.precision, self.server)
    }

    fn explain(&self, plan: &Plan) -> String {
        plan::explain(plan)
    }

    /// A point carries no state, and there is no ledger.
    fn states(&mut self, _: Target) -> Result<Vec<(String, String)>, Fault> {
        Ok(Vec::new())
    }

    /// The server creates a measurement when its first point comes.
    fn prepare(&mut self, _: &mut Plan) -> Result<(), Fault> {
        Ok(())
    }

    /// A measurement has any fields.
    fn evolve(&mut self, _: &mut Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.tally().clear();
        self.batch.clear();
        self.tables.clear();
        self.spool.as_mut().map_or(Ok(()), Spool::clear)
    }

    /// Without a ledger every load is new: a point that is sent again replaces the earlier one.
    fn claim(&mut self, _: &Arc<Plan>, _: &str) -> Result<Option<Loaded>, Fault> {
        Ok(None)
    }

    fn newest(&mut self, _: &Plan) -> Result<Option<Newest>, Fault> {
        Ok(None)
    }

    fn open(&mut self, plan: &Arc<Plan>) -> Result<(), Fault> {
        self.tables.push(Table { plan: Arc::clone(plan), points: 0, superseded: 0, nulls: 0 });
        Ok(())
    }

    fn take(&mut self, table: usize, checker: &mut Checker, line: Line<'_>) -> Result<bool, Fault> {
        let encoder = &self.tables[table].plan.details;
        match encoder.take(checker, line.bytes, &mut self.line, &mut self.parts) {
            Some(point) => self.point(table, &point, line).map(|()| true),
            None => Ok(false),
        }
    }

    fn record(&mut self, table: usize, row: &Row<'_>, line: Line<'_>) -> Result<(), Refused> {
        let point = self.tables[table].plan.details.encode(row, &mut self.line).map_err(Refused::Record)?;
        Ok(self.point(table, &point, line)?)
    }

    fn finish(
        &mut self,
        table: usize,
        _: Option<&mut dyn FnMut(u64)>,
        _: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, Fault> {
        self.flush()?;
        let Table { points, superseded, nulls, .. } = self.tables[table];
        if nulls > 0 {
            let values = counted(nulls, "null value was", "null values were");
            log::info!("{values} left out: a point keeps what an earlier load wrote in such a field");
        }
        Ok(Counts { inserted: points - superseded, superseded, ..Counts::default() })
    }

    /// A measurement has no column of versions.
    fn sweep(&mut self, _: usize, _: &Stay) -> Result<Swept, Fault> {
        Err(Fault::config("points of earlier versions cannot be deleted"))
    }

    /// There is no ledger.
    fn complete(&mut self, _: &[Entry<'_>]) -> Result<(), Fault> {
        Ok(())
    }

    fn prune(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// What was sent and accepted is already stored.
    fn commit(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// What was sent stays; [`Sink::give_up`] says how much that is.
    fn rollback(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// The first of the points that were refused.
    fn culprit(&mut self) -> Option<Culprit> {
        let line = self.told.then(|| self.tally().first()).flatten()?;
        let key = self.tables.iter().flat_map(|table| table.plan.schema.key_names().map(str::to_owned));
        Some(Culprit { line, record: 0, key: key.collect() })
    }

    fn give_up(&mut self, fault: Fault) -> Fault {
        self.flight.give_up();
        if self.told {
            return fault;
        }
        let tally = self.tally();
        let mut more = Vec::new();
        if tally.refused > 0 {
            more.push(tally.refusals());
        } else if tally.stored > 0 {
            let hint = " (--spool DIR keeps points until the stream has ended)";
            let hint = if self.spool.is_none() { hint } else { "" };
            let stay = counted(tally.stored, "point was sent and stays", "points were sent and stay");
            more.push(stay + hint);
        }
        if tally.unanswered > 0 {
            let more_were = counted(tally.unanswered, "more was", "more were");
            more.push(format!("{more_were} sent without a reply and may be stored"));
        }
        more.iter().fold(fault, |fault, more| fault.adding(&format!("; {more}")))
    }
}
