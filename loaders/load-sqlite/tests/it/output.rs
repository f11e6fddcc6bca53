//! Output that cannot be written, and disks that are full.

use std::fs::OpenOptions;

use etl_testkit::run::Signal;

use crate::support::{SqliteFolder, counts, many, plain, printed, refused, sealed};

const ITEMS: &str = "--schema items.json";
const EVENTS: &str = "--schema events.json";

fn before() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.load(ITEMS, sealed("s0", &[r#"{"id":0,"name":"before"}"#])).ok();
    place.sql("CREATE TABLE events (n INTEGER NOT NULL, text TEXT)");
    place
}

fn gone() -> std::io::PipeWriter {
    std::io::pipe().expect("a pipe").1
}

fn full() -> std::fs::File {
    OpenOptions::new().write(true).open("/dev/full").expect("/dev/full")
}

#[test]
fn a_reader_of_the_records_that_went_away_is_silent_and_loads_nothing() {
    let place = before();
    let ran =
        place.loader(&format!("{EVENTS} --emit records")).stdin(many("a", 1000)).stdout_to(gone()).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""));
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
    // `head` goes away in the middle.
    let loader = place.loader(&format!("{EVENTS} --emit records")).stdin(many("a", 100_000));
    let (loader, head) = loader.pipe(etl_testkit::run::Cmd::new("head").args(["-n", "2"]));
    assert_eq!((loader.code, loader.stderr.as_str(), head.lines().len()), (141, "", 2));
    assert!(head.lines()[1].starts_with("{\"n\":0,"));
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 1);
}

#[test]
fn a_receipt_that_cannot_be_written_is_a_warning() {
    let place = before();
    for (n, target) in [std::process::Stdio::from(gone()), full().into()].into_iter().enumerate() {
        let ran =
            place.loader(EVENTS).stdin(sealed(&format!("s{n}"), &[r#"{"n":1}"#])).stdout_to(target).run();
        ran.ok();
        assert!(
            ran.stderr.contains("warning: the load is committed, but what it prints is not complete"),
            "{}",
            ran.stderr
        );
        assert_eq!(place.count("SELECT count(*) FROM events"), n as i64 + 1);
    }
}

#[test]
fn records_into_a_full_disk_are_74() {
    let place = before();
    let args = format!("{EVENTS} --emit records");
    let ran = place.loader(&args).stdin(sealed("a", &[r#"{"n":1}"#])).stdout_to(full()).run();
    ran.fails(74);
    assert_eq!(ran.last_error_line(), "writing the output failed: No space left on device (os error 28)");
    let ran = place.loader(&format!("{args} --output /dev/full")).stdin(sealed("a", &[r#"{"n":1}"#])).run();
    ran.fails(74);
    // A file-size limit is an error of the write, and an older file stays.
    place.write("out.ndjson", "older\n");
    let loader = place.loader(&format!("{args} --output out.ndjson")).stdin(many("a", 3000));
    let ran = loader.file_size_limit(128).run();
    ran.fails(74);
    assert_eq!(ran.last_error_line(), "writing the output failed: File too large (os error 27)");
    assert_eq!(
        (place.read("out.ndjson").as_str(), place.others()),
        ("older\n", vec!["out.ndjson".to_owned()])
    );
    let ran =
        place.loader(&format!("{args} --output no/such/folder")).stdin(sealed("a", &[r#"{"n":1}"#])).run();
    ran.fails(74);
    assert!(ran.last_error_line().starts_with("cannot write the output no/such/folder"));
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
}

#[test]
fn an_output_file_appears_whole() {
    let place = before();
    let ran = place.load(&format!("{EVENTS} --output receipt.ndjson"), plain(&[r#"{"n":1}"#]));
    assert_eq!(ran.ok().stdout, "");
    let kinds: Vec<bool> =
        printed(&place.read("receipt.ndjson")).iter().map(|line| line["_etl"].is_object()).collect();
    assert_eq!((kinds, place.others()), (vec![true, false, true], vec!["receipt.ndjson".to_owned()]));
}

#[test]
fn a_database_that_cannot_grow_is_74_and_rolled_back() {
    let place = before();
    for records in [4000, 100_000] {
        for mode in ["append", "replace"] {
            let args = format!("{EVENTS} --mode {mode}");
            let ran = place.loader(&args).stdin(many("a", records)).file_size_limit(200).run();
            refused(&ran, 74, "disk I/O error");
            assert_eq!(place.count("SELECT count(*) FROM events"), 0);
            place.assert_sound();
        }
    }
    assert_eq!(counts(&place.load(EVENTS, many("a", 4000))), [4000, 4000, 0, 0, 0, 0]);
}

#[test]
fn a_state_or_rejects_file_that_cannot_be_written_fails_the_load() {
    let place = before();
    let stream = sealed("a", &[r#"{"n":1}"#, "state {\"at\":1}", r#"{"n":"x"}"#]);
    let args = format!("{EVENTS} --rejects rejects.ndjson --max-rejects 1");
    for (more, said) in [
        ("--state-out /dev/full", "cannot write the state: No space left on device"),
        ("--state-out no/such/folder", "cannot write the output no/such/folder"),
        ("--rejects /dev/full", "cannot write the rejects: No space left on device"),
    ] {
        let args = if more.starts_with("--rejects") {
            format!("{EVENTS} {more} --max-rejects 1")
        } else {
            format!("{args} {more}")
        };
        refused(&place.load(&args, &stream), 74, said);
        assert_eq!(place.count("SELECT count(*) FROM events"), 0, "{more}");
    }
    // Rejects that would be lost are found before the commit.
    place.sql("CREATE TABLE filler (x)");
    let mut lines = vec![r#"{"n":1}"#];
    let long = format!("{{\"n\":\"{}\"}}", "x".repeat(60_000));
    lines.extend([&*long; 5]);
    let loader = place
        .loader(&format!("{EVENTS} --rejects rejects.ndjson --max-rejects 9"))
        .stdin(sealed("a", &lines));
    refused(&loader.file_size_limit(100).run(), 74, "File too large");
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
}

#[test]
fn a_slow_reader_gets_everything() {
    let place = before();
    let mut fifo = place.loader(&format!("{EVENTS} --emit records")).stdin_open().spawn();
    let stream = many("a", 500);
    let lines = stream.split_inclusive(|byte| *byte == b'\n');
    lines.for_each(|line| fifo.write(line));
    let ran = fifo.finish();
    ran.ok();
    assert_eq!(ran.lines().len(), 502);
    assert_eq!(place.count("SELECT count(*) FROM events"), 500);
}

#[test]
fn what_is_no_database_is_left_alone() {
    let place = SqliteFolder::new();
    place.write("t.db", "this is no database, but a text of more than sixteen bytes\n".repeat(20));
    refused(&place.load(EVENTS, "{\"n\":1}\n"), 78, "cannot open the database t.db: file is not a database");
    assert!(place.read("t.db").starts_with("this is no database"));
    let nowhere = etl_testkit::run::Cmd::new(env!("CARGO_BIN_EXE_load-sqlite"));
    refused(
        &nowhere.args(["--db", "/nowhere/t.db", "--schema", "etl.receipt"]).run(),
        78,
        "cannot open the database /nowhere/t.db",
    );
    let memory = etl_testkit::run::Cmd::new(env!("CARGO_BIN_EXE_load-sqlite"));
    refused(&memory.args(["--db", ":memory:"]).run(), 2, "--db must name a file");
}

#[test]
fn a_killed_load_leaves_a_database_that_others_read() {
    let place = before();
    let running = place.waiting(EVENTS, &many("a", 100_000)[..9 << 20]);
    // Readers see the state before, all the time.
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
    running.kill(Signal::KILL);
    running.finish().fails(137);
    assert_eq!(place.rows("PRAGMA journal_mode"), [r#""wal""#]);
    place.assert_sound();
}

#[test]
fn an_output_behind_links_is_written_where_they_lead() {
    let place = before();
    std::fs::create_dir(place.path("there")).expect("a folder");
    std::os::unix::fs::symlink("there/second", place.path("first")).expect("a link");
    std::os::unix::fs::symlink("receipts", place.path("there/second")).expect("a link");
    for id in ["a", "b"] {
        // The first finds a link that dangles, the second one that leads to a file.
        place.load(&format!("{EVENTS} --emit receipt --output first"), many(id, 3)).ok();
        assert_eq!(printed(&place.read("there/receipts"))[1]["load_id"], id);
        for link in ["first", "there/second"] {
            let found = std::fs::symlink_metadata(place.path(link)).expect("a link");
            assert!(found.is_symlink(), "{link}");
        }
    }
    std::os::unix::fs::symlink("round", place.path("round")).expect("a link");
    let ran = place.load(&format!("{EVENTS} --output round"), many("c", 3));
    refused(&ran, 74, "cannot write the output round: too many symbolic links");
    assert_eq!(place.count("SELECT count(*) FROM events"), 6);
}

#[test]
fn records_that_cannot_be_published_after_the_commit_are_74() {
    // A folder takes the place of the file while the load runs, so that the rename fails.
    for kind in ["records", "new", "receipt"] {
        let place = before();
        let args = format!("{EVENTS} --emit {kind} --output out.ndjson");
        let mut running = place.loader(&args).waiting(&many("a", 3)[..200]);
        std::fs::create_dir(place.path("out.ndjson")).expect("a folder");
        running.write(&many("a", 3)[200..]);
        let ran = running.finish();
        let said = "the load is committed, but what it prints is not complete: cannot write the output out.ndjson: \
                    Is a directory";
        assert!(ran.stderr.contains(said), "{kind}: {}", ran.stderr);
        assert_eq!(ran.code, if kind == "receipt" { 0 } else { 74 }, "{kind}");
        assert_eq!(place.count("SELECT count(*) FROM events"), 3, "{kind}");
        // The loader's note says what a rerun does: records are passed on again, new ones are new only once.
        std::fs::remove_dir(place.path("out.ndjson")).expect("an empty folder");
        place.load(&args, many("a", 3)).ok();
        let again = printed(&place.read("out.ndjson")).len();
        assert_eq!(
            again,
            if kind == "records" {
                5
            } else if kind == "new" {
                2
            } else {
                3
            },
            "{kind}"
        );
    }
}
