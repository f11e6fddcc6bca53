//! What became of the points of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use etl_component::{counted, signals};

use crate::batch::{Batch, Origin};
use crate::reply;
use crate::settings::{Terms, TooOld};

/// How many refused points are named.
const NAMED: usize = 20;

/// A server that has refused this many points in a row and accepted none will not accept the next one.
const HOPELESS: u64 = 100;

/// How many requests are made to find refused points; after that, the server's own count is the least number.
const SEARCHES: u64 = 10_000;

/// Counts that all senders share.
pub(crate) struct Tally {
    terms: Terms,
    /// Points that are stored.
    pub(crate) stored: u64,
    /// Points that the server refused, without those that are left out.
    refused: Named,
    /// How many of them cannot be set aside.
    failing: u64,
    /// Points that were too old, and are left out.
    left_out: Named,
    /// By the number of the table.
    tables: BTreeMap<usize, Missing>,
    /// Points of requests that had no answer.
    pub(crate) unanswered: u64,
    /// Points that may be stored or refused: the search for the refused ones was given up.
    unknown: u64,
    searches: u64,
    /// Whether the server is known to accept points.
    takes: bool,
    /// The smallest size, in bytes, that was too large for the server.
    pub(crate) too_large: Option<usize>,
}

/// The points of a table that are not stored although the load may succeed.
#[derive(Default)]
pub(crate) struct Missing {
    /// The positions of those that are set aside, each with the server's reason.
    pub(crate) aside: Vec<(u64, Arc<str>)>,
    /// How many were too old, and are left out.
    pub(crate) too_old: u64,
    /// How many of them would have overwritten another point, or been overwritten.
    pub(crate) doubled: u64,
}

impl Tally {
    /// Counts nothing yet.
    pub(crate) fn new(terms: Terms) -> Tally {
        Tally {
            terms,
            stored: 0,
            refused: Named::default(),
            failing: 0,
            left_out: Named::default(),
            tables: BTreeMap::new(),
            unanswered: 0,
            unknown: 0,
            searches: 0,
            takes: false,
            too_large: None,
        }
    }

    /// Begins another load; the server's limit stays known.
    pub(crate) fn clear(&mut self) {
        *self = Tally { too_large: self.too_large, ..Tally::new(self.terms) };
    }

    /// Counts points that are stored.
    pub(crate) fn store(&mut self, points: usize) {
        self.takes = true;
        self.stored += points as u64;
        signals::sent(points as u64, "point");
    }

    /// Counts the point of this record as refused.
    pub(crate) fn refuse(&mut self, origin: Origin, reason: &str) {
        let core = reply::core(reason);
        let is_too_old = reply::is_too_old(&core);
        if is_too_old && self.terms.too_old == TooOld::Warn {
            self.left_out.push(origin.line, &core);
            self.tables.entry(origin.table).or_default().too_old += 1;
            return;
        }
        let reason = self.refused.push(origin.line, &core);
        if self.terms.aside == 0 || is_too_old && self.terms.too_old == TooOld::Fail {
            self.failing += 1;
        } else {
            self.tables.entry(origin.table).or_default().aside.push((origin.position, reason));
        }
    }

    /// The points at these places are all of this batch that are refused.
    pub(crate) fn settle(&mut self, batch: &Batch, refused: &[usize]) {
        for point in batch.doubled(refused) {
            self.tables.entry(point.origin.table).or_default().doubled += 1;
        }
    }

    /// Counts at least `refused` of these points as refused; of the others it is not known.
    pub(crate) fn count(&mut self, points: usize, refused: usize) {
        self.refused.count += refused as u64;
        self.failing += refused as u64;
        self.unknown += (points - refused) as u64;
    }

    /// Some of the points of a request are stored.
    pub(crate) fn takes_points(&mut self) {
        self.takes = true;
    }

    /// Whether the refused points of a request may be searched for.
    pub(crate) fn may_search(&mut self) -> bool {
        self.searches += 1;
        self.searches <= SEARCHES
    }

    /// Whether it is pointless to send more.
    pub(crate) fn is_hopeless(&self) -> bool {
        !self.takes && self.refused.count >= HOPELESS.max(self.terms.aside)
    }

    /// Remembers that a request of this size, in bytes, was too large.
    pub(crate) fn limit(&mut self, bytes: usize) {
        self.too_large = Some(self.too_large.map_or(bytes, |limit| limit.min(bytes)));
    }

    /// The least number of points that the server refused, without those that are left out.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.count
    }

    /// Whether the load fails, unless what was refused can be set aside.
    pub(crate) fn fails(&self, can_set_aside: bool) -> bool {
        self.failing + self.unknown > 0 || self.refused.count > 0 && !can_set_aside
    }

    /// Takes what is missing of the table of this number.
    pub(crate) fn missing(&mut self, table: usize) -> Missing {
        self.tables.remove(&table).unwrap_or_default()
    }

    /// `2 points were too old and are left out: lines 1, 3: reason`; nothing the second time.
    pub(crate) fn take_left_out(&mut self) -> Option<String> {
        let left_out = std::mem::take(&mut self.left_out);
        let count = left_out.count;
        let points = counted(count, "point was too old and is", "points were too old and are");
        (count > 0).then(|| format!("{points} left out: {left_out}"))
    }

    /// The first line among those of the refused points that are named.
    pub(crate) fn first(&self) -> Option<u64> {
        self.refused.lines.values().flatten().min().copied()
    }

    /// `refused 9 points, the other 3 sent were stored: line 3: reason; lines 4, 5: reason; and 6 more`, in the order
    /// of the stream.
    pub(crate) fn refusals(&self) -> String {
        let least = if self.unknown > 0 { "at least " } else { "" };
        let points = counted(self.refused.count, "point", "points");
        let others = match (self.stored, self.unknown) {
            (0, 0) => "none was stored".to_owned(),
            (0, unknown) => format!("the other {unknown} sent may be stored or not"),
            (1, 0) => "the other 1 sent was stored".to_owned(),
            (stored, 0) => format!("the other {stored} sent were stored"),
            (stored, unknown) => {
                format!("{stored} sent were stored, the other {unknown} may be stored or not")
            }
        };
        let mut text = format!("refused {least}{points}, {others}: {}", self.refused);
        let mut reasons = self.refused.lines.keys();
        if self.terms.too_old == TooOld::Reject && reasons.any(|reason| reply::is_too_old(reason)) {
            text += "; --too-old warn leaves out what is too old";
        }
        text
    }
}

/// Points by the server's reason, of which the first ones are named by their lines.
#[derive(Default)]
struct Named {
    lines: BTreeMap<Arc<str>, Vec<u64>>,
    count: u64,
}

impl Named {
    /// Adds the point of a line, and returns the reason.
    fn push(&mut self, line: u64, reason: &str) -> Arc<str> {
        self.count += 1;
        let is_named = self.lines.values().map(Vec::len).sum::<usize>() < NAMED;
        let known = self.lines.get_key_value(reason).map(|(known, _)| Arc::clone(known));
        let reason = known.unwrap_or_else(|| reason.into());
        if is_named {
            self.lines.entry(Arc::clone(&reason)).or_default().push(line);
        }
        reason
    }
}

/// `line 3: reason; lines 4, 5: reason; and 6 more`
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<(Vec<u64>, &str)> = Vec::new();
        for (reason, lines) in &self.lines {
            let mut lines = lines.clone();
            lines.sort_unstable();
            groups.push((lines, reason));
        }
        groups.sort();
        let named: usize = groups.iter().map(|(lines, _)| lines.len()).sum();
        let mut parts: Vec<String> = groups
            .iter()
            .map(|(lines, reason)| {
                let list: Vec<String> = lines.iter().map(ToString::to_string).collect();
                format!("line{} {}: {reason}", if lines.len() > 1 { "s" } else { "" }, list.join(", "))
            })
            .collect();
        if self.count > named as u64 {
            parts.push(format!("and {} more", self.count - named as u64));
        }
        f.write_str(&parts.join("; "))
    }
}
