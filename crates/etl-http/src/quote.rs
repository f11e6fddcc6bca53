//! A server's words in a message.

use etl_component::redact;

/// The usual length of a quotation, in characters.
const USUAL: usize = 200;

/// Somebody else's text as a message may quote it: redacted, on one line, without control characters, and at most 200
/// characters long, after which `…` says that there is more.
pub fn quote(text: &str) -> String {
    quote_up_to(text, USUAL)
}

/// As [`quote`], with another limit, in characters.
pub fn quote_up_to(text: &str, longest: usize) -> String {
    // Text beyond this cannot be shown, and redacting it would only take time.
    let enough = longest.saturating_mul(4).max(64 * 1024);
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() > enough {
            break;
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    // Redacted before it is cut; otherwise half a secret could be left.
    let line = redact(&line);
    let mut rest = line.chars();
    let mut shown: String =
        rest.by_ref().take(longest).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use etl_component::Secret;

    use super::*;

    #[test]
    fn a_quotation_is_one_line_of_at_most_200_characters() {
        for (text, shown) in [
            (" \r\n a \t b\u{2028}c\n".to_owned(), "a b c".to_owned()),
            ("bell\u{7} and esc\u{1b}[0m".to_owned(), "bell\u{fffd} and esc\u{fffd}[0m".to_owned()),
            ("é".repeat(200), "é".repeat(200)),
            ("é".repeat(201), "é".repeat(200) + "…"),
            (String::new(), String::new()),
        ] {
            assert_eq!(quote(&text), shown, "{text:?}");
        }
        assert_eq!(quote_up_to("abcdef", 3), "abc…");
    }

    #[test]
    fn a_secret_is_redacted_before_the_cut_and_on_one_line() {
        Secret::new("quote-sesame  of\ntwo lines");
        let text = format!("{} quote-sesame\nof two lines", "x".repeat(195));
        assert_eq!(quote(&text), format!("{} [red…", "x".repeat(195)));
    }
}
