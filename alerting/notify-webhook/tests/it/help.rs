//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_notify-webhook");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &[""]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "--as cloudevent",
        "invalid value 'cloudevent' for '--as <FORM>' [possible values: json, openlineage, alertmanager, cloudevents, ping, teams, \
         discord]; a similar value exists: 'cloudevents'",
    );
}
