//! Records set aside by a run of many loads.

use etl_testkit::run::{Cmd, Signal};

use crate::support::{SqliteFolder, loads, plain, refused, sealed, segments, wait_until};

const ARGS: &str = "--schema events.json --commit-every 2 --rejects bad --max-rejects 1";

/// The line numbers in each segment of a file of rejects.
fn lines(place: &SqliteFolder) -> Vec<Vec<u64>> {
    let parse = |line: &&str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["line"].as_u64();
    let file = place.read("bad");
    let segments = segments(&file);
    segments.iter().map(|lines| lines.iter().map(|line| parse(line).expect("a number")).collect()).collect()
}

#[test]
fn each_load_may_set_so_many_aside_and_has_a_segment_for_them() {
    let place = SqliteFolder::new();
    let stream = plain(&[
        r#"{"n":"a"}"#,
        r#"{"n":1}"#,
        r#"{"n":2}"#,
        r#"{"n":3}"#,
        r#"{"n":4}"#,
        r#"{"n":"b"}"#,
        r#"{"n":"c"}"#,
        r#"{"n":"d"}"#,
    ]);
    let ran = place.load(&format!("{ARGS} --seal off"), &stream);
    ran.fails(3);
    assert_eq!(
        ran.last_error_line(),
        r#"line 8 (byte 62): field "n": expected an integer, found "d" (rejected record 2, --max-rejects 1); record: {"n":"d"}"#
    );
    let mut printed = loads(&ran.stdout);
    printed.pop();
    let told: Vec<_> = printed
        .iter()
        .map(|load| (&load[0]["records"], &load[0]["inserted"], &load[0]["rejected"]))
        .collect();
    let number = |n: u64| serde_json::Value::from(n);
    assert_eq!(
        told,
        [
            (&number(2), &number(1), &number(1)),
            (&number(2), &number(2), &number(0)),
            (&number(2), &number(1), &number(1))
        ]
    );
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2", "3", "4"]);
    // Those of the failed load are in it, too: they are the reason.
    assert_eq!(lines(&place), [vec![1], vec![6], vec![7, 8]]);
    // The file is a stream like any other.
    let unreject = Cmd::bin("standpipe").args(["unreject", "bad"]).in_folder(place.path("")).run();
    assert_eq!(unreject.ok().lines(), [r#"{"n":"a"}"#, r#"{"n":"b"}"#, r#"{"n":"c"}"#, r#"{"n":"d"}"#]);
}

#[test]
fn a_run_without_any_leaves_a_file_that_is_a_stream() {
    let place = SqliteFolder::new();
    place.load(ARGS, sealed("a", &[r#"{"n":1}"#])).ok();
    assert_eq!(lines(&place), [[0; 0]]);
    // Without the flag the first one fails its load.
    let ran = place
        .load("--schema events.json --commit-every 1 --seal off", plain(&[r#"{"n":2}"#, r#"{"n":"x"}"#]));
    ran.fails(3);
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2"]);
}

#[test]
fn what_was_set_aside_is_there_once_its_load_is_committed() {
    let place = SqliteFolder::new();
    let mut running = place.loader(ARGS).stdin_open().spawn();
    running.write(sealed("a", &[r#"{"n":1}"#, r#"{"n":"x"}"#]));
    wait_until("the first load", || place.seen() == 1);
    assert_eq!(lines(&place), [[3]]);
    // Killed while the second one is open: the rerun skips the first, so its record must not be lost, and reads the
    // second again, so its record must not be in the file twice.
    running.write("{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"b\"}}\n{\"n\":\"y\"}\n");
    running.wait_until_it_reads();
    running.kill(Signal::KILL);
    running.finish().fails(137);
    let stream =
        [sealed("a", &[r#"{"n":1}"#, r#"{"n":"x"}"#]), sealed("b", &[r#"{"n":"y"}"#, r#"{"n":2}"#])].concat();
    for rerun in [false, true] {
        let ran = place.load(ARGS, &stream);
        let already: Vec<_> =
            loads(&ran.ok().stdout).iter().map(|load| load[0]["already_loaded"].clone()).collect();
        assert_eq!(already, [true, rerun]);
        assert_eq!(lines(&place), [[3], [6]]);
    }
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2"]);
}

#[test]
fn what_a_killed_run_has_begun_to_set_aside_goes() {
    let place = SqliteFolder::new();
    let stream = sealed("a", &[r#"{"n":1}"#, r#"{"n":"x"}"#]);
    place.load(ARGS, &stream).ok();
    let whole = place.read("bad");
    let begin = whole.lines().next().expect("a begin").to_owned() + "\n";
    let reject = whole.lines().nth(1).expect("a record");
    for half in [begin.clone(), format!("{begin}{reject}\n"), format!("{begin}{reject}\n{}", &begin[..20])] {
        place.write("bad", format!("{whole}{half}"));
        place.load(ARGS, &stream).ok();
        assert_eq!(place.read("bad"), whole);
        place.write("bad", &half);
        place.load(ARGS, &stream).ok();
        assert_eq!(lines(&place), [[0; 0]]);
    }
}

#[test]
fn rejects_that_cannot_be_written_fail_their_load() {
    let place = SqliteFolder::new();
    let stream =
        [sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#]), sealed("b", &[r#"{"n":3}"#, r#"{"n":"x"}"#])].concat();
    let args = ARGS.replace("bad", "/dev/full");
    refused(&place.load(&args, &stream), 74, "cannot write the rejects: No space left on device");
    let args = ARGS.replace("bad", "no/such/folder");
    refused(&place.load(&args, &stream), 74, "cannot write the rejects no/such/folder: No such file");
    // A limit on the size of files, which is also that of the database, is met by a long record.
    let long = format!(r#"{{"n":"{}"}}"#, "x".repeat(300_000));
    let stream = [sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#]), sealed("b", &[r#"{"n":3}"#, &long])].concat();
    let ran = place.loader(ARGS).stdin(stream).file_size_limit(250).run();
    ran.fails(74);
    assert!(ran.last_error_line().contains("File too large"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2"]);
}
