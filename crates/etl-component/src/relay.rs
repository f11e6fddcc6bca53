//! Passing a stream on.

use etl_schema::Schema;
use etl_stream::writer::to_line;
use etl_stream::{Begin, Fault, SchemaRef, Segment, Values, Writer};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args::random_id;
use crate::io::{self, Output};
use crate::spool::Spool;

/// Writes what a component passes on, a segment at a time: a segment opens with [`Relay::begin`] or the first record,
/// and only [`Relay::end`] completes it.
///
/// The id of a segment is random, so that it can open before its first record is known. Where the id is derived from
/// what goes into the segment, which is known only at its end, the segment waits in a [`Spool`] until then
/// ([`Relay::held`]).
pub struct Relay {
    writer: Writer<Output>,
    producer: String,
    /// What passes records on, for messages.
    what: &'static str,
    /// The schema of the segment at hand, and how its values are written, once they are known.
    schema: Option<(Option<SchemaRef>, Values)>,
    /// Whether its `begin` has been written.
    begun: bool,
    id: Option<String>,
    /// The last cursor of the segment at hand. It covers the records before it, all of which have been written by the
    /// end.
    state: Option<Box<RawValue>>,
    held: Option<Spool>,
    line: Vec<u8>,
    /// The name that the streams of a Singer target get, if that is what reads, and if one was given.
    singer: Option<Option<String>>,
}

impl Relay {
    /// A relay whose segments open at once. In messages, `what` names what passes records on, such as `--emit records`.
    pub fn new(writer: Writer<Output>, producer: String, what: &'static str) -> Relay {
        let (schema, begun, id, state, held, singer) = (None, false, None, None, None, None);
        Relay { writer, producer, what, schema, begun, id, state, held, line: Vec::new(), singer }
    }

    /// A relay whose segments open only at their end, under the id that [`Relay::identify`] gives them.
    pub fn held(writer: Writer<Output>, producer: String, what: &'static str) -> Relay {
        Relay { held: Some(Spool::new("the output")), ..Relay::new(writer, producer, what) }
    }

    /// A relay that writes the messages of a Singer tap in place of segments, each of which needs a schema then. `stream`
    /// is the name of the stream, which otherwise comes from the schema.
    pub fn singer(writer: Writer<Output>, what: &'static str, stream: Option<String>) -> Relay {
        Relay { singer: Some(stream), ..Relay::new(writer, String::new(), what) }
    }

    /// Gives this id to the next segment that opens; otherwise it is random.
    pub fn identify(&mut self, id: String) {
        self.id = Some(id);
    }

    /// Says which schema the segment at hand has and how its values are written, without opening it.
    ///
    /// # Errors
    /// 2 if it already has others: a segment has one schema, and values of one kind.
    pub fn expect(&mut self, schema: Option<&SchemaRef>, values: Values) -> Result<(), Fault> {
        let what = self.what;
        match &self.schema {
            Some((known, _)) if known.as_ref() != schema => {
                Err(Fault::usage(format!("{what} cannot pass on segments of different schemas")))
            }
            Some((_, known)) if *known != values => Err(Fault::usage(format!(
                "{what} cannot pass on segments of JSON values and of texts (`values`) as one"
            ))),
            Some(_) => Ok(()),
            None => {
                self.schema = Some((schema.cloned(), values));
                Ok(())
            }
        }
    }

    /// Opens a segment, which its reader sees at once. While one is open, further segments of the same schema go into
    /// it.
    ///
    /// # Errors
    /// 2 for another schema: a segment has one. 141 or 74 if it cannot be written.
    pub fn begin(&mut self, schema: Option<&SchemaRef>, values: Values) -> Result<(), Fault> {
        self.expect(schema, values)?;
        if self.begun || self.held.is_some() { Ok(()) } else { self.open() }
    }

    /// Passes on a record: one JSON object, without its newline.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written or kept.
    #[inline]
    pub fn record(&mut self, line: &[u8]) -> Result<(), Fault> {
        match &mut self.held {
            Some(spool) => spool.push_line(line),
            None => {
                if !self.begun {
                    self.open()?;
                }
                self.writer.line(line)
            }
        }
    }

    /// Writes a record that is not read from anywhere.
    ///
    /// # Errors
    /// 70 if it does not serialize to an object, or if that starts with the key `_etl`; otherwise as [`Relay::record`].
    pub fn serialize(&mut self, record: &impl Serialize) -> Result<(), Fault> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        to_line(record, &mut line)?;
        let written = self.record(&line);
        self.line = line;
        written
    }

    /// Passes on a cursor, at the end of the segment.
    pub fn state(&mut self, value: Box<RawValue>) {
        self.state = Some(value);
    }

    /// Writes what was gathered, before a wait.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.writer.flush()
    }

    /// Completes the segment: all that belongs to it has been passed on. If none is open, an empty one is written.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub fn end(&mut self) -> Result<Segment, Fault> {
        if !self.begun {
            self.open()?;
        }
        if let Some(spool) = &mut self.held {
            spool.drain_lines(|line| self.writer.line(line))?;
        }
        if let Some(state) = self.state.take() {
            self.writer.state(&state)?;
        }
        (self.schema, self.begun) = (None, false);
        self.writer.end()
    }

    /// Ends the output: a file appears under its name.
    ///
    /// # Errors
    /// 74 if that fails.
    pub fn close(self) -> Result<(), Fault> {
        io::publish(self.writer)
    }

    fn open(&mut self) -> Result<(), Fault> {
        self.begun = true;
        if let Some(stream) = &self.singer {
            let (schema, _) = self.schema.get_or_insert_default();
            return self.writer.begin_singer(Schema::for_singer(schema.as_ref(), stream.as_deref())?);
        }
        let id = self.id.take().map_or_else(random_id, Ok)?;
        let (schema, values) = self.schema.get_or_insert_default().clone();
        self.writer.begin(&Begin { id, schema, values, producer: Some(self.producer.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    type Maker = fn(Writer<Output>, String, &'static str) -> Relay;

    /// What a relay writes, after `pass` has passed on what it wants to.
    fn written(make: Maker, pass: impl FnOnce(&mut Relay) -> Result<(), Fault>) -> Result<String, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut relay = make(Writer::new(Output::create(&path)?), "test/1".to_owned(), "--emit records");
        pass(&mut relay)?;
        relay.close()?;
        Ok(std::fs::read_to_string(path).unwrap())
    }

    #[test]
    fn a_segment_carries_its_last_state_in_front_of_its_end() {
        for make in [Relay::new as Maker, Relay::held] {
            let text = written(make, |relay| {
                relay.identify("one".to_owned());
                relay.expect(Some(&SchemaRef::Name("x.y".to_owned())), Values::Json)?;
                for n in 0..2 {
                    relay.serialize(&serde_json::json!({ "n": n }))?;
                    relay.state(RawValue::from_string(n.to_string()).unwrap());
                }
                relay.record(b"{}")?;
                assert_eq!(relay.end()?.records, 3);
                // The next one is of another schema.
                relay.identify("two".to_owned());
                assert_eq!(relay.end()?.records, 0);
                Ok(())
            });
            let lines: Vec<String> = text.unwrap().lines().map(str::to_owned).collect();
            assert_eq!(
                lines[0],
                r#"{"_etl":{"v":1,"kind":"begin","id":"one","schema":"x.y","producer":"test/1"}}"#
            );
            assert_eq!(
                lines[1..5],
                [r#"{"n":0}"#, r#"{"n":1}"#, "{}", r#"{"_etl":{"v":1,"kind":"state","value":1}}"#]
            );
            assert!(
                lines[5].starts_with(r#"{"_etl":{"v":1,"kind":"end","id":"one","records":3,"#),
                "{}",
                lines[5]
            );
            assert_eq!(lines[6], r#"{"_etl":{"v":1,"kind":"begin","id":"two","producer":"test/1"}}"#);
            assert_eq!(lines.len(), 8);
        }
    }

    #[test]
    fn one_segment_has_one_schema() {
        let fault = written(Relay::new, |relay| {
            relay.begin(None, Values::Json)?;
            relay.begin(None, Values::Json)?;
            relay.begin(Some(&SchemaRef::Name("x.y".to_owned())), Values::Json)
        });
        let fault = fault.unwrap_err();
        assert_eq!(fault.message(), "--emit records cannot pass on segments of different schemas");
    }

    #[test]
    fn what_is_held_is_not_seen_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(&path, "older").unwrap();
        let mut relay = Relay::held(Writer::new(Output::create(&path).unwrap()), "test/1".to_owned(), "test");
        relay.record(b"{}").unwrap();
        relay.flush().unwrap();
        drop(relay);
        assert_eq!(std::fs::read_to_string(Path::new(&path)).unwrap(), "older");
    }
}
