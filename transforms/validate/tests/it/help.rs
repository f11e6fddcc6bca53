//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

use crate::support::BINARY;

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &[""]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "--max-reject 1",
        "unexpected argument '--max-reject' found; a similar argument exists: '--max-rejects'",
    );
}
