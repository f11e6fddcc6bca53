//! Records that fail the checks, set aside.

use std::path::Path;

use etl_component::io::publish;
use etl_component::{Fault, Output, random_id};
use etl_schema::Violation;
use etl_stream::reader::place;
use etl_stream::{Begin, Line, SchemaRef, Writer};
use serde::Serialize;

/// A record of the schema `etl.reject`.
#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    field: Option<&'a str>,
    reason: &'a str,
    original: &'a str,
}

/// The file of rejected records and how many there may be.
pub struct Rejects {
    file: Option<Writer<Output>>,
    limit: u64,
    count: u64,
}

impl Rejects {
    /// Opens the file, if there is to be one.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub fn create(path: Option<&Path>, limit: u64, producer: String) -> Result<Rejects, Fault> {
        let file = path.map(|path| {
            let mut file = Writer::new(Output::create(path)?);
            let schema = Some(SchemaRef::Name("etl.reject".to_owned()));
            let begin = Begin { id: random_id(), schema, producer: Some(producer) };
            file.begin(&begin).map_err(write_fault)?;
            Ok::<_, Fault>(file)
        });
        Ok(Rejects { file: file.transpose()?, limit, count: 0 })
    }

    /// Sets a record aside.
    ///
    /// # Errors
    /// 3 if there are more than allowed.
    pub fn add(&mut self, line: Line<'_>, violation: &Violation) -> Result<(), Fault> {
        self.count += 1;
        if let Some(file) = &mut self.file {
            let field = Some(violation.field.as_str()).filter(|field| !field.is_empty());
            let original = String::from_utf8_lossy(line.bytes);
            let reject = Reject { line: line.number, field, reason: &violation.reason, original: &original };
            file.record(&reject)?;
        }
        if self.count <= self.limit {
            return Ok(());
        }
        let at = place(line.number, line.offset);
        let over = match self.limit {
            0 => String::new(),
            limit => format!(" (rejected record {}, --max-rejects {limit})", self.count),
        };
        Err(Fault::data(format!("{at}: {violation}{over}")))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Leaves an older file as it is, for the load that wrote it was committed and this one is the same.
    pub fn discard(&mut self) {
        self.file = None;
    }

    /// Completes the file, whatever becomes of the load; before its commit, or a full disk would lose records. Only
    /// the first call does something.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub fn finish(&mut self) -> Result<(), Fault> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.end().map_err(write_fault)?;
        publish(file)
    }
}

fn write_fault(error: std::io::Error) -> Fault {
    Fault::new(etl_component::Class::Io, "cannot write the rejects").because(error)
}
