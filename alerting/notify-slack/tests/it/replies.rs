//! Every answer of Slack, and what becomes of the run.

use std::fs;

use etl_testkit::http::{Reply, Script};

use crate::support::{Slack, TOKEN, failed, file, hide_address, no_secret_in, notify, recorded};

const TEXT: [&str; 2] = ["--text", "hello <!here>"];

fn two(first: Reply, second: Reply) -> Script {
    Script::new().then(first).then(second)
}

#[test]
fn every_recorded_answer_is_tested() {
    let mut names: Vec<_> = fs::read_dir(file("replies"))
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("UTF-8"))
        .filter(|name| name != "PROVENANCE.md")
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "webapi_200_chat_postMessage.json",
            "webapi_200_invalid_auth.json",
            "webapi_429_ratelimited.json",
            "webhook_200_ok.txt",
            "webhook_400_invalid_payload.txt",
            "webhook_429_rate_limited.json"
        ]
    );
}

#[test]
fn a_webhook_takes_a_message() {
    let slack = Slack::takes();
    let ran = slack.notify(&TEXT).run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), ("", "posted 1 message\n"));
    slack.sent("text_webhook.json");
    let request = slack.requests().remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", crate::support::PATH));
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(request.header("user-agent"), Some(concat!("notify-slack/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn the_web_api_takes_a_message() {
    let slack = Slack::answers(recorded(200, "webapi_200_chat_postMessage.json"));
    let ran = slack.notify_channel(&TEXT).run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), ("", "posted 1 message\n"));
    slack.sent("text_channel.json");
    let request = slack.requests().remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/chat.postMessage"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
}

#[test]
fn the_api_refuses_with_status_200() {
    let slack = Slack::answers(recorded(200, "webapi_200_invalid_auth.json"));
    failed(&slack.notify_channel(&TEXT).run(), 77, "HOST: 200: invalid_auth");
    assert_eq!(slack.requests().len(), 1);
    for (body, code, message) in [
        (r#"{"ok":false,"error":"channel_not_found"}"#, 78, "HOST: 200: channel_not_found"),
        (
            r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"identify"}"#,
            77,
            "HOST: 200: missing_scope (needed: chat:write)",
        ),
        ("ok", 76, "HOST: 200: \"ok\", where JSON with `ok` is expected"),
        ("<html>who are you?</html>", 76, "HOST: 200: a page of HTML, where JSON with `ok` is expected"),
    ] {
        let slack = Slack::answers(Reply::json(200, body));
        failed(&slack.notify_channel(&TEXT).run(), code, message);
        assert_eq!(slack.requests().len(), 1, "{body}");
    }
}

#[test]
fn a_webhook_refuses() {
    for (status, body, code, message) in [
        (200, "no_channel", 78, "HOST: 200: no_channel"),
        (200, "fine", 76, "HOST: 200: \"fine\", where `ok` is expected"),
        (200, "<!doctype html>", 76, "HOST: 200: a page of HTML, where `ok` is expected"),
        (400, "no_text", 78, "HOST: 400: no_text"),
        (403, "invalid_token", 77, "HOST: 403: invalid_token"),
        (403, "action_prohibited", 78, "HOST: 403: action_prohibited"),
        (404, "no_service", 78, "HOST: 404: no_service"),
        (404, "never heard of it", 76, "HOST: 404: \"never heard of it\", where `ok` is expected"),
        (410, "channel_is_archived", 78, "HOST: 410: channel_is_archived"),
    ] {
        let slack = Slack::answers(Reply::text(status, body));
        failed(&slack.notify(&TEXT).run(), code, message);
        assert_eq!(slack.requests().len(), 1, "{status} {body}");
    }
}

#[test]
fn a_limit_is_waited_for() {
    // The server asks for no time at all, so that nobody waits.
    for limited in [
        recorded(429, "webhook_429_rate_limited.json").header("Retry-After", "0"),
        Reply::text(200, r#"{"ok":false,"error":"rate_limited"}"#).header("Retry-After", "0"),
    ] {
        let slack = Slack::answers(two(limited, Reply::text(200, "ok")));
        let ran = slack.notify(&TEXT).run();
        ran.ok();
        assert!(ran.stderr.contains("; trying again in 100.0ms\nposted 1 message"), "{}", ran.stderr);
        let payloads = slack.payloads();
        assert_eq!((payloads.len(), &payloads[0]), (2, &payloads[1]));
        no_secret_in(&ran);
    }
    let limited = recorded(429, "webapi_429_ratelimited.json").header("Retry-After", "0");
    let slack = Slack::answers(two(limited, recorded(200, "webapi_200_chat_postMessage.json")));
    slack.notify_channel(&TEXT).run().ok();
    assert_eq!(slack.requests().len(), 2);
}

#[test]
fn a_limit_beyond_the_deadline_is_told_at_once() {
    let limited = recorded(429, "webhook_429_rate_limited.json").header("Retry-After", "3600");
    let slack = Slack::answers(limited);
    let ran = slack.notify(&TEXT).run();
    ran.fails(75);
    let message = hide_address(ran.last_error_line());
    let said = "HOST: 429 Too Many Requests: {\"retry_after\":1,\"ok\":false,\"error\":\"rate_limited\"}; retry_at 20";
    assert!(message.starts_with(said), "{message}");
    assert_eq!(slack.requests().len(), 1);
}

#[test]
fn a_failing_server_is_tried_again() {
    for first in [
        Reply::text(500, "rollup_error"),
        Reply::text(501, "no"),
        Reply::text(502, "<html>bad gateway</html>"),
        Reply::reset(),
    ] {
        let slack = Slack::answers(two(first, Reply::text(200, "ok")));
        slack.notify(&TEXT).run().ok();
        let payloads = slack.payloads();
        assert_eq!((payloads.len(), &payloads[0]), (2, &payloads[1]));
    }
    let slack = Slack::answers(Reply::text(500, "rollup_error"));
    failed(
        &slack.notify(&TEXT).args(["--retries", "0"]).run(),
        75,
        "HOST: 500 Internal Server Error: rollup_error",
    );
}

#[test]
fn a_message_without_an_answer_may_have_arrived_and_is_sent_again() {
    let slack = Slack::answers(two(Reply::close(), Reply::text(200, "ok")));
    slack.notify(&TEXT).run().ok();
    assert_eq!(slack.requests().len(), 2);
}

#[test]
fn refused_blocks_become_plain_text_once() {
    let invalid_payload = || recorded(400, "webhook_400_invalid_payload.txt");
    for refusal in [invalid_payload(), Reply::text(400, "invalid_blocks")] {
        let slack = Slack::answers(two(refusal, Reply::text(200, "ok")));
        let ran = slack.notify(&TEXT).run();
        assert!(ran.ok().stderr.contains("; posting the message as plain text\n"), "{}", ran.stderr);
        slack.sent("plain_after_blocks.json");
        no_secret_in(&ran);
    }
    let refusal = Reply::json(200, r#"{"ok":false,"error":"invalid_blocks"}"#);
    let slack = Slack::answers(two(refusal, recorded(200, "webapi_200_chat_postMessage.json")));
    let ran = slack.notify_channel(&TEXT).run();
    let warning = "warning: HOST: invalid_blocks; posting the message as plain text\nposted 1 message\n";
    assert_eq!(hide_address(&ran.ok().stderr), warning);
    slack.sent("plain_after_blocks_channel.json");

    let slack = Slack::answers(invalid_payload());
    failed(&slack.notify(&TEXT).run(), 78, "HOST: 400: invalid_payload");
    assert_eq!(slack.requests().len(), 2);
}

#[test]
fn nobody_listens() {
    let address =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let url = format!("http://{address}{}", crate::support::PATH);
    let ran = notify(&TEXT).args(["--retries", "0"]).env("SLACK_WEBHOOK_URL", url).run();
    ran.fails(75);
    assert!(hide_address(ran.last_error_line()).starts_with("HOST: "), "{}", ran.stderr);
    no_secret_in(&ran);
}

#[test]
fn a_redirect_elsewhere_is_not_followed() {
    let other = Slack::takes();
    let slack = Slack::answers(Reply::redirect(307, &other.url()));
    // However short the address.
    for path in [crate::support::PATH, "/h/abc", ""] {
        let url = format!("{}{path}", slack.url());
        let ran = notify(&TEXT).env("SLACK_WEBHOOK_URL", url).run();
        failed(&ran, 76, "HOST: the redirect to HOST is not followed: the request carries a secret");
    }
    assert_eq!(other.requests(), []);
}

#[test]
fn a_redirect_that_would_lose_the_message_is_not_followed() {
    let script = Script::new().at(crate::support::PATH, Reply::redirect(302, "/ok"));
    let slack = Slack::answers(script.at("/ok", Reply::text(200, "ok")));
    failed(&slack.notify(&TEXT).run(), 76, "HOST: the redirect would drop what is sent");
    assert_eq!(slack.requests().len(), 1);
}
