//! The forms of a message about a run, and messages by template. All of it is pure: a report becomes a text.

mod alertmanager;
mod chat;
mod cloudevents;
mod openlineage;

use std::time::Duration;

use clap::ValueEnum;
use etl_component::{Fault, redact};
use serde_json::Value;

use crate::report::{Outcome, Report};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// The known forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// One JSON object with everything that is known of the run
    Json,
    /// A run event of OpenLineage, for Marquez and others
    OpenLineage,
    /// Alerts for the API of Prometheus' Alertmanager (/api/v2/alerts), which success ends
    Alertmanager,
    /// A CloudEvent in structured mode
    CloudEvents,
    /// A ping for healthchecks.io and its like: success to the address, failure to /fail below it
    Ping,
    /// An adaptive card for Microsoft Teams
    Teams,
    /// An embed for Discord
    Discord,
}

impl Kind {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Json => "json",
            Kind::OpenLineage => "openlineage",
            Kind::Alertmanager => "alertmanager",
            Kind::CloudEvents => "cloudevents",
            Kind::Ping => "ping",
            Kind::Teams => "teams",
            Kind::Discord => "discord",
        }
    }

    /// Whether a reader puts messages together by the name of their pipeline.
    pub(crate) fn names_a_job(self) -> bool {
        matches!(self, Kind::OpenLineage | Kind::Alertmanager)
    }
}

/// How messages are written.
pub(crate) struct Form {
    pub(crate) kind: Kind,
    /// Where the names of jobs and tables belong.
    pub(crate) namespace: String,
    /// How long an alert lasts.
    pub(crate) alert_for: Duration,
    /// What the texts of templates are.
    pub(crate) content_type: String,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) content_type: String,
    /// Whether it is about a failure.
    pub(crate) failed: bool,
}

impl Message {
    /// What is pinged, for a dry run.
    pub(crate) fn ping(&self) -> &'static str {
        if self.failed { "fail" } else { "success" }
    }
}

impl Form {
    /// Whether the texts of templates are JSON.
    pub(crate) fn is_json(&self) -> bool {
        let media = self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media == JSON || media.ends_with("+json")
    }

    /// The message about a run.
    ///
    /// # Errors
    /// 2 if an alert would last beyond the calendar.
    pub(crate) fn message(&self, report: &Report) -> Result<Message, Fault> {
        let (body, content_type) = match self.kind {
            Kind::Json => (report.json().to_string(), JSON),
            Kind::OpenLineage => (openlineage::event(report, &self.namespace).to_string(), JSON),
            Kind::Alertmanager => (alertmanager::alerts(report, self.alert_for)?.to_string(), JSON),
            Kind::CloudEvents => {
                (cloudevents::event(report, &self.namespace).to_string(), cloudevents::CONTENT_TYPE)
            }
            Kind::Ping => (report.text(), TEXT),
            Kind::Teams => (chat::teams(report).to_string(), JSON),
            Kind::Discord => (chat::discord(report).to_string(), JSON),
        };
        let failed = report.outcome == Outcome::Failed;
        Ok(Message { body, content_type: content_type.to_owned(), failed })
    }

    /// What a template has made, without secrets.
    ///
    /// # Errors
    /// 3, naming the flag, if it should be JSON and is not.
    pub(crate) fn rendered(&self, text: &str, flag: &str) -> Result<Message, Fault> {
        let body = redact(text);
        if self.is_json() {
            serde_json::from_str::<&serde_json::value::RawValue>(body.trim()).map_err(|error| {
                let mend = "a text belongs within quotes, or takes `| tojson`";
                Fault::data(format!("{flag}: what it makes is not JSON ({mend}): {error}"))
            })?;
        }
        Ok(Message { body, content_type: self.content_type.clone(), failed: false })
    }
}

/// The object without the fields that are null: most readers know absent ones only.
fn without_nulls(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
