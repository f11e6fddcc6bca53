//! What becomes of each record.

use etl_component::rejects::{Refusal, Rejects};
use etl_component::{Context, Fault, Output, counted};
use etl_schema::Violation;
use etl_stream::json::Scanner;
use etl_stream::{Declared, Line, SchemaRef};
use etl_transform::{Segments, Transform};

use crate::args::Settings;
use crate::report;
use crate::schemas::{Checked, Schemas};

/// The checks, and where the records go that fail them.
pub(crate) struct Gate {
    schemas: Schemas,
    scanner: Scanner,
    rejects: Rejects,
    records: u64,
}

impl Gate {
    /// Finds the schema and opens the file of rejects.
    ///
    /// # Errors
    /// 78 for the schema, 2 if the file has something else, 74 if it cannot be written.
    pub(crate) fn open(settings: &Settings, context: &Context) -> Result<Gate, Fault> {
        let Settings { schema, unknown, rejects, limit, stats, .. } = settings;
        Ok(Gate {
            schemas: Schemas::new(schema.as_deref(), *unknown, *stats)?,
            scanner: Scanner::new(),
            rejects: Rejects::create(rejects.as_deref(), *limit, false, context.producer())?,
            records: 0,
        })
    }

    /// Everything that decides which records pass.
    pub(crate) fn identity(&self) -> String {
        self.schemas.identity()
    }

    /// How many records were set aside.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejects.count()
    }

    /// Warns of fields that the schema does not know, which passed.
    pub(crate) fn warn(&self) {
        for checked in self.schemas.iter() {
            let dropped = &checked.checker.dropped;
            if dropped.fields > 0 {
                let fields = counted(dropped.fields, "field", "fields");
                let records = counted(dropped.records, "record", "records");
                log::warn!("{fields} that the schema does not know passed on in {records}: {dropped}");
            }
        }
    }

    /// Completes the file of rejects. They are needed most when the run failed; but one that failed without any leaves those of
    /// an earlier one.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub(crate) fn close_rejects(&mut self, failed: bool) -> Result<(), Fault> {
        if failed && self.rejects.count() == 0 {
            self.rejects.discard();
        }
        self.rejects.finish()
    }

    /// Says what the records were like, into a file or the log. `whole` says whether that is all of them.
    ///
    /// # Errors
    /// 74 if the file cannot be written.
    pub(crate) fn report(&self, file: Option<Output>, whole: bool) -> Result<(), Fault> {
        match file {
            Some(file) => report::write(file, &self.schemas, whole),
            None => {
                report::log(&self.schemas);
                Ok(())
            }
        }
    }
}

impl Transform for Gate {
    fn begin(&mut self, declared: &Declared) -> Result<Option<SchemaRef>, Fault> {
        self.schemas.begin(declared).map(Some)
    }

    fn record(&mut self, line: Line<'_>, out: &mut Segments) -> Result<(), Fault> {
        self.records += 1;
        let checked = self.schemas.current();
        let record = match etl_component::scan(line, &mut self.scanner) {
            Ok(record) => record,
            Err(fault) => {
                let Some(reason) = self.rejects.takes_line(line) else { return Err(fault) };
                checked.records += 1;
                return refuse(line, "", &reason, &reason, checked, &mut self.rejects);
            }
        };
        checked.records += 1;
        match checked.checker.check(&record) {
            Ok(row) => {
                if let Some(stats) = &mut checked.stats {
                    stats.add(&row);
                }
                out.record(line.bytes)
            }
            Err(violation) => {
                let Violation { field, reason } = &violation;
                refuse(line, field, reason, &violation.to_string(), checked, &mut self.rejects)
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.rejects.judge(self.records)
    }
}

#[cold]
fn refuse(
    line: Line<'_>,
    field: &str,
    reason: &str,
    wrong: &str,
    checked: &mut Checked,
    rejects: &mut Rejects,
) -> Result<(), Fault> {
    checked.rejected += 1;
    let values = checked.checker.values();
    if rejects.add(&Refusal { line, field, reason, values, said: None })? {
        return Ok(());
    }
    Err(rejects.too_many(line, wrong, checked.schema.key_names()))
}
