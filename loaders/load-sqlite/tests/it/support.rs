//! A folder with a database, and the loader in it.

use std::fs;
use std::ops::Deref;

use etl_testkit::run::{Cmd, Folder, Ran, Running};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

pub(crate) use etl_testkit::load::*;
pub(crate) use etl_testkit::run::wait_until;

/// A folder of a test's own, with `items.json`, `events.json` and the database `t.db`.
pub(crate) struct SqliteFolder {
    folder: Folder,
}

impl Deref for SqliteFolder {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl SqliteFolder {
    pub(crate) fn new() -> SqliteFolder {
        let place = SqliteFolder { folder: Folder::new() };
        place.write("items.json", ITEMS);
        place.write("events.json", EVENTS);
        place
    }

    /// The names of all files but those of the database and the schemas.
    pub(crate) fn others(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path("")).expect("the folder is there");
        let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> =
            names.filter(|name| !name.starts_with("t.db") && !name.ends_with(".json")).collect();
        names.sort();
        names
    }

    /// The loader, with this database and these arguments, separated by spaces.
    pub(crate) fn loader(&self, args: &str) -> Cmd {
        let cmd = Cmd::new(env!("CARGO_BIN_EXE_load-sqlite")).in_folder(self.folder.path(""));
        cmd.args(["--db", "t.db"]).words(args)
    }

    /// Loads these bytes through a pipe.
    pub(crate) fn load(&self, args: &str, stream: impl AsRef<[u8]>) -> Ran {
        self.loader(args).stdin(stream).run()
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.path("t.db")).expect("the database opens")
    }

    /// What a query returns, as [`SqliteFolder::rows`], texts without quotes.
    #[track_caller]
    pub(crate) fn plain_rows(&self, sql: &str) -> Vec<String> {
        self.rows(sql).iter().map(|row| row.replace('"', "")).collect()
    }

    /// Runs statements.
    pub(crate) fn sql(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a query, each as `1|2.5|"text"|NULL|x'00ff'`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.connect(), sql)
    }

    /// The only number that a query returns.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.connect().query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// How many events other connections see; 0 while there is no table.
    pub(crate) fn seen(&self) -> i64 {
        let seen = self.connect().query_row("SELECT count(*) FROM events", [], |row| row.get(0));
        seen.unwrap_or(0)
    }

    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.rows("PRAGMA integrity_check"), [r#""ok""#]);
    }

    /// Whether another connection has the write lock: a load is in its transaction.
    pub(crate) fn is_locked(&self) -> bool {
        let connection = self.connect();
        connection.busy_timeout(std::time::Duration::ZERO).expect("the timeout is set");
        connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
    }

    /// A load that was given all of this through a pipe, has read it, and waits for more.
    pub(crate) fn waiting(&self, args: &str, stream: impl AsRef<[u8]>) -> Running {
        self.loader(args).waiting(stream)
    }
}

pub(crate) fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Result<Vec<String>, _> =
            (0..columns).map(|column| row.get_ref(column).map(show)).collect();
        values.map(|values| values.join("|"))
    });
    rows.expect("the query runs").map(|row| row.expect("a row")).collect()
}

fn show(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => format!("{x:?}"),
        ValueRef::Text(text) => format!("{:?}", str::from_utf8(text).expect("UTF-8")),
        ValueRef::Blob(bytes) => {
            format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}
