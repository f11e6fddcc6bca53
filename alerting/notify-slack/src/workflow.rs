//! The message about a workflow that has ended: which steps failed, and why.

use etl_component::redact;
use etl_notify::text::{escape, shorten};
use etl_notify::{About, FailedNode, List, Workflow};

use crate::message::{BODY, HEADER, Message, foot, room_of};

/// The message about a workflow.
pub(crate) fn message(workflow: &Workflow, about: &About) -> Option<Message> {
    let name = escape(&redact(&workflow.name)).into_owned();
    let ended = workflow.ended();
    // However long the name is, the status stays visible.
    let room = HEADER - "Workflow  ".len() - ended.len();
    let sentence = format!("Workflow {} {ended}", shorten(&name, room));
    let mut list = List::new(BODY - HEADER - room_of(&foot(about.pipeline.as_deref(), about)));
    if about.title.is_some() {
        list.push(&sentence);
    }
    match workflow.failed_nodes() {
        Ok(failures) => failures.iter().for_each(|failure| list.push(&told(failure))),
        Err(text) => {
            log::warn!("WORKFLOW_FAILURES is not a list of failures in JSON; it is shown as it is");
            list.push(&escape(&redact(text)));
        }
    }
    let (body, rest) = list.finish();
    Message::about(Some(&sentence), &body, about).map(|message| message.and_more(rest))
}

fn told(node: &FailedNode) -> String {
    let shown = |text: &Option<String>| {
        text.as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| escape(&redact(text)).into_owned())
    };
    let (name, template) = (shown(&node.display_name), shown(&node.template_name));
    let mut text =
        format!("*{}*", name.clone().or_else(|| shown(&node.pod_name)).unwrap_or("a step".to_owned()));
    if let Some(template) = template.filter(|template| Some(template) != name.as_ref()) {
        text += &format!(" ({template})");
    }
    text += &format!(": {}", shown(&node.phase).unwrap_or("Failed".to_owned()));
    if let Some(message) = shown(&node.message) {
        text += &format!(": {message}");
    }
    let origin: Vec<String> =
        name.and(shown(&node.pod_name)).into_iter().chain(shown(&node.finished_at)).collect();
    if !origin.is_empty() {
        text += &format!("\n        {}", origin.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use etl_notify::Status;
    use serde_json::Value;

    use super::*;

    fn told(failures: &str) -> Vec<String> {
        let workflow = Workflow { name: "w-<1>".into(), status: Status::Failed, failures: failures.into() };
        let payload: Value =
            serde_json::from_str(&message(&workflow, &About::default()).unwrap().payload(None, true))
                .unwrap();
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
                serde_json::from_str(&message(&workflow, &About::default()).unwrap().payload(None, true))
                    .unwrap();
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
        let payload: Value =
            serde_json::from_str(&message(&workflow, &About::default()).unwrap().payload(None, true))
                .unwrap();
        let blocks = payload["blocks"].as_array().unwrap();
        assert_eq!(blocks[0]["text"]["text"], "Workflow w ended with an error");
        assert!(
            blocks.last().unwrap()["text"]["text"].as_str().unwrap().ends_with("\nand 382 more"),
            "{payload}"
        );
    }
}
