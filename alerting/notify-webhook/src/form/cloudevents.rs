//! A CloudEvent in structured mode (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>),
//! whose data is the JSON of the run.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::without_nulls;
use crate::report::Report;

pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// Everything but RFC 3986's unreserved characters.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The event of a run.
pub(super) fn event(report: &Report, namespace: &str) -> Value {
    let source = match &report.pipeline {
        Some(name) => format!("{namespace}/{}", utf8_percent_encode(name, PART)),
        None => namespace.to_owned(),
    };
    let subject = report.tables().join(",");
    without_nulls(json!({
        "specversion": "1.0",
        "id": report.id,
        "source": source,
        "type": format!("io.standpipe.run.{}", report.outcome.name()),
        "subject": (!subject.is_empty()).then_some(subject),
        "time": report.time.to_string(),
        "datacontenttype": "application/json",
        "data": report.json(),
    }))
}
