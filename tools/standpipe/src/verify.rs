//! `standpipe verify`: whether a stream is whole, and what is in it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etl_component::{Fault, InputArgs};
use etl_stream::json::Scanner;
use etl_stream::writer::io_fault;
use etl_stream::{Begin, Event, Reader, SchemaRef, Segment, Values, counted};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Flags of `verify`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe verify day.ndjson
  standpipe verify --json day.ndjson | jq .records")]
pub(crate) struct Args {
    /// The stream; `-` is stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    input: InputArgs,
}

/// A segment with what its control lines said.
struct SegmentSummary {
    begin: Begin,
    segment: Segment,
    states: u64,
    last_state: Option<Box<RawValue>>,
}

/// The input of `FILE` or `--input`.
///
/// # Errors
/// 2 if both are given.
pub(crate) fn positional(file: Option<PathBuf>, input: &mut InputArgs) -> Result<(), Fault> {
    let Some(file) = file else { return Ok(()) };
    if input.input != Path::new("-") {
        return Err(Fault::usage("the input is named twice, by FILE and by --input"));
    }
    input.input = file;
    Ok(())
}

/// Runs `standpipe verify`.
pub(crate) fn run(mut args: Args) -> anyhow::Result<String> {
    positional(args.file.take(), &mut args.input)?;
    let mut out = io::stdout().lock();
    let mut reader = args.input.open()?;
    let mut segments = Vec::new();
    let read = read(&mut reader, |found| {
        if args.json {
            segments.push(found.json());
            return Ok(());
        }
        writeln!(out, "{}", found.text()).map_err(io_fault)
    });
    let text = if args.json {
        report(&mut reader, read.as_ref().err(), segments).to_string()
    } else {
        verdict(&mut reader, read.as_ref().err())
    };
    // A reader that went away is the failure of this run only if nothing else is.
    let printed = writeln!(out, "{text}").map_err(io_fault);
    read?;
    printed?;
    let totals = reader.totals();
    let records = counted(totals.records, "record", "records");
    let segments = counted(totals.segments, "segment", "segments");
    Ok(format!("{records}, {segments}, {}", counted(totals.bytes, "byte", "bytes")))
}

fn read(
    reader: &mut Reader<File>,
    mut found: impl FnMut(SegmentSummary) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut scanner = Scanner::new();
    let (mut open, mut states, mut last_state) = (None, 0, None);
    loop {
        let event = reader.next();
        // Most events are records; they are looked at where they are, since moving them takes as long as finding them.
        if let Ok(Some(Event::Record(line))) = &event {
            etl_component::check_record(line, &mut scanner)?;
            continue;
        }
        match event? {
            Some(Event::Begin(begin)) => open = Some(begin),
            Some(Event::State(value)) => {
                states += 1;
                last_state = Some(value);
            }
            Some(Event::End(segment)) => {
                let begin = open.take().unwrap_or_default();
                found(SegmentSummary { begin, segment, states, last_state: last_state.take() })?;
                states = 0;
            }
            Some(Event::Record(_)) => (),
            None => return Ok(()),
        }
    }
}

impl SegmentSummary {
    fn text(&self) -> String {
        let Segment { id, records, bytes, digest } = &self.segment;
        let schema = match &self.begin.schema {
            None => "none".to_owned(),
            Some(SchemaRef::Name(name)) => plain(name),
            Some(SchemaRef::Inline(_)) => "inline".to_owned(),
        };
        let producer = self.begin.producer.as_deref().map_or_else(|| "unknown".to_owned(), plain);
        let values = if self.begin.values == Values::Text { " values=text" } else { "" };
        let id = plain(id);
        let last = self.last_state.as_ref().map(|state| format!(" last_state={state}")).unwrap_or_default();
        let states = self.states;
        format!(
            "segment {id} schema={schema}{values} producer={producer} records={records} bytes={bytes} sha256={digest} \
             states={states}{last}"
        )
    }

    fn json(&self) -> Value {
        let parsed = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        let schema = match &self.begin.schema {
            None => Value::Null,
            Some(SchemaRef::Name(name)) => name.as_str().into(),
            Some(SchemaRef::Inline(document)) => parsed(document),
        };
        json!({
            "id": self.segment.id,
            "schema": schema,
            "values": (self.begin.values == Values::Text).then_some("text"),
            "producer": self.begin.producer,
            "records": self.segment.records,
            "bytes": self.segment.bytes,
            "sha256": self.segment.digest.to_string(),
            "states": self.states,
            "last_state": self.last_state.as_deref().map(parsed),
        })
    }
}

/// A word as it is; what would not be a single word on a terminal is quoted.
fn plain(text: &str) -> String {
    let word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    if word { text.to_owned() } else { Value::from(text).to_string() }
}

/// The last line: the verdict on the whole stream.
fn verdict(reader: &mut Reader<File>, fault: Option<&Fault>) -> String {
    let totals = reader.totals();
    let (segments, records) = (totals.segments, totals.records);
    match fault {
        Some(fault) => format!("not whole: {fault}"),
        None if totals.sealed => format!("whole: segments={segments} records={records}"),
        None => {
            let digest = reader.digest();
            format!("not sealed: records={records} sha256={digest}; nothing says that these are all")
        }
    }
}

fn report(reader: &mut Reader<File>, fault: Option<&Fault>, segments: Vec<Value>) -> Value {
    let totals = reader.totals().clone();
    let digest = fault.is_none().then(|| reader.digest().to_string());
    let error = fault.map(|fault| json!({ "code": fault.class().code(), "message": fault.to_string() }));
    json!({
        "whole": fault.is_none() && totals.sealed,
        "sealed": totals.sealed,
        "segments": segments,
        "records": totals.records,
        "lines": totals.lines,
        "blank_lines": totals.blank_lines,
        "bytes": totals.bytes,
        "sha256": digest,
        "error": error,
    })
}
