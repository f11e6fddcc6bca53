//! The database file: opening it, transactions, and what its errors mean.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etl_component::{Class, Fault};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// An open database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    pub(crate) name: String,
}

impl Database {
    /// Opens the file, or creates it, and reads its catalog: a file that is not a database, or that we may not read,
    /// fails now.
    pub(crate) fn open(path: &Path) -> Result<Database, Fault> {
        let name = name(path)?;
        let fault = |error| unopened(path, error);
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
        Ok(Database { connection, name })
    }

    /// Opens the file only to read it, which changes nothing. A missing file is the same as an empty one.
    pub(crate) fn look(path: &Path) -> Result<Database, Fault> {
        let name = name(path)?;
        let fault = |error| fault(&cannot_open(path), error);
        if let Err(error) = std::fs::metadata(path) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if error.kind() != ErrorKind::NotFound || folder.is_some_and(|folder| !folder.is_dir()) {
                return Err(Fault::config(cannot_open(path)).because(error));
            }
            return Ok(Database { connection: Connection::open_in_memory().map_err(fault)?, name });
        }
        // What a killed load has left in the log is not ours to move into the file.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let keep_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
        let connection = connect(path, OpenFlags::empty()).map_err(fault)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log).map_err(fault)?;
        Ok(Database { connection, name })
    }

    /// Begins the load's transaction, after waiting for any other load into this database.
    pub(crate) fn begin(&self) -> Result<(), Fault> {
        self.write_ahead()?;
        self.batch("PRAGMA cache_size = -8192; BEGIN IMMEDIATE")
    }

    /// With WAL, readers go on while a load runs; where the file system does not support it, SQLite keeps its usual
    /// journal.
    fn write_ahead(&self) -> Result<(), Fault> {
        for times in 0.. {
            let mode = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, String>(0));
            match mode("PRAGMA journal_mode") {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => (),
                Err(error) => return Err(fault(&self.name, error)),
            }
            match mode("PRAGMA journal_mode = WAL") {
                Ok(_) => return Ok(()),
                // SQLite does not call the busy handler for this one.
                Err(error) if is_busy(&error) => wait(times),
                Err(error) => return Err(fault(&self.name, error)),
            };
        }
        Ok(())
    }

    /// Runs statements.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.connection.execute_batch(sql).map_err(|error| fault(&self.name, error))
    }

    /// The fault that an error of this database means.
    pub(crate) fn fault(&self, error: rusqlite::Error) -> Fault {
        fault(&self.name, error)
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

/// SQLite says that it cannot open a file, but not why; the system does.
fn unopened(path: &Path, error: rusqlite::Error) -> Fault {
    let system =
        || std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    if is_unusable(&error)
        && let Err(error) = system()
    {
        let denied = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
        let class = if denied { Class::Denied } else { Class::Config };
        return Fault::new(class, cannot_open(path)).because(error);
    }
    fault(&cannot_open(path), error)
}

/// Waits a moment for another connection's lock, again and again for as long as it takes; a signal still ends the
/// process.
fn wait(times: i32) -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    if times == 100 && !SAID.swap(true, Ordering::Relaxed) {
        log::info!("waiting for another process that is writing to the database");
    }
    std::thread::sleep(Duration::from_millis(10));
    true
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the file is not a database that SQLite can use: its path leads nowhere, it is something else, or its
/// catalog cannot be read.
fn is_unusable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::Unknown))
}

/// SQLite's result codes (<https://www.sqlite.org/rescode.html>) as classes.
pub(crate) fn fault(what: &str, error: rusqlite::Error) -> Fault {
    let class = match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Class::Data,
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
    Fault::new(class, what).because(error)
}
