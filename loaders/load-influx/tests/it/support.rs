//! A database, a folder, and streams to load.

use std::ops::Deref;
use std::time::SystemTime;

use etl_schema::time::format_timestamptz;
use etl_testkit::http::{Script, Server};
use etl_testkit::influx::{Database, Influx};
use etl_testkit::load;
use etl_testkit::run::{Cmd, Folder, Ran};
use serde_json::Value;

/// Sites with a number, a text and a time; the sites are tags.
pub(crate) const SITES: &str = r#"{"x-key": ["site", "at"], "x-time": "at", "x-influx": {"measurement": "sites"},
    "required": ["site", "at"], "properties": {"site": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
    "v": {"type": ["number", "null"]}, "n": {"type": ["integer", "null"]}, "s": {"type": ["string", "null"]}}}"#;

/// A folder of a test's own with `sites.json`, and a database of the shared server.
pub(crate) struct InfluxFolder {
    pub(crate) database: Database,
    folder: Folder,
}

impl Deref for InfluxFolder {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl InfluxFolder {
    pub(crate) fn new() -> InfluxFolder {
        InfluxFolder::of(Influx::shared().database())
    }

    pub(crate) fn of(database: Database) -> InfluxFolder {
        let place = InfluxFolder { database, folder: Folder::new() };
        place.write("sites.json", SITES);
        place
    }

    /// The loader, with these arguments, separated by spaces, and no address.
    pub(crate) fn bare(&self, args: &str) -> Cmd {
        let cmd = Cmd::new(env!("CARGO_BIN_EXE_load-influx")).in_folder(self.folder.path(""));
        cmd.words(args)
    }

    /// The loader with this database and the schema of the sites.
    pub(crate) fn loader(&self, args: &str) -> Cmd {
        let database = &self.database;
        let cmd = self.bare(args).env("INFLUX_URL", database.url()).env("INFLUX_DATABASE", database.name());
        if args.contains("--schema") { cmd } else { cmd.args(["--schema", "sites.json"]) }
    }

    /// Loads these bytes through a pipe.
    pub(crate) fn load(&self, args: &str, stream: impl AsRef<[u8]>) -> Ran {
        self.loader(args).stdin(stream).run()
    }
}

/// Loads these bytes into a server that replies as scripted; the first reply is to the check before the load. Returns
/// what was posted after it.
pub(crate) fn scripted(script: Script, args: &str, stream: impl AsRef<[u8]>) -> (Ran, Vec<String>) {
    let (server, folder) = (Server::start(script), Folder::new());
    folder.write("sites.json", SITES);
    let ran = Cmd::new(env!("CARGO_BIN_EXE_load-influx"))
        .in_folder(folder.path(""))
        .args(["--schema", "sites.json", "--url", &server.url()])
        .words(args)
        .stdin(stream)
        .run();
    let posted = server.requests().into_iter().skip(1).map(|request| {
        assert_eq!(request.method, "POST");
        String::from_utf8(request.body).expect("UTF-8")
    });
    (ran, posted.collect())
}

/// A record of a site, this many seconds after a time.
pub(crate) fn site(site: &str, seconds: u64, fields: &str) -> String {
    let at = etl_time(seconds);
    format!(r#"{{"site":"{site}","at":"{at}",{fields}}}"#)
}

/// The time this many seconds, less than a day, after 2023-11-14T22:00:00Z.
fn etl_time(seconds: u64) -> String {
    let (hours, minutes) = (22 + seconds / 3600, seconds / 60 % 60);
    format!("2023-11-{:02}T{:02}:{minutes:02}:{:02}Z", 14 + hours / 24, hours % 24, seconds % 60)
}

/// The time in nanoseconds.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    i64::try_from(now.as_nanos()).expect("a time that InfluxDB stores")
}

/// A record of a site, this many seconds ago.
pub(crate) fn recent(site: &str, seconds: i64, fields: &str) -> String {
    let mut at = Vec::new();
    format_timestamptz((now() / 1_000_000_000 - seconds) * 1_000_000, &mut at);
    format!(r#"{{"site":"{site}","at":"{}",{fields}}}"#, String::from_utf8(at).expect("a time"))
}

/// What is set aside in a file: line, field, reason and original of each record.
pub(crate) fn rejects(file: &str) -> Vec<[Value; 4]> {
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (first, last) = (&lines[0]["_etl"], &lines[lines.len() - 1]["_etl"]);
    assert_eq!((&first["schema"], &last["kind"]), (&"etl.reject".into(), &"end".into()));
    let reject = |reject: &Value| ["line", "field", "reason", "original"].map(|name| reject[name].clone());
    lines[1..lines.len() - 1].iter().map(reject).collect()
}

/// A plain stream of these records.
pub(crate) fn plain(records: &[String]) -> String {
    load::plain(&load::strs(records))
}

/// A sealed stream of these records.
pub(crate) fn sealed(records: &[String]) -> Vec<u8> {
    load::sealed("a", &load::strs(records))
}

/// This many records, each a point of its own, with `n` counting from 0.
pub(crate) fn many(count: u64) -> Vec<String> {
    (0..count).map(|n| site(&format!("site-{}", n % 50), n / 50, &format!(r#""n":{n},"v":{n}.5"#))).collect()
}
