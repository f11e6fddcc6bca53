//! The end of a workflow, as Argo's exit handler knows it.
//!
//! `{{workflow.failures}}` is a JSON string that holds a JSON list, an object for each node that failed
//! (<https://argo-workflows.readthedocs.io/en/latest/variables/>):
//!
//! ```json
//! "[{\"displayName\":\"load\",\"message\":\"main: Error (exit code 3)\",\"templateName\":\"load\",\"phase\":\"Failed\",\"podName\":\"w-1\",\"finishedAt\":\"2026-11-23T02:00:00Z\"}]"
//! ```

use clap::ValueEnum;
use etl_component::redact;
use serde::Deserialize;
use serde_json::Value;

use crate::list::List;
use crate::message::{BODY, HEADER, Message};
use crate::text::{escape, shorten};

/// How a workflow ended, in Argo's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Status {
    /// Everything went well.
    Succeeded,
    /// A step failed.
    Failed,
    /// The workflow itself could not be run.
    Error,
}

/// A workflow that has ended.
#[derive(Debug)]
pub(crate) struct Workflow {
    /// Its name.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) status: Status,
    /// What failed, as Argo reports it; empty if it does not.
    pub(crate) failures: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FailedNode {
    display_name: Option<String>,
    message: Option<String>,
    template_name: Option<String>,
    phase: Option<String>,
    pod_name: Option<String>,
    finished_at: Option<String>,
}

impl Workflow {
    /// The message about it: which steps failed, and why.
    pub(crate) fn message(&self) -> Option<Message> {
        let ended = match self.status {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Error => "ended with an error",
        };
        // However long the name is, the status stays visible.
        let room = HEADER - "Workflow  ".len() - ended.len();
        let title = format!("Workflow {} {ended}", shorten(&escape(&redact(&self.name)), room));
        let mut list = List::new(BODY - HEADER);
        match failures(&self.failures) {
            Ok(failures) => failures.iter().for_each(|failure| list.push(&failure.sentence())),
            Err(text) => {
                log::warn!("WORKFLOW_FAILURES is not a list of failures in JSON; it is shown as it is");
                list.push(&escape(&redact(text)));
            }
        }
        let (body, rest) = list.finish();
        Message::new(Some(&title), &body).map(|message| message.and_more(rest))
    }
}

impl FailedNode {
    fn sentence(&self) -> String {
        let shown = |text: &Option<String>| {
            text.as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(|text| escape(&redact(text)).into_owned())
        };
        let (name, template) = (shown(&self.display_name), shown(&self.template_name));
        let mut text =
            format!("*{}*", name.clone().or_else(|| shown(&self.pod_name)).unwrap_or("a step".to_owned()));
        if let Some(template) = template.filter(|template| Some(template) != name.as_ref()) {
            text += &format!(" ({template})");
        }
        text += &format!(": {}", shown(&self.phase).unwrap_or("Failed".to_owned()));
        if let Some(message) = shown(&self.message) {
            text += &format!(": {message}");
        }
        let origin: Vec<String> =
            name.and(shown(&self.pod_name)).into_iter().chain(shown(&self.finished_at)).collect();
        if !origin.is_empty() {
            text += &format!("\n        {}", origin.join(", "));
        }
        text
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failures: &str) -> Vec<String> {
        let workflow = Workflow { name: "w-<1>".into(), status: Status::Failed, failures: failures.into() };
        let payload: Value = serde_json::from_str(&workflow.message().unwrap().payload(None, true)).unwrap();
        payload["text"].as_str().unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn failures_are_found_in_every_encoding() {
        let list = r#"[{"displayName":"load<x>","templateName":"loader","phase":"Failed","podName":"w-1-2","message":"a & b","finishedAt":"2026-11-23T02:00:00Z"},{"displayName":"a","templateName":"a","phase":"Error"},{}]"#;
        let once = Value::from(list).to_string();
        let twice = Value::from(once.as_str()).to_string();
        let expected = [
            "Workflow w-&lt;1&gt; failed",
            "*load&lt;x&gt;* (loader): Failed: a &amp; b",
            "        w-1-2, 2026-11-23T02:00:00Z",
            "*a*: Error",
            "*a step*: Failed",
        ];
        for failures in [list, &once, &twice, &format!("  {once}\n")] {
            assert_eq!(told(failures), expected, "{failures}");
        }
    }

    #[test]
    fn nothing_is_no_failure() {
        for failures in ["", " ", "null", "\"null\"", "\"\"", "[]", "\"[]\"", "{{workflow.failures}}"] {
            assert_eq!(told(failures), ["Workflow w-&lt;1&gt; failed"], "{failures}");
        }
    }

    #[test]
    fn what_is_no_json_is_shown() {
        for (failures, shown) in [
            ("disk <full>", "disk &lt;full&gt;"),
            ("\"oops\"", "\"oops\""),
            ("{\"a\":1}", "{\"a\":1}"),
            ("[{\"displayName\":7}]", "[{\"displayName\":7}]"),
            ("7", "7"),
        ] {
            assert_eq!(told(failures)[1..], [shown], "{failures}");
        }
    }

    #[test]
    fn a_long_name_leaves_room_for_the_status() {
        for (status, ended) in [(Status::Failed, "failed"), (Status::Error, "ended with an error")] {
            let workflow = Workflow { name: "é".repeat(300), status, failures: String::new() };
            let payload: Value =
                serde_json::from_str(&workflow.message().unwrap().payload(None, true)).unwrap();
            let title = payload["blocks"][0]["text"]["text"].as_str().unwrap();
            assert!(title.ends_with(&format!(" more characters) {ended}")), "{title}");
            assert!((140..=HEADER).contains(&title.chars().count()), "{title}");
        }
    }

    #[test]
    fn too_many_failures_are_counted() {
        let one = format!("{{\"displayName\":\"n\",\"message\":\"{}\"}}", "x".repeat(86));
        let list = format!("[{}]", [one.as_str()].repeat(500).join(","));
        let workflow = Workflow { name: "w".into(), status: Status::Error, failures: list };
        let payload: Value = serde_json::from_str(&workflow.message().unwrap().payload(None, true)).unwrap();
        let blocks = payload["blocks"].as_array().unwrap();
        assert_eq!(blocks[0]["text"]["text"], "Workflow w ended with an error");
        assert!(
            blocks.last().unwrap()["text"]["text"].as_str().unwrap().ends_with("\nand 382 more"),
            "{payload}"
        );
    }
}
