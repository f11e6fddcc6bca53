//! What Slack's replies mean: pure functions, so that a table can test them.
//!
//! A webhook replies in plain text. Success is status 200 with the body `ok`; a refusal is the bare name of an error
//! (<https://api.slack.com/messaging/webhooks>). `chat.postMessage` replies in JSON, mostly with status 200, and success
//! is `"ok":true` (<https://api.slack.com/methods/chat.postMessage>).

use std::time::Duration;

use etl_component::Class;
use etl_http::{Reply, Verdict, quote_up_to};
use serde_json::Value;

/// Refusals of the message itself: the same text without blocks may be accepted.
const PAYLOAD: [&str; 4] =
    ["invalid_blocks", "invalid_blocks_format", "invalid_payload", "msg_blocks_too_long"];
/// Refusals of the credentials, or of what they permit.
const DENIED: [&str; 9] = [
    "account_inactive",
    "invalid_auth",
    "invalid_token",
    "missing_scope",
    "no_permission",
    "not_authed",
    "not_allowed_token_type",
    "token_expired",
    "token_revoked",
];
/// Problems of Slack's own, which pass.
const PASSING: [&str; 4] = ["fatal_error", "internal_error", "rollup_error", "service_unavailable"];
const PASSES: Verdict = Verdict::Retry { min_wait: Duration::ZERO };
const LIMITED: [&str; 2] = ["rate_limited", "ratelimited"];
/// The other errors that a webhook may name.
const REFUSED: [&str; 22] = [
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_channel",
    "is_archived",
    "missing_text_or_fallback_or_attachments",
    "msg_too_long",
    "no_active_hooks",
    "no_channel",
    "no_service",
    "no_service_id",
    "no_team",
    "no_text",
    "not_in_channel",
    "posting_to_general_channel_denied",
    "restricted_action",
    "team_disabled",
    "team_not_found",
    "too_many_attachments",
    "too_many_blocks",
    "user_not_found",
    "invalid_attachments",
];
/// A webhook accepts one message per second, so this is how long to wait after a 429 that does not say.
pub(crate) const PACE: Duration = Duration::from_secs(1);
/// The longest text of an error that is reported, in characters.
const LONGEST_ERROR: usize = 500;

/// What a webhook's reply means. A refusal of the payload is accepted here, for [`refused_payload`] to find.
pub(crate) fn of_webhook(reply: &Reply) -> Option<Verdict> {
    match refused_payload(reply) {
        Some(_) => Some(Verdict::Accept),
        None => last_of_webhook(reply),
    }
}

/// What a webhook's reply means when the message cannot be sent in another form.
pub(crate) fn last_of_webhook(reply: &Reply) -> Option<Verdict> {
    match named(reply) {
        Some(verdict) => Some(verdict),
        None if reply.status == 200 && reply.body == b"ok" => Some(Verdict::Accept),
        None => odd(reply, "`ok` is expected"),
    }
}

/// What a reply of `chat.postMessage` means. A refusal of the payload is accepted here, for [`refused_payload`] to find.
pub(crate) fn of_api(reply: &Reply) -> Option<Verdict> {
    match refused_payload(reply) {
        Some(_) => Some(Verdict::Accept),
        None => last_of_api(reply),
    }
}

/// What a reply of `chat.postMessage` means when the message cannot be sent in another form.
pub(crate) fn last_of_api(reply: &Reply) -> Option<Verdict> {
    match named(reply) {
        Some(verdict) => Some(verdict),
        None if reply.status == 200 && body(reply)["ok"] == true => Some(Verdict::Accept),
        None => odd(reply, "JSON with `ok` is expected"),
    }
}

/// The name of the error, if Slack refused the payload rather than the sender.
pub(crate) fn refused_payload(reply: &Reply) -> Option<String> {
    name(reply).filter(|name| reply.status < 500 && PAYLOAD.contains(&name.as_str()))
}

/// The verdict on a reply that names its error.
fn named(reply: &Reply) -> Option<Verdict> {
    let name = name(reply)?;
    if LIMITED.contains(&name.as_str()) || reply.status == 429 {
        let asked = body(reply)["retry_after"].as_u64().map(Duration::from_secs);
        return Some(Verdict::Retry { min_wait: asked.unwrap_or(PACE) });
    }
    if reply.status >= 500 {
        return Some(PASSES);
    }
    if PASSING.contains(&name.as_str()) {
        return Some(PASSES);
    }
    let class = if DENIED.contains(&name.as_str()) { Class::Denied } else { Class::Config };
    Some(Verdict::Fail { class, message: told(reply, &name) })
}

/// The error that a reply names: any name in JSON, but in plain text only one that Slack is known to use.
fn name(reply: &Reply) -> Option<String> {
    let body = body(reply);
    if body["ok"] == false {
        return body["error"].as_str().map(str::to_owned);
    }
    let text = str::from_utf8(&reply.body).ok()?.trim();
    let known = [&PAYLOAD[..], &DENIED, &PASSING, &LIMITED, &REFUSED];
    known.into_iter().flatten().find(|name| **name == text).map(|name| (*name).to_owned())
}

/// The body as JSON; null if it is not JSON. It is read leniently, so that an odd detail does not make a message that
/// was posted look refused.
fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// The verdict on a reply in no documented form, which hardly came from Slack itself. Statuses of passing problems and
/// of credentials mean what they always mean.
fn odd(reply: &Reply, expected: &str) -> Option<Verdict> {
    match reply.status {
        // From Slack's load balancers, 501 and 505 pass like the others.
        500.. => return Some(PASSES),
        408 | 425 | 429 => return None,
        401 | 403 | 407 if !reply.is_html() => return None,
        _ => (),
    }
    let what = if reply.is_html() { "a page of HTML".to_owned() } else { format!("{:?}", reply.excerpt()) };
    Some(Verdict::Fail {
        class: Class::Protocol,
        message: format!("{}: {what}, where {expected}", reply.status),
    })
}

/// `404: no_service`, with whatever else Slack says.
fn told(reply: &Reply, name: &str) -> String {
    let body = body(reply);
    let mut text = format!("{}: {name}", reply.status);
    if let Some(needed) = body["needed"].as_str().filter(|needed| !needed.is_empty()) {
        text += &format!(" (needed: {needed})");
    }
    let messages = body["response_metadata"]["messages"].as_array();
    let messages: Vec<&str> = messages.into_iter().flatten().filter_map(Value::as_str).collect();
    if !messages.is_empty() {
        text += &format!(" ({})", messages.join("; "));
    }
    quote_up_to(&text, LONGEST_ERROR)
}

#[cfg(test)]
mod tests;
