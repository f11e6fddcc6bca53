//! Atom 1.0 (RFC 4287), and 0.3 where it differs.

use super::item::{Draft, IdSource, distinct, one_line};
use crate::link::resolve;
use crate::xml::{Element, Ns, unescape};

/// Feeds that declare no namespace are Atom by their root.
const ATOM: [Ns; 2] = [Ns::Atom, Ns::Core];

/// Whether this is an entry.
pub(super) fn is_item(element: &Element<'_>) -> bool {
    ATOM.contains(&element.ns) && element.name.eq_ignore_ascii_case("entry")
}

/// What the feed says of all its entries (section 4.2.1): who has written those that name nobody.
pub(super) fn finish(root: &Element<'_>, drafts: &mut [Draft]) {
    let authors = distinct(all(root, "author").filter_map(person));
    for draft in drafts.iter_mut().filter(|draft| draft.authors.is_empty()) {
        draft.authors.clone_from(&authors);
    }
}

/// The item that an entry is.
pub(super) fn draft(entry: &Element<'_>) -> Draft {
    let text = |name| all(entry, name).find_map(Element::content);
    let construct = |name| all(entry, name).find_map(construct);
    let date = |names: [&'static str; 3]| names.into_iter().find_map(text).and_then(one_line);
    let link = alternate(all(entry, "link"));
    let id = text("id").map(|id| (id.to_owned(), IdSource::Atom));
    let mut authors = distinct(all(entry, "author").filter_map(person));
    if authors.is_empty() {
        // It was taken from another feed.
        let source = all(entry, "source").flat_map(|source| all(source, "author"));
        authors = distinct(source.filter_map(person));
    }
    let terms = all(entry, "category")
        .filter_map(|category| category.attribute("term").or(category.attribute("label")));
    Draft {
        id: id.or_else(|| link.clone().map(|link| (link, IdSource::Link))),
        title: all(entry, "title").find_map(title),
        link,
        summary: construct("summary").map(str::to_owned),
        content: construct("content").map(str::to_owned),
        authors,
        categories: distinct(terms),
        published: date(["published", "issued", "created"]),
        updated: date(["updated", "modified", "updated"]),
    }
}

fn all<'e, 'a>(element: &'e Element<'a>, name: &'static str) -> impl Iterator<Item = &'e Element<'a>> {
    ATOM.into_iter().flat_map(move |ns| element.all(ns, name))
}

/// The text or the markup of a text construct or content (sections 3.1 and 4.1.3).
fn construct<'e>(element: &'e Element<'_>) -> Option<&'e str> {
    match element.attribute("type") {
        // The div is not part of it.
        Some("xhtml" | "application/xhtml+xml") => match element.children.as_slice() {
            [div] if div.name == "div" => div.markup(),
            _ => element.markup(),
        },
        _ => element.content(),
    }
}

/// A title as text: one in HTML loses its markup.
fn title(element: &Element<'_>) -> Option<String> {
    let words = construct(element)?;
    match element.attribute("type") {
        Some("html" | "xhtml" | "text/html" | "application/xhtml+xml") => {
            // It may be nothing but a picture.
            one_line(&unescape(&without_tags(words))).or_else(|| one_line(words))
        }
        _ => one_line(words),
    }
}

fn without_tags(html: &str) -> String {
    let (mut text, mut rest) = (String::new(), html);
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let is_tag = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match after.split_once('>').filter(|_| is_tag) {
            Some((_, after)) => rest = after,
            None => {
                text.push('<');
                rest = after;
            }
        }
    }
    text + rest
}

/// What a person is called.
pub(super) fn person<'e>(person: &'e Element<'_>) -> Option<&'e str> {
    let of = |name| all(person, name).find_map(Element::content);
    // Before Atom, it was often just a name.
    of("name").or_else(|| of("email")).or_else(|| of("uri")).or_else(|| person.content())
}

/// The address of the item itself among several links (section 4.2.7): an alternate one, a page rather than something else.
pub(super) fn alternate<'e, 'a: 'e>(links: impl Iterator<Item = &'e Element<'a>>) -> Option<String> {
    let is_alternate = |link: &&Element<'_>| {
        link.attribute("rel").is_none_or(|rel| rel == "alternate" || rel.ends_with("/relation/alternate"))
    };
    let is_page = |link: &&&Element<'_>| link.attribute("type").is_none_or(|kind| kind.contains("html"));
    let links: Vec<&Element<'_>> =
        links.filter(is_alternate).filter(|link| link.attribute("href").is_some()).collect();
    let link = links.iter().find(is_page).or(links.first())?;
    link.attribute("href").map(|href| resolve(&link.base, href))
}
