//! Control lines: objects with the one key `_etl`.
//!
//! ```json
//! {"_etl":{"v":1,"kind":"begin","id":"6f1c","schema":"openweather.current","producer":"extract-openweather/0.1.0"}}
//! {"_etl":{"v":1,"kind":"state","value":{"cursor":"2026-11-23T02:00:00Z"}}}
//! {"_etl":{"v":1,"kind":"end","id":"6f1c","records":1,"bytes":141,"sha256":"…"}}
//! {"_etl":{"v":1,"kind":"abort","code":77,"message":"api.openweathermap.org: 401 Unauthorized","step":"extract-openweather"}}
//! ```
//!
//! Fields that are not named here are ignored, so that later versions can add some; an unknown `kind` or `v` is not.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::fault::{Class, Details};

/// What every control line starts with and no record may start with.
pub const PREFIX: &[u8] = br#"{"_etl":"#;

/// The version of the wire this crate speaks.
pub const VERSION: u64 = 1;

/// What to do about a stream that was changed between its producer and its reader.
pub(crate) const CHANGED: &str = " (a filter in between needs `standpipe through -- COMMAND`)";

/// Whether this line is a control line.
pub fn is_control(line: &[u8]) -> bool {
    line.starts_with(PREFIX)
}

/// Opens a segment.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// Names the segment; unique in a stream, and preferably everywhere: loaders remember it.
    pub id: String,
    /// The schema of the segment's records.
    pub schema: Option<SchemaRef>,
    /// How the records' values are written.
    pub values: Values,
    /// Who wrote the segment, as `program/version`.
    pub producer: Option<String>,
}

/// How the values of a segment's records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Values {
    /// As JSON: numbers are numbers.
    #[default]
    Json,
    /// Every value is a string or null, as in CSV, and is read into its column as COPY reads CSV.
    Text,
}

impl Begin {
    /// How many bytes of text it holds.
    pub fn size(&self) -> usize {
        let schema = self.schema.as_ref().map_or(0, |schema| match schema {
            SchemaRef::Name(name) => name.len(),
            SchemaRef::Inline(document) => document.get().len(),
        });
        self.id.len() + self.producer.as_ref().map_or(0, String::len) + schema
    }
}

/// The schema named or carried by a `begin` line.
#[derive(Clone, Debug)]
pub enum SchemaRef {
    /// The name of a schema that both sides know.
    Name(String),
    /// A whole JSON Schema document, shared because several parts of a program hold on to it.
    Inline(Arc<RawValue>),
}

/// The longest inline schema that is read, in bytes: what a reader makes of one takes many times its length.
pub const MAX_SCHEMA: usize = 1 << 20;

impl PartialEq for SchemaRef {
    fn eq(&self, other: &SchemaRef) -> bool {
        match (self, other) {
            (SchemaRef::Name(a), SchemaRef::Name(b)) => a == b,
            (SchemaRef::Inline(a), SchemaRef::Inline(b)) => a.get() == b.get(),
            _ => false,
        }
    }
}

impl Eq for SchemaRef {}

impl Hash for SchemaRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            SchemaRef::Name(text) => text.hash(state),
            SchemaRef::Inline(document) => document.get().hash(state),
        }
    }
}

/// A parsed control line.
#[derive(Debug)]
pub enum Control {
    /// Opens a segment.
    Begin(Begin),
    /// A cursor, durable only together with the records before it.
    State(Box<RawValue>),
    /// Closes a segment: the source is complete.
    End(End),
    /// Closes the stream: the source failed.
    Abort(Abort),
}

/// Closes a segment that is complete. `bytes` and `sha256` are optional on the wire.
#[derive(Debug)]
pub struct End {
    /// The `id` of its `begin`.
    pub id: String,
    /// The number of record lines.
    pub records: u64,
    /// The length of everything between the newline of `begin` and the first byte of `end`.
    pub bytes: Option<u64>,
    /// The SHA-256 of the same bytes, in hexadecimal.
    pub sha256: Option<String>,
}

/// Says that the producer failed, and how.
#[derive(Debug)]
pub struct Abort {
    /// The exit code of the producer, as it is written: `77`, or whatever stands there.
    pub code: String,
    /// Its error message.
    pub message: String,
    /// Where it failed.
    pub details: Details,
}

impl Abort {
    /// The class the reader fails with; a code outside the table is bad data. The producer's 141 stays 141, but as a
    /// failure that is reported: only a component whose own reader went away is silent.
    pub fn class(&self) -> Class {
        match self.known() {
            Some(Class::Closed) => Class::Signal(13),
            class => class.unwrap_or(Class::Data),
        }
    }

    /// The class of its code, if it is one of the table.
    pub fn known(&self) -> Option<Class> {
        self.code.parse().ok().and_then(Class::from_code)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(rename = "_etl")]
    body: Body,
}

/// The fields of all kinds; absent ones are not written.
#[derive(Default, Deserialize, Serialize)]
struct Body {
    v: u64,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    producer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pipeline: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<serde_json::Value>,
}

impl Body {
    /// The details of an abort. What is not of its type is left out: the message is worth more than its fault.
    fn details(&self) -> Details {
        let text = |value: &Option<serde_json::Value>| value.as_ref()?.as_str().map(str::to_owned);
        let lines = self.log.as_ref().and_then(serde_json::Value::as_array).into_iter().flatten();
        let log = lines.filter_map(|line| line.as_str().map(str::to_owned)).collect();
        Details { step: text(&self.step), pipeline: text(&self.pipeline), table: text(&self.table), log }
    }
}

/// Parses a line for which [`is_control`] holds. The error is a sentence without the line's number.
pub fn parse(line: &[u8]) -> Result<Control, String> {
    let envelope: Envelope =
        serde_json::from_slice(line).map_err(|error| format!("broken control line: {error}{CHANGED}"))?;
    let body = envelope.body;
    if body.v != VERSION {
        return Err(format!("control line of version {}; this reader knows {VERSION}", body.v));
    }
    let missing = |field: &str| format!("control line of kind `{}` without `{field}`", body.kind);
    match body.kind.as_str() {
        "begin" => {
            let id = body.id.clone().filter(|id| !id.is_empty()).ok_or_else(|| missing("id"))?;
            let (schema, values) = (schema_ref(body.schema)?, values(body.values.as_deref())?);
            Ok(Control::Begin(Begin { id, schema, values, producer: body.producer }))
        }
        "state" => {
            // serde reads a JSON null into an Option as absent, but null is a cursor like any other.
            let null = || RawValue::from_string("null".to_owned()).ok().filter(|_| has_value(line));
            Ok(Control::State(
                body.value.or_else(null).ok_or_else(|| "a `state` without `value`".to_owned())?,
            ))
        }
        "end" => Ok(Control::End(End {
            id: body.id.clone().ok_or_else(|| missing("id"))?,
            records: body.records.ok_or_else(|| missing("records"))?,
            bytes: body.bytes,
            sha256: body.sha256,
        })),
        "abort" => Ok(Control::Abort(Abort {
            details: body.details(),
            // Whatever stands there, the message is worth more than its fault.
            code: body.code.map_or_else(|| "no code".to_owned(), |code| code.get().to_owned()),
            message: body.message.unwrap_or_default(),
        })),
        other => Err(format!("control line of unknown kind `{other}`")),
    }
}

fn has_value(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line)
        .is_ok_and(|line| line["_etl"].as_object().is_some_and(|body| body.contains_key("value")))
}

fn schema_ref(raw: Option<Box<RawValue>>) -> Result<Option<SchemaRef>, String> {
    let Some(raw) = raw else { return Ok(None) };
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(Some(SchemaRef::Inline(raw.into()))),
        Some(b'"') => serde_json::from_str(raw.get())
            .map(|name| Some(SchemaRef::Name(name)))
            .map_err(|error| format!("broken `schema`: {error}")),
        _ => Err(format!("`schema` is {}, neither a name nor a JSON Schema", raw.get())),
    }
}

fn values(word: Option<&str>) -> Result<Values, String> {
    match word {
        None => Ok(Values::Json),
        Some("text") => Ok(Values::Text),
        Some(other) => Err(format!("`values` is `{other}`; this reader knows `text`")),
    }
}

/// Appends a `begin` line to `out`.
pub fn write_begin(out: &mut Vec<u8>, begin: &Begin) {
    let schema = begin.schema.as_ref().map(|schema| match schema {
        SchemaRef::Name(name) => one_line(&serde_json::Value::from(name.as_str()).to_string()),
        SchemaRef::Inline(raw) => one_line(raw.get()),
    });
    let values = (begin.values == Values::Text).then(|| "text".to_owned());
    let (id, producer) = (Some(begin.id.clone()), begin.producer.clone());
    write(out, Body { kind: "begin".into(), id, schema, values, producer, ..Body::default() });
}

/// Appends a `state` line to `out`.
pub fn write_state(out: &mut Vec<u8>, value: &RawValue) {
    write(out, Body { kind: "state".into(), value: Some(one_line(value.get())), ..Body::default() });
}

/// Appends an `end` line to `out`.
pub fn write_end(out: &mut Vec<u8>, end: End) {
    let End { id, records, bytes, sha256 } = end;
    let (id, records) = (Some(id), Some(records));
    write(out, Body { kind: "end".into(), id, records, bytes, sha256, ..Body::default() });
}

/// Appends an `abort` line to `out`.
pub fn write_abort(out: &mut Vec<u8>, class: Class, message: &str, details: &Details) {
    let code = RawValue::from_string(class.code().to_string()).ok();
    let message = Some(message.to_owned());
    let [step, pipeline, table] = [&details.step, &details.pipeline, &details.table]
        .map(|name| name.clone().map(serde_json::Value::from));
    let log = (!details.log.is_empty()).then(|| details.log.clone().into());
    write(out, Body { kind: "abort".into(), code, message, step, pipeline, table, log, ..Body::default() });
}

fn write(out: &mut Vec<u8>, mut body: Body) {
    body.v = VERSION;
    out.extend_from_slice(PREFIX);
    // Serializing a struct of strings, numbers and checked JSON into memory cannot fail.
    serde_json::to_writer(&mut *out, &body).expect("a control line serializes");
    out.extend_from_slice(b"}\n");
}

/// The same JSON without line breaks: within strings they are escaped, so any that occur are white space.
pub(crate) fn one_line(json: &str) -> Box<RawValue> {
    let flat: String = json.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect();
    RawValue::from_string(flat).expect("JSON stays JSON when its white space changes")
}

#[cfg(test)]
mod tests;
