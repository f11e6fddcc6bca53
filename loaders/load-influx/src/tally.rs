//! What became of the points of a load.

use std::collections::BTreeMap;

use etl_component::{counted, signals};

use crate::reply;

/// How many refused points are named.
const NAMED: usize = 20;

/// A server that has refused this many points in a row and accepted none will not accept the next one.
const HOPELESS: u64 = 100;

/// How many requests are made to find refused points; after that, the server's own count is the least number.
const SEARCHES: u64 = 10_000;

/// Counts that all senders share.
#[derive(Default)]
pub(crate) struct Tally {
    /// Points that are stored.
    pub(crate) stored: u64,
    /// The least number of points that the server refused.
    pub(crate) refused: u64,
    /// Points of requests that had no answer.
    pub(crate) unanswered: u64,
    /// The lines of some of the refused points, by the server's reason.
    named: BTreeMap<String, Vec<u64>>,
    /// Points that may be stored or refused: the search for the refused ones was given up.
    unknown: u64,
    searches: u64,
    /// Whether the server is known to accept points.
    takes: bool,
    /// The smallest size, in bytes, that was too large for the server.
    pub(crate) too_large: Option<usize>,
}

impl Tally {
    /// Begins another load; the server's limit stays known.
    pub(crate) fn clear(&mut self) {
        *self = Tally { too_large: self.too_large, ..Tally::default() };
    }

    /// Counts points that are stored.
    pub(crate) fn store(&mut self, points: usize) {
        self.takes = true;
        self.stored += points as u64;
        signals::sent(points as u64, "point");
    }

    /// Counts the point of this line as refused.
    pub(crate) fn refuse(&mut self, line: u64, reason: &str) {
        self.refused += 1;
        if self.named.values().map(Vec::len).sum::<usize>() < NAMED {
            self.named.entry(reply::core(reason).to_owned()).or_default().push(line);
        }
    }

    /// Counts at least `refused` of these points as refused; of the others it is not known.
    pub(crate) fn count(&mut self, points: usize, refused: usize) {
        self.refused += refused as u64;
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
        !self.takes && self.refused >= HOPELESS
    }

    /// Remembers that a request of this size, in bytes, was too large.
    pub(crate) fn limit(&mut self, bytes: usize) {
        self.too_large = Some(self.too_large.map_or(bytes, |limit| limit.min(bytes)));
    }

    /// The first line among those of the refused points that are named.
    pub(crate) fn first(&self) -> Option<u64> {
        self.named.values().flatten().min().copied()
    }

    /// `refused 9 points, the other 3 sent were stored: line 3: reason; lines 4, 5: reason; and 6 more`, in the order
    /// of the stream.
    pub(crate) fn refusals(&self) -> String {
        let mut groups: Vec<(Vec<u64>, &str)> = Vec::new();
        for (reason, lines) in &self.named {
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
        if self.refused > named as u64 {
            parts.push(format!("and {} more", self.refused - named as u64));
        }
        let least = if self.unknown > 0 { "at least " } else { "" };
        let points = counted(self.refused, "point", "points");
        let others = match (self.stored, self.unknown) {
            (0, 0) => "none was stored".to_owned(),
            (0, unknown) => format!("the other {unknown} sent may be stored or not"),
            (1, 0) => "the other 1 sent was stored".to_owned(),
            (stored, 0) => format!("the other {stored} sent were stored"),
            (stored, unknown) => {
                format!("{stored} sent were stored, the other {unknown} may be stored or not")
            }
        };
        format!("refused {least}{points}, {others}: {}", parts.join("; "))
    }
}
