//! The database's file: one that nothing is in, one that others use, and a disk that is full.

use std::fs;

use etl_testkit::run::{Cmd, Signal};

use crate::support::{SqliteFolder, many, refused, sealed};

const EVENTS: &str = "--schema events.json";

/// The database and what SQLite has beside it.
fn files(place: &SqliteFolder) -> Vec<String> {
    let files = fs::read_dir(place.path("")).expect("the folder is there");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("t.db")).collect()
}

#[test]
fn a_first_run_that_failed_leaves_no_file() {
    let none: [&str; 0] = [];
    let place = SqliteFolder::new();
    let bad = sealed("a", &[r#"{"n":1}"#, r#"{"n":"x"}"#]);
    for (args, stream, code) in [
        (EVENTS.to_owned(), bad.clone(), 3),
        (format!("{EVENTS} --mode replace"), sealed("b", &[]), 3),
        (EVENTS.to_owned(), bad[..bad.len() - 9].to_vec(), 75),
        (EVENTS.to_owned(), Vec::new(), 75),
        ("--table nowhere".to_owned(), sealed("c", &["{}"]), 78),
        (EVENTS.to_owned(), [many("d", 90_000), bad.clone()].concat(), 3),
    ] {
        place.load(&args, stream).fails(code);
        assert_eq!(files(&place), none, "{args} {code}");
    }
    place.loader(EVENTS).stdin(many("e", 9000)).file_size_limit(100).run().fails(74);
    assert_eq!(files(&place), none);
    // A file that was there before stays, also an empty one; so does one with a load in it.
    place.write("t.db", "");
    place.load(EVENTS, &bad).fails(3);
    assert!(files(&place).contains(&"t.db".to_owned()));
    place.load(EVENTS, sealed("f", &[r#"{"n":1}"#])).ok();
    place.load(EVENTS, &bad).fails(3);
    assert_eq!(place.rows("SELECT n FROM events"), ["1"]);
}

#[test]
fn a_first_run_that_fails_does_not_take_the_file_from_another() {
    let place = SqliteFolder::new();
    // Both find no file; the one that waits has opened it, and the one that fails creates nothing.
    let mut waits = place.waiting(EVENTS, many("a", 90_000));
    assert!(place.is_locked());
    place.load(&format!("{EVENTS} --busy-timeout 0"), sealed("b", &[r#"{"n":"x"}"#])).fails(75);
    waits.close_stdin();
    waits.finish().ok();
    assert_eq!(place.count("SELECT count(*) FROM events"), 90_000);
}

#[test]
fn a_reader_or_writer_is_waited_for_until_the_timeout() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE events (n INTEGER NOT NULL, text TEXT); INSERT INTO events (n) VALUES (7)");
    let stream = sealed("a", &[r#"{"n":1}"#]);
    let args = format!("{EVENTS} --busy-timeout 50ms");
    let said = "t.db: another process still used the database after --busy-timeout";
    let connection = place.connect();
    for (begin, end) in [("BEGIN; SELECT count(*) FROM events", "COMMIT"), ("BEGIN IMMEDIATE", "ROLLBACK")] {
        connection.execute_batch(begin).expect("it begins");
        refused(&place.load(&args, &stream), 75, said);
        connection.execute_batch(end).expect("it ends");
    }
    place.load(&args, &stream).ok();
    assert_eq!(place.rows("SELECT n FROM events ORDER BY n"), ["1", "7"]);
}

#[test]
fn a_disk_without_room_for_the_log_is_74() {
    if !Cmd::new("unshare").args(["-rm", "true"]).run().stderr.is_empty() {
        eprintln!("skipped: this user may not mount anything in a namespace of its own");
        return;
    }
    let place = SqliteFolder::new();
    fs::create_dir(place.path("small")).expect("a folder");
    place.sql("CREATE TABLE events (n INTEGER NOT NULL, text TEXT)");
    let loader = env!("CARGO_BIN_EXE_load-sqlite");
    // Of files: the folder itself, the database, its log; then the log's index is lacking, and so on. A new database has
    // only a journal at first.
    for (old, options) in [
        ("", "size=1m,nr_inodes=1"),
        ("", "size=1m,nr_inodes=2"),
        ("", "size=4k"),
        ("", "size=12k"),
        ("cp t.db small && ", "size=1m,nr_inodes=2"),
        ("cp t.db small && ", "size=1m,nr_inodes=3"),
        ("cp t.db small && ", "size=40k"),
    ] {
        let script = format!(
            "mount -t tmpfs -o {options} none small && {old}{loader} --db small/t.db --schema events.json --emit none"
        );
        let cmd = Cmd::new("unshare").args(["-rm", "sh", "-c", &script]).in_folder(place.path(""));
        let ran = cmd.stdin(sealed("a", &[r#"{"n":1}"#])).run();
        ran.fails(74);
        assert!(ran.last_error_line().contains("small/t.db"), "{options}: {}", ran.stderr);
    }
}

#[test]
fn a_first_load_that_is_killed_leaves_nothing_and_the_next_one_sets_the_log() {
    let place = SqliteFolder::new();
    let text = "x".repeat(1000);
    let begun: String = (0..40_000).map(|n| format!("{{\"n\":{n},\"text\":\"{text}\"}}\n")).collect();
    let running =
        place.waiting(EVENTS, format!("{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}}}\n{begun}"));
    running.kill(Signal::KILL);
    assert_eq!(running.finish().code, 137);
    // It is more than the cache holds, so that pages were written already.
    assert!(fs::metadata(place.path("t.db")).expect("the file").len() > 1 << 20);
    place.load(EVENTS, sealed("a", &[r#"{"n":1}"#])).ok();
    assert_eq!(place.rows("SELECT n FROM events"), ["1"]);
    assert_eq!(place.rows("PRAGMA journal_mode"), [r#""wal""#]);
}
