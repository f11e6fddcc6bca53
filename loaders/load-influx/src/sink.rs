//! InfluxDB as a sink: no transactions, and a point that is sent twice is there once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::Fault;
use etl_load::args::Task;
use etl_load::{Counts, Refused, Settings, Sink, Target};
use etl_schema::{Row, Schema};
use etl_stream::Line;

use crate::batch::Batch;
use crate::flight::Flight;
use crate::line::Encoder;
use crate::plan::{self, Plan};
use crate::send::Sender;
use crate::settings::Database;
use crate::spool::Spool;
use crate::tally::Tally;

/// How many points that overwrite others are told one by one.
const TOLD: u64 = 3;

/// A server that takes points.
pub(crate) struct Influx {
    database: Arc<Database>,
    tally: Arc<Mutex<Tally>>,
    flight: Flight,
    spool: Option<Spool>,
    whole_strings: bool,
    batch: Batch,
    line: Vec<u8>,
    tables: Vec<Table>,
    /// The failure at hand is that points were refused, and says what became of all.
    told: bool,
}

#[derive(Clone, Copy, Default)]
struct Table {
    points: u64,
    /// Points that a later one of the same batch overwrites.
    superseded: u64,
}

impl Influx {
    /// Asks the server whether it will take points, unless it is only to be said what they would be.
    ///
    /// # Errors
    /// 77 for credentials it refuses, 78 for a database that is missing, 75 if it cannot be reached.
    pub(crate) fn connect(database: Database, settings: &Settings) -> Result<Influx, Fault> {
        let (database, tally) = (Arc::new(database), Arc::default());
        let (mut whole_strings, mut spool) = (true, None);
        if settings.task == Task::Load {
            spool = database.spool.as_deref().map(Spool::create).transpose()?;
            let server = Sender::new(&database, &tally, &Arc::default())?.check()?;
            if server.victoria {
                log::info!(
                    "{}: VictoriaMetrics keeps numbers and milliseconds; a point sent again is there once only with \
                     its -dedup.minScrapeInterval",
                    database.address()
                );
            }
            whole_strings = server.whole_strings;
        }
        let flight = Flight::new(&database, &tally)?;
        let (batch, line, tables, told) = Default::default();
        Ok(Influx { database, tally, flight, spool, whole_strings, batch, line, tables, told })
    }

    /// Sends the batch at hand, or keeps it.
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

    /// Sends everything and waits for the answers.
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

    fn plan(&mut self, target: Target, _: &Settings) -> Result<Plan, Fault> {
        plan::plan(target, self.database.precision, self.whole_strings)
    }

    fn explain(&self, plan: &Plan) -> String {
        plan::explain(plan)
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.tally().clear();
        self.batch.clear();
        self.tables.clear();
        self.spool.as_mut().map_or(Ok(()), Spool::clear)
    }

    fn open(&mut self, _: &Plan) -> Result<(), Fault> {
        self.tables.push(Table::default());
        Ok(())
    }

    fn record(&mut self, table: usize, plan: &Plan, row: &Row<'_>, line: Line<'_>) -> Result<(), Refused> {
        let key = plan.details.encode(row, &mut self.line).map_err(Refused::Record)?;
        let Database { batch_lines, batch_bytes, .. } = *self.database;
        let (points, bytes) = (self.batch.points.len(), self.batch.body.len());
        if points >= batch_lines || points > 0 && bytes + self.line.len() > batch_bytes {
            self.give()?;
        }
        let table = &mut self.tables[table];
        table.points += 1;
        if let Some(before) = self.batch.push(&self.line, line.number, key) {
            table.superseded += 1;
            if table.superseded <= TOLD {
                log::warn!(
                    "line {}: a point of the same measurement, tags and time as line {before}: its fields take the \
                     place of that one's",
                    line.number
                );
            }
        }
        Ok(())
    }

    fn finish(&mut self, table: usize, _: &Plan, _: Option<&mut dyn FnMut(u64)>) -> Result<Counts, Fault> {
        self.flush()?;
        let Table { points, superseded } = self.tables[table];
        Ok(Counts { inserted: points - superseded, superseded, ..Counts::default() })
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
            let hint = " (--spool DIR keeps them until the stream has ended)";
            let hint = if self.spool.is_none() { hint } else { "" };
            more.push(format!("{} points were sent and stay{hint}", tally.stored));
        }
        if tally.unanswered > 0 {
            more.push(format!("{} more were sent without an answer and may be there", tally.unanswered));
        }
        more.iter().fold(fault, |fault, more| fault.adding(&format!("; {more}")))
    }
}
