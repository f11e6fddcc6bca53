//! What the replies to a write mean.
//!
//! InfluxDB 1: <https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint>; 2:
//! <https://docs.influxdata.com/influxdb/v2/write-data/troubleshoot/>. A 400 or 422 may refuse the whole request or only
//! some of its points, one of which it names.

use etl_component::Class;
use etl_http::{Reply, Verdict, quote_up_to};
use serde_json::Value;

use crate::settings::WriteApi;

/// What is known of a server.
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
    /// Some are refused, or all. The others may not be stored.
    Refused(String),
}

/// Accepts what [`answer`] understands, and says what is wrong with other replies; retries are left to the common rules.
pub(crate) fn classify(reply: &Reply) -> Option<Verdict> {
    let fail = |class, message| Some(Verdict::Fail { class, message });
    let told = |reply: &Reply| format!("{}: {}", reply.status_line(), said(reply));
    match reply.status {
        204 | 413 => Some(Verdict::Accept),
        200 if reply.body.trim_ascii().is_empty() => Some(Verdict::Accept),
        400 | 422 if !reply.is_html() => Some(Verdict::Accept),
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
    let reason = said(reply);
    match reply.status {
        413 => Answer::TooLarge(reason),
        400 | 422 if reason.contains("partial write") => {
            let dropped = reason.rsplit_once("dropped=").and_then(|(_, count)| count.trim().parse().ok());
            Answer::Partial { reason, dropped: dropped.unwrap_or(0) }
        }
        400 | 422 => Answer::Refused(reason),
        _ => Answer::Stored,
    }
}

/// Reads the reply to a write without points.
///
/// # Errors
/// Why the server accepts no write, in its words.
pub(crate) fn server(reply: &Reply, api: WriteApi) -> Result<Server, String> {
    match answer(reply) {
        Answer::Refused(reason) if api == WriteApi::V1 || names_organization(&reason) => Err(reason),
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

/// The message of an error: `error` in version 1, `message` in version 2.
fn said(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    match body["message"].as_str().or_else(|| body["error"].as_str()) {
        Some(message) => shortened(&quote_up_to(message, usize::MAX)),
        None => reply.excerpt(),
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

/// The reason without what all reasons have in common.
pub(crate) fn core(reason: &str) -> &str {
    let reason = reason.rsplit_once("partial write: ").map_or(reason, |(_, rest)| rest);
    reason.rsplit_once(" dropped=").map_or(reason, |(reason, _)| reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let (fetched_at, host) = ("2026-11-23T00:00:00Z".parse().unwrap(), "influx".to_owned());
        Reply { status, headers: Vec::new(), body: body.into(), fetched_at, host }
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
