//! A batch in parts: what is refused is sent again until each refused point is known.

use std::collections::BTreeMap;
use std::ops::Range;

use etl_component::{Fault, signals};

use crate::batch::Batch;
use crate::reply::{self, Answer};
use crate::send::Sender;

/// Sends a batch; the tally then says what became of it.
///
/// # Errors
/// What is not the fault of a point.
pub(crate) fn send(sender: &Sender, batch: &Batch) -> Result<(), Fault> {
    let mut parts = Parts { sender, batch, refused: Vec::new() };
    let sent = parts.send(0..batch.points.len());
    let refused = parts.refused;
    if !refused.is_empty() {
        sender.tally().settle(batch, &refused);
    }
    sent
}

/// A batch on its way.
struct Parts<'a> {
    sender: &'a Sender,
    batch: &'a Batch,
    /// The places of the points that are refused.
    refused: Vec<usize>,
}

impl Parts<'_> {
    /// Sends a part. If it is sent again in two parts, they are sent in order: otherwise a point of the first one would
    /// replace the same one in the second.
    fn send(&mut self, points: Range<usize>) -> Result<(), Fault> {
        let mut rest = Some(points);
        while let Some(points) = rest.take().filter(|points| !points.is_empty()) {
            let (count, text) = (points.len(), self.batch.text(points.clone()));
            let is_too_large = |limit| text.len() >= limit;
            if count > 1 && self.sender.tally().too_large.is_some_and(is_too_large) {
                return self.halves(points);
            }
            let _under_way = signals::sending(count as u64, "point");
            match self.sender.send(count, text)? {
                Answer::Stored => self.sender.tally().store(count),
                Answer::Partial { reason, dropped } => self.partial(points, &reason, dropped)?,
                Answer::Named(named) => self.named(points, named)?,
                Answer::One(place, reason) if (1..=count).contains(&place) => {
                    rest = self.one(points, place - 1, &reason)?;
                }
                Answer::TooLarge(_) if count > 1 => {
                    self.sender.tally().limit(text.len());
                    self.halves(points)?;
                }
                Answer::Refused(_) | Answer::One(..) if count > 1 => self.search(points, 1)?,
                Answer::Refused(reason) | Answer::TooLarge(reason) | Answer::One(_, reason) => {
                    self.refuse(points, &reason);
                    self.check_hope()?;
                }
            }
        }
        Ok(())
    }

    /// Some of these points are refused, so many at least, and the others are stored.
    fn partial(&mut self, points: Range<usize>, reason: &str, dropped: usize) -> Result<(), Fault> {
        self.sender.tally().takes_points();
        let count = points.len();
        if dropped >= count || count == 1 {
            self.refuse(points, reason);
            return Ok(());
        }
        // What InfluxDB 1 and 2 drop because of its age is older than all that they keep of the request (`MapShards` of
        // their `PointsWriter`). A line that they cannot read is not counted.
        let is_too_old = dropped > 0 && reply::is_too_old(reason);
        match is_too_old.then(|| self.batch.oldest(points.clone(), dropped)).flatten() {
            Some(oldest) => {
                let rest = points.filter(|place| oldest.binary_search(place).is_err()).collect();
                self.refuse(oldest, reason);
                self.again(rest)
            }
            None => self.search(points, dropped.max(1)),
        }
    }

    /// Sends the points at these places again, in a batch of their own.
    fn again(&mut self, places: Vec<usize>) -> Result<(), Fault> {
        let mut batch = Batch::default();
        for &place in &places {
            let point = &self.batch.points[place];
            batch.push(self.batch.text(place..place + 1), point.origin, point.key);
        }
        let mut parts = Parts { sender: self.sender, batch: &batch, refused: Vec::new() };
        let sent = parts.send(0..places.len());
        self.refused.extend(parts.refused.iter().map(|&refused| places[refused]));
        sent
    }

    /// These of the points are refused, by their place from 1, and the others are stored.
    fn named(&mut self, points: Range<usize>, named: Vec<(usize, String)>) -> Result<(), Fault> {
        self.sender.tally().takes_points();
        let reasons: BTreeMap<usize, String> = named.into_iter().collect();
        let count = points.len();
        if reasons.range(1..=count).count() < reasons.len() {
            // It counts lines in another way than we do.
            return self.search(points, 1);
        }
        for (place, reason) in &reasons {
            self.refuse([points.start + place - 1], reason);
        }
        self.sender.tally().store(count - reasons.len());
        Ok(())
    }

    /// The point at this place among these, from 0, is refused, and nothing is stored. Sends those before it, and returns
    /// those after it, which are still to be sent.
    fn one(
        &mut self,
        points: Range<usize>,
        place: usize,
        reason: &str,
    ) -> Result<Option<Range<usize>>, Fault> {
        let place = points.start + place;
        self.refuse([place], reason);
        self.check_hope()?;
        if !self.sender.tally().may_search() {
            self.sender.tally().count(points.len() - 1, 0);
            return Ok(None);
        }
        self.send(points.start..place)?;
        Ok(Some(place + 1..points.end))
    }

    /// Sends the halves of what was refused, unless that has become too many requests: then at least `least` of the
    /// points are refused.
    fn search(&mut self, points: Range<usize>, least: usize) -> Result<(), Fault> {
        let mut tally = self.sender.tally();
        if !tally.may_search() {
            tally.count(points.len(), least);
            return Ok(());
        }
        drop(tally);
        self.halves(points)
    }

    fn halves(&mut self, points: Range<usize>) -> Result<(), Fault> {
        let middle = points.start + points.len() / 2;
        self.send(points.start..middle)?;
        self.send(middle..points.end)
    }

    fn refuse(&mut self, places: impl IntoIterator<Item = usize>, reason: &str) {
        let mut tally = self.sender.tally();
        for place in places {
            tally.refuse(self.batch.points[place].origin, reason);
            self.refused.push(place);
        }
    }

    /// # Errors
    /// 3 if it is pointless to send more.
    fn check_hope(&self) -> Result<(), Fault> {
        if !self.sender.tally().is_hopeless() {
            return Ok(());
        }
        let address = self.sender.address();
        Err(Fault::data(format!("{address}: no point is accepted, so no more are sent")))
    }
}
