//! What Slack's answers mean. Pure, so that a table can test it.
//!
//! A webhook answers in plain text, and success is the status 200 with the body `ok`; its refusals are bare names
//! (<https://api.slack.com/messaging/webhooks>). `chat.postMessage` answers in JSON, mostly with the status 200, and
//! success is `"ok":true` (<https://api.slack.com/methods/chat.postMessage>).

use std::time::Duration;

use etl_component::Class;
use etl_http::{Reply, Verdict, quote_up_to};
use serde_json::Value;

/// Refusals of the message itself: the same text without blocks may pass.
const PAYLOAD: [&str; 4] =
    ["invalid_blocks", "invalid_blocks_format", "invalid_payload", "msg_blocks_too_long"];
/// Refusals of the credentials or of what they may do.
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
/// Slack's own trouble, which passes.
const PASSING: [&str; 4] = ["fatal_error", "internal_error", "rollup_error", "service_unavailable"];
const PASSES: Verdict = Verdict::Retry { min_wait: Duration::ZERO };
const LIMITED: [&str; 2] = ["rate_limited", "ratelimited"];
/// What a webhook may say besides.
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
/// A webhook takes a message a second: the wait after a 429 that names none.
pub(crate) const PACE: Duration = Duration::from_secs(1);
/// The longest text of an error that is told, in characters.
const LONGEST_ERROR: usize = 500;

/// What a webhook's answer means; a refusal of the payload is accepted here, for [`refused_payload`] to find.
pub(crate) fn of_webhook(reply: &Reply) -> Option<Verdict> {
    match refused_payload(reply) {
        Some(_) => Some(Verdict::Accept),
        None => last_of_webhook(reply),
    }
}

/// What a webhook's answer means when there is no other form of the message left.
pub(crate) fn last_of_webhook(reply: &Reply) -> Option<Verdict> {
    match named(reply) {
        Some(verdict) => Some(verdict),
        None if reply.status == 200 && reply.body == b"ok" => Some(Verdict::Accept),
        None => odd(reply, "`ok` is expected"),
    }
}

/// What an answer of `chat.postMessage` means; a refusal of the payload is accepted here, for [`refused_payload`] to find.
pub(crate) fn of_api(reply: &Reply) -> Option<Verdict> {
    match refused_payload(reply) {
        Some(_) => Some(Verdict::Accept),
        None => last_of_api(reply),
    }
}

/// What an answer of `chat.postMessage` means when there is no other form of the message left.
pub(crate) fn last_of_api(reply: &Reply) -> Option<Verdict> {
    match named(reply) {
        Some(verdict) => Some(verdict),
        None if reply.status == 200 && body(reply)["ok"] == true => Some(Verdict::Accept),
        None => odd(reply, "JSON with `ok` is expected"),
    }
}

/// The name of the error, if Slack refused the payload and not the sender.
pub(crate) fn refused_payload(reply: &Reply) -> Option<String> {
    name(reply).filter(|name| reply.status < 500 && PAYLOAD.contains(&name.as_str()))
}

/// The verdict on an answer that names its error.
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

/// The error that an answer names: in JSON any, in plain text one that Slack is known to name.
fn name(reply: &Reply) -> Option<String> {
    let body = body(reply);
    if body["ok"] == false {
        return body["error"].as_str().map(str::to_owned);
    }
    let text = str::from_utf8(&reply.body).ok()?.trim();
    let known = [&PAYLOAD[..], &DENIED, &PASSING, &LIMITED, &REFUSED];
    known.into_iter().flatten().find(|name| **name == text).map(|name| (*name).to_owned())
}

/// The body as JSON, null if it is none. Read leniently: an odd detail must not make a refusal of a message that is posted.
fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// An answer of no documented shape, which Slack itself has hardly sent; the statuses that pass, and those of
/// credentials, mean what they always do.
fn odd(reply: &Reply, expected: &str) -> Option<Verdict> {
    match reply.status {
        // Behind Slack's balancers 501 and 505 pass like the rest.
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

/// `404: no_service`, with what Slack says besides.
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
