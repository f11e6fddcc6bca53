//! `standpipe unreject`: the lines that a loader set aside, as they were, to be corrected and loaded again.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use etl_component::{Context, Fault, InputArgs, OutputArgs, Spool, random_id};
use etl_stream::control::{self, End};
use etl_stream::json::{Kind, Scanner, unescape_into};
use etl_stream::writer::io_fault;
use etl_stream::{Begin, Event, SchemaRef, Seal, Values, counted};

use crate::verify::positional;

pub(crate) use etl_component::rejects::SCHEMA;

/// Flags of `unreject`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe unreject rejects.ndjson | jq -c '.note = null' | load-sqlite --db shop.db --table orders")]
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
pub(crate) fn run(mut args: Args, context: &Context) -> anyhow::Result<String> {
    positional(args.file.take(), &mut args.input)?;
    args.input.seal = Seal::Required;
    let mut out = BufWriter::with_capacity(64 * 1024, args.output.create()?);
    let mut reader = args.input.open()?;
    let mut originals = Originals { spool: Spool::new("the originals"), parts: Vec::new() };
    let (mut scanner, mut original) = (Scanner::new(), Vec::new());
    while let Some(event) = reader.next()? {
        match event {
            Event::Begin(begin) if begin.schema != Some(SchemaRef::Name(SCHEMA.to_owned())) => {
                return Err(Fault::data(format!("segment {} is not of schema {SCHEMA}", begin.id)).into());
            }
            Event::Record(line) => {
                let record = etl_component::scan(line, &mut scanner)?;
                let text = |name: &str| {
                    let value = record.get(name).map(|field| field.value)?;
                    matches!(value.kind, Kind::String { .. }).then_some(value.text)
                };
                original.clear();
                unescape_into(text("original").unwrap_or_default(), &mut original);
                if original.is_empty() || original.contains(&b'\n') {
                    let at = line.place();
                    return Err(
                        Fault::data(format!("{at}: field \"original\" is not the text of a line")).into()
                    );
                }
                let values = if text("values") == Some("text") { Values::Text } else { Values::Json };
                originals.push(&original, values)?;
            }
            _ => (),
        }
    }
    originals.write(&mut out, &context.producer())?;
    out.into_inner().map_err(|error| io_fault(error.into_error()))?.publish()?;
    Ok(counted(reader.totals().records, "rejected line", "rejected lines"))
}

/// The original lines, which wait until it is known how they are to be written.
struct Originals {
    spool: Spool,
    /// How the values of the lines are written, and how many lines that holds for, in their order.
    parts: Vec<(Values, u64)>,
}

impl Originals {
    fn push(&mut self, line: &[u8], values: Values) -> Result<(), Fault> {
        match self.parts.last_mut() {
            Some((last, lines)) if *last == values => *lines += 1,
            _ => self.parts.push((values, 1)),
        }
        self.spool.push_line(line)
    }

    /// Writes the lines alone or, where values are texts, which only a `begin` can say, as segments. Their `end` has no
    /// digest, because the lines are to be corrected.
    fn write(mut self, out: &mut impl Write, producer: &str) -> Result<(), Fault> {
        let is_sealed = self.parts.iter().any(|(values, _)| *values == Values::Text);
        let mut parts = self.parts.into_iter();
        let (mut id, mut records, mut left, mut text) = (String::new(), 0, 0, Vec::new());
        self.spool.drain_lines(|line| {
            text.clear();
            if left == 0 && is_sealed {
                let (values, lines) = parts.next().unwrap_or_default();
                (id, records, left) = (random_id()?, lines, lines);
                let producer = Some(producer.to_owned());
                control::write_begin(&mut text, &Begin { id: id.clone(), values, producer, schema: None });
            }
            text.extend_from_slice(line);
            text.push(b'\n');
            if is_sealed {
                left -= 1;
                if left == 0 {
                    let end = End { id: std::mem::take(&mut id), records, bytes: None, sha256: None };
                    control::write_end(&mut text, end);
                }
            }
            out.write_all(&text).map_err(io_fault)
        })
    }
}
