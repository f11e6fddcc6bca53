//! Streams that failed: the cause is posted once, and the stream's code becomes the run's.

use etl_testkit::http::Reply;
use etl_testkit::run::temp_dir;

use crate::support::{PATH, Slack, failed, hide_address, no_secret_in, notify, plain, sealed, sealed_as};

const RECORD: &str = r#"{"n":1}"#;

fn abort(code: u64, message: &str) -> String {
    format!("{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":{code},\"message\":{message:?}}}}}\n")
}

/// Runs it on a stream; returns the one text that was posted.
#[track_caller]
fn told(args: &[&str], stream: impl AsRef<[u8]>, code: i32, message: &str) -> String {
    let slack = Slack::takes();
    let ran = slack.notify(args).stdin(stream).run();
    failed(&ran, code, message);
    let mut texts = slack.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    texts.remove(0)
}

#[test]
fn an_abort_is_told_with_its_code() {
    let slack = Slack::takes();
    let stream =
        [&sealed_as("etl.receipt", "a", &[])[..], abort(77, "<!channel> api.example: 401").as_bytes()]
            .concat();
    let ran = slack.notify(&[]).stdin(stream).run();
    failed(&ran, 77, "the producer failed: <!channel> api.example: 401");
    slack.sent("abort.json");

    for (code, own, meaning) in [
        (2, 2, "usage: a wrong flag or argument"),
        (3, 3, "the data is bad"),
        (66, 66, "an input file is missing or unreadable"),
        (75, 75, "transient: retries or a quota used up, or the producer died"),
        (143, 143, "ended by a signal, everything rolled back"),
    ] {
        let text = told(&["--on", "failure"], abort(code, "it broke"), own, "the producer failed: it broke");
        let expected = format!("Pipeline failed\nit broke\nExit code {own}: {meaning}");
        assert_eq!(text, expected);
    }
}

#[test]
fn records_before_an_abort_are_not_told() {
    let begin = r#"{"_etl":{"v":1,"kind":"begin","id":"a","schema":"my.things","producer":"mine/1"}}"#;
    let stream = format!("{begin}\n{RECORD}\n{}", abort(75, "gone"));
    let text = told(&[], stream, 75, "the producer failed: gone");
    assert!(text.ends_with("\nRead before: 1 record of my.things from mine/1"), "{text}");
}

#[test]
fn a_cut_stream_is_75_from_a_pipe_and_3_from_a_file() {
    let whole = sealed("a", &[RECORD]);
    let folder = temp_dir();
    let path = folder.path().join("cut.ndjson");
    for (cut, said) in [
        (
            whole.len() - 1,
            "the input ends in the middle of a line: it was cut (a stream ends with a newline)",
        ),
        (
            whole.len() - whole.split(|b| *b == b'\n').nth_back(1).expect("an end").len() - 1,
            "without its `end`",
        ),
        (0, "the input is empty: the producer did not finish (--allow-empty accepts it)"),
    ] {
        let stream = &whole[..cut];
        std::fs::write(&path, stream).expect("the folder is writable");
        let slack = Slack::takes();
        let from_pipe = slack.notify(&[]).stdin(stream).run();
        let from_stdin_file = slack.notify(&[]).stdin_file(&path).run();
        let from_file = slack.notify(&["--input"]).arg(&path).run();
        for (ran, code) in [(from_pipe, 75), (from_stdin_file, 3), (from_file, 3)] {
            ran.fails(code);
            assert!(ran.last_error_line().contains(said), "{}", ran.stderr);
            assert_eq!(ran.stdout, "");
            no_secret_in(&ran);
        }
        let texts = slack.texts();
        assert_eq!(texts.len(), 3);
        for (text, code) in texts.iter().zip([75, 3, 3]) {
            assert!(text.starts_with("Pipeline failed\n") && text.contains(said), "{text}");
            assert!(text.contains(&format!("\nExit code {code}: ")), "{text}");
        }
    }
}

#[test]
fn bad_data_is_told() {
    let whole = String::from_utf8(sealed("a", &[RECORD])).expect("UTF-8");
    let message = "line 3 (byte 67): segment a has 1 record, but its end says 2 (a filter in between needs `standpipe through -- COMMAND`)";
    let stream = whole.replace("\"records\":1", "\"records\":2");
    let at = whole.lines().take(2).map(|line| line.len() + 1).sum::<usize>();
    told(&[], stream, 3, &message.replace("67", &at.to_string()));
    for (line, said) in [("{\"n\":NaN}", "line 2 (byte 13): NaN is "), ("[1]", "line 2 (byte 8): ")] {
        let slack = Slack::takes();
        let ran = slack.notify(&["--seal", "off"]).stdin(plain(&[RECORD, line])).run();
        ran.fails(3);
        assert!(ran.last_error_line().starts_with(said), "{}", ran.stderr);
        assert_eq!(slack.texts().len(), 1);
    }
    told(
        &["--seal", "required"],
        plain(&[RECORD]),
        3,
        "line 1 (byte 0): a record outside a verified segment (--seal required; `standpipe seal -- COMMAND` seals what a program prints)",
    );
}

#[test]
fn a_missing_input_is_told() {
    let slack = Slack::takes();
    let ran = slack.notify(&["--input", "/nonexistent/in.ndjson"]).run();
    failed(&ran, 66, "cannot read the input /nonexistent/in.ndjson: No such file or directory (os error 2)");
    assert_eq!(slack.requests().len(), 1);
}

#[test]
fn a_failure_that_cannot_be_posted_names_both_causes() {
    let slack = Slack::answers(Reply::text(404, "no_service"));
    let ran = slack.notify(&[]).stdin(abort(66, "no such file")).run();
    failed(&ran, 66, "the producer failed: no such file; posting this failed, too: HOST: 404: no_service");
    assert_eq!(slack.requests().len(), 1);
}

#[test]
fn a_dry_run_prints_the_failure_and_ends_with_its_code() {
    let slack = Slack::takes();
    slack.notify(&[]).stdin(abort(66, "no such file")).run().fails(66);
    let ran = notify(&["--dry-run"]).stdin(abort(66, "no such file")).run();
    assert_eq!(ran.fails(66).lines(), slack.payloads());
    assert_eq!(hide_address(ran.last_error_line()), "the producer failed: no such file");
}

#[test]
fn a_secret_in_a_cause_is_not_passed_on() {
    let quoted = abort(3, &format!("cannot POST hooks.example{PATH}"));
    let ran = notify(&["--dry-run"])
        .env("ALERT_WEBHOOK", format!("https://hooks.example{PATH}"))
        .stdin(quoted)
        .run();
    ran.fails(3);
    assert!(ran.stdout.contains("cannot POST hooks.example/[redacted]"), "{}", ran.stdout);
    no_secret_in(&ran);
    let slack = Slack::takes();
    let ran = slack.notify(&[]).stdin(abort(3, &format!("cannot POST {}", slack.webhook()))).run();
    failed(&ran, 3, "the producer failed: cannot POST [redacted]");
    assert_eq!(slack.texts(), ["Pipeline failed\ncannot POST [redacted]\nExit code 3: the data is bad"]);
}
