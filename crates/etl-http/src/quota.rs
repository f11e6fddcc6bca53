//! How many requests a service allows in a window of time, counted in a file that short-lived containers share.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault, counted};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::file::replace;

/// How often another run's lock is looked at. It is held for as long as a small file takes to be written.
const POLL: Duration = Duration::from_millis(10);

/// What a service allows, as its documentation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The number of requests, retries included.
    pub calls: u32,
    /// The window they are counted in.
    pub per: Per,
}

/// The windows that services count by. They start with the minute, the hour or the day, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Per {
    fn seconds(self) -> i64 {
        match self {
            Per::Minute => 60,
            Per::Hour => 60 * 60,
            Per::Day => 24 * 60 * 60,
        }
    }
}

impl fmt::Display for Quota {
    /// `25 requests a day`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Per::Minute => "a minute",
            Per::Hour => "an hour",
            Per::Day => "a day",
        };
        write!(f, "{} {per}", counted(self.calls.into(), "request", "requests"))
    }
}

/// What the file holds: `{"per_seconds":86400,"since":"2026-11-27T00:00:00Z","calls":12}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    per_seconds: i64,
    since: Timestamp,
    calls: u32,
}

/// The file of `--quota`, and the quota that it is compared with.
pub(crate) struct Ledger {
    path: PathBuf,
    pub(crate) quota: Quota,
}

impl Ledger {
    /// A symbolic link is followed, so that all runs that share the file share its lock.
    pub(crate) fn new(path: PathBuf, quota: Quota) -> Ledger {
        Ledger { path: fs::canonicalize(&path).unwrap_or(path), quota }
    }

    /// Takes one request from the quota; if none is left, returns when the next window starts. Other runs are waited
    /// for, at most for `patience`.
    ///
    /// # Errors
    /// 78 if the file is not such a ledger, 74 if it cannot be read, locked or written, 75 if another run holds it too long.
    pub(crate) fn take(&self, now: Timestamp, patience: Duration) -> Result<Option<Timestamp>, Fault> {
        // Held until the file is closed, even if that is because the process was killed.
        let Some(_lock) = self.lock(patience).map_err(|error| self.unusable(error))? else {
            let message =
                format!("--quota {}: another run holds its lock beyond --deadline", self.path.display());
            return Err(Fault::new(Class::Transient, message));
        };
        let per_seconds = self.quota.per.seconds();
        let into = SignedDuration::from_secs(now.as_second().rem_euclid(per_seconds));
        let since = Timestamp::from_second(now.as_second()).unwrap_or(now) - into;
        let fresh = Window { per_seconds, since, calls: 0 };
        let mut window = self.read()?.filter(|window| window.since == since).unwrap_or(fresh);
        if window.calls >= self.quota.calls {
            return Ok(Some(since + SignedDuration::from_secs(per_seconds)));
        }
        window.calls += 1;
        let text = serde_json::to_string(&window).map_err(io::Error::other);
        text.and_then(|text| replace(&self.path, format!("{text}\n").as_bytes()))
            .map_err(|error| self.unusable(error))?;
        Ok(None)
    }

    /// The lock is a file of its own: the ledger is replaced as a whole, so that it is never half written, and a lock
    /// on it would stay with the older file.
    fn lock(&self, patience: Duration) -> io::Result<Option<File>> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if since.elapsed() < patience => thread::sleep(POLL),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn read(&self) -> Result<Option<Window>, Fault> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unusable(error)),
        };
        let corrupt = |what: &str| Fault::config(format!("--quota {}: {what}", self.path.display()));
        let window: Window = serde_json::from_slice(&text)
            .map_err(|error| corrupt("not a file that --quota has written").because(error))?;
        match window.per_seconds == self.quota.per.seconds() {
            true => Ok(Some(window)),
            false => Err(corrupt("counts the requests of another service: its quota has another period")),
        }
    }

    fn unusable(&self, error: io::Error) -> Fault {
        Fault::new(Class::Io, format!("--quota {} cannot be used", self.path.display())).because(error)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(300);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ledger(folder: &tempfile::TempDir, calls: u32, per: Per) -> Ledger {
        Ledger::new(folder.path().join("quota"), Quota { calls, per })
    }

    #[test]
    fn each_window_grants_the_quota_anew() {
        let folder = tempfile::tempdir().unwrap();
        for (per, now, until) in [
            (Per::Minute, "2026-11-27T10:20:59.9Z", "2026-11-27T10:21:00Z"),
            (Per::Hour, "2026-11-27T10:20:30Z", "2026-11-27T11:00:00Z"),
            (Per::Day, "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"),
        ] {
            let ledger = ledger(&folder, 2, per);
            let takes: Vec<_> = (0..3).map(|_| ledger.take(at(now), LONG).unwrap()).collect();
            assert_eq!(takes, [None, None, Some(at(until))], "{per:?}");
            assert_eq!(ledger.take(at(until), LONG).unwrap(), None, "{per:?}");
            fs::remove_file(&ledger.path).unwrap();
        }
    }

    #[test]
    fn the_file_says_what_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder, 25, Per::Day);
        ledger.take(at("2026-11-27T10:20:30Z"), LONG).unwrap();
        ledger.take(at("2026-11-27T10:20:31Z"), LONG).unwrap();
        let text = fs::read_to_string(&ledger.path).unwrap();
        assert_eq!(text, "{\"per_seconds\":86400,\"since\":\"2026-11-27T00:00:00Z\",\"calls\":2}\n");
        assert_eq!(ledger.quota.to_string(), "25 requests a day");
        assert_eq!(Quota { calls: 1, per: Per::Hour }.to_string(), "1 request an hour");
    }

    #[test]
    fn what_is_no_ledger_of_this_quota_is_a_configuration_error() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder, 25, Per::Day);
        let minute = r#"{"per_seconds":60,"since":"2026-11-27T00:00:00Z","calls":2}"#;
        for (text, why) in [
            ("", "not a file that --quota has written"),
            ("{\"per_seconds\":864", "not a file that --quota has written"),
            (minute, "counts the requests of another service: its quota has another period"),
        ] {
            fs::write(&ledger.path, text).unwrap();
            let fault = ledger.take(at("2026-11-27T10:20:30Z"), LONG).unwrap_err();
            let message = format!("--quota {}: {why}", ledger.path.display());
            assert_eq!((fault.class(), fault.message()), (Class::Config, message.as_str()));
            // It is left as it was.
            assert_eq!(fs::read_to_string(&ledger.path).unwrap(), text);
        }
        let nowhere = Ledger::new(folder.path().join("no/quota"), ledger.quota);
        assert_eq!(nowhere.take(at("2026-11-27T10:20:30Z"), LONG).unwrap_err().class(), Class::Io);
    }

    #[test]
    fn runs_at_the_same_time_get_the_quota_once() {
        let folder = tempfile::tempdir().unwrap();
        let now = at("2026-11-27T10:20:30Z");
        let granted = |_| {
            let ledger = ledger(&folder, 20, Per::Day);
            (0..10).filter(|_| ledger.take(now, LONG).unwrap().is_none()).count()
        };
        let total: usize = thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|n| scope.spawn(move || granted(n))).collect();
            runs.into_iter().map(|run| run.join().unwrap()).sum()
        });
        assert_eq!(total, 20);
    }

    #[test]
    fn a_run_that_holds_the_lock_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder, 20, Per::Day);
        let held = ledger.lock(Duration::ZERO).unwrap();
        let now = at("2026-11-27T10:20:30Z");
        let fault = ledger.take(now, Duration::ZERO).unwrap_err();
        let message =
            format!("--quota {}: another run holds its lock beyond --deadline", ledger.path.display());
        assert_eq!((fault.class(), fault.message()), (Class::Transient, message.as_str()));
        drop(held);
        assert_eq!(ledger.take(now, Duration::ZERO).unwrap(), None);
    }

    #[test]
    fn the_file_behind_a_link_is_the_ledger_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("shared"), folder.path().join("link"));
        let (now, quota) = (at("2026-11-27T10:20:30Z"), Quota { calls: 9, per: Per::Day });
        Ledger::new(file.clone(), quota).take(now, LONG).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Ledger::new(link.clone(), quota).take(now, LONG).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&file).unwrap().contains("\"calls\":2"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o666);
    }
}
