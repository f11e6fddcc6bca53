//! Slack's mrkdwn as text: escaping, lengths, and cutting where nothing breaks.
//!
//! Lengths are UTF-16 code units. Slack does not say what it counts, but no other count it may mean gives a larger
//! number.

use std::borrow::Cow;

use etl_component::counted;

use unicode_segmentation::UnicodeSegmentation;

/// A link or mention of up to this many bytes, which fits into a section, is not cut; the `<` of a longer one counts as a
/// plain character.
const LONGEST_LINK: usize = 3000;
/// How many bytes of joined characters stay together; a "letter" with a thousand accents is cut all the same.
const LONGEST_CLUSTER: usize = 128;

/// Escapes the characters in data that have a meaning for Slack, `&`, `<` and `>`, and nothing else
/// (<https://api.slack.com/reference/surfaces/formatting>). `<!channel>` in a value then notifies nobody.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Escapes a text as it stands between quotes in JSON.
pub fn escape_json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c < ' ' || matches!(c, '"' | '\\')) {
        return Cow::Borrowed(text);
    }
    let quoted = serde_json::Value::from(text).to_string();
    Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
}

/// The length of a text in UTF-16 code units.
pub fn width(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text, or as much of its start as fits within the limit together with `… (n more characters)`.
pub fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    // The widest that the note can become, since a text has no more characters than bytes.
    let reserved = width(&note(text.len()));
    let end = fitting(text, limit.saturating_sub(reserved));
    Cow::Owned(format!("{}{}", &text[..end], note(characters(&text[end..]))))
}

fn note(rest: usize) -> String {
    format!("… ({})", counted(rest as u64, "more character", "more characters"))
}

/// Cuts a text into parts within the limit, at line ends where possible. Blank parts are left out.
pub fn split(text: &str, limit: usize) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let end = fitting(rest, limit);
        let cut = if end == rest.len() || rest[end..].starts_with('\n') {
            end
        } else {
            rest[..end].rfind('\n').filter(|&at| !rest[..at].trim().is_empty()).unwrap_or(end)
        };
        // A unit that does not fit anywhere must not keep the loop going.
        let cut = if cut == 0 { rest.ceil_char_boundary(1) } else { cut };
        let (part, after) = rest.split_at(cut);
        if !part.trim().is_empty() {
            parts.push(part.trim_matches('\n'));
        }
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    parts
}

/// How many bytes of the text are within the limit, cut between two units.
fn fitting(text: &str, limit: usize) -> usize {
    let (mut at, mut used) = (0, 0);
    while at < text.len() {
        let unit = unit(&text[at..]);
        used += width(unit);
        if used > limit {
            break;
        }
        at += unit.len();
    }
    at
}

/// How many characters a reader sees: an entity counts as one, and so do joined characters.
fn characters(text: &str) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < text.len() {
        let unit = unit(&text[at..]);
        count += if unit.starts_with('<') { unit.chars().count() } else { 1 };
        at += unit.len();
    }
    count
}

/// What must stay whole at the start of a text that is not empty: an entity, a link, or a character with those joined to
/// it.
fn unit(text: &str) -> &str {
    if let Some(entity) = ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| text.starts_with(entity)) {
        return &text[..entity.len()];
    }
    if text.starts_with('<')
        && let Some(end) = text[1..].find(['<', '>', '\n'])
        && end + 2 <= LONGEST_LINK
        && text[1 + end..].starts_with('>')
    {
        return &text[..end + 2];
    }
    let start = &text[..text.floor_char_boundary(LONGEST_CLUSTER)];
    start.graphemes(true).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_slack_names_is_escaped() {
        for (text, escaped) in [
            ("plain *bold* \"quoted\" 'single' /", "plain *bold* \"quoted\" 'single' /"),
            ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
            ("&lt;", "&amp;lt;"),
            ("", ""),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn a_text_within_the_limit_stays() {
        assert_eq!(shorten("abc", 3), "abc");
        // One character of two code units.
        assert_eq!((width("😀"), width("é"), width("€")), (2, 1, 1));
        assert_eq!(shorten("😀", 2), "😀");
    }

    #[test]
    fn a_longer_text_says_how_much_is_missing() {
        let text = "x".repeat(100);
        assert_eq!(shorten(&text, 50), format!("{}… (73 more characters)", "x".repeat(27)));
        for limit in 30..100 {
            assert!(width(&shorten(&text, limit)) <= limit, "{limit}");
        }
    }

    #[test]
    fn nothing_that_belongs_together_is_cut() {
        // Each text is the same unit 30 times, and the limit falls within one of them.
        for (unit, kept) in [
            ("&lt;", 6),
            ("😀", 13),
            ("e\u{301}", 13),
            ("<!here>", 3),
            ("👩\u{200d}🔬", 5),
            ("🇵🇹", 6),
            ("\u{1100}\u{1161}\u{11a8}", 9),
            ("நி", 13),
        ] {
            let text = unit.repeat(30);
            let rest = if unit.starts_with('<') { (30 - kept) * unit.len() } else { 30 - kept };
            let digits = text.len().to_string().len();
            let expected = format!("{}… ({rest} more characters)", unit.repeat(kept));
            assert_eq!(shorten(&text, 27 + 20 + digits), expected, "{unit}");
        }
    }

    #[test]
    fn parts_end_at_line_ends() {
        for (text, parts) in [
            ("", vec![]),
            ("one", vec!["one"]),
            ("one\ntwo\nsix", vec!["one\ntwo", "six"]),
            ("12345678\nx", vec!["12345678", "x"]),
            ("123456789", vec!["12345678", "9"]),
            ("a\n123456789", vec!["a", "12345678", "9"]),
            ("\n\n\n\n\n\n\n\n\n\nx", vec!["x"]),
            ("1234567&amp;", vec!["1234567", "&amp;"]),
            ("ab <@U1>|", vec!["ab <@U1>", "|"]),
        ] {
            assert_eq!(split(text, 8), parts, "{text:?}");
        }
    }

    #[test]
    fn what_fits_nowhere_is_cut_between_characters() {
        assert_eq!(split("&amp;&", 3), ["&", "amp", ";&"]);
        assert_eq!(split("a€", 0), ["a", "€"]);
        let letter = format!("e{}", "\u{301}".repeat(100));
        assert_eq!(split(&letter, 64), [&letter[..127], &letter[127..]]);
    }

    #[test]
    fn a_link_that_fits_into_a_section_is_not_cut() {
        let link = |length: usize| format!("<{}>", "x".repeat(length - 2));
        assert_eq!(split(&format!("see {}.", link(3000)), 3000), ["see ", &link(3000), "."]);
        assert_eq!(split(&link(3001), 3000), [&link(3001)[..3000], ">"]);
    }
}
