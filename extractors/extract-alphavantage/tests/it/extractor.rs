//! What is the same for all extractors, and what becomes of each recorded reply.

use std::path::Path;

use etl_testkit::extract::{Extractor, Key, Place, fixtures};
use etl_testkit::http::Reply;
use etl_testkit::run::Ran;

pub(crate) fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-alphavantage"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["treasury-yield", "--maturity", "10year", "--maturity", "2year", "--base-url", "{url}"],
        replies: ["monthly_10year_two_rows.json", "made_holidays.json"]
            .map(|name| Reply::json(200, &reply(name)))
            .to_vec(),
        schema: "alphavantage.treasury_yield",
        key: Some(Key { names: &["ALPHAVANTAGE_API_KEY", "ALPHA_KEY"], place: Place::Query("apikey") }),
    }
}

/// Runs the binary with a key.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    extractor().run(args)
}

/// A recorded reply, such as `error_200_bad_key.json`.
pub(crate) fn reply(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A reply with these days and values, as text.
pub(crate) fn yields(interval: &str, data: &[(&str, &str)]) -> Reply {
    let entries = data.iter().map(|(date, value)| format!(r#"{{"date":"{date}","value":"{value}"}}"#));
    let entries = entries.collect::<Vec<_>>().join(",");
    Reply::json(
        200,
        &format!(r#"{{"name":"Yield","interval":"{interval}","unit":"percent","data":[{entries}]}}"#),
    )
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    let args = ["treasury-yield", "--maturity", "10year", "--base-url", "{url}"];
    let runs = extractor().golden("tests/replies", &args, "1 maturity");
    for (name, ran) in runs {
        assert!(!ran.stderr.contains("warning: "), "{name}: {}", ran.stderr);
    }
}

#[test]
fn each_shared_fixture_has_an_outcome() {
    fixtures(
        env!("CARGO_MANIFEST_DIR"),
        "alpha_vantage_treasury",
        &[
            ("error_200_bad_key.json", "tests/replies/error_200_bad_key.json", "exit code 77"),
            (
                "error_200_information_burst.json",
                "tests/replies/error_200_information_burst.json",
                "exit code 75",
            ),
            (
                "error_200_note_rate_limit.json",
                "tests/replies/error_200_note_rate_limit.json",
                "exit code 75",
            ),
            (
                "error_200_note_rate_limit.meta.json",
                "tests/replies/recorded/error_200_note_rate_limit.meta.json",
                "",
            ),
            ("monthly_10year.csv", "tests/replies/monthly_10year.csv", "exit code 76"),
            ("monthly_10year_two_rows.json", "tests/replies/monthly_10year_two_rows.json", "2 records"),
        ],
    );
}
