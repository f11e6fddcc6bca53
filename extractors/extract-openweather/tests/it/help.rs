//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_extract-openweather");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(
        BINARY,
        env!("CARGO_MANIFEST_DIR"),
        &["", "current", "forecast", "air-pollution", "one-call"],
    );
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "curent --city x",
        "unrecognized subcommand 'curent'; a similar subcommand exists: 'current'",
    );
    help::suggests(
        BINARY,
        "current --citty x",
        "unexpected argument '--citty' found; a similar argument exists: '--city'",
    );
}
