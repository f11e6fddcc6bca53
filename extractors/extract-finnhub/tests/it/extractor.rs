//! What is the same for all extractors, and what becomes of each recorded reply.

use std::path::Path;

use etl_testkit::extract::{Extractor, Key, Place, fixtures};
use etl_testkit::http::Reply;
use etl_testkit::run::Ran;

pub(crate) fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-finnhub"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["quote", "--symbol", "AAPL", "--symbol", "RUBI", "--base-url", "{url}"],
        replies: ["aapl_2024_sample.json", "rubi_2020.json"]
            .map(|name| Reply::json(200, &reply(name)))
            .to_vec(),
        schema: "finnhub.quote",
        key: Some(Key {
            names: &["FINNHUB_API_KEY", "FINNHUB_SECRET"],
            place: Place::Header("X-Finnhub-Token"),
        }),
    }
}

/// Runs the binary with a key.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    extractor().run(args)
}

/// A recorded reply, such as `rubi_2020.json`.
pub(crate) fn reply(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    let runs = extractor().golden(
        "tests/replies",
        &["quote", "--symbol", "AAPL", "--base-url", "{url}"],
        "1 symbol",
    );
    for (name, ran) in runs {
        let warnings: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
        let zeros =
            "warning: symbol AAPL: Finnhub says 0 where it has no price yet: open, high and low are null";
        let expected: &[&str] = if name == "before_the_open" { &[zeros] } else { &[] };
        assert_eq!(warnings, expected, "{name}");
    }
}

#[test]
fn each_shared_fixture_has_an_outcome() {
    fixtures(
        env!("CARGO_MANIFEST_DIR"),
        "finnhub_quote",
        &[
            ("aapl_2024_sample.json", "tests/replies/aapl_2024_sample.json", "1 record"),
            ("aapl_docs_2020.json", "tests/replies/aapl_docs_2020.json", "1 record"),
            ("error_429.json", "tests/replies/error_429_limit.json", "exit code 75"),
            ("rubi_2020.json", "tests/replies/rubi_2020.json", "1 record"),
            ("unknown_symbol_zeros.json", "tests/replies/unknown_symbol_zeros.json", "exit code 78"),
        ],
    );
}
