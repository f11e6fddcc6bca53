//! A table is opened: locked, compared with its plan, emptied if it is to be replaced.

use std::sync::Arc;

use etl_component::{Class, Fault};
use etl_load::Mode;
use etl_postgres::Session;

use super::{Postgres, Table};
use crate::catalog;
use crate::feed::Destination;
use crate::plan::TablePlan;
use crate::row::RowEncoder;
use crate::stage::{self, Stage, has_room};
use crate::target::{self, what};

impl Postgres<'_> {
    /// Locks a table and makes it ready for records.
    pub(super) fn open_table(&mut self, plan: &Arc<TablePlan>) -> Result<Table, Fault> {
        self.end_copy()?;
        let (name, what, replaces) = (&plan.details.name, what(plan), plan.mode == Mode::Replace);
        // Whoever writes into a partition does not lock the whole table, so a load that is all the table is to have locks the
        // partitions, too; and so does one of versions, of which each follows the one before.
        let keeps_versions = plan.mode == Mode::History;
        let lock = if replaces || keeps_versions || self.settings.absent_rows.is_some() {
            format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", plan.details.own_rows())
        } else {
            format!("LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE", name.sql())
        };
        // What is asked in the same message sees what was committed while the lock was waited for.
        let sql = format!("{lock};{}", catalog::question(name));
        let results = self.link.run(Session::results, &what, &sql)?;
        let now = catalog::answer(&self.link.session, name, &results);
        let now = now.map_err(|fault| self.link.examined(fault))?;
        if plan.details.table != now {
            self.link.must_roll_back();
            return Err(Fault::new(Class::Transient, format!("{what} was changed just before the load")));
        }
        let aside = self.settings.sets_aside() && has_room(plan);
        let needs_stage = plan.details.is_staged(plan.mode, &plan.schema);
        let staged = aside || needs_stage;
        // Once the table is locked, so that of two loads the later one has the later time.
        let time = match keeps_versions {
            true => {
                let rows = self.link.run(Session::rows, &what, "SELECT clock_timestamp()")?;
                rows.first().and_then(|row| row.get(0)).map(str::to_owned)
            }
            false => None,
        };
        let stage = staged.then(|| Stage::new(plan, self.tables.len(), aside, time));
        let columns = plan.details.fields.iter().map(target::quoted);
        let destination =
            |relation: &str, copy| Destination { what: what.clone(), relation: relation.to_owned(), copy };
        let own = destination(&name.table, target::copy(&name.sql(), columns));
        let of_stage = stage.as_ref().map(|stage| destination(stage.relation(), stage.copy(plan)));
        let (mut replaced, mut current) = (None, None);
        if keeps_versions && self.settings.absent_rows.is_some() && self.settings.max_shrink.is_some() {
            let (rows, is_current) = (plan.details.own_rows(), stage::is_current(plan));
            let count = format!("SELECT count(*) FROM {rows} old WHERE {is_current}");
            current = Some(self.link.run(Session::number, &what, &count)?);
        }
        if replaces {
            if now.as_ref().is_some_and(|table| table.children) {
                log::warn!("{what}: the tables that inherit from it keep their rows");
            }
            let delete = format!("DELETE FROM {}", plan.details.own_rows());
            replaced = Some(self.link.run(Session::count, &what, &delete)?);
        }
        if let Some(stage) = &stage {
            if aside {
                // What is refused only at the commit could not be set aside.
                let rows = self.link.run(Session::rows, &what, &stage::deferrable(plan))?;
                if let Some(names) = rows.first().and_then(|row| row.get(0)) {
                    self.link.run(Session::batch, &what, &format!("SET CONSTRAINTS {names} IMMEDIATE"))?;
                }
            }
            self.link.run(Session::batch, &what, &stage.create(plan))?;
        }
        if replaces && now.is_some_and(|table| table.delete_veto) {
            let left = format!("SELECT count(*) FROM (SELECT FROM {} LIMIT 1) rows", plan.details.own_rows());
            if self.link.run(Session::number, &what, &left)? > 0 {
                let message = format!("{what}: a trigger on the table keeps rows from being deleted");
                return Err(Fault::data(message));
            }
        }
        let numbered = stage.as_ref().is_some_and(Stage::numbered);
        let named = stage.as_ref().and_then(|stage| stage.named(plan));
        let encoder = |numbered, named| RowEncoder::new(&plan.name, &plan.details.fields, numbered, named);
        let (destination, encoder, ahead) = match of_stage {
            // The stage is for what the target refuses.
            Some(of_stage) if !needs_stage => {
                (own, encoder(false, None), Some((of_stage, encoder(numbered, named))))
            }
            Some(of_stage) => (of_stage, encoder(numbered, named), None),
            None => (own, encoder(false, None), None),
        };
        let keys = stage.as_ref().and_then(|stage| stage.keys(plan));
        let plan = Arc::clone(plan);
        Ok(Table {
            plan,
            destination,
            stage,
            keys,
            encoder,
            fed: 0,
            there: 0,
            ahead,
            placed: 0,
            replaced,
            current,
        })
    }
}
