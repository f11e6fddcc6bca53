//! A run, as the message about it tells it. Nothing in it is secret.

use etl_component::{Class, Fault, random_id, redact};
use etl_notify::text::shorten;
use etl_notify::{About, Failure, Receipt, Status, Workflow};
use etl_stream::counted;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How many characters of a text are kept; the rest is counted.
const LONGEST_TEXT: usize = 8000;
/// How many characters of a line of the log are kept, and of how many lines.
const LONGEST_LINE: usize = 500;
const LAST_LINES: usize = 20;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    /// It succeeded, but a receipt says what a person should look at.
    Trouble,
    Failed,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Trouble => "trouble",
            Outcome::Failed => "failed",
        }
    }
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// Names the report, the same however often it is sent.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) time: Timestamp,
    pub(crate) pipeline: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) link: Option<String>,
    /// The step that failed.
    pub(crate) step: Option<String>,
    /// The exit code of a failure, if it is known.
    pub(crate) class: Option<Class>,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// What the step printed last.
    pub(crate) log: Vec<String>,
    /// The table that a failed step was loading.
    table: Option<String>,
    /// How many records were read.
    pub(crate) records: u64,
    /// The receipts that are told.
    pub(crate) receipts: Vec<Receipt>,
    /// What is told, a record each.
    pub(crate) lines: Vec<String>,
    /// How many more there are.
    pub(crate) more: u64,
    /// The sentence about it.
    sentence: String,
}

impl Report {
    /// A run about which nothing is known yet.
    ///
    /// # Errors
    /// 74 if the system has no random bytes for its id.
    pub(crate) fn new(about: &About) -> Result<Report, Fault> {
        Ok(Report {
            outcome: Outcome::Succeeded,
            id: random_id()?,
            time: Timestamp::now(),
            pipeline: about.pipeline.clone(),
            title: about.title.clone(),
            link: about.link.clone(),
            step: None,
            class: None,
            error: None,
            log: Vec::new(),
            table: None,
            records: 0,
            receipts: Vec::new(),
            lines: Vec::new(),
            more: 0,
            sentence: String::new(),
        })
    }

    /// A stream that failed.
    ///
    /// # Errors
    /// Those of [`Report::new`].
    pub(crate) fn of_failure(failure: &Failure, about: &About) -> Result<Report, Fault> {
        let last = failure.log.len().saturating_sub(LAST_LINES);
        let line = |line: &String| shorten(line, LONGEST_LINE).into_owned();
        let lines = [failure.code()].into_iter().chain(failure.read_before(str::to_owned));
        Ok(Report {
            outcome: Outcome::Failed,
            pipeline: failure.pipeline.clone(),
            step: failure.step.clone(),
            class: Some(failure.class),
            error: Some(shorten(&failure.cause, LONGEST_TEXT).into_owned()),
            log: failure.log[last..].iter().map(line).collect(),
            table: failure.table.clone(),
            records: failure.records,
            lines: lines.collect(),
            ..Report::new(about)?
        })
    }

    /// A workflow that has ended.
    ///
    /// # Errors
    /// Those of [`Report::new`].
    pub(crate) fn of_workflow(workflow: &Workflow, about: &About) -> Result<Report, Fault> {
        let name = redact(&workflow.name);
        let mut report = Report {
            sentence: format!("Workflow {name} {}", workflow.ended()),
            pipeline: about.pipeline.clone().or(Some(name)),
            ..Report::new(about)?
        };
        if workflow.status == Status::Succeeded {
            return Ok(report);
        }
        report.outcome = Outcome::Failed;
        match workflow.failed_nodes() {
            Ok(nodes) => {
                let shown = |text: &Option<String>| {
                    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(redact)
                };
                let first = nodes.first();
                report.step = first.and_then(|node| shown(&node.display_name).or(shown(&node.pod_name)));
                report.error = first.and_then(|node| shown(&node.message));
                for node in nodes.iter().skip(1) {
                    let name = shown(&node.display_name).or(shown(&node.pod_name));
                    let said = shown(&node.message).or(shown(&node.phase));
                    let (name, said) =
                        (name.unwrap_or("a step".to_owned()), said.unwrap_or("Failed".to_owned()));
                    report.lines.push(shorten(&format!("{name}: {said}"), LONGEST_LINE).into_owned());
                }
            }
            Err(text) => {
                log::warn!("WORKFLOW_FAILURES is not a list of failures in JSON; it is shown as it is");
                report.error = Some(redact(text));
            }
        }
        report.error = report.error.map(|text| shorten(&text, LONGEST_TEXT).into_owned());
        Ok(report)
    }

    /// What it is about, on a line: the title that was given, or how the run ended.
    pub(crate) fn heading(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.ended())
    }

    /// How it ended, with the name of the pipeline.
    pub(crate) fn ended(&self) -> String {
        if !self.sentence.is_empty() {
            return self.sentence.clone();
        }
        let name = self.pipeline.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        match self.outcome {
            Outcome::Succeeded => format!("Pipeline{name} succeeded"),
            Outcome::Trouble => format!("Pipeline{name} succeeded with trouble"),
            Outcome::Failed => format!("Pipeline{name} failed"),
        }
    }

    /// The lines of the message below its heading, without the link.
    pub(crate) fn body(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.title.is_some() {
            lines.push(self.ended());
        }
        lines.extend(self.error.clone());
        lines.extend(self.step.as_deref().map(|step| format!("Step: {step}")));
        lines.extend(self.table.as_deref().map(|table| format!("Table: {table}")));
        lines.extend(self.lines.iter().cloned());
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        if lines.is_empty() {
            lines.push(counted(self.records, "record", "records"));
        }
        lines
    }

    /// All of the message as plain text.
    pub(crate) fn text(&self) -> String {
        let mut lines = [vec![self.heading()], self.body(), self.log.clone()].concat();
        lines.extend(self.link.clone());
        shorten(&lines.join("\n"), LONGEST_TEXT).into_owned()
    }

    /// The tables that were loaded, in the order of their receipts, or the one that was not.
    pub(crate) fn tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = self.table.as_deref().into_iter().collect();
        for receipt in &self.receipts {
            if !tables.contains(&receipt.target.as_str()) {
                tables.push(&receipt.target);
            }
        }
        tables
    }

    /// All of it as JSON; what is not known is null.
    pub(crate) fn json(&self) -> Value {
        let receipt = |receipt: &Receipt| {
            json!({
                "table": receipt.target,
                "load_id": receipt.load_id,
                "records": receipt.records,
                "inserted": receipt.inserted,
                "updated": receipt.updated,
                "unchanged": receipt.unchanged,
                "rejected": receipt.rejected,
                "seconds": receipt.seconds,
                "trouble": receipt.trouble().iter().map(|line| redact(line)).collect::<Vec<_>>(),
            })
        };
        json!({
            "id": self.id,
            "status": self.outcome.name(),
            "time": self.time.to_string(),
            "pipeline": self.pipeline,
            "title": self.title,
            "link": self.link,
            "table": self.tables().first(),
            "step": self.step,
            "code": self.class.map(Class::code),
            "meaning": self.class.map(Class::meaning),
            "error": self.error,
            "log": self.log,
            "records": self.records,
            "receipts": self.receipts.iter().map(receipt).collect::<Vec<_>>(),
            "text": self.text(),
        })
    }
}
