//! What is done when the server or the connection fails: trying again, and finding out what became of a COMMIT.

use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault};
use etl_postgres::{Error, Session};

use super::Postgres;
use crate::ledger;

/// How long a load that can be replayed is tried again after its first failure.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// How long the outcome of a lost COMMIT is waited for.
const SETTLE_FOR: Duration = Duration::from_secs(120);

/// What makes another attempt possible, after a failure where that is worth while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Remedy {
    /// The connection is lost, and nothing was committed.
    Reconnect,
    /// The server has rolled back, or has to.
    RollBack,
}

impl Postgres<'_> {
    /// The fault of a failed statement. It is remembered whether another attempt may help.
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

    /// A fault that does not say whether the connection is still there.
    pub(super) fn examined(&mut self, fault: Fault) -> Fault {
        if self.is_broken() {
            self.remedy = Some(Remedy::Reconnect);
        }
        fault
    }

    /// The connection broke while COMMIT was under way: asks the ledger what became of it. Inserting the same row waits
    /// for the lost backend to end.
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

    /// Connects again and asks whether a claim is taken.
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
    /// The fault itself, where another attempt cannot help or has been made for long enough.
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
            // Half of it by chance, so that two who met do not meet again.
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
