//! Reads one stream to its end.

use std::fs::File;
use std::mem;

use etl_component::format::{self, FormatArgs, Messages};
use etl_component::{Chosen, Class, Context, Fault, InputArgs, OutputArgs};
use etl_stream::decode::{Statuses, for_source};
use etl_stream::json::Scanner;
use etl_stream::reader::UNSEALED;
use etl_stream::{
    Begin, Declared, Decoder, Event, Format, Line, Message, Reader, SchemaRef, Seal, StreamId, Values,
};
use serde_json::value::RawValue;

use crate::segments::Segments;

/// The flags of every transform.
#[derive(clap::Args, Clone, Debug)]
pub struct TransformArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Which stream of a Singer tap or an Airbyte source is taken, if there are several; `NAMESPACE.NAME` where two have one name
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    stream: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl TransformArgs {
    /// `--input`.
    pub fn input(&self) -> &InputArgs {
        &self.input
    }

    /// `--output`.
    pub fn output(&self) -> &OutputArgs {
        &self.output
    }
}

/// What is done with records.
pub trait Transform {
    /// Records of this kind begin; returns the schema of what comes out.
    ///
    /// # Errors
    /// What is wrong with the schema of these records.
    fn begin(&mut self, declared: &Declared) -> Result<Option<SchemaRef>, Fault>;

    /// A record.
    ///
    /// # Errors
    /// What is wrong with it; 141 or 74 if what comes of it cannot be written.
    fn record(&mut self, line: Line<'_>, out: &mut Segments) -> Result<(), Fault>;

    /// The segment, or an input that is not sealed, has ended, verified; what came of it is about to be said to be complete.
    ///
    /// # Errors
    /// Why it is not.
    fn end(&mut self) -> Result<(), Fault>;
}

/// What has been passed on, as a whole.
pub struct Passed {
    out: Segments,
    /// How many records the stream had.
    pub records: u64,
}

impl Passed {
    /// How many records were written.
    pub fn written(&self) -> u64 {
        self.out.records()
    }

    /// Ends the output: a file appears under its name.
    ///
    /// # Errors
    /// 74 if that fails.
    pub fn close(self) -> Result<(), Fault> {
        self.out.close()
    }
}

/// A run of a transform.
pub struct Pass {
    out: Segments,
    input: InputArgs,
    messages: Messages,
    chosen: Chosen,
    /// The format of the input and its decoder, once they are known.
    decoder: Option<(Format, Decoder)>,
    /// A `begin` that does not say what its records are, while the format is not known.
    waiting: Option<Begin>,
    /// A connector's segment has ended; that it is complete is known only at the end of all of them.
    ended: bool,
    /// Whether anything was opened.
    begun: bool,
    statuses: Statuses,
    /// How many records each stream had.
    read: Vec<u64>,
    records: u64,
    /// How many are read.
    most: u64,
    warned: (bool, bool),
}

impl Pass {
    /// Opens the output, which is also where an `abort` goes if anything fails from here on.
    ///
    /// # Errors
    /// 74 if it cannot be created; those of [`FormatArgs::meant`].
    pub fn open(args: TransformArgs, context: &Context) -> Result<Pass, Fault> {
        let out = Segments::new(Some(args.output.open()?), context.producer());
        Pass::into(out, args, u64::MAX)
    }

    /// Reads at most this many records, and writes nothing.
    ///
    /// # Errors
    /// Those of [`FormatArgs::meant`].
    pub fn sample(args: TransformArgs, context: &Context, most: u64) -> Result<Pass, Fault> {
        Pass::into(Segments::new(None, context.producer()), args, most)
    }

    fn into(out: Segments, args: TransformArgs, most: u64) -> Result<Pass, Fault> {
        let mut input = args.input;
        let messages = args.format.meant(&mut input)?;
        Ok(Pass {
            out,
            input,
            messages,
            chosen: Chosen::new(args.stream),
            decoder: None,
            waiting: None,
            ended: false,
            begun: false,
            statuses: Statuses::default(),
            read: Vec::new(),
            records: 0,
            most,
            warned: (false, false),
        })
    }

    /// Reads the input to its end, or as far as it is wanted, and writes what the transform makes of it. `identity` is everything that decides what comes
    /// out, besides the input.
    ///
    /// # Errors
    /// Those of the stream and of the transform.
    pub fn run(mut self, identity: &[&[u8]], transform: &mut impl Transform) -> Result<Passed, Fault> {
        self.out.identify(identity);
        let mut reader = self.input.open_with(format::warn_but_unsealed)?;
        while let Some(event) = reader.next()? {
            self.event(event, transform)?;
            if self.records >= self.most {
                return Ok(Passed { out: self.out, records: self.records });
            }
            if reader.is_drained() {
                self.out.flush()?;
            }
        }
        self.finish(&reader, transform)?;
        Ok(Passed { out: self.out, records: self.records })
    }

    fn event(&mut self, event: Event<'_>, transform: &mut impl Transform) -> Result<(), Fault> {
        if self.decoder.is_none() {
            let format = match (self.messages.format, &event) {
                (Some(format), _) => format,
                (None, Event::Begin(begin)) if begin.schema.is_none() && begin.values == Values::Json => {
                    self.waiting = Some(begin.clone());
                    return Ok(());
                }
                (None, Event::Record(line)) => {
                    etl_component::check_record(line, &mut Scanner::new())?;
                    Format::of(line.bytes)
                }
                (None, _) => Format::Ndjson,
            };
            let is_sealed = self.waiting.is_some() || matches!(event, Event::Begin(_));
            if !is_sealed && format != Format::Airbyte && self.input.seal == Seal::Auto {
                log::warn!("{UNSEALED}");
            }
            self.start(format)?;
            if let Some(begin) = self.waiting.take() {
                self.event(Event::Begin(begin), transform)?;
            }
        }
        let Some((format, decoder)) = &mut self.decoder else { return Ok(()) };
        let format = *format;
        match decoder.decode(event)? {
            Message::Record(stream, line, _) => {
                if format != Format::Ndjson {
                    *at(&mut self.read, stream) += 1;
                    if !self.chosen.is(stream, decoder)? {
                        self.chosen.leave_out();
                        return Ok(());
                    }
                }
                if !self.out.is_open() {
                    self.open_out(None, &Declared::default(), transform)?;
                }
                self.records += 1;
                transform.record(line, &mut self.out)
            }
            Message::Begin(begin, stream) => {
                let declared = stream.map(|stream| decoder.declared(stream)).unwrap_or_default();
                self.end_connectors(transform)?;
                self.open_out(Some(&begin.id), &declared, transform)
            }
            Message::Schema(stream, _) => self.chosen.is(stream, decoder).map(|_| ()),
            Message::Batch(stream, _, line) => {
                if !self.chosen.is(stream, decoder)? {
                    return Ok(());
                }
                let what =
                    "the records of a BATCH are in files, which only loaders read: let the tap write records";
                Err(Fault::config(format!("{}: {what}", line.place())))
            }
            Message::State(stream, value) => {
                if let Some(stream) = stream
                    && !self.chosen.is(stream, decoder)?
                {
                    return Ok(());
                }
                let value = if format == Format::Airbyte { of_source(stream, value)? } else { value };
                if !self.out.is_open() {
                    self.open_out(None, &Declared::default(), transform)?;
                }
                self.out.state(&value)
            }
            Message::EmptyState => {
                if !mem::replace(&mut self.warned.0, true) {
                    log::warn!("the tap has sent an empty STATE, which is left out");
                }
                Ok(())
            }
            Message::Version(..) => {
                if !mem::replace(&mut self.warned.1, true) {
                    log::warn!("ACTIVATE_VERSION is left out: records have no versions");
                }
                Ok(())
            }
            Message::Status(stream, status) => {
                self.statuses.put(stream, status);
                Ok(())
            }
            Message::Estimate(..) => Ok(()),
            Message::Log(level, text) => {
                format::log(level, &text);
                Ok(())
            }
            Message::Ignored(warning) => {
                warning.iter().for_each(|warning| log::warn!("{warning}"));
                Ok(())
            }
            Message::End(_) if format == Format::Ndjson => self.end(transform),
            Message::End(_) => {
                self.ended = true;
                Ok(())
            }
        }
    }

    /// The format is known.
    fn start(&mut self, format: Format) -> Result<(), Fault> {
        self.decoder = Some((format, self.messages.decoder(format, &mut self.chosen)?));
        Ok(())
    }

    fn open_out(
        &mut self,
        of: Option<&str>,
        declared: &Declared,
        transform: &mut impl Transform,
    ) -> Result<(), Fault> {
        let schema = transform.begin(declared)?;
        self.begun = true;
        self.out.begin(of, schema, declared.values)
    }

    fn end(&mut self, transform: &mut impl Transform) -> Result<(), Fault> {
        transform.end()?;
        self.out.end()
    }

    /// What came of the segment of a connector ends when the next one begins.
    fn end_connectors(&mut self, transform: &mut impl Transform) -> Result<(), Fault> {
        if mem::take(&mut self.ended) { self.end(transform) } else { Ok(()) }
    }

    fn finish(&mut self, reader: &Reader<File>, transform: &mut impl Transform) -> Result<(), Fault> {
        if let Some((format, decoder)) = &self.decoder
            && *format != Format::Ndjson
        {
            self.chosen.check_found()?;
            if *format == Format::Airbyte {
                let read = |stream: usize| self.read.get(stream).is_some_and(|&records| records > 0);
                let (sealed, cut): (bool, Class) = (reader.totals().sealed, reader.cut_class());
                self.statuses.check(decoder, read, sealed, self.messages.complete, cut)?;
                if !sealed && !self.statuses.are_said() && self.input.seal == Seal::Auto {
                    log::warn!("{UNSEALED}");
                }
            }
        }
        if !self.begun {
            self.open_out(None, &Declared::default(), transform)?;
        }
        if self.out.is_open() { self.end(transform) } else { Ok(()) }
    }
}

/// What a source takes as `--state`, of one stream.
fn of_source(stream: Option<StreamId>, value: Box<RawValue>) -> Result<Box<RawValue>, Fault> {
    let value = for_source(stream, value)?;
    if stream.is_none() {
        return Ok(value);
    }
    RawValue::from_string(format!("[{}]", value.get()))
        .map_err(|error| Fault::data("a STATE that is not JSON").because(error))
}

/// The number of a stream's records.
fn at(read: &mut Vec<u64>, stream: StreamId) -> &mut u64 {
    if read.len() <= stream.index() {
        read.resize(stream.index() + 1, 0);
    }
    &mut read[stream.index()]
}
