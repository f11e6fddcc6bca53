//! `--help`, and what is suggested for a typo.

use etl_testkit::help;

const BINARY: &str = env!("CARGO_BIN_EXE_standpipe");

#[test]
fn the_help_is_that_of_the_golden_file() {
    help::golden(
        BINARY,
        env!("CARGO_MANIFEST_DIR"),
        &[
            "",
            "seal",
            "through",
            "run",
            "verify",
            "unreject",
            "metrics",
            "runs",
            "check",
            "schema",
            "schema list",
            "schema show",
            "schema ddl",
            "schema check",
            "pipeline",
            "pipeline check",
            "render",
        ],
    );
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    help::suggests(
        BINARY,
        "sael -- cat",
        "unrecognized subcommand 'sael'; a similar subcommand exists: 'seal'",
    );
    help::suggests(
        BINARY,
        "schema lis",
        "unrecognized subcommand 'lis'; a similar subcommand exists: 'list'",
    );
    help::suggests(
        BINARY,
        "verify --jsn",
        "unexpected argument '--jsn' found; a similar argument exists: '--json'",
    );
    help::suggests(
        BINARY,
        "schema ddl x --dialect sqlit",
        "invalid value 'sqlit' for '--dialect <DIALECT>' [possible values: postgres, sqlite]; a similar value exists: 'sqlite'",
    );
}
