//! The rows of the ledger that belong to a load: claimed as its segments come, completed together.

use std::collections::HashMap;
use std::sync::Arc;

use etl_component::{Fault, random_id};
use etl_load::Entry;
use etl_postgres::{Error, Session};

use super::Postgres;
use crate::ledger;
use crate::link::Completed;
use crate::plan::TablePlan;
use crate::target::what;

/// How a load's transaction begins. A load takes as long as its input: no timeout of the server's ends it, not even that
/// of whole transactions, which came with PostgreSQL 17. If the client has vanished, its session must not
/// hold locks for hours or go on working (chapter 20.3.2; the check came with PostgreSQL 14 and does not work
/// everywhere). Waits are logged but not limited. What is reported as committed is on disk.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
      set_config('idle_in_transaction_session_timeout', '0', true), set_config('tcp_keepalives_idle', '30', true),
      set_config('tcp_keepalives_interval', '10', true), set_config('tcp_keepalives_count', '3', true),
      set_config('jit', 'off', true),
      CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN set_config('transaction_timeout', '0', true) END,
      CASE WHEN current_setting('server_version_num')::int >= 140000 AND version() LIKE '%linux%'
        THEN set_config('client_connection_check_interval', '2s', true) END,
      CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'local', true) END;";

/// How many load ids are claimed in one message. The answer has the states of those that were loaded before.
const CLAIMED: usize = 256;

/// Statements that complete rows of the ledger and are still to be sent, together with what follows.
#[derive(Default)]
pub(super) struct Pending {
    sql: String,
    /// How many rows each must affect.
    rows: Vec<u64>,
}

impl Postgres<'_> {
    /// The load id of a table whose turn it is, and those that are expected after it.
    pub(super) fn next_ids(&mut self, table: &str, load_id: &str) -> Vec<String> {
        match self.expected.get_mut(table).filter(|ids| ids.front().is_some_and(|next| next == load_id)) {
            Some(ids) => ids.drain(..ids.len().min(CLAIMED)).collect(),
            None => vec![load_id.to_owned()],
        }
    }

    /// Claims load ids for a table in one message, which begins the transaction if need be.
    ///
    /// # Errors
    /// Those of the server; 3 for an id that it cannot store.
    pub(super) fn claim_rows(&mut self, plan: &Arc<TablePlan>, load_ids: &[String]) -> Result<(), Fault> {
        self.end_copy()?;
        let mut sql = if self.in_transaction { String::new() } else { BEGIN.to_owned() };
        if self.settings.stamp {
            sql += "SELECT (extract(epoch FROM now()) * 1000000)::bigint;";
        }
        sql += &ledger::claim(&plan.details.name, load_ids)?;
        let what = match load_ids {
            [load_id] => format!("load id {load_id}, {}", what(plan)),
            _ => format!("the ids of {} segments, {}", load_ids.len(), what(plan)),
        };
        let results = self.link.run(Session::results, &what, &sql)?;
        self.in_transaction = true;
        if self.settings.stamp {
            // The result before that of the claim.
            let now = results.iter().nth_back(1).and_then(|rows| rows.first()?.get(0)?.parse().ok());
            self.stamp.loaded_at = now.ok_or_else(|| Error::unexpected(&what))?;
        }
        let mut loaded: HashMap<_, _> =
            results.last().into_iter().flat_map(|rows| ledger::loaded(rows)).collect();
        for load_id in load_ids {
            let key = (plan.name.clone(), load_id.clone());
            self.known.insert(key, loaded.remove(load_id));
        }
        Ok(())
    }

    /// Notes what completes rows of the ledger, to be sent with what follows.
    ///
    /// # Errors
    /// Those of the server.
    pub(super) fn complete_rows(&mut self, entries: &[Entry<'_>]) -> Result<(), Fault> {
        let Some(first) = entries.first() else { return Ok(()) };
        self.send_pending("")?;
        if self.completed.is_none() {
            let attempt = random_id()?;
            let plan = self.targets.iter().find(|plan| plan.name == first.target);
            self.completed = plan.map(|plan| {
                let (table, load_id) = (plan.details.name.clone(), first.load_id.to_owned());
                Completed { table, load_id, attempt }
            });
            // It selects one row.
            let order = ledger::take_order(self.targets.iter().map(|plan| &plan.details.name));
            self.pending = Pending { sql: order + ";", rows: vec![1] };
        }
        let Some(Completed { attempt, .. }) = &self.completed else { return Ok(()) };
        for entries in entries.chunk_by(ledger::complete_together) {
            let target = entries[0].target;
            let Some(plan) = self.targets.iter().find(|plan| plan.name == target) else { continue };
            self.pending.sql += &ledger::complete(&plan.details.name, entries, attempt);
            self.pending.sql.push(';');
            self.pending.rows.push(entries.len() as u64);
        }
        Ok(())
    }

    /// Completes the rows of the ledger that are still to be completed, and then does this, in one message.
    pub(super) fn send_pending(&mut self, then: &str) -> Result<(), Fault> {
        let Pending { sql, rows } = std::mem::take(&mut self.pending);
        if sql.is_empty() && then.is_empty() {
            return Ok(());
        }
        let counts = self.link.run(Session::counts, "the ledger", &(sql + then))?;
        if !counts.starts_with(&rows) {
            let why = "the ledger does not have the row of this load: a trigger or a policy on it keeps the row out";
            return Err(Fault::config(why));
        }
        Ok(())
    }
}
