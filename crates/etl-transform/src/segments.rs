//! What a transform writes.

use etl_component::{Fault, Output, derived_id, io, random_id};
use etl_stream::{Begin, SchemaRef, Values, Writer};
use serde_json::value::RawValue;

/// Writes sealed segments, unless it only counts what would be written.
pub struct Segments {
    writer: Option<Writer<Output>>,
    producer: String,
    /// What the ids follow from, besides those of the segments that are read.
    identity: Vec<Vec<u8>>,
    open: bool,
    records: u64,
}

impl Segments {
    pub(crate) fn new(writer: Option<Writer<Output>>, producer: String) -> Segments {
        Segments { writer, producer, identity: Vec::new(), open: false, records: 0 }
    }

    /// Everything that decides what comes out of a segment.
    pub(crate) fn identify(&mut self, parts: &[&[u8]]) {
        let (program, _) = self.producer.split_once('/').unwrap_or_default();
        self.identity = [program.as_bytes()].iter().chain(parts).map(|part| part.to_vec()).collect();
    }

    /// Opens a segment that comes of this one; what comes of input that is not sealed has a random id.
    pub(crate) fn begin(
        &mut self,
        of: Option<&str>,
        schema: Option<SchemaRef>,
        values: Values,
    ) -> Result<(), Fault> {
        let id = match of {
            Some(id) => {
                derived_id([id.as_bytes()].into_iter().chain(self.identity.iter().map(Vec::as_slice)))
            }
            None => random_id()?,
        };
        let producer = Some(self.producer.clone());
        self.open = true;
        self.write(|writer| writer.begin(&Begin { id, schema, values, producer }))
    }

    /// Writes a record: one JSON object, without its newline.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    #[inline]
    pub fn record(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.records += 1;
        self.write(|writer| writer.line(line))
    }

    pub(crate) fn state(&mut self, value: &RawValue) -> Result<(), Fault> {
        self.write(|writer| writer.state(value))
    }

    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.open = false;
        self.write(|writer| writer.end().map(|_| ()))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        self.write(Writer::flush)
    }

    /// How many records were written.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Ends the output: a file appears under its name.
    pub(crate) fn close(self) -> Result<(), Fault> {
        self.writer.map_or(Ok(()), io::publish)
    }

    #[inline]
    fn write(&mut self, what: impl FnOnce(&mut Writer<Output>) -> Result<(), Fault>) -> Result<(), Fault> {
        self.writer.as_mut().map_or(Ok(()), what)
    }
}
