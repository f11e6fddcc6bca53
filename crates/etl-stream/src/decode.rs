//! What the events of an input say: the encoding on top of the seal.
//!
//! The seal covers raw lines ([`crate::reader`]); here a line becomes a message. In a loader this comes after the
//! hold-back, so that raw lines can be read again, and are then decoded again. An encoding decides which stream a
//! record belongs to and where that stream's schema comes from; whoever receives the messages keeps what it needs for
//! each stream.
//!
//! In NDJSON one stream is open at a time, that of the segment, and each of its lines is a record: decoding costs one
//! branch.

use indexmap::IndexSet;
use serde_json::value::RawValue;

use crate::control::{Begin, SchemaRef, Values};
use crate::reader::{Event, Line, Segment};

/// One of the streams of an input. They are numbered from 0 in the order in which they are first seen, so that everyone
/// who reads the same events gets the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(usize);

impl StreamId {
    /// Its number, to index a list with.
    #[inline]
    pub fn index(self) -> usize {
        self.0
    }
}

/// What an event says.
#[derive(Debug)]
pub enum Message<'a> {
    /// A segment opens, and with it this stream.
    Begin(Begin, StreamId),
    /// A record of a stream. If no message has opened the stream, its first record does.
    Record(StreamId, Line<'a>),
    /// A cursor of one stream, or of the whole input. It replaces the previous one of the same stream or input.
    State(Option<StreamId>, Box<RawValue>),
    /// The open segment is complete and verified.
    End(Segment),
}

/// What the input says of a stream's records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Declared {
    /// Their schema.
    pub schema: Option<SchemaRef>,
    /// How their values are written.
    pub values: Values,
}

/// Turns the events of an input into messages.
#[derive(Default)]
pub struct Decoder {
    /// What is said of each stream; in NDJSON, that is all in which streams differ.
    streams: IndexSet<Declared>,
    /// The stream of the records that follow.
    current: Option<StreamId>,
}

impl Decoder {
    /// What an event says.
    #[inline]
    pub fn decode<'a>(&mut self, event: Event<'a>) -> Message<'a> {
        match event {
            Event::Record(line) => Message::Record(self.current(), line),
            Event::Begin(begin) => {
                let stream = self.open(begin.schema.as_ref(), begin.values);
                Message::Begin(begin, stream)
            }
            Event::State(value) => Message::State(None, value),
            Event::End(segment) => {
                self.current = None;
                Message::End(segment)
            }
        }
    }

    /// The stream that an event opens, or that its record belongs to, for whoever only looks ahead: nothing is taken
    /// from the event.
    #[inline]
    pub fn look_ahead(&mut self, event: &Event<'_>) -> Option<StreamId> {
        match event {
            Event::Record(_) => Some(self.current()),
            Event::Begin(begin) => Some(self.open(begin.schema.as_ref(), begin.values)),
            Event::State(_) => None,
            Event::End(_) => {
                self.current = None;
                None
            }
        }
    }

    /// What the input says of a stream.
    pub fn declared(&self, stream: StreamId) -> Declared {
        self.streams.get_index(stream.0).cloned().unwrap_or_default()
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
        let declared = Declared { schema: schema.cloned(), values };
        let stream = StreamId(self.streams.insert_full(declared).0);
        self.current = Some(stream);
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{Options, Reader};

    /// The messages of an input, in short.
    fn messages(input: &str) -> Vec<String> {
        let mut reader = Reader::new(input.as_bytes(), Options::default());
        let mut decoder = Decoder::default();
        let mut messages = Vec::new();
        while let Some(event) = reader.next().unwrap() {
            messages.push(match decoder.decode(event) {
                Message::Begin(begin, stream) => format!("{} opens {}", begin.id, stream.index()),
                Message::Record(stream, line) => {
                    format!("{}: {}", stream.index(), String::from_utf8_lossy(line.bytes))
                }
                Message::State(stream, value) => format!("{stream:?} at {value}"),
                Message::End(segment) => format!("{} ends", segment.id),
            });
        }
        messages
    }

    #[test]
    fn a_segment_of_the_same_schema_is_the_same_stream() {
        let segment = |id: &str, schema: &str| {
            format!(
                "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"{id}\"{schema}}}}}\n{{\"in\":\"{id}\"}}\n\
                 {{\"_etl\":{{\"v\":1,\"kind\":\"state\",\"value\":7}}}}\n\
                 {{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"{id}\",\"records\":1}}}}\n"
            )
        };
        let input = [
            segment("a", r#","schema":"x.y""#),
            segment("b", ""),
            segment("c", r#","schema":{"type":"object"}"#),
            segment("d", r#","schema":"x.y""#),
            segment("e", r#","values":"text""#),
        ];
        let expected = [("a", 0), ("b", 1), ("c", 2), ("d", 0), ("e", 3)].map(|(id, stream)| {
            [
                format!("{id} opens {stream}"),
                format!("{stream}: {{\"in\":\"{id}\"}}"),
                "None at 7".to_owned(),
                format!("{id} ends"),
            ]
        });
        assert_eq!(messages(&input.concat()), expected.concat());
    }

    #[test]
    fn plain_records_are_one_stream_without_a_schema() {
        assert_eq!(messages("{\"n\":1}\n{\"n\":2}\n"), ["0: {\"n\":1}", "0: {\"n\":2}"]);
    }
}
