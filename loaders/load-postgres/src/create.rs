//! `--create`, `--evolve` and the ledger, in short transactions of their own, so that no reader waits for a load.

use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault};
use etl_load::{Changes, Settings};
use etl_postgres::names::quote_literal;
use etl_postgres::{Error, Name, Session};
use etl_schema::quote_ident;
use etl_stream::counted;

use crate::ledger;
use crate::plan::{self, TablePlan};
use crate::target::what;

/// How long a statement may wait for a lock: everybody who comes later waits behind it.
const LOCK_TIMEOUT: &str = "2s";
/// How long attempts are repeated.
const PATIENCE: Duration = Duration::from_secs(60);

/// Creates or changes the table and the ledger as the plan needs, and plans again. If two loads do so at once, both
/// succeed.
///
/// # Errors
/// 75 if the locks could not be obtained; otherwise those of the server and of [`plan::plan`].
pub(crate) fn make(session: &Session, planned: &mut TablePlan, settings: &Settings) -> Result<(), Fault> {
    let (started, what) = (Instant::now(), what(planned));
    let changes = loop {
        match attempt(session, planned, settings) {
            Ok(Made::Ledger) => {
                // The rest is compared again when the table is opened.
                planned.details.ledger = true;
                return Ok(());
            }
            Ok(Made::All(changes)) => break changes,
            Err(Setback::Final(fault)) => return Err(fault),
            Err(Setback::Locked(fault)) => {
                session.batch(&what, "ROLLBACK")?;
                if started.elapsed() > PATIENCE {
                    return Err(fault);
                }
                log::info!("{}; trying again", fault.message());
                thread::sleep(Duration::from_millis(fastrand::u64(200..800)));
            }
        }
    };
    let plan = plan::plan(session, planned.details.target.clone(), settings).map_err(Fault::from)?;
    if !plan.details.is_ready() {
        let message = format!("{what} was changed by somebody else at the same time");
        return Err(Fault::new(Class::Transient, message));
    }
    *planned = TablePlan { changes, ..plan };
    Ok(())
}

/// What an attempt has made.
enum Made {
    /// The ledger, and nothing else was missing.
    Ledger,
    /// What was missing by then, and what that changed about a table that existed.
    All(Changes),
}

/// Why an attempt failed.
enum Setback {
    /// Another attempt would fail in the same way.
    Final(Fault),
    /// A lock could not be obtained in time.
    Locked(Fault),
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Setback {
        Setback::Final(fault)
    }
}

impl From<Error> for Setback {
    fn from(error: Error) -> Setback {
        if error.is_lock_timeout() { Setback::Locked(error.into()) } else { Setback::Final(error.into()) }
    }
}

fn attempt(session: &Session, planned: &TablePlan, settings: &Settings) -> Result<Made, Setback> {
    let (name, what) = (&planned.details.name, what(planned));
    let run_for = |what: &str, sql: &str| {
        session.batch(what, sql).map_err(|error| {
            // No data are involved yet: a name or a description has characters that the database's encoding lacks.
            if error.is_data() { Fault::config(error.to_string()).into() } else { Setback::from(error) }
        })
    };
    let run = |sql: &str| run_for(&what, sql);
    let mut locks = String::new();
    if !planned.details.ledger {
        locks += &lock(&name.sibling(ledger::TABLE));
    }
    locks += &lock(name);
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
         SET LOCAL statement_timeout = 0; {locks}"
    );
    if planned.details.lacks_only_ledger() {
        let ledger = quote_literal(&name.sibling(ledger::TABLE).sql());
        let lacks = session.rows(&what, &format!("{begin} SELECT 1 WHERE to_regclass({ledger}) IS NULL"))?;
        if !lacks.is_empty() {
            run(&format!("{} COMMIT", ledger::ddl(name)))?;
            return Ok(Made::Ledger);
        }
    } else {
        run(&begin)?;
    }
    // Another load may have done it before this one got the lock.
    let plan = plan::plan(session, planned.details.target.clone(), settings).map_err(Fault::from)?;
    if let Some(schema) = plan.details.name.schema.as_deref().filter(|_| plan.details.makes_schema) {
        run(&format!("CREATE SCHEMA IF NOT EXISTS {}", quote_ident(schema)))?;
    }
    let mut forgotten = 0;
    if !plan.details.ledger {
        run(&ledger::ddl(name))?;
    } else if plan.details.table.is_none() {
        forgotten = session.count(&what, &ledger::forget(name))?;
    }
    let statements = plan::statements(&plan);
    for (what, statement) in &statements {
        run_for(what, statement)?;
    }
    if !statements.is_empty() {
        comment(session, &what, &plan::comments(&plan))?;
    }
    run("COMMIT")?;
    if forgotten > 0 {
        let loads = counted(forgotten, "load", "loads");
        log::warn!("{what} is gone; the ledger forgets {loads} into it, to be loaded again");
    }
    if plan.details.table.is_none() {
        log::info!("{what} created");
    } else if !plan.changes.is_empty() {
        log::info!("{what}: {}", plan.changes);
    }
    Ok(Made::All(plan.changes))
}

/// Sets comments. One that the server refuses, because the database's encoding lacks a character of it, is left out.
fn comment(session: &Session, what: &str, comments: &[String]) -> Result<(), Error> {
    let all_or_nothing = |comments: &[String]| {
        session.batch(what, "SAVEPOINT comments")?;
        match session.batch(what, &comments.concat()) {
            Err(error) if error.is_data() => {
                session.batch(what, "ROLLBACK TO SAVEPOINT comments")?;
                Ok(Some(error))
            }
            done => done.map(|()| None),
        }
    };
    if all_or_nothing(comments)?.is_none() {
        return Ok(());
    }
    for comment in comments {
        if let Some(error) = all_or_nothing(std::slice::from_ref(comment))? {
            log::warn!("a comment is left out: {error}");
        }
    }
    Ok(())
}

/// A lock on a name, whether such a table exists or not.
fn lock(name: &Name) -> String {
    let name = quote_literal(&format!("standpipe {}", name.sql()));
    format!("SELECT pg_advisory_xact_lock(hashtextextended({name}, 0));")
}
