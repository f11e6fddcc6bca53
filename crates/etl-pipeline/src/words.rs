//! The words of a step: split as by a POSIX shell, which is not there, and with placeholders.
//!
//! Quotes and backslashes are those of the shell command language
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02>). Nothing is expanded but
//! `${name}`, in quotes too; `$${` is a literal `${`. What a shell would act on and what is not quoted is refused.

use std::fmt;

/// A text with placeholders in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

/// A part of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It stands for itself.
    Literal(String),
    /// The name in `${name}`.
    Placeholder(String),
}

/// What a shell would act on outside of quotes, and what to write here instead.
const SHELL: &[(char, &str)] = &[
    ('|', "each program is a step of its own"),
    (';', "each program is a step of its own"),
    ('&', "each program is a step of its own"),
    ('<', "components have --input"),
    ('>', "components have --output"),
    ('`', "no shell replaces it"),
    ('(', "no shell reads it"),
    (')', "no shell reads it"),
    ('*', "no shell expands it"),
    ('?', "no shell expands it"),
];

const EXPANDS: &str = "a shell would expand `$` here, but a step is run without one: `${name}` is an item, and within \
                       single quotes `$` is a character";

/// Whether a shell would expand a `$` before this.
fn expands(mut rest: impl Iterator<Item = char>) -> bool {
    rest.next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '(')
}

/// Splits a step into words.
///
/// # Errors
/// What is wrong with it, and how to write it instead.
pub fn split(text: &str) -> Result<Vec<Text>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        if let Some((_, instead)) = SHELL.iter().find(|(special, _)| *special == c) {
            return Err(format!(
                "`{c}` outside of quotes: a step is run without a shell; {instead}, or quote it"
            ));
        }
        let word = word.get_or_insert_default();
        match c {
            '$' if expands(rest.clone()) => return Err(EXPANDS.to_owned()),
            '\'' => loop {
                match rest.next() {
                    Some('\'') => break,
                    Some(c) => word.push(c),
                    None => return Err("a quote `'` is not closed".to_owned()),
                }
            },
            '"' => loop {
                match rest.next() {
                    Some('"') => break,
                    // Within double quotes a backslash stands for itself, but before these.
                    Some('\\') if rest.peek().is_some_and(|c| matches!(c, '"' | '\\' | '$' | '`')) => {
                        word.extend(rest.next());
                    }
                    Some('$') if expands(rest.clone()) => return Err(EXPANDS.to_owned()),
                    Some(c) => word.push(c),
                    None => return Err("a quote `\"` is not closed".to_owned()),
                }
            },
            '\\' => match rest.next() {
                Some(c) => word.push(c),
                None => return Err("a backslash at the end quotes nothing".to_owned()),
            },
            c => word.push(c),
        }
    }
    words.extend(word);
    words.iter().map(|word| Text::parse(word)).collect()
}

impl Text {
    /// Finds the placeholders in a text.
    ///
    /// # Errors
    /// If a placeholder has no end or no name.
    pub(crate) fn parse(text: &str) -> Result<Text, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at - 1]);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let name = rest[at + 2..].split_once('}').map(|(name, _)| name);
            let Some(name) = name.filter(|name| is_name(name)) else {
                return Err(format!(
                    "`{}` is not a placeholder: `${{name}}` stands for an item; `$${{` is a literal `${{`",
                    rest[at..].chars().take(20).collect::<String>()
                ));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Placeholder(name.to_owned()));
            rest = &rest[at + 3 + name.len()..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Text(pieces))
    }

    /// Its parts.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The names of its placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The text, if it has no placeholder.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with something in place of each part: literal texts are escaped by `literal`, placeholders are
    /// replaced by `placeholder`.
    pub fn fill(&self, literal: impl Fn(&str) -> String, placeholder: impl Fn(&str) -> String) -> String {
        let part = |piece: &Piece| match piece {
            Piece::Literal(text) => literal(text),
            Piece::Placeholder(name) => placeholder(name),
        };
        self.0.iter().map(part).collect()
    }
}

impl FromIterator<Piece> for Text {
    fn from_iter<I: IntoIterator<Item = Piece>>(pieces: I) -> Text {
        Text(pieces.into_iter().collect())
    }
}

impl From<&str> for Text {
    /// A text without placeholders.
    fn from(text: &str) -> Text {
        Text(if text.is_empty() { Vec::new() } else { vec![Piece::Literal(text.to_owned())] })
    }
}

impl fmt::Display for Text {
    /// As it would be written in a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fill(|text| text.replace("${", "$${"), |name| format!("${{{name}}}")))
    }
}

/// Whether this may be the name of an item: a letter, then letters, digits, `_` and `-`.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A word as a POSIX shell reads it: as it is, or in single quotes.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, String> {
        Ok(split(text)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, expected) in [
            ("a b  c", &["a", "b", "c"][..]),
            ("", &[]),
            ("a '' \"\"", &["a", "", ""]),
            (r#"jq 'select(.a == "b") | {id}'"#, &["jq", r#"select(.a == "b") | {id}"#]),
            (r#"a"b c"'d'\ e"#, &["ab cd e"]),
            (r#""\"\\\$\`\n""#, &[r#""\$`\n"#]),
            (r"it\'s #1", &["it's", "#1"]),
            ("jq '$x' $ \"$ 5\"", &["jq", "$x", "$", "$ 5"]),
            ("--template '{{ title }}'", &["--template", "{{ title }}"]),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_shell_would_act_on_is_refused() {
        for text in ["a | b", "a > f", "a &", "a; b", "ls *.json", "echo `id`"] {
            assert!(words(text).unwrap_err().contains("without a shell"), "{text}");
        }
        for text in ["a $HOME", "a \"$HOME\"", "a \"$(id)\"", "a $1"] {
            assert_eq!(words(text).unwrap_err(), EXPANDS, "{text}");
        }
        assert_eq!(words("a 'b").unwrap_err(), "a quote `'` is not closed");
        assert_eq!(words("a \"b").unwrap_err(), "a quote `\"` is not closed");
        assert_eq!(words("a \\").unwrap_err(), "a backslash at the end quotes nothing");
    }

    #[test]
    fn placeholders_stand_anywhere_and_can_be_escaped() {
        let text = Text::parse("a ${city} $${city} $$ {x} ${b}").unwrap();
        assert_eq!(text.placeholders().collect::<Vec<_>>(), ["city", "b"]);
        assert_eq!(text.fill(str::to_owned, |name| name.to_uppercase()), "a CITY ${city} $$ {x} B");
        assert_eq!(text.to_string(), "a ${city} $${city} $$ {x} ${b}");
        assert_eq!(text.literal(), None);
        assert_eq!(Text::parse("$${a}").unwrap().literal(), Some("${a}"));
        assert_eq!(words("a '${city} b'").unwrap(), ["a", "${city} b"]);
        for text in ["${", "${}", "${a b}", "${1}"] {
            assert!(Text::parse(text).unwrap_err().contains("is not a placeholder"), "{text}");
        }
    }

    #[test]
    fn a_quoted_word_is_read_as_it_was() {
        for word in ["", "a", "a b", "it's", "$x", "{{ a }}", "a\\", "*", "'"] {
            assert_eq!(words(&quote(word)).unwrap(), [word]);
        }
    }
}
