//! What becomes of a run that is cut short, of a file that changes, and how much memory there is.

use std::fs::{self, OpenOptions};
use std::io::{PipeReader, Read, Write};
use std::process::Command;

use etl_testkit::extract::Local;
use etl_testkit::run::{Cmd, Folder, Ran, Signal};

use crate::{begins, records};

/// In KiB.
const LIMIT: u64 = 32 << 10;

fn extract(args: &[&str]) -> Cmd {
    Cmd::new(env!("CARGO_BIN_EXE_extract-file")).args(args)
}

#[test]
fn it_does_what_every_extractor_does() {
    let folder = Folder::new();
    folder.write("good.csv", "a,b\n1,2\n");
    folder.write("bad.csv", "a,b\n1,2\n3\n");
    Local {
        binary: env!("CARGO_BIN_EXE_extract-file"),
        folder: &folder.path(""),
        env: &[],
        good: &["good.csv"],
        bad: &["bad.csv"],
        message: "bad.csv: line 3: 1 field, but there are 2 columns",
    }
    .conforms();
}

#[test]
fn a_singer_target_gets_messages() {
    let folder = Folder::new();
    folder.write("one.csv", "id,price\n1,1.50\n");
    folder.write("two.csv", "id,price\n2,\n");
    folder.write(
        "orders.json",
        r#"{"type":"object","x-key":["id"],"x-postgres":{"table":"orders"},"required":["id"],"properties":{
            "id":{"type":"integer"},"price":{"type":["number","null"],"x-postgres":{"type":"numeric(9,2)"}}}}"#,
    );
    let singer = |args: &[&str]| {
        extract(&[args, &["--output-format", "singer"]].concat()).in_folder(folder.path("")).run()
    };
    let schema = r#"{"type":"SCHEMA","stream":"orders","schema":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"price":{"type":["number","null"],"x-sql-datatype":"numeric(9,2)"}}},"key_properties":["id"]}"#;
    assert_eq!(
        singer(&["one.csv", "two.csv", "--schema", "orders.json"]).ok().lines(),
        [
            schema,
            r#"{"type":"RECORD","stream":"orders","record":{"id":1,"price":1.50}}"#,
            schema,
            r#"{"type":"RECORD","stream":"orders","record":{"id":2,"price":null}}"#,
        ]
    );
    let untyped = singer(&["one.csv"]);
    assert_eq!(
        untyped.fails(2).last_error_line(),
        "--output-format singer needs the schema of the records: give --schema"
    );
    assert_eq!(untyped.stdout, "");
    folder.write("bad.csv", "id,price\n1,1\nx,1\n");
    let bad = singer(&["bad.csv", "--schema", "orders.json"]);
    assert_eq!(bad.fails(3).lines(), [schema], "no abort");
}

/// Rows enough to fill all buffers between the file and a reader that waits.
fn rows() -> String {
    "a,b\n".to_owned() + &(100_000..200_000).map(|n| format!("{n},{n}\n")).collect::<String>()
}

/// Runs it on a file that `change` changes once the records of its beginning have been written.
fn changed(name: &str, bytes: &[u8], change: impl FnOnce(&std::path::Path)) -> Ran {
    let folder = Folder::new();
    folder.write(name, bytes);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = extract(&[name]).in_folder(folder.path("")).stdout_to(writer).spawn();
    let mut text = vec![0; 1000];
    reader.read_exact(&mut text).unwrap();
    change(&folder.path(name));
    reader.read_to_end(&mut text).unwrap();
    let ran = running.finish();
    Ran { stdout: String::from_utf8(text).unwrap(), ..ran }
}

#[track_caller]
fn is_transient(ran: &Ran) {
    assert_eq!(ran.fails(75).last_error_line(), "in was changed while it was read");
    assert!(!ran.stdout.contains("\"kind\":\"end\""));
    assert!(
        ran.stdout
            .ends_with("\"message\":\"in was changed while it was read\",\"step\":\"extract-file\"}}\n")
    );
}

#[test]
fn a_file_that_changes_between_its_two_readings_is_transient() {
    let rows = rows();
    is_transient(&changed("in", rows.as_bytes(), |path| {
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"1,2\n").unwrap();
    }));
    // Cut in the middle of a row, which alone would be bad data.
    is_transient(&changed("in", rows.as_bytes(), |path| {
        OpenOptions::new().write(true).open(path).unwrap().set_len(rows.len() as u64 - 10).unwrap();
    }));
    // Of the same length.
    is_transient(&changed("in", rows.as_bytes(), |path| {
        fs::write(path, rows.replace("199999,", "199998,")).unwrap();
    }));
    // A file that takes its place is another one: what was opened stays whole.
    let ran = changed("in", rows.as_bytes(), |path| {
        fs::write(path.with_extension("new"), "a\n1\n").unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    });
    assert_eq!(records(&ran).len(), 100_000);
}

#[test]
fn a_fifo_is_read_once_under_a_random_id() {
    let folder = Folder::new();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    let run = || {
        let running = extract(&["fifo"]).in_folder(folder.path("")).spawn();
        fs::write(folder.path("fifo"), "a\n1\n").unwrap();
        running.finish()
    };
    let (first, second) = (run(), run());
    assert_eq!(records(&first), [r#"{"a":"1"}"#]);
    assert_ne!(begins(&first, "id"), begins(&second, "id"));
    // Cut short, it is worth another run.
    let running = extract(&["fifo"]).in_folder(folder.path("")).spawn();
    fs::write(folder.path("fifo"), "[{\"a\":1},").unwrap();
    assert_eq!(running.finish().fails(75).last_error_line(), "fifo: line 1: the file ends inside the array");
    let ran = extract(&["-"]).stdin("a,b\n1,\"x").run();
    assert_eq!(
        ran.fails(75).last_error_line(),
        "stdin: line 2: the file ends inside a quoted field of the row that begins here"
    );
}

#[test]
fn packed_stdin_is_unpacked() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"a\n1\n").unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(records(&extract(&["-"]).stdin(&packed).run()), [r#"{"a":"1"}"#]);
    let cut = extract(&["-"]).stdin(&packed[..packed.len() - 5]).run();
    assert!(
        cut.fails(75).last_error_line().starts_with("stdin: the gzip file is cut short: "),
        "{}",
        cut.stderr
    );
}

#[test]
fn a_signal_and_a_reader_that_goes_away_leave_no_end() {
    let running = extract(&["-"]).waiting(rows());
    running.kill(Signal::TERM);
    // Its stdin stays open: an end of the input at the same moment would be one.
    let ran = running.wait();
    assert!(!ran.fails(143).stdout.contains("\"kind\":\"end\""));
    assert!(ran.stdout.contains("\"kind\":\"begin\""));

    let folder = Folder::new();
    folder.write("in", rows());
    let (reader, writer): (PipeReader, _) = std::io::pipe().unwrap();
    drop(reader);
    let ran = extract(&["in"]).in_folder(folder.path("")).stdout_to(writer).run();
    assert_eq!(ran.fails(141).stderr, "");
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let text = "t".repeat(1000);
    // In a single line.
    let object = format!("{{\"text\":\"{text}\"}},").repeat(64);
    let row = format!("{text}\n").repeat(64);
    for (first, chunk, last) in [("[", object, "{}]"), ("text\n", row, "")] {
        let mut running = extract(&["-"]).stdin_open().spawn();
        running.write(first);
        for _ in 0..768 {
            running.write(&chunk);
        }
        running.wait_until_it_reads();
        let peak = running.memory_peak();
        running.write(last);
        let rows = records(&running.finish()).len();
        assert_eq!(rows, 768 * 64 + usize::from(!last.is_empty()));
        assert!(peak < LIMIT, "{first}: {peak} KiB");
    }
}

#[test]
fn the_widest_window_fits_into_memory() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    encoder.write_all(b"text\n").unwrap();
    // What does not repeat within the window fills it.
    for n in 0..40_000_u64 {
        let word = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        encoder.write_all(format!("{}\n", format!("{word:x}").repeat(40)).as_bytes()).unwrap();
    }
    let packed = encoder.finish().unwrap();
    let mut running = extract(&["-"]).stdin_open().spawn();
    let (most, last) = packed.split_at(packed.len() - 100);
    running.write(most);
    running.wait_until_it_reads();
    let peak = running.memory_peak();
    running.write(last);
    assert_eq!(records(&running.finish()).len(), 40_000);
    assert!(peak < LIMIT, "{peak} KiB");
}
