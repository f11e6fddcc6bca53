//! `--emit records`: the stream goes on, its end only with the messages.

use etl_testkit::http::Reply;
use etl_testkit::run::{Cmd, temp_dir};

use crate::support::{
    Slack, hide_address, no_secret_in, notify, plain, printed, sealed, sealed_as, segments,
};

const EMIT: [&str; 2] = ["--emit", "records"];
const LINES: [&str; 3] = [r#"{"n":1}"#, r#"{ "n": 2.50 }"#, r#"state {"at":2}"#];

#[test]
fn records_are_passed_on_and_sealed() {
    let slack = Slack::takes();
    let ran = slack.notify(&EMIT).args(["--when", "n > 2"]).stdin(sealed_as("my.own", "a", &LINES)).run();
    assert_eq!(slack.texts(), ["*n*: 2.50"]);
    let passed = segments(&ran.ok().stdout);
    assert_eq!(passed, [vec![LINES[0], LINES[1], r#"{"_etl":{"v":1,"kind":"state","value":{"at":2}}}"#]]);
    let begin = &printed(&ran.stdout)[0]["_etl"];
    assert_eq!(
        (&begin["schema"], &begin["producer"]),
        (&"my.own".into(), &concat!("notify-slack/", env!("CARGO_PKG_VERSION")).into())
    );
    Cmd::bin("standpipe").args(["verify", "-", "--seal", "required"]).stdin(&ran.stdout).run().ok();
}

#[test]
fn the_end_comes_only_after_the_messages() {
    let slack = Slack::answers(Reply::silence());
    let running = slack.notify(&EMIT).stdin(sealed("a", &LINES)).spawn();
    // The records are there, though Slack has not answered.
    let printed = running.wait_until_stdout_contains(LINES[1]);
    while slack.requests().is_empty() {
        std::thread::yield_now();
    }
    assert!(!printed.contains("\"kind\":\"end\""), "{printed}");
    running.kill(etl_testkit::run::Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
}

#[test]
fn a_refusal_and_a_failed_stream_are_an_abort() {
    let slack = Slack::answers(Reply::text(404, "no_service"));
    let ran = slack.notify(&EMIT).stdin(sealed("a", &LINES)).run();
    ran.fails(78);
    let last = printed(&ran.stdout).pop().expect("an abort")["_etl"].clone();
    assert_eq!((&last["kind"], &last["code"]), (&"abort".into(), &78.into()));
    assert_eq!(hide_address(last["message"].as_str().expect("a text")), "HOST: 404: no_service");
    no_secret_in(&ran);

    let slack = Slack::takes();
    let whole = sealed("a", &LINES);
    let ran = slack.notify(&EMIT).stdin(&whole[..whole.len() - 5]).run();
    ran.fails(75);
    let last = printed(&ran.stdout).pop().expect("an abort")["_etl"].clone();
    assert_eq!(
        (&last["kind"], &last["code"], &last["message"]),
        (&"abort".into(), &75.into(), &ran.last_error_line().into())
    );
    assert_eq!(slack.texts().len(), 1);

    // Before anything is read, too.
    let ran = notify(&EMIT).run();
    assert_eq!(printed(&ran.fails(78).stdout)[0]["_etl"]["code"], 78);
}

#[test]
fn empty_plain_and_several_segments_become_one() {
    let slack = Slack::takes();
    let run = |stream: Vec<u8>, args: &[&str]| slack.notify(&EMIT).args(args).stdin(stream).run();
    let on_failure = ["--on", "failure", "--allow-empty"];
    for (stream, lines) in [
        (Vec::new(), vec![]),
        (sealed("a", &[]), vec![]),
        (plain(&[LINES[0]]).into_bytes(), vec![LINES[0]]),
        ([sealed("a", &LINES[..1]), sealed("b", &LINES[1..2])].concat(), vec![LINES[0], LINES[1]]),
    ] {
        assert_eq!(segments(&run(stream, &on_failure).ok().stdout), [lines]);
    }
    let ran = run([sealed_as("a.a", "a", &[]), sealed_as("b.b", "b", &[])].concat(), &[]);
    let message = "--emit records cannot pass on segments of different schemas";
    assert_eq!(ran.fails(2).last_error_line(), message);
    let texts = slack.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with(&format!("Pipeline failed\n{message}\nExit code 2: ")), "{texts:?}");
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
    let folder = temp_dir();
    let missing = folder.path().join("missing/out.ndjson");
    let run = |slack: &Slack| slack.notify(&EMIT).stdin(sealed("a", &LINES));
    for (to, cause) in
        [(None, "No space left on device"), (Some(&missing), "missing/out.ndjson: No such file or directory")]
    {
        let slack = Slack::takes();
        let cmd = run(&slack);
        let ran = match to {
            None => cmd.stdout_to(full()).run(),
            Some(path) => cmd.arg("--output").arg(path).run(),
        };
        ran.fails(74);
        assert!(ran.last_error_line().contains(cause), "{}", ran.stderr);
        let texts = slack.texts();
        let last = texts.last().expect("a message");
        let expected = format!("Pipeline failed\n{}\nExit code 74: ", ran.last_error_line());
        assert!(last.starts_with(&expected), "{texts:?}");
        assert_eq!(texts.iter().filter(|text| text.starts_with("Pipeline failed")).count(), 1, "{texts:?}");
    }
}

#[test]
fn a_file_appears_once_it_is_complete() {
    let folder = temp_dir();
    let path = folder.path().join("out.ndjson");
    let run = |slack: &Slack| slack.notify(&EMIT).arg("--output").arg(&path).stdin(sealed("a", &LINES)).run();
    run(&Slack::answers(Reply::text(404, "no_service"))).fails(78);
    assert!(!path.exists());
    assert_eq!(run(&Slack::takes()).ok().stdout, "");
    let written = std::fs::read_to_string(&path).expect("the file");
    assert_eq!(segments(&written)[0][..2], [LINES[0], LINES[1]]);
}

#[test]
fn a_reader_that_went_away_ends_it_in_silence() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let slack = Slack::takes();
    let ran = slack.notify(&EMIT).stdin(sealed("a", &LINES)).stdout_to(writer).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""));
    assert_eq!(slack.requests(), []);
}
