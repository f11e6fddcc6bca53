//! Reply → items, as pure functions: no network, no clock.

mod atom;
mod item;
mod json;
mod rss;

use std::collections::{BTreeMap, BTreeSet};

use etl_component::{Class, Fault};
use etl_http::json::Shape;
use etl_http::{Reply, Verdict, quote};
use etl_stream::counted;
use jiff::{SignedDuration, Timestamp};

use crate::{text, xml};
use item::{Draft, IdSource};

pub(crate) use item::Item;

/// The roots of feeds: RSS 0.9x and 2.0; RSS 0.9 and 1.0; Atom.
const ROOTS: [&str; 3] = ["rss", "rdf", "feed"];

/// What one reply became.
#[derive(Debug, Default)]
pub(crate) struct Mapped {
    /// In the order of the reply, none twice.
    pub(crate) items: Vec<Item>,
    /// What is odd about the reply but does not make it wrong.
    pub(crate) warnings: Vec<String>,
    /// When the feed asks to be read.
    pub(crate) hint: Hint,
}

/// When a feed asks to be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hint {
    /// Not again before this time, and which element says so.
    pub(crate) every: Option<(SignedDuration, &'static str)>,
    /// Not in these hours of the day, in UTC.
    pub(crate) skip_hours: Vec<i8>,
}

/// A feed of any kind: its items as it has them.
#[derive(Debug, Default)]
struct Feed {
    drafts: Vec<Draft>,
    hint: Hint,
    mended: usize,
}

/// The items of the feed that was asked for as `feed_url`.
///
/// # Errors
/// 76 if the reply is not a whole feed; the message says what it is.
pub(crate) fn items(feed_url: &str, reply: &Reply) -> Result<Mapped, Fault> {
    let read = text::decode(&reply.body, reply.header("content-type"));
    // Relative addresses are relative to where the document was found.
    let base = reply.redirect.as_ref().map_or(feed_url, |redirect| redirect.to.as_str());
    let feed = feed(&read.text, base).map_err(|why| {
        let kind = reply.header("content-type").map_or("no content type".to_owned(), quote);
        Fault::new(Class::Protocol, format!("{}: not a feed ({kind}): {why}", reply.host))
    })?;
    let mut mapped = Mapped { items: Vec::new(), warnings: Vec::new(), hint: feed.hint };
    mapped.warnings.extend(read.warning);
    if feed.mended > 0 {
        let tags = counted(feed.mended as u64, "tag", "tags");
        mapped.warnings.push(format!("the document is not quite XML: {tags} without a partner"));
    }
    finish(&mut mapped, feed_url, reply.fetched_at, feed.drafts);
    Ok(mapped)
}

fn feed(text: &str, base: &str) -> Shape<Feed> {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if start.starts_with('{') {
        return json::feed(start, base);
    }
    let mut drafts: Vec<(usize, Draft)> = Vec::new();
    let document = xml::parse(start, base, &ROOTS, &mut |root, element| {
        let is_atom = root.eq_ignore_ascii_case("feed");
        let is_item = if is_atom { atom::is_item(element) } else { rss::is_item(element) };
        if is_item {
            drafts.push((element.at, if is_atom { atom::draft(element) } else { rss::draft(element) }));
        }
        is_item
    })?;
    // Where an end tag is missing, an item may end within another one.
    drafts.sort_by_key(|(at, _)| *at);
    let mut drafts: Vec<Draft> = drafts.into_iter().map(|(_, draft)| draft).collect();
    atom::finish(&document.root, &mut drafts);
    Ok(Feed { drafts, hint: rss::hint(&document.root), mended: document.mended })
}

/// Gives the items their ids; of an item that is there twice, the first counts.
fn finish(mapped: &mut Mapped, feed_url: &str, fetched_at: Timestamp, mut drafts: Vec<Draft>) {
    let mut warn = |count: u64, one: &str, many: &str, what: &str| {
        if count > 0 {
            mapped.warnings.push(format!("{} {what}", counted(count, one, many)));
        }
    };
    let reused = reused(&drafts);
    let what = "of several items, which are identified by what they say instead";
    warn(reused.len() as u64, "id is", "ids are", what);
    for draft in &mut drafts {
        if draft.id.as_ref().is_none_or(|(id, _)| reused.contains(id)) {
            draft.id = Some((draft.hash(), IdSource::Hash));
        }
    }
    let (mut seen, mut twice, mut unread) = (BTreeSet::new(), 0, 0);
    for draft in drafts {
        let Some((id, id_source)) = draft.id.clone() else { continue };
        if !seen.insert(id.clone()) {
            twice += 1;
            continue;
        }
        let item = Item::new(feed_url, id, id_source, fetched_at, draft);
        unread += item.unread_dates();
        mapped.items.push(item);
    }
    warn(twice, "item is", "items are", "in the document again: the first one counts");
    warn(unread, "date is", "dates are", "kept as text only: without a zone, or not in the form of feeds");
}

/// The ids that items with different titles or links share: they identify none of them.
fn reused(drafts: &[Draft]) -> BTreeSet<String> {
    let mut first: BTreeMap<&str, &Draft> = BTreeMap::new();
    let mut reused = BTreeSet::new();
    for draft in drafts {
        let Some((id, _)) = &draft.id else { continue };
        let known = first.entry(id).or_insert(draft);
        if known.title != draft.title || known.link != draft.link {
            reused.insert(id.clone());
        }
    }
    reused
}

/// What statuses mean for a feed.
pub(crate) fn judge(reply: &Reply) -> Option<Verdict> {
    let fail = |class, message: &str| {
        Some(Verdict::Fail { class, message: format!("{}: {message}", reply.status_line()) })
    };
    match reply.status {
        410 => fail(Class::Config, "the feed is gone for good, and need not be asked for again"),
        403 if reply.is_html() => {
            fail(Class::Denied, "with an HTML page, such as the challenge that some servers send to robots")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
