//! The records that are new rows (`--emit new`).

use etl_testkit::run::Cmd;

use crate::support::{SqliteFolder, many, plain, refused, sealed, sealed_as, segments, strs, wait_until};

const ITEMS: &str = "--schema items.json --seal off --emit new";
const TWO: &str = r#"{ "id" : 2, "name":"b" }"#;
const FOUR: &str = r#"{"id":4,"name":"é\u00e9"}"#;
const ONE: &str = r#"{"name":"x","id":1}"#;
const THREE: &str = r#"{"id":3.0,"name":null}"#;

/// A table with the rows 1 and 3.
fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.load("--schema items.json", sealed("before", &[r#"{"id":1,"name":"a"}"#, r#"{"id":3}"#])).ok();
    place
}

#[test]
fn what_is_new_is_printed_as_it_was_read() {
    let stream = [TWO, ONE, "", FOUR, THREE].join("\r\n") + "\n";
    for (mode, name, new) in [
        ("ignore", "a", vec![TWO, FOUR]),
        ("upsert", "x", vec![TWO, FOUR]),
        ("replace", "x", vec![TWO, ONE, FOUR, THREE]),
    ] {
        let place = place();
        let ran = place.load(&format!("{ITEMS} --mode {mode}"), &stream);
        assert_eq!(segments(&ran.ok().stdout), [new], "{mode}");
        assert_eq!(place.rows("SELECT id, name FROM items WHERE id = 1"), [format!("1|{name:?}")]);
        assert_eq!(place.count("SELECT count(*) FROM items"), 4);
        // What comes out is a stream that loads.
        let other = place.load("--schema items.json --table other --seal required", &ran.stdout);
        assert_eq!(crate::support::counts(&other)[0] as usize, segments(&ran.stdout)[0].len());
    }
    let place = SqliteFolder::new();
    let lines = [r#"{"n":2}"#, r#"{"n": 1}"#, r#"{"n":2}"#];
    for mode in ["append", "replace"] {
        let ran =
            place.load(&format!("--schema events.json --seal off --emit new --mode {mode}"), plain(&lines));
        assert_eq!(segments(&ran.ok().stdout), [lines], "{mode}");
    }
}

#[test]
fn of_a_key_that_is_there_twice_the_record_that_became_the_row() {
    let lines = [
        r#"{"id":7,"name":"first"}"#,
        r#"{"id":1,"name":"known"}"#,
        r#"{"id":5}"#,
        r#"{"id":7,"name":"second"}"#,
        r#"{"id":1,"name":"again"}"#,
        r#"{"id":6}"#,
    ];
    for (mode, new) in [("ignore", [0, 2, 5]), ("upsert", [2, 3, 5])] {
        let place = place();
        let ran = place.load(&format!("{ITEMS} --mode {mode}"), plain(&lines));
        assert_eq!(segments(&ran.ok().stdout), [new.map(|at| lines[at])], "{mode}");
    }
    // A key is compared as its index does.
    let place = SqliteFolder::new();
    place.write("t.json", r#"{"x-key":["k"],"required":["k"],"properties":{"k":{"type":"string"}}}"#);
    place.sql("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO t VALUES ('A')");
    let ran = place.load(
        "--schema t.json --seal off --emit new",
        plain(&[r#"{"k":"a"}"#, r#"{"k":"b"}"#, r#"{"k":"B"}"#]),
    );
    assert_eq!(segments(&ran.ok().stdout), [[r#"{"k":"B"}"#]]);
}

#[test]
fn a_rerun_prints_an_empty_segment() {
    let place = place();
    let stream = sealed("a", &[FOUR, TWO, "state 4"]);
    let state = r#"{"_etl":{"v":1,"kind":"state","value":4}}"#;
    for (args, first) in [
        ("--mode ignore", [FOUR, TWO].as_slice()),
        ("--mode ignore --load-id x", &[]),
        ("--table other --load-id y", &[FOUR, TWO]),
        ("--table plain --mode replace", &[FOUR, TWO]),
    ] {
        let args = format!("--schema items.json --emit new {args}");
        let ran = place.load(&args, &stream);
        assert_eq!(segments(&ran.ok().stdout), [[first, &[state]].concat()], "{args}");
        let again = place.load(&args, &stream);
        assert_eq!(segments(&again.ok().stdout), [[state]], "{args}");
    }
    // Where nothing remembers the stream, the key does.
    for new in [&[r#"{"id":9}"#][..], &[]] {
        let ran = place.load(&format!("{ITEMS} --mode ignore"), plain(&[r#"{"id":9}"#]));
        assert_eq!(segments(&ran.ok().stdout), [new]);
    }
}

#[test]
fn segments_that_were_loaded_before_and_records_that_were_set_aside_are_not_new() {
    let place = SqliteFolder::new();
    let (a, c) = (sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#]), sealed("c", &[r#"{"n":4}"#]));
    place.load("--schema events.json", &a).ok();
    let b = sealed("b", &[r#"{"n":"x"}"#, r#"{"n":3}"#]);
    let args = "--schema events.json --emit new --rejects bad --max-rejects 1";
    let ran = place.load(args, [&*a, &b, &c].concat());
    assert_eq!(segments(&ran.ok().stdout), [[r#"{"n":3}"#, r#"{"n":4}"#]]);
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2", "3", "4"]);
}

#[test]
fn the_segment_has_the_schema_of_the_stream() {
    let place = SqliteFolder::new();
    let line = r#"{"line":1,"reason":"odd","original":"{}"}"#;
    let ran = place.load("--emit new", sealed_as("etl.reject", "a", &[line, "state 1", line, "state 2"]));
    assert!(
        ran.ok().lines()[0].contains(r#""schema":"etl.reject","producer":"load-sqlite/"#),
        "{}",
        ran.stdout
    );
    assert_eq!(segments(&ran.stdout), [[line, line, r#"{"_etl":{"v":1,"kind":"state","value":2}}"#]]);
    let both = [sealed_as("etl.reject", "b", &[line]), sealed_as("", "c", &[line])].concat();
    let ran = place.load("--emit new --table etl_reject", both);
    refused(&ran, 2, "--emit new cannot pass on segments of different schemas");
    assert_eq!(place.count("SELECT count(*) FROM etl_reject"), 2);
}

#[test]
fn more_than_fits_in_memory_comes_out_after_the_commit() {
    let place = SqliteFolder::new();
    place.write(
        "keyed.json",
        crate::support::EVENTS.replace("\"required\"", "\"x-key\":[\"n\"],\"required\""),
    );
    let args = "--schema keyed.json --emit new --mode ignore";
    let known: Vec<String> = (0..150_000).step_by(3).map(|n| format!("{{\"n\":{n}}}")).collect();
    let known = sealed("known", &strs(&known));
    assert_eq!(segments(&place.load(args, &known).ok().stdout)[0].len(), 50_000);
    let stream = many("all", 150_000);
    let mut running = place.waiting(args, &stream);
    assert!(place.is_locked());
    assert_eq!(running.wait_until_stdout_contains(""), "");
    running.close_stdin();
    let ran = running.finish();
    let text = String::from_utf8(stream).expect("UTF-8");
    let lines = text.lines().skip(1).take(150_000).enumerate();
    let expected: Vec<&str> = lines.filter(|(n, _)| n % 3 != 0).map(|(_, line)| line).collect();
    assert!(expected.concat().len() > 8 << 20);
    let printed = segments(&ran.ok().stdout);
    assert!(printed == [expected], "{} records", printed[0].len());
    // If they cannot be kept, nothing is loaded.
    let loader = place.loader("--schema events.json --emit new").env("TMPDIR", "/no/such/folder");
    let ran = loader.stdin(many("b", 100_000)).run();
    refused(
        &ran,
        74,
        "cannot keep records in a temporary file in /no/such/folder (TMPDIR): No such file or directory",
    );
    assert_eq!(place.rows("SELECT name FROM sqlite_master WHERE name = 'events'"), [""; 0]);
}

#[test]
fn a_load_that_fails_prints_only_its_failure() {
    let place = place();
    for (stream, code) in [
        (sealed("a", &[FOUR, r#"{"id":"x"}"#]), 3),
        (sealed("b", &[FOUR])[..80].to_vec(), 75),
        (format!("{FOUR}\n{TWO}").into_bytes(), 75),
    ] {
        let ran = place.load("--schema items.json --emit new", stream);
        ran.fails(code);
        assert_eq!(ran.lines().len(), 1, "{}", ran.stdout);
        assert!(ran.stdout.starts_with(&format!(r#"{{"_etl":{{"v":1,"kind":"abort","code":{code},"#)));
    }
    assert_eq!(place.count("SELECT count(*) FROM items"), 2);
}

#[test]
fn new_records_that_nobody_gets_are_74_and_no_load_follows() {
    let place = SqliteFolder::new();
    let gone = || std::io::pipe().expect("a pipe").1;
    let args = "--schema events.json --seal off --emit";
    let ran = place.loader(&format!("{args} new")).stdin("{\"n\":0}\n").stdout_to(gone()).run();
    ran.fails(74);
    assert_eq!(
        ran.last_error_line(),
        "the load is committed, but what it prints is not complete: the reader of the output went away"
    );
    // What is new in the second load would never be reported.
    let stream = plain(&[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":4}"#]);
    let ran = place.loader(&format!("{args} new --commit-every 2")).stdin(&stream).stdout_to(gone()).run();
    ran.fails(74);
    assert_eq!(place.rows("SELECT n FROM events"), ["0", "1", "2"]);
    // Receipts are only receipts.
    let ran =
        place.loader(&format!("{args} receipt --commit-every 2")).stdin(&stream).stdout_to(gone()).run();
    ran.ok();
    assert_eq!(place.count("SELECT count(*) FROM events"), 7);
    // `head` takes the first segment of records and goes.
    let mut running = place.loader(&format!("{args} records --commit-every 1")).stdin_open();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    running = running.stdout_to(writer);
    let mut running = running.spawn();
    let head = Cmd::new("head").args(["-n", "3"]).stdin_from(reader).spawn();
    running.write("{\"n\":10}\n");
    assert_eq!(head.finish().lines()[1], "{\"n\":10}");
    wait_until("the first load", || place.count("SELECT count(*) FROM events") == 8);
    running.write("{\"n\":11}\n");
    let ran = running.finish();
    assert_eq!(
        (ran.code, ran.stderr.lines().last().unwrap_or_default().contains("committed events: 1 record")),
        (141, true)
    );
    assert_eq!(place.count("SELECT count(*) FROM events"), 8);
}

#[test]
fn a_run_of_many_loads_prints_what_is_new_of_each() {
    let place = place();
    let ran = place.load(&format!("{ITEMS} --commit-every 2"), plain(&[TWO, ONE, ONE, THREE, FOUR, TWO]));
    assert_eq!(segments(&ran.ok().stdout), [vec![TWO], vec![], vec![FOUR]]);
}
