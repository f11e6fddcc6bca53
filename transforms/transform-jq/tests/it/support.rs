//! The component, and what it makes of records.

use etl_testkit::load::{plain, segments};
use etl_testkit::run::{Cmd, Ran};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_transform-jq");

pub(crate) fn jq(filter: &str) -> Cmd {
    Cmd::new(BINARY).arg(filter)
}

/// What a filter makes of these records.
#[track_caller]
pub(crate) fn made(filter: &str, records: &[&str]) -> Vec<String> {
    lines(&jq(filter).args(["--seal", "off"]).stdin(plain(records)).run())
}

/// The lines of the only segment of a run.
#[track_caller]
pub(crate) fn lines(ran: &Ran) -> Vec<String> {
    let segments = segments(&ran.ok().stdout);
    assert_eq!(segments.len(), 1, "{}", ran.stdout);
    segments[0].iter().map(|&line| line.to_owned()).collect()
}
