//! `--sample`: why some records do not fit, before anything is loaded.

use std::io::Write;

use etl_component::{Context, Fault, Output, counted};
use etl_schema::Violation;
use etl_stream::json::{Scanner, shorten};
use etl_stream::writer::io_fault;
use etl_stream::{Declared, Line, SchemaRef};
use etl_transform::{Pass, Segments, Transform};
use indexmap::IndexMap;

use crate::args::{Args, Settings};
use crate::schemas::Schemas;

/// How many reasons are told apart.
const MOST: usize = 100;
/// How much of a value is part of a reason, as the checks have it.
const VALUE: usize = 80;

/// Reads the first records and prints what is wrong with them.
///
/// # Errors
/// 3 if any does not fit; otherwise as the gate.
pub(crate) fn run(args: Args, most: u64, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(&args)?;
    let mut out = Output::create(&args.stream.output().output)?;
    let pass = Pass::sample(args.stream, context, most)?;
    let schemas = Schemas::new(settings.schema.as_deref(), settings.unknown, false)?;
    let mut sample = Sample { schemas, scanner: Scanner::new(), reasons: IndexMap::new(), refused: 0 };
    let records = pass.run(&[], &mut sample)?.records;
    out.write_all(sample.report(records).as_bytes()).map_err(io_fault)?;
    out.publish()?;
    let read = counted(records, "record", "records");
    match sample.refused {
        0 => Ok(format!("{read}, all of which fit")),
        refused => Err(Fault::data(format!("{refused} of {read} do not fit")).into()),
    }
}

struct Sample {
    schemas: Schemas,
    scanner: Scanner,
    /// By the field and what is wrong with it, without the value.
    reasons: IndexMap<String, Reason>,
    refused: u64,
}

/// The records that are refused for one reason.
struct Reason {
    count: u64,
    /// The line of the first, and its value if the field has one.
    line: u64,
    value: Option<String>,
}

impl Transform for Sample {
    fn begin(&mut self, declared: &Declared) -> Result<Option<SchemaRef>, Fault> {
        self.schemas.begin(declared).map(Some)
    }

    fn record(&mut self, line: Line<'_>, _: &mut Segments) -> Result<(), Fault> {
        let record = etl_component::scan(line, &mut self.scanner)?;
        if let Err(violation) = self.schemas.current().checker.check(&record) {
            self.refused += 1;
            let value = record.get(&violation.field).map(|field| field.value.raw);
            note(&mut self.reasons, line.number, &violation, value);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

fn note(reasons: &mut IndexMap<String, Reason>, line: u64, violation: &Violation, value: Option<&str>) {
    let shown = value.map(|value| shorten(value, VALUE).into_owned());
    let Violation { field, reason } = violation;
    let reason = match shown.as_deref().filter(|shown| reason.contains(*shown)) {
        Some(shown) => reason.replacen(shown, "…", 1),
        None => reason.clone(),
    };
    let said = format!("field {field:?}: {reason}");
    if let Some(known) = reasons.get_mut(&said) {
        known.count += 1;
    } else if reasons.len() < MOST {
        reasons.insert(said, Reason { count: 1, line, value: shown });
    }
}

impl Sample {
    /// A line for each reason, the most frequent first.
    fn report(&self, records: u64) -> String {
        let mut text = format!("{}, {} refused\n", counted(records, "record", "records"), self.refused);
        let mut reasons: Vec<(&String, &Reason)> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.count));
        for (said, Reason { count, line, value }) in &reasons {
            let value = value.as_ref().map(|value| format!(": {value}")).unwrap_or_default();
            text += &format!("{count:>8}  {said} (first on line {line}{value})\n");
        }
        let told: u64 = reasons.iter().map(|(_, reason)| reason.count).sum();
        if told < self.refused {
            text += &format!("{:>8}  other reasons\n", self.refused - told);
        }
        text
    }
}
