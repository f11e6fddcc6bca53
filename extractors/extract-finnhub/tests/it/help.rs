//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_extract-finnhub");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &["", "quote"]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "quotes --symbol A",
        "unrecognized subcommand 'quotes'; a similar subcommand exists: 'quote'",
    );
    help::suggests(
        BINARY,
        "quote --symbl A",
        "unexpected argument '--symbl' found; a similar argument exists: '--symbol'",
    );
}
