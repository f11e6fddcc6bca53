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
    let told = |reply: &Reply| format!("{}: {}", reply.status_line(), said(reply));
    match reply.status {
        204 | 413 => Some(Verdict::Accept),
        200 if reply.body.trim_ascii().is_empty() => Some(Verdict::Accept),
        400 | 422 if !reply.is_html() => Some(Verdict::Accept),
        500 if blames_points(reply) => Some(Verdict::Accept),
        401 | 403 => fail(Class::Denied, told(reply)),
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
        400 | 422 | 500 => match named(&body) {
            Some(named) => Answer::Named(named),
            None if reason.contains("partial write") => {
                Answer::Partial { reason, dropped: words(&body).map_or(0, dropped) }
            }
            // Also if `data` has one point, not a list: then nothing of the request is stored.
            None => Answer::Refused(reason),
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
    data.iter()
        .map(|point| Some((usize::try_from(point["line_number"].as_u64()?).ok()?, told(point)?)))
        .collect()
}

/// Reads the reply to a write without points.
///
/// # Errors
/// Why the server accepts no write, in its words.
pub(crate) fn server(reply: &Reply, api: WriteApi) -> Result<Server, String> {
    match answer(reply) {
        Answer::Refused(reason) if api == WriteApi::V1 => Err(reason),
        Answer::Refused(reason) if api == WriteApi::V2 && names_organization(&reason) => Err(reason),
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

/// The reason that InfluxDB 3 gives for one point.
fn told(point: &Value) -> Option<String> {
    point["error_message"].as_str().map(|reason| shortened(&quote_up_to(reason, usize::MAX)))
}

/// Why, in the server's words: the message, and what is said more closely beside it. That is `err` in version 2, and
/// `data` in version 3, for the first of the points that it names.
fn said(reply: &Reply) -> String {
    let body = body(reply);
    let Some(message) = words(&body) else { return reply.excerpt() };
    let closer = body["err"].as_str().filter(|err| !message.contains(err));
    let point = if body["data"].is_array() { &body["data"][0] } else { &body["data"] };
    match closer.or_else(|| point["error_message"].as_str()) {
        Some(closer) => shortened(&quote_up_to(&format!("{message}: {closer}"), usize::MAX)),
        None => shortened(&quote_up_to(message, usize::MAX)),
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
/// were dropped, and which of them was the oldest.
pub(crate) fn core(reason: &str) -> &str {
    let reason = ["partial write: ", "parsing failed for write_lp endpoint: "]
        .iter()
        .find_map(|head| reason.rsplit_once(head))
        .map_or(reason, |(_, rest)| rest);
    let reason = reason.rsplit_once(" dropped=").map_or(reason, |(reason, _)| reason);
    let reason = reason.split_once(" - oldest point ").map_or(reason, |(reason, _)| reason);
    let counted = reason.strip_prefix("dropped ").and_then(|rest| rest.split_once(' '));
    match counted {
        Some((count, rest)) if count.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => reason,
    }
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
        let (start, end) = reason.split_once(" … ").unwrap();
        assert_eq!((start.chars().count(), end.chars().count(), dropped), (160, 160, 2));
        assert!(start.starts_with("partial write: unable to parse 'xx"), "{reason}");
        assert!(end.ends_with("xx': too long dropped=2"), "{reason}");
    }
}
