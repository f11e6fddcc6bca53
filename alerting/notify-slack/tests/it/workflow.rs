//! The end of a workflow.

use crate::support::{Slack, failed, notify};

const FAILURES: &str = r#"[{"displayName":"load","message":"main: Error (exit code 3): <!channel>","templateName":"load-sqlite","phase":"Failed","podName":"weather-x7k2p-load-1","finishedAt":"2026-11-23T02:00:00Z"},{"displayName":"weather-x7k2p","message":"child 'weather-x7k2p-1' failed","templateName":"main","phase":"Failed","podName":"weather-x7k2p","finishedAt":"2026-11-23T02:00:01Z"}]"#;

fn twice() -> String {
    serde_json::Value::from(FAILURES).to_string()
}

#[test]
fn a_failed_workflow_is_told_with_what_failed() {
    let flags = ["--workflow-name", "weather-x7k2p", "--workflow-status", "Failed"];
    let slack = Slack::takes();
    // Stdin stays open, for it is not read.
    let by_variable = slack.notify(&flags).env("WORKFLOW_FAILURES", twice()).stdin_open().spawn();
    assert_eq!(by_variable.wait().ok().stderr, "posted 1 message\n");
    slack.sent("workflow_failed.json");
    let by_flag = [&flags[..], &["--workflow-failures", FAILURES]].concat();
    slack.notify(&by_flag).run().ok();
    let variables = slack.notify(&["--on", "failure"]).env("WORKFLOW_NAME", "weather-x7k2p");
    variables.env("WORKFLOW_STATUS", "Failed").env("WORKFLOW_FAILURES", twice()).run().ok();
    let payloads = slack.payloads();
    assert_eq!((payloads.len(), &payloads[1], &payloads[2]), (3, &payloads[0], &payloads[0]));
}

#[test]
fn a_workflow_that_succeeded() {
    let flags = ["--workflow-name", "weather-x7k2p", "--workflow-status", "Succeeded"];
    for failures in ["", "null", "\"null\""] {
        let slack = Slack::takes();
        slack.notify(&flags).env("WORKFLOW_FAILURES", failures).run().ok();
        slack.sent("workflow_succeeded.json");
        let ran = slack.notify(&flags).args(["--on", "failure"]).run();
        assert_eq!(
            ran.ok().stderr,
            "workflow weather-x7k2p succeeded, which is not posted with --on failure\n"
        );
        assert_eq!(slack.requests().len(), 1);
    }
}

#[test]
fn failures_that_are_no_json_do_not_lose_the_alert() {
    let slack = Slack::takes();
    let ran = slack
        .notify(&["--workflow-name", "w", "--workflow-status", "Error", "--on", "failure"])
        .env("WORKFLOW_FAILURES", "[{\"displayName\":\"<!here>")
        .run();
    assert!(ran.ok().stderr.starts_with("warning: WORKFLOW_FAILURES is not a list"), "{}", ran.stderr);
    assert_eq!(slack.texts(), ["Workflow w ended with an error\n[{\"displayName\":\"&lt;!here&gt;"]);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let slack = Slack::takes();
    for (args, message) in [
        (&["--workflow-name", "w"][..], "--workflow-status is missing (or set WORKFLOW_STATUS)"),
        (&["--workflow-status", "Failed"], "--workflow-name is missing (or set WORKFLOW_NAME)"),
    ] {
        failed(&slack.notify(args).run(), 2, message);
    }
    slack.notify(&["--workflow-name", "w", "--workflow-status", "failed"]).run().fails(2);
    let ran = slack.notify(&[]).env("WORKFLOW_STATUS", "Running").run();
    failed(&ran, 78, "WORKFLOW_STATUS is \"Running\", not Succeeded, Failed or Error");
    let ran = slack.notify(&[]).env("WORKFLOW_STATUS", "Failed").run();
    failed(&ran, 78, "WORKFLOW_STATUS is set, but WORKFLOW_NAME is not");
    assert_eq!(slack.requests(), []);
}

#[test]
fn a_flag_for_records_counts_more_than_a_variable() {
    for flags in [
        &["--digest"][..],
        &["--seal", "off"],
        &["--allow-empty"],
        &["--when", "true"],
        // Be it with its default.
        &["--seal", "auto"],
        &["--input", "-"],
        &["--max-messages", "20"],
        &["--max-line-bytes", "16M"],
    ] {
        let ran = notify(flags)
            .arg("--dry-run")
            .env("WORKFLOW_STATUS", "Failed")
            .env("WORKFLOW_NAME", "w")
            .stdin("{\"n\":1}\n")
            .run();
        assert!(ran.ok().stdout.starts_with("{\"text\":\"*n*: 1\""), "{}", ran.stdout);
    }
    // A name alone is no end of a workflow.
    let ran = notify(&["--dry-run"]).env("WORKFLOW_NAME", "w").stdin("{\"n\":1}\n").run();
    assert!(ran.ok().stdout.starts_with("{\"text\":\"*n*: 1\""), "{}", ran.stdout);
}
