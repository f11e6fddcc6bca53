//! `standpipe seal -- CMD`: the seal for a program that knows nothing about it.
//!
//! A plain output becomes one segment. One that is already sealed is verified and passed on under its own ids; line
//! ends, blank lines and the digest over them are normalised on the way. The last `end` is held back until the program
//! has exited with 0; in its place, an `abort` says how the program failed.

use std::ffi::OsString;
use std::io::Read;

use clap::builder::NonEmptyStringValueParser;
use etl_component::{Context, Fault, Output, OutputArgs, random_id};
use etl_stream::json::Scanner;
use etl_stream::{Begin, Event, Reader, SchemaRef, Writer, counted};

use crate::process::Process;
use crate::records;

/// Flags of `seal`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The schema of the records: a name, or a path (with `/` in it or `.json` at its end), whose file is embedded
    #[arg(long, value_name = "NAME|PATH")]
    schema: Option<String>,
    /// The id of the segment; random by default
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// The program that the stream says has written it, as program/version
    #[arg(long, value_name = "NAME")]
    producer: Option<String>,
    /// The longest line accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = etl_component::args::bytes)]
    max_line_bytes: usize,
    #[command(flatten)]
    output: OutputArgs,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs `standpipe seal`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let mut writer = args.output.open()?;
    let begin = Begin {
        id: args.id.clone().map_or_else(random_id, Ok)?,
        schema: args.schema.as_deref().map(records::schema_ref).transpose()?,
        producer: Some(args.producer.clone().unwrap_or_else(|| context.producer())),
        ..Begin::default()
    };
    let (process, stdout) = Process::start(&args.command, context.env.terminal)?;
    let copied = copy(
        &process,
        Reader::new(stdout, records::output_of_program(args.max_line_bytes)),
        &mut writer,
        &begin,
    );
    let copied = process.conclude(copied)?;
    if !writer.is_open() {
        writer.begin(&begin)?;
    }
    writer.end()?;
    etl_component::io::publish(writer)?;
    Ok(copied)
}

/// Copies a whole output without its last `end`, and returns a summary.
fn copy(
    process: &Process,
    mut reader: Reader<impl Read>,
    writer: &mut Writer<Output>,
    begin: &Begin,
) -> Result<String, Fault> {
    let mut scanner = Scanner::new();
    while let Some(event) = reader.next().map_err(|fault| process.blame(fault))? {
        match event {
            Event::Begin(theirs) => {
                if writer.is_open() {
                    writer.end()?;
                } else {
                    warn_of_ignored(begin.schema.as_ref());
                }
                writer.begin(&theirs)?;
            }
            Event::Record(line) => {
                if !writer.is_open() {
                    if line.number == 1 && line.offset > 0 {
                        log::warn!("the output starts with a byte order mark, which is left out");
                    }
                    writer.begin(begin)?;
                }
                line.scan(&mut scanner).map_err(|fault| process.blame(fault))?;
                writer.line(line.bytes)?;
            }
            Event::State(value) => writer.state(&value)?,
            // Written when the next segment begins, or when the program has exited with 0.
            Event::End(_) => (),
        }
        if reader.is_drained() {
            writer.flush()?;
        }
    }
    let totals = reader.totals();
    let blank = match totals.blank_lines {
        0 => String::new(),
        lines => format!(", {} left out", counted(lines, "blank line", "blank lines")),
    };
    let kind = if totals.segments > 0 { "verified" } else { "sealed" };
    Ok(format!("{kind} {}{blank}", counted(totals.records, "record", "records")))
}

fn warn_of_ignored(schema: Option<&SchemaRef>) {
    if schema.is_some() {
        log::warn!("--schema is ignored: the output is already sealed and has its own");
    }
}
