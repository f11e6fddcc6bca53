use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn span(since: Option<&str>, until: Option<&str>) -> Span {
    Span::of(Window { since: since.map(at), until: until.map(at) })
}

#[test]
fn a_window_is_asked_for_as_whole_seconds_whose_ends_belong_to_it() {
    for (since, until, created) in [
        (None, None, None),
        (Some("2026-11-01T00:00:00Z"), None, Some(">=2026-11-01T00:00:00Z")),
        (Some("2026-11-01T00:00:00.9Z"), None, Some(">=2026-11-01T00:00:00Z")),
        (None, Some("2026-11-01T00:00:00Z"), Some("<=2026-10-31T23:59:59Z")),
        (None, Some("2026-11-01T00:00:00.1Z"), Some("<=2026-11-01T00:00:00Z")),
        (
            Some("2026-11-01T02:00:00+02:00"),
            Some("2026-11-02T00:00:00Z"),
            Some("2026-11-01T00:00:00Z..2026-11-01T23:59:59Z"),
        ),
        (
            Some("2026-11-01T00:00:00Z"),
            Some("2026-11-01T00:00:01Z"),
            Some("2026-11-01T00:00:00Z..2026-11-01T00:00:00Z"),
        ),
    ] {
        assert_eq!(span(since, until).created().as_deref(), created, "{since:?} {until:?}");
    }
}

#[test]
fn halves_touch_and_leave_nothing_out() {
    let now = at("2026-11-01T12:00:00Z");
    let halves = |since, until| {
        span(since, until).halves(now).map(|halves| halves.map(|half| half.created().unwrap()))
    };
    assert_eq!(
        halves(Some("2026-11-01T00:00:00Z"), Some("2026-11-03T00:00:00Z")),
        Some([
            "2026-11-02T00:00:00Z..2026-11-02T23:59:59Z".to_owned(),
            "2026-11-01T00:00:00Z..2026-11-01T23:59:59Z".to_owned()
        ])
    );
    // Without an end, the newer one has none either: what is created meanwhile belongs to it.
    assert_eq!(
        halves(Some("2026-11-01T10:00:00Z"), None),
        Some([">=2026-11-01T11:00:00Z".to_owned(), "2026-11-01T10:00:00Z..2026-11-01T10:59:59Z".to_owned()])
    );
    assert_eq!(
        halves(None, None),
        Some([">=2022-06-02T06:00:00Z".to_owned(), "<=2022-06-02T05:59:59Z".to_owned()])
    );
    assert_eq!(
        halves(None, Some("2018-01-01T00:00:04Z")),
        Some(["2018-01-01T00:00:02Z..2018-01-01T00:00:03Z".to_owned(), "<=2018-01-01T00:00:01Z".to_owned()])
    );
}

#[test]
fn what_cannot_be_halved_ends_it() {
    let now = at("2026-11-01T12:00:00Z");
    for (since, until) in [
        (Some("2026-11-01T00:00:00Z"), Some("2026-11-01T00:00:01Z")),
        // Our clock is behind, or GitHub's list is odd.
        (Some("2026-11-01T12:00:00Z"), None),
        (Some("2027-01-01T00:00:00Z"), None),
        (None, Some("2018-01-01T00:00:01Z")),
        (None, Some("2017-01-01T00:00:00Z")),
    ] {
        assert_eq!(span(since, until).halves(now), None, "{since:?} {until:?}");
    }
    // However it is halved, a span ends at a single second.
    let mut open = span(None, None);
    let mut steps = 0;
    while let Some([newer, _]) = open.halves(now) {
        (open, steps) = (newer, steps + 1);
    }
    assert_eq!((open.created().as_deref(), steps), (Some(">=2026-11-01T12:00:00Z"), 29));
}
