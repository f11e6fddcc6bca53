//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_notify-slack");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &[""]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "--chanel x",
        "unexpected argument '--chanel' found; a similar argument exists: '--channel'",
    );
    help::suggests(
        BINARY,
        "--on failures",
        "invalid value 'failures' for '--on <ON>' [possible values: failure, trouble, always]; a similar value exists: 'failure'",
    );
}
