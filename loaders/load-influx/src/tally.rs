//! What became of the points of a load.

use std::collections::BTreeMap;

use etl_component::signals;

use crate::reply;

/// How many refused points are named.
const NAMED: usize = 20;

/// A server that refuses so many, one after the other, and has taken none, will not take the next one.
const HOPELESS: u64 = 100;

/// How many requests are made to find refused points; beyond them they are counted as the server counts them.
const SEARCHES: u64 = 10_000;

/// Counts for all who send.
#[derive(Default)]
pub(crate) struct Tally {
    /// Points that are there.
    pub(crate) stored: u64,
    /// Points that the server refused, at the least.
    pub(crate) refused: u64,
    /// Points of requests that had no answer.
    pub(crate) unanswered: u64,
    /// Lines of some of those refused by the server's reason.
    named: BTreeMap<String, Vec<u64>>,
    /// There may be more of them.
    inexact: bool,
    searches: u64,
    /// The server is known to take points.
    takes: bool,
    /// The size, in bytes, that was too large for the server.
    pub(crate) too_large: Option<usize>,
}

impl Tally {
    /// Another load begins; what the server is like stays.
    pub(crate) fn clear(&mut self) {
        *self = Tally { too_large: self.too_large, ..Tally::default() };
    }

    /// Points are there.
    pub(crate) fn store(&mut self, points: usize) {
        self.takes = true;
        self.stored += points as u64;
        signals::sent(points as u64, "point");
    }

    /// The point of this line is refused.
    pub(crate) fn refuse(&mut self, line: u64, reason: &str) {
        self.refused += 1;
        if self.named.values().map(Vec::len).sum::<usize>() < NAMED {
            self.named.entry(reply::core(reason).to_owned()).or_default().push(line);
        }
    }

    /// So many of these points are refused, at the least, and the others there.
    pub(crate) fn count(&mut self, points: usize, refused: usize) {
        self.refused += refused as u64;
        self.inexact = true;
        self.store(points - refused);
    }

    /// Some of the points of a request are there.
    pub(crate) fn takes_points(&mut self) {
        self.takes = true;
    }

    /// Whether the refused points of a request may be searched for.
    pub(crate) fn may_search(&mut self) -> bool {
        self.searches += 1;
        self.searches <= SEARCHES
    }

    /// Whether nothing will come of sending more.
    pub(crate) fn is_hopeless(&self) -> bool {
        !self.takes && self.refused >= HOPELESS
    }

    /// A request of this size was too large.
    pub(crate) fn limit(&mut self, bytes: usize) {
        self.too_large = Some(self.too_large.map_or(bytes, |limit| limit.min(bytes)));
    }

    /// `refused 9 points, the other 3 sent are there: line 3: reason; lines 4, 5: reason; and 6 more`, in the order of the
    /// stream.
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
        let least = if self.inexact { "at least " } else { "" };
        let plural = if self.refused == 1 { "" } else { "s" };
        let others = match self.stored {
            0 => "none is there".to_owned(),
            stored => format!("the other {stored} sent are there"),
        };
        format!("refused {least}{} point{plural}, {others}: {}", self.refused, parts.join("; "))
    }
}
