//! Recorded replies, each with what must become of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::json::Scanner;
use serde_json::Value;

use super::sealed::{aborted, without_address};
use super::{Extractor, Sealed, filled};
use crate::http::{Reply, Script, Server};
use crate::run::{Ran, golden};

/// When every reply was fetched, in golden files.
const FETCHED_AT: &str = "2026-11-24T00:00:00Z";

impl Extractor {
    /// Runs these arguments for each recorded reply in a folder, which is named from that of the crate; `{url}`
    /// stands for the address of the server. `of` is what the summary says the records are of.
    ///
    /// The reply `NAME.json` (or `.csv`, `.xml`) becomes the records in `NAME.ndjson`, with the time of the fetch set to
    /// 2026-11-24; they fit their schema and have its fields in its order. Or it becomes the exit code and the message in
    /// `NAME.err`. `HOST` stands for the address of the server in both. `UPDATE_GOLDEN=1` writes these files. Its status is 200, or
    /// NNN of `error_NNN_….json`, or that in `NAME.meta.json`, an object of `status` and `headers`. Its further pages are
    /// `NAME.2.json` and so on.
    ///
    /// Returns what each run printed, by NAME.
    ///
    /// # Panics
    /// If anything is not so, or the folder has no reply.
    pub fn golden(&self, folder: &str, args: &[&str], of: &str) -> BTreeMap<String, Ran> {
        let folder = Path::new(self.folder).join(folder);
        let mut runs = BTreeMap::new();
        for reply in replies(&folder) {
            let name = reply.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            let pages = pages(&reply);
            let count = pages.len();
            let server = Server::start(pages.into_iter().fold(Script::new(), Script::then));
            let args = [filled(args, &server.url()), filled(&["--retries", "0", "--deadline", "30s"], "")];
            let ran = self.run(&args.concat());
            assert_eq!(server.requests().len(), count, "requests of {name}: {}", ran.stderr);
            let (kind, text) = match ran.code {
                // A record may have the address that it was asked for, or relative ones made absolute.
                0 => ("ndjson", self.records(&name, &ran, of).replace(&server.url(), "http://HOST")),
                code => ("err", format!("exit code {code}\n{}\n", message(&ran))),
            };
            golden(folder.join(format!("{name}.{kind}")), &text);
            runs.insert(name, ran);
        }
        assert!(!runs.is_empty(), "{} has no replies", folder.display());
        runs
    }

    /// The records of a run, checked.
    fn records(&self, name: &str, ran: &Ran, of: &str) -> String {
        let stream = Sealed::of(ran);
        let document = self.schema(&stream.schema);
        let schema = Schema::from_path(&document).unwrap_or_else(|fault| panic!("{fault}"));
        let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
        let mut scanner = Scanner::default();
        for line in &stream.lines {
            let record =
                scanner.scan(line.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error:?}: {line}"));
            if let Err(violation) = checker.check(&record) {
                panic!("{name}: {violation:?}: {line}");
            }
        }
        let declared = fields(&document);
        for record in &stream.records {
            let known = record.as_object().into_iter().flat_map(|record| record.keys());
            let known: Vec<&String> = known.filter(|field| declared.contains(field)).collect();
            assert_eq!(
                known,
                declared.iter().collect::<Vec<_>>(),
                "{name}: the fields of the schema, in its order"
            );
        }
        let plural = if stream.records.len() == 1 { "" } else { "s" };
        let summary = format!("{}: {} record{plural} of {of}", stream.schema, stream.records.len());
        assert_eq!(ran.stderr.lines().last(), Some(summary.as_str()), "{name}");
        stream.lines.iter().map(|line| fetched_then(line) + "\n").collect()
    }
}

/// The first pages of all replies in a folder, by name.
fn replies(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.expect("a file").path());
    let is_reply = |path: &PathBuf| {
        let kind = path.extension().and_then(|kind| kind.to_str());
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        // A stem with a dot is a later page, or `NAME.meta`.
        kind.is_some_and(|kind| content_type(kind).is_some()) && !stem.contains('.')
    };
    let mut replies: Vec<PathBuf> = files.filter(is_reply).collect();
    replies.sort();
    replies
}

fn content_type(kind: &str) -> Option<&'static str> {
    match kind {
        "json" => Some("application/json; charset=utf-8"),
        "csv" => Some("text/csv; charset=utf-8"),
        "xml" => Some("application/xml; charset=utf-8"),
        _ => None,
    }
}

/// A reply and its further pages.
fn pages(first: &Path) -> Vec<Reply> {
    let kind = first.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    let further =
        (2..).map(|page| first.with_extension(format!("{page}.{kind}"))).take_while(|path| path.exists());
    [first.to_owned()].into_iter().chain(further).map(|path| reply(&path, kind)).collect()
}

fn reply(path: &Path, kind: &str) -> Reply {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let meta = fs::read(path.with_extension("meta.json")).map_or(Value::Null, |text| {
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("the meta of {stem}: {error}"))
    });
    let named = stem.strip_prefix("error_").and_then(|rest| rest.get(..3)?.parse().ok());
    let status =
        meta["status"].as_u64().and_then(|status| u16::try_from(status).ok()).or(named).unwrap_or(200);
    let body = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reply = Reply::status(status).body(body);
    let headers = meta["headers"].as_object().cloned().unwrap_or_default();
    let has_type = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
    let usual = content_type(kind).filter(|_| !has_type);
    let reply = usual.into_iter().fold(reply, |reply, kind| reply.header("Content-Type", kind));
    headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value.as_str().expect("a text")))
}

/// The message of a failure that is the same in every run.
fn message(ran: &Ran) -> String {
    aborted(ran);
    let message = without_address(ran.last_error_line());
    match message.split_once("; retry_at ") {
        Some((before, _)) => format!("{before}; retry_at TIME"),
        None => message,
    }
}

/// The names of a schema's fields.
fn fields(document: &Path) -> Vec<String> {
    let text = fs::read(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    let schema: Value = serde_json::from_slice(&text).expect("a schema is JSON");
    schema["properties"].as_object().expect("properties").keys().cloned().collect()
}

/// The record as it would be if it had been fetched then: the only part of a live record that no file can hold.
fn fetched_then(line: &str) -> String {
    let (before, rest) = line.split_once("\"fetched_at\":\"").expect("every record has fetched_at");
    let (fetched_at, after) = rest.split_once('"').expect("the end of fetched_at");
    let form: String = fetched_at.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00Z", "fetched_at in {line}");
    format!("{before}\"fetched_at\":\"{FETCHED_AT}\"{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Folder;

    #[test]
    fn a_reply_is_found_with_its_pages_its_status_and_its_headers() {
        let folder = Folder::new();
        for name in
            ["b.json", "b.2.json", "b.3.json", "b.ndjson", "c.csv", "error_404_gone.json", "PROVENANCE.md"]
        {
            folder.write(name, name);
        }
        folder.write(
            "c.meta.json",
            r#"{"status":503,"headers":{"content-type":"text/html","Retry-After":"7"}}"#,
        );
        let replies = replies(&folder.path(""));
        let names: Vec<_> = replies.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["b.json", "c.csv", "error_404_gone.json"]);
        let sent = |pages: &[Reply]| -> Vec<String> {
            pages.iter().map(|page| String::from_utf8(page.bytes()).unwrap().replace("\r\n", "\n")).collect()
        };
        let [several, csv, gone] = [0, 1, 2].map(|n| sent(&pages(&replies[n])));
        assert_eq!(several.len(), 3);
        assert!(several[2].ends_with("\n\nb.3.json"), "{several:?}");
        assert_eq!(
            csv,
            ["HTTP/1.1 503 Scripted\ncontent-type: text/html\nRetry-After: 7\nContent-Length: 5\n\nc.csv"]
        );
        assert!(gone[0].starts_with("HTTP/1.1 404 Scripted\nContent-Type: application/json"), "{gone:?}");
    }

    #[test]
    fn only_the_time_of_the_fetch_is_set() {
        let line = r#"{"a":"2026-01-01T00:00:00Z","fetched_at":"2026-11-29T01:02:03Z","b":1}"#;
        let then = r#"{"a":"2026-01-01T00:00:00Z","fetched_at":"2026-11-24T00:00:00Z","b":1}"#;
        assert_eq!(fetched_then(line), then);
    }
}
