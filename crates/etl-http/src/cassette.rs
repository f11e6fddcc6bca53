//! Recorded replies: one JSON document for each request, without secrets, named after the request.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use etl_component::{Class, Fault, redact};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::file::replace;
use crate::reply::{Redirect, Reply};
use crate::request::Request;

/// The headers that affect a decision; the last three are GitHub's.
const KEPT: [&str; 9] = [
    "content-type",
    "date",
    "retry-after",
    "link",
    "etag",
    "last-modified",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "gh-limited-by",
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cassette {
    method: String,
    /// Path and query below the base URL, without secrets.
    url: String,
    status: u16,
    headers: BTreeMap<String, String>,
    fetched_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<Redirect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// A body that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// The file of a request: a readable part, and a hash of everything that distinguishes requests.
fn file(folder: &Path, request: &Request) -> PathBuf {
    let label = request.label();
    let mut slug = String::new();
    for c in label.chars().take(80) {
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    let mut hash = Sha256::new();
    hash.update(format!("{} {label}\n", request.method));
    hash.update(redact(&String::from_utf8_lossy(&request.body)));
    let hash: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    folder.join(format!("{}-{}-{hash}.json", request.method.to_ascii_lowercase(), slug.trim_end_matches('-')))
}

/// Writes the reply's cassette, whole or not at all.
pub(crate) fn record(folder: &Path, request: &Request, reply: &Reply) -> Result<(), Fault> {
    let (body, body_base64) = match std::str::from_utf8(&reply.body) {
        Ok(text) => (Some(redact(text)), None),
        Err(_) => (None, Some(BASE64_STANDARD.encode(redact_bytes(&reply.body)))),
    };
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in reply.headers.iter().filter(|(name, _)| KEPT.contains(&name.as_str())) {
        // RFC 9110, section 5.3: a repeated header is one list.
        headers
            .entry(name.clone())
            .and_modify(|list| list.push_str(", "))
            .or_default()
            .push_str(&redact(value));
    }
    let cassette = Cassette {
        method: request.method.to_owned(),
        url: request.label(),
        status: reply.status,
        headers,
        fetched_at: reply.fetched_at,
        redirect: reply.redirect.clone(),
        body,
        body_base64,
    };
    let path = file(folder, request);
    let mut bytes = serde_json::to_vec_pretty(&cassette)
        .map_err(|error| Fault::new(Class::Bug, "a cassette cannot be written as JSON").because(error))?;
    bytes.push(b'\n');
    fs::create_dir_all(folder).and_then(|()| replace(&path, &bytes)).map_err(|error| {
        Fault::new(Class::Io, format!("--record: {} cannot be written", path.display())).because(error)
    })
}

/// The recorded reply to a request.
///
/// # Errors
/// 66 if it is missing or cannot be read.
pub(crate) fn replay(folder: &Path, request: &Request) -> Result<Reply, Fault> {
    let path = file(folder, request);
    let fault = |what: &str| {
        let asked = format!("{} {}", request.method, request.label());
        Fault::new(Class::NoInput, format!("--replay: {} {what} (for {asked})", path.display()))
    };
    let text = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault("is missing"),
        _ => fault("cannot be read").because(error),
    })?;
    let cassette: Cassette =
        serde_json::from_slice(&text).map_err(|error| fault("is not a cassette").because(error))?;
    let body = match (cassette.body, cassette.body_base64) {
        (Some(body), None) => body.into_bytes(),
        (None, Some(text)) => {
            BASE64_STANDARD.decode(text).map_err(|error| fault("has a broken body").because(error))?
        }
        _ => return Err(fault("must have either body or body_base64")),
    };
    let (status, fetched_at) = (cassette.status, cassette.fetched_at);
    Ok(Reply {
        status,
        headers: cassette.headers.into_iter().collect(),
        body,
        fetched_at,
        host: request.base.host(),
        redirect: cassette.redirect,
    })
}

/// Redacts bytes that are not UTF-8: read as Latin-1, every byte is a character, and a secret in ASCII stays itself.
fn redact_bytes(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    redact(&text).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}
