use std::error::Error as _;
use std::time::Duration;

use etl_component::{Class, Fault};
use etl_testkit::http::{Reply as Answer, Server};

use super::{base, client, get};
use crate::{Error, Reply, Request, Verdict};

/// What a caller may ask: the status, whether the failure may pass, and whether a time is named.
fn facts(error: &Error) -> (Option<u16>, bool, bool) {
    (error.status(), error.is_transient(), error.retry_at().is_some())
}

#[test]
fn an_error_says_what_callers_decide_by() {
    for (answer, flags, expected) in [
        (Answer::status(404), "", (Some(404), false, false)),
        (Answer::status(403), "", (Some(403), false, false)),
        (Answer::status(503), "--retries 1", (Some(503), true, false)),
        (Answer::status(429), "--retries 1", (Some(429), true, false)),
        (Answer::status(429).header("Retry-After", "3600"), "", (Some(429), true, true)),
        (Answer::status(503).header("Retry-After", "3600"), "", (Some(503), true, true)),
        (Answer::close(), "--retries 1", (None, true, false)),
        (Answer::text(200, "too long"), "--max-body-bytes 3", (None, false, false)),
    ] {
        let (result, ..) = get(answer.clone(), flags);
        assert_eq!(facts(&result.unwrap_err()), expected, "{answer:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (replayer, _) = client(&format!("--replay {}", folder.path().display()), &[]);
    let missing = replayer.send(&Request::get(&base(&Server::start(Answer::status(200))), "x"));
    assert_eq!(facts(&missing.unwrap_err()), (None, false, false));
}

#[test]
fn the_time_to_come_back_is_that_of_the_message() {
    let (result, ..) = get(Answer::status(429).header("Retry-After", "3600"), "");
    let error = result.unwrap_err();
    let at = error.retry_at().unwrap();
    assert!(error.to_string().ends_with(&format!(": 429 Too Many Requests; retry_at {at}")), "{error}");
}

#[test]
fn the_verdict_of_an_api_does_not_pass() {
    let server = Server::start(Answer::json(200, r#"{"error":"no such thing"}"#));
    let (client, _) = client("", &[]);
    let request = Request::get(&base(&server), "x")
        .classify(|_| Some(Verdict::Fail { class: Class::Config, message: "no such thing".to_owned() }));
    assert_eq!(facts(&client.send(&request).unwrap_err()), (Some(200), false, false));
}

#[test]
fn a_limit_that_comes_as_a_success_is_told_by_its_words() {
    for (body, words) in
        [(r#"{"Note":"slower"}"#, r#"{"Note":"slower"}"#), ("", "200 OK"), ("<html>", "200 OK")]
    {
        let server = Server::start(Answer::json(200, body));
        let (client, _) = client("--retries 0", &[]);
        let request = Request::get(&base(&server), "x")
            .classify(|_| Some(Verdict::Retry { min_wait: Duration::from_secs(3600) }));
        let error = client.send(&request).unwrap_err();
        let host = format!("127.0.0.1:{}", server.port());
        let at = error.retry_at().unwrap();
        assert_eq!(error.to_string(), format!("{host}: {words}; retry_at {at}"));
    }
}

#[test]
fn as_a_fault_it_keeps_its_class_and_message_and_its_causes() {
    let (result, ..) = get(Answer::status(404), "");
    let error = result.unwrap_err();
    // If it is passed up as it is, the fault is still found in the chain.
    let text = error.to_string();
    let inner = error.source().unwrap().downcast_ref::<Fault>().unwrap();
    assert_eq!((inner.class(), inner.message()), (Class::Config, text.as_str()));
    let fault = Fault::from(error);
    assert_eq!((fault.class(), fault.message()), (Class::Config, text.as_str()));

    let caused = Fault::new(Class::Io, "no room").because(std::io::Error::other("disk full"));
    let fault = Fault::from(Error::from(caused));
    assert_eq!((fault.class(), fault.source().unwrap().to_string()), (Class::Io, "disk full".to_owned()));
}

#[test]
fn a_reply_was_sent_when_its_server_says_so() {
    for (date, sent_at) in [
        (Some("Sun, 06 Nov 1994 08:49:37 GMT"), 784_111_777),
        (Some("yesterday"), 1_500_000_000),
        (None, 1_500_000_000),
    ] {
        let headers: Vec<(&str, &str)> = date.iter().map(|date| ("Date", *date)).collect();
        assert_eq!(Reply::of(200, &headers, "").sent_at().as_second(), sent_at, "{date:?}");
    }
}
