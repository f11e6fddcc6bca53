//! What the service says of itself. All its errors come with the status 200, so that only their words tell them apart, and
//! some have the words of others: what asks for slower requests also has those of the daily limit, and both advertise
//! the premium plans.

use std::time::Duration;

use etl_component::Class;
use etl_extract::new_york;
use etl_http::{Reply, Verdict, quote};
use jiff::Timestamp;
use serde_json::Value;

use crate::args::KEY;

/// The keys that the words of an error come under.
const KEYS: [&str; 5] = ["Information", "Note", "Error Message", "message", "detail"];

/// The free plan's request a second.
const SECOND: Duration = Duration::from_secs(1);

/// The window of the older limit by the minute.
const MINUTE: Duration = Duration::from_secs(60);

/// Judges a reply by its words; a list under `data` is a success, whatever else it says.
pub(crate) fn judge(reply: &Reply) -> Option<Verdict> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if body["data"].is_array() {
        return None;
    }
    let words = KEYS.iter().find_map(|key| body[key].as_str())?;
    let says = |parts: &[&str]| {
        let words = words.to_ascii_lowercase();
        parts.iter().any(|part| words.contains(part))
    };
    let fail = |class, hint: &str| {
        let said = quote(words);
        let hint = if hint.is_empty() { String::new() } else { format!(" ({hint})") };
        Some(Verdict::Fail { class, message: format!("{said}{hint}") })
    };
    // The order matters: see above.
    if says(&["per second", "spreading out"]) {
        return Some(Verdict::Limited { first_wait: SECOND });
    }
    if says(&["per minute", "call frequency", "call volume"]) {
        return Some(Verdict::Retry { min_wait: MINUTE });
    }
    if says(&["per day", "daily"]) {
        return Some(Verdict::Retry { min_wait: until_tomorrow(reply.sent_at()) });
    }
    let key = KEY.name;
    if says(&["premium endpoint"]) {
        return fail(Class::Denied, &format!("the plan of {key} does not include it"));
    }
    if says(&["apikey is invalid", "api key is invalid", "demo"]) {
        return fail(Class::Denied, &format!("the key is that of {key}"));
    }
    if says(&["invalid api call"]) {
        return fail(Class::Config, "does the service still have this maturity and interval?");
    }
    match reply.status {
        200 => fail(Class::Protocol, ""),
        406 => fail(Class::Config, "does a proxy change the header Accept?"),
        _ => None,
    }
}

/// How long the daily limit lasts. The service does not say when its day ends; that of New York, where it is at home in
/// the United States, ends after that of Greenwich, so nobody comes back too early.
fn until_tomorrow(now: Timestamp) -> Duration {
    let zone = new_york();
    let tomorrow = zone.to_datetime(now).date().tomorrow();
    let midnight = tomorrow.and_then(|day| zone.to_timestamp(day.at(0, 0, 0, 0)));
    let wait = midnight.map(|midnight| midnight.duration_since(now));
    wait.ok().and_then(|wait| wait.try_into().ok()).unwrap_or(24 * 60 * MINUTE)
}

#[cfg(test)]
mod tests;
