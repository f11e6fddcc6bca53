//! Records that fail the checks, set aside.

use std::fs::File;
use std::path::Path;

use etl_component::io::publish;
use etl_component::{Class, Fault, Output, random_id};
use etl_schema::Violation;
use etl_stream::reader::place;
use etl_stream::{Begin, Line, SchemaRef, Writer};
use serde::Serialize;

use crate::args::Settings;
use crate::front::Cuts;

/// A record of the schema `etl.reject`.
#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    field: Option<&'a str>,
    reason: &'a str,
    original: &'a str,
}

/// The file of rejected records and how many there may be in a load.
///
/// The file of a run of one load appears when it is complete. That of a run that is cut into loads is written as they
/// go, a segment for each load that has any, for what was set aside must be there when its load is committed.
pub struct Rejects {
    file: Option<Writer<Output>>,
    producer: String,
    in_place: bool,
    limit: u64,
    count: u64,
}

impl Rejects {
    /// Opens the file, if there is to be one.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub fn create(settings: &Settings, producer: String) -> Result<Rejects, Fault> {
        let in_place = settings.cuts != Cuts::default();
        let open = |path: &Path| {
            if !in_place {
                return Output::create(path);
            }
            let cannot = |error| {
                Fault::new(Class::Io, format!("cannot write the rejects {}", path.display())).because(error)
            };
            File::create(path).map(Output::InPlace).map_err(cannot)
        };
        let file = settings.rejects.as_deref().map(open).transpose()?.map(Writer::new);
        let mut rejects = Rejects { file, producer, in_place, limit: settings.max_rejects, count: 0 };
        rejects.begin()?;
        Ok(rejects)
    }

    fn begin(&mut self) -> Result<(), Fault> {
        let Some(file) = self.file.as_mut().filter(|file| !file.is_open()) else { return Ok(()) };
        let schema = Some(SchemaRef::Name("etl.reject".to_owned()));
        let begin = Begin { id: random_id(), schema, producer: Some(self.producer.clone()) };
        file.begin(&begin).map_err(write_fault)
    }

    /// The next load of the run starts.
    pub fn next_load(&mut self) {
        self.count = 0;
    }

    /// Sets a record aside.
    ///
    /// # Errors
    /// 3 if there are more than allowed.
    pub fn add(&mut self, line: Line<'_>, violation: &Violation) -> Result<(), Fault> {
        self.count += 1;
        self.begin()?;
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
        if !self.in_place {
            self.file = None;
        }
    }

    /// Completes the file or the load's part of it, whatever becomes of the load; before its commit, or a full disk
    /// would lose records. Only the first call for a load does something.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub fn finish(&mut self) -> Result<(), Fault> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        if file.is_open() {
            file.end().map_err(write_fault)?;
        }
        if !self.in_place {
            return publish(file);
        }
        self.file = Some(file);
        Ok(())
    }
}

fn write_fault(error: std::io::Error) -> Fault {
    Fault::new(Class::Io, "cannot write the rejects").because(error)
}
