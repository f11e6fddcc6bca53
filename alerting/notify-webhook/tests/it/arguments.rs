//! Flags and variables: what goes together, what is missing, and the card.

use crate::support::{TOKEN, Webhook, failed, notify};

#[test]
fn what_is_missing_or_wrong_is_named_before_anything_is_read() {
    let webhook = Webhook::takes();
    let missing = "WEBHOOK_URL is not set (the address to post to; not needed with --dry-run); set it, or WEBHOOK_URL_FILE to a \
                   file with it";
    let secret = "WEBHOOK_SECRET is not set (the value of the header that --secret-header names, such as `Bearer …`); set it, or \
                  WEBHOOK_SECRET_FILE to a file with it";
    let plain = "WEBHOOK_URL: http:// is only allowed to loopback, because keys would travel unencrypted; --allow-http permits it";
    for (cmd, code, message) in [
        (notify(&[]), 78, missing),
        (notify(&[]).env("WEBHOOK_URL", ""), 78, "WEBHOOK_URL is set but empty"),
        (notify(&[]).env("WEBHOOK_URL", "http://hooks.example/x"), 78, plain),
        (
            notify(&["--as", "ping"]).env("WEBHOOK_URL", "https://hc.example/x?y=1"),
            78,
            "WEBHOOK_URL: it must not have a query or a fragment",
        ),
        (webhook.notify(&["--secret-header", "X-Key"]), 78, secret),
        (
            webhook.notify(&["--as", "alertmanager"]),
            2,
            "--as alertmanager needs --pipeline, which is the name of the job",
        ),
        (
            webhook.notify(&["--as", "openlineage"]),
            2,
            "--as openlineage needs --pipeline, which is the name of the job",
        ),
        (
            webhook.notify(&["--as", "ping", "--on", "failure"]),
            2,
            "--on failure cannot be used with --as ping, which must hear of success, too",
        ),
        (
            webhook.notify(&["--namespace", "a b"]),
            2,
            "--namespace \"a b\" has a character that a URI cannot have",
        ),
        (webhook.notify(&["--content-type", "json"]), 2, "--content-type \"json\" is not a media type"),
        (
            webhook.notify(&["--output", "x"]),
            2,
            "--output needs --emit records: without it there is no stream to write",
        ),
    ] {
        failed(&cmd.stdin_open().spawn().wait(), code, message);
    }
    assert_eq!(webhook.requests(), []);
}

#[test]
fn flags_that_do_not_go_together() {
    let webhook = Webhook::takes();
    for args in [
        &["--as", "ping", "--template", "x"][..],
        &["--failure-template", "x"],
        &["--dry-run", "--emit", "records"],
        &["--workflow-name", "w", "--workflow-status", "Failed", "--template", "x"],
        &["--method", "GET"],
        &["--header", "Authorization: Bearer x"],
        &["--as", "json", "--alert-for", "soon"],
    ] {
        webhook.notify(args).stdin("{\"n\":1}\n").run().fails(2);
    }
    assert_eq!(webhook.requests(), []);
}

#[test]
fn the_card_names_every_variable_and_shows_no_secret() {
    let ran = notify(&["--describe"]).env("WEBHOOK_SECRET", TOKEN).run();
    let card: serde_json::Value = serde_json::from_str(&ran.ok().stdout).expect("JSON");
    let variables: Vec<_> = card["variables"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| (v["name"].as_str().expect("a name"), v["secret"] == true, v["required"] == true))
        .collect();
    assert_eq!(
        variables,
        [
            ("WEBHOOK_URL", true, true),
            ("WEBHOOK_SECRET", true, false),
            ("WEBHOOK_HMAC_KEY", true, false),
            ("WORKFLOW_NAME", false, false),
            ("WORKFLOW_STATUS", false, false),
            ("WORKFLOW_FAILURES", false, false)
        ]
    );
    assert_eq!(card["stdout"], serde_json::json!({"kind": "nothing"}));
}
