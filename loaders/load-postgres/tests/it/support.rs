//! A schema of the shared server, a folder, and streams to load.

use std::ops::Deref;

use etl_testkit::load::{EVENTS, ITEMS};
use etl_testkit::postgres::{Server, Space};
use etl_testkit::run::{Cmd, Folder, Ran, Running};

pub(crate) use etl_testkit::load::{events, items};

/// The events in order.
pub(crate) const ROWS: &str = "SELECT n FROM events ORDER BY n";

/// A folder of a test's own with `items.json` and `events.json`, and a schema of the shared server.
pub(crate) struct PostgresFolder {
    pub(crate) space: Space,
    folder: Folder,
    /// The loader's environment.
    pub(crate) env: Vec<(String, String)>,
}

impl Deref for PostgresFolder {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl PostgresFolder {
    pub(crate) fn new() -> PostgresFolder {
        PostgresFolder::of(Server::shared().space())
    }

    /// A folder for this space, from which the loader's sessions have their name.
    pub(crate) fn of(space: Space) -> PostgresFolder {
        let mut env = space.env();
        env.push(("PGAPPNAME".to_owned(), format!("{}.{}", space.database(), space.schema())));
        let place = PostgresFolder { env, space, folder: Folder::new() };
        place.write("items.json", ITEMS);
        place.write("events.json", EVENTS);
        place
    }

    /// A folder whose loader connects to another address, such as a proxy's.
    pub(crate) fn through(mut self, address: std::net::SocketAddr) -> PostgresFolder {
        self.set("PGPORT", &address.port().to_string());
        self
    }

    /// Sets a variable of the loader.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// The loader with these arguments, separated by spaces.
    pub(crate) fn loader(&self, args: &str) -> Cmd {
        let cmd = Cmd::new(env!("CARGO_BIN_EXE_load-postgres")).in_folder(self.folder.path(""));
        self.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).words(args)
    }

    /// Loads these bytes through a pipe.
    pub(crate) fn load(&self, args: &str, stream: impl AsRef<[u8]>) -> Ran {
        self.loader(args).stdin(stream).run()
    }

    /// A load that has read all of this from a pipe and is waiting for more.
    pub(crate) fn waiting(&self, args: &str, stream: impl AsRef<[u8]>) -> Running {
        self.loader(args).waiting(stream)
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.space.sql(sql);
    }

    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        self.space.rows(sql)
    }

    #[track_caller]
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.space.count(sql)
    }

    /// Whether the server was built with these: of an extension its name, `icu` for collations of ICU. A test that skips
    /// what is missing says so.
    pub(crate) fn offers(&self, what: &str) -> bool {
        let sql = match what {
            "icu" => "SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'".to_owned(),
            _ => format!("SELECT count(*) FROM pg_available_extensions WHERE name = '{what}'"),
        };
        let offers = self.count(&sql) > 0;
        if !offers {
            eprintln!("skipped: this PostgreSQL was built without {what}");
        }
        offers
    }

    /// Creates `events` and `items`, as `--create` does.
    pub(crate) fn with_tables(self) -> PostgresFolder {
        self.sql("CREATE TABLE events (n bigint NOT NULL, text text)");
        self.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text)");
        self
    }

    /// A condition that selects the loader's sessions in `pg_stat_activity`.
    pub(crate) fn sessions(&self) -> String {
        format!("application_name = '{}.{}'", self.space.database(), self.space.schema())
    }

    /// Waits until a session of the loader is in a transaction.
    #[track_caller]
    pub(crate) fn wait_for_transaction(&self) {
        let sessions = self.sessions();
        let query = format!(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE {sessions} AND xact_start IS NOT NULL AND state <> 'idle'"
        );
        self.space.wait_until(&query, "t");
    }

    /// Waits until the loader no longer has a session: then everything that it did not commit is rolled back.
    #[track_caller]
    pub(crate) fn wait_for_end(&self) {
        let query = format!("SELECT count(*) FROM pg_stat_activity WHERE {}", self.sessions());
        self.space.wait_until(&query, "0");
    }
}
