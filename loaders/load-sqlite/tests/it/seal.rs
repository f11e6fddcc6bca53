//! A pipe that cannot lie: nothing of a stream that is cut, or whose producer or loader is killed.

use std::io::Write;

use etl_testkit::run::{Cmd, Signal};

use crate::support::{HELD, SqliteFolder, counts, many, refused, sealed};

const ITEMS: &str = "--schema items.json";
const EVENTS: &str = "--schema events.json";
const ROWS: &str = "SELECT * FROM items ORDER BY id";

fn stream() -> Vec<u8> {
    sealed(
        "s1",
        &[r#"{"id":1,"name":"one"}"#, r#"{"id":2,"name":"zwei\né"}"#, r#"state {"at":2}"#, r#"{"id":0}"#],
    )
}

/// A place whose table already has a row.
fn before() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.load(ITEMS, sealed("s0", &[r#"{"id":0,"name":"before"}"#])).ok();
    place
}

#[test]
fn a_pipe_cut_anywhere_changes_nothing_and_a_rerun_loads_once() {
    let place = before();
    let stream = stream();
    let lines = stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let cuts = lines.flat_map(|at| [at - 1, at, at + 1]).chain([0, 1, 10]).filter(|cut| *cut < stream.len());
    for cut in cuts {
        let ran = place.load(ITEMS, &stream[..cut]);
        refused(&ran, 75, if cut == 0 { "the input is empty" } else { "the input ends in" });
        assert_eq!(place.rows(ROWS), [r#"0|"before""#], "cut at {cut}");
    }
    for (expected, already) in [([3, 2, 1, 0, 0, 0], false), ([0; 6], true)] {
        let ran = place.load(ITEMS, &stream);
        assert_eq!((counts(&ran), ran.stdout.contains("\"already_loaded\":true")), (expected, already));
        assert_eq!(place.rows(ROWS), ["0|NULL", r#"1|"one""#, r#"2|"zwei\né""#]);
    }
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 2);
}

#[test]
fn a_file_cut_at_any_byte_is_bad_data() {
    let place = before();
    let stream = stream();
    for cut in 0..stream.len() {
        place.write("cut.ndjson", &stream[..cut]);
        let ran = place.loader(ITEMS).args(["--input", "cut.ndjson"]).run();
        refused(&ran, 3, if cut == 0 { "the input is empty" } else { "the input ends in" });
        assert_eq!(place.rows(ROWS), [r#"0|"before""#], "cut at {cut}");
    }
    // Also if the file is stdin itself.
    refused(&place.loader(ITEMS).stdin_file(place.path("cut.ndjson")).run(), 3, "in the middle of a line");
    place.write("whole.ndjson", &stream);
    place.loader(ITEMS).args(["--input", "whole.ndjson"]).run().ok();
    assert_eq!(place.count("SELECT count(*) FROM items"), 3);
}

#[test]
fn a_killed_producer_is_seen_through_a_real_pipe() {
    let place = before();
    let stream = stream();
    let begin = stream.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    place.write("part", &stream[..begin + 22]);
    let producer = Cmd::new("sh").args(["-c", "cat part; kill -9 $$"]).in_folder(place.path(""));
    let (producer, loader) = producer.pipe(place.loader(ITEMS));
    producer.fails(137);
    refused(&loader, 75, "line 2: the input ends inside segment s1 (begun on line 1) after 1 record");
    assert_eq!(place.rows(ROWS), [r#"0|"before""#]);
}

#[test]
fn a_long_stream_cut_in_its_transaction_is_rolled_back() {
    let place = SqliteFolder::new();
    let stream = many("long", 100_000);
    assert!(stream.len() > HELD);
    let mut running = place.waiting(EVENTS, &stream[..HELD]);
    assert!(place.is_locked());
    running.close_stdin();
    refused(&running.finish(), 75, "the input ends in the middle of a line");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
    place.load(EVENTS, &stream).ok();
    assert_eq!(place.rows("SELECT count(*), sum(n) FROM events"), ["100000|4999950000"]);
    place.assert_sound();
}

#[test]
fn a_killed_loader_leaves_nothing_and_a_rerun_loads_once() {
    let stream = many("long", 100_000);
    let end = stream.len();
    for mode in ["append", "replace"] {
        let place = SqliteFolder::new();
        let args = format!("{EVENTS} --mode {mode} --load-id run-1");
        // Before BEGIN, in the transaction, after all records, after `end` with the pipe still open.
        for cut in [0, 1 << 20, HELD, 10 << 20, end - 100, end] {
            let running = place.waiting(&args, &stream[..cut]);
            assert_eq!(place.is_locked(), cut >= HELD);
            running.kill(Signal::KILL);
            running.wait().fails(137);
            assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0], "killed at {cut}");
        }
        for already in [false, true] {
            let ran = place.load(&args, &stream);
            assert_eq!(ran.ok().stdout.contains("\"already_loaded\":true"), already);
            assert_eq!(place.rows("SELECT count(*), sum(n) FROM events"), ["100000|4999950000"]);
        }
        assert_eq!(
            place.rows("SELECT target, load_id, records FROM etl_load"),
            [r#""events"|"run-1"|100000"#]
        );
        place.assert_sound();
    }
}

#[test]
fn a_loader_killed_while_it_ends_has_loaded_all_or_nothing() {
    let stream = many("long", 80_000);
    let place = SqliteFolder::new();
    for round in 0..6 {
        let args = format!("{EVENTS} --load-id run-{round}");
        let mut running = place.waiting(&args, &stream);
        running.close_stdin();
        // As far as it gets: the commit is under way, or not, or done.
        for _ in 0..round * 2000 {
            std::thread::yield_now();
        }
        running.kill(Signal::KILL);
        let code = running.finish().code;
        assert!(code == 137 || code == 0, "{code}");
        let after_kill =
            place.connect().query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0));
        let after_kill = after_kill.unwrap_or(0);
        assert!(
            [round * 80_000, (round + 1) * 80_000].contains(&after_kill),
            "{after_kill} in round {round}"
        );
        place.load(&args, &stream).ok();
        assert_eq!(place.count("SELECT count(*) FROM events"), (round + 1) * 80_000);
    }
    place.assert_sound();
}

#[test]
fn abort_ends_the_load_with_the_code_it_carries() {
    let place = before();
    let begin = "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n{\"id\":1}\n";
    for (carried, code, odd) in
        [(77, 77, ""), (75, 75, ""), (143, 143, ""), (0, 3, "it ended with 0"), (1, 3, "it ended with 1")]
    {
        let abort = format!(
            "{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":{carried},\"message\":\"no key\"}}}}\n"
        );
        for start in [begin, ""] {
            let ran = place.load(ITEMS, format!("{start}{abort}"));
            refused(&ran, code, "the producer failed: no key");
            assert!(ran.stderr.contains(odd));
        }
    }
    assert_eq!(place.rows(ROWS), [r#"0|"before""#]);
}

#[test]
fn what_contradicts_the_seal_is_bad_data() {
    let place = before();
    let good = String::from_utf8(stream()).expect("UTF-8");
    let (head, end) = good.split_at(good.rfind("{\"_etl\":{\"v\":1,\"kind\":\"end\"").expect("an end"));
    let begin = "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"s2\"}}\n";
    let cases = [
        (
            format!("{head}{}", end.replace("\"records\":3", "\"records\":4")),
            "segment s1 has 3 records, but its end says 4",
        ),
        (good.replace("\"one\"", "\"two\""), "line 6 (byte 149): segment s1 has the digest"),
        (good.replace("\"one\"", "\"three\""), "bytes, but its end says"),
        (
            format!("{head}{}", end.replace("\"id\":\"s1\"", "\"id\":\"s9\"")),
            "the end of segment s9, but segment s1 is open",
        ),
        (end.to_owned(), "line 1 (byte 0): an `end` without `begin`"),
        (format!("{head}{begin}"), "a `begin` inside segment s1 (begun on line 1)"),
        (format!("{good}{good}"), "segment s1 appears twice"),
        (format!("{good}{{\"id\":7}}\n"), "a record outside a segment of a sealed stream"),
        (format!("{{\"id\":7}}\n{good}"), "line 2 (byte 9): a control line inside a plain stream"),
        (good.replace("\"kind\":\"state\"", "\"kind\":\"stat\""), "unknown kind `stat`"),
        (good.replacen("\"v\":1", "\"v\":2", 1), "version 2"),
    ];
    for (stream, said) in cases {
        refused(&place.load(ITEMS, &stream), 3, said);
        assert_eq!(place.rows(ROWS), [r#"0|"before""#], "{said}");
    }
    refused(
        &place.load(&format!("{ITEMS} --seal required"), "{\"id\":7}\n"),
        3,
        "outside a verified segment",
    );
    refused(
        &place.load(&format!("{ITEMS} --seal off"), &good),
        3,
        "a control line in a stream that is read with --seal off",
    );
    assert_eq!(place.rows(ROWS), [r#"0|"before""#]);
}

#[test]
fn an_end_without_digest_is_enough_and_a_fifo_is_a_pipe() {
    let place = before();
    let stream = "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"py\"}}\n{\"id\":5}\n\
                  {\"_etl\":{\"v\":1,\"kind\":\"end\",\"id\":\"py\",\"records\":1}}\n";
    let made = std::process::Command::new("mkfifo").arg(place.path("fifo")).status().expect("mkfifo");
    assert!(made.success());
    for (cut, code) in [(60, 75), (stream.len(), 0)] {
        let running = place.loader(&format!("{ITEMS} --seal required --input fifo")).spawn();
        let mut fifo = std::fs::OpenOptions::new().write(true).open(place.path("fifo")).expect("the fifo");
        fifo.write_all(&stream.as_bytes()[..cut]).expect("the fifo is read");
        drop(fifo);
        running.finish().fails(code);
    }
    assert_eq!(place.rows(ROWS), [r#"0|"before""#, "5|NULL"]);
}
