//! The session with the server, and what happens when it or the server fails: the load is retried, and the outcome of a
//! COMMIT is found out.

use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault};
use etl_postgres::{Error, Name, Session, Settings};

use crate::catalog::{self, Inspected};
use crate::ledger;

/// How often a table is looked up again on a new connection.
const REOPENED: u32 = 3;
/// For how long what was found is not asked for again. The flags' table is looked up before the input is read, and again
/// once the stream has named it: an extractor may take hours until then, but what is there at once is not worth asking
/// twice. Whatever has changed by the load's transaction is found there.
const FRESH: Duration = Duration::from_secs(1);
/// How long a load that can be replayed is retried after its first failure.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// How long to wait for the outcome of a lost COMMIT.
const SETTLE_FOR: Duration = Duration::from_secs(120);

/// What makes another attempt possible, after a failure that is worth retrying.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Remedy {
    /// The connection is lost, and nothing was committed.
    Reconnect,
    /// The transaction was or must be rolled back.
    RollBack,
}

/// A row of the ledger that a transaction has completed.
pub(crate) struct Completed {
    pub(crate) table: Name,
    pub(crate) load_id: String,
    /// Which attempt did: another one may have completed the same row before or after.
    pub(crate) attempt: String,
}

/// A session that can be opened again.
pub(crate) struct Link {
    settings: Settings,
    pub(crate) session: Session,
    remedy: Option<Remedy>,
    /// Since when, and how often, the current load has been retried.
    retried: Option<(Instant, u32)>,
    /// What was found before the load's transaction, under which name, and when.
    found: Option<(Name, Instant, Inspected)>,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// Those of [`Session::connect`].
    pub(crate) fn open(settings: Settings) -> Result<Link, Fault> {
        let session = Session::connect(&settings)?;
        Ok(Link { settings, session, remedy: None, retried: None, found: None })
    }

    /// The server's name, for messages.
    pub(crate) fn name(&self) -> String {
        self.settings.name()
    }

    /// Opens a second session with the same server.
    ///
    /// # Errors
    /// Those of [`Session::connect`].
    pub(crate) fn another(&self) -> Result<Session, Error> {
        Session::connect(&self.settings)
    }

    /// Replaces the session with a new one.
    ///
    /// # Errors
    /// Those of [`Session::connect`].
    pub(crate) fn reopen(&mut self) -> Result<(), Error> {
        self.session = self.another()?;
        Ok(())
    }

    /// Looks up what has this name, on a new connection if it has to be: an extractor may take hours until its first
    /// line, and proxies or firewalls close idle connections.
    ///
    /// # Errors
    /// Those of [`catalog::inspect`].
    pub(crate) fn inspect(&mut self, name: &Name, in_transaction: bool) -> Result<Inspected, Fault> {
        let known = self.found.take().filter(|(known, since, _)| known == name && since.elapsed() < FRESH);
        if let Some((_, _, found)) = known.filter(|_| !in_transaction) {
            return Ok(found);
        }
        for _ in 0..REOPENED {
            match catalog::inspect(&self.session, name) {
                Err(_) if !in_transaction && self.is_broken() => self.reopen()?,
                Err(fault) => return Err(self.examined(fault)),
                Ok(found) => {
                    if !in_transaction {
                        self.found = Some((name.clone(), Instant::now(), found.clone()));
                    }
                    return Ok(found);
                }
            }
        }
        catalog::inspect(&self.session, name)
    }

    /// What was found may have changed.
    pub(crate) fn forget(&mut self) {
        self.found = None;
    }

    /// Runs statements with this method of the session, and notes whether another attempt may help if one fails.
    ///
    /// # Errors
    /// That of the statement that failed.
    pub(crate) fn run<T>(
        &mut self,
        method: fn(&Session, &str, &str) -> Result<T, Error>,
        what: &str,
        sql: &str,
    ) -> Result<T, Fault> {
        method(&self.session, what, sql).map_err(|error| self.failed(what, &error))
    }

    /// The fault of a failed statement. Notes whether another attempt may help.
    pub(crate) fn failed(&mut self, what: &str, error: &Error) -> Fault {
        self.note(error);
        error.about(what)
    }

    /// Notes whether another attempt may help after this error.
    pub(crate) fn note(&mut self, error: &Error) {
        if error.is_lost() {
            self.remedy = Some(Remedy::Reconnect);
        } else if error.is_rolled_back() {
            self.remedy = Some(Remedy::RollBack);
        }
    }

    /// Whether the connection is lost. Asks the server.
    pub(crate) fn is_broken(&self) -> bool {
        self.session.batch("the connection", "").is_err_and(|error| error.is_lost())
    }

    /// Finds out, for a fault that does not say so, whether the connection is lost.
    pub(crate) fn examined(&mut self, fault: Fault) -> Fault {
        if self.is_broken() {
            self.remedy = Some(Remedy::Reconnect);
        }
        fault
    }

    /// Notes that the transaction must be rolled back, and that another attempt may help.
    pub(crate) fn must_roll_back(&mut self) {
        self.remedy = Some(Remedy::RollBack);
    }

    /// A load was committed: retries begin anew with the next one.
    pub(crate) fn committed(&mut self) {
        self.retried = None;
    }

    /// Asks the ledger what became of a COMMIT during which the connection broke. Inserting the same row waits for the
    /// lost session to end. `completed` is a row that the transaction completed.
    ///
    /// # Errors
    /// 75 if nothing was committed, or if that cannot be found out.
    pub(crate) fn settle(&mut self, lost: &Error, completed: Option<&Completed>) -> Result<(), Fault> {
        let nothing = |why: &str| Fault::new(Class::Transient, why.to_owned());
        let Some(Completed { table, load_id, attempt, .. }) = completed else {
            self.remedy = Some(Remedy::Reconnect);
            return Err(nothing("the connection was lost during COMMIT; nothing was to be committed"));
        };
        log::warn!("{}; asking the ledger what became of it", lost.about("COMMIT").message());
        let settle = ledger::settle(table, load_id)?;
        let started = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let left = SETTLE_FOR.saturating_sub(started.elapsed()).as_millis().max(1000);
            let settle = format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {left}; {settle}"
            );
            match self.ask(&settle, attempt) {
                Ok(true) => {
                    log::info!("it was committed");
                    return Ok(());
                }
                Ok(false) => {
                    self.remedy = Some(Remedy::RollBack);
                    return Err(nothing("the connection was lost during COMMIT, and nothing was committed"));
                }
                Err(error) if started.elapsed() < SETTLE_FOR && error.is_transient() => {
                    log::debug!("{error}");
                    thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) => {
                    let unknown = format!(
                        "the connection was lost during COMMIT, and it is not known whether load {load_id} is in table {}; \
                         a run with the same load id, or of the same sealed stream, settles it",
                        table.text()
                    );
                    return Err(Fault::new(Class::Transient, unknown).because(Fault::from(error)));
                }
            }
        }
    }

    /// Finds out whether a transaction can be had: a pool may refuse them, and its reason can be lost when it closes the
    /// connection under a longer request.
    fn probe(&self) -> Result<(), Error> {
        self.session.batch("the connection", "BEGIN")?;
        self.session.batch("the connection", "ROLLBACK")
    }

    /// Connects again and asks whether it was this attempt that completed the row.
    fn ask(&mut self, settle: &str, attempt: &str) -> Result<bool, Error> {
        self.reopen()?;
        let results = self.session.results("the ledger", settle)?;
        let row = results.last().and_then(|rows| rows.first());
        let committed = row.and_then(|row| row.get(0)) == Some(attempt);
        self.session.batch("the ledger", "ROLLBACK")?;
        Ok(committed)
    }

    /// Makes another attempt possible: rolls back, or connects again.
    ///
    /// # Errors
    /// The fault itself, if another attempt cannot help or there have been attempts for long enough.
    pub(crate) fn recover(&mut self, fault: Fault) -> Result<(), Fault> {
        let Some(mut remedy) = self.remedy.take() else { return Err(fault) };
        let mut unreachable: Option<String> = None;
        loop {
            let (since, times) = *self.retried.get_or_insert((Instant::now(), 0));
            if since.elapsed() > RETRY_FOR {
                return Err(match unreachable {
                    Some(why) => {
                        Fault::new(Class::Transient, format!("{}, and since then {why}", fault.message()))
                    }
                    None => fault,
                });
            }
            self.retried = Some((since, times + 1));
            log::warn!("{}; trying again", unreachable.as_deref().unwrap_or(fault.message()));
            // Half of the pause is random, so that two loads that collided do not collide again.
            let longest = (50_u64 << times.min(7)).min(5000);
            thread::sleep(Duration::from_millis(longest / 2 + fastrand::u64(..=longest / 2)));
            if remedy == Remedy::RollBack {
                match self.session.batch("ROLLBACK", "ROLLBACK") {
                    Ok(()) => return Ok(()),
                    Err(_) => remedy = Remedy::Reconnect,
                }
            }
            match self.reopen().and_then(|()| self.probe()) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_transient() => unreachable = Some(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
