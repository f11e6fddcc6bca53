//! `standpipe seal -- CMD`: the seal for a program that knows nothing about it.
//!
//! A plain output becomes one segment, or several (`--every`, `--interval`), with the `state` lines that stand among its
//! records. One that is already sealed is verified and passed on under its own ids; line
//! ends, blank lines and the digest over them are normalised on the way. The last `end` is held back until the program
//! has exited with 0; in its place, an `abort` says how the program failed.

use std::process::ChildStdout;
use std::time::{Duration, Instant};

use clap::builder::NonEmptyStringValueParser;
use etl_component::cuts::{Cuts, Cutter};
use etl_component::{Context, Fault, Output, OutputArgs, duration, random_id};
use etl_schema::Schema;
use etl_stream::json::Scanner;
use etl_stream::{Begin, Event, Reader, Seal, Writer, counted};

use crate::process::{Process, Program};
use crate::records;

/// Flags of `seal`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe seal --schema meter.json -- python3 meters.py | load-postgres --table meters
  standpipe seal --every 1000 -- tail -f log.ndjson | load-postgres --table log --commit-every 1000")]
pub(crate) struct Args {
    /// The schema of the records: a name, or a path (with `/` in it or `.json` at its end), whose file is embedded
    #[arg(long, value_name = "NAME|PATH", help_heading = "Output")]
    schema: Option<String>,
    /// The id of the segment; random by default. Of several it is the beginning, …
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), help_heading = "Output")]
    id: Option<String>,
    /// Close the segment after this many records and open the next one, for a program that never ends
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Output")]
    every: Option<u64>,
    /// Close the segment this long after its first line and open the next one, also while the program is silent
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Output")]
    interval: Option<Duration>,
    /// The program that the stream says has written it, as program/version
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    producer: Option<String>,
    /// The longest line accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = etl_component::args::bytes, help_heading = "Input")]
    max_line_bytes: usize,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    program: Program,
}

/// How long a segment that is full waits for a `state` line of the records in it.
const LINGER: Duration = Duration::from_millis(100);

/// Runs `standpipe seal`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let mut writer = args.output.open()?;
    let mut segments = Segments {
        cuts: Cuts { every: args.every, interval: args.interval },
        begin: Begin {
            id: args.id.clone().map_or_else(random_id, Ok)?,
            schema: args.schema.as_deref().map(Schema::said_by).transpose()?.map(|(_, said)| said),
            producer: Some(args.producer.clone().unwrap_or_else(|| context.producer())),
            ..Begin::default()
        },
        opened: 0,
    };
    let (process, stdout) = Process::start(&args.program, context.env.terminal)?;
    let reader = Reader::new(stdout, records::output_of_program(args.max_line_bytes, Seal::Bare));
    let copied = copy(&process, reader, &mut writer, &mut segments);
    let copied = process.conclude(copied)?;
    if segments.opened == 0 {
        segments.open(&mut writer)?;
    }
    if writer.is_open() {
        writer.end()?;
    }
    etl_component::io::publish(writer)?;
    Ok(copied)
}

/// The segments of an output, one after the other.
struct Segments {
    cuts: Cuts,
    /// That of each, but for its id, which is numbered where there may be several.
    begin: Begin,
    opened: u64,
}

impl Segments {
    /// Opens the next segment, if none is open.
    #[inline]
    fn open(&mut self, writer: &mut Writer<Output>) -> Result<(), Fault> {
        if writer.is_open() { Ok(()) } else { self.open_next(writer) }
    }

    #[cold]
    fn open_next(&mut self, writer: &mut Writer<Output>) -> Result<(), Fault> {
        self.opened += 1;
        let mut begin = self.begin.clone();
        if self.cuts != Cuts::default() {
            begin.id = format!("{}-{}", begin.id, self.opened);
        }
        writer.begin(&begin)
    }

    /// Passes on the `begin` of an output that is already sealed, which takes nothing from the flags.
    fn pass_on(&mut self, writer: &mut Writer<Output>, theirs: &Begin) -> Result<(), Fault> {
        if writer.is_open() {
            writer.end()?;
        } else if self.begin.schema.is_some() {
            log::warn!("--schema is ignored: the output is already sealed and has its own");
        }
        if self.opened == 0 && self.cuts != Cuts::default() {
            log::warn!(
                "--every and --interval are ignored: the output is already sealed, and its segments stay as they are"
            );
        }
        self.opened += 1;
        writer.begin(theirs)
    }
}

/// Copies a whole output without its last `end`, and returns a summary.
fn copy(
    process: &Process,
    mut reader: Reader<ChildStdout>,
    writer: &mut Writer<Output>,
    segments: &mut Segments,
) -> Result<String, Fault> {
    let blame = |fault| process.blame(fault);
    let mut scanner = Scanner::new();
    let mut cutter = Cutter::new(segments.cuts, reader.source())?;
    loop {
        // A `state` that follows at once is that of the records before it, and stays with them.
        let full = cutter.is_full(&mut reader).map_err(blame)?;
        if full && !cutter.waits_for_line(&mut reader, Instant::now(), LINGER).map_err(blame)? {
            writer.end()?;
            cutter.start();
            continue;
        }
        let event = reader.next();
        // Most events are records; they are looked at where they are, since moving them takes as long as finding them.
        if let Ok(Some(event @ Event::Record(line))) = &event {
            if full {
                writer.end()?;
                cutter.start();
            }
            cutter.count(event);
            if segments.opened == 0 && line.number == 1 && line.offset > 0 {
                log::warn!("the output starts with a byte order mark, which is left out");
            }
            segments.open(writer)?;
            etl_component::check_record(line, &mut scanner).map_err(blame)?;
            writer.line(line.bytes)?;
            if reader.is_drained() {
                writer.flush()?;
            }
            continue;
        }
        let Some(event) = event.map_err(blame)? else { break };
        cutter.count(&event);
        match event {
            Event::Begin(theirs) => {
                segments.pass_on(writer, &theirs)?;
                cutter = Cutter::default();
            }
            Event::State(value) => {
                segments.open(writer)?;
                writer.state(&value)?;
            }
            // Written when the next segment begins, or when the program has exited with 0.
            Event::End(_) | Event::Record(_) => (),
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
    let cut = if totals.segments == 0 && segments.opened > 1 {
        format!(" in {} segments", segments.opened)
    } else {
        String::new()
    };
    Ok(format!("{kind} {}{cut}{blank}", counted(totals.records, "record", "records")))
}
