//! Airbyte's configured catalog: which streams a source is asked for, and how they are to be written.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Declared, Format, Generation, Stream, Write};
use crate::control::{MAX_SCHEMA, SchemaRef};
use crate::fault::Fault;

#[derive(Deserialize)]
struct Catalog {
    streams: Vec<Configured>,
}

#[derive(Deserialize)]
struct Configured {
    stream: Described,
    destination_sync_mode: String,
    #[serde(default)]
    primary_key: Option<Vec<Vec<String>>>,
    #[serde(default)]
    generation_id: Option<i64>,
    #[serde(default)]
    minimum_generation_id: Option<i64>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    json_schema: Box<RawValue>,
    #[serde(default)]
    source_defined_primary_key: Option<Vec<Vec<String>>>,
}

/// The streams of a configured catalog, in its order.
///
/// # Errors
/// 78 if it is not one, or asks for what cannot be done; the message names the stream.
pub fn catalog(text: &str) -> Result<Vec<Declared>, Fault> {
    let catalog: Catalog = serde_json::from_str(text)
        .map_err(|error| Fault::config("not a configured catalog of Airbyte").because(error))?;
    catalog.streams.into_iter().map(declared).collect()
}

fn declared(configured: Configured) -> Result<Declared, Fault> {
    let Configured { stream, destination_sync_mode, primary_key, .. } = &configured;
    let name = &stream.name;
    let fault = |what: String| Fault::config(format!("stream {name} of the catalog: {what}"));
    let (dedup, overwrite) = match &**destination_sync_mode {
        "append" => (false, false),
        "overwrite" => (false, true),
        "append_dedup" => (true, false),
        "overwrite_dedup" => (true, true),
        other => return Err(fault(format!("destination_sync_mode {other} is not supported"))),
    };
    let generation = match (configured.generation_id, configured.minimum_generation_id) {
        (Some(id), Some(least)) if least > id => {
            return Err(fault(format!("minimum_generation_id {least} is beyond generation_id {id}")));
        }
        (Some(id), least) => Some(Generation { id, least: least.unwrap_or_default() }),
        (None, _) => None,
    };
    // The generations of a refresh say more than the mode: rows of earlier ones go, or stay.
    let overwrite = match generation.filter(|_| configured.minimum_generation_id.is_some()) {
        Some(Generation { id, least }) => least == id,
        None => overwrite,
    };
    let paths = primary_key.clone().filter(|key| !key.is_empty());
    let paths = paths.or_else(|| stream.source_defined_primary_key.clone()).unwrap_or_default();
    let mut key = Vec::new();
    for path in paths.into_iter().filter(|_| dedup) {
        match <[String; 1]>::try_from(path) {
            Ok([name]) => key.push(name),
            Err(path) => return Err(fault(format!("the key {} is not a top-level field", path.join(".")))),
        }
    }
    if dedup && key.is_empty() {
        return Err(fault(format!("{destination_sync_mode} needs a primary_key")));
    }
    let length = stream.json_schema.get().len();
    if length > MAX_SCHEMA {
        return Err(fault(format!("its schema has {length} bytes; at most {MAX_SCHEMA} are read")));
    }
    let write = match (overwrite, dedup) {
        (true, _) => Write::Replace,
        (false, true) => Write::Upsert,
        (false, false) => Write::Append,
    };
    let Described { name, namespace, json_schema, .. } = configured.stream;
    let stream = Stream { format: Format::Airbyte, namespace, name, key, write: Some(write), generation };
    let schema = Some(SchemaRef::Inline(Arc::from(json_schema)));
    Ok(Declared { schema, stream: Some(Arc::new(stream)), ..Declared::default() })
}
