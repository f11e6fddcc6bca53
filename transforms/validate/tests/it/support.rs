//! A folder with a schema, and the gate in it.

use std::ops::Deref;

use etl_testkit::load::{EVENTS, segments};
use etl_testkit::run::{Cmd, Folder, Ran};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_validate");

/// A folder of a test's own, with `events.json` and `orders.json`.
pub(crate) struct Place(Folder);

/// A schema with a key and values of several types.
const ORDERS: &str = r#"{"type":"object","x-key":["id"],"required":["id"],"properties":{
    "id":{"type":"integer"},"total":{"type":["number","null"],"x-postgres":{"type":"numeric"}},
    "note":{"type":["string","null"],"maxLength":5},"paid":{"type":"boolean"},
    "at":{"type":"string","format":"date-time"}}}"#;

impl Deref for Place {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = Folder::new();
        folder.write("events.json", EVENTS);
        folder.write("orders.json", ORDERS);
        Place(folder)
    }

    /// The gate with these arguments, separated by spaces.
    pub(crate) fn gate(&self, args: &str) -> Cmd {
        Cmd::new(BINARY).in_folder(self.path("")).words(args)
    }

    pub(crate) fn run(&self, args: &str, stream: impl AsRef<[u8]>) -> Ran {
        self.gate(args).stdin(stream).run()
    }
}

/// The lines of the only segment of a run.
#[track_caller]
pub(crate) fn passed(ran: &Ran) -> Vec<&str> {
    let mut segments = segments(&ran.ok().stdout);
    assert_eq!(segments.len(), 1, "{}", ran.stdout);
    segments.remove(0)
}
