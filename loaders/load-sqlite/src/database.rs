//! The database file: opening it, transactions, and what its errors mean.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etl_component::rejects::Said;
use etl_component::{Class, Fault};
use etl_load::Refusal;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

/// An open database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    pub(crate) name: String,
    path: PathBuf,
    /// The file that this process opened, and whether it is one that it created.
    file: Option<(u64, u64)>,
    created: bool,
}

/// For how many milliseconds a lock is waited for.
static BUSY_TIMEOUT: AtomicU64 = AtomicU64::new(u64::MAX);

impl Database {
    /// Opens the file, or creates it, and reads its catalog: a file that is not a database, or that we may not read,
    /// fails now.
    pub(crate) fn open(path: &Path, busy_timeout: Duration) -> Result<Database, Fault> {
        set_timeout(busy_timeout);
        let name = name(path)?;
        let created = !std::fs::exists(path).unwrap_or(true);
        let fault = |error| unopened(path, &cannot_open(path), error);
        let connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(fault)?;
        if connection.is_readonly("main").map_err(fault)? {
            return Err(Fault::new(Class::Denied, format!("no permission to write to the database {name}")));
        }
        // What does not fit into the cache goes beside the database: a container's /tmp may be missing or read-only.
        if let Some(folder) =
            std::fs::canonicalize(path).ok().and_then(|path| Some(path.parent()?.to_owned()))
        {
            let folder = folder.display().to_string().replace('\'', "''");
            connection.execute_batch(&format!("PRAGMA temp_store_directory = '{folder}'")).map_err(fault)?;
        }
        Ok(Database { connection, name, path: path.to_owned(), file: file_id(path), created })
    }

    /// Opens the file only to read it, which changes nothing. A missing file is the same as an empty one.
    pub(crate) fn look(path: &Path, busy_timeout: Duration) -> Result<Database, Fault> {
        set_timeout(busy_timeout);
        let (path, file, created) = (path.to_owned(), None, false);
        let name = name(&path)?;
        let fault = |error| fault(&cannot_open(&path), error);
        if let Err(error) = std::fs::metadata(&path) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if error.kind() != ErrorKind::NotFound || folder.is_some_and(|folder| !folder.is_dir()) {
                return Err(Fault::config(cannot_open(&path)).because(error));
            }
            let connection = Connection::open_in_memory().map_err(fault)?;
            return Ok(Database { connection, name, path, file, created });
        }
        // What a killed load has left in the log is not ours to move into the file.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let keep_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
        let connection = connect(&path, OpenFlags::empty()).map_err(fault)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log).map_err(fault)?;
        Ok(Database { connection, name, path, file, created })
    }

    /// Begins the load's transaction, after waiting for any other load into this database.
    pub(crate) fn begin(&self) -> Result<(), Fault> {
        if !self.is_new()? {
            self.write_ahead()?;
        }
        self.batch("PRAGMA cache_size = -8192; BEGIN IMMEDIATE")?;
        if file_id(&self.path) == self.file {
            return Ok(());
        }
        let what = "the file was removed or replaced while the load waited";
        Err(Fault::new(Class::Transient, format!("{}: {what}", self.name)))
    }

    /// A run that failed leaves no database behind that it created and in which there is nothing. Nobody else may be at
    /// work in it: whoever opened it and does not hold a lock yet finds out when it begins.
    pub(crate) fn discard(&self) {
        if !self.created || self.connection.busy_timeout(Duration::ZERO).is_err() {
            return;
        }
        // Outside of a transaction, this fails.
        let _ = self.connection.execute_batch("ROLLBACK");
        let empty = || {
            let journal = "PRAGMA journal_mode = DELETE";
            let _: String = self.connection.query_row(journal, [], |row| row.get(0))?;
            self.connection.execute_batch("BEGIN EXCLUSIVE")?;
            self.connection
                .query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| row.get::<_, bool>(0))
        };
        if empty().is_ok_and(|empty| empty) && file_id(&self.path) == self.file {
            // What fails here leaves an empty file, as if it had not been tried.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Whether this process created the file and nothing has been committed to it. Then nobody has anything to read there
    /// while the load runs, and with SQLite's usual journal each page is written once, not into the log first.
    fn is_new(&self) -> Result<bool, Fault> {
        let pages = || self.connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0));
        Ok(self.created && pages().map_err(|error| self.fault(error))? == 0)
    }

    /// Commits the load.
    pub(crate) fn commit(&self) -> Result<(), Fault> {
        self.batch("COMMIT")?;
        // What is committed stays so, whatever becomes of the journal; otherwise the next load sees to it.
        let _ = self.connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        Ok(())
    }

    /// With WAL, readers go on while a load runs; where the file system does not support it, SQLite keeps its usual
    /// journal.
    fn write_ahead(&self) -> Result<(), Fault> {
        for times in 0.. {
            let mode = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, String>(0));
            match mode("PRAGMA journal_mode") {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => (),
                Err(error) => return Err(self.fault(error)),
            }
            match mode("PRAGMA journal_mode = WAL") {
                Ok(_) => return Ok(()),
                // SQLite does not call the busy handler for this one.
                Err(error) if is_busy(&error) && wait(times) => (),
                Err(error) => return Err(self.fault(error)),
            };
        }
        Ok(())
    }

    /// Runs statements.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.connection.execute_batch(sql).map_err(|error| self.fault(error))
    }

    /// The fault that an error of this database means.
    pub(crate) fn fault(&self, error: rusqlite::Error) -> Fault {
        unopened(&self.path, &self.name, error)
    }
}

fn name(path: &Path) -> Result<String, Fault> {
    let name = path.display().to_string();
    if name.is_empty() || name == ":memory:" {
        return Err(Fault::usage("--db must name a file: what is loaded into memory is gone at once"));
    }
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Fault::config(format!("{}: it is not a regular file", cannot_open(path))));
    }
    Ok(name)
}

fn cannot_open(path: &Path) -> String {
    format!("cannot open the database {}", path.display())
}

/// Connects, and reads the catalog, so that a file that is not a database fails at once.
fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(wait))?;
    let _: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    Ok(connection)
}

fn file_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn set_timeout(busy_timeout: Duration) {
    let millis = u64::try_from(busy_timeout.as_millis()).unwrap_or(u64::MAX);
    BUSY_TIMEOUT.store(millis, Ordering::Relaxed);
}

/// SQLite says that it cannot open a file, but not why; the system does, of the database or of a file beside it.
fn unopened(path: &Path, what: &str, error: rusqlite::Error) -> Fault {
    let system = || {
        std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!("-{}", std::process::id()));
        std::fs::write(&beside, "x").and(std::fs::remove_file(&beside))
    };
    if is_unusable(&error)
        && let Err(error) = system()
    {
        let class = match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Class::Denied,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Class::Io,
            _ => Class::Config,
        };
        return Fault::new(class, what).because(error);
    }
    fault(what, error)
}

/// Waits a moment for another connection's lock, again and again, until the timeout; a signal still ends the process.
fn wait(times: i32) -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    if times == 100 && !SAID.swap(true, Ordering::Relaxed) {
        log::info!("waiting for another process that is writing to the database");
    }
    let waited = u64::try_from(times).unwrap_or_default().saturating_mul(PAUSE);
    if waited >= BUSY_TIMEOUT.load(Ordering::Relaxed) {
        return false;
    }
    std::thread::sleep(Duration::from_millis(PAUSE));
    true
}

/// How many milliseconds pass between two looks at a lock.
const PAUSE: u64 = 10;

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the file is not a database that SQLite can use: its path leads nowhere, it is something else, or its
/// catalog cannot be read.
fn is_unusable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::Unknown))
}

/// Whether SQLite refused a row: by a constraint, a trigger, or the length of a value.
pub(crate) fn is_data(error: &rusqlite::Error) -> bool {
    use ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
    matches!(error.sqlite_error_code(), Some(ConstraintViolation | TypeMismatch | TooBig))
}

/// What is set aside with a row that SQLite refuses, and whether it is because what it refers to is missing; `None` if the
/// row is not to blame. What a trigger raises is meant for the whole load.
pub(crate) fn refusal(error: &rusqlite::Error) -> Option<(Refusal, bool)> {
    let code = error.sqlite_error()?.extended_code;
    if !is_data(error) || code == ffi::SQLITE_CONSTRAINT_TRIGGER {
        return None;
    }
    let reason = error.to_string();
    let (mut field, mut said) = (String::new(), Said::default());
    // UNIQUE constraint failed: orders.id
    if let Some((_, name)) = reason.split_once(" constraint failed: ") {
        if code == ffi::SQLITE_CONSTRAINT_NOTNULL {
            field = name.rsplit('.').next().unwrap_or_default().to_owned();
        }
        said.constraint = Some(name.to_owned());
    }
    Some((Refusal { field, reason, said: Some(said) }, code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY))
}

/// SQLite's result codes (<https://www.sqlite.org/rescode.html>) as classes.
pub(crate) fn fault(what: &str, error: rusqlite::Error) -> Fault {
    if is_data(&error) {
        // The cause of this error only repeats its code.
        return Fault::data(format!("{what}: {error}"));
    }
    let class = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SchemaChanged) => {
            Class::Transient
        }
        Some(
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied,
        ) => Class::Denied,
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase) => Class::Config,
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport,
        ) => Class::Io,
        // SQL that does not fit the database: a view without triggers, a column that does not exist.
        Some(ErrorCode::Unknown) => Class::Config,
        _ => Class::Bug,
    };
    if is_busy(&error) {
        let what = format!("{what}: another process still used the database after --busy-timeout");
        return Fault::new(class, what).because(error);
    }
    Fault::new(class, what).because(error)
}
