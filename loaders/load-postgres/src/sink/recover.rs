//! What happens when the server or the connection fails: the load is retried, and the outcome of a COMMIT is found out.

use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault};
use etl_postgres::{Error, Session};

use super::Postgres;
use crate::ledger;

/// How long a load that can be replayed is retried after its first failure.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// How long to wait for the outcome of a lost COMMIT.
const SETTLE_FOR: Duration = Duration::from_secs(120);

/// What makes another attempt possible, after a failure that is worth retrying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Remedy {
    /// The connection is lost, and nothing was committed.
    Reconnect,
    /// The transaction was or must be rolled back.
    RollBack,
}

impl Postgres<'_> {
    /// The fault of a failed statement. Notes whether another attempt may help.
    pub(super) fn failed(&mut self, what: &str, error: &Error) -> Fault {
        self.note(error);
        error.about(what)
    }

    pub(super) fn note(&mut self, error: &Error) {
        if error.is_lost() {
            self.remedy = Some(Remedy::Reconnect);
        } else if error.is_rolled_back() {
            self.remedy = Some(Remedy::RollBack);
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.session.batch("the connection", "").is_err_and(|error| error.is_lost())
    }

    /// Finds out, for a fault that does not say so, whether the connection is lost.
    pub(super) fn examined(&mut self, fault: Fault) -> Fault {
        if self.is_broken() {
            self.remedy = Some(Remedy::Reconnect);
        }
        fault
    }

    /// Asks the ledger what became of a COMMIT during which the connection broke. Inserting the same row waits for the
    /// lost session to end.
    pub(super) fn settle(&mut self, lost: &Error) -> Result<(), Fault> {
        let nothing = |why: &str| Fault::new(Class::Transient, why.to_owned());
        let Some((table, load_id)) = self.claimed.clone() else {
            self.remedy = Some(Remedy::Reconnect);
            return Err(nothing("the connection was lost during COMMIT; nothing was to be committed"));
        };
        log::warn!("{}; asking the ledger what became of it", lost.about("COMMIT").message());
        let claim = ledger::claim(&table, &load_id)?;
        let started = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let left = SETTLE_FOR.saturating_sub(started.elapsed()).as_millis().max(1000);
            match self.ask(&format!("BEGIN; SET LOCAL statement_timeout = {left}; {claim}")) {
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
                        "the connection was lost during COMMIT, and whether load {load_id} is in table {} is not known; \
                         a run with the same load id, or of the same sealed stream, settles it",
                        table.text()
                    );
                    return Err(Fault::new(Class::Transient, unknown).because(Fault::from(error)));
                }
            }
        }
    }

    /// Connects again and asks whether the load id is in the ledger.
    fn ask(&mut self, claim: &str) -> Result<bool, Error> {
        self.session = Session::connect(&self.connection)?;
        let rows = self.session.rows("the ledger", claim)?;
        let committed = ledger::loaded(&rows).is_some();
        self.session.batch("the ledger", "ROLLBACK")?;
        Ok(committed)
    }

    /// Makes another attempt possible: rolls back, or connects again.
    ///
    /// # Errors
    /// The fault itself, if another attempt cannot help or there have been attempts for long enough.
    pub(super) fn recover(&mut self, fault: Fault) -> Result<(), Fault> {
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
            self.feed = None;
            if remedy == Remedy::RollBack {
                match self.session.batch("ROLLBACK", "ROLLBACK") {
                    Ok(()) => return Ok(()),
                    Err(_) => remedy = Remedy::Reconnect,
                }
            }
            match Session::connect(&self.connection) {
                Ok(session) => {
                    self.session = session;
                    return Ok(());
                }
                Err(error) if error.is_transient() => unreachable = Some(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
