//! The end of a workflow, as Argo's exit handler knows it.
//!
//! `{{workflow.failures}}` is a JSON string that holds a JSON list, an object for each node that failed
//! (<https://argo-workflows.readthedocs.io/en/latest/variables/>):
//!
//! ```json
//! "[{\"displayName\":\"load\",\"message\":\"main: Error (exit code 3)\",\"templateName\":\"load\",\"phase\":\"Failed\",\"podName\":\"w-1\",\"finishedAt\":\"2026-11-23T02:00:00Z\"}]"
//! ```

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;

/// How a workflow ended, in Argo's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Status {
    /// Everything went well.
    Succeeded,
    /// A step failed.
    Failed,
    /// The workflow itself could not be run.
    Error,
}

/// A workflow that has ended.
#[derive(Debug)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// What failed, as Argo reports it; empty if it does not.
    pub failures: String,
}

/// A node of a workflow that failed, in Argo's words.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailedNode {
    /// The step.
    pub display_name: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// The template that it was made of.
    pub template_name: Option<String>,
    /// How it ended.
    pub phase: Option<String>,
    /// The pod that it ran in.
    pub pod_name: Option<String>,
    /// When.
    pub finished_at: Option<String>,
}

impl Workflow {
    /// What failed, whether its JSON is encoded twice, once or not at all.
    ///
    /// # Errors
    /// The text itself, if it is none of these.
    pub fn failed_nodes(&self) -> Result<Vec<FailedNode>, &str> {
        failures(&self.failures)
    }

    /// `failed` or the like, for a sentence.
    pub fn ended(&self) -> &'static str {
        match self.status {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Error => "ended with an error",
        }
    }
}

/// The failures, whether their JSON is encoded twice, once or not at all.
///
/// # Errors
/// The text itself, if it is none of these.
fn failures(text: &str) -> Result<Vec<FailedNode>, &str> {
    let given = text.trim();
    // Argo leaves a variable that it does not know as it is.
    if given.is_empty() || given.starts_with("{{") {
        return Ok(Vec::new());
    }
    let mut value: Value = serde_json::from_str(given).map_err(|_| given)?;
    for _ in 0..2 {
        match &value {
            Value::String(inner) if inner.trim().is_empty() => return Ok(Vec::new()),
            Value::String(inner) => value = serde_json::from_str(inner).map_err(|_| given)?,
            _ => break,
        }
    }
    match value {
        Value::Null => Ok(Vec::new()),
        value => serde_json::from_value(value).map_err(|_| given),
    }
}
