//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_load-sqlite");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(BINARY, env!("CARGO_MANIFEST_DIR"), &[""]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "--db x --tabel y",
        "unexpected argument '--tabel' found; a similar argument exists: '--table'",
    );
    help::suggests(
        BINARY,
        "--db x --mode upser",
        "invalid value 'upser' for '--mode <MODE>' [possible values: append, upsert, ignore, replace, history]; a similar value exists: 'upsert'",
    );
}
