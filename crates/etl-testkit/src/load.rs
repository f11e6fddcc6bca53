//! Streams for loaders to read, and checks of what loaders print.

use etl_stream::{Begin, SchemaRef, Values, Writer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::run::Ran;

/// A schema with a key and a text.
pub const ITEMS: &str = r#"{"type":"object","x-key":["id"],"required":["id"],
    "properties":{"id":{"type":"integer"},"name":{"type":["string","null"]}}}"#;

/// A schema without a key.
pub const EVENTS: &str = r#"{"type":"object","required":["n"],
    "properties":{"n":{"type":"integer"},"text":{"type":["string","null"]}}}"#;

/// More bytes than a loader holds back before it opens a transaction.
pub const HELD: usize = (8 << 20) + (256 << 10);

/// A sealed segment of these lines; those that start with `state ` become states. `schema` is a name, a document, or
/// empty for none.
///
/// # Panics
/// If a document or a state is not JSON.
pub fn sealed_as(schema: &str, id: &str, lines: &[&str]) -> Vec<u8> {
    let schema = match schema {
        "" => None,
        document if document.starts_with('{') => Some(SchemaRef::Inline(raw(document).into())),
        name => Some(SchemaRef::Name(name.to_owned())),
    };
    segment(&Begin { id: id.to_owned(), schema, ..Begin::default() }, lines)
}

/// A sealed segment without a schema whose values are all texts.
///
/// # Panics
/// Never: it is written to memory.
pub fn texts(id: &str, lines: &[&str]) -> Vec<u8> {
    segment(&Begin { id: id.to_owned(), values: Values::Text, ..Begin::default() }, lines)
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).expect("JSON")
}

fn segment(begin: &Begin, lines: &[&str]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    writer.begin(begin).expect("memory");
    for line in lines {
        match line.strip_prefix("state ") {
            Some(value) => writer.state(&raw(value)).expect("memory"),
            None => writer.line(line.as_bytes()).expect("memory"),
        }
    }
    writer.end().expect("memory");
    writer.into_inner()
}

/// A sealed segment without a schema.
pub fn sealed(id: &str, lines: &[&str]) -> Vec<u8> {
    sealed_as("", id, lines)
}

/// A sealed segment of [`EVENTS`] with this many records, of about 110 bytes each.
pub fn many(id: &str, records: usize) -> Vec<u8> {
    let text = "x".repeat(90);
    let lines: Vec<String> = (0..records).map(|n| format!("{{\"n\":{n},\"text\":\"{text}\"}}")).collect();
    sealed(id, &strs(&lines))
}

/// A sealed segment of [`EVENTS`] with these numbers.
pub fn events(id: &str, numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let lines: Vec<String> = numbers.into_iter().map(|n| format!("{{\"n\":{n}}}")).collect();
    sealed(id, &strs(&lines))
}

/// A sealed segment of [`ITEMS`], each with an id and a name.
pub fn items(id: &str, rows: &[(i64, &str)]) -> Vec<u8> {
    let lines: Vec<String> =
        rows.iter().map(|(id, name)| format!("{{\"id\":{id},\"name\":\"{name}\"}}")).collect();
    sealed(id, &strs(&lines))
}

/// Lines that were made, as the functions here take them.
pub fn strs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// Lines as a plain stream.
pub fn plain(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The lines of a stream that a loader printed.
///
/// # Panics
/// If a line is not JSON.
#[track_caller]
pub fn printed(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// The receipts that a loader printed in its sealed segment.
///
/// # Panics
/// If the loader failed, or printed anything else.
#[track_caller]
pub fn receipts(ran: &Ran) -> Vec<Value> {
    ran.ok();
    let mut lines = printed(&ran.stdout);
    let (first, last) = (lines.remove(0), lines.pop().expect("an end"));
    assert_eq!((&first["_etl"]["kind"], &first["_etl"]["schema"]), (&"begin".into(), &"etl.receipt".into()));
    assert_eq!((&last["_etl"]["kind"], &last["_etl"]["records"]), (&"end".into(), &lines.len().into()));
    lines
}

/// The counts of the only receipt: `records inserted updated unchanged superseded rejected`.
///
/// # Panics
/// If the loader failed, or printed more or fewer receipts.
#[track_caller]
pub fn counts(ran: &Ran) -> [u64; 6] {
    let receipts = receipts(ran);
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    ["records", "inserted", "updated", "unchanged", "superseded", "rejected"]
        .map(|name| receipts[0][name].as_u64().unwrap_or_else(|| panic!("{name} in {receipts:?}")))
}

/// Asserts that a load failed with this code and this message, both of which its `abort` line repeats. The message need
/// only contain `said`. What a producer said of its own failure goes on without our words.
///
/// # Panics
/// If it did not.
#[track_caller]
pub fn refused(ran: &Ran, code: i32, said: &str) {
    ran.fails(code);
    assert!(ran.last_error_line().contains(said), "{said:?} is not in {:?}", ran.last_error_line());
    let last = printed(&ran.stdout).pop().expect("an abort line");
    assert_eq!((&last["_etl"]["kind"], &last["_etl"]["code"]), (&"abort".into(), &code.into()));
    let line = ran.last_error_line();
    assert_eq!(last["_etl"]["message"], line.strip_prefix("the producer failed: ").unwrap_or(line));
}

/// The segments that a loader printed: the lines of each, without `begin` and `end`, but with `abort`.
///
/// # Panics
/// If it printed something other than a stream.
#[track_caller]
pub fn segments(stdout: &str) -> Vec<Vec<&str>> {
    let mut segments = Vec::new();
    let mut open = None;
    for line in stdout.lines() {
        let control: Value =
            if line.starts_with("{\"_etl\":") { printed(line).remove(0) } else { Value::Null };
        match (control["_etl"]["kind"].as_str(), &mut open) {
            (Some("begin"), None) => open = Some(Vec::new()),
            (Some("end"), Some(lines)) => {
                let records = lines.iter().filter(|line: &&&str| !line.starts_with("{\"_etl\":")).count();
                assert_eq!(control["_etl"]["records"], records, "{line}");
                segments.extend(open.take());
            }
            (Some("abort"), open) => segments.push([open.take().unwrap_or_default(), vec![line]].concat()),
            (Some("state") | None, Some(lines)) => lines.push(line),
            _ => panic!("{line} is out of place in {stdout}"),
        }
    }
    assert_eq!(open, None, "{stdout}");
    segments
}

/// The receipts that a loader printed, grouped by load.
///
/// # Panics
/// If it printed something other than a stream.
#[track_caller]
pub fn loads(stdout: &str) -> Vec<Vec<Value>> {
    let parse = |line: &&str| printed(line).remove(0);
    let segments = segments(stdout);
    segments.iter().map(|lines| lines.iter().map(parse).collect()).collect()
}
