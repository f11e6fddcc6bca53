//! `standpipe check`.

use etl_testkit::run::{Cmd, Folder};

use crate::receipts::{ABORT, counts, receipt, sealed};
use crate::support::{segment, standpipe};

/// Long ago, and so always too old.
const OLD: &str = "2020-01-01T00:00:00Z";

fn check(args: &str, stream: &str) -> etl_testkit::run::Ran {
    standpipe(["check"]).words(args).stdin(stream).run()
}

#[track_caller]
fn fails(args: &str, stream: &str, said: &str) {
    let ran = check(args, stream);
    assert_eq!(ran.fails(3).stdout, "");
    assert_eq!(ran.last_error_line(), said);
}

#[test]
fn the_newest_load_of_each_target_is_judged() {
    let load = |target: &str, at: &str, rest: &str| receipt(target, &format!("{}{rest}", counts(at)));
    let shop = ",\"pipeline\":\"shop\"";
    let small = load("orders", "2026-11-28T10:00:00Z", shop).replace("\"records\":4", "\"records\":1");
    let stream = sealed(&[load("orders", OLD, shop), small, load("items", OLD, "")]);
    let ran = check("--min-records 1 --max-rejects 1 --max-age 1000000h", &stream);
    assert_eq!(
        (ran.ok().stdout.as_str(), ran.stderr.as_str()),
        ("", "3 runs of 2 targets: as they should be\n")
    );
    fails(
        "--min-records 4",
        &stream,
        "orders (pipeline shop): the newest load has 1 record; --min-records is 4",
    );
    fails(
        "--min-records 2 --max-rejects 25%",
        &stream,
        "orders (pipeline shop): the newest load has 1 record; --min-records is 2; \
         orders (pipeline shop): the newest load has 1 rejected of 1 record; --max-rejects is 25%",
    );
    let both = "items: the newest load has 1 rejected of 4 records; --max-rejects is 0; \
                orders (pipeline shop): the newest load has 1 rejected of 1 record; --max-rejects is 0";
    fails("--max-rejects 0", &stream, both);
    check("--pipeline shop --min-records 1", &stream).ok();
    fails("--pipeline nightly --min-records 1", &stream, "there is no run of pipeline nightly");
    fails("--min-records 1", &sealed(&[]), "there is no run");
    check("--min-records 1 --allow-empty", &sealed(&[])).ok();
}

#[test]
fn a_load_that_is_too_old_says_how_old() {
    let stream = sealed(&[receipt("orders", &counts(OLD))]);
    let ran = check("--max-age 150m", &stream);
    let said = ran.fails(3).last_error_line();
    assert!(said.starts_with("orders: the newest load, of 2020-01-01T00:00:00.000Z, is "), "{said}");
    assert!(said.ends_with(" old; --max-age is 2 h 30 min"), "{said}");
    let untimed = receipt("orders", &counts(OLD).replace(",\"loaded_at\":\"2020-01-01T00:00:00Z\"", ""));
    fails(
        "--max-age 2h",
        &sealed(&[untimed]),
        "orders: the newest load does not say when it was committed (--max-age)",
    );
    // A clock that is ahead is no reason.
    check("--max-age 2h", &sealed(&[receipt("orders", &counts("2999-01-01T00:00:00Z"))])).ok();
}

#[test]
fn what_was_committed_before_is_judged_by_its_age_alone() {
    let again = "\"records\":0,\"inserted\":0,\"updated\":0,\"rejected\":0,\"seconds\":0.1,\"already_loaded\":true,\"loaded_at\":\"2026-11-28T10:00:00Z\"";
    check("--min-records 1 --max-rejects 0", &sealed(&[receipt("orders", again)])).ok();
    let before = counts(OLD);
    fails(
        "--min-records 5",
        &sealed(&[receipt("orders", &before), receipt("orders", again)]),
        "orders: the newest load has 4 records; --min-records is 5",
    );
}

#[test]
fn a_failure_keeps_its_code_and_without_a_condition_nothing_is_checked() {
    let ran = check("--min-records 1", ABORT);
    assert_eq!(ran.fails(77).stdout, "");
    assert!(ran.last_error_line().contains("api.example: 401"), "{}", ran.stderr);
    check("", &sealed(&[])).fails(2);
    check("--max-rejects x", &sealed(&[])).fails(2);
}

#[test]
fn a_ledger_that_does_not_know_the_rejects_is_not_taken_for_good() {
    let folder = Folder::new();
    let run = "{\"target\":\"t\",\"load_id\":\"a\",\"pipeline\":null,\"records\":1,\"inserted\":null,\"rejected\":null,\"seconds\":null,\"loaded_at\":\"2026-11-28T10:00:00Z\"}\n";
    let stream = segment("s", ",\"schema\":\"etl.run\"", 1, run);
    check("--min-records 1", &stream).ok();
    fails(
        "--max-rejects 5",
        &stream,
        "t: the newest load does not say how many records were rejected (--max-rejects)",
    );
    // The same from a ledger.
    folder.write("t.json", r#"{"properties":{"n":{"type":"integer"}}}"#);
    let load = Cmd::bin("load-sqlite").words("--db t.db --table t --schema t.json");
    load.in_folder(folder.path("")).stdin(segment("s", "", 1, "{\"n\":1}\n")).run().ok();
    let check = |args: &str| {
        standpipe(["check", "--sqlite", "t.db", "--table", "t"]).words(args).in_folder(folder.path("")).run()
    };
    check("--max-age 1000h --min-records 1 --max-rejects 0").ok();
    let ran = check("--min-records 2");
    assert_eq!(ran.fails(3).last_error_line(), "t: the newest load has 1 record; --min-records is 2");
}
