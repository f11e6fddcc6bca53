//! A load id, or a segment, is loaded only once.

use etl_testkit::load::{counts, many, plain, receipts, refused};
use etl_testkit::run::Signal;

use crate::support::{PostgresFolder, ROWS, events};

const EVENTS: &str = "--create --schema events.json";

#[test]
fn the_same_load_id_loads_once() {
    let place = PostgresFolder::new();
    let stream = plain(&[r#"{"n":1}"#, r#"{"n":2}"#]);
    let args = format!("{EVENTS} --load-id monday");
    assert_eq!(counts(&place.load(&args, &stream)), [2, 2, 0, 0, 0, 0]);
    let again = place.load(&args, &stream);
    assert_eq!(counts(&again), [0; 6]);
    assert!(
        again
            .stderr
            .ends_with("nothing to do, this load was committed before (another --load-id loads it again)\n"),
        "{}",
        again.stderr
    );
    let receipt = receipts(&again).remove(0);
    assert_eq!((&receipt["already_loaded"], &receipt["load_id"]), (&true.into(), &"monday".into()));
    place.loader(EVENTS).env("ETL_LOAD_ID", "monday").stdin(&stream).run().ok();
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(
        place.rows("SELECT target, load_id, records, length(digest), pipeline, state FROM etl_load"),
        ["events|monday|2|64|NULL|NULL"]
    );
    refused(&place.load(&args, "{\"n\":3}\n"), 3, "load id monday was committed before with other content");
    let skipped = place.load(&format!("{args} --if-loaded skip"), "{\"n\":3}\n");
    assert_eq!((counts(&skipped), place.rows(ROWS)), ([0; 6], vec!["1".to_owned(), "2".to_owned()]));
}

#[test]
fn a_load_id_with_quotes_and_backslashes_is_itself() {
    let place = PostgresFolder::new();
    for id in [r"it's\'; DROP TABLE events; --", "$$", "é\u{1f600}"] {
        for expected in [1, 0] {
            let ran = place.loader(EVENTS).args(["--load-id", id]).stdin("{\"n\":1}\n").run();
            assert_eq!(counts(&ran)[1], expected, "{id}");
        }
    }
    assert_eq!(place.count("SELECT count(*) FROM events"), 3);
    let null = b"{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\\u0000b\"}}\n{\"_etl\":{\"v\":1,\"kind\":\"end\",\"id\":\"a\\u0000b\",\"records\":0}}\n";
    refused(&place.load(EVENTS, null), 3, "has the character U+0000");
}

#[test]
fn segments_are_loaded_once_each() {
    let place = PostgresFolder::new();
    let (a, b, c) = (events("a", [1]), events("b", [2, 3]), events("c", [4]));
    assert_eq!(counts(&place.load(EVENTS, [&*a, &b].concat())), [3, 3, 0, 0, 0, 0]);
    let ran = place.load(EVENTS, [&*b, &c].concat());
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert!(ran.stderr.contains("segment b was loaded before; skipped"));
    assert_eq!(place.rows(ROWS), ["1", "2", "3", "4"]);
    assert_eq!(place.rows("SELECT load_id, records FROM etl_load ORDER BY load_id"), ["a|1", "b|2", "c|1"]);
    refused(&place.load(EVENTS, events("b", [2, 9])), 3, "segment b was loaded before with other content");
}

/// Segments of one event each, by their numbers.
fn segments(numbers: std::ops::Range<u32>) -> Vec<u8> {
    numbers.flat_map(|n| events(&format!("s{n}"), [n])).collect()
}

#[test]
fn many_segments_are_claimed_together() {
    let place = PostgresFolder::new();
    assert_eq!(counts(&place.load(EVENTS, segments(1_000..1_050))), [50, 50, 0, 0, 0, 0]);
    let all = segments(0..2_500);
    // Two at once: each segment is loaded by one of them.
    let running = [(); 2].map(|()| place.loader(EVENTS).stdin(&all).spawn());
    let inserted: u64 = running.into_iter().map(|running| counts(&running.finish())[1]).sum();
    assert_eq!(inserted, 2_450);
    let stored = "SELECT count(*), count(DISTINCT n), min(n), max(n) FROM events";
    assert_eq!(place.rows(stored), ["2500|2500|0|2499"]);
    let ledger = "SELECT count(*), sum(records), count(digest), count(DISTINCT seq) FROM etl_load";
    assert_eq!(place.rows(ledger), ["2500|2500|2500|2"]);
    let changed = [segments(2_500..2_600), events("s1700", [9])].concat();
    refused(&place.load(EVENTS, changed), 3, "segment s1700 was loaded before with other content");
    assert_eq!(
        (place.rows(stored), place.count("SELECT count(*) FROM etl_load")),
        (vec!["2500|2500|0|2499".to_owned()], 2_500)
    );
}

#[test]
fn two_loads_of_one_id_at_once_load_once() {
    let place = PostgresFolder::new().with_tables();
    let stream = many("a", 80_000);
    let args = "--schema events.json --load-id monday";
    let mut first = place.waiting(args, &stream);
    place.wait_for_transaction();
    let second = place.loader(args).stdin(&stream).spawn();
    second.wait_until_stderr_contains("load id monday, table");
    first.close_stdin();
    let (first, second) = (first.finish(), second.finish());
    assert_eq!((counts(&first)[1], counts(&second)[1]), (80_000, 0));
    assert!(second.stderr.contains("waiting for the server for 3 s"), "{}", second.stderr);
    assert_eq!(place.count("SELECT count(*) FROM events"), 80_000);
}

#[test]
fn first_loads_at_once_all_succeed() {
    let place = PostgresFolder::new();
    for round in 0..3 {
        let args = format!("--create --schema events.json --table t{round} --load-id x");
        let stream = events("short", [1, 2, 3]);
        let running: Vec<_> = (0..4).map(|_| place.loader(&args).stdin(&stream).spawn()).collect();
        let inserted: u64 = running.into_iter().map(|running| counts(&running.finish())[1]).sum();
        assert_eq!((inserted, place.count(&format!("SELECT count(*) FROM t{round}"))), (3, 3));
    }
    // Into different tables, which share only the ledger that is created.
    let place = PostgresFolder::new();
    let running: Vec<_> = (0..4)
        .map(|n| {
            place
                .loader(&format!("--create --schema events.json --table u{n}"))
                .stdin(events("s", [n]))
                .spawn()
        })
        .collect();
    for (n, running) in running.into_iter().enumerate() {
        assert_eq!(counts(&running.finish())[1], 1);
        assert_eq!(place.rows(&format!("SELECT n FROM u{n}")), [n.to_string()]);
    }
}

#[test]
fn a_load_that_is_killed_leaves_nothing_and_its_rerun_is_exact() {
    let place = PostgresFolder::new().with_tables();
    let stream = many("a", 100_000);
    let args = "--schema events.json --load-id monday";
    for part in [0, 100, 1 << 20, 9 << 20, stream.len() - 1] {
        let running = place.waiting(args, &stream[..part]);
        running.kill(Signal::KILL);
        assert_eq!(running.finish().code, 137);
        place.wait_for_end();
        assert_eq!(place.count("SELECT count(*) FROM events"), 0, "{part}");
    }
    assert_eq!(counts(&place.load(args, &stream)), [100_000, 100_000, 0, 0, 0, 0]);
    assert_eq!(counts(&place.load(args, &stream)), [0; 6]);
    assert_eq!(place.rows("SELECT count(*), count(DISTINCT n), max(n) FROM events"), ["100000|100000|99999"]);
}

#[test]
fn a_cut_stream_is_not_committed_wherever_it_is_cut() {
    let place = PostgresFolder::new().with_tables();
    let (short, long) = (events("s", 0..40), many("l", 90_000));
    let cuts =
        [&short[..1], &short[..90], &short[..short.len() - 2], &long[..9 << 20], &long[..long.len() - 1]];
    for cut in cuts {
        refused(&place.load("--schema events.json", cut), 75, "the input ends in");
        place.write("cut.ndjson", cut);
        refused(&place.loader("--schema events.json --input cut.ndjson").run(), 3, "the input ends in");
    }
    place.wait_for_end();
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
}

#[test]
fn the_ledger_of_a_table_that_is_gone_is_forgotten() {
    let place = PostgresFolder::new();
    let args = format!("{EVENTS} --load-id monday");
    place.load(&args, events("a", [1])).ok();
    place.sql("DROP TABLE events");
    let ran = place.load(&args, events("a", [1]));
    assert_eq!(counts(&ran)[1], 1);
    assert!(ran.stderr.contains("the ledger forgets 1 load into it"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), ["1"]);
}

#[test]
fn old_loads_are_forgotten_but_not_the_newest_state() {
    let place = PostgresFolder::new().with_tables();
    let args = "--schema events.json --pipeline p --ledger-keep 30d";
    for (id, state) in [("a", "state 1"), ("b", "state {\"cursor\":2}"), ("c", ""), ("d", "")] {
        let lines: Vec<&str> = ["{\"n\":1}", state].into_iter().filter(|line| !line.is_empty()).collect();
        place.load(args, etl_testkit::load::sealed(id, &lines)).ok();
    }
    place.sql("UPDATE etl_load SET loaded_at = loaded_at - interval '40 days' WHERE load_id <> 'd'");
    place.load(args, events("e", [2])).ok();
    assert_eq!(place.rows("SELECT load_id FROM etl_load ORDER BY 1"), ["b", "d", "e"]);
    let ran = place.load("--print-state --pipeline p --schema events.json", "");
    assert_eq!(ran.ok().stdout, "{\"cursor\":2}\n");
    for (table, known) in [("events", "it has states of p"), ("none", "it has no state of any pipeline")] {
        let print =
            |more: &str| place.load(&format!("--print-state --pipeline q --table {table} {more}"), "");
        assert_eq!(print("--allow-empty").ok().stdout, "");
        let ran = print("");
        assert_eq!((ran.fails(78).stdout.as_str(), ran.stderr.contains(known)), ("", true), "{}", ran.stderr);
    }
}
