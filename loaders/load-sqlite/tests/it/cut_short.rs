//! A run of many loads that fails after some of them, and the run that follows it.

use etl_testkit::run::Signal;

use crate::support::{SqliteFolder, loads, plain, refused, sealed, segments};

const EVENTS: &str = "--schema events.json --commit-every 2";
const ROWS: &str = "SELECT n FROM events";

fn stream() -> Vec<u8> {
    let segment = |id: &str, lines: [&str; 2]| sealed(id, &lines);
    let parts = [
        segment("a", [r#"{"n":0}"#, r#"{"n":1}"#]),
        segment("b", [r#"{"n":2}"#, r#"{"n":3}"#]),
        segment("c", [r#"{"n":4}"#, r#"{"n":5}"#]),
    ];
    parts.concat()
}

/// What a failed run has printed: a receipt for each load, then the failure.
#[track_caller]
fn told(stdout: &str) -> (Vec<(String, u64)>, serde_json::Value) {
    let mut loads = loads(stdout);
    let abort = loads.pop().expect("an abort").remove(0)["_etl"].clone();
    assert_eq!(abort["kind"], "abort");
    let receipt = |receipt: &serde_json::Value| {
        (
            receipt["load_id"].as_str().unwrap_or("-").to_owned(),
            receipt["inserted"].as_u64().expect("a number"),
        )
    };
    (loads.iter().flatten().map(receipt).collect(), abort)
}

#[test]
fn what_was_committed_before_a_cut_stays_and_a_rerun_adds_nothing_twice() {
    let stream = stream();
    let end = stream.len();
    // Inside a line, after a record of the third segment, and between two lines of it.
    let third = third(&stream);
    let record = third + stream[third..].iter().position(|byte| *byte == b'\n').expect("a line") + 9;
    for (cut, said) in [
        (end - 1, "the input ends in the middle of a line"),
        (record, "the input ends inside segment c (begun on line 9) after 1 record"),
        (third + 5, "line 9 (byte "),
    ] {
        let place = SqliteFolder::new();
        for (code, ran) in [
            (75, place.load(EVENTS, &stream[..cut])),
            (3, {
                place.write("in", &stream[..cut]);
                place.loader(&format!("{EVENTS} --input in")).run()
            }),
        ] {
            ran.fails(code);
            assert!(ran.last_error_line().contains(said), "{}", ran.stderr);
            let (loads, abort) = told(&ran.stdout);
            let inserted = if code == 75 { 2 } else { 0 };
            let expected = ["a", "b"].map(|id| (id.to_owned(), inserted));
            assert_eq!((loads, &abort["code"]), (expected.to_vec(), &code.into()));
            assert_eq!(place.rows(ROWS), ["0", "1", "2", "3"]);
            assert_eq!(place.rows("SELECT load_id FROM etl_load"), [r#""a""#, r#""b""#]);
        }
        let again = place.load(EVENTS, &stream);
        let already: Vec<_> =
            loads(&again.ok().stdout).iter().map(|load| load[0]["already_loaded"].clone()).collect();
        assert_eq!(already, [true, true, false]);
        assert_eq!(place.rows(ROWS), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(place.rows("SELECT load_id, records FROM etl_load"), [r#""a"|2"#, r#""b"|2"#, r#""c"|2"#]);
    }
}

#[test]
fn plain_input_that_is_cut_keeps_the_loads_before() {
    let place = SqliteFolder::new();
    let ran = place.load(&format!("{EVENTS} --seal off"), "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":");
    ran.fails(75);
    assert!(ran.last_error_line().starts_with("line 4 (byte 24): the input ends in the middle of a line"));
    assert_eq!(told(&ran.stdout).0.iter().map(|(_, inserted)| *inserted).collect::<Vec<_>>(), [2]);
    assert_eq!(place.rows(ROWS), ["0", "1"]);
    // An empty input is not accepted either.
    refused(&place.load(EVENTS, ""), 75, "the input is empty");
}

#[test]
fn a_record_that_fails_takes_only_its_own_load_with_it() {
    let place = SqliteFolder::new();
    let lines = [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":"x"}"#, r#"{"n":4}"#];
    let ran = place.load(&format!("{EVENTS} --seal off"), plain(&lines));
    ran.fails(3);
    // Lines are counted in the input, not in the load.
    assert_eq!(
        ran.last_error_line(),
        r#"line 4 (byte 24): field "n": expected an integer, found "x"; record: {"n":"x"}"#
    );
    assert_eq!(place.rows(ROWS), ["0", "1"]);
    // Records that were passed on by then are taken back by an `abort`; those of the loads before are not.
    let place = SqliteFolder::new();
    let bad = sealed("c", &[r#"{"n":4}"#, r#"{"n":"x"}"#]);
    let ran = place.load(&format!("{EVENTS} --emit records"), [&stream()[..third(&stream())], &bad].concat());
    ran.fails(3);
    let printed = segments(&ran.stdout);
    assert_eq!(printed[..2], [[r#"{"n":0}"#, r#"{"n":1}"#], [r#"{"n":2}"#, r#"{"n":3}"#]]);
    assert_eq!(printed.len(), 3);
    assert!(
        printed[2].last().is_some_and(|line| line.starts_with(r#"{"_etl":{"v":1,"kind":"abort","code":3,"#))
    );
    assert_eq!(place.rows(ROWS), ["0", "1", "2", "3"]);
}

#[test]
fn a_segment_that_comes_again_in_a_later_load_is_skipped_or_refused() {
    let stream = stream();
    let place = SqliteFolder::new();
    let again = [&stream[..], &stream[..third(&stream)]].concat();
    let ran = place.load(EVENTS, again);
    assert_eq!(
        loads(&ran.ok().stdout).iter().map(|load| load[0]["inserted"].as_u64()).collect::<Vec<_>>(),
        [2, 2, 2, 0, 0].map(Some)
    );
    assert_eq!(place.count("SELECT count(*) FROM events"), 6);
    let other = [&stream[..], &sealed("a", &[r#"{"n":7}"#, r#"{"n":8}"#])].concat();
    let ran = place.load(EVENTS, other);
    ran.fails(3);
    assert!(ran.last_error_line().starts_with("segment a was loaded before with other content (digest "));
    assert_eq!(place.rows(ROWS), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn a_run_that_is_killed_has_loaded_whole_loads_and_its_rerun_the_rest() {
    let place = SqliteFolder::new();
    let stream = stream();
    let running = place.waiting(EVENTS, &stream[..stream.len() - 1]);
    running.wait_until_stdout_contains("\"load_id\":\"b\"");
    running.kill(Signal::KILL);
    running.finish().fails(137);
    assert_eq!(place.rows(ROWS), ["0", "1", "2", "3"]);
    place.load(EVENTS, &stream).ok();
    assert_eq!(place.rows(ROWS), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 3);
}

/// Where the third segment begins; all three are of the same length.
fn third(stream: &[u8]) -> usize {
    stream.len() / 3 * 2
}
