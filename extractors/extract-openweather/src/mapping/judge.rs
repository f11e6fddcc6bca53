//! What replies say of themselves, beside their status.

use std::time::Duration;

use etl_component::Class;
use etl_http::{Reply, Verdict, quote};
use serde_json::Value;

use super::QUOTA_WINDOW;

/// What the service says of itself: `cod` is an integer in some replies and a string in others, and may contradict a
/// status of 200; `message` is a number on success and says nothing then.
pub(crate) fn judge(reply: &Reply) -> Option<Verdict> {
    judged(reply, |body, said| match speaks_of(body, "Invalid API key") {
        true => format!("{said} (a new key takes up to two hours to work)"),
        false => said,
    })
}

/// As [`judge`], for One Call, which has a subscription of its own: without it a key that is good for everything else is
/// refused.
pub(crate) fn judge_one_call(reply: &Reply) -> Option<Verdict> {
    judged(reply, |_, said| {
        format!(
            "{said} (One Call 3.0 needs a subscription of its own, beside the key: openweathermap.org/price)"
        )
    })
}

/// `refused` says what a 401 means.
fn judged(reply: &Reply, refused: impl FnOnce(&Value, String) -> String) -> Option<Verdict> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let code = match &body["cod"] {
        _ if reply.status != 200 => reply.status.to_string(),
        Value::String(code) => code.clone(),
        Value::Number(code) => code.to_string(),
        _ => return None,
    };
    let said = match body["message"].as_str() {
        Some(message) => format!("{code}: {}", quote(message)),
        None if reply.is_html() => code.clone(),
        None => format!("{code}: {}", reply.excerpt()),
    };
    let fail = |class, message| Some(Verdict::Fail { class, message });
    match code.as_str() {
        "200" => None,
        "400" | "404" => fail(Class::Config, said),
        // A blocked account is told so with a 401; the block ends by itself.
        "401" if speaks_of(&body, "temporarily blocked") => {
            Some(Verdict::Fail { class: Class::Transient, message: said })
        }
        "401" => fail(Class::Denied, refused(&body, said)),
        // These the common rules know by their status.
        _ if reply.status != 200 => None,
        "403" => fail(Class::Denied, said),
        "429" => Some(Verdict::Retry { min_wait: QUOTA_WINDOW }),
        code if code.starts_with('5') => Some(Verdict::Retry { min_wait: Duration::ZERO }),
        _ => fail(Class::Protocol, format!("an unknown `cod` {said}")),
    }
}

/// Whether the service's own words have these.
fn speaks_of(body: &Value, words: &str) -> bool {
    body["message"].as_str().is_some_and(|message| message.contains(words))
}
