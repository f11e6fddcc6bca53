//! What the events of an input say: the encoding on top of the seal.
//!
//! The seal covers raw lines ([`crate::reader`]); here a line becomes a message. In a loader this comes after the
//! hold-back, so that raw lines can be read again, and are then decoded again. An encoding decides which stream a
//! record belongs to and where that stream's schema comes from; whoever receives the messages keeps what it needs for
//! each stream.
//!
//! In NDJSON one stream is open at a time, that of the segment, and each of its lines is a record: decoding costs one
//! branch. A Singer tap or an Airbyte source has several open at once, and a line is a message that names one of them;
//! what is handed on as a record's line is the part of it that is the record.

mod airbyte;
mod batch;
mod catalog;
mod envelope;
mod format;
mod layout;
mod singer;
mod statuses;
mod stream;
mod template;

use indexmap::IndexSet;
use serde_json::value::RawValue;

use self::airbyte::Airbyte;
use self::singer::Singer;
use crate::control::{Begin, SchemaRef, Values};
use crate::fault::Fault;
use crate::reader::{Event, Line, Segment};

pub use self::airbyte::for_source;
pub use self::batch::Batch;
pub use self::catalog::catalog;
pub use self::envelope::{About, Envelope};
pub use self::format::Format;
pub use self::statuses::Statuses;
pub use self::stream::{Declared, Generation, Stream, StreamId, Write};

/// What an event says.
#[derive(Debug)]
pub enum Message<'a> {
    /// A segment opens, and with it, in NDJSON, this stream.
    Begin(Begin, Option<StreamId>),
    /// A record of a stream, and the message that it came in. If no message has opened the stream, its first record does.
    Record(StreamId, Line<'a>, Envelope<'a>),
    /// The connector says what the records of a stream are, perhaps again.
    Schema(StreamId, Line<'a>),
    /// Records of a stream are in files, one a line. The line is that of the message.
    Batch(StreamId, Batch, Line<'a>),
    /// A cursor of one stream, or of the whole input. It replaces the previous one of the same stream or input.
    State(Option<StreamId>, Box<RawValue>),
    /// A cursor that says nothing.
    EmptyState,
    /// From here on only rows of this version are the stream.
    Version(StreamId, i64),
    /// How far the source is with a stream.
    Status(StreamId, Status),
    /// How many records the source thinks that it will send, of a stream or of all.
    Estimate(Option<StreamId>, u64),
    /// What the source says to people.
    Log(Level, String),
    /// Nothing that matters here; the first message of an unknown type has a warning.
    Ignored(Option<String>),
    /// The open segment is complete and verified.
    End(Segment),
}

/// How far an Airbyte source is with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Records are to come.
    Running,
    /// All of it has been sent.
    Complete,
    /// The source failed.
    Incomplete,
}

/// How much something that a source says to people matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A failure.
    Error,
    /// Something odd.
    Warn,
    /// What it does.
    Info,
    /// Details.
    Debug,
    /// More of them.
    Trace,
}

/// What an event shows to whoever only looks ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A stream is open.
    Stream(StreamId),
    /// How many records the source thinks that it will send, of a stream or of all.
    Estimate(Option<StreamId>, u64),
    /// Something of a tap's stream, and whether that has versions.
    Sent {
        /// The stream.
        stream: StreamId,
        /// Whether it is a record of a version, or activates one.
        versions: bool,
    },
}

/// The streams of an input, in the order in which they are first seen.
#[derive(Default)]
struct Streams(IndexSet<Declared>);

impl Streams {
    fn open(&mut self, declared: Declared) -> StreamId {
        StreamId(self.0.insert_full(declared).0)
    }

    fn iter(&self) -> impl Iterator<Item = (StreamId, &Declared)> {
        self.0.iter().enumerate().map(|(index, declared)| (StreamId(index), declared))
    }
}

/// Who writes the messages, if lines are not records.
enum Connector {
    Singer(Box<Singer>),
    Airbyte(Box<Airbyte>),
}

/// Turns the events of an input into messages.
#[derive(Default)]
pub struct Decoder {
    /// What is said of each stream; in NDJSON, that is all in which streams differ.
    streams: Streams,
    /// The stream of the records that follow, in NDJSON.
    current: Option<StreamId>,
    connector: Option<Connector>,
    /// Whether every message is scanned.
    scans: bool,
}

impl Decoder {
    /// A decoder of this format. `catalog` has the streams of an Airbyte source.
    pub fn new(format: Format, catalog: &[Declared]) -> Decoder {
        let mut streams = Streams::default();
        let connector = match format {
            Format::Ndjson => None,
            Format::Singer => Some(Connector::Singer(Box::new(Singer::new()))),
            Format::Airbyte => {
                catalog.iter().for_each(|declared| {
                    streams.open(declared.clone());
                });
                Some(Connector::Airbyte(Box::new(Airbyte::new(&streams))))
            }
        };
        Decoder { streams, current: None, connector, scans: false }
    }

    /// The same, for who does not ask [`Decoder::again`]: every message is scanned before its record is handed on.
    pub fn scanning(self) -> Decoder {
        Decoder { scans: true, ..self }
    }

    /// What an event says.
    ///
    /// # Errors
    /// 3 or 78 for a message of a connector that cannot be followed. NDJSON has none.
    #[inline]
    pub fn decode<'a>(&mut self, event: Event<'a>) -> Result<Message<'a>, Fault> {
        Ok(match event {
            Event::Record(line) if self.connector.is_none() => {
                Message::Record(self.current(), line, Envelope::NONE)
            }
            Event::Record(line) => return self.message(line),
            Event::Begin(begin) => {
                let stream = match self.connector {
                    None => Some(self.open(begin.schema.as_ref(), begin.values)),
                    Some(_) => None,
                };
                Message::Begin(begin, stream)
            }
            Event::State(value) => Message::State(None, value),
            Event::End(segment) => {
                self.current = None;
                Message::End(segment)
            }
        })
    }

    fn message<'a>(&mut self, line: Line<'a>) -> Result<Message<'a>, Fault> {
        let templates = match &mut self.connector {
            None => return Ok(Message::Record(self.current(), line, Envelope::NONE)),
            Some(Connector::Singer(singer)) => &mut singer.templates,
            Some(Connector::Airbyte(airbyte)) => &mut airbyte.templates,
        };
        match templates.find(line.bytes).filter(|_| !self.scans) {
            Some((stream, record)) => {
                let envelope = Envelope::guess(line.bytes, record);
                Ok(Message::Record(stream, record.line(line), envelope))
            }
            None => self.scanned(line),
        }
    }

    /// What a line says, which is scanned.
    fn scanned<'a>(&mut self, line: Line<'a>) -> Result<Message<'a>, Fault> {
        match &mut self.connector {
            None => Ok(Message::Record(self.current(), line, Envelope::NONE)),
            Some(Connector::Singer(singer)) => singer.decode(line, &mut self.streams),
            Some(Connector::Airbyte(airbyte)) => airbyte.decode(line),
        }
    }

    /// What a message says whose record did not scan: a connector's message may not be what it looked like. `None` if it is.
    ///
    /// # Errors
    /// Those of [`Decoder::decode`].
    #[cold]
    pub fn again<'a>(
        &mut self,
        record: Line<'a>,
        envelope: Envelope<'a>,
    ) -> Result<Option<Message<'a>>, Fault> {
        envelope.unscanned(record).map(|line| self.scanned(line)).transpose()
    }

    /// What the message around a record says of it.
    pub fn about<'a>(&mut self, envelope: Envelope<'a>) -> About<'a> {
        match &mut self.connector {
            None => About::default(),
            Some(Connector::Singer(singer)) => singer.about(envelope),
            Some(Connector::Airbyte(airbyte)) => airbyte.about(envelope),
        }
    }

    /// What an event shows to whoever only looks ahead: nothing is taken from it. Of a connector only what opens a stream is
    /// looked at, and, if `closely`, what is sent of it.
    ///
    /// # Errors
    /// Those of [`Decoder::decode`], for what opens a stream.
    #[inline]
    pub fn look_ahead(&mut self, event: &Event<'_>, closely: bool) -> Result<Option<Seen>, Fault> {
        Ok(match event {
            Event::Record(_) if self.connector.is_none() => Some(Seen::Stream(self.current())),
            Event::Record(line) => return self.look_at_message(*line, closely),
            Event::Begin(begin) if self.connector.is_none() => {
                Some(Seen::Stream(self.open(begin.schema.as_ref(), begin.values)))
            }
            Event::Begin(_) | Event::State(_) => None,
            Event::End(_) => {
                self.current = None;
                None
            }
        })
    }

    fn look_at_message(&mut self, line: Line<'_>, closely: bool) -> Result<Option<Seen>, Fault> {
        let singer = match &mut self.connector {
            Some(Connector::Singer(singer)) => singer,
            Some(Connector::Airbyte(airbyte))
                if memchr::memmem::find(line.bytes, br#""ESTIMATE""#).is_some() =>
            {
                return Ok(match airbyte.decode(line) {
                    Ok(Message::Estimate(stream, rows)) => Some(Seen::Estimate(stream, rows)),
                    // What is wrong with it is said when its turn comes.
                    _ => None,
                });
            }
            _ => return Ok(None),
        };
        let opens = memchr::memmem::find(line.bytes, br#""SCHEMA""#).is_some();
        if !opens && !closely {
            return Ok(None);
        }
        Ok(match singer.decode(line, &mut self.streams) {
            Ok(Message::Schema(stream, _)) => Some(Seen::Stream(stream)),
            Ok(Message::Version(stream, _)) => Some(Seen::Sent { stream, versions: true }),
            Ok(Message::Batch(stream, ..)) => Some(Seen::Sent { stream, versions: false }),
            Ok(Message::Record(stream, _, envelope)) => {
                Some(Seen::Sent { stream, versions: singer.about(envelope).has_version() })
            }
            // What is wrong with it is said when its turn comes.
            Err(_) if !opens => None,
            other => other.map(|_| None)?,
        })
    }

    /// What the input says of a stream.
    pub fn declared(&self, stream: StreamId) -> Declared {
        self.streams.0.get_index(stream.0).cloned().unwrap_or_default()
    }

    /// How messages name a stream of a connector.
    pub fn label(&self, stream: StreamId) -> String {
        let declared = self.streams.0.get_index(stream.0);
        declared
            .and_then(|declared| declared.stream.as_ref())
            .map(|stream| stream.label())
            .unwrap_or_default()
    }

    /// The streams that are known.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + use<> {
        (0..self.streams.0.len()).map(StreamId)
    }

    #[inline]
    fn current(&mut self) -> StreamId {
        match self.current {
            Some(stream) => stream,
            None => self.open(None, Values::default()),
        }
    }

    #[cold]
    fn open(&mut self, schema: Option<&SchemaRef>, values: Values) -> StreamId {
        let stream = self.streams.open(Declared { schema: schema.cloned(), values, stream: None });
        self.current = Some(stream);
        stream
    }
}

#[cfg(test)]
mod tests;
