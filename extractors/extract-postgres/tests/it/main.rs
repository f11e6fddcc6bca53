//! The binary with a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod cursor;
mod document;
mod help;
mod limits;
mod queries;
mod runs;
mod schema;
mod types;

use std::ops::Deref;

use etl_testkit::postgres::{Server, Space};
use etl_testkit::run::{Cmd, Folder, Ran};
use serde_json::Value;

/// A schema of the shared server, and a folder to run in.
pub(crate) struct Place {
    pub(crate) space: Space,
    pub(crate) folder: Folder,
    pub(crate) env: Vec<(String, String)>,
}

impl Deref for Place {
    type Target = Space;

    fn deref(&self) -> &Space {
        &self.space
    }
}

impl Place {
    pub(crate) fn new() -> Place {
        Place::of(Server::shared().space())
    }

    /// A place in this space, from which the sessions have their name.
    pub(crate) fn of(space: Space) -> Place {
        let mut env = space.env();
        env.push(("PGAPPNAME".to_owned(), space.schema().to_owned()));
        Place { space, folder: Folder::new(), env }
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    fn with_env(&self, cmd: Cmd) -> Cmd {
        self.env.iter().fold(cmd.in_folder(self.folder.path("")), |cmd, (name, value)| cmd.env(name, value))
    }

    /// The extractor with this query and these further arguments, separated by blanks.
    pub(crate) fn extractor(&self, query: &str, args: &str) -> Cmd {
        let cmd = Cmd::new(env!("CARGO_BIN_EXE_extract-postgres")).args(["--query", query]).words(args);
        self.with_env(cmd)
    }

    pub(crate) fn extract(&self, query: &str, args: &str) -> Ran {
        self.extractor(query, args).run()
    }

    /// `extract-postgres | load-postgres`, both of which succeed. Returns the receipt.
    #[track_caller]
    pub(crate) fn copy(&self, query: &str, args: &str, load: &str) -> Value {
        let loader = self.with_env(Cmd::bin("load-postgres").words(load));
        let (extracted, loaded) = self.extractor(query, args).pipe(loader);
        extracted.ok();
        serde_json::from_str(loaded.ok().lines()[1]).unwrap()
    }

    /// How a query is refused.
    #[track_caller]
    pub(crate) fn refused(&self, query: &str, args: &str, code: i32, message: &str) {
        let ran = self.extract(query, args);
        assert_eq!(ran.fails(code).last_error_line(), message, "{query}");
        assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
        let abort: Value = serde_json::from_str(ran.lines().last().unwrap()).unwrap();
        assert_eq!((&abort["_etl"]["kind"], &abort["_etl"]["code"]), (&"abort".into(), &code.into()));
    }

    /// A query for the number of sessions that the extractor has.
    pub(crate) fn sessions(&self) -> String {
        format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}'", self.schema())
    }
}

/// The lines of the records of a run that succeeded.
#[track_caller]
pub(crate) fn lines(ran: &Ran) -> Vec<&str> {
    ran.ok().stdout.lines().filter(|line| !line.starts_with("{\"_etl\":")).collect()
}

/// The schema that a run said.
#[track_caller]
pub(crate) fn said(ran: &Ran) -> Value {
    let begin: Value = serde_json::from_str(ran.ok().lines()[0]).unwrap();
    begin["_etl"]["schema"].clone()
}

/// The state that a run ended with.
#[track_caller]
pub(crate) fn state(ran: &Ran) -> Option<String> {
    let prefix = "{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":";
    let line = ran.ok().stdout.lines().find_map(|line| line.strip_prefix(prefix))?;
    line.strip_suffix("}}").map(str::to_owned)
}
