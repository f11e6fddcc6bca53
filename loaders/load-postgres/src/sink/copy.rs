//! The COPY under way: into a table, or into its stage.

use etl_component::Fault;
use etl_load::Culprit;
use etl_postgres::Session;
use etl_stream::Line;

use super::{Postgres, Table, merge_failed};
use crate::feed::{self, Destination, Failure, Feed};
use crate::target;

/// The savepoint before a COPY whose rows may have to go into the stage.
const COPIED: &str = "etl_copied";

impl Postgres<'_> {
    /// The COPY into a table: the one under way, or a new one.
    pub(super) fn feed(&mut self, number: usize) -> Result<Box<Feed>, Fault> {
        match self.feed.take() {
            Some(feed) if feed.table == number => Ok(feed),
            other => {
                self.feed = other;
                self.end_copy()?;
                let Table { destination, ahead, .. } = &self.tables[number];
                let (destination, keeps) = (destination.clone(), ahead.is_some());
                if keeps {
                    self.link.run(Session::batch, &destination.what, &format!("SAVEPOINT {COPIED}"))?;
                }
                Ok(Box::new(Feed::start(&self.link.session, destination, number, keeps)))
            }
        }
    }

    /// A row was added to the COPY.
    #[inline]
    pub(super) fn taken(&mut self, mut feed: Box<Feed>, line: Line<'_>) -> Result<(), Fault> {
        match feed.row(line) {
            Ok(is_long) => {
                self.feed = Some(feed);
                if is_long { self.end_copy() } else { Ok(()) }
            }
            Err(error) => {
                let failure = feed.failure(error);
                self.copy_failed(*failure)
            }
        }
    }

    /// Ends the COPY that is under way: the connection can do only one thing at a time.
    pub(super) fn end_copy(&mut self) -> Result<(), Fault> {
        let Some(feed) = self.feed.take() else { return Ok(()) };
        let number = feed.table;
        let (fed, there) = match feed.finish() {
            Ok(counts) => counts,
            Err(failure) => return self.copy_failed(*failure),
        };
        let table = &mut self.tables[number];
        table.fed += fed;
        table.there += there;
        if table.ahead.is_some() {
            let what = table.destination.what.clone();
            self.link.run(Session::batch, &what, &format!("RELEASE SAVEPOINT {COPIED}"))?;
        }
        Ok(())
    }

    /// A COPY has failed. If the server has refused a row that may be set aside, the rows go into the stage, where it is
    /// looked for, and so do all that follow.
    fn copy_failed(&mut self, failure: Failure) -> Result<(), Fault> {
        let table = &mut self.tables[failure.table];
        let refused = failure.error.refused_row().is_some();
        let Some((kept, ahead)) = failure.kept.as_ref().zip(table.ahead.take()).filter(|_| refused) else {
            return Err(self.fault_of(failure));
        };
        let complete = target::complete(&table.plan, table.fed, table.there);
        complete.map_err(|error| merge_failed(&mut self.link, &table.plan, error))?;
        (table.destination, table.encoder) = ahead;
        table.placed = table.fed;
        let (rows, count) = feed::numbered(kept, table.fed);
        table.fed += count;
        let Destination { what, copy, .. } = table.destination.clone();
        let undo = format!("ROLLBACK TO SAVEPOINT {COPIED}; RELEASE SAVEPOINT {COPIED}");
        self.link.run(Session::batch, &what, &undo)?;
        let mut copied = self.link.session.copy_in(&what, copy);
        let copied = copied.send(rows).and_then(|_| copied.finish());
        copied.map(|_| ()).map_err(|error| self.link.failed(&what, &error))
    }

    fn fault_of(&mut self, failure: Failure) -> Fault {
        self.link.note(&failure.error);
        self.culprit = failure.refused.map(|(table, line, record)| {
            let key = self.tables[table].plan.schema.key_names().map(str::to_owned).collect();
            Culprit { line, record, key }
        });
        failure.fault
    }
}
