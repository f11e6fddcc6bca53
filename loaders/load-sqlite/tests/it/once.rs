//! One load id, or one segment, is loaded once.

use crate::support::{SqliteFolder, counts, events, many, plain, printed, receipts, refused};

const EVENTS: &str = "--schema events.json";
const ROWS: &str = "SELECT n FROM events ORDER BY n";

#[test]
fn the_same_load_id_loads_once() {
    let place = SqliteFolder::new();
    let stream = plain(&[r#"{"n":1}"#, r#"{"n":2}"#]);
    let args = format!("{EVENTS} --load-id monday");
    assert_eq!(counts(&place.load(&args, &stream)), [2, 2, 0, 0, 0, 0]);
    let again = place.load(&args, &stream);
    assert_eq!(counts(&again), [0; 6]);
    assert!(
        again.stderr.ends_with(
            "t.db: events: nothing to do, this load was committed before (another --load-id loads it again)\n"
        ),
        "{}",
        again.stderr
    );
    let receipt = receipts(&again).remove(0);
    assert_eq!((&receipt["already_loaded"], &receipt["load_id"]), (&true.into(), &"monday".into()));
    // The variable says the same as the flag, which comes first.
    place.loader(EVENTS).env("ETL_LOAD_ID", "monday").stdin(&stream).run().ok();
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    place
        .loader(&format!("{EVENTS} --load-id tuesday"))
        .env("ETL_LOAD_ID", "monday")
        .stdin(&stream)
        .run()
        .ok();
    assert_eq!(place.rows(ROWS), ["1", "1", "2", "2"]);
    assert_eq!(
        place.rows(
            "SELECT target, load_id, records, length(digest), pipeline, state FROM etl_load ORDER BY 2"
        ),
        [r#""events"|"monday"|2|64|NULL|NULL"#, r#""events"|"tuesday"|2|64|NULL|NULL"#]
    );
}

#[test]
fn the_digest_is_that_of_the_end_line_and_of_several_segments_that_of_their_digests() {
    let place = SqliteFolder::new();
    let (a, b) = (events("a", [1]), events("b", [2]));
    let digest = |stream: &[u8]| {
        printed(str::from_utf8(stream).expect("UTF-8")).pop().expect("an end")["_etl"]["sha256"].clone()
    };
    let receipt = receipts(&place.load(EVENTS, &a)).remove(0);
    assert_eq!((&receipt["sha256"], &receipt["load_id"]), (&digest(&a), &"a".into()));
    let receipt = receipts(&place.load(&format!("{EVENTS} --load-id x"), [&*a, &b].concat())).remove(0);
    let hex = |stream: &[u8]| digest(stream).as_str().expect("a digest").to_owned();
    let both = etl_stream::Digest::of(format!("{}\n{}\n", hex(&a), hex(&b)).as_bytes()).to_string();
    assert_eq!((&receipt["sha256"], &receipt["load_id"]), (&both.into(), &"x".into()));
    let receipt = receipts(&place.load(EVENTS, "{\"n\":1}\n")).remove(0);
    assert_eq!(receipt["sha256"], etl_stream::Digest::of(b"{\"n\":1}\n").to_string());
}

#[test]
fn other_bytes_under_a_load_id_are_refused_or_skipped() {
    let place = SqliteFolder::new();
    let args = format!("{EVENTS} --load-id monday");
    place.load(&args, plain(&[r#"{"n":1}"#])).ok();
    let other = plain(&[r#"{"n":2}"#]);
    refused(&place.load(&args, &other), 3, "load id monday was committed before with other content (digest ");
    let skipped = place.load(&format!("{args} --if-loaded skip"), &other);
    assert_eq!(counts(&skipped), [0; 6]);
    assert_eq!(receipts(&skipped)[0]["already_loaded"], true);
    // Bytes that are skipped must still be complete.
    let cut = place.load(&format!("{args} --if-loaded skip"), &events("a", [5])[..60]);
    refused(&cut, 75, "the input ends in");
    assert_eq!(place.rows(ROWS), ["1"]);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 1);
}

#[test]
fn two_loads_at_the_same_moment_with_one_id_load_once() {
    let place = SqliteFolder::new();
    let stream = many("a", 80_000);
    let args = format!("{EVENTS} --load-id monday");
    // The first is in its transaction when the second comes and waits for it.
    let mut first = place.waiting(&args, &stream);
    assert!(place.is_locked());
    let second = place.loader(&args).stdin(&stream).spawn();
    second.wait_until_stderr_contains("waiting for another process that is writing to the database");
    first.close_stdin();
    let (first, second) = (first.finish(), second.finish());
    assert_eq!((counts(&first)[1], counts(&second)[1]), (80_000, 0));
    assert_eq!(place.count("SELECT count(*) FROM events"), 80_000);
    // And in an order that nobody arranges, into one empty database.
    let place = SqliteFolder::new();
    let short = events("short", [1, 2, 3]);
    for round in 0..5 {
        let args = format!("{EVENTS} --load-id {round}");
        let running: Vec<_> = (0..4).map(|_| place.loader(&args).stdin(&short).spawn()).collect();
        let inserted: u64 = running.into_iter().map(|running| counts(&running.finish())[1]).sum();
        assert_eq!((inserted, place.count("SELECT count(*) FROM events")), (3, 3 * (round + 1)));
    }
}

#[test]
fn a_segment_is_loaded_once_without_a_load_id() {
    let place = SqliteFolder::new();
    let (a, b, c) = (events("a", [1]), events("b", [2, 3]), events("c", [4]));
    assert_eq!(counts(&place.load(EVENTS, [&*a, &b].concat())), [3, 3, 0, 0, 0, 0]);
    let ran = place.load(EVENTS, [&*b, &c].concat());
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert!(ran.stderr.contains("segment b was loaded before; skipped"));
    assert_eq!(place.rows(ROWS), ["1", "2", "3", "4"]);
    assert_eq!(
        place.rows("SELECT load_id, records FROM etl_load ORDER BY load_id"),
        [r#""a"|1"#, r#""b"|2"#, r#""c"|1"#]
    );
    // The same segment id with other content is not a replay.
    refused(&place.load(EVENTS, events("b", [2, 9])), 3, "segment b was loaded before with other content");
    // With a load id, only that counts, and not the segments.
    assert_eq!(counts(&place.load(&format!("{EVENTS} --load-id x"), &b)), [2, 2, 0, 0, 0, 0]);
    assert_eq!(place.rows(ROWS), ["1", "2", "2", "3", "3", "4"]);
}

#[test]
fn a_replayed_replacement_does_not_empty_the_table() {
    let place = SqliteFolder::new();
    let args = format!("{EVENTS} --mode replace");
    let (a, b, c) = (events("a", [1]), events("b", [2]), events("c", [3]));
    place.load(&args, &a).ok();
    let again = place.load(&args, &a);
    assert_eq!((counts(&again), &receipts(&again)[0]["already_loaded"]), ([0; 6], &true.into()));
    assert_eq!(place.rows(ROWS), ["1"]);
    // What is partly new replaces the table as a whole.
    place.load(&args, [&*a, &b].concat()).ok();
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(counts(&place.load(&args, [&*b, &c].concat())), [2, 2, 0, 0, 0, 0]);
    assert_eq!(place.rows(ROWS), ["2", "3"]);
    refused(&place.load(&args, events("a", [7])), 3, "segment a was loaded before with other content");
    assert_eq!(place.rows(ROWS), ["2", "3"]);
}

#[test]
fn plain_input_without_an_id_is_new_every_time() {
    let place = SqliteFolder::new();
    for rows in [1, 2] {
        let ran = place.load(EVENTS, "{\"n\":1}\n");
        assert!(ran.ok().stderr.starts_with("warning: the input is not sealed"), "{}", ran.stderr);
        assert_eq!(place.count("SELECT count(*) FROM events"), rows);
    }
    assert!(!place.load(&format!("{EVENTS} --seal off"), "{\"n\":1}\n").ok().stderr.contains("warning"));
}

#[test]
fn the_case_of_a_tables_name_is_not_another_table() {
    let place = SqliteFolder::new();
    let args = format!("{EVENTS} --load-id monday");
    place.load(&format!("{args} --table Events"), "{\"n\":1}\n").ok();
    assert_eq!(counts(&place.load(&format!("{args} --table eVENTS"), "{\"n\":1}\n")), [0; 6]);
    assert_eq!(place.rows(ROWS), ["1"]);
    assert_eq!(place.rows("SELECT target FROM etl_load"), [r#""Events""#]);
}
