//! What every transform must do, whatever it makes of a record.
//!
//! ```no_run
//! use etl_testkit::run::Cmd;
//! use etl_testkit::transform;
//! transform::conforms(|| Cmd::bin("transform-jq").arg("."));
//! ```

use std::fs::OpenOptions;

use etl_stream::reader::{Options, Totals};
use etl_stream::{Fault, Reader};

use crate::load::{many, plain, printed, refused, sealed, segments, texts};
use crate::run::{Cmd, Folder, Ran, Signal};

const FIRST: &str = r#"{"n":1,"text":"é"}"#;
const SECOND: &str = r#"{"n":2,"text":null}"#;
const STATE: &str = r#"{"_etl":{"v":1,"kind":"state","value":{"c":1}}}"#;
const ABORT: &str = "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"no key\"}}\n";

/// Runs a transform that passes on records with an integer `n` and a text or null `text` as they are.
///
/// # Panics
/// If it does not keep a rule that all transforms have.
#[track_caller]
pub fn conforms(make: impl Fn() -> Cmd) {
    seals_again(&make);
    refuses_what_is_not_whole(&make);
    writes_files(&make);
    fails_on_outputs(&make);
    ends_on_signals(&make);
}

/// What the reader makes of a stream.
fn read(stream: &str) -> Result<Totals, Fault> {
    let mut reader = Reader::new(stream.as_bytes(), Options::default());
    while reader.next()?.is_some() {}
    Ok(reader.totals().clone())
}

/// The ids of the segments of a stream.
fn ids(stdout: &str) -> Vec<String> {
    let lines = printed(stdout).into_iter().filter(|line| line["_etl"]["kind"] == "begin");
    lines.map(|line| line["_etl"]["id"].as_str().expect("an id").to_owned()).collect()
}

fn seals_again(make: &impl Fn() -> Cmd) {
    let run = |stream: &[u8]| make().stdin(stream).run();
    let one = sealed("a", &[FIRST, "state {\"c\":1}", SECOND]);
    let ran = run(&one);
    assert_eq!(segments(&ran.ok().stdout), [[FIRST, STATE, SECOND]]);
    assert_eq!(read(&ran.stdout).expect("whole").records, 2);
    assert!(ran.stdout.starts_with("{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\""), "{}", ran.stdout);
    // The same again, under the same id.
    assert_eq!(run(&one).ok().stdout, ran.stdout);
    let id = ids(&ran.stdout).remove(0);
    assert_eq!(id.len(), 32);
    // Segments stay apart, also empty ones.
    let two = [one, sealed("b", &[]), sealed("c", &[SECOND])].concat();
    let ran = run(&two);
    assert_eq!(segments(&ran.ok().stdout), [vec![FIRST, STATE, SECOND], vec![], vec![SECOND]]);
    let found = ids(&ran.stdout);
    assert!(found[0] == id && found[1] != id && found[2] != found[1], "{found:?}");
    // What was not sealed is one segment.
    let ran = run(plain(&[FIRST, SECOND]).as_bytes());
    assert_eq!(segments(&ran.ok().stdout), [[FIRST, SECOND]]);
    assert!(ran.stderr.starts_with("warning: the input is not sealed"), "{}", ran.stderr);
    assert_ne!(ids(&ran.stdout), ids(&run(plain(&[FIRST, SECOND]).as_bytes()).stdout));
    let ran = make().args(["--allow-empty"]).run();
    assert_eq!(segments(&ran.ok().stdout), [vec![""; 0]]);
    let ran = run(&texts("t", &[r#"{"n":"007","text":""}"#]));
    assert_eq!(segments(&ran.ok().stdout), [[r#"{"n":"007","text":""}"#]]);
    assert!(ran.lines()[0].contains("\"values\":\"text\""), "{}", ran.stdout);
}

fn refuses_what_is_not_whole(make: &impl Fn() -> Cmd) {
    let whole = String::from_utf8(sealed("a", &[FIRST])).expect("UTF-8");
    let end = whole.rfind("{\"_etl\"").expect("an end");
    for (stream, code, said) in [
        (whole[..end].to_owned(), 75, "line 3: the input ends inside segment a"),
        (whole[..end - 3].to_owned(), 75, "the input ends in the middle of a line"),
        (whole[..whole.len() - 1].to_owned(), 75, "the input ends in the middle of a line"),
        (whole.replace("\"n\":1", "\"n\":3"), 3, "segment a has the digest"),
        (whole.clone() + &whole, 3, "segment a appears twice"),
        (whole.replace(FIRST, "[1]"), 3, "line 2 (record 1, byte 41): the line is an array"),
        (whole[..end].to_owned() + ABORT, 77, "the producer failed: no key"),
        (ABORT.to_owned(), 77, "the producer failed: no key"),
        (whole.clone() + ABORT, 77, "the producer failed: no key"),
        (String::new(), 75, "the input is empty"),
        (FIRST.to_owned() + "\n[]\n", 3, "line 2 (byte 20): the line is an array"),
    ] {
        let ran = make().stdin(&stream).run();
        let said = if said.starts_with("line 3") { said.trim_start_matches("line 3: ") } else { said };
        refused(&ran, code, said);
        assert!(read(&ran.stdout).is_err(), "{}", ran.stdout);
    }
    let folder = Folder::new();
    folder.write("cut", &whole[..end]);
    refused(&make().stdin_file(folder.path("cut")).run(), 3, "the input ends inside segment a");
    refused(&make().args(["--input", "/nonexistent/x"]).run(), 66, "cannot read the input /nonexistent/x");
    refused(&make().args(["--seal", "required"]).stdin(plain(&[FIRST])).run(), 3, "--seal required");
    refused(&make().args(["--seal", "off"]).stdin(&whole).run(), 3, "a control line");
    refused(
        &make().args(["--max-line-bytes", "60"]).stdin("{\"n\":1}\n".to_owned() + &" ".repeat(70)).run(),
        3,
        "longer than 60 bytes",
    );
}

fn writes_files(make: &impl Fn() -> Cmd) {
    let folder = Folder::new();
    let (whole, out) = (sealed("a", &[FIRST]), folder.path("out"));
    let to_file = |stream: &[u8]| make().arg("--output").arg(&out).stdin(stream).run();
    to_file(&whole[..whole.len() - 1]).fails(75);
    assert!(!out.exists());
    let ran = to_file(&whole);
    assert_eq!((ran.ok().stdout.as_str(), segments(&folder.read("out"))), ("", vec![vec![FIRST]]));
    let older = folder.read("out");
    // A failed run leaves an older file as it is, and nothing beside it.
    let failed = to_file(ABORT.as_bytes());
    assert_eq!((failed.code, failed.stdout.as_str(), folder.read("out")), (77, "", older));
    assert_eq!(std::fs::read_dir(folder.path("")).expect("the folder").count(), 1);
}

fn fails_on_outputs(make: &impl Fn() -> Cmd) {
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    for stream in [sealed("a", &[FIRST]), many("a", 5000)] {
        let ran = make().stdin(&stream).stdout_to(full()).run();
        assert!(ran.fails(74).last_error_line().contains("No space left on device"), "{}", ran.stderr);
    }
    let (first, head) = make().stdin(many("a", 100_000)).pipe(Cmd::new("head").args(["-n1"]));
    assert_eq!((first.code, first.stderr.as_str(), head.lines().len()), (141, "", 1));
}

fn ends_on_signals(make: &impl Fn() -> Cmd) {
    let stream = many("a", 1000);
    let part = &stream[..stream.len() / 2];
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::KILL, 137)] {
        let running = make().waiting(part);
        // What was read is passed on before it waits for more.
        running.wait_until_stdout_contains("{\"n\":400,");
        running.kill(signal);
        let ran: Ran = running.wait();
        ran.fails(code);
        assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
        let fault = read(&ran.stdout).expect_err("cut");
        let said = if code == 137 { 75 } else { code };
        assert_eq!(i32::from(fault.class().code()), said, "{fault}");
    }
}
