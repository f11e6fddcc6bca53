//! RSS 0.9x, 1.0 (RDF) and 2.0: <https://www.rssboard.org/rss-specification>, <https://web.resource.org/rss/1.0/spec>.

use jiff::SignedDuration;

use super::item::{Draft, IdSource, distinct, one_line};
use super::{Hint, atom};
use crate::link::{has_scheme, resolve};
use crate::xml::{Element, Ns};

/// Whether this is an item, which is in the channel or, in RSS 1.0, beside it.
pub(super) fn is_item(element: &Element<'_>) -> bool {
    element.ns == Ns::Core && element.name.eq_ignore_ascii_case("item")
}

/// When the feed asks to be read.
pub(super) fn hint(root: &Element<'_>) -> Hint {
    root.all(Ns::Core, "channel").next().map(of_channel).unwrap_or_default()
}

/// The item that an element is.
pub(super) fn draft(item: &Element<'_>) -> Draft {
    let text = |ns, name| item.text(ns, name).map(str::to_owned);
    let (link, guid) = (link(item), item.all(Ns::Core, "guid").find_map(Element::content));
    // In RSS 1.0 this is the address of the item, whether it is also the link or not.
    let about = item.attribute("rdf:about").or(item.attribute("about"));
    let id = guid.map(|guid| (guid.to_owned(), IdSource::Guid));
    let id = id.or_else(|| item.text(Ns::Atom, "id").map(|id| (id.to_owned(), IdSource::Atom)));
    let id = id.or_else(|| about.map(|about| (resolve(&item.base, about), IdSource::Link)));
    let id = id.or_else(|| link.clone().map(|link| (link, IdSource::Link)));
    let authors = item.all(Ns::Core, "author").chain(item.all(Ns::Dc, "creator"));
    let authors = authors.chain(item.all(Ns::Itunes, "author")).filter_map(Element::content);
    let authors = authors.chain(item.all(Ns::Atom, "author").filter_map(atom::person));
    let categories = item.all(Ns::Core, "category").chain(item.all(Ns::Dc, "subject"));
    let title = item.text(Ns::Core, "title").or_else(|| item.text(Ns::Dc, "title"));
    let published = text(Ns::Core, "pubDate").or_else(|| text(Ns::Dc, "date"));
    let published = published.or_else(|| text(Ns::Atom, "published")).or_else(|| text(Ns::Dc, "issued"));
    let summary = text(Ns::Core, "description").or_else(|| text(Ns::Dc, "description"));
    Draft {
        id,
        title: title.and_then(one_line),
        link,
        summary: summary.or_else(|| text(Ns::Itunes, "summary")),
        content: text(Ns::Content, "encoded").or_else(|| text(Ns::Xhtml, "body")),
        authors: distinct(authors),
        categories: distinct(categories.filter_map(Element::content)),
        published: published.or_else(|| text(Ns::Dc, "created")).as_deref().and_then(one_line),
        updated: text(Ns::Atom, "updated").or_else(|| text(Ns::Dc, "modified")).as_deref().and_then(one_line),
    }
}

/// Where an item leads: its link, an Atom link in it, or a guid that is an address.
fn link(item: &Element<'_>) -> Option<String> {
    let own = item.all(Ns::Core, "link").find_map(|link| {
        let address = link.content().or(link.attribute("href"))?;
        Some(resolve(&link.base, address))
    });
    let permanent = || {
        let is_address = |guid: &&Element<'_>| {
            !guid.attribute("isPermaLink").is_some_and(|is| is.eq_ignore_ascii_case("false"))
        };
        let mut guids = item.all(Ns::Core, "guid").filter(is_address).filter_map(Element::content);
        guids.find(|guid| has_scheme(guid) && guid.contains("://")).map(str::to_owned)
    };
    own.or_else(|| atom::alternate(item.all(Ns::Atom, "link"))).or_else(permanent)
}

fn of_channel(channel: &Element<'_>) -> Hint {
    let minutes = |text: &str| text.parse::<u32>().ok().filter(|minutes| *minutes > 0);
    let ttl = channel.text(Ns::Core, "ttl").and_then(minutes);
    let ttl = ttl.map(|minutes| (SignedDuration::from_mins(minutes.into()), "ttl"));
    let hours = channel.all(Ns::Core, "skipHours").flat_map(|hours| hours.all(Ns::Core, "hour"));
    let hours = hours.filter_map(|hour| hour.content()?.parse().ok());
    // RSS 0.91 counts from 1 to 24, RSS 2.0 from 0 to 23.
    let skip_hours = hours.filter(|hour| (0..=24).contains(hour)).map(|hour: i8| hour % 24).collect();
    Hint { every: ttl.or_else(|| period(channel)), skip_hours }
}

/// <https://web.resource.org/rss/1.0/modules/syndication/>
fn period(channel: &Element<'_>) -> Option<(SignedDuration, &'static str)> {
    let hours = match channel.text(Ns::Syndication, "updatePeriod")?.to_ascii_lowercase().as_str() {
        "hourly" => 1,
        "daily" => 24,
        "weekly" => 24 * 7,
        "monthly" => 24 * 30,
        "yearly" => 24 * 365,
        _ => return None,
    };
    let times = channel.text(Ns::Syndication, "updateFrequency").and_then(|times| times.parse::<i32>().ok());
    Some((
        SignedDuration::from_hours(hours) / times.filter(|times| *times > 0).unwrap_or(1),
        "sy:updatePeriod",
    ))
}
