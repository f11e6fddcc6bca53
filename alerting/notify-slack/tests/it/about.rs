//! What messages are about: the pipeline, its step, a title, a link; and which of them are posted at all.

use crate::support::{Slack, failed, sealed, sealed_as};

const LINK: &str = "https://argo.example/workflows/w?a=1&b=2";
const ABOUT: [&str; 6] = ["--pipeline", "night & day", "--title", "Loads <prod>", "--link", LINK];
const FOOT: &str = "Pipeline: *night &amp; day*\n<https://argo.example/workflows/w?a=1&amp;b=2|Open>";

fn receipt(rest: &str) -> Vec<u8> {
    let line = format!(r#"{{"target":"t","mode":"upsert","records":3,"inserted":3,"pipeline":"own"{rest}}}"#);
    sealed_as("etl.receipt", "r", &[&line])
}

#[test]
fn every_message_names_what_it_is_about() {
    let slack = Slack::takes();
    let run = |args: &[&str], stream: Vec<u8>| slack.notify(args).args(ABOUT).stdin(stream).run();
    run(&[], receipt("")).ok();
    run(&["--template", "{{ target }} of {{ run.pipeline | safe }}"], receipt("")).ok();
    run(&["--digest"], sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#])).ok();
    slack.notify(&["--text", "done"]).args(ABOUT).run().ok();
    let workflow = ["--workflow-name", "w-1", "--workflow-status", "Failed"];
    slack.notify(&workflow).args(ABOUT).run().ok();
    assert_eq!(
        slack.texts(),
        [
            format!("Loads &lt;prod&gt;\nLoaded *t*: 3 records, 3 inserted\n{FOOT}"),
            format!("Loads &lt;prod&gt;\nt of night & day\n{FOOT}"),
            format!("Loads &lt;prod&gt;\n*n*: 1\n*n*: 2\n{FOOT}"),
            format!("Loads &lt;prod&gt;\ndone\n{FOOT}"),
            format!("Loads &lt;prod&gt;\nWorkflow w-1 failed\n{FOOT}"),
        ]
    );
    // A title alone says nothing.
    assert_eq!(run(&["--digest"], sealed("a", &[])).ok().stderr, "posted 0 messages for 0 of 0 records\n");
    assert_eq!(slack.requests().len(), 5);
}

#[test]
fn a_receipt_and_an_abort_name_their_pipeline() {
    let slack = Slack::takes();
    slack.notify(&[]).stdin(receipt("")).run().ok();
    let abort = r#"{"_etl":{"v":1,"kind":"abort","code":77,"message":"x: 401","step":"extract-x","pipeline":"own","table":"t","log":["warning: a","error: x: 401"]}}"#;
    let ran = slack.notify(&["--emit", "records"]).stdin(format!("{abort}\n")).run();
    ran.fails(77);
    // Where it failed goes on to the next stage.
    let passed = crate::support::printed(&ran.stdout).pop().expect("an abort")["_etl"].clone();
    assert_eq!((&passed["step"], &passed["pipeline"]), (&"extract-x".into(), &"own".into()));
    assert_eq!(passed["table"], "t");
    assert_eq!(passed["log"], serde_json::json!(["warning: a", "error: x: 401"]));
    slack.notify(&["--pipeline", "named"]).stdin(format!("{abort}\n")).run().fails(77);
    let failure = |name| {
        format!(
            "Pipeline {name} failed\nx: 401\nExit code 77: credentials refused or no permission\nStep: *extract-x*\nTable: *t*\n\
             ```warning: a\nerror: x: 401```"
        )
    };
    let loaded = "Loaded *t*: 3 records, 3 inserted\nPipeline: *own*".to_owned();
    assert_eq!(slack.texts(), [loaded, failure("own"), failure("named")]);
}

#[test]
fn a_secret_in_what_a_step_printed_is_not_passed_on() {
    let slack = Slack::takes();
    let hook = slack.webhook();
    let abort = format!(
        r#"{{"_etl":{{"v":1,"kind":"abort","code":3,"message":"no","step":"{hook}","log":["POST {hook}"]}}}}"#
    );
    failed(&slack.notify(&[]).stdin(format!("{abort}\n")).run(), 3, "the producer failed: no");
    let text = "Pipeline failed\nno\nExit code 3: the data is bad\nStep: *[redacted]*\n```POST [redacted]```";
    assert_eq!(slack.texts(), [text]);
}

#[test]
fn a_stream_that_was_cut_names_who_wrote_it() {
    let slack = Slack::takes();
    let begin = r#"{"_etl":{"v":1,"kind":"begin","id":"a","producer":"extract-x/1.2"}}"#;
    slack.notify(&[]).stdin(format!("{begin}\n")).run().fails(75);
    assert!(slack.texts()[0].contains("\nStep: *extract-x*\n"), "{:?}", slack.texts());
}

#[test]
fn trouble_is_posted_and_success_is_not() {
    for (rest, trouble) in [
        ("", None),
        (r#","rejected":0,"dropped_fields":0"#, None),
        (r#","rejected":2"#, Some(":warning: 2 records rejected")),
        (r#","nulled":2"#, Some("2 rows with a value that became NULL")),
        (r#","columns_added":["gust<"]"#, Some("columns added: gust&lt;")),
        (r#","columns_widened":["id"]"#, Some("columns widened: id")),
        (r#","unknown_fields":["x"],"dropped_fields":3"#, Some("unknown fields dropped: x")),
        (r#","rejected":2,"already_loaded":true"#, None),
    ] {
        let slack = Slack::takes();
        let ran = slack.notify(&["--on", "trouble"]).stdin(receipt(rest)).run();
        let posted = if trouble.is_some() { "1 message for 1" } else { "0 messages for 0" };
        assert_eq!(ran.ok().stderr, format!("posted {posted} of 1 record\n"), "{rest}");
        let expected =
            trouble.map(|line| format!("Loaded *t*: 3 records, 3 inserted\n{line}\nPipeline: *own*"));
        assert_eq!(slack.texts(), Vec::from_iter(expected));
    }
    // Other records are no trouble, and a failure is; a condition holds besides.
    let slack = Slack::takes();
    slack.notify(&["--on", "trouble"]).stdin(sealed("a", &[r#"{"rejected":1}"#])).run().ok();
    let args = ["--on", "trouble", "--when", "rejected > 5"];
    slack.notify(&args).stdin(receipt(r#","rejected":2"#)).run().ok();
    assert_eq!(slack.requests(), []);
    slack.notify(&["--on", "trouble"]).stdin(&sealed("a", &[])[..40]).run().fails(75);
    assert_eq!(slack.requests().len(), 1);
    let ran =
        slack.notify(&["--on", "trouble", "--workflow-name", "w", "--workflow-status", "Succeeded"]).run();
    assert_eq!(ran.ok().stderr, "workflow w succeeded, which is not posted with --on trouble\n");
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let slack = Slack::takes();
    for (args, message) in [
        (["--pipeline", ""], "--pipeline is empty"),
        (["--title", "a\nb"], "--title contains a line break or another control character"),
        (["--link", "javascript:x"], "--link must start with https:// or http://"),
        (
            ["--link", "https://x|<!here>"],
            "--link contains a character that a link must have percent-encoded",
        ),
    ] {
        failed(&slack.notify(&args).stdin_open().spawn().wait(), 2, message);
    }
    assert_eq!(slack.requests(), []);
}
