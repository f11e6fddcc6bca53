//! A folder with a database, and streams to load into it.

use std::fs;
use std::path::PathBuf;

use etl_stream::{Begin, SchemaRef, Writer};
use etl_testkit::run::{Cmd, Ran, Running, temp_dir};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;

/// `items`: a key and a text.
pub(crate) const ITEMS: &str = r#"{"type":"object","x-key":["id"],"required":["id"],
    "properties":{"id":{"type":"integer"},"name":{"type":["string","null"]}}}"#;

/// `events`: no key.
pub(crate) const EVENTS: &str = r#"{"type":"object","required":["n"],
    "properties":{"n":{"type":"integer"},"text":{"type":["string","null"]}}}"#;

/// More than what is held back before a transaction is opened.
pub(crate) const HELD: usize = (8 << 20) + (256 << 10);

/// A folder of a test's own, with `items.json`, `events.json` and the database `t.db`.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place { folder: temp_dir() };
        place.write("items.json", ITEMS);
        place.write("events.json", EVENTS);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the folder is writable");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// The names of all files but those of the database and the schemas.
    pub(crate) fn others(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path()).expect("the folder is there");
        let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> =
            names.filter(|name| !name.starts_with("t.db") && !name.ends_with(".json")).collect();
        names.sort();
        names
    }

    /// The loader, with this database and these arguments, separated by blanks.
    pub(crate) fn loader(&self, args: &str) -> Cmd {
        let cmd = Cmd::new(env!("CARGO_BIN_EXE_load-sqlite")).in_folder(self.folder.path());
        cmd.args(["--db", "t.db"]).args(args.split_whitespace())
    }

    /// Loads these bytes through a pipe.
    pub(crate) fn load(&self, args: &str, stream: impl AsRef<[u8]>) -> Ran {
        self.loader(args).stdin(stream).run()
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.path("t.db")).expect("the database opens")
    }

    /// Runs statements.
    pub(crate) fn sql(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a query, each as `1|2.5|"text"|NULL|x'00ff'`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.connect(), sql)
    }

    /// The one number of a query.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.connect().query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
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
        let mut running = self.loader(args).stdin_open().spawn();
        running.write(stream);
        running.wait_until_it_reads();
        running
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

/// A sealed segment of these lines; those that start with `state ` become states. `schema` is a name, or a document.
pub(crate) fn sealed_as(schema: &str, id: &str, lines: &[&str]) -> Vec<u8> {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
    let schema = match schema {
        "" => None,
        document if document.starts_with('{') => Some(SchemaRef::Inline(raw(document))),
        name => Some(SchemaRef::Name(name.to_owned())),
    };
    let mut writer = Writer::new(Vec::new());
    writer.begin(&Begin { id: id.to_owned(), schema, producer: None }).expect("memory");
    for line in lines {
        match line.strip_prefix("state ") {
            Some(value) => writer.state(&raw(value)).expect("memory"),
            None => writer.line(line.as_bytes()).expect("memory"),
        }
    }
    writer.end().expect("memory");
    writer.into_inner()
}

/// A sealed segment without a schema.
pub(crate) fn sealed(id: &str, lines: &[&str]) -> Vec<u8> {
    sealed_as("", id, lines)
}

/// A sealed segment of `events` with so many records, of about 110 bytes each.
pub(crate) fn many(id: &str, records: usize) -> Vec<u8> {
    let text = "x".repeat(90);
    let lines: Vec<String> = (0..records).map(|n| format!("{{\"n\":{n},\"text\":\"{text}\"}}")).collect();
    sealed(id, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Lines as a plain stream.
pub(crate) fn plain(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The control lines and records of what a loader printed, without ids, digests and seconds.
pub(crate) fn printed(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// The receipts that a loader printed in its sealed segment.
#[track_caller]
pub(crate) fn receipts(ran: &Ran) -> Vec<Value> {
    ran.ok();
    let mut lines = printed(&ran.stdout);
    let (first, last) = (lines.remove(0), lines.pop().expect("an end"));
    assert_eq!((&first["_etl"]["kind"], &first["_etl"]["schema"]), (&"begin".into(), &"etl.receipt".into()));
    assert_eq!((&last["_etl"]["kind"], &last["_etl"]["records"]), (&"end".into(), &lines.len().into()));
    lines
}

/// The one receipt: `records inserted updated unchanged superseded rejected`.
#[track_caller]
pub(crate) fn counts(ran: &Ran) -> [u64; 6] {
    let receipts = receipts(ran);
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    ["records", "inserted", "updated", "unchanged", "superseded", "rejected"]
        .map(|name| receipts[0][name].as_u64().unwrap_or_else(|| panic!("{name} in {receipts:?}")))
}

/// Asserts that the load failed with this code, which its `abort` line also has, and said this.
#[track_caller]
pub(crate) fn refused(ran: &Ran, code: i32, said: &str) {
    ran.fails(code);
    assert!(ran.last_error_line().contains(said), "{said:?} is not in {:?}", ran.last_error_line());
    let last = printed(&ran.stdout).pop().expect("an abort line");
    assert_eq!((&last["_etl"]["kind"], &last["_etl"]["code"]), (&"abort".into(), &code.into()));
    assert_eq!(last["_etl"]["message"], ran.last_error_line());
}

/// The segments that a loader printed: the lines of each, without `begin` and `end`, but with `abort`.
#[track_caller]
pub(crate) fn segments(stdout: &str) -> Vec<Vec<&str>> {
    let mut segments = Vec::new();
    let mut open = None;
    for line in stdout.lines() {
        let control: Value =
            if line.starts_with("{\"_etl\":") { printed(line).remove(0) } else { Value::Null };
        match (control["_etl"]["kind"].as_str(), &mut open) {
            (Some("begin"), None) => open = Some(Vec::new()),
            (Some("end"), Some(lines)) => {
                let records = lines.iter().filter(|line: &&&str| !line.starts_with("{\"_etl\":")).count();
                assert_eq!(control["_etl"]["records"], records, "{line}");
                segments.extend(open.take());
            }
            (Some("abort"), open) => segments.push([open.take().unwrap_or_default(), vec![line]].concat()),
            (Some("state") | None, Some(lines)) => lines.push(line),
            _ => panic!("{line} is out of place in {stdout}"),
        }
    }
    assert_eq!(open, None, "{stdout}");
    segments
}

/// The receipts that a loader printed, those of each load.
#[track_caller]
pub(crate) fn loads(stdout: &str) -> Vec<Vec<Value>> {
    let parse = |line: &&str| printed(line).remove(0);
    let segments = segments(stdout);
    segments.iter().map(|lines| lines.iter().map(parse).collect()).collect()
}

/// Waits until something is so. A minute without it is a failure, as in `etl_testkit`.
#[track_caller]
pub(crate) fn wait_until(what: &str, so: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !so() {
        assert!(started.elapsed().as_secs() < 60, "{what}: never");
        std::thread::yield_now();
    }
}
