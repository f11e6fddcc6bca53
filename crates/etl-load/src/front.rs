//! Reads the stream, holding the first part back.
//!
//! [`Front::hold_back`] reads until [`HELD`] bytes are there or the stream has ended whole; only then is it worth
//! opening a transaction, and until then all of it can be given once more. [`Front::next`] gives what was held and then what
//! follows, as the reader would have. This is also the seam for other encodings: whatever decodes Singer or Airbyte messages gives the same events here.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault};
use etl_stream::reader::Totals;
use etl_stream::{Begin, Digest, Event, Line, Reader, Segment};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde_json::value::RawValue;

/// How much is held back, in bytes of records.
pub const HELD: usize = 8 << 20;

/// The longest line that fits behind the held bytes without moving them.
const SPARE: usize = 64 << 10;

/// Something in the held bytes, before the record that starts there.
enum Mark {
    Begin(Begin),
    State(Box<RawValue>),
    End(Segment),
    /// Where the record is in the stream, if that does not follow from where the one before is.
    Place(Place),
}

/// What a mark costs in memory, besides the texts it owns.
const MARK: usize = 2 * size_of::<(usize, Mark)>();

/// Where a record is in the stream, and how its place and length give that of the next one.
#[derive(Clone, Copy, Default, PartialEq)]
struct Place {
    number: u64,
    offset: u64,
    /// The length of the line end: 1, or 2 for `\r\n`.
    line_end: u64,
}

impl Place {
    /// The place of a line that follows one of this length directly.
    fn after(self, length: usize) -> Place {
        Place { number: self.number + 1, offset: self.offset + length as u64 + self.line_end, ..self }
    }

    /// The place of the next line, when it is `next` that was expected there: line ends mostly stay as they are.
    fn learn(line: Line<'_>, next: Place) -> Place {
        let gap = line.offset.saturating_sub(next.offset).saturating_add(next.line_end);
        let line_end = if line.number == next.number { gap } else { next.line_end };
        Place { number: line.number, offset: line.offset, line_end }
    }
}

/// Where an endless input is cut into loads; what is not set cuts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// After so many records.
    pub every: Option<u64>,
    /// So long after the first event of the load.
    pub interval: Option<Duration>,
}

/// The stream as a loader reads it: one load, or several one after the other.
///
/// Each load starts with [`Front::hold_back`]; [`Front::next`] returns `None` at its end, [`Front::rewind`] starts it
/// again while all that was read of it is still there, and [`Front::is_over`] tells whether another one may follow.
pub struct Front<R> {
    reader: Reader<R>,
    cuts: Cuts,
    /// What the reader reads from, to wait on.
    input: Option<File>,
    /// Records, each with a newline.
    held: Vec<u8>,
    marks: Vec<(usize, Mark)>,
    /// How far the held bytes and marks were given out, and the place of the record there.
    given: usize,
    mark: usize,
    place: Place,
    /// The held bytes are no longer there.
    dropped: bool,
    load: Progress,
    ended: bool,
}

/// How far the load at hand has been read.
#[derive(Default)]
struct Progress {
    records: u64,
    since: Option<Instant>,
    in_segment: bool,
    /// The load's digest, once it has been read whole.
    digest: Option<Digest>,
}

impl Progress {
    fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Begin(_) => self.in_segment = true,
            Event::Record(_) => self.records += 1,
            Event::State(_) => (),
            Event::End(_) => self.in_segment = false,
        }
        if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }
}

impl Front<File> {
    /// Cuts the stream into loads.
    ///
    /// # Errors
    /// 74 if the input cannot be waited for.
    pub fn cut(self, cuts: Cuts) -> Result<Front<File>, Fault> {
        let cannot = |error| Fault::new(Class::Io, "cannot wait for the input").because(error);
        let input = self.reader.source().try_clone().map_err(cannot)?;
        Ok(Front { cuts, input: Some(input), ..self })
    }
}

impl<R: Read> Front<R> {
    /// A front on this reader: one load.
    pub fn new(reader: Reader<R>) -> Front<R> {
        Front {
            reader,
            cuts: Cuts::default(),
            input: None,
            held: Vec::new(),
            marks: Vec::new(),
            given: 0,
            mark: 0,
            place: Place::default(),
            dropped: false,
            load: Progress::default(),
            ended: false,
        }
    }

    /// Starts a load: reads until 8 MiB are held or the load has ended, verified. `peek` sees every `begin`, and `None`
    /// for the first record outside a segment, as soon as it is read: the moment to check the target.
    ///
    /// # Errors
    /// Those of the reader, and those of `peek`.
    pub fn hold_back(
        &mut self,
        mut peek: impl FnMut(Option<&Begin>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.held.clear();
        self.marks.clear();
        (self.given, self.mark, self.place, self.dropped) = (0, 0, Place::default(), false);
        self.load = Progress::default();
        // Pages are touched as they fill, so a short stream costs what it is long.
        self.held.reserve_exact(HELD + SPARE);
        let (mut next, mut known, mut owned) = (Place { line_end: 1, ..Place::default() }, false, 0);
        while self.held.len() + self.marks.len() * MARK + owned < HELD && !self.is_full()? {
            let at = self.held.len();
            let event = self.reader.next()?;
            event.iter().for_each(|event| self.load.count(event));
            match event {
                None => {
                    self.ended = true;
                    self.load.digest = Some(self.reader.digest());
                    break;
                }
                Some(Event::Begin(begin)) => {
                    peek(Some(&begin))?;
                    known = true;
                    owned += begin.size();
                    self.marks.push((at, Mark::Begin(begin)));
                }
                Some(Event::State(value)) => {
                    owned += value.get().len();
                    // Of states without a record between them the last one counts.
                    if let Some((_, Mark::State(before))) = self.marks.pop_if(|mark| is_state_at(mark, at)) {
                        owned -= before.get().len();
                    }
                    self.marks.push((at, Mark::State(value)));
                }
                Some(Event::End(segment)) => {
                    owned += segment.id.len();
                    self.marks.push((at, Mark::End(segment)));
                }
                Some(Event::Record(line)) => {
                    if !known {
                        peek(None)?;
                        known = true;
                    }
                    if (line.number, line.offset) != (next.number, next.offset) {
                        next = Place::learn(line, next);
                        self.marks.push((at, Mark::Place(next)));
                    }
                    next = next.after(line.bytes.len());
                    self.held.extend_from_slice(line.bytes);
                    self.held.push(b'\n');
                }
            }
        }
        Ok(())
    }

    /// Whether the load ends before the next event, which is waited for no longer than the interval lasts.
    fn is_full(&mut self) -> Result<bool, Fault> {
        if self.load.digest.is_some() {
            return Ok(true);
        }
        // A sealed segment is never split, and an empty load is none.
        let (false, Some(since)) = (self.load.in_segment, self.load.since) else { return Ok(false) };
        let full = self.cuts.every.is_some_and(|every| self.load.records >= every)
            || match self.cuts.interval {
                Some(interval) => !self.waits_for_line(since, interval)?,
                None => false,
            };
        if full {
            self.load.digest = Some(self.reader.digest());
        }
        Ok(full)
    }

    /// Waits until the next line is there, or the end of the input; false if it is not so long after `since`. A line
    /// that is only begun is none, for its rest may never come.
    fn waits_for_line(&mut self, since: Instant, interval: Duration) -> Result<bool, Fault> {
        loop {
            let left = interval.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            if !self.reader.is_drained() || self.waits(left)? && !self.reader.read_more()? {
                return Ok(true);
            }
        }
    }

    /// Waits for the input; false if it brought nothing for so long.
    fn waits(&self, longest: Duration) -> Result<bool, Fault> {
        let Some(input) = &self.input else { return Ok(true) };
        let longest = rustix::event::Timespec::try_from(longest).ok();
        loop {
            let mut input = [PollFd::new(input, PollFlags::IN)];
            match poll(&mut input, longest.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => (),
                Err(error) => {
                    return Err(Fault::new(Class::Io, "cannot wait for the input").because(error));
                }
            }
        }
    }

    /// Starts the load again from its first event, if all that was read of it is still held.
    pub fn rewind(&mut self) -> bool {
        (self.given, self.mark, self.place) = (0, 0, Place::default());
        !self.dropped
    }

    /// The next event; `None` once the load has ended, verified.
    ///
    /// # Errors
    /// Those of the reader.
    #[allow(clippy::should_implement_trait, reason = "an Iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, Fault> {
        while let Some((_, mark)) = self.marks.get(self.mark).filter(|(at, _)| *at == self.given) {
            self.mark += 1;
            match mark {
                Mark::Place(place) => self.place = *place,
                Mark::Begin(begin) => return Ok(Some(Event::Begin(begin.clone()))),
                Mark::State(value) => return Ok(Some(Event::State(value.clone()))),
                Mark::End(segment) => return Ok(Some(Event::End(segment.clone()))),
            }
        }
        if self.given < self.held.len() {
            let rest = &self.held[self.given..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = Line { number: self.place.number, offset: self.place.offset, bytes: &rest[..length] };
            self.given += length + 1;
            self.place = self.place.after(length);
            return Ok(Some(Event::Record(line)));
        }
        if self.is_full()? {
            return Ok(None);
        }
        if !self.dropped {
            // Given out whole: the memory goes back.
            (self.held, self.marks) = (Vec::new(), Vec::new());
            (self.given, self.mark, self.dropped) = (0, 0, true);
        }
        let event = self.reader.next()?;
        match &event {
            Some(event) => self.load.count(event),
            None => self.ended = true,
        }
        Ok(event)
    }

    /// Whether the stream has ended: no load follows the one at hand.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// Whether the load at hand has anything in it, as far as it is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.marks.is_empty()
    }

    /// Whether the next event has to wait for the source.
    pub fn is_drained(&self) -> bool {
        let given = self.mark >= self.marks.len() && self.given >= self.held.len();
        given && (self.load.digest.is_some() || self.ended || self.reader.is_drained())
    }

    /// What was read up to here, of the whole stream.
    pub fn totals(&self) -> &Totals {
        self.reader.totals()
    }

    /// The digest of the load, once [`Front::next`] has returned `None`.
    pub fn digest(&mut self) -> Digest {
        *self.load.digest.get_or_insert_with(|| self.reader.digest())
    }
}

fn is_state_at(mark: &(usize, Mark), at: usize) -> bool {
    matches!(mark, (there, Mark::State(_)) if *there == at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etl_stream::reader::Options;

    fn events(stream: &[u8], hold: bool) -> Vec<String> {
        let mut front = Front::new(Reader::new(stream, Options::default()));
        if hold {
            front.hold_back(|_| Ok(())).unwrap();
        }
        let mut events = Vec::new();
        while let Some(event) = front.next().unwrap() {
            events.push(format!("{event:?}"));
        }
        events
    }

    #[test]
    fn what_was_held_is_what_was_read() {
        let mut stream = String::new();
        for segment in 0..3 {
            stream += &format!("{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"s{segment}\"}}}}\n");
            for n in 0..40_000 {
                stream += match n % 7 {
                    0 => "\n",
                    1 => "{\"text\":\"with a carriage return\"}\r\n",
                    2 => "{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":1}}\n",
                    _ => "{}\n",
                };
                stream += &format!("{{\"n\":{n},\"text\":\"{}\"}}\n", "x".repeat(n % 200));
            }
            let records = 40_000 + (0..40_000).filter(|n| ![0, 2].contains(&(n % 7))).count();
            stream += &format!(
                "{{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"s{segment}\",\"records\":{records}}}}}\n"
            );
        }
        // The held part ends somewhere within the second segment.
        assert!(stream.len() > HELD + SPARE);
        assert_eq!(events(stream.as_bytes(), true), events(stream.as_bytes(), false));
    }

    #[test]
    fn a_short_stream_is_verified_before_anything_is_given() {
        let stream = b"{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n{}\n";
        let mut front = Front::new(Reader::new(stream.as_slice(), Options::default()));
        let mut seen = Vec::new();
        let fault = front
            .hold_back(|begin| {
                seen.push(begin.map(|begin| begin.id.clone()));
                Ok(())
            })
            .unwrap_err();
        assert_eq!(fault.class().code(), 75);
        assert_eq!(seen, [Some("a".to_owned())]);
    }
}
