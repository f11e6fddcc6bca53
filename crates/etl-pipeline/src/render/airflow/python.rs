//! Python, laid out as `black` and `ruff format` leave it.

use std::fmt::Write as _;

/// The longest line that is not broken.
const WIDTH: usize = 88;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Python {
    /// What stands on one line, as it is.
    Plain(String),
    /// What stands between two brackets: arguments, items, or keys with their values.
    Group { open: String, parts: Vec<(String, Python)>, close: char },
}

impl Python {
    /// A name, a number, or anything else that is Python already.
    pub(super) fn plain(text: impl Into<String>) -> Python {
        Python::Plain(text.into())
    }

    /// A string.
    pub(super) fn string(text: &str) -> Python {
        Python::Plain(literal(text))
    }

    /// `[item, …]`.
    pub(super) fn list(items: impl IntoIterator<Item = Python>) -> Python {
        let parts = items.into_iter().map(|item| (String::new(), item)).collect();
        Python::Group { open: "[".to_owned(), parts, close: ']' }
    }

    /// `(item, item)`.
    pub(super) fn tuple(items: [Python; 2]) -> Python {
        Python::call("", items.map(|item| ("", item)))
    }

    /// `"key": `, as it stands before a value.
    pub(super) fn key(key: &str) -> String {
        format!("{}: ", literal(key))
    }

    /// `{"key": value, …}`.
    pub(super) fn dict<'k>(entries: impl IntoIterator<Item = (&'k str, Python)>) -> Python {
        let parts = entries.into_iter().map(|(key, value)| (Python::key(key), value)).collect();
        Python::Group { open: "{".to_owned(), parts, close: '}' }
    }

    /// `name(argument=value, …)`; an argument without a name is one of its position.
    pub(super) fn call<'k>(name: &str, arguments: impl IntoIterator<Item = (&'k str, Python)>) -> Python {
        let named = |name: &str| if name.is_empty() { String::new() } else { format!("{name}=") };
        let parts = arguments.into_iter().map(|(name, value)| (named(name), value)).collect();
        Python::Group { open: format!("{name}("), parts, close: ')' }
    }

    /// The expression with `before` it on its first line and `after` it on its last one, indented.
    pub(super) fn lay_out(&self, before: &str, after: &str, indent: usize) -> String {
        let mut out = String::new();
        self.write(&mut out, before, after, indent);
        out
    }

    fn write(&self, out: &mut String, before: &str, after: &str, indent: usize) {
        let flat = self.flat();
        let _ = match self {
            Python::Group { open, parts, close }
                if !parts.is_empty()
                    && indent + (before.to_owned() + &flat + after).chars().count() > WIDTH =>
            {
                let _ = writeln!(out, "{:indent$}{before}{open}", "");
                for (key, part) in parts {
                    part.write(out, key, ",", indent + 4);
                }
                writeln!(out, "{:indent$}{close}{after}", "")
            }
            _ => writeln!(out, "{:indent$}{before}{flat}{after}", ""),
        };
    }

    fn flat(&self) -> String {
        match self {
            Python::Plain(text) => text.clone(),
            Python::Group { open, parts, close } => {
                let parts: Vec<String> =
                    parts.iter().map(|(key, part)| format!("{key}{}", part.flat())).collect();
                format!("{open}{}{close}", parts.join(", "))
            }
        }
    }
}

/// A string literal, in the quotes that need fewer escapes; double ones if both need as many.
fn literal(text: &str) -> String {
    let count = |quote| text.matches(quote).count();
    let quote = if count('"') > count('\'') { '\'' } else { '"' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            c if c == quote => out.extend(['\\', c]),
            // What is not seen, or turns the direction of what is.
            c if c.is_control()
                || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
            {
                let _ = match u32::from(c) {
                    code @ 0..=0xff => write!(out, r"\x{code:02x}"),
                    code => write!(out, r"\u{code:04x}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_with_the_fewest_escapes() {
        for (text, expected) in [
            ("a", r#""a""#),
            ("it's", r#""it's""#),
            (r#"a "b""#, r#"'a "b"'"#),
            (r#"it's "b""#, r#"'it\'s "b"'"#),
            (r#"'"'"#, r#""'\"'""#),
            ("a\\n\n\r\t", r#""a\\n\n\r\t""#),
            ("é\u{7}\u{202e}\u{0}", r#""é\x07\u202e\x00""#),
            ("", r#""""#),
        ] {
            assert_eq!(literal(text), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_broken_at_its_brackets() {
        let long = Python::string(&"x".repeat(80));
        let call =
            Python::call("f", [("", Python::plain("1")), ("b", Python::list([long, Python::plain("2")]))]);
        let x = "x".repeat(80);
        assert_eq!(
            call.lay_out("a = ", "", 4),
            format!(
                "    a = f(\n        1,\n        b=[\n            \"{x}\",\n            2,\n        ],\n    )\n"
            )
        );
        assert_eq!(Python::dict([("k", Python::list([]))]).lay_out("A = ", "", 0), "A = {\"k\": []}\n");
    }
}
