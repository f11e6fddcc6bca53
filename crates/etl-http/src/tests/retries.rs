use std::time::Duration;

use etl_component::Class;
use etl_testkit::http::{Reply as Answer, Script};

use super::{fails, fault, get};
use crate::{Request, Verdict};

const GOOD: &str = r#"{"cod":200}"#;

fn then_good(first: Answer) -> Script {
    Script::new().then(first).then(Answer::json(200, GOOD))
}

#[test]
fn retry_after_is_waited_for_then_the_reply_is_good() {
    let now = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (status, retry_after, wait) in [
        (429, "2", 2000),
        (503, "2", 2000),
        (429, "0", 100),
        (503, "Sun, 06 Nov 1994 08:50:37 GMT", 60_000),
        (429, "Sun, 06 Nov 1994 08:00:00 GMT", 100),
        (503, "a while", 500),
    ] {
        let first = Answer::status(status).header("Retry-After", retry_after).header("Date", now);
        let (result, waits, server) = get(then_good(first), "");
        assert_eq!(result.unwrap().body, GOOD.as_bytes(), "{status} {retry_after}");
        assert_eq!((waits, server.requests().len()), (vec![wait], 2), "{status} {retry_after}");
    }
}

#[test]
fn a_wait_over_the_deadline_ends_at_once() {
    let answer = Answer::json(429, r#"{"cod":429}"#)
        .header("Retry-After", "Sun, 06 Nov 1994 09:49:37 GMT")
        .header("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let before = crate::transport::now();
    let (class, message, waits, requests) = fails(answer, "--deadline 10m");
    assert_eq!((class, waits, requests), (Class::Transient, vec![], 1));
    let (words, retry_at) = message.split_once("; retry_at ").unwrap();
    assert_eq!(words, r#"127.0.0.1:PORT: 429 Too Many Requests: {"cod":429}"#);
    let seconds = retry_at.parse::<jiff::Timestamp>().unwrap().as_second() - before.as_second();
    assert!((3600..3660).contains(&seconds), "{retry_at}");
}

#[test]
fn every_retryable_status_is_tried_until_retries_are_used_up() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let (class, message, waits, requests) = fails(Answer::status(status), "--retries 3");
        assert_eq!((class, requests), (Class::Transient, 4), "{status}");
        assert_eq!(waits, [500, 1000, 2000]);
        let reason = ureq::http::StatusCode::from_u16(status).unwrap();
        // The waits count although the test does not sleep them.
        assert_eq!(message, format!("127.0.0.1:PORT: {reason} after 4 attempts in 3 s"));
    }
}

#[test]
fn waits_add_up_to_the_deadline() {
    let (class, _, waits, requests) = fails(Answer::status(503), "--retries 100 --deadline 10s");
    assert_eq!((class, waits, requests), (Class::Transient, vec![500, 1000, 2000, 4000], 5));
}

#[test]
fn what_a_limit_asks_for_costs_no_retry() {
    let limited = || Answer::status(429).header("Retry-After", "2");
    let script = (0..9).fold(Script::new(), |script, _| script.then(limited()));
    let script = script.then(Answer::status(503)).then(limited()).then(Answer::json(200, GOOD));
    let (result, waits, server) = get(script, "--retries 1");
    assert_eq!(result.unwrap().body, GOOD.as_bytes());
    assert_eq!((waits.iter().sum::<u128>(), server.requests().len()), (10 * 2000 + 30_000, 12));

    let (class, message, waits, requests) = fails(limited(), "--retries 1 --deadline 9s");
    assert_eq!((class, waits, requests), (Class::Transient, vec![2000; 4], 5));
    assert!(message.contains(" after 5 attempts in 8 s; retry_at "), "{message}");
    // A server that says 0 would be asked forever.
    let (class, _, waits, requests) = fails(Answer::status(429).header("Retry-After", "0"), "--retries 2");
    assert_eq!((class, waits, requests), (Class::Transient, vec![100; 2], 3));
}

#[test]
fn other_statuses_end_at_once_with_their_class() {
    for (status, class) in [
        (400, Class::Config),
        (404, Class::Config),
        (410, Class::Config),
        (422, Class::Config),
        (401, Class::Denied),
        (403, Class::Denied),
        (501, Class::Protocol),
    ] {
        let answer = Answer::json(status, "{\"message\":\n\"city not found\"}");
        let (found, message, waits, requests) = fails(answer, "");
        assert_eq!((found, waits, requests), (class, vec![], 1), "{status}");
        assert!(message.ends_with(r#": {"message": "city not found"}"#), "{message}");
    }
}

#[test]
fn the_api_can_find_an_error_in_a_good_status_and_a_wait_in_a_bad_one() {
    let server = etl_testkit::http::Server::start(
        Script::new().then(Answer::text(403, "limit")).then(Answer::text(200, "no_channel")),
    );
    let (client, waits) = super::client("", &[]);
    let request = Request::get(&super::base(&server), "hook").classify(|reply| match reply.body.as_slice() {
        b"limit" => Some(Verdict::Retry { min_wait: Duration::from_secs(60) }),
        b"no_channel" => {
            Some(Verdict::Fail { class: Class::Config, message: "the channel is gone".to_owned() })
        }
        _ => None,
    });
    let fault = fault(client.send(&request));
    assert_eq!(fault.class(), Class::Config);
    assert!(fault.message().ends_with(": the channel is gone after 2 attempts in 60 s"), "{fault}");
    assert_eq!(*waits.lock().unwrap(), [Duration::from_secs(60)]);
}

#[test]
fn the_floor_of_an_api_applies_to_a_429_without_retry_after() {
    let server = etl_testkit::http::Server::start(then_good(Answer::status(429)));
    let (client, waits) = super::client("", &[]);
    let request = Request::get(&super::base(&server), "weather").min_wait_429(Duration::from_secs(60));
    assert_eq!(client.send(&request).unwrap().status, 200);
    assert_eq!(*waits.lock().unwrap(), [Duration::from_secs(60)]);
}
