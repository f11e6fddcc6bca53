//! JSON Feed: <https://www.jsonfeed.org/version/1.1/>.

use etl_http::json::{self, Mismatch, Object, Shape};
use serde_json::Value;

use super::item::{Draft, IdSource, distinct, one_line};
use super::{Feed, Hint};
use crate::link::resolve;

/// The feed in a JSON document.
///
/// # Errors
/// If it is another kind of JSON, or ends early.
pub(super) fn feed(text: &str, base: &str) -> Shape<Feed> {
    let feed = json::object(text.as_bytes())?;
    let is_feed = |version: &String| version.contains("jsonfeed.org/version/");
    if feed.text("version").ok().flatten().filter(is_feed).is_none() {
        return Err(Mismatch::new("JSON whose `version` is not that of a JSON Feed"));
    }
    let of_feed = authors(&feed);
    let items = feed.list("items")?;
    let drafts = items.iter().map(|item| draft(item, base, &of_feed)).collect();
    Ok(Feed { drafts, hint: Hint::default(), mended: 0 })
}

fn draft(item: &Object<'_>, base: &str, of_feed: &[String]) -> Draft {
    let text = |key| words(&value(item, key));
    let link = text("url").or_else(|| text("external_url")).map(|url| resolve(base, url.trim()));
    let id = text("id").map(|id| (id.trim().to_owned(), IdSource::Guid));
    let mut authors = authors(item);
    if authors.is_empty() {
        authors = of_feed.to_vec();
    }
    let tags = value(item, "tags");
    let tags: Vec<String> = tags.as_array().into_iter().flatten().filter_map(words).collect();
    Draft {
        id: id.or_else(|| link.clone().map(|link| (link, IdSource::Link))),
        title: text("title").as_deref().and_then(one_line),
        link,
        summary: text("summary"),
        content: text("content_html").or_else(|| text("content_text")),
        authors,
        categories: distinct(tags.iter().map(String::as_str)),
        published: text("date_published").as_deref().and_then(one_line),
        updated: text("date_modified").as_deref().and_then(one_line),
    }
}

/// Version 1.1 has a list, version 1 one author.
fn authors(of: &Object<'_>) -> Vec<String> {
    let (list, one) = (value(of, "authors"), value(of, "author"));
    let people = list.as_array().into_iter().flatten().chain([&one]);
    let names: Vec<String> =
        people.filter_map(|person| words(&person["name"]).or_else(|| words(&person["url"]))).collect();
    distinct(names.iter().map(String::as_str))
}

fn value(of: &Object<'_>, key: &str) -> Value {
    of.raw(key).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A text; also an id that is a number, as the specification asks readers to take it.
fn words(value: &Value) -> Option<String> {
    let words = match value {
        Value::String(text) => text.replace('\0', "\u{fffd}"),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(words).filter(|words| !words.trim().is_empty())
}
