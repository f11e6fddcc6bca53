//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_extract-treasury");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(
        BINARY,
        env!("CARGO_MANIFEST_DIR"),
        &["", "yield-curve", "bill-rates", "long-term-rate", "real-yield-curve", "real-long-term"],
    );
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "bill-rate --year 2026",
        "unrecognized subcommand 'bill-rate'; a similar subcommand exists: 'bill-rates'",
    );
    help::suggests(
        BINARY,
        "yield-curve --yaer 2026",
        "unexpected argument '--yaer' found; a similar argument exists: '--year'",
    );
}
