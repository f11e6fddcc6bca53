//! Which records of a stream are told.

use anyhow::Error;
use etl_component::Fault;
use etl_schema::Schema;
use etl_stream::json::{Record, Scanner};
use etl_stream::{Begin, Line, SchemaRef, counted};
use minijinja::Value;

use crate::args::{On, Records};
use crate::receipt::{Receipt, SCHEMA};
use crate::stream::Alerter;
use crate::template::{from_json, variables};

/// A record that is told.
pub struct Wanted<'a> {
    /// The record itself.
    pub record: &'a Record<'a>,
    /// What it says, if it is a receipt.
    pub receipt: Option<&'a Receipt>,
    /// What `--template` makes of it.
    pub text: Option<&'a str>,
}

/// How many records there were, and how many of them are told, including those that are only counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub records: u64,
    /// Those that are told.
    pub wanted: u64,
}

impl Counts {
    /// Posts the messages that tell of the records, in their order. `done` is what that is called in the summary, which
    /// this returns.
    ///
    /// # Errors
    /// That of the first message that cannot be posted, with how many were before it.
    pub fn post<M>(
        self,
        messages: &[M],
        done: &str,
        mut post: impl FnMut(&M) -> Result<(), Fault>,
    ) -> Result<String, Error> {
        let count = messages.len();
        for (before, message) in messages.iter().enumerate() {
            let posted = post(message).map_err(Error::from);
            posted.map_err(|error| match before {
                0 => error,
                before => error.context(format!("{before} of {count} messages were posted")),
            })?;
        }
        let messages = counted(count as u64, "message", "messages");
        let records = counted(self.records, "record", "records");
        Ok(format!("{done} {messages} for {} of {records}", self.wanted))
    }
}

/// Finds the records that are told.
pub(crate) struct Gather<'a> {
    how: &'a Records,
    scanner: Scanner,
    /// Whether the records of the open segment are receipts.
    receipts: bool,
    /// The fields that they may leave out.
    optional: Vec<String>,
    /// The variable `run`.
    run: Value,
    pub(crate) counts: Counts,
}

impl<'a> Gather<'a> {
    pub(crate) fn new(how: &'a Records) -> Gather<'a> {
        let run = from_json(&how.about.variables());
        let (scanner, counts) = (Scanner::new(), Counts::default());
        Gather { how, scanner, receipts: false, optional: Vec::new(), run, counts }
    }

    /// Begins a segment. Its schema says which fields its records may leave out; an unknown schema says nothing.
    pub(crate) fn begin(&mut self, begin: &Begin) {
        let schema = match &begin.schema {
            Some(SchemaRef::Name(name)) => Schema::named(name).ok(),
            Some(SchemaRef::Inline(document)) => Schema::from_json("inline", document.get()).ok(),
            None => None,
        };
        let columns = schema.into_iter().flat_map(|schema| schema.columns);
        self.optional = columns.filter(|column| !column.required).map(|column| column.name).collect();
        self.receipts = matches!(&begin.schema, Some(SchemaRef::Name(name)) if name == SCHEMA);
    }

    /// Takes a record, and hands it to the alerter if it is told.
    ///
    /// # Errors
    /// 3, naming the line, if it is not a record or lacks a field that a template needs; 2 if the template is wrong for
    /// every record; whatever the alerter refuses it with.
    pub(crate) fn record(&mut self, line: Line<'_>, alerter: &mut dyn Alerter) -> Result<(), Fault> {
        let named =
            |fault: Fault| Fault::new(fault.class(), format!("{}: {}", line.place(), fault.message()));
        let record = etl_component::scan(line, &mut self.scanner)?;
        self.counts.records += 1;
        if self.how.on == On::Failure {
            return Ok(());
        }
        let receipt = if self.receipts { Receipt::read(record.text()) } else { None };
        let is_trouble = || receipt.as_ref().is_some_and(|receipt| !receipt.trouble().is_empty());
        if self.how.on == On::Trouble && !is_trouble() {
            return Ok(());
        }
        let mut text = None;
        if !self.how.templates.is_empty() {
            let variables =
                variables(line.bytes, &self.optional, &self.run).map_err(|why| named(Fault::data(why)))?;
            if !self.how.templates.wants(&variables).map_err(named)? {
                return Ok(());
            }
            text = self.how.templates.text(&variables).map_err(named)?;
        }
        // A record whose text is blank is left out.
        if text.as_deref().is_some_and(|text| text.trim().is_empty()) {
            return Ok(());
        }
        let wanted = Wanted { record: &record, receipt: receipt.as_ref(), text: text.as_deref() };
        self.counts.wanted += u64::from(alerter.record(&wanted).map_err(named)?);
        Ok(())
    }
}
