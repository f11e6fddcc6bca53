//! `on-failure`: what is run once a pipe has failed.

use std::io;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use etl_component::redact;
use serde_json::json;

use super::children::Children;
use super::outcome::{Cause, StepOutcome, text};
use super::pipe::{self, Around};
use super::step::Step;
use super::stops::Stops;

/// How long it may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs it with the variables of a workflow that has failed, as notify-slack reads them. Its own failure is only a
/// warning.
pub(super) fn report(
    on_failure: &Step,
    name: &str,
    cause: &Cause,
    failed: Option<&StepOutcome>,
    item: Option<&str>,
    children: &Arc<Children>,
    stops: &Stops,
) {
    let lines = failed.map(|step| step.lines.join("\n")).filter(|lines| !lines.is_empty());
    let message = [Some(format!("exit code {}: {}", cause.class.code(), cause.message)), lines];
    let message = message.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let failures = json!([{
        "displayName": failed.map_or(name, |step| step.name.as_str()),
        "phase": "Failed",
        "message": redact(&message),
    }]);
    let mut step = on_failure.clone();
    step.set("WORKFLOW_NAME", name);
    step.set("WORKFLOW_STATUS", "Failed");
    step.set("WORKFLOW_FAILURES", failures.to_string());
    // Stdout is for data.
    let stdout = io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
    let deadline = Some(LONGEST);
    let around = Around { children, stops, item, deadline, shows: false, stdin: Stdio::null(), stdout };
    let problem = match pipe::run(&[step], around) {
        Ok(outcome) => outcome.cause().map(|cause| cause.message),
        Err(fault) => Some(text(&fault)),
    };
    if let Some(problem) = problem {
        log::warn!("on-failure: {problem}");
    }
}
