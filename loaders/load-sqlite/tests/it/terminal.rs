//! The progress line, on a terminal that it shares with the other stages of the pipe.

use std::fs::{File, OpenOptions, read_dir, read_to_string};
use std::io::Write;
use std::path::Path;

use etl_testkit::run::{is_drained, wait_until, workspace_binary};
use etl_testkit::screen::Screen;

use crate::support::SqliteFolder;

/// Passes records on, and has something to say of some.
const LOUD: &str = r#"while read -r line; do
    case $line in *loud*) echo "$0: a record is loud" >&2;; esac
    echo "$line"
done"#;

/// A folder, and a source of records that the test writes.
fn source() -> (SqliteFolder, File) {
    let place = SqliteFolder::new();
    place.write("words.json", r#"{"properties":{"word":{"type":"string"}}}"#);
    place.sql("CREATE TABLE words (word TEXT)");
    place.write("loud.sh", LOUD);
    let made = std::process::Command::new("mkfifo").arg(place.path("source")).status().expect("mkfifo");
    assert!(made.success());
    // Opened to read, too, so that this does not wait for the pipe.
    let source = OpenOptions::new().read(true).write(true).open(place.path("source")).expect("the FIFO");
    (place, source)
}

/// A screen on which this pipe runs; `LOAD` stands for the loader.
fn screen(place: &SqliteFolder, pipe: &str) -> Screen {
    let loader = env!("CARGO_BIN_EXE_load-sqlite");
    let standpipe = workspace_binary("standpipe");
    let load = format!("{loader} --db t.db --schema words.json");
    let pipe = pipe.replace("LOAD", &load).replace("STANDPIPE", &standpipe.to_string_lossy());
    Screen::run(&pipe, place.path(""))
}

/// Rows without the time that something took.
fn timeless(rows: &[String]) -> Vec<&str> {
    rows.iter().map(|row| row.rsplit_once(" in ").map_or(row.as_str(), |(row, _)| row)).collect()
}

/// How often the loader's thread that draws has waited for its turn (proc(5)), once it runs.
fn turns(place: &SqliteFolder) -> Option<u64> {
    let pid = read_to_string(place.path("pid")).ok()?;
    let threads = read_dir(format!("/proc/{}/task", pid.trim())).ok()?;
    let read = |path: &Path, name| read_to_string(path.join(name)).unwrap_or_default();
    let thread =
        threads.flatten().map(|thread| thread.path()).find(|path| read(path, "comm") == "progress\n")?;
    let status = read(&thread, "status");
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

#[test]
fn a_line_counts_what_a_slow_producer_has_written_and_is_gone_at_the_end() {
    let (place, mut source) = source();
    let screen = screen(&place, "LOAD --seal off --input source");
    source.write_all(b"{\"word\":\"a\"}\n").unwrap();
    let rows = screen.wait_for("t.db: 1 record read");
    assert_eq!(timeless(&rows), ["", "t.db: 1 record read, 13 B"]);
    source.write_all(b"{\"word\":\"b\"}\n{\"word\":\"c\"}\n").unwrap();
    let rows = screen.wait_for("t.db: 3 records read");
    assert_eq!(timeless(&rows), ["", "t.db: 3 records read, 39 B"]);
    drop(source);
    let rows = screen.wait_for("ended");
    assert_eq!(timeless(&rows), ["t.db: words: 3 records, 3 inserted", "ended 0"]);
}

#[test]
fn what_a_source_expects_is_in_the_line() {
    let (place, mut source) = source();
    let stream = r#"{"name":"words","json_schema":{"properties":{"word":{"type":"string"}}}}"#;
    place.write(
        "c.json",
        format!(r#"{{"streams":[{{"stream":{stream},"destination_sync_mode":"append"}}]}}"#),
    );
    let screen = screen(&place, "LOAD --format airbyte --catalog c.json --input source");
    let trace = |content: &str| format!("{{\"type\":\"TRACE\",\"trace\":{{{content}}}}}\n");
    let estimate = r#""type":"ESTIMATE","estimate":{"name":"words","type":"STREAM","row_estimate":7}"#;
    source.write_all(trace(estimate).as_bytes()).unwrap();
    source
        .write_all(b"{\"type\":\"RECORD\",\"record\":{\"stream\":\"words\",\"data\":{\"word\":\"a\"}}}\n")
        .unwrap();
    // Every message counts.
    screen.wait_for("t.db: 2 records of about 7 read");
    let status = r#""type":"STREAM_STATUS","stream_status":{"stream_descriptor":{"name":"words"},"status":"COMPLETE"}"#;
    source.write_all(trace(status).as_bytes()).unwrap();
    drop(source);
    let rows = screen.wait_for("ended");
    assert_eq!(timeless(&rows), ["t.db: words: 1 record, 1 inserted", "ended 0"]);
}

#[test]
fn whole_lines_of_other_stages_stay_whole() {
    for pipe in ["cat source | sh loud.sh | LOAD --seal off", "STANDPIPE seal -- sh loud.sh <source | LOAD"] {
        let (place, mut source) = source();
        let screen = screen(&place, pipe);
        source.write_all(b"{\"word\":\"a\"}\n").unwrap();
        screen.wait_for("t.db: 1 record read");
        source.write_all(b"{\"word\":\"loud\"}\n").unwrap();
        let rows = screen.wait_for("t.db: 2 records read");
        assert_eq!(rows[..rows.len() - 1], ["loud.sh: a record is loud", ""], "{pipe}");
        drop(source);
        let rows = screen.wait_for("ended");
        let rows: Vec<&str> = timeless(&rows).into_iter().filter(|row| *row != "sealed 2 records").collect();
        assert_eq!(
            rows,
            ["loud.sh: a record is loud", "t.db: words: 2 records, 2 inserted", "ended 0"],
            "{pipe}"
        );
    }
}

#[test]
fn a_filter_that_fails_leaves_the_lines_of_all_stages_and_nothing_else() {
    let (place, mut source) = source();
    let fails = "echo out of words >&2; exit 5";
    let filter = format!("STANDPIPE through -- sh -c 'cat >/dev/null; {fails}'");
    let screen = screen(&place, &format!("STANDPIPE seal -- cat source | {filter} | LOAD"));
    source.write_all(b"{\"word\":\"a\"}\n").unwrap();
    // What nobody has opened is lost once it is closed here.
    wait_until("the record was read", || is_drained(&source));
    drop(source);
    let rows = screen.wait_for("ended");
    let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    rows.sort_unstable();
    assert_eq!(
        rows,
        [
            "ended 75",
            "error: `sh` failed with exit code 5: out of words",
            "error: the producer failed: `sh` failed with exit code 5: out of words",
            "out of words",
            "sealed 1 record"
        ]
    );
}

#[test]
fn nothing_is_shown_before_a_record() {
    let (place, mut source) = source();
    let loader = "echo $$ >pid; exec LOAD --input source";
    let screen = screen(&place, loader);
    source.write_all(b"{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"s\"}}\n").unwrap();
    wait_until("the loader has read that", || is_drained(&source) && turns(&place).is_some());
    let before = turns(&place).unwrap();
    wait_until("the thread that draws has woken up", || turns(&place).unwrap() >= before + 2);
    assert_eq!(screen.rows(), [""; 0]);
    source.write_all(b"{\"_etl\":{\"v\":1,\"kind\":\"end\",\"id\":\"s\",\"records\":0}}\n").unwrap();
    drop(source);
    let rows = screen.wait_for("ended");
    assert_eq!(timeless(&rows), ["t.db: words: 0 records, 0 inserted", "ended 0"]);
}

#[test]
fn of_a_file_the_share_is_known_and_a_database_that_waits_holds_it_up() {
    let (place, _) = source();
    // Of more than 8 MiB, which are read ahead.
    let record = format!("{{\"word\":\"{}\"}}\n", "a".repeat(985));
    place.write("words.ndjson", record.repeat(20_000));
    let writer = place.connect();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let screen = screen(&place, "LOAD --seal off --input words.ndjson");
    let waits = "waiting for another process that is writing to the database";
    screen.wait_for(waits);
    let rows = screen.wait_for("t.db: 8413 records read");
    assert_eq!(timeless(&rows), [waits, "", "t.db: 8413 records read, 8.3 MB of 19.9 MB (42%)"]);
    writer.execute_batch("ROLLBACK").unwrap();
    let rows = screen.wait_for("ended");
    assert_eq!(timeless(&rows), [waits, "t.db: words: 20000 records, 20000 inserted", "ended 0"]);
}

#[test]
fn ctrl_c_leaves_the_last_line_only() {
    let (place, mut source) = source();
    let screen = screen(&place, "LOAD --seal off --input source");
    source.write_all(b"{\"word\":\"a\"}\n").unwrap();
    screen.wait_for("t.db: 1 record read");
    screen.press("C-c");
    assert_eq!(screen.wait_for("ended"), ["error: ended by SIGINT: nothing was committed", "ended 130"]);
}
