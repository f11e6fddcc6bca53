//! Files of records, which a Singer tap names in place of sending the records.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::Deserialize;

/// The files of a BATCH message: one record a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where they are.
    pub files: Vec<PathBuf>,
    /// Whether they are packed by gzip.
    pub gzip: bool,
}

#[derive(Deserialize)]
struct Message {
    encoding: Encoding,
    manifest: Vec<String>,
}

#[derive(Deserialize)]
struct Encoding {
    format: String,
    #[serde(default)]
    compression: Option<String>,
}

/// Why a BATCH cannot be followed.
pub(super) enum Unfit {
    /// It is not one.
    Broken,
    /// What it asks for is not supported.
    Unsupported(String),
}

impl Batch {
    /// Reads a BATCH message.
    ///
    /// # Errors
    /// It has not its form, or its files are elsewhere or written in another way.
    pub(super) fn read(message: &str) -> Result<Batch, Unfit> {
        let Message { encoding, manifest } = serde_json::from_str(message).map_err(|_| Unfit::Broken)?;
        if encoding.format != "jsonl" {
            return Err(Unfit::Unsupported(format!(
                "the format {} of a BATCH is not read, only jsonl",
                encoding.format
            )));
        }
        let gzip = match encoding.compression.as_deref() {
            None | Some("none") => false,
            Some("gzip") => true,
            Some(other) => {
                return Err(Unfit::Unsupported(format!(
                    "the compression {other} of a BATCH is not read, only gzip and none"
                )));
            }
        };
        let file = |address: &String| {
            let path = address.strip_prefix("file://").and_then(decoded);
            path.ok_or_else(|| {
                Unfit::Unsupported(format!("{address}: files of a BATCH are read only at file:///PATH"))
            })
        };
        Ok(Batch { files: manifest.iter().map(file).collect::<Result<_, _>>()?, gzip })
    }
}

/// A path from the part of an address after its scheme, in which some characters are written as `%` and two hexadecimal digits.
fn decoded(path: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| crate::json::hex(tail.get(..2)?)).flatten();
        bytes.push(escaped.map_or(byte, |byte| byte as u8));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_addresses() {
        let path = |path: &str| decoded(path).map(|path| path.display().to_string());
        assert_eq!(path("/tmp/a%20b/100%.jsonl"), Some("/tmp/a b/100%.jsonl".to_owned()));
        assert_eq!((path("host/x"), path("")), (None, None));
    }
}
