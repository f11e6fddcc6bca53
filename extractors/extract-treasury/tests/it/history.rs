//! Which years are asked for where none is given, and runs that read on from where the last one has got to.

use etl_testkit::extract::{Sealed, failed};
use etl_testkit::http::{Reply, Server};
use etl_testkit::run::{Folder, Ran};
use serde_json::{Value, json};

use crate::extractor::{csv, recorded, run, server};

/// The state that a run printed.
fn state(ran: &Ran) -> Option<Value> {
    let line = ran.lines().into_iter().find(|line| line.contains("\"kind\":\"state\""))?.to_owned();
    let line: Value = serde_json::from_str(&line).unwrap();
    Some(line["_etl"]["value"].clone())
}

fn days(ran: &Ran) -> Vec<String> {
    Sealed::of(ran).records.iter().map(|record| record["date"].as_str().unwrap().to_owned()).collect()
}

/// The years that were asked for, as they are in the path.
fn years(server: &Server) -> Vec<String> {
    let year = |target: &str| target.split(".csv/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    server.requests().iter().map(|request| year(&request.target)).collect()
}

/// This year's file in Treasury's words, whatever the year is: a header.
fn header() -> Reply {
    csv("Date,\"10 Yr\"")
}

#[test]
fn a_window_asks_for_its_years_and_leaves_out_what_is_outside() {
    let old = csv("Date,\"10 Yr\"\n12/31/2024,4.58\n12/30/2024,4.55\n12/27/2024,4.62");
    let new = csv("Date,\"10 Yr\"\n01/03/2025,4.60\n01/02/2025,4.57");
    let both = server([old, new]);
    let ran = run(&both, "yield-curve --since 2024-12-30 --until 2025-01-03");
    assert_eq!(years(&both), ["2024", "2025"]);
    assert_eq!(days(&ran), ["2024-12-31", "2024-12-30", "2025-01-02"]);
    assert_eq!(state(&ran), None);

    let one = server([recorded("2023/2023_13_tenors.csv")]);
    let ran = run(&one, "yield-curve --year 2023 --since 2023-08-31");
    assert_eq!(
        (years(&one), days(&ran)),
        (vec!["2023".into()], vec!["2023-09-01".into(), "2023-08-31".into()])
    );
}

#[test]
fn a_second_run_asks_for_the_years_since_the_last_row_and_leaves_out_what_it_has_seen() {
    let folder = Folder::new();
    let file = folder.path("state").display().to_string();
    let first = server([csv("Date,\"10 Yr\"\n12/31/2024,4.58\n12/30/2024,4.55")]);
    let ran = run(&first, &format!("yield-curve --year 2024 --state {file}"));
    let before = state(&ran).unwrap();
    assert_eq!(before["yield-curve"]["cursor"], "2024-12-31T00:00:00Z");
    folder.write("state", before.to_string());

    // A row was corrected, and one is new; the years after 2025 have none.
    let second = Server::start(
        etl_testkit::http::Script::new()
            .then(csv("Date,\"10 Yr\"\n12/31/2024,4.58\n12/30/2024,4.54\n12/02/2024,4.19"))
            .then(csv("Date,\"10 Yr\"\n01/02/2025,4.57"))
            .then(header()),
    );
    let ran = run(&second, &format!("yield-curve --state {file}"));
    assert_eq!(days(&ran), ["2024-12-30", "2025-01-02"]);
    assert_eq!(years(&second)[..2], ["2024", "2025"]);
    assert_eq!(state(&ran).unwrap()["yield-curve"]["cursor"], "2025-01-02T00:00:00Z");

    // The state of one series is not that of another.
    let other = server([csv("Date,\"5 YR\"\n12/31/2024,1.98")]);
    let ran = run(&other, &format!("real-yield-curve --year 2024 --state {file}"));
    assert_eq!(days(&ran), ["2024-12-31"]);
    assert_eq!(state(&ran).unwrap()["yield-curve"], before["yield-curve"]);
}

#[test]
fn a_state_that_is_none_is_refused_before_anything_is_sent() {
    let (folder, server) = (Folder::new(), server([header()]));
    folder.write("state", json!({ "yield-curve": { "year": 2024 } }).to_string());
    let file = folder.path("state").display().to_string();
    let ran = run(&server, &format!("yield-curve --state {file}"));
    let said = "has {\"year\":2024} for \"yield-curve\", which is not of this extractor: unknown field `year`, expected \
                `cursor` or `seen`";
    failed(&ran, 3, &format!("the state {file} {said}"));
    assert_eq!(server.requests(), []);
}

#[test]
fn without_a_year_the_file_of_this_year_is_asked_for_and_has_no_row_in_its_first_days() {
    let server = Server::start(header());
    let ran = run(&server, "yield-curve");
    assert_eq!(Sealed::of(&ran).records, [] as [Value; 0]);
    assert_eq!(state(&ran), None);
    // One year, or two around 1 January, and the last one is this year's in New York.
    let years = years(&server);
    assert!([1, 2].contains(&years.len()), "{years:?}");
    let year: i32 = years.last().unwrap().parse().unwrap();
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // A year has 31556952 seconds on average; leap days are at most a day and a half off.
    let now = 1970.0 + seconds as f64 / 31_556_952.0;
    assert!(
        (f64::from(year)..f64::from(year) + 1.01).contains(&now) || (now - f64::from(year)).abs() < 0.01,
        "{year} {now}"
    );
}
