//! The webhook's address and the token are nowhere but on the wire.

use etl_testkit::http::Reply;
use etl_testkit::run::Ran;

use crate::support::{PATH, Slack, TOKEN, no_secret_in, sealed};

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
