//! What is known of a feed from one run to the next.

use std::collections::HashSet;

use etl_http::{Reply, Request};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mapping::{Hint, Item};

/// How many items a feed's state remembers that are no longer in the feed.
const REMEMBERED: usize = 1000;

/// The state of a feed.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feed {
    /// When it was last asked for.
    fetched_at: Option<Timestamp>,
    /// The validators of the last document (RFC 9110, section 8.8).
    etag: Option<String>,
    last_modified: Option<String>,
    /// Digests of the items that were written, those of the last document first.
    seen: Vec<String>,
}

impl Feed {
    /// Asks for the document only if it is another one than last time: by both validators, as some servers know only one.
    pub(crate) fn ask(&self, request: Request) -> Request {
        let validators = [("If-None-Match", &self.etag), ("If-Modified-Since", &self.last_modified)];
        let sent = validators.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        sent.fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Whether a 304 may be the answer.
    pub(crate) fn is_conditional(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }

    /// The document is the same.
    pub(crate) fn unchanged(self, reply: &Reply) -> Feed {
        Feed { fetched_at: Some(reply.fetched_at), ..self }
    }

    /// The state after this document, and which of its items were not written before as they are.
    pub(crate) fn after<'i>(self, reply: &Reply, items: &'i [Item]) -> (Feed, Vec<&'i Item>) {
        // A header that could not be sent back is no validator.
        let validator = |name| {
            let value =
                reply.header(name).filter(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let known: HashSet<&str> = self.seen.iter().map(String::as_str).collect();
        let mut seen: Vec<String> = items.iter().map(Item::digest).collect();
        let new = items.iter().zip(&seen).filter(|(_, digest)| !known.contains(digest.as_str()));
        let new = new.map(|(item, _)| item).collect();
        let current: HashSet<String> = seen.iter().cloned().collect();
        seen.extend(self.seen.iter().filter(|digest| !current.contains(*digest)).take(REMEMBERED).cloned());
        let (etag, last_modified) = (validator("etag"), validator("last-modified"));
        (Feed { fetched_at: Some(reply.fetched_at), etag, last_modified, seen }, new)
    }

    /// What the feed asks of its readers and this run has not kept to.
    pub(crate) fn too_early(&self, fetched_at: Timestamp, hint: &Hint) -> Option<String> {
        let hour = jiff::tz::TimeZone::UTC.to_datetime(fetched_at).hour();
        if hint.skip_hours.contains(&hour) {
            return Some(format!(
                "the feed asks not to be read between {hour} and {} o'clock UTC (skipHours)",
                hour + 1
            ));
        }
        let ((every, element), passed) = (hint.every?, fetched_at.duration_since(self.fetched_at?));
        (passed < every).then(|| {
            let (every, passed) = (every.as_mins(), passed.as_mins());
            format!("read again after {passed} min; the feed asks to be read once in {every} min ({element})")
        })
    }
}
