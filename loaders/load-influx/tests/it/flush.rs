//! An endless input (`--flush-interval`).

use etl_testkit::load::{loads, sealed_as};
use etl_testkit::run::Signal;

use crate::support::{InfluxFolder, plain, site};

#[test]
fn points_are_sent_although_nothing_more_comes() {
    let place = InfluxFolder::new();
    let mut running = place.loader("--flush-interval 10ms --state-out state.json").stdin_open().spawn();
    running.write(plain(&[site("a", 0, r#""n":1"#)]));
    running.wait_until_stdout_contains("\"kind\":\"end\"");
    assert_eq!(place.database.rows("SELECT n FROM sites"), ["1699999200000000000|1"]);
    running.write(plain(&[site("a", 1, r#""n":2"#), site("a", 1, r#""n":2"#)]));
    running.wait_until_stdout_contains("\"records\":2");
    assert_eq!(place.database.count("sites", "n"), 2);
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert!(
        ran.last_error_line().ends_with("ended by SIGTERM: 3 points were sent and stay"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_sealed_segment_is_never_split_and_its_state_follows_its_points() {
    let place = InfluxFolder::new();
    let segment = |id: &str, n: u64| {
        let (record, state) = (site("a", n, &format!("\"n\":{n}")), format!("state {n}"));
        sealed_as("", id, &[record.as_str(), state.as_str()])
    };
    let (one, two) = (segment("one", 1), segment("two", 2));
    let mut running = place.loader("--flush-interval 0 --state-out state.json").stdin_open().spawn();
    running.write(&one);
    running.wait_until_stdout_contains("\"load_id\":\"one\"");
    running.write(&two[..two.len() - 10]);
    running.close_stdin();
    let ran = running.finish();
    ran.fails(75);
    assert_eq!(place.read("state.json"), "1\n");
    assert_eq!(place.database.rows("SELECT n FROM sites"), ["1699999201000000000|1"]);
    let loads = loads(&ran.stdout);
    assert_eq!(
        (loads.len(), &loads[0][0]["state"], &loads[1][0]["_etl"]["code"]),
        (2, &1.into(), &75.into())
    );
}
