//! Spans of time that a search for runs is narrowed to (`created`), since GitHub lists no more than 1,000 of its results.

use etl_extract::Window;
use jiff::Timestamp;

/// The runs that a search lists at most: those beyond are counted, and never shown.
pub(crate) const MOST: i64 = 1000;

/// The first day of 2018, in Unix seconds: the year in which GitHub's workflows began.
const FIRST: i64 = 1_514_764_800;

/// A half-open span in Unix seconds, which is how finely GitHub keeps when a run was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    since: Option<i64>,
    until: Option<i64>,
}

impl Span {
    /// The whole seconds that a window touches.
    pub(crate) fn of(window: Window) -> Span {
        let up = |at: Timestamp| at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        Span { since: window.since.map(Timestamp::as_second), until: window.until.map(up) }
    }

    /// The parameter `created`, whose ends both belong to it; none without an end.
    pub(crate) fn created(self) -> Option<String> {
        match (self.since.map(text), self.until.map(|until| text(until - 1))) {
            (None, None) => None,
            (Some(since), None) => Some(format!(">={since}")),
            (None, Some(last)) => Some(format!("<={last}")),
            (Some(since), Some(last)) => Some(format!("{since}..{last}")),
        }
    }

    /// Its two halves, the newer one first, which together are as open as it is; `None` for a single second. `now` only
    /// decides where a span without an end is cut.
    pub(crate) fn halves(self, now: Timestamp) -> Option<[Span; 2]> {
        let since = self.since.unwrap_or(FIRST);
        let until = self.until.unwrap_or(now.as_second() + 1);
        let middle = since + (until - since) / 2;
        (since < middle).then_some([
            Span { since: Some(middle), until: self.until },
            Span { since: self.since, until: Some(middle) },
        ])
    }
}

/// An instant as a search takes it.
fn text(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests;
