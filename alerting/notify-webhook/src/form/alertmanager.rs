//! Alerts for Alertmanager (`POST /api/v2/alerts`). A pipeline has two, `PipelineFailed` and `PipelineTrouble`, whose labels
//! are always the same, so that a later success ends them. An alert without an end would end after Alertmanager's
//! `resolve_timeout`, 5 minutes by default, because Prometheus sends its own again and again; so each has one.

use std::time::Duration;

use etl_component::Fault;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::without_nulls;
use crate::report::{Outcome, Report};

/// The alerts that a run fires or ends. A failure says nothing of the trouble that an earlier run had.
pub(super) fn alerts(report: &Report, lasts: Duration) -> Result<Value, Fault> {
    let end = SignedDuration::try_from(lasts).ok().and_then(|lasts| report.time.checked_add(lasts).ok());
    let end = end.ok_or_else(|| Fault::usage("--alert-for is too long"))?;
    let alert = |name: &str, severity: &str, fires: bool| alert(report, name, severity, fires.then_some(end));
    let failed = alert("PipelineFailed", "critical", report.outcome == Outcome::Failed);
    Ok(match report.outcome {
        Outcome::Failed => json!([failed]),
        outcome => json!([failed, alert("PipelineTrouble", "warning", outcome == Outcome::Trouble)]),
    })
}

/// An alert that fires until then, or one that has ended.
fn alert(report: &Report, name: &str, severity: &str, until: Option<Timestamp>) -> Value {
    let (tables, pipeline) = (report.tables().join(", "), report.pipeline.as_deref().unwrap_or_default());
    let annotations = json!({
        "summary": report.heading(),
        "description": report.text(),
        "step": report.step,
        "table": (!tables.is_empty()).then_some(tables),
    });
    without_nulls(json!({
        "labels": {"alertname": name, "pipeline": pipeline, "severity": severity},
        "annotations": without_nulls(annotations),
        // What has ended began before this; Alertmanager keeps the start that it knows.
        "startsAt": until.map(|_| report.time.to_string()),
        "endsAt": until.unwrap_or(report.time).to_string(),
        "generatorURL": report.link,
    }))
}
