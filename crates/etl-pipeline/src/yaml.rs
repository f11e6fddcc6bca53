//! YAML, and nothing but YAML: a text to a tree whose nodes know their lines, and a value to a text.
//!
//! Scalars stay the text that was written: what `007`, `no` and `1.10` are is up to their reader. Anchors, tags, merge
//! keys and several documents are refused: a pipeline file is meant to be read at a glance.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// A node of a document, on the line where it begins, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A text, unquoted or in quotes.
    Scalar(String),
    List(Vec<Node>),
    /// Keys in the order in which they stand.
    Map(Vec<Entry>),
    /// Nothing is written, or `null`, or `~`.
    Null,
}

/// A key with its line, and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) value: Node,
}

/// Why a text is refused, with the line.
pub(crate) type Wrong = (usize, String);

/// How deep lists and maps may stand in each other.
const DEEPEST: usize = 16;

/// Reads a text that is one document.
pub(crate) fn parse(text: &str) -> Result<Node, Wrong> {
    let mut reader = Reader { events: Vec::new(), next: 0, text };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| (error.marker().line(), error.info()))?;
        reader.events.push((event, span.start.line()));
    }
    let root = reader.document()?;
    Ok(root)
}

struct Reader<'t> {
    events: Vec<(Event<'t>, usize)>,
    next: usize,
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Node, Wrong> {
        let mut root = None;
        while let Some((event, line)) = self.peek() {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => self.next += 1,
                Event::DocumentStart(..) if root.is_none() => self.next += 1,
                Event::DocumentStart(..) => {
                    return Err((line, "a second document begins here: one file is one pipeline".to_owned()));
                }
                _ => root = Some(self.node(0)?),
            }
        }
        root.ok_or_else(|| (1, "the file is empty".to_owned()))
    }

    fn peek(&mut self) -> Option<(Event<'t>, usize)> {
        while let Some((event, line)) = self.events.get(self.next) {
            if !matches!(event, Event::Comment(..)) {
                return Some((event.clone(), *line));
            }
            self.next += 1;
        }
        None
    }

    fn node(&mut self, depth: usize) -> Result<Node, Wrong> {
        let Some((event, line)) = self.peek() else {
            return Err((self.text.lines().count(), "the file ends too early".to_owned()));
        };
        self.next += 1;
        if depth > DEEPEST {
            return Err((line, format!("lists and maps stand more than {DEEPEST} deep in each other")));
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
            _ => return Err((line, "anchors and aliases are not read here: write it out".to_owned())),
        };
        if anchor != 0 || tag {
            return Err((line, "anchors and tags are not read here: write it out".to_owned()));
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => self.scalar(text, style, line)?,
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                while !matches!(self.peek(), Some((Event::SequenceEnd, _))) {
                    items.push(self.node(depth + 1)?);
                }
                self.next += 1;
                Kind::List(items)
            }
            _ => {
                let mut entries: Vec<Entry> = Vec::new();
                while !matches!(self.peek(), Some((Event::MappingEnd, _))) {
                    let key = self.node(depth + 1)?;
                    let Kind::Scalar(name) = key.kind else {
                        return Err((key.line, "a key is a text".to_owned()));
                    };
                    if entries.iter().any(|entry| entry.key == name) {
                        return Err((key.line, format!("`{name}` stands here twice")));
                    }
                    let value = self.node(depth + 1)?;
                    entries.push(Entry { key: name, line: key.line, value });
                }
                self.next += 1;
                Kind::Map(entries)
            }
        };
        Ok(Node { line, kind })
    }

    fn scalar(&self, text: Cow<'t, str>, style: ScalarStyle, line: usize) -> Result<Kind, Wrong> {
        if style != ScalarStyle::Plain {
            return Ok(Kind::Scalar(text.into_owned()));
        }
        // The comment begins on the line on which the scalar ends, which is the next event's.
        if let Some((Event::Comment(..), at)) = self.events.get(self.next)
            && *at == line
            && text.contains(' ')
        {
            return Err((
                line,
                format!(
                    "YAML reads only `{text}`, and a comment from ` #` on: quote the whole, or put the comment on a line of its own"
                ),
            ));
        }
        Ok(match &*text {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            _ => Kind::Scalar(text.into_owned()),
        })
    }
}

/// Writes a value: maps keep their order, long texts are not folded, and what YAML 1.1 or 1.2 would read as something
/// else is quoted.
pub(crate) fn write(value: &Value) -> String {
    let options = serde_saphyr::ser_options! {
        prefer_block_scalars: true,
        folded_wrap_chars: 10_000,
        compact_list_indent: true,
    };
    // A JSON value has nothing that YAML cannot express, and a text takes all that is written.
    serde_saphyr::to_string_with_options(value, options).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scalar(text: &str) -> String {
        match parse(text) {
            Ok(Node { kind: Kind::Map(entries), .. }) => match &entries[0].value.kind {
                Kind::Scalar(text) => text.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_stay_the_text_that_was_written() {
        for text in ["007", "no", "1.10", "0x1F", "1_000", "2026-01-01", "1e3", "off", ".inf"] {
            assert_eq!(scalar(&format!("a: {text}")), text);
        }
        assert_eq!(scalar("a: 'null'"), "null");
        assert_eq!(scalar("a: \"x # y\" # z"), "x # y");
        assert_eq!(scalar("a: jq\n  -c .\n"), "jq -c .");
        assert_eq!(scalar("a: >-\n  one\n  two\n"), "one two");
        let empty = parse("a:\n").unwrap();
        assert!(matches!(&empty.kind, Kind::Map(entries) if entries[0].value.kind == Kind::Null));
    }

    #[test]
    fn nodes_know_their_lines() {
        let root = parse("# first\na: 1\nb:\n  - x\n\n  - {c: d}\n").unwrap();
        let Kind::Map(entries) = &root.kind else { panic!("{root:?}") };
        assert_eq!((entries[0].line, entries[1].line), (2, 3));
        let Kind::List(items) = &entries[1].value.kind else { panic!("{entries:?}") };
        assert_eq!((items[0].line, items[1].line), (4, 6));
    }

    #[test]
    fn what_cannot_be_read_at_a_glance_is_refused_with_its_line() {
        for (text, line, part) in [
            ("", 1, "empty"),
            ("# nothing\n", 1, "empty"),
            ("a: 1\na: 2\n", 2, "`a` stands here twice"),
            ("a: &x 1\nb: *x\n", 1, "anchors"),
            ("a: !!str 1\n", 1, "tags"),
            ("a: 1\n---\nb: 2\n", 2, "a second document"),
            ("a: [1\nb: 2\n", 2, ""),
            ("a:\n\t- x\n", 2, ""),
            ("? [a]\n: b\n", 1, "a key is a text"),
            ("a:\n  - jq '.a' # note\n", 2, "quote the whole"),
            (&"[".repeat(40), 1, ""),
        ] {
            let (at, message) = parse(text).unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
            assert_eq!(at, line, "{text:?}: {message}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same_texts() {
        let texts = [
            "",
            "no",
            "on",
            "yes",
            "y",
            "null",
            "~",
            "007",
            "1.10",
            "1e3",
            "0x1F",
            "1_000",
            "12:30:45",
            "2026-01-01",
            "a: b",
            "a #b",
            "#a",
            "- a",
            "*/15 * * * *",
            "0 5 * * *",
            "{{workflow.uid}}",
            "[a]",
            "it's",
            "\"q\"",
            "a\nb\n",
            " a ",
            "a\tb",
            "\\",
            "%a",
            "@a",
            "`a`",
            "!a",
            "&a",
            "*a",
            ">-",
            "|",
            "?",
            ":",
            "true",
            "é",
            "-",
            "--- a",
            "=",
        ];
        let long = "word ".repeat(100) + "end";
        let value = json!({ "list": texts.to_vec(), "map": { "long": long, "n": 5, "t": true, "none": null, "empty": [] } });
        let written = write(&value);
        let read: Value = serde_saphyr::from_str(&written).unwrap();
        assert_eq!(read, value, "{written}");
        assert!(written.contains(&format!("long: {long}\n")), "{written}");
    }
}
