//! `standpipe through -- CMD`: a filter that knows nothing about the seal, inside a pipe that has one.
//!
//! What the program prints becomes one segment, whose id is a digest of the input's segment ids (of plain input: of its
//! bytes) and of the command, so that the same input gives the same id. The ids are known only when the input has
//! ended, and `begin` comes first: so everything that the program prints is held ([`Relay::held`]), and nothing is
//! written before the input was verified and the program has exited with 0.

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use etl_component::{Class, Context, Fault, InputArgs, OutputArgs, Relay, derived_id};
use etl_schema::Schema;
use etl_stream::digest::Hasher;
use etl_stream::json::Scanner;
use etl_stream::{Digest, Event, Reader, SchemaRef, Seal, Values, counted};
use serde_json::value::RawValue;

use crate::integers::Integers;
use crate::process::{self, Process, Program};
use crate::records;

/// Flags of `through`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  extract-file orders.csv | standpipe through -- jq -c 'del(.note)' | load-postgres --table orders
  standpipe through --same-count --input day.ndjson -- sed 's/ *$//' >trimmed.ndjson")]
pub(crate) struct Args {
    /// The schema of what the program prints, if it is not that of the input; `none` for none
    #[arg(long, value_name = "NAME|PATH|none", help_heading = "Output")]
    schema: Option<String>,
    /// Refuse an output that does not have as many records as the input
    #[arg(long, help_heading = "Output")]
    same_count: bool,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    program: Program,
}

/// What the input was, once it has ended, verified.
pub(crate) struct Input {
    /// Its segment ids, or its bytes if it is plain.
    digest: Digest,
    schema: Option<SchemaRef>,
    values: Values,
    state: Option<Box<RawValue>>,
    pub(crate) records: u64,
    integers: Integers,
}

/// Runs `standpipe through`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let mut relay = Relay::held(args.output.open()?, context.producer(), "standpipe through");
    let schema = match args.schema.as_deref() {
        None | Some("none") => None,
        Some(flag) => Some(Schema::said_by(flag)?.1),
    };
    let input = args.input.open()?;
    let (process, stdin, stdout) = Process::start_fed(&args.program)?;
    let fed = feed_in_background(input, stdin, process.clone(), args.schema.is_none())?;
    let printed = process.conclude(hold(&process, stdout, args.input.max_line_bytes, &mut relay));
    let (input, printed) = settle(&fed, printed)?;
    let (from, (to, printed)) = (input.records, printed);
    if args.same_count && from != to {
        return Err(Fault::data(format!(
            "{} went in and {to} came out (--same-count)",
            counted(from, "record", "records")
        ))
        .into());
    }
    if let Some((count, first)) = input.integers.rounded(&printed) {
        let integers = counted(count, "integer", "integers");
        let name = process.name();
        log::warn!(
            "{integers} beyond 2^53 went in that no double holds, the first of them {first}, and none came out: `{name}` rounds \
             integers (as texts they keep their digits)"
        );
    }
    let digest = input.digest.to_string();
    let command = args.program.command.iter().map(|part| part.as_encoded_bytes());
    relay.identify(derived_id([digest.as_bytes()].into_iter().chain(command)));
    relay.expect(schema.or(input.schema).as_ref(), input.values)?;
    input.state.into_iter().for_each(|state| relay.state(state));
    relay.end()?;
    relay.close()?;
    Ok(format!("{} in, {to} out", counted(from, "record", "records")))
}

/// Feeds the program in a thread of its own: it may print more than a pipe holds before it reads on.
fn feed_in_background(
    mut reader: Reader<impl Read + Send + 'static>,
    stdin: ChildStdin,
    process: Process,
    keep_schema: bool,
) -> Result<Receiver<Result<Input, Fault>>, Fault> {
    let (tell, told) = mpsc::channel();
    let feeder = move || {
        let mut stdin = BufWriter::with_capacity(64 * 1024, stdin);
        let input = feed(&mut reader, &mut stdin, keep_schema);
        let failed = input.is_err();
        // Sent first, so that whatever the kill makes fail is not taken for the cause.
        let _ = tell.send(input);
        if failed {
            // Before its stdin closes: the program must not take that for the end of the data.
            process.kill();
        }
    };
    thread::Builder::new().name("feeder".to_owned()).spawn(feeder).map_err(process::no_thread)?;
    Ok(told)
}

/// Feeds a program the records of the input, which is read to its end, even if the program wants no more of it.
pub(crate) fn feed(
    reader: &mut Reader<impl Read>,
    stdin: &mut impl Write,
    keep_schema: bool,
) -> Result<Input, Fault> {
    let (mut ids, mut scanner, mut wanted) = (Hasher::default(), Scanner::new(), true);
    let (mut of, mut state) = (None, None);
    let mut integers = Integers::default();
    while let Some(event) = reader.next()? {
        let mut written = Ok(());
        match event {
            Event::Begin(begin) => {
                absorb(&mut ids, begin.id.as_bytes());
                let segment = begin.id;
                let (schema, values) = of.get_or_insert_with(|| (begin.schema.clone(), begin.values));
                if *values != begin.values {
                    return Err(Fault::data(format!(
                        "segment {segment} has other `values` than the segments before it, and the output is one segment"
                    )));
                }
                if *schema != begin.schema && keep_schema {
                    return Err(Fault::data(format!(
                        "segment {segment} has a different schema from the segments before it; say with --schema which one \
                         the output has"
                    )));
                }
            }
            Event::Record(line) => {
                etl_component::check_record(&line, &mut scanner)?;
                integers.count(line.bytes);
                if wanted {
                    written = stdin.write_all(line.bytes).and_then(|()| stdin.write_all(b"\n"));
                }
            }
            Event::State(value) => state = Some(value),
            Event::End(_) => (),
        }
        if wanted && reader.is_drained() {
            written = written.and_then(|()| stdin.flush());
        }
        wanted = wanted && !is_gone(written)?;
    }
    if wanted {
        is_gone(stdin.flush())?;
    }
    let plain = reader.totals().segments == 0;
    let digest = if plain { reader.digest() } else { ids.finish() };
    let (schema, values) = of.unwrap_or_default();
    let schema = schema.filter(|_| keep_schema);
    Ok(Input { digest, schema, values, state, records: reader.totals().records, integers })
}

/// Whether the program has closed its stdin, as `head -n1` does.
fn is_gone(written: io::Result<()>) -> Result<bool, Fault> {
    match written {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(Fault::new(Class::Io, "feeding the program failed").because(error)),
    }
}

/// Holds the records that the program prints and counts them, and their integers; if they are sealed, they are verified, and the control
/// lines are dropped.
fn hold(
    process: &Process,
    stdout: ChildStdout,
    max_line_bytes: usize,
    relay: &mut Relay,
) -> Result<(u64, Integers), Fault> {
    let mut integers = Integers::default();
    let mut reader = Reader::new(stdout, records::output_of_program(max_line_bytes, Seal::Auto));
    let mut scanner = Scanner::new();
    while let Some(event) = reader.next().map_err(|fault| process.blame(fault))? {
        if let Event::Record(line) = event {
            etl_component::check_record(&line, &mut scanner).map_err(|fault| process.blame(fault))?;
            integers.count(line.bytes);
            relay.record(line.bytes)?;
        }
    }
    Ok((reader.totals().records, integers))
}

/// The results of both sides, or the first cause of a failure.
fn settle<T>(fed: &Receiver<Result<Input, Fault>>, printed: Result<T, Fault>) -> Result<(Input, T), Fault> {
    let bug = |_| Fault::new(Class::Bug, "the thread that feeds the program has panicked");
    match printed {
        Ok(printed) => Ok((fed.recv().map_err(bug)??, printed)),
        Err(fault) => match fed.try_recv() {
            Ok(Err(cause)) => Err(cause),
            _ => Err(fault),
        },
    }
}

/// Adds a part with its length before it, so that different lists of parts never give the same bytes.
fn absorb(hasher: &mut Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
}
