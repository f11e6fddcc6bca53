//! An item, whichever kind of feed it is from.

use etl_stream::Digest;
use jiff::Timestamp;
use serde::Serialize;

use crate::date::instant;

/// A longer id could not be part of a key: PostgreSQL's indexes take 2,704 bytes.
const LONGEST_ID: usize = 1000;

/// The digits of an id that is a hash.
const HASH_DIGITS: usize = 32;

/// The digits of what is kept of an item that was written.
const SEEN_DIGITS: usize = 16;

/// What identifies an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum IdSource {
    #[serde(rename = "guid")]
    Guid,
    #[serde(rename = "atom:id")]
    Atom,
    #[serde(rename = "link")]
    Link,
    #[serde(rename = "hash")]
    Hash,
}

/// An item as its feed has it; texts are not empty.
#[derive(Debug, Default, Serialize)]
pub(super) struct Draft {
    #[serde(skip)]
    pub(super) id: Option<(String, IdSource)>,
    pub(super) title: Option<String>,
    pub(super) link: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) content: Option<String>,
    pub(super) authors: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) published: Option<String>,
    pub(super) updated: Option<String>,
}

impl Draft {
    /// An id made of everything that the item says, a useless id included.
    pub(super) fn hash(&self) -> String {
        let id = self.id.as_ref().map(|(id, _)| id);
        digest(&(id, self), HASH_DIGITS)
    }
}

/// A record, with the fields of the schema `rss.items` in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    feed_url: String,
    pub(crate) id: String,
    id_source: IdSource,
    fetched_at: Timestamp,
    title: Option<String>,
    link: Option<String>,
    summary: Option<String>,
    content: Option<String>,
    authors: Vec<String>,
    categories: Vec<String>,
    pub(crate) published_at: Option<Timestamp>,
    published: Option<String>,
    updated_at: Option<Timestamp>,
    updated: Option<String>,
}

impl Item {
    pub(super) fn new(
        feed_url: &str,
        id: String,
        id_source: IdSource,
        fetched_at: Timestamp,
        draft: Draft,
    ) -> Item {
        let (id, id_source) = match id.len() > LONGEST_ID {
            true => (digest(&id, HASH_DIGITS), IdSource::Hash),
            false => (id, id_source),
        };
        Item {
            feed_url: feed_url.to_owned(),
            id,
            id_source,
            fetched_at,
            title: draft.title,
            link: draft.link,
            summary: draft.summary,
            content: draft.content,
            authors: draft.authors,
            categories: draft.categories,
            published_at: draft.published.as_deref().and_then(instant),
            published: draft.published,
            updated_at: draft.updated.as_deref().and_then(instant),
            updated: draft.updated,
        }
    }

    /// How many of its dates are only texts.
    pub(super) fn unread_dates(&self) -> u64 {
        let unread = |text: &Option<String>, at: Option<Timestamp>| u64::from(text.is_some() && at.is_none());
        unread(&self.published, self.published_at) + unread(&self.updated, self.updated_at)
    }

    /// What distinguishes it from other items and from what it was before it was edited.
    pub(crate) fn digest(&self) -> String {
        let facts = (&self.id, &self.title, &self.link, &self.summary, &self.content);
        digest(&(facts, &self.authors, &self.categories, &self.published, &self.updated), SEEN_DIGITS)
    }
}

fn digest(facts: &impl Serialize, digits: usize) -> String {
    // Texts and lists of them always serialize.
    let text = serde_json::to_string(facts).unwrap_or_default();
    let mut digest = Digest::of(text.as_bytes()).to_string();
    digest.truncate(digits);
    digest
}

/// A text on one line.
pub(super) fn one_line(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(line).filter(|line| !line.is_empty())
}

/// Texts on a line each, none twice.
pub(super) fn distinct<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in texts.filter_map(one_line) {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}
