//! Reads the stream, holding the first part back.
//!
//! [`Front::hold_back`] reads until [`HELD`] bytes are there or the stream has ended whole; only then is it worth
//! opening a transaction. [`Front::next`] gives what was held and then what follows, as the reader would have. This
//! is also the seam for other encodings: whatever decodes Singer or Airbyte messages gives the same events here.

use std::collections::VecDeque;
use std::io::Read;

use etl_component::Fault;
use etl_stream::reader::Totals;
use etl_stream::{Begin, Digest, Event, Line, Reader, Segment};
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

/// The stream as a loader reads it.
pub struct Front<R> {
    reader: Reader<R>,
    /// Records, each with a newline.
    held: Vec<u8>,
    marks: VecDeque<(usize, Mark)>,
    /// How far the held bytes were given out, and the place of the record there.
    given: usize,
    place: Place,
    ended: bool,
}

impl<R: Read> Front<R> {
    /// A front on this reader.
    pub fn new(reader: Reader<R>) -> Front<R> {
        Front {
            reader,
            held: Vec::new(),
            marks: VecDeque::new(),
            given: 0,
            place: Place::default(),
            ended: false,
        }
    }

    /// Reads until 8 MiB are held or the stream has ended, verified. `peek` sees every `begin`, and `None` for the
    /// first record outside a segment, as soon as it is read: the moment to check the target.
    ///
    /// # Errors
    /// Those of the reader, and those of `peek`.
    pub fn hold_back(
        &mut self,
        mut peek: impl FnMut(Option<&Begin>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // Pages are touched as they fill, so a short stream costs what it is long.
        self.held.reserve_exact(HELD + SPARE);
        let (mut next, mut known, mut owned) = (Place { line_end: 1, ..Place::default() }, false, 0);
        while self.held.len() + self.marks.len() * MARK + owned < HELD {
            let at = self.held.len();
            match self.reader.next()? {
                None => {
                    self.ended = true;
                    break;
                }
                Some(Event::Begin(begin)) => {
                    peek(Some(&begin))?;
                    known = true;
                    owned += begin.size();
                    self.marks.push_back((at, Mark::Begin(begin)));
                }
                Some(Event::State(value)) => {
                    owned += value.get().len();
                    // Of states without a record between them the last one counts.
                    if let Some((_, Mark::State(before))) =
                        self.marks.pop_back_if(|mark| is_state_at(mark, at))
                    {
                        owned -= before.get().len();
                    }
                    self.marks.push_back((at, Mark::State(value)));
                }
                Some(Event::End(segment)) => {
                    owned += segment.id.len();
                    self.marks.push_back((at, Mark::End(segment)));
                }
                Some(Event::Record(line)) => {
                    if !known {
                        peek(None)?;
                        known = true;
                    }
                    if (line.number, line.offset) != (next.number, next.offset) {
                        next = Place::learn(line, next);
                        self.marks.push_back((at, Mark::Place(next)));
                    }
                    next = next.after(line.bytes.len());
                    self.held.extend_from_slice(line.bytes);
                    self.held.push(b'\n');
                }
            }
        }
        Ok(())
    }

    /// The next event; `None` once the stream has ended, verified.
    ///
    /// # Errors
    /// Those of the reader.
    #[allow(clippy::should_implement_trait, reason = "an Iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, Fault> {
        while let Some((_, mark)) = self.marks.pop_front_if(|(at, _)| *at == self.given) {
            match mark {
                Mark::Place(place) => self.place = place,
                Mark::Begin(begin) => return Ok(Some(Event::Begin(begin))),
                Mark::State(value) => return Ok(Some(Event::State(value))),
                Mark::End(segment) => return Ok(Some(Event::End(segment))),
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
        if self.ended {
            return Ok(None);
        }
        // Given out whole: the memory goes back.
        self.held = Vec::new();
        self.given = 0;
        let event = self.reader.next()?;
        self.ended = event.is_none();
        Ok(event)
    }

    /// Whether the next event has to wait for the source.
    pub fn is_drained(&self) -> bool {
        self.marks.is_empty() && self.given >= self.held.len() && (self.ended || self.reader.is_drained())
    }

    /// What was read up to here.
    pub fn totals(&self) -> &Totals {
        self.reader.totals()
    }

    /// The digest of the whole stream, once [`Front::next`] has returned `None`.
    pub fn digest(&mut self) -> Digest {
        self.reader.digest()
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
