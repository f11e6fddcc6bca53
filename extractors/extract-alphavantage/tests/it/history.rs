//! What of the history is read, and what earlier runs have read.

use etl_testkit::extract::Sealed;
use etl_testkit::http::{Script, Server};
use etl_testkit::run::{Cmd, Folder};

use crate::extractor::{extractor, run, yields};

const DAYS: [(&str, &str); 5] = [
    ("2026-11-25", "4.01"),
    ("2026-11-11", "."),
    ("2026-10-21", "3.98"),
    ("2026-10-20", "3.97"),
    ("1962-01-02", "4.06"),
];

fn dates(stream: &Sealed) -> Vec<String> {
    stream.records.iter().map(|record| record["date"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_window_is_cut_out_here() {
    let server = Server::start(yields("daily", &DAYS));
    for (flags, expected) in [
        ("", &[0, 1, 2, 3, 4][..]),
        ("--since 2026-10-21", &[0, 1, 2]),
        ("--until 2026-10-21", &[3, 4]),
        ("--since 2026-10-20 --until 2026-11-11", &[2, 3]),
        ("--since 2026-10-20T00:00:01Z --until 2026-11-11T00:00:01Z", &[1, 2]),
        ("--since 2026-11-26", &[]),
    ] {
        let url = server.url();
        let args = ["treasury-yield", "--maturity", "10year", "--interval", "daily", "--base-url", &url];
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let stream = Sealed::of(&run(&[&args[..], &flags].concat()));
        let expected: Vec<&str> = expected.iter().map(|&n: &usize| DAYS[n].0).collect();
        assert_eq!(dates(&stream), expected, "{flags:?}");
    }
    let request = server.requests().remove(0);
    assert!(server.requests().iter().all(|other| other.target == request.target));
}

#[test]
fn a_run_reads_on_from_the_state_that_the_loader_has_written() {
    let folder = Folder::new();
    let later = [
        ("2026-11-27", "4.03"),
        ("2026-11-25", "4.02"),
        ("2026-11-11", "."),
        ("2026-10-21", "3.98"),
        ("1962-01-02", "9"),
    ];
    let script = Script::new()
        .then(yields("daily", &DAYS))
        .then(yields("daily", &DAYS))
        .then(yields("daily", &later))
        .then(yields("weekly", &later));
    let server = Server::start(script);
    let url = server.url();
    let pipe = |interval: &str| {
        let args = [
            "treasury-yield",
            "--maturity",
            "10year",
            "--interval",
            interval,
            "--state",
            "state",
            "--base-url",
            &url,
        ];
        let loader = Cmd::bin("load-sqlite").words("--db rates.db --state-out state --emit records");
        let (extracted, loaded) =
            extractor().cmd(&args).in_folder(folder.path("")).pipe(loader.in_folder(folder.path("")));
        extracted.ok();
        dates(&Sealed::of(&loaded))
    };
    assert_eq!(pipe("daily"), DAYS.map(|(date, _)| date));
    let state: serde_json::Value = serde_json::from_str(&folder.read("state")).unwrap();
    assert_eq!(state["10year daily"]["cursor"], "2026-11-25T00:00:00Z");
    // 35 days before the cursor it looks again; what has not changed is left out.
    assert_eq!(state["10year daily"]["seen"].as_object().unwrap().len(), 3);
    assert_eq!(pipe("daily"), [""; 0]);
    assert_eq!(pipe("daily"), ["2026-11-27", "2026-11-25"]);
    // Another interval has a cursor of its own.
    assert_eq!(pipe("weekly"), later.map(|(date, _)| date));
    let state: serde_json::Value = serde_json::from_str(&folder.read("state")).unwrap();
    let parts: Vec<&String> = state.as_object().unwrap().keys().collect();
    assert_eq!(parts, ["10year daily", "10year weekly"]);
}
