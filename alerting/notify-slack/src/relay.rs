//! `--emit records`: the stream passed on as it is read, its `end` only once the messages were accepted.

use etl_component::{Fault, Output, OutputArgs, io, random_id};
use etl_stream::writer::io_fault;
use etl_stream::{Begin, Line, SchemaRef, Writer};
use serde_json::value::RawValue;

/// Passes records on, as one segment; without `--emit` it does nothing.
pub(crate) struct Relay {
    writer: Option<Writer<Output>>,
    producer: String,
    /// The schema of the segment, once it has begun.
    begun: Option<Option<SchemaRef>>,
    state: Option<Box<RawValue>>,
}

impl Relay {
    /// Opens the output.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub(crate) fn open(output: Option<&OutputArgs>, producer: String) -> Result<Relay, Fault> {
        let writer = output.map(OutputArgs::open).transpose()?;
        Ok(Relay { writer, producer, begun: None, state: None })
    }

    /// A segment opens, or the plain stream begins.
    ///
    /// # Errors
    /// 2 if a later segment has another schema: one segment has one. 141 or 74 if it cannot be written.
    pub(crate) fn begin(&mut self, schema: Option<&SchemaRef>) -> Result<(), Fault> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        match &self.begun {
            Some(begun) if begun.as_ref() == schema => Ok(()),
            Some(_) => Err(Fault::usage("--emit records cannot pass on segments of different schemas")),
            None => {
                self.begun = Some(schema.cloned());
                let (id, producer) = (random_id(), Some(self.producer.clone()));
                writer.begin(&Begin { id, schema: schema.cloned(), producer }).map_err(io_fault)
            }
        }
    }

    /// A record.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub(crate) fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if self.begun.is_none() {
            self.begin(None)?;
        }
        self.writer.as_mut().map_or(Ok(()), |writer| writer.line(line.bytes).map_err(io_fault))
    }

    /// A cursor. It covers what came before, so it is passed on with the `end`.
    pub(crate) fn state(&mut self, value: Box<RawValue>) {
        self.state = Some(value);
    }

    /// Passes on what was gathered, before a wait.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.flush().map_err(io_fault))
    }

    /// The messages were accepted: the segment ends, and an output file appears.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        if self.begun.is_none() {
            self.begin(None)?;
        }
        let Some(mut writer) = self.writer else { return Ok(()) };
        if let Some(state) = &self.state {
            writer.state(state).map_err(io_fault)?;
        }
        writer.end().map_err(io_fault)?;
        io::publish(writer)
    }
}
