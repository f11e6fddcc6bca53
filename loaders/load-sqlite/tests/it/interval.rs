//! Loads that are committed because time has passed (`--commit-interval`), and signals between two of them.

use std::fs::OpenOptions;
use std::io::{Read, Write};

use etl_testkit::run::Signal;

use crate::support::{HELD, SqliteFolder, loads, many, sealed, segments, wait_until};

const EVENTS: &str = "--schema events.json --commit-interval 10ms";
const ROWS: &str = "SELECT n FROM events";
const ROLLED_BACK: &str = "ended by SIGTERM: what was not committed yet is rolled back";

#[test]
fn a_load_is_committed_although_nothing_more_comes() {
    for seal in ["auto", "off"] {
        let place = SqliteFolder::new();
        let mut running = place.loader(&format!("{EVENTS} --seal {seal}")).stdin_open().spawn();
        running.write("{\"n\":0}\n{\"n\":1}\n");
        wait_until("both rows", || place.seen() == 2);
        // However many loads that made, what comes next is in another one.
        running.write("{\"n\":2}\n");
        wait_until("the third row", || place.seen() == 3);
        let receipts = || running.wait_until_stdout_contains("").matches("\"kind\":\"end\"").count();
        wait_until("all receipts", || receipts() as i64 == place.count("SELECT count(*) FROM etl_load"));
        running.kill(Signal::TERM);
        let ran = running.wait();
        ran.fails(143);
        assert_eq!(ran.last_error_line(), ROLLED_BACK);
        let mut printed = loads(&ran.stdout);
        let abort = printed.pop().expect("an abort").remove(0);
        assert_eq!((&abort["_etl"]["code"], &abort["_etl"]["message"]), (&143.into(), &ROLLED_BACK.into()));
        let records: u64 = printed.iter().map(|load| load[0]["records"].as_u64().expect("a number")).sum();
        assert_eq!((records, printed.len() >= 2), (3, true));
        assert_eq!(place.count("SELECT count(*) FROM etl_load"), printed.len() as i64);
        assert_eq!(place.rows(ROWS), ["0", "1", "2"]);
        place.assert_sound();
    }
}

#[test]
fn a_fifo_that_stays_open_is_no_end() {
    let place = SqliteFolder::new();
    let made = std::process::Command::new("mkfifo").arg(place.path("fifo")).status().expect("mkfifo");
    assert!(made.success());
    let running = place.loader(&format!("{EVENTS} --input fifo")).spawn();
    let mut fifo = OpenOptions::new().write(true).open(place.path("fifo")).expect("the fifo");
    fifo.write_all(&sealed("a", &[r#"{"n":0}"#, "state 1"])).expect("the fifo is read");
    running.wait_until_stdout_contains("\"kind\":\"end\"");
    assert_eq!(place.rows("SELECT load_id, records, state FROM etl_load"), [r#""a"|1|"1""#]);
    drop(fifo);
    let ran = running.finish();
    assert_eq!(loads(&ran.ok().stdout).len(), 1);
    assert!(ran.stderr.ends_with("t.db: 1 record in 1 load\n"), "{}", ran.stderr);
}

#[test]
fn an_open_segment_is_never_split_and_rolled_back_by_a_signal() {
    // An interval of 0: everything that may be committed is committed.
    let args = "--schema events.json --commit-interval 0";
    let place = SqliteFolder::new();
    let ran =
        place.load(args, [sealed("a", &[r#"{"n":0}"#, r#"{"n":1}"#]), sealed("b", &[r#"{"n":2}"#])].concat());
    let told: Vec<_> = loads(&ran.ok().stdout).iter().map(|load| load[0]["load_id"].clone()).collect();
    assert_eq!(told, ["a", "b"]);
    let ran = place.load(&format!("{args} --seal off"), "{\"n\":3}\n{\"n\":4}\n");
    assert_eq!(loads(&ran.ok().stdout).len(), 2);
    // The third segment is in its transaction when the signal comes.
    let stream = [sealed("c", &[r#"{"n":5}"#]), many("d", 100_000)[..HELD].to_vec()].concat();
    let running = place.waiting(args, stream);
    assert!(place.is_locked());
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert_eq!(ran.last_error_line(), ROLLED_BACK);
    assert_eq!(loads(&ran.stdout)[0][0]["load_id"], "c");
    assert_eq!(place.rows(ROWS), ["0", "1", "2", "3", "4", "5"]);
    place.assert_sound();
}

#[test]
fn a_line_that_is_only_begun_does_not_keep_the_ones_before_it_waiting() {
    let place = SqliteFolder::new();
    let args = "--schema events.json --seal off --commit-interval 500ms";
    let mut running = place.waiting(args, "{\"n\":0}\n");
    // It waits for the rest of its interval, and half a line comes.
    running.write("{\"n\":");
    running.wait_until_stdout_contains("\"kind\":\"end\"");
    assert_eq!(place.rows(ROWS), ["0"]);
    running.write("1,\"text\":\"");
    running.write("x\"}\n");
    wait_until("the second row", || place.seen() == 2);
    let ran = running.finish();
    assert_eq!(loads(&ran.ok().stdout).len(), 2);
    assert_eq!(place.rows("SELECT n, text FROM events"), ["0|NULL", r#"1|"x""#]);
    // One that grows beyond the limit is refused, and one that is cut is cut.
    let mut running =
        place.loader(&format!("{EVENTS} --seal off --max-line-bytes 1000")).stdin_open().spawn();
    running.write(format!("{{\"n\":2}}\n{}", "x".repeat(1001)));
    let ran = running.wait();
    ran.fails(3);
    assert!(
        ran.last_error_line().starts_with("line 2 (byte 8): the line is longer than 1000 bytes"),
        "{}",
        ran.stderr
    );
    let ran = place.load(&format!("{EVENTS} --seal off"), "{\"n\":3}\n{\"n\":4");
    ran.fails(75);
    assert!(ran.last_error_line().starts_with("line 2 (byte 8): the input ends in the middle of a line"));
}

#[test]
fn whatever_comes_first_cuts() {
    let place = SqliteFolder::new();
    let args = "--schema events.json --commit-every 2 --commit-interval 1h";
    let mut running = place.loader(&format!("{args} --seal off")).stdin_open().spawn();
    running.write("{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
    running.wait_until_stdout_contains("\"kind\":\"end\"");
    running.wait_until_it_reads();
    assert_eq!(place.rows(ROWS), ["0", "1"]);
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert_eq!(place.rows(ROWS), ["0", "1"]);
    // Before the first commit there is nothing to report.
    let running = place.waiting(args, "{\"n\":3}\n");
    running.kill(Signal::TERM);
    assert_eq!(running.wait().last_error_line(), "ended by SIGTERM: nothing was committed");
}

#[test]
fn a_signal_while_a_load_is_told_of_does_not_make_the_run_a_success() {
    let place = SqliteFolder::new();
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&[b' '; 64 << 10]).expect("what a pipe holds");
    let args = "--schema events.json --commit-every 2 --emit new --seal off";
    let mut running = place.loader(args).stdin_open().stdout_to(writer).spawn();
    running.write("{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
    // Committed, and stuck in its output: the third record is not loaded, so this is no success.
    wait_until("the first load", || place.seen() == 2);
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert_eq!(ran.last_error_line(), ROLLED_BACK);
    assert_eq!(place.rows(ROWS), ["0", "1"]);
    let mut printed = String::new();
    reader.read_to_string(&mut printed).expect("what there is");
    assert_eq!(printed.trim_start(), "");
    // The last load of a run is different: everything is done.
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&[b' '; 64 << 10]).expect("what a pipe holds");
    let running = place.loader(args).stdin("{\"n\":3}\n").stdout_to(writer).spawn();
    wait_until("the last load", || place.seen() == 3);
    running.kill(Signal::TERM);
    running.wait().ok();
    drop(reader);
}

#[test]
fn a_signal_before_the_last_commit_is_no_success_either() {
    let place = SqliteFolder::new();
    let made = std::process::Command::new("mkfifo").arg(place.path("state")).status().expect("mkfifo");
    assert!(made.success());
    let args = "--schema events.json --commit-every 2 --state-out state";
    let mut running = place.loader(args).stdin_open().spawn();
    drop(std::fs::File::open(place.path("state")).expect("the fifo"));
    running.write(sealed("a", &[r#"{"n":0}"#, r#"{"n":1}"#]));
    running.wait_until_stdout_contains("\"kind\":\"end\"");
    // The last load, in its transaction, waits for somebody to read its state.
    running.write(sealed("b", &[r#"{"n":2}"#, "state 1"]));
    running.close_stdin();
    wait_until("the second load", || place.is_locked());
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert_eq!(ran.last_error_line(), ROLLED_BACK);
    assert_eq!(place.rows(ROWS), ["0", "1"]);
}

#[test]
fn records_passed_on_show_with_their_load() {
    let place = SqliteFolder::new();
    let mut running = place.loader(&format!("{EVENTS} --emit records --seal off")).stdin_open().spawn();
    running.write("{\"n\":0}\n");
    let printed = running.wait_until_stdout_contains("\"kind\":\"end\"");
    assert_eq!(segments(&printed), [["{\"n\":0}"]]);
    running.write("{\"n\":1}\n");
    assert_eq!(segments(&running.finish().ok().stdout), [["{\"n\":0}"], ["{\"n\":1}"]]);
}
