//! What the replies to a write mean.
//!
//! InfluxDB 1: <https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint>; 2:
//! <https://docs.influxdata.com/influxdb/v2/write-data/troubleshoot/>; 3:
//! <https://docs.influxdata.com/influxdb3/core/write-data/http-api/v3-write-lp/#partial-writes>. A 400 or 422 may refuse the whole request or only
//! some of its points, one of which it names.

use etl_component::Class;
use etl_http::{Reply, Verdict, quote_up_to};
use serde_json::Value;

use crate::settings::WriteApi;

/// What is known of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// Whether it is known to read a string to its closing quote, even if that is on another line.
    pub(crate) whole_strings: bool,
    /// Whether it is VictoriaMetrics.
    pub(crate) victoria: bool,
}

/// What became of the points of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All are stored.
    Stored,
    /// The request is too large.
    TooLarge(String),
    /// Some are refused, and the others are stored.
    Partial {
        /// Why one of them is refused, in the server's words.
        reason: String,
        /// How many are refused, at least: points of other shards, and lines that cannot be read, may be missing from it.
        dropped: usize,
    },
    /// These are refused, by their position in the request from 1, each with the server's reason; the others are stored.
    Named(Vec<(usize, String)>),
    /// This one is refused, by its position from 1, and because of it nothing is stored.
    One(usize, String),
    /// Some are refused, or all. The others may not be stored.
    Refused(String),
}

/// What a server says of points even if its status blames itself: InfluxDB 2 replies 500 to some of them.
const OF_POINTS: [&str; 6] = [
    "partial write: ",
    "field type conflict",
    "unable to parse",
    "outside retention policy",
    "beyond retention policy",
    "max-values-per-tag limit exceeded",
];

/// InfluxDB 3 names at most so many points; a list as long as this may not be the whole one
/// (<https://docs.influxdata.com/influxdb3/clustered/write-data/troubleshoot/>).
const MOST_NAMED: usize = 100;

/// Accepts what [`answer`] understands, and says what is wrong with other replies; retries are left to the common rules.
pub(crate) fn classify(reply: &Reply) -> Option<Verdict> {
    let fail = |class, message| Some(Verdict::Fail { class, message });
    let told = |reply: &Reply| format!("{}: {}", reply.status_line(), shortened(&said(reply)));
    match reply.status {
        204 | 413 => Some(Verdict::Accept),
        200 if reply.body.trim_ascii().is_empty() => Some(Verdict::Accept),
        400 | 422 if !reply.is_html() => Some(Verdict::Accept),
        500 if blames_points(reply) => Some(Verdict::Accept),
        // InfluxDB 3 in a cluster (`RetentionError` of its router).
        403 if is_too_old(&said(reply)) => Some(Verdict::Accept),
        401 | 403 => fail(Class::Denied, told(reply)),
        411 => {
            let hint = " (load-influx sends every request with its length, so a proxy on the way drops it: let the \
                        proxy buffer requests, or give --url the server itself)";
            fail(Class::Config, told(reply) + hint)
        }
        404 if reply.body.starts_with(b"{") => {
            let hint = if lacks_database(reply) { " (--create creates it)" } else { "" };
            fail(Class::Config, told(reply) + hint)
        }
        404 => fail(Class::Config, told(reply) + " (check --url and --api)"),
        0..=400 | 422 => {
            let what = if reply.is_html() { "an HTML page" } else { "an unexpected reply" };
            let message =
                format!("{}: {what}, but InfluxDB replies to a write with 204", reply.status_line());
            fail(Class::Protocol, message)
        }
        _ => None,
    }
}

/// Reads a reply that [`classify`] accepted.
pub(crate) fn answer(reply: &Reply) -> Answer {
    let body = body(reply);
    let reason = said(reply);
    match reply.status {
        413 => Answer::TooLarge(reason),
        400 | 403 | 422 | 500 => match (named(&body), one(&body)) {
            (Some(named), _) => Answer::Named(named),
            (None, Some((place, reason))) => Answer::One(place, reason),
            (None, None) if reason.contains("partial write") => {
                let dropped = words(&body).filter(|_| !is_mixed(&reason)).map_or(0, dropped);
                Answer::Partial { reason, dropped }
            }
            (None, None) => Answer::Refused(reason),
        },
        _ => Answer::Stored,
    }
}

/// The number in the last `dropped=5` of a message. What follows it depends on the version: nothing, `(max 7)`, or the
/// database and its retention policy.
fn dropped(message: &str) -> usize {
    let count = message.match_indices("dropped=").filter(|&(at, _)| {
        // Otherwise it is in a name, or in a value.
        message[..at].ends_with(char::is_whitespace)
    });
    let digits = count.last().map_or("", |(at, mark)| {
        let rest = &message[at + mark.len()..];
        &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()]
    });
    digits.parse().unwrap_or(0)
}

/// All refused points, if InfluxDB 3 names them: `{"error": …, "data": [{"line_number": 2, "error_message": …}]}`.
fn named(body: &Value) -> Option<Vec<(usize, String)>> {
    let data = body["data"].as_array().filter(|data| (1..MOST_NAMED).contains(&data.len()))?;
    data.iter().map(point).collect()
}

/// The refused point, if InfluxDB 3 names only one, not in a list.
fn one(body: &Value) -> Option<(usize, String)> {
    point(&body["data"])
}

/// A point that InfluxDB 3 names, and its reason.
fn point(point: &Value) -> Option<(usize, String)> {
    let reason = point["error_message"].as_str()?;
    let place = usize::try_from(point["line_number"].as_u64()?).ok()?;
    Some((place, quote_up_to(reason, usize::MAX)))
}

/// Reads the reply to a write without points.
///
/// # Errors
/// Why the server accepts no write, in its words.
pub(crate) fn server(reply: &Reply, api: WriteApi) -> Result<Server, String> {
    match answer(reply) {
        Answer::Refused(reason) if api == WriteApi::V1 => Err(shortened(&reason)),
        Answer::Refused(reason) if api == WriteApi::V2 && names_organization(&reason) => {
            Err(shortened(&reason))
        }
        // Version 2 replies 400 to a write without points, but only once it has found the bucket and checked the token.
        _ => Ok(Server {
            // InfluxDB 1 and 2 name their build; other servers do not, even if they name a version.
            whole_strings: reply.header("x-influxdb-build").is_some(),
            victoria: reply.header("x-server-hostname").is_some(),
        }),
    }
}

/// Reads the reply to CREATE DATABASE
/// (<https://docs.influxdata.com/influxdb/v1/tools/api/#query-http-endpoint>).
///
/// # Errors
/// Why the database was not created, in the server's words.
pub(crate) fn created(reply: &Value) -> Result<(), &str> {
    match reply["results"][0]["error"].as_str().or_else(|| reply["error"].as_str()) {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// Whether a 404 of version 1 is about the database: `database not found: "weather"`.
fn lacks_database(reply: &Reply) -> bool {
    said(reply).contains("database not found")
}

/// Whether version 2 refuses the organization: `please provide either orgID or org`.
fn names_organization(reason: &str) -> bool {
    reason.to_lowercase().contains("org")
}

/// Whether a 500 is about points.
fn blames_points(reply: &Reply) -> bool {
    let body = body(reply);
    words(&body).is_some_and(|words| OF_POINTS.iter().any(|word| words.contains(word)))
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// The message of an error: `error` in version 1 and 3, `message` in version 2.
fn words(body: &Value) -> Option<&str> {
    body["message"].as_str().or_else(|| body["error"].as_str())
}

/// Why, in the server's words: the message, and what is said more closely beside it. That is `err` in version 2, and
/// `data` in version 3, for the first of the points that it names.
fn said(reply: &Reply) -> String {
    let body = body(reply);
    let Some(message) = words(&body) else { return reply.excerpt() };
    let closer = body["err"].as_str().filter(|err| !message.contains(err));
    let point = if body["data"].is_array() { &body["data"][0] } else { &body["data"] };
    match closer.or_else(|| point["error_message"].as_str()) {
        Some(closer) => quote_up_to(&format!("{message}: {closer}"), usize::MAX),
        None => quote_up_to(message, usize::MAX),
    }
}

/// Both ends of a message, which may quote a whole line; the count is at its end.
fn shortened(message: &str) -> String {
    const HALF: usize = 160;
    let count = message.chars().count();
    if count <= 2 * HALF {
        return message.to_owned();
    }
    let (start, end): (String, String) =
        (message.chars().take(HALF).collect(), message.chars().skip(count - HALF).collect());
    format!("{start} … {end}")
}

/// The reason without what all reasons have in common, and without what differs from request to request: how many points
/// were dropped, which of them was the oldest, and when the server looked at its clock.
pub(crate) fn core(reason: &str) -> String {
    let reason = tail(reason);
    let reason = reason.rsplit_once(" dropped=").map_or(reason, |(reason, _)| reason);
    let reason = reason.split_once(" - oldest point ").map_or(reason, |(reason, _)| reason);
    let reason = match reason.strip_prefix("dropped ") {
        Some(counts) => uncounted(counts),
        None => reason.to_owned(),
    };
    if !is_too_old(&reason) {
        return shortened(&reason);
    }
    let words = reason.split(' ').map(|word| if is_instant(word) { "…" } else { word });
    shortened(&words.collect::<Vec<_>>().join(" "))
}

/// What comes after the words that all reasons begin with.
fn tail(reason: &str) -> &str {
    let heads = ["partial write: ", "parsing failed for write_lp endpoint: "];
    heads.iter().find_map(|head| reason.split_once(head)).map_or(reason, |(_, rest)| rest)
}

/// `4 points outside A and 0 points outside B` without the counts, and without what is counted as 0.
fn uncounted(text: &str) -> String {
    let parts = text.split(" and ").filter(|part| !part.starts_with("0 "));
    let parts = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start());
    parts.collect::<Vec<_>>().join(" and ")
}

/// Whether a point is refused because it is older than the server keeps points: in the words of InfluxDB 1 and 2, which
/// are others since 1.12 and 2.7.12, or of 3. What is outside a write window may as well be too new.
pub(crate) fn is_too_old(reason: &str) -> bool {
    let words = tail(reason);
    let words = uncounted(words.strip_prefix("dropped ").unwrap_or(words));
    let is_one = ["points beyond retention policy", "points outside retention policy"]
        .iter()
        .any(|head| words.starts_with(head));
    is_one && !words.contains("write window")
        || words.contains("outside of the retention period") && !words.contains("unable to parse")
}

/// Whether points are refused for two reasons at once, each of them for one.
fn is_mixed(reason: &str) -> bool {
    let reason = core(reason);
    ["points outside retention policy", " and points outside", "write window"]
        .iter()
        .all(|words| reason.contains(words))
}

/// The field that a reason is about: `input field "n" on measurement …` or `column 'n'`.
pub(crate) fn field(reason: &str) -> Option<&str> {
    [("input field \"", '"'), ("for column '", '\'')].iter().find_map(|&(head, end)| {
        let (_, rest) = reason.split_once(head)?;
        rest.split_once(end).map(|(field, _)| field)
    })
}

/// Whether a word starts with a date and a `T`.
fn is_instant(word: &str) -> bool {
    let shape = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    word.bytes().map(shape).take(11).eq(*b"0000-00-00T")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let (fetched_at, host) = ("2026-11-23T00:00:00Z".parse().unwrap(), "influx".to_owned());
        Reply { status, headers: Vec::new(), body: body.into(), fetched_at, host, redirect: None }
    }

    #[test]
    fn what_is_missing_is_told_with_what_may_help() {
        for (body, message) in [
            (
                r#"{"error":"database not found: \"d\""}"#,
                "404 Not Found: database not found: \"d\" (--create creates it)",
            ),
            (r#"{"code":"not found","message":"no bucket"}"#, "404 Not Found: no bucket"),
            ("page", "404 Not Found: page (check --url and --api)"),
        ] {
            let message = message.to_owned();
            assert_eq!(classify(&reply(404, body)), Some(Verdict::Fail { class: Class::Config, message }));
        }
    }

    #[test]
    fn of_a_long_message_both_ends_are_told() {
        let line = "x".repeat(5000);
        let body = format!(r#"{{"error":"partial write: unable to parse '{line}':\n too  long dropped=2"}}"#);
        let Answer::Partial { reason, dropped } = answer(&reply(400, &body)) else { panic!("no part") };
        let reason = core(&reason);
        let (start, end) = reason.split_once(" … ").unwrap();
        assert_eq!((start.chars().count(), end.chars().count(), dropped), (160, 160, 2));
        assert!(start.starts_with("unable to parse 'xx"), "{reason}");
        assert!(end.ends_with("xx': too long"), "{reason}");
    }

    #[test]
    fn what_is_too_old_is_known_by_every_servers_words() {
        let bound = "dropped because it violates a Retention Policy Lower Bound at 2026-11-26T09:00:00.1Z";
        let points = format!(
            "oldest point m,t=a at 2020-01-01T00:00:00Z {bound}, newest point m at 2020-01-02T00:00:00Z {bound}"
        );
        let now = format!(
            "partial write: dropped 12 points outside retention policy of duration 24h0m0s - {points} dropped=12"
        );
        let outside = "points outside retention policy of duration 24h0m0s";
        for (reason, said) in [
            (
                "partial write: points beyond retention policy dropped=3".to_owned(),
                "points beyond retention policy",
            ),
            (now.clone(), outside),
            (
                format!(
                    "failure writing points to database: {now} for database: 9f for retention policy: autogen"
                ),
                outside,
            ),
            (now.replace(" - ", " and 0 points outside write window (…) - "), outside),
            (
                "data in table m is outside of the retention period: minimum acceptable timestamp is \
                 2026-11-26T09:00:00+00:00, but observed timestamp 2020-01-01T00:00:00+00:00 is older."
                    .to_owned(),
                "data in table m is outside of the retention period: minimum acceptable timestamp is … but observed \
                 timestamp … is older.",
            ),
        ] {
            assert!(is_too_old(&reason) && is_too_old(&core(&reason)), "{reason}");
            assert_eq!(core(&reason), said);
        }
        let both = now.replace(" - ", " and 3 points outside write window (…) - ");
        for reason in [
            both.as_str(),
            "partial write: points beyond retention policy or outside permissible write window dropped=1",
            "partial write: dropped 0 points outside retention policy of duration 1h0m0s and 2 points outside write window",
            "unable to parse 'm s=\"points beyond retention policy\"': missing quote",
            "unable to parse 'is outside of the retention period'",
        ] {
            assert!(!is_too_old(reason) && !is_too_old(&core(reason)), "{reason}");
        }
        // Each of the twelve is refused for one of the two reasons.
        let body = serde_json::json!({ "error": both }).to_string();
        assert_eq!(answer(&reply(400, &body)), Answer::Partial { reason: both, dropped: 0 });
    }

    #[test]
    fn the_field_that_is_refused_is_named() {
        let conflict = r#"field type conflict: input field "n" on measurement "m" is type integer, already exists as type string"#;
        assert_eq!(field(conflict), Some("n"));
        assert_eq!(field("invalid column type for column 'at 2', expected iox::…, got iox::…"), Some("at 2"));
        assert_eq!(field("no fields"), None);
    }
}
