//! `standpipe unreject`: the lines that a loader set aside, as they were, to be corrected and loaded again.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use etl_component::{Fault, InputArgs, OutputArgs};
use etl_stream::json::{Kind, Scanner, unescape_into};
use etl_stream::writer::io_fault;
use etl_stream::{Event, SchemaRef, Seal, counted};

use crate::verify::positional;

/// The schema of rejects.
pub(crate) const SCHEMA: &str = "etl.reject";

/// Flags of `unreject`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The stream of rejects; `-` is stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs `standpipe unreject`.
pub(crate) fn run(mut args: Args) -> anyhow::Result<String> {
    positional(args.file.take(), &mut args.input)?;
    args.input.seal = Seal::Required;
    let mut out = BufWriter::with_capacity(64 * 1024, args.output.create()?);
    let mut reader = args.input.open()?;
    let (mut scanner, mut line_out) = (Scanner::new(), Vec::new());
    while let Some(event) = reader.next()? {
        match event {
            Event::Begin(begin) if begin.schema != Some(SchemaRef::Name(SCHEMA.to_owned())) => {
                return Err(Fault::data(format!("segment {} is not of schema {SCHEMA}", begin.id)).into());
            }
            Event::Record(line) => {
                let record = etl_component::scan(line, &mut scanner)?;
                let original = record.get("original").map(|field| field.value);
                line_out.clear();
                if let Some(text) = original.filter(|value| matches!(value.kind, Kind::String { .. })) {
                    unescape_into(text.text, &mut line_out);
                }
                if line_out.is_empty() || line_out.contains(&b'\n') {
                    let at = line.place();
                    return Err(
                        Fault::data(format!("{at}: field \"original\" is not the text of a line")).into()
                    );
                }
                line_out.push(b'\n');
                out.write_all(&line_out).map_err(io_fault)?;
            }
            _ => (),
        }
    }
    out.into_inner().map_err(|error| io_fault(error.into_error()))?.publish()?;
    Ok(counted(reader.totals().records, "rejected line", "rejected lines"))
}
