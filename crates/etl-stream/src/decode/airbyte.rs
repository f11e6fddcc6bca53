//! Messages of an Airbyte source.
//!
//! ```json
//! {"type":"RECORD","record":{"stream":"users","data":{"id":1},"emitted_at":1795755519512}}
//! {"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{"id":1}}}}
//! {"type":"TRACE","trace":{"type":"STREAM_STATUS","stream_status":{"stream_descriptor":{"name":"users"},"status":"COMPLETE"}}}
//! {"type":"LOG","log":{"level":"INFO","message":"Starting"}}
//! ```
//!
//! Sources also print plain text, and mix compact and spaced JSON.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Reading;
use super::format::text;
use super::layout::{Layout, string};
use super::singer::{bad, raw};
use super::template::Templates;
use super::{About, Envelope, Level, Message, Status, StreamId, Streams};
use crate::fault::Fault;
use crate::json::{Kind, Scanner, Tag};
use crate::reader::Line;

/// The streams of a configured catalog.
#[derive(Default)]
pub(super) struct Airbyte {
    outer: Scanner,
    inner: Scanner,
    streams: HashMap<(Option<String>, String), StreamId>,
    /// The types of messages that were warned of.
    warned: HashSet<String>,
    /// Where a RECORD has its parts, and these theirs; all of a source are usually written alike.
    outside: Layout<2>,
    inside: Layout<3>,
    pub(super) templates: Templates,
    around: Reading<2>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct State<'a> {
    #[serde(borrow, default)]
    stream: Option<StreamState<'a>>,
}

#[derive(Deserialize)]
struct StreamState<'a> {
    stream_descriptor: Descriptor,
    #[serde(borrow, default)]
    #[allow(dead_code, reason = "its presence is part of the form")]
    stream_state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(rename = "type")]
    ty: String,
    #[serde(default)]
    stream_status: Option<StreamStatus>,
    #[serde(default)]
    error: Option<TraceError>,
    #[serde(borrow, default)]
    estimate: Option<&'a RawValue>,
}

/// Of the whole input, if it says so, and otherwise of a stream.
#[derive(Deserialize)]
struct Estimate {
    #[serde(flatten)]
    descriptor: Descriptor,
    #[serde(rename = "type", default)]
    ty: Option<String>,
    #[serde(default)]
    row_estimate: Option<u64>,
}

#[derive(Deserialize)]
struct StreamStatus {
    stream_descriptor: Descriptor,
    status: String,
}

#[derive(Deserialize)]
struct TraceError {
    message: String,
    #[serde(default)]
    internal_message: Option<String>,
}

#[derive(Deserialize)]
struct Log {
    level: String,
    message: String,
}

impl Airbyte {
    /// The streams of a catalog, which [`Streams`] has already.
    pub(super) fn new(streams: &Streams) -> Airbyte {
        let named = streams.iter().filter_map(|(id, declared)| {
            let stream = declared.stream.as_ref()?;
            Some(((stream.namespace.clone(), stream.name.clone()), id))
        });
        Airbyte { streams: named.collect(), ..Airbyte::default() }
    }

    /// What a line says. One that is no message is what the source says to people.
    ///
    /// # Errors
    /// 3 for a message that has not the form of its type, or names a stream that the catalog does not have.
    pub(super) fn decode<'a>(&mut self, line: Line<'a>) -> Result<Message<'a>, Fault> {
        let plain = || Message::Log(Level::Info, String::from_utf8_lossy(line.bytes).into_owned());
        if line.bytes.first() != Some(&b'{') {
            return Ok(plain());
        }
        let Airbyte { outer, inner, streams, warned, outside, inside, templates, .. } = self;
        let record = match outer.scan(line.bytes) {
            Ok(record) => record,
            Err(error) if line.bytes.starts_with(br#"{"type""#) => {
                let at = Line { offset: line.offset + error.offset as u64, ..line };
                return Err(bad(at, &error.message));
            }
            Err(_) => return Ok(plain()),
        };
        if let Some([Some(ty), Some(content)]) = outside.find(&record, ["type", "record"])
            && ty.of(line.bytes) == br#""RECORD""#
            && content.tag == Tag::Object
        {
            let bytes = content.of(line.bytes);
            let message = inner.scan(bytes).map_err(|error| bad(line, &error.message))?;
            if let Some([Some(stream), Some(data), namespace]) =
                inside.find(&message, ["stream", "data", "namespace"])
                && data.tag == Tag::Object
                && matches!(stream.tag, Tag::Plain | Tag::Escaped)
            {
                let namespace =
                    namespace.filter(|namespace| matches!(namespace.tag, Tag::Plain | Tag::Escaped));
                let namespace = namespace.map(|namespace| string(namespace.of(bytes)));
                let stream = find(streams, line, Descriptor { name: string(stream.of(bytes)), namespace })?;
                let data = data.after(content.start);
                templates.learn(line, stream, data);
                return Ok(Message::Record(stream, data.line(line), Envelope::new(line.bytes, data)));
            }
        }
        let Some(ty) = text(&record, "type") else { return Ok(plain()) };
        let content = |key: &str| {
            let field = record.get(key).filter(|field| field.value.kind == Kind::Object);
            field
                .map(|field| field.value.raw)
                .ok_or_else(|| bad(line, &format!("a {ty} without an object `{key}`")))
        };
        let wrong =
            |error: serde_json::Error| bad(line, &format!("a {ty} of an unknown form")).because(error);
        match &*ty {
            "RECORD" => {
                Err(bad(line, "a RECORD without an object `record` that has `stream` and an object `data`"))
            }
            "STATE" => {
                let content = content("state")?;
                let state: State<'_> = serde_json::from_str(content).map_err(wrong)?;
                let stream = match state.stream {
                    Some(state) => Some(find(streams, line, state.stream_descriptor)?),
                    None => None,
                };
                Ok(Message::State(stream, raw(line, content)?))
            }
            "TRACE" => {
                let trace: Trace<'_> = serde_json::from_str(content("trace")?).map_err(wrong)?;
                match (&*trace.ty, trace.stream_status, trace.error) {
                    ("ESTIMATE", ..) => Ok(estimated(streams, trace.estimate)),
                    ("STREAM_STATUS", Some(status), _) => {
                        let stream = find(streams, line, status.stream_descriptor)?;
                        Ok(Message::Status(
                            stream,
                            match &*status.status {
                                "COMPLETE" => Status::Complete,
                                "INCOMPLETE" => Status::Incomplete,
                                _ => Status::Running,
                            },
                        ))
                    }
                    ("ERROR", _, Some(error)) => {
                        let internal = error.internal_message.filter(|internal| *internal != error.message);
                        let internal = internal.map(|text| format!(" ({text})")).unwrap_or_default();
                        Ok(Message::Log(Level::Error, format!("{}{internal}", error.message)))
                    }
                    _ => Ok(Message::Ignored(None)),
                }
            }
            "LOG" => {
                let Log { level, message } = serde_json::from_str(content("log")?).map_err(wrong)?;
                let level = match &*level {
                    "FATAL" | "ERROR" => Level::Error,
                    "WARN" => Level::Warn,
                    "INFO" => Level::Info,
                    "DEBUG" => Level::Debug,
                    _ => Level::Trace,
                };
                Ok(Message::Log(level, message))
            }
            "CONTROL" => Ok(Message::Ignored(None)),
            other => Ok(Message::Ignored(
                warned
                    .insert(other.to_owned())
                    .then(|| format!("{}: messages of type {other} are ignored", line.place())),
            )),
        }
    }
}

impl Airbyte {
    /// What a RECORD says besides its data.
    pub(super) fn about<'a>(&mut self, envelope: Envelope<'a>) -> About<'a> {
        let [time, meta] = envelope.find(&mut self.around, ["emitted_at", "meta"], Some("record"));
        About { time, meta, ..About::default() }
    }
}

/// How much a source says that it will send. What it says so of a stream that nobody asked for matters to nobody.
fn estimated<'a>(
    streams: &HashMap<(Option<String>, String), StreamId>,
    estimate: Option<&RawValue>,
) -> Message<'a> {
    // It is no more than a hint, so nothing fails for its form.
    let estimate = estimate.and_then(|estimate| serde_json::from_str(estimate.get()).ok());
    let Some(Estimate { descriptor, ty, row_estimate: Some(rows) }) = estimate else {
        return Message::Ignored(None);
    };
    if ty.as_deref() == Some("SYNC") {
        return Message::Estimate(None, rows);
    }
    match streams.get(&(descriptor.namespace, descriptor.name)) {
        Some(stream) => Message::Estimate(Some(*stream), rows),
        None => Message::Ignored(None),
    }
}

fn find(
    streams: &HashMap<(Option<String>, String), StreamId>,
    line: Line<'_>,
    descriptor: Descriptor,
) -> Result<StreamId, Fault> {
    let Descriptor { name, namespace } = descriptor;
    let key = (namespace, name);
    let found = streams.get(&key).copied();
    found.ok_or_else(|| bad(line, &format!("stream {} is not in the catalog", key.1)))
}

/// What a source takes as `--state`: a list of the cursors of its streams, or what an old one has sent as it is. That of one
/// stream stays as it is, because only who has those of the others can make the list.
///
/// # Errors
/// 3 if it is not JSON.
pub fn for_source(stream: Option<StreamId>, value: Box<RawValue>) -> Result<Box<RawValue>, Fault> {
    #[derive(Deserialize)]
    struct Legacy {
        data: Option<Box<RawValue>>,
        global: Option<serde::de::IgnoredAny>,
    }
    if stream.is_some() {
        return Ok(value);
    }
    let text = match serde_json::from_str(value.get()) {
        Ok(Legacy { global: None, data: Some(data) }) => return Ok(data),
        _ => format!("[{}]", value.get()),
    };
    RawValue::from_string(text).map_err(|error| Fault::data("a STATE that is not JSON").because(error))
}
