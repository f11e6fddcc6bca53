//! What real Singer taps and Airbyte sources printed, byte for byte (`connectors/`, each with its PROVENANCE.md).

pub mod batches;
pub mod changes;
pub mod flatten;
pub mod metadata;
pub mod suite;
pub mod versions;

use std::path::PathBuf;

use crate::load::sealed;
use crate::run::Ran;

/// The path of a recorded file, such as `tap-jsonl/things.singer`.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/connectors")).join(name)
}

/// The bytes of a recorded file.
///
/// # Panics
/// If it cannot be read.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A loader into a database of tables, in a folder of a test's own. What is asked of both such loaders is in the modules
/// here; each function wants a place of its own.
pub trait Place {
    /// Loads these bytes through a pipe.
    fn load(&self, args: &str, stream: &[u8]) -> Ran;

    /// The rows of a query, with `|` between their values.
    fn rows(&self, sql: &str) -> Vec<String>;

    /// Writes a file beside it, and returns its path.
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf;
}

/// The messages of a tap: those of [`schema`], and these.
pub fn tap(lines: &[&str]) -> String {
    let first = schema("a", &[("id", "integer"), ("n", "integer")], &["id"]);
    [&[first.as_str()], lines].concat().join("\n") + "\n"
}

/// A SCHEMA with these properties, each with its type, and this key.
pub fn schema(stream: &str, properties: &[(&str, &str)], key: &[&str]) -> String {
    let properties: serde_json::Map<String, serde_json::Value> = properties
        .iter()
        .map(|(name, ty)| ((*name).to_owned(), serde_json::json!({ "type": [ty, "null"] })))
        .collect();
    let schema = serde_json::json!({ "properties": properties });
    serde_json::json!({ "type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": key })
        .to_string()
}

/// The same, sealed under this id.
pub fn seal(id: &str, messages: &str) -> Vec<u8> {
    sealed(id, &messages.lines().collect::<Vec<_>>())
}

/// It failed like this, and printed nothing that could be taken for a state.
///
/// # Panics
/// If it did not.
#[track_caller]
pub fn refused(ran: &Ran, code: i32, says: &str) {
    let line = ran.fails(code).last_error_line();
    assert!(line.contains(says), "{line}");
    let abort = r#"{"_etl":{"v":1,"kind":"abort""#;
    assert!(ran.stdout.is_empty() || ran.stdout.starts_with(abort), "{}", ran.stdout);
}
