//! Secrets, and keeping them out of everything that is printed.
//!
//! Every [`Secret`] registers its value for the life of the process; [`redact`] replaces the registered values in a
//! text. Logs, the closing line on stderr, `abort` lines, panics and `--describe` all pass through it.

use std::fmt;
use std::sync::Mutex;

static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value and registers it with [`redact`].
    pub fn new(value: impl Into<String>) -> Secret {
        let value = value.into();
        register(&value);
        Secret(value)
    }

    /// The value itself, for the wire and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

fn register(value: &str) {
    if value.is_empty() {
        return;
    }
    let json = serde_json::Value::from(value).to_string();
    let forms = [value.to_owned(), percent_encode(value), json[1..json.len() - 1].to_owned()];
    let mut known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for form in forms {
        if !known.contains(&form) {
            known.push(form);
        }
    }
    // The longest first: a secret that contains another must not leave its rest behind.
    known.sort_by_key(|form| std::cmp::Reverse(form.len()));
}

/// The form of a value in a query string (RFC 3986: everything but the unreserved characters encoded).
fn percent_encode(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value.bytes().fold(String::new(), |mut out, byte| {
        if plain(byte) {
            out.push(byte.into())
        } else {
            out.push_str(&format!("%{byte:02X}"))
        }
        out
    })
}

/// The text with every registered secret, also percent-encoded, escaped as JSON or in other case (as a host is written),
/// replaced by `[redacted]`.
pub fn redact(text: &str) -> String {
    let known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    known.iter().fold(text.to_owned(), |text, secret| replace(text, &secret.to_ascii_lowercase()))
}

/// Replaces every occurrence of a lower-case text, whatever the case of its ASCII letters.
fn replace(text: String, secret: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if !lower.contains(secret) {
        return text;
    }
    let (mut out, mut rest) = (String::new(), 0);
    for (at, _) in lower.match_indices(secret) {
        out += &text[rest..at];
        out += REDACTED;
        rest = at + secret.len();
    }
    out + &text[rest..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_in_every_form() {
        let secret = Secret::new("p+ss \"w/rd");
        let text = "https://x/?k=p%2Bss%20%22w%2Frd {\"k\":\"p+ss \\\"w/rd\"} p+ss \"w/rd";
        assert_eq!(redact(text), "https://x/?k=[redacted] {\"k\":\"[redacted]\"} [redacted]");
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    #[test]
    fn a_secret_in_a_host_name_is_found_in_lower_case() {
        Secret::new("KeyInHost42");
        assert_eq!(redact("to keyinhost42.example and KEYINHOST42"), "to [redacted].example and [redacted]");
    }

    #[test]
    fn a_secret_within_a_longer_one_leaves_nothing_behind() {
        Secret::new("abcd1234");
        Secret::new("abcd1234-and-more");
        assert_eq!(redact("x=abcd1234-and-more"), "x=[redacted]");
    }
}
