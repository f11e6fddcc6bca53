//! What keeps a table from being emptied, or set back, by accident.

use etl_component::Fault;
use etl_stream::counted;

use super::attempt::Attempt;
use super::table::Table;
use crate::args::Mode;
use crate::sink::{Counts, Loaded, Sink};

impl<S: Sink> Attempt<'_, '_, S> {
    /// Makes sure that every table that is to be replaced will be; false if the newest load of each comes again, so that
    /// nothing is to be done.
    ///
    /// # Errors
    /// 3 if there are no records to replace the rows of a table with; otherwise those of the sink.
    pub(super) fn replace(&mut self) -> Result<bool, Fault> {
        let replaced = |(index, table): (usize, &Table<S::Details>)| table.replaces().then_some(index);
        let replaced: Vec<usize> = self.tables.iter().enumerate().filter_map(replaced).collect();
        let mut news = replaced.iter().any(|&index| self.tables[index].fresh);
        for &index in &replaced {
            news = news || !self.is_newest(index)?;
        }
        for index in replaced {
            self.tables[index].fresh = news;
            if news {
                // A segment without a record is part of the whole, too.
                self.ready(index)?;
                self.check_empty(index)?;
            }
        }
        Ok(news)
    }

    /// Whether the segments at hand, all loaded before, are the newest load of a table.
    fn is_newest(&mut self, table: usize) -> Result<bool, Fault> {
        let Some(newest) = self.sink.newest(&self.tables[table].plan)? else { return Ok(false) };
        let Table { claims, before, .. } = self.tables[table];
        Ok(newest.replaced && newest.rows == claims && before == Some(newest.order))
    }

    /// A table must not lose all its rows to a stream that has none, unless that is allowed.
    pub(super) fn check_empty(&self, table: usize) -> Result<(), Fault> {
        let Table { plan, records, rejected, .. } = &self.tables[table];
        if records > rejected {
            return Ok(());
        }
        let none = match records {
            0 => "there are no records".to_owned(),
            _ => format!(
                "{}, so there are none",
                counted(*rejected, "record was rejected", "records were rejected")
            ),
        };
        let (name, closes) = (&plan.name, plan.mode == Mode::History);
        if self.settings.input.allow_empty {
            let then = if closes {
                "; all current versions end"
            } else {
                " to replace its rows with; the load empties it"
            };
            log::warn!("table {name}: {none}{then}");
            return Ok(());
        }
        let then = match closes {
            true => ", so all current versions would end (--allow-empty ends them)",
            false => " to replace its rows with, so they stay (--allow-empty empties the table)",
        };
        Err(Fault::data(format!("table {name}: {none}{then}")))
    }

    /// `--min-records`: `read` is the number of records of the input.
    pub(super) fn check_records(&self, read: u64) -> Result<(), Fault> {
        let Some(least) = self.settings.min_records else { return Ok(()) };
        let rejected: u64 = self.tables.iter().map(|table| table.rejected).sum();
        let left = read.saturating_sub(rejected);
        if left >= least || !(self.tables.is_empty() || self.tables.iter().any(|table| table.fresh)) {
            return Ok(());
        }
        let besides = if rejected > 0 { format!(" besides {rejected} rejected") } else { String::new() };
        Err(Fault::data(format!(
            "the load has {}{besides}, fewer than --min-records {least}",
            counted(left, "record", "records")
        )))
    }

    /// The guards of a table that has lost rows: of earlier versions, or that the load does not have.
    pub(super) fn check_swept(
        &self,
        table: usize,
        gone: u64,
        (before, left): (u64, u64),
    ) -> Result<(), Fault> {
        let name = &self.tables[table].plan.name;
        if gone > 0 && left == 0 && !self.tables[table].snapshot {
            let gone = counted(gone, "row of an earlier version", "rows of earlier versions");
            if !self.settings.input.allow_empty {
                return Err(Fault::data(format!(
                    "table {name}: there are no records of this version, and all it has is {gone}, so they stay (--allow-empty \
                     empties the table)"
                )));
            }
            log::warn!("table {name}: there are no records of this version; the load empties it of {gone}");
        }
        self.check_shrunk(table, before, left)
    }

    /// `--max-shrink`, of tables that are replaced.
    pub(super) fn check_shrinkage(&self, counts: &[Counts]) -> Result<(), Fault> {
        let mut counts = counts.iter().enumerate();
        counts.try_for_each(|(table, Counts { replaced, inserted, .. })| {
            self.check_shrunk(table, replaced.unwrap_or_default(), *inserted)
        })
    }

    fn check_shrunk(&self, table: usize, before: u64, after: u64) -> Result<(), Fault> {
        let Some(most) = self.settings.max_shrink else { return Ok(()) };
        let lost = before.saturating_sub(after) as f64 * 100.0;
        if lost <= most * before as f64 {
            return Ok(());
        }
        Err(Fault::data(format!(
            "table {}: {} would take the place of {before}, {:.1}% fewer; --max-shrink allows {most}%",
            self.tables[table].plan.name,
            counted(after, "row", "rows"),
            lost / before as f64
        )))
    }

    /// A replacement is left out because of its load id: says so if the table is that of a later load.
    pub(super) fn warn_of_later(
        &mut self,
        table: usize,
        load_id: &str,
        loaded: &Loaded,
    ) -> Result<(), Fault> {
        let table = &self.tables[table];
        if !table.replaces() {
            return Ok(());
        }
        let later = self.sink.newest(&table.plan)?.filter(|newest| newest.order > loaded.order);
        if let Some(newest) = later {
            log::warn!(
                "table {}: load id {load_id} was committed before, and load {} came after it ({}), so its rows stay \
                 (another --load-id loads this one again)",
                table.plan.name,
                newest.load_id,
                newest.loaded_at
            );
        }
        Ok(())
    }
}
