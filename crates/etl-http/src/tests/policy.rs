use std::time::{Duration, SystemTime};

use etl_component::Class;

use crate::Decision::{Done, Fail, GiveUp, Retry};
use crate::Outcome::Failed;
use crate::{Decision, Failure, Outcome, Terms, Verdict, decide, retry_after};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const TERMS: Terms = Terms { retries: 5, deadline: s(300), min_wait_429: Duration::ZERO };

fn status(status: u16) -> Outcome {
    Outcome::Reply { status, retry_after: None }
}

fn asking(status: u16, wait: Duration) -> Outcome {
    Outcome::Reply { status, retry_after: Some(wait) }
}

const fn fail(class: Class) -> Decision {
    Fail { class }
}

const SPENT: Decision = GiveUp { retry_in: None };

#[test]
fn every_outcome_of_a_first_attempt() {
    let again = Retry { wait: Duration::from_millis(500), free: false };
    for (outcome, expected) in [
        (status(200), Done),
        (status(204), Done),
        (status(304), Done),
        (status(100), fail(Class::Protocol)),
        (status(300), fail(Class::Protocol)),
        (status(302), fail(Class::Protocol)),
        (status(400), fail(Class::Config)),
        (status(401), fail(Class::Denied)),
        (status(403), fail(Class::Denied)),
        (status(404), fail(Class::Config)),
        (status(407), fail(Class::Denied)),
        (status(408), again),
        (status(410), fail(Class::Config)),
        (status(422), fail(Class::Config)),
        (status(425), again),
        (status(429), again),
        (status(451), fail(Class::Config)),
        (status(500), again),
        (status(501), fail(Class::Protocol)),
        (status(502), again),
        (status(503), again),
        (status(504), again),
        (status(522), again),
        (status(600), fail(Class::Protocol)),
        (Failed(Failure::Connection), again),
        (Failed(Failure::Timeout), again),
        (Failed(Failure::BrokenBody), again),
        (Failed(Failure::Proxy), again),
        (Failed(Failure::Tls), fail(Class::Protocol)),
        (Failed(Failure::Protocol), fail(Class::Protocol)),
        (Failed(Failure::TooLarge), fail(Class::Protocol)),
        (Failed(Failure::Redirect), fail(Class::Protocol)),
        (Failed(Failure::ProxyDenied), fail(Class::Denied)),
        (Failed(Failure::Invalid), fail(Class::Config)),
    ] {
        assert_eq!(decide(&TERMS, 1, 0, outcome, None, s(0), 1.0), expected, "{outcome:?}");
    }
}

#[test]
fn backoff_doubles_up_to_its_cap_and_jitter_takes_half() {
    let many = Terms { retries: 100, ..TERMS };
    for (attempt, jitter, millis) in [
        (1, 1.0, 500),
        (1, 0.0, 250),
        (2, 1.0, 1000),
        (3, 0.5, 1500),
        (6, 1.0, 16_000),
        (7, 1.0, 30_000),
        (99, 0.0, 15_000),
    ] {
        let wait = Duration::from_millis(millis);
        let expected = Retry { wait, free: false };
        assert_eq!(decide(&many, attempt, 0, status(503), None, s(0), jitter), expected, "{attempt}");
    }
}

#[test]
fn a_wait_asked_for_is_obeyed_or_ends_the_run() {
    let again = |wait| Retry { wait, free: false };
    let free = |wait| Retry { wait, free: true };
    let later = |wait| GiveUp { retry_in: Some(wait) };
    let shortest = Duration::from_millis(100);
    let api = Terms { min_wait_429: s(60), ..TERMS };
    for (terms, attempt, outcome, spent, expected) in [
        (TERMS, 1, asking(429, s(7)), s(0), free(s(7))),
        (TERMS, 1, asking(503, s(7)), s(0), again(s(7))),
        (TERMS, 1, asking(503, s(0)), s(0), again(shortest)),
        (TERMS, 1, asking(429, s(299)), s(0), free(s(299))),
        (TERMS, 1, asking(429, s(300)), s(0), later(s(300))),
        (TERMS, 1, asking(429, s(7)), s(293), later(s(7))),
        (TERMS, 1, asking(429, Duration::MAX), s(0), later(Duration::MAX)),
        // Only the deadline bounds a limit's wait, unless it is so short that there would be no end.
        (TERMS, 6, asking(429, s(7)), s(0), free(s(7))),
        (TERMS, 99, asking(429, s(1)), s(298), free(s(1))),
        (TERMS, 99, asking(429, s(1)), s(299), later(s(1))),
        (TERMS, 6, asking(429, s(0)), s(0), later(s(0))),
        (TERMS, 6, asking(503, s(7)), s(0), later(s(7))),
        (TERMS, 6, status(429), s(0), SPENT),
        (api, 6, status(429), s(0), free(s(60))),
        (TERMS, 6, status(503), s(0), SPENT),
        (TERMS, 1, status(503), s(300), SPENT),
        (TERMS, 1, Failed(Failure::Timeout), s(301), SPENT),
        (api, 1, status(429), s(0), free(s(60))),
        (api, 1, status(429), s(250), later(s(60))),
        (api, 1, asking(429, s(1)), s(250), free(s(1))),
        (api, 1, status(503), s(250), again(Duration::from_millis(500))),
    ] {
        assert_eq!(decide(&terms, attempt, 0, outcome, None, spent, 1.0), expected, "{outcome:?} {spent:?}");
    }
}

#[test]
fn the_api_judges_first() {
    let busy = Verdict::Retry { min_wait: s(60) };
    let passing = Verdict::Retry { min_wait: s(0) };
    let broke = Verdict::Fail { class: Class::Transient, message: String::new() };
    let denied = Verdict::Fail { class: Class::Denied, message: String::new() };
    for (outcome, verdict, expected) in [
        (status(404), &Verdict::Accept, Done),
        (status(403), &busy, Retry { wait: s(60), free: true }),
        (asking(403, s(2)), &busy, Retry { wait: s(2), free: true }),
        (asking(403, s(0)), &busy, Retry { wait: Duration::from_millis(100), free: false }),
        (status(200), &busy, Retry { wait: s(60), free: true }),
        (status(200), &passing, Retry { wait: Duration::from_millis(500), free: false }),
        (status(200), &denied, fail(Class::Denied)),
        (asking(429, s(1)), &broke, fail(Class::Transient)),
    ] {
        assert_eq!(
            decide(&TERMS, 1, 0, outcome, Some(verdict), s(0), 1.0),
            expected,
            "{outcome:?} {verdict:?}"
        );
    }
}

#[test]
fn the_wait_for_a_limit_that_names_no_time_doubles() {
    let limited = Verdict::Limited { first_wait: s(60) };
    let free = |wait| Retry { wait, free: true };
    for (attempt, earlier, outcome, spent, expected) in [
        (1, 0, status(403), s(0), free(s(60))),
        (2, 1, status(403), s(60), free(s(120))),
        (3, 2, status(403), s(180), GiveUp { retry_in: Some(s(240)) }),
        // An attempt that failed for another reason was no wait for the limit.
        (4, 0, status(429), s(0), free(s(60))),
        (2, 1, asking(403, s(7)), s(60), free(s(7))),
        (2, 1, asking(403, s(0)), s(60), Retry { wait: Duration::from_millis(100), free: false }),
        (
            99,
            98,
            status(403),
            s(0),
            GiveUp { retry_in: Some(Duration::from_secs(60).saturating_mul(u32::MAX)) },
        ),
    ] {
        let decision = decide(&TERMS, attempt, earlier, outcome, Some(&limited), spent, 1.0);
        assert_eq!(decision, expected, "{attempt} {outcome:?}");
    }
}

#[test]
fn attempts_that_cost_no_retry_are_not_counted() {
    let wait = Duration::from_secs(30);
    for (attempt, free, expected) in
        [(8, 3, Retry { wait, free: false }), (9, 3, SPENT), (9, 8, Retry { wait, free: false })]
    {
        assert_eq!(decide(&TERMS, attempt, free, status(503), None, s(0), 1.0), expected, "{attempt} {free}");
    }
}

#[test]
fn retry_after_in_all_its_forms() {
    let now = SystemTime::UNIX_EPOCH + s(784_111_777);
    let at = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (value, date, expected) in [
        ("120", None, Some(s(120))),
        (" 0 ", None, Some(s(0))),
        ("99999999999999999999", None, Some(s(u64::MAX))),
        ("Sun, 06 Nov 1994 08:50:37 GMT", None, Some(s(60))),
        // The server's clock is wrong by an hour; the wait is not.
        ("Sun, 06 Nov 1994 09:50:37 GMT", Some("Sun, 06 Nov 1994 09:49:37 GMT"), Some(s(60))),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some("garbage"), Some(s(60))),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(at), Some(s(60))),
        (at, None, Some(s(0))),
        ("Sat, 05 Nov 1994 08:49:37 GMT", None, Some(s(0))),
        ("", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", Some(at), None),
    ] {
        assert_eq!(retry_after(value, date, now), expected, "{value:?}");
    }
}
