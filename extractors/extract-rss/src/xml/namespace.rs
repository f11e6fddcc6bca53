//! Which vocabulary an element is of.

/// The vocabularies that say something about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ns {
    /// RSS of any version, and what has no prefix.
    Core,
    Atom,
    /// Dublin Core, elements and terms.
    Dc,
    /// RSS 1.0's `content:encoded`.
    Content,
    /// How often a feed changes (`sy:updatePeriod`).
    Syndication,
    Itunes,
    Xhtml,
    Other,
}

/// The prefixes that are declared, the innermost last.
#[derive(Default)]
pub(super) struct Scopes<'a>(Vec<(Option<&'a str>, Option<Ns>)>);

impl<'a> Scopes<'a> {
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    pub(super) fn leave(&mut self, depth: usize) {
        self.0.truncate(depth);
    }

    pub(super) fn declare(&mut self, prefix: Option<&'a str>, address: &str) {
        self.0.push((prefix, by_address(address)));
    }

    /// The root's vocabulary is that of the feed, whatever address it gives it: RSS 2.0 has had several.
    pub(super) fn root(&mut self, prefix: Option<&str>) {
        if let Some((_, ns)) = self.0.iter_mut().find(|(known, ns)| *known == prefix && ns.is_none()) {
            *ns = Some(Ns::Core);
        }
    }

    /// The vocabulary of an element with this prefix. Many feeds use prefixes that they do not declare, with the meaning
    /// that they have in others.
    pub(super) fn of(&self, prefix: Option<&str>) -> Ns {
        match self.0.iter().rev().find(|(known, _)| *known == prefix) {
            Some((_, Some(ns))) => *ns,
            Some((None, None)) => Ns::Core,
            Some((Some(_), None)) => Ns::Other,
            None => prefix.map_or(Ns::Core, by_custom),
        }
    }
}

fn by_address(address: &str) -> Option<Ns> {
    let address = address.trim().to_ascii_lowercase();
    let bare = address.trim_start_matches("https://").trim_start_matches("http://");
    Some(match bare.trim_end_matches(['/', '#']) {
        "www.w3.org/2005/atom" | "purl.org/atom/ns" => Ns::Atom,
        "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/dc/terms" => Ns::Dc,
        "purl.org/rss/1.0/modules/content" => Ns::Content,
        "purl.org/rss/1.0/modules/syndication" => Ns::Syndication,
        "www.itunes.com/dtds/podcast-1.0.dtd" => Ns::Itunes,
        "www.w3.org/1999/xhtml" => Ns::Xhtml,
        ""
        | "purl.org/rss/1.0"
        | "my.netscape.com/rdf/simple/0.9"
        | "channel.netscape.com/rdf/simple/0.9" => Ns::Core,
        _ => return None,
    })
}

fn by_custom(prefix: &str) -> Ns {
    match prefix {
        "atom" | "atom10" | "atom03" | "a10" => Ns::Atom,
        "dc" | "dcterms" => Ns::Dc,
        "content" => Ns::Content,
        "sy" => Ns::Syndication,
        "itunes" => Ns::Itunes,
        "xhtml" => Ns::Xhtml,
        "rss" => Ns::Core,
        _ => Ns::Other,
    }
}
