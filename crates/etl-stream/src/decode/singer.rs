//! Messages of a Singer tap.
//!
//! ```json
//! {"type":"SCHEMA","stream":"users","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":["id"]}
//! {"type":"RECORD","stream":"users","record":{"id":1},"version":1,"time_extracted":"2026-01-01T00:00:00Z"}
//! {"type":"STATE","value":{"bookmarks":{"users":{"id":1}}}}
//! {"type":"ACTIVATE_VERSION","stream":"users","version":1}
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::batch::{Batch, Unfit};
use super::envelope::Reading;
use super::format::text;
use super::layout::{Layout, string};
use super::template::Templates;
use super::{About, Declared, Envelope, Format, Message, Stream, StreamId, Streams};
use crate::control::{MAX_SCHEMA, SchemaRef};
use crate::fault::Fault;
use crate::json::{Record, Scanner, Tag};
use crate::reader::Line;

/// The streams of a tap, as far as it has named them.
#[derive(Default)]
pub(super) struct Singer {
    scanner: Scanner,
    /// Where a RECORD has its parts; all of a tap are usually written alike.
    layout: Layout<3>,
    streams: HashMap<String, StreamId>,
    pub(super) templates: Templates,
    /// The types of messages that were warned of.
    warned: HashSet<String>,
    around: Reading<2>,
}

impl Singer {
    /// A tap that has said nothing yet.
    pub(super) fn new() -> Singer {
        let mut singer = Singer::default();
        singer.scanner.admit_odd_numbers(true);
        singer
    }

    /// What a line says.
    ///
    /// # Errors
    /// 3 for a line that is not a message, or one that contradicts what the tap said before; 78 for a schema that is too
    /// long, and for a BATCH of files that are not read.
    pub(super) fn decode<'a>(&mut self, line: Line<'a>, streams: &mut Streams) -> Result<Message<'a>, Fault> {
        let record = line.scan(&mut self.scanner)?;
        if let Some([Some(ty), Some(stream), Some(value)]) =
            self.layout.find(&record, ["type", "stream", "record"])
            && ty.of(line.bytes) == br#""RECORD""#
            && value.tag == Tag::Object
            && matches!(stream.tag, Tag::Plain | Tag::Escaped)
        {
            let name = string(stream.of(line.bytes));
            let Some(&stream) = self.streams.get(&name) else {
                return Err(bad(line, &format!("a RECORD of stream {name} before its SCHEMA")));
            };
            self.templates.learn(line, stream, value);
            return Ok(Message::Record(stream, value.line(line), Envelope::new(line.bytes, value)));
        }
        let Some(ty) = text(&record, "type") else {
            return Err(bad(line, "not a Singer message: it has no `type`"));
        };
        match &*ty {
            "SCHEMA" => {
                let declared = schema(line, &record)?;
                let name = declared.stream.as_ref().map(|stream| stream.name.clone()).unwrap_or_default();
                let id = streams.open(declared);
                self.streams.insert(name, id);
                self.templates.forget();
                Ok(Message::Schema(id, line))
            }
            "RECORD" => Err(bad(line, "a RECORD without `stream` or without an object `record`")),
            "STATE" => match record.get("value").map(|field| field.value.raw) {
                None => Err(bad(line, "a STATE without `value`")),
                Some(value) if is_empty(value) => Ok(Message::EmptyState),
                Some(value) => Ok(Message::State(None, raw(line, value)?)),
            },
            "ACTIVATE_VERSION" => {
                let name = text(&record, "stream").unwrap_or_default();
                let version = record.get("version").and_then(|field| field.value.text.parse().ok());
                match (self.streams.get(&name), version) {
                    (Some(stream), Some(version)) => Ok(Message::Version(*stream, version)),
                    (None, _) => {
                        Err(bad(line, &format!("an ACTIVATE_VERSION of stream {name} before its SCHEMA")))
                    }
                    (_, None) => Err(bad(line, "an ACTIVATE_VERSION without a whole number as `version`")),
                }
            }
            "BATCH" => {
                let name = text(&record, "stream").unwrap_or_default();
                let stream = self.streams.get(&name).copied();
                let stream = stream
                    .ok_or_else(|| bad(line, &format!("a BATCH of stream {name} before its SCHEMA")))?;
                match Batch::read(record.text()) {
                    Ok(batch) => Ok(Message::Batch(stream, batch, line)),
                    Err(Unfit::Broken) => {
                        Err(bad(line, "a BATCH without an object `encoding` or a list `manifest`"))
                    }
                    Err(Unfit::Unsupported(what)) => Err(Fault::config(format!("{}: {what}", line.place()))),
                }
            }
            other => Ok(Message::Ignored(
                self.warned
                    .insert(other.to_owned())
                    .then(|| format!("{}: messages of type {other} are ignored", line.place())),
            )),
        }
    }
}

impl Singer {
    /// What a RECORD says besides its record.
    pub(super) fn about<'a>(&mut self, envelope: Envelope<'a>) -> About<'a> {
        let [time, version] = envelope.find(&mut self.around, ["time_extracted", "version"], None);
        About { time, version, ..About::default() }
    }
}

/// What a SCHEMA says.
fn schema(line: Line<'_>, record: &Record<'_>) -> Result<Declared, Fault> {
    let name = text(record, "stream").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| bad(line, "a SCHEMA without `stream`"))?;
    let document = record.get("schema").filter(|field| field.value.kind == crate::json::Kind::Object);
    let document =
        document.ok_or_else(|| bad(line, &format!("the SCHEMA of stream {name} has no object `schema`")))?;
    let document = document.value.raw;
    if document.len() > MAX_SCHEMA {
        let (at, length) = (line.place(), document.len());
        return Err(Fault::config(format!(
            "{at}: the schema of stream {name} has {length} bytes; at most {MAX_SCHEMA} are read"
        )));
    }
    let key = match record.get("key_properties").map(|field| field.value.raw) {
        None | Some("null") => Vec::new(),
        Some(list) => serde_json::from_str(list).map_err(|_| {
            bad(line, &format!("the SCHEMA of stream {name}: key_properties is not a list of names"))
        })?,
    };
    let stream = Stream { format: Format::Singer, namespace: None, name, key, write: None, generation: None };
    let schema = Some(SchemaRef::Inline(Arc::from(raw(line, document)?)));
    Ok(Declared { schema, stream: Some(Arc::new(stream)), ..Declared::default() })
}

/// Whether a cursor says nothing.
fn is_empty(value: &str) -> bool {
    value == "null" || value.strip_prefix('{').is_some_and(|rest| rest.trim_start() == "}")
}

pub(super) fn raw(line: Line<'_>, text: &str) -> Result<Box<RawValue>, Fault> {
    RawValue::from_string(text.to_owned()).map_err(|error| bad(line, "not JSON").because(error))
}

pub(super) fn bad(line: Line<'_>, what: &str) -> Fault {
    Fault::data(format!("{}: {what}", line.place()))
}
