//! Reads the stream, holding the first part back.
//!
//! [`Front::hold_back`] reads until it holds [`HELD`] bytes or the stream has ended, verified. Only then is it worth
//! opening a transaction, and until more is read, all of it can be returned again. [`Front::next`] returns what was
//! held and then what follows, as the reader would have. What is held is raw lines: they are decoded afterwards, each
//! time they are returned.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use etl_component::cuts::Cuts;
use etl_component::cuts::Cutter;
use etl_component::{Class, Fault};
use etl_stream::json::Scanner;
use etl_stream::reader::Totals;
use etl_stream::{Begin, Digest, Event, Line, Reader, Segment};
use serde_json::value::RawValue;

use crate::progress::Progress;

/// How much is held back, in bytes of records.
pub const HELD: usize = 8 << 20;

/// The longest line that fits after the held bytes without moving them.
const SPARE: usize = 64 << 10;

/// Something in the held bytes, before the record that starts there.
enum Mark {
    Begin(Begin),
    State(Box<RawValue>),
    End(Segment),
    /// Where the record is in the stream, if that does not follow from where the previous one is.
    Position(Position),
}

/// What a mark costs in memory, besides the texts it owns.
const MARK: usize = 2 * size_of::<(usize, Mark)>();

/// Where a record is in the stream, and how its position and length give that of the next one.
#[derive(Clone, Copy, Default, PartialEq)]
struct Position {
    number: u64,
    offset: u64,
    /// The record's number in its segment; 0 in a plain stream.
    record: u64,
    /// The length of the line end: 1, or 2 for `\r\n`.
    line_end: u64,
}

impl Position {
    /// The position of the line that directly follows one of this length.
    fn after(self, length: usize) -> Position {
        Position {
            number: self.number + 1,
            offset: self.offset + length as u64 + self.line_end,
            record: if self.record == 0 { 0 } else { self.record + 1 },
            ..self
        }
    }

    /// The position of a line where `next` was expected: line ends rarely change.
    fn learn(line: Line<'_>, next: Position) -> Position {
        let gap = line.offset.saturating_sub(next.offset).saturating_add(next.line_end);
        let line_end = if line.number == next.number { gap } else { next.line_end };
        Position { number: line.number, offset: line.offset, record: line.record, line_end }
    }
}

/// The stream as a loader reads it: one load, or several one after the other.
///
/// Each load starts with [`Front::hold_back`]; [`Front::next`] returns `None` at its end, [`Front::rewind`] starts it
/// again while all that was read of it is still held, and [`Front::is_over`] says whether it was the last.
pub struct Front<R> {
    reader: Reader<R>,
    cutter: Cutter,
    /// Records, each with a newline.
    held: Vec<u8>,
    marks: Vec<(usize, Mark)>,
    /// How far the held bytes and marks have been returned, and the position of the record there.
    given: usize,
    mark: usize,
    position: Position,
    /// Whether the held bytes have been freed.
    dropped: bool,
    /// The load's digest, once it has been read whole.
    digest: Option<Digest>,
    ended: bool,
    progress: Option<Progress>,
}

impl Front<File> {
    /// Cuts the stream into loads.
    ///
    /// # Errors
    /// 74 if the input cannot be waited for.
    pub fn cut(self, cuts: Cuts) -> Result<Front<File>, Fault> {
        let cutter = Cutter::new(cuts, self.reader.source())?;
        Ok(Front { cutter, ..self })
    }

    /// Shows on the terminal how far the stream has been read into this target. `expected` is how many records are expected
    /// of it, once that is not 0.
    pub fn show(&mut self, target: String, expected: Arc<AtomicU64>) {
        self.progress = Some(Progress::start(target, self.reader.source(), expected));
    }
}

impl<R: Read> Front<R> {
    /// A front on this reader: one load.
    pub fn new(reader: Reader<R>) -> Front<R> {
        Front {
            reader,
            cutter: Cutter::default(),
            held: Vec::new(),
            marks: Vec::new(),
            given: 0,
            mark: 0,
            position: Position::default(),
            dropped: false,
            digest: None,
            ended: false,
            progress: None,
        }
    }

    /// Starts a load: reads until 8 MiB are held or the load has ended, verified. `peek` sees every event as soon as
    /// it is read: the moment to check a target that it names.
    ///
    /// # Errors
    /// Those of the reader, and those of `peek`.
    pub fn hold_back(&mut self, mut peek: impl FnMut(&Event<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        self.held.clear();
        self.marks.clear();
        (self.given, self.mark, self.position, self.dropped) = (0, 0, Position::default(), false);
        self.cutter.start();
        self.digest = None;
        // Pages are touched as they fill, so a short stream costs no more than its length.
        self.held.reserve_exact(HELD + SPARE);
        let (mut next, mut owned) = (Position { line_end: 1, ..Position::default() }, 0);
        while self.held.len() + self.marks.len() * MARK + owned < HELD && !self.is_full()? {
            let at = self.held.len();
            let Some(event) = self.reader.next()? else {
                self.ended = true;
                self.digest = Some(self.reader.digest());
                break;
            };
            self.cutter.count(&event);
            peek(&event)?;
            match event {
                Event::Record(line) => {
                    // A segment's first record follows a control line, so that its number is learned, too.
                    if (line.number, line.offset) != (next.number, next.offset) {
                        next = Position::learn(line, next);
                        self.marks.push((at, Mark::Position(next)));
                    }
                    next = next.after(line.bytes.len());
                    self.held.extend_from_slice(line.bytes);
                    self.held.push(b'\n');
                }
                Event::Begin(begin) => {
                    owned += begin.size();
                    self.marks.push((at, Mark::Begin(begin)));
                }
                Event::State(value) => {
                    owned += value.get().len();
                    // Of several states without a record between them, the last one counts.
                    if let Some((_, Mark::State(before))) = self.marks.pop_if(|mark| is_state_at(mark, at)) {
                        owned -= before.get().len();
                    }
                    self.marks.push((at, Mark::State(value)));
                }
                Event::End(segment) => {
                    owned += segment.id.len();
                    self.marks.push((at, Mark::End(segment)));
                }
            }
        }
        Ok(())
    }

    /// What is wrong with the first held line that is not a record. Running again does not cure that, as it may cure a
    /// stream that was cut.
    pub fn first_bad(&mut self, scanner: &mut Scanner) -> Option<Fault> {
        self.rewind();
        while self.given < self.held.len() {
            if let Ok(Some(Event::Record(line))) = self.next()
                && let Err(fault) = line.scan(scanner)
            {
                return Some(fault);
            }
        }
        None
    }

    /// Whether the load ends before the next event.
    ///
    /// This comes before every wait for the source, and so is where what was read before it is taken note of.
    #[inline]
    fn is_full(&mut self) -> Result<bool, Fault> {
        if let Some(progress) = &self.progress {
            progress.read(self.reader.totals());
        }
        if self.digest.is_some() {
            return Ok(true);
        }
        let full = self.cutter.is_full(&mut self.reader)?;
        if full {
            self.digest = Some(self.reader.digest());
        }
        Ok(full)
    }

    /// Hands the record on this line of the input to `then`, if all of the load is still held. Call
    /// [`Front::rewind`] before the next event.
    pub fn find<T>(&mut self, number: u64, then: impl FnOnce(Line<'_>) -> T) -> Option<T> {
        if !self.rewind() {
            return None;
        }
        while self.given < self.held.len() {
            match self.next() {
                Ok(Some(Event::Record(line))) if line.number == number => return Some(then(line)),
                Ok(Some(_)) => (),
                Ok(None) | Err(_) => break,
            }
        }
        None
    }

    /// Starts the load again from its first event; false if not all that was read of it is still held.
    pub fn rewind(&mut self) -> bool {
        (self.given, self.mark, self.position) = (0, 0, Position::default());
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
                Mark::Position(position) => self.position = *position,
                Mark::Begin(begin) => return Ok(Some(Event::Begin(begin.clone()))),
                Mark::State(value) => return Ok(Some(Event::State(value.clone()))),
                Mark::End(segment) => return Ok(Some(Event::End(segment.clone()))),
            }
        }
        if self.given < self.held.len() {
            let rest = &self.held[self.given..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let Position { number, offset, record, .. } = self.position;
            self.given += length + 1;
            self.position = self.position.after(length);
            return Ok(Some(Event::Record(Line { number, offset, record, bytes: &rest[..length] })));
        }
        if self.is_full()? {
            return Ok(None);
        }
        if !self.dropped {
            // All of it has been returned: the memory is freed.
            (self.held, self.marks) = (Vec::new(), Vec::new());
            (self.given, self.mark, self.dropped) = (0, 0, true);
        }
        let event = self.reader.next()?;
        match &event {
            Some(event) => self.cutter.count(event),
            None => self.ended = true,
        }
        Ok(event)
    }

    /// Removes the line that [`Front::show`] shows, until more is read.
    pub fn hide(&self) {
        if let Some(progress) = &self.progress {
            progress.hide();
        }
    }

    /// Whether the stream has ended: no load follows the one at hand.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// Whether nothing of the load at hand is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.marks.is_empty()
    }

    /// Whether the next event has to wait for the source.
    pub fn is_drained(&self) -> bool {
        let given = self.mark >= self.marks.len() && self.given >= self.held.len();
        given && (self.digest.is_some() || self.ended || self.reader.is_drained())
    }

    /// What has been read of the whole stream so far.
    pub fn totals(&self) -> &Totals {
        self.reader.totals()
    }

    /// The class of an input that ends too early.
    pub fn cut_class(&self) -> Class {
        self.reader.cut_class()
    }

    /// The digest of the load, once [`Front::next`] has returned `None`.
    pub fn digest(&mut self) -> Digest {
        *self.digest.get_or_insert_with(|| self.reader.digest())
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
        if hold {
            assert_eq!(front.find(9, |line| line.number), Some(9));
            assert_eq!(front.find(u64::MAX, |line| line.number), None);
            front.rewind();
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
            .hold_back(|event| {
                seen.push(match event {
                    Event::Begin(begin) => begin.id.clone(),
                    event => format!("{event:?}"),
                });
                Ok(())
            })
            .unwrap_err();
        assert!(fault.is_cut());
        assert_eq!(fault.class().code(), 75);
        assert_eq!((seen.len(), seen[0].as_str()), (2, "a"));
    }
}
