//! What real Singer taps and Airbyte sources printed, byte for byte (`connectors/`, each with its PROVENANCE.md).

use std::path::PathBuf;

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
