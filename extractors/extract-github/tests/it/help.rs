//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_extract-github");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &["", "usage", "workflow-runs", "dependabot-alerts"]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "workflow-run --repo o/r",
        "unrecognized subcommand 'workflow-run'; a similar subcommand exists: 'workflow-runs'",
    );
    help::suggests(
        BINARY,
        "usage --usr octocat",
        "unexpected argument '--usr' found; a similar argument exists: '--user'",
    );
}
