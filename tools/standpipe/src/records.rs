//! What the subcommands share for reading records.

use etl_component::Fault;
use etl_schema::Schema;
use etl_stream::reader::Options;
use etl_stream::{Origin, SchemaRef, Seal};

/// How the output of a program is read: sealed or not, as `seal` says, and possibly empty.
pub(crate) fn output_of_program(max_line_bytes: usize, seal: Seal) -> Options {
    Options { seal, max_line_bytes, allow_empty: true, origin: Origin::Pipe, warn: |_| () }
}

/// The schema of `--schema` for a `begin` line: a path is embedded whole, a name must be known.
///
/// # Errors
/// 78 if it is unknown, unreadable or broken.
pub(crate) fn schema_ref(flag: &str) -> Result<SchemaRef, Fault> {
    let schema = Schema::from_flag(flag)?;
    if etl_schema::registry::document(flag).is_some() {
        return Ok(SchemaRef::Name(schema.name));
    }
    // The file's own text, because a parsed number may have lost digits.
    let broken = |error: String| Fault::config(format!("cannot read the schema {flag}: {error}"));
    let text = std::fs::read_to_string(flag).map_err(|error| broken(error.to_string()))?;
    serde_json::from_str(&text).map(SchemaRef::Inline).map_err(|error| broken(error.to_string()))
}
