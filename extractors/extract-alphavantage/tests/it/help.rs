//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_extract-alphavantage");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &["", "treasury-yield"]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "treasury-yields --maturity 2year",
        "unrecognized subcommand 'treasury-yields'; a similar subcommand exists: 'treasury-yield'",
    );
    help::suggests(
        BINARY,
        "treasury-yield --maturty 2year",
        "unexpected argument '--maturty' found; a similar argument exists: '--maturity'",
    );
}
