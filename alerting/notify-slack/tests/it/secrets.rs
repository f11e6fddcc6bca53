//! The webhook's address and the token are nowhere but on the wire.

use etl_testkit::http::Reply;
use etl_testkit::run::Ran;

use crate::support::{PATH, Slack, TOKEN, failed, no_secret_in, notify, sealed};

#[test]
fn an_answer_that_quotes_the_address_is_redacted() {
    for body in [format!("no such hook: {PATH}"), PATH.split('/').next_back().unwrap_or_default().to_owned()]
    {
        for (status, code) in [(200, 76), (404, 76), (500, 75)] {
            let slack = Slack::answers(Reply::text(status, &body));
            for format in ["text", "logfmt", "json"] {
                let args = ["--text", "x", "--retries", "0", "--log-format", format, "--log-level", "trace"];
                let ran = slack.notify(&args).run();
                ran.fails(code);
                assert!(ran.stderr.contains("[redacted]"), "{}", ran.stderr);
                no_secret_in(&ran);
            }
        }
    }
    let slack =
        Slack::answers(Reply::json(200, &format!(r#"{{"ok":false,"error":"no such token {TOKEN}"}}"#)));
    let ran = slack.notify_channel(&["--text", "x"]).run();
    ran.fails(78);
    assert!(ran.stderr.contains("200: no such token [redacted]"), "{}", ran.stderr);
    no_secret_in(&ran);
}

#[test]
fn white_space_around_a_secret_shows_nothing_of_it() {
    let folder = etl_testkit::run::temp_dir();
    let file = folder.path().join("secret");
    for blank in ["", " ", "\n\n", "\r\n\n", "\t"] {
        let slack = Slack::answers(Reply::text(200, &format!("no such hook: {PATH}")));
        let url = format!("{}{blank}", slack.webhook());
        std::fs::write(&file, &url).expect("the folder is writable");
        let by_variable = notify(&["--text", "x"]).env("SLACK_WEBHOOK_URL", &url).run();
        let by_file = notify(&["--text", "x"]).env("SLACK_WEBHOOK_URL_FILE", &file).run();
        for ran in [by_variable, by_file] {
            if blank.contains(char::is_control) {
                ran.fails(78);
                assert!(ran.last_error_line().contains("control character"), "{}", ran.stderr);
                no_secret_in(&ran);
            } else {
                failed(&ran, 76, "HOST: 200: \"no such hook: /[redacted]\", where `ok` is expected");
            }
        }
        assert!(slack.requests().iter().all(|request| request.target == PATH));
    }
    for blank in ["", " "] {
        let slack = Slack::answers(Reply::json(200, &format!(r#"{{"ok":false,"error":"bad {TOKEN}"}}"#)));
        let token = format!("{TOKEN}{blank}");
        let ran = slack.notify_channel(&["--text", "x"]).env("SLACK_BOT_TOKEN", token).run();
        failed(&ran, 78, "HOST: 200: bad [redacted]");
    }
}

#[test]
fn arguments_that_are_refused_show_no_part_of_an_address() {
    let last = PATH.rsplit('/').next().unwrap_or_default();
    let ran = notify(&["--bogus", last]).env("ALERT_WEBHOOK", format!("https://hooks.example{PATH}")).run();
    ran.fails(2);
    no_secret_in(&ran);
    let ran = notify(&[last]).env("ALERT_WEBHOOK", format!("https://hooks.example{PATH}")).run();
    assert!(ran.fails(2).stderr.contains("'[redacted]'"), "{}", ran.stderr);
}

#[test]
fn what_is_posted_is_what_a_dry_run_prints() {
    let slack = Slack::takes();
    let last = PATH.rsplit('/').next().unwrap_or_default();
    let record = format!(r#"{{"url":"{}","text":"{TOKEN}"}}"#, slack.webhook());
    let runs = [
        vec!["--text", last],
        vec!["--seal", "off"],
        vec!["--seal", "off", "--template", "{{ url }} {{ text | safe }} é"],
        vec!["--workflow-name", last, "--workflow-status", "Failed", "--workflow-failures", &record],
    ];
    let mut printed = Vec::new();
    for args in &runs {
        let run =
            |cmd: etl_testkit::run::Cmd| cmd.env("SLACK_BOT_TOKEN", TOKEN).stdin(format!("{record}\n")).run();
        run(slack.notify(args)).ok();
        let dry = run(slack.notify(args).arg("--dry-run"));
        no_secret_in(dry.ok());
        printed.push(dry.stdout.trim_end().to_owned());
    }
    assert_eq!(slack.payloads(), printed);
    let texts = [
        "[redacted]",
        "*url*: [redacted]\n*text*: [redacted]",
        "[redacted] [redacted] é",
        "Workflow [redacted] failed",
    ];
    for (text, expected) in slack.texts().iter().zip(texts) {
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn everything_is_logged_but_the_secrets() {
    let runs: [fn(&Slack) -> Ran; 4] = [
        |slack| slack.notify(&["--text", "x", "--retries", "0", "--log-level", "trace"]).run(),
        |slack| {
            slack
                .notify(&["--retries", "0", "--log-level", "trace"])
                .stdin(sealed("a", &[r#"{"n":1}"#]))
                .run()
        },
        |slack| slack.notify(&["--retries", "0", "--log-level", "trace", "--emit", "records"]).run(),
        |slack| slack.notify(&["--bogus"]).run(),
    ];
    for answer in [Reply::text(200, "ok"), Reply::reset(), Reply::text(429, "").header("Retry-After", "9999")]
    {
        let slack = Slack::answers(answer);
        for run in runs {
            no_secret_in(&run(&slack));
        }
    }
}
