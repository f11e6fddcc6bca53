//! Which streams are told, and how: by record, by run, passed on.

use serde_json::json;

use crate::support::{Webhook, abort, failed, notify, receipt, sealed};

const LINES: [&str; 3] =
    [r#"{"city":"Faro \"x\"","temp":31.5}"#, r#"{"city":"Oslo","temp":2}"#, r#"{"city":"Lima","temp":33}"#];
const TEMPLATE: &str = r#"{"text":"{{ city }}: {{ temp }}","pipeline":{{ run.pipeline | tojson }}}"#;

#[test]
fn by_template_each_record_is_a_message() {
    let webhook = Webhook::takes();
    let args = ["--when", "temp > 30", "--template", TEMPLATE, "--pipeline", "heat"];
    let ran = webhook.notify(&args).stdin(sealed("a", &LINES)).run();
    assert_eq!(ran.ok().stderr, "posted 2 messages for 2 of 3 records\n");
    assert_eq!(
        webhook.bodies(),
        [r#"{"text":"Faro \"x\": 31.5","pipeline":"heat"}"#, r#"{"text":"Lima: 33","pipeline":"heat"}"#]
    );
    let ran = webhook.notify(&args).args(["--max-messages", "1"]).stdin(sealed("a", &LINES)).run();
    assert_eq!(
        ran.ok().stderr,
        "warning: 1 record more are not posted (--max-messages)\nposted 1 message for 2 of 3 records\n"
    );
}

#[test]
fn what_is_not_json_is_refused_and_told() {
    let webhook = Webhook::takes();
    let ran = webhook.notify(&["--template", r#"{"text": {{ city }}}"#]).stdin(sealed("a", &LINES)).run();
    ran.fails(3);
    let line = ran.last_error_line();
    assert!(
        line.contains("record 1")
            && line.contains("--template: what it makes is not JSON (a text belongs within"),
        "{line}"
    );
    assert_eq!(webhook.body()["status"], "failed");
    // Another type is not looked at, and not escaped.
    let webhook = Webhook::takes();
    let args = ["--content-type", "text/plain", "--template", "{{ city }} {{ temp }}"];
    webhook.notify(&args).stdin(sealed("a", &LINES[..1])).run().ok();
    assert_eq!(webhook.bodies(), ["Faro \"x\" 31.5"]);
    assert_eq!(webhook.requests()[0].header("content-type"), Some("text/plain"));
}

#[test]
fn a_failure_has_a_template_of_its_own() {
    let webhook = Webhook::takes();
    let failure =
        r#"{"text":"{{ pipeline | default('?') }}/{{ step }}: {{ error }} ({{ code }})","last":{{ log }}}"#;
    let args = ["--template", TEMPLATE, "--failure-template", failure];
    let ran = webhook.notify(&args).stdin(abort()).run();
    failed(&ran, 77, "the producer failed: api.example: 401 <no> *key*");
    assert_eq!(
        webhook.body(),
        json!({"text": "?/extract-x: api.example: 401 <no> *key* (77)", "last": ["warning: a", "error: 401"]})
    );
    // A mistake in it does not keep the failure from being heard of.
    for (failure, said) in [
        (
            "{{ stepp }}",
            "--failure-template: undefined value: `stepp` is undefined; the failure is posted as --as json\n",
        ),
        ("{{ step }}", "--failure-template: what it makes is not JSON"),
    ] {
        let webhook = Webhook::takes();
        let ran = webhook.notify(&["--template", "1", "--failure-template", failure]).stdin(abort()).run();
        assert!(ran.fails(77).stderr.starts_with(&format!("warning: {said}")), "{}", ran.stderr);
        assert_eq!(webhook.body()["step"], "extract-x");
    }
    let ran = webhook.notify(&["--failure-template", failure]).run();
    assert!(ran.fails(2).stderr.contains("--template"), "{}", ran.stderr);
}

#[test]
fn which_runs_are_told() {
    let rejects = || receipt(r#","rejected":2"#);
    for (args, stream, status) in [
        (&["--on", "failure"][..], receipt(""), None),
        (&["--on", "failure"], rejects(), None),
        (&["--on", "failure"], abort().into_bytes(), Some("failed")),
        (&["--on", "trouble"], receipt(""), None),
        (&["--on", "trouble"], rejects(), Some("trouble")),
        (&["--on", "trouble"], abort().into_bytes(), Some("failed")),
        (&[], receipt(""), Some("succeeded")),
        (&[], rejects(), Some("trouble")),
        // A run of nothing is a success that somebody may wait for, but not one of the records that are asked for.
        (&[], sealed("a", &[]), Some("succeeded")),
        (&["--when", "temp > 90"], sealed("a", &LINES), None),
        (&["--when", "temp > 31"], sealed("a", &LINES), Some("succeeded")),
        (&[], sealed("a", &LINES)[..30].to_vec(), Some("failed")),
    ] {
        let webhook = Webhook::takes();
        let ran = webhook.notify(args).stdin(stream).run();
        assert_eq!(ran.code == 0, status != Some("failed"), "{args:?}: {}", ran.stderr);
        match status {
            Some(status) => assert_eq!(webhook.body()["status"], status, "{args:?}"),
            None => assert_eq!(webhook.requests(), [], "{args:?}"),
        }
    }
}

#[test]
fn a_run_names_so_many_records_and_counts_the_rest() {
    let webhook = Webhook::takes();
    let ran = webhook.notify(&["--max-messages", "2", "--title", "Cities"]).stdin(sealed("a", &LINES)).run();
    assert_eq!(ran.ok().stderr, "posted 1 message for 3 of 3 records\n");
    let text = "Cities\nPipeline succeeded\ncity: Faro \"x\", temp: 31.5\ncity: Oslo, temp: 2\nand 1 more";
    assert_eq!((&webhook.body()["text"], &webhook.body()["records"]), (&json!(text), &json!(3)));
}

#[test]
fn records_are_passed_on_once_the_message_is_accepted() {
    let webhook = Webhook::takes();
    let ran = webhook.notify(&["--emit", "records"]).stdin(sealed("a", &LINES)).run();
    let lines = ran.ok().lines();
    assert_eq!(lines[1..4], LINES);
    assert!(lines[4].contains("\"kind\":\"end\""), "{lines:?}");
    let webhook = Webhook::answers(etl_testkit::http::Reply::status(404));
    let ran = webhook.notify(&["--emit", "records"]).stdin(sealed("a", &LINES)).run();
    ran.fails(78);
    let last = ran.lines().pop().expect("an abort").to_owned();
    assert!(last.contains("\"kind\":\"abort\"") && last.contains("\"step\":\"notify-webhook\""), "{last}");
}

#[test]
fn a_workflow_is_told() {
    let failures = r#"[{"displayName":"load","message":"exit code 3","phase":"Failed"},{"displayName":"w","phase":"Error"}]"#;
    let flags = ["--workflow-name", "w-1", "--workflow-status"];
    let webhook = Webhook::takes();
    webhook.notify(&flags).args(["Failed", "--workflow-failures", failures]).stdin_open().spawn().wait().ok();
    let body = webhook.body();
    assert_eq!(
        [&body["status"], &body["pipeline"], &body["step"], &body["error"]],
        ["failed", "w-1", "load", "exit code 3"]
    );
    assert_eq!(body["text"], "Workflow w-1 failed\nexit code 3\nStep: load\nw: Error");
    let webhook = Webhook::takes();
    let variables = webhook.notify(&["--as", "alertmanager"]).env("WORKFLOW_NAME", "w-1");
    variables.env("WORKFLOW_STATUS", "Succeeded").run().ok();
    assert_eq!(webhook.body()[0]["labels"]["pipeline"], "w-1");
    let ran = notify(&["--on", "failure"]).args(flags).arg("Succeeded").arg("--dry-run").run();
    assert_eq!(ran.ok().stderr, "workflow w-1 succeeded, which is not posted with --on failure\n");
}
