//! Text → elements. Feeds are often not quite XML, so what can be understood is: bare ampersands, the entities of HTML,
//! undeclared prefixes, tags that nobody closes. No DTD is read and no entity of one is expanded.

mod namespace;
mod reference;

use std::rc::Rc;

use etl_http::json::{Mismatch, Shape};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::link::resolve;
use namespace::Scopes;
use reference::resolved;

pub(crate) use namespace::Ns;
pub(crate) use reference::unescape;

/// The limits of what is kept of a document, which itself is limited by `--max-body-bytes`: of items that were taken,
/// nothing is.
const DEEPEST: usize = 200;
const MOST_ELEMENTS: usize = 100_000;

/// Takes an element of a document with this root, and says whether it did: it is not kept then.
pub(crate) type Take<'t, 'a> = &'t mut dyn FnMut(&str, &Element<'a>) -> bool;

/// An element.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) ns: Ns,
    /// Without its prefix.
    pub(crate) name: &'a str,
    /// Where it begins in the text.
    pub(crate) at: usize,
    attributes: Vec<(&'a str, String)>,
    /// What relative addresses in it are relative to (`xml:base`).
    pub(crate) base: Rc<str>,
    pub(crate) children: Vec<Element<'a>>,
    text: String,
    /// Everything between its tags, as it was sent.
    inner: &'a str,
}

/// A document's root, and how often something had to be mended.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) root: Element<'a>,
    pub(crate) mended: usize,
}

impl<'a> Element<'a> {
    /// The value of an attribute, by its whole name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The children of this name, in any case: some feeds have `pubdate`.
    pub(crate) fn all(&self, ns: Ns, name: &'static str) -> impl Iterator<Item = &Element<'a>> {
        self.children.iter().filter(move |child| child.ns == ns && child.name.eq_ignore_ascii_case(name))
    }

    /// The content, where that is not only white space: as text, or, where there are elements in it, as its markup.
    pub(crate) fn content(&self) -> Option<&str> {
        let content = if self.children.is_empty() { self.text.as_str() } else { self.inner };
        Some(content.trim()).filter(|content| !content.is_empty())
    }

    /// Everything between its tags as it was sent, where that is not only white space.
    pub(crate) fn markup(&self) -> Option<&str> {
        Some(self.inner.trim()).filter(|markup| !markup.is_empty())
    }

    /// The content of the first child of this name that has one.
    pub(crate) fn text(&self, ns: Ns, name: &'static str) -> Option<&str> {
        self.all(ns, name).find_map(Element::content)
    }
}

/// An element whose end has not come.
struct Open<'a> {
    element: Element<'a>,
    /// With its prefix.
    tag: &'a str,
    inner_from: usize,
    scopes: usize,
    /// How many elements were kept before it.
    elements: usize,
}

struct Parser<'a, 't> {
    text: &'a str,
    take: Take<'t, 'a>,
    open: Vec<Open<'a>>,
    scopes: Scopes<'a>,
    elements: usize,
    mended: usize,
}

/// The document that was sent as `text` from the address `base`; its root must have one of the names in `roots`. `take` is
/// shown each element below the root once it is whole.
///
/// # Errors
/// If it has another root, ends within an element, or is larger or deeper than any feed.
pub(crate) fn parse<'a>(
    text: &'a str,
    base: &str,
    roots: &[&str],
    take: Take<'_, 'a>,
) -> Shape<Document<'a>> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    let mut parser =
        Parser { text, take, open: Vec::new(), scopes: Scopes::default(), elements: 0, mended: 0 };
    loop {
        let from = position(reader.buffer_position());
        let event = reader.read_event();
        let to = position(reader.buffer_position());
        let done = match event {
            Ok(Event::Start(tag)) => {
                parser.start(&tag, from, to, base, roots)?;
                None
            }
            Ok(Event::Empty(tag)) => {
                parser.start(&tag, from, to, base, roots)?;
                parser.close(to)
            }
            Ok(Event::End(_)) => parser.end(from, to),
            Ok(Event::Eof) => return Err(parser.cut_short("")),
            Ok(Event::Text(words)) => {
                parser.push(&words.xml10_content());
                None
            }
            Ok(Event::CData(words)) => {
                parser.push(&words.xml10_content());
                None
            }
            Ok(Event::GeneralRef(name)) => {
                parser.push(&resolved(&name).unwrap_or_else(|| format!("&{};", &*name)));
                None
            }
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => None,
            Err(quick_xml::Error::Syntax(error)) => return Err(parser.cut_short(&format!(": {error}"))),
            Err(error) => {
                let line = line(text, position(reader.error_position()));
                return Err(Mismatch::new(format!("line {line} is not XML: {error}")));
            }
        };
        // What follows the root, such as a script of the hoster, is not part of the document.
        if let Some(root) = done {
            return Ok(Document { root, mended: parser.mended });
        }
    }
}

fn position(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

impl<'a> Parser<'a, '_> {
    fn start(
        &mut self,
        start: &BytesStart<'_>,
        from: usize,
        to: usize,
        base: &str,
        roots: &[&str],
    ) -> Shape<()> {
        let whole: &'a str = self.text.get(from..to).unwrap_or_default();
        let tag = whole.trim_start_matches('<');
        let tag = tag.get(..start.name().as_ref().len()).unwrap_or_default();
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()) {
            let line = line(self.text, from);
            return Err(Mismatch::new(format!("line {line} is not XML: a `<` that begins no tag")));
        }
        let (prefix, name) = tag.split_once(':').map_or((None, tag), |(prefix, name)| (Some(prefix), name));
        if self.open.is_empty() && !roots.iter().any(|root| root.eq_ignore_ascii_case(name)) {
            return Err(Mismatch::new(match name.to_ascii_lowercase().as_str() {
                "html" => "an HTML page, such as the challenge that some servers send to robots".to_owned(),
                _ => format!("its root is <{}>, expected {}", etl_http::quote(tag), roots.join(", ")),
            }));
        }
        self.elements += 1;
        if self.open.len() >= DEEPEST || self.elements > MOST_ELEMENTS {
            let limit = if self.open.len() >= DEEPEST { "nested too deeply" } else { "too many elements" };
            return Err(Mismatch::new(format!("line {}: {limit} for a feed", line(self.text, from))));
        }
        let scopes = self.scopes.depth();
        // Names that outlive the event: they are where the tag is in the text.
        let attributes: Vec<(&'a str, String)> = attributes(whole, start);
        for (name, value) in &attributes {
            match name.split_once(':') {
                Some(("xmlns", prefix)) => self.scopes.declare(Some(prefix), value),
                None if *name == "xmlns" => self.scopes.declare(None, value),
                _ => {}
            }
        }
        if self.open.is_empty() {
            self.scopes.root(prefix);
        }
        let outer = self.open.last().map_or_else(|| Rc::from(base), |open| Rc::clone(&open.element.base));
        let own = attributes.iter().find(|(name, _)| *name == "xml:base");
        let base = own.map_or(Rc::clone(&outer), |(_, own)| Rc::from(resolve(&outer, own)));
        let ns = self.scopes.of(prefix);
        let element = Element {
            ns,
            name,
            at: from,
            attributes,
            base,
            children: Vec::new(),
            text: String::new(),
            inner: "",
        };
        self.open.push(Open { element, tag, inner_from: to, scopes, elements: self.elements - 1 });
        Ok(())
    }

    /// An end tag closes what it names, with everything in it that is still open; one that names nothing open is dropped.
    fn end(&mut self, from: usize, to: usize) -> Option<Element<'a>> {
        let tag = self.text.get(from..to).unwrap_or_default();
        let tag = tag.trim_start_matches(['<', '/']).trim_end_matches('>').trim();
        let Some(at) = self.open.iter().rposition(|open| open.tag == tag) else {
            self.mended += 1;
            return None;
        };
        self.mended += self.open.len() - at - 1;
        while self.open.len() > at + 1 {
            self.close(from);
        }
        self.close(from)
    }

    /// Closes the innermost element, whose content ends here; returns it if it is the root.
    fn close(&mut self, inner_to: usize) -> Option<Element<'a>> {
        let Open { mut element, inner_from, scopes, elements, .. } = self.open.pop()?;
        element.inner = self.text.get(inner_from..inner_to).unwrap_or_default();
        self.scopes.leave(scopes);
        let Some(root) = self.open.first().map(|root| root.element.name) else { return Some(element) };
        if (self.take)(root, &element) {
            self.elements = elements;
        } else if let Some(outer) = self.open.last_mut() {
            outer.element.children.push(element);
        }
        None
    }

    fn push(&mut self, words: &str) {
        if let Some(open) = self.open.last_mut() {
            open.element.text.push_str(words);
        }
    }

    fn cut_short(&self, why: &str) -> Mismatch {
        match self.open.last() {
            Some(open) => Mismatch::new(format!("it ends within <{}>{why}", etl_http::quote(open.tag))),
            None if self.text.trim().is_empty() => Mismatch::new("it is empty"),
            None => Mismatch::new(format!("it is not XML{why}")),
        }
    }
}

/// The attributes of a tag, whose names are taken from where it is in the text.
fn attributes<'a>(whole: &'a str, start: &BytesStart<'_>) -> Vec<(&'a str, String)> {
    let mut rest = whole;
    let mut found = Vec::new();
    for attribute in start.html_attributes().with_checks(false).flatten() {
        let name = attribute.key.as_ref();
        let Some(at) = rest.find(name) else { continue };
        found.push((&rest[at..at + name.len()], unescape(&attribute.value)));
        rest = &rest[at + name.len()..];
    }
    found
}

#[cfg(test)]
mod tests;
