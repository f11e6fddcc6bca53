//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_extract-my-source");

#[test]
fn flags_are_in_groups_and_examples_are_true() {
    assert_ne!(help::of(BINARY, &[""]), "");
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "--symbl x",
        "unexpected argument '--symbl' found; a similar argument exists: '--symbol'",
    );
}
