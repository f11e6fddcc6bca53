//! A stream, told to a webhook: a message about the run, or by template one for each record.

use anyhow::Error;
use etl_component::{Fault, redact};
use etl_notify::text::shorten;
use etl_notify::{About, Alerter, Counts, Failure, On, Receipt, Records, Wanted, fields};
use etl_stream::counted;

use crate::form::{Form, Message};
use crate::report::{Outcome, Report};
use crate::webhook::Webhook;

/// How many characters of a record are told in the message about a run.
const LONGEST_LINE: usize = 500;

/// Gathers what a stream contained and posts it. Memory is bounded by how many records are told.
pub(crate) struct Post<'a> {
    webhook: &'a mut Webhook,
    how: &'a Records,
    form: &'a Form,
    /// The most records to tell.
    most: usize,
    /// By template, a message each.
    messages: Vec<Message>,
    lines: Vec<String>,
    receipts: Vec<Receipt>,
    trouble: bool,
}

impl<'a> Post<'a> {
    /// Nothing gathered yet.
    pub(crate) fn new(webhook: &'a mut Webhook, how: &'a Records, form: &'a Form, most: usize) -> Post<'a> {
        let (messages, lines, receipts) = (Vec::new(), Vec::new(), Vec::new());
        Post { webhook, how, form, most, messages, lines, receipts, trouble: false }
    }

    fn about(&self) -> &'a About {
        &self.how.about
    }

    /// What is posted of a stream that has ended well.
    fn finish(&mut self, counts: Counts) -> Result<Vec<Message>, Fault> {
        if self.how.templates.has_template() {
            let rest = counts.wanted - self.messages.len() as u64;
            if rest > 0 {
                log::warn!("{} more are not posted (--max-messages)", counted(rest, "record", "records"));
            }
            return Ok(std::mem::take(&mut self.messages));
        }
        let is_told = match self.how.on {
            On::Failure => false,
            On::Trouble => counts.wanted > 0,
            // A run that loaded nothing is a success, too, which whoever waits for it must hear.
            On::Always => counts.wanted > 0 || !self.how.templates.has_when(),
        };
        if !is_told {
            return Ok(Vec::new());
        }
        let mut report = Report::new(self.about())?;
        let own = self.receipts.iter().find_map(|receipt| receipt.pipeline.clone());
        report.pipeline = report.pipeline.or(own);
        report.outcome = if self.trouble { Outcome::Trouble } else { Outcome::Succeeded };
        report.records = counts.records;
        report.more = counts.wanted - self.lines.len() as u64;
        report.lines = std::mem::take(&mut self.lines);
        report.receipts = std::mem::take(&mut self.receipts);
        Ok(vec![self.form.message(&report)?])
    }
}

impl Alerter for Post<'_> {
    fn record(&mut self, wanted: &Wanted<'_>) -> Result<bool, Fault> {
        if let Some(text) = wanted.text {
            if self.messages.len() < self.most {
                self.messages.push(self.form.rendered(text, "--template")?);
            }
            return Ok(true);
        }
        let line = match wanted.receipt {
            Some(receipt) => receipt.sentence(str::to_owned, str::to_owned, ""),
            None => fields(wanted.record, str::to_owned, str::to_owned, ", "),
        };
        self.trouble |= wanted.receipt.is_some_and(|receipt| !receipt.trouble().is_empty());
        if self.lines.len() < self.most {
            self.lines.push(shorten(&redact(&line), LONGEST_LINE).into_owned());
            self.receipts.extend(wanted.receipt.map(redacted));
        }
        Ok(true)
    }

    fn ended(&mut self, counts: Counts) -> Result<String, Error> {
        let (messages, done) = (self.finish(counts)?, self.webhook.done());
        counts.post(&messages, done, |message| self.webhook.post(message))
    }

    fn failed(&mut self, failure: &Failure) -> Result<(), Fault> {
        let report = Report::of_failure(failure, self.about())?;
        let rendered = match self.how.templates.failure(&report.json()) {
            Ok(text) => text.map(|text| self.form.rendered(&text, "--failure-template")).transpose(),
            Err(fault) => Err(fault),
        };
        let message = match rendered {
            Ok(Some(message)) => message,
            Ok(None) => self.form.message(&report)?,
            // A mistake in the template must not keep the failure from being heard of.
            Err(fault) => {
                log::warn!("{fault}; the failure is posted as --as json");
                self.form.message(&report)?
            }
        };
        self.webhook.post(&Message { failed: true, ..message })
    }
}

/// A receipt without secrets.
fn redacted(receipt: &Receipt) -> Receipt {
    Receipt {
        target: redact(&receipt.target),
        load_id: receipt.load_id.as_deref().map(redact),
        pipeline: receipt.pipeline.as_deref().map(redact),
        ..receipt.clone()
    }
}
