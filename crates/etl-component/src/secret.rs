//! Secrets, and keeping them out of everything that is printed.
//!
//! Every [`Secret`] registers its value for the life of the process; [`redact`] replaces the registered values in a
//! text. Logs, the closing line on stderr, `abort` lines, panics and `--describe` all pass through it.

use std::fmt;
use std::sync::Mutex;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A secret in a query string is encoded in all but RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A part of an address that is at least this long may be a secret by itself,
const SHORTEST_PART: usize = 8;
/// and so may the last segment of its path if it is at least this long,
const SHORTEST_LAST: usize = 4;
/// unless it is one of these words, which would be blotted out wherever they occur.
const WORDS: [&str; 8] = ["api", "hook", "hooks", "services", "triggers", "webhook", "webhooks", "workflows"];

/// A shorter secret is replaced only where it is a word of its own. Replaced within words it would garble every message,
/// and the gaps would show what it is.
const SHORTEST_HIDDEN: usize = 6;

/// What is printed in place of a secret.
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

    /// Whether it is too short to be hidden within longer words.
    pub(crate) fn is_short(&self) -> bool {
        self.0.len() < SHORTEST_HIDDEN
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

fn register(value: &str) {
    let trimmed = value.trim();
    if trimmed.is_empty() {
        return;
    }
    // As it is, as it is used, and as it is quoted on one line.
    let mut values = vec![value.to_owned(), trimmed.to_owned(), one_line(trimmed)];
    values.extend(parts(trimmed).into_iter().flat_map(|part| {
        let decoded = percent_decode_str(part).decode_utf8_lossy().into_owned();
        [part.to_owned(), decoded]
    }));
    let mut known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for form in values.iter().flat_map(|value| forms(value)) {
        if !known.contains(&form) {
            known.push(form);
        }
    }
    // The longest first: a secret that contains another must not leave its rest behind.
    known.sort_by_key(|form| std::cmp::Reverse(form.len()));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value as written in a text, a query string, JSON and HTML.
fn forms(value: &str) -> [String; 4] {
    let json = serde_json::Value::from(value).to_string();
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    [
        value.to_owned(),
        utf8_percent_encode(value, QUERY).to_string(),
        json[1..json.len() - 1].to_owned(),
        html,
    ]
}

/// What is secret in a web address that is a secret, as a webhook's is: its path, and the parts that may be a secret by
/// themselves, because other programs quote parts.
fn parts(url: &str) -> Vec<&str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let Some((_, target)) = rest.split_once('/') else { return Vec::new() };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Vec::new();
    }
    let path = target.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let long = target.split(['/', '?', '&', '=', '#', '@']).chain([target.trim_matches('/'), path]);
    let long = long.filter(|part| part.len() >= SHORTEST_PART);
    long.chain((last.len() >= SHORTEST_LAST).then_some(last))
        .filter(|part| !WORDS.contains(&part.to_ascii_lowercase().as_str()))
        .collect()
}

/// The text with every registered secret, also percent-encoded, escaped as JSON or HTML or in another case (as in a
/// host name), replaced by `[redacted]`. If a secret is a web address, its path and the parts of it are secret, too.
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
        let end = at + secret.len();
        let within = lower[..at].ends_with(is_of_word) || lower[end..].starts_with(is_of_word);
        if secret.len() < SHORTEST_HIDDEN && within {
            continue;
        }
        out += &text[rest..at];
        out += REDACTED;
        rest = end;
    }
    out + &text[rest..]
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
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

    #[test]
    fn a_short_secret_is_replaced_only_as_a_word() {
        Secret::new("qx7");
        let text = "qx7: Basic qx7, qx7ed, Xqx7, \"qx7\" and QX7/qx7_";
        let hidden = "[redacted]: Basic [redacted], qx7ed, Xqx7, \"[redacted]\" and [redacted]/qx7_";
        assert_eq!(redact(text), hidden);
        assert!(Secret::new("qx7pw").is_short() && !Secret::new("qx7pwd").is_short());
    }

    #[test]
    fn white_space_around_a_secret_hides_nothing() {
        for (value, printed) in [
            ("blank-sesame-1\n\n", "blank-sesame-1"),
            ("\t blank-sesame-2 \t", "blank-sesame-2"),
            (" blank  sesame\n3 ", "blank  sesame\n3"),
            (" blank  sesame\n4 ", "blank sesame 4"),
        ] {
            Secret::new(value);
            assert_eq!(redact(&format!("<{printed}>")), "<[redacted]>", "{value:?}");
        }
        Secret::new(" \n");
        assert_eq!(redact("a \n b"), "a \n b");
    }

    #[test]
    fn what_is_secret_in_an_address() {
        for (url, secret) in [
            (
                "https://hooks.example/services/T0AAAAAAA/B0/XXXXXXXX",
                &["T0AAAAAAA", "XXXXXXXX", "services/T0AAAAAAA/B0/XXXXXXXX"][..],
            ),
            ("HTTPS://hooks.example/workflows/abcd/", &["workflows/abcd", "abcd"]),
            ("https://hooks.example/Services/abc/hook", &["Services/abc/hook"]),
            ("https://hooks.example/services/abc", &["services/abc"]),
            ("https://hooks.example/secretword/v1", &["secretword", "secretword/v1"]),
            ("https://h/x?token=abcdefgh", &["abcdefgh", "x?token=abcdefgh"]),
            ("https://hooks.example/webhooks", &[]),
            ("https://hooks.example", &[]),
            ("postgres://host/database", &[]),
            ("no/address/whatever", &[]),
        ] {
            let mut found = parts(url);
            found.sort_unstable();
            found.dedup();
            let mut expected = secret.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn parts_of_an_address_are_replaced_decoded_too() {
        Secret::new("https://h.example/services/T7/a%2Bsesame%26b \n");
        for text in ["/services/T7/a%2Bsesame%26b", "/services/T7/a+sesame&b", "/services/T7/a+sesame&amp;b"]
        {
            assert_eq!(redact(text), "/[redacted]");
        }
        assert_eq!(redact("key A+SESAME&B, a%2bsesame%26b"), "key [redacted], [redacted]");
    }
}
