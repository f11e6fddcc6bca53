//! What is the same for all extractors, and what becomes of each recorded file.

use std::path::Path;

use etl_testkit::extract::{Extractor, fixtures};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Ran;

pub(crate) fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-treasury"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["yield-curve", "--year", "2025", "--month", "202601", "--base-url", "{url}"],
        replies: vec![
            csv("Date,\"10 Yr\"\n12/31/2025,4.18\n12/30/2025,4.14"),
            csv("Date,\"10 Yr\"\n01/02/2026,4.19"),
        ],
        schema: "treasury.yield_curve",
        key: None,
    }
}

/// A file as the service sends it.
pub(crate) fn csv(body: &str) -> Reply {
    Reply::status(200).header("Content-Type", "text/csv; charset=utf-8").body(body)
}

/// A recorded file, such as `yield_curve/2023_13_tenors.csv`.
pub(crate) fn recorded(name: &str) -> Reply {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    csv(&std::fs::read_to_string(folder.join(name)).unwrap())
}

/// A server with these replies, in this order.
pub(crate) fn server(replies: impl IntoIterator<Item = Reply>) -> Server {
    Server::start(replies.into_iter().fold(Script::new(), Script::then))
}

/// Runs a command.
#[track_caller]
pub(crate) fn run(server: &Server, args: &str) -> Ran {
    let url = server.url();
    let args: Vec<&str> = args.split_whitespace().chain(["--base-url", &url]).collect();
    extractor().run(&args)
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_files_become_the_records_beside_them() {
    // Each series, the year that is asked for, and the warnings of files.
    let new = "warning: 2026: the column \"9 Mo\" is new: treasury.yield_curve has no field m9 yet";
    let page = "warning: 2026: 1 row is of another time than 2026";
    for (folder, command, year, warnings) in [
        ("1990", "yield-curve", "1990", &[][..]),
        ("2023", "yield-curve", "2023", &[]),
        ("2025", "yield-curve", "2025", &[]),
        ("2026", "yield-curve", "2026", &[("new_tenor", new), ("another_year", page)]),
        ("bill_rates", "bill-rates", "2026", &[]),
        ("long_term_rate", "long-term-rate", "2005", &[]),
        ("real_yield_curve", "real-yield-curve", "2026", &[]),
        ("real_long_term", "real-long-term", "2026", &[]),
    ] {
        let args = [command, "--year", year, "--base-url", "{url}"];
        for (name, ran) in extractor().golden(&format!("tests/replies/{folder}"), &args, "1 file") {
            let said: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
            let expected: Vec<&str> =
                warnings.iter().filter(|(of, _)| *of == name).map(|(_, warning)| *warning).collect();
            assert_eq!(said, expected, "{folder}/{name}");
        }
    }
}

#[test]
fn no_shared_fixture_is_without_an_outcome() {
    fixtures(
        env!("CARGO_MANIFEST_DIR"),
        "treasury_yield",
        &[
            ("1990_nine_tenors.csv", "tests/replies/1990/1990_nine_tenors.csv", "1 record"),
            ("2023_13_tenors.csv", "tests/replies/2023/2023_13_tenors.csv", "169 records"),
            ("2025_gap_1_5_month.csv", "tests/replies/2025/2025_gap_1_5_month.csv", "2 records"),
        ],
    );
}
