//! Flags and variables: what goes together, what is missing, and the card.

use crate::support::{PATH, Slack, TOKEN, failed, no_secret_in, notify};

const MISSING_WEBHOOK: &str = "SLACK_WEBHOOK_URL is not set (the address of an incoming webhook; not needed with --channel or \
                               --dry-run); set it, or SLACK_WEBHOOK_URL_FILE to a file with it";
const MISSING_TOKEN: &str = "SLACK_BOT_TOKEN is not set (the token of a bot with the scope chat:write; needed with --channel, \
                             but not with --dry-run); set it, or SLACK_BOT_TOKEN_FILE to a file with it";

#[test]
fn missing_credentials_are_named_before_anything_is_read() {
    let slack = Slack::takes();
    let with_token = format!("{MISSING_WEBHOOK}; SLACK_BOT_TOKEN is set, but needs --channel");
    for (cmd, message) in [
        (notify(&[]), MISSING_WEBHOOK),
        (notify(&[]).env("SLACK_BOT_TOKEN", TOKEN), &with_token),
        (notify(&["--channel", "#c"]), MISSING_TOKEN),
        (notify(&["--channel", "#c"]).env("SLACK_WEBHOOK_URL", slack.webhook()), MISSING_TOKEN),
        (notify(&[]).env("SLACK_CHANNEL", "#c"), MISSING_TOKEN),
        (notify(&[]).env("SLACK_CHANNEL", ""), "SLACK_CHANNEL is set but empty"),
        (notify(&[]).env("SLACK_WEBHOOK_URL", ""), "SLACK_WEBHOOK_URL is set but empty"),
        (notify(&[]).env("ALERT_WEBHOOK", "\n"), "ALERT_WEBHOOK is set but empty"),
        (notify(&["--channel", "c"]).env("SLACK_BOT_TOKEN", ""), "SLACK_BOT_TOKEN is set but empty"),
    ] {
        failed(&cmd.stdin_open().spawn().wait(), 78, message);
    }
    assert_eq!(slack.requests(), []);
}

#[test]
fn credentials_are_found_under_all_their_names() {
    let slack = Slack::takes();
    let folder = etl_testkit::run::temp_dir();
    let path = folder.path().join("webhook");
    std::fs::write(&path, format!("{}\n", slack.webhook())).expect("the folder is writable");
    notify(&["--text", "a"]).env("ALERT_WEBHOOK", slack.webhook()).run().ok();
    notify(&["--text", "b"]).env("SLACK_WEBHOOK_URL_FILE", &path).run().ok();
    notify(&["--text", "c"]).env("ALERT_WEBHOOK_FILE", &path).run().ok();
    // With both, the channel decides.
    let both = slack.notify(&["--text", "d"]).env("SLACK_BOT_TOKEN", TOKEN).run();
    both.ok();
    assert_eq!(slack.texts(), ["a", "b", "c", "d"]);
    assert!(slack.requests().iter().all(|request| request.target == PATH));
    let api = Slack::answers(crate::support::recorded(200, "webapi_200_chat_postMessage.json"));
    api.notify_channel(&["--text", "e"]).env("SLACK_WEBHOOK_URL", slack.webhook()).run().ok();
    assert_eq!((api.requests().len(), slack.requests().len()), (1, 4));
}

#[test]
fn addresses_that_are_refused() {
    for (url, why) in [
        (
            format!("http://hooks.example{PATH}"),
            "http:// is only allowed to loopback, because keys would travel unencrypted; --allow-http permits it",
        ),
        (format!("ftp://hooks.example{PATH}"), "it must start with https:// (or http://)"),
        (format!("https://hooks.example{PATH}?x=1"), "it must not have a query or a fragment"),
        (PATH.to_owned(), "it must start with https:// (or http://)"),
    ] {
        let ran = notify(&["--text", "x"]).env("SLACK_WEBHOOK_URL", &url).run();
        ran.fails(78);
        let message = ran.last_error_line();
        assert_eq!(message, format!("SLACK_WEBHOOK_URL: {why}"));
        no_secret_in(&ran);
    }
    let ran = notify(&["--text", "x"]).env("ALERT_WEBHOOK", "nonsense").run();
    failed(&ran, 78, "ALERT_WEBHOOK: it must start with https:// (or http://)");
    let control =
        "contains a line break or another control character; only one line break at its end is dropped";
    for (character, said) in [
        ("é", "SLACK_WEBHOOK_URL: invalid uri character".to_owned()),
        (" ", "SLACK_WEBHOOK_URL: invalid uri character".to_owned()),
        ("\u{1}", format!("SLACK_WEBHOOK_URL {control}")),
    ] {
        let url = format!("https://hooks.example{PATH}{character}x");
        let ran = notify(&["--text", "x"]).env("SLACK_WEBHOOK_URL", url).run();
        failed(&ran, 78, &said);
    }
    let ran = notify(&["--text", "x", "--channel", "c", "--api-url", "http://slack.example/api"])
        .env("SLACK_BOT_TOKEN", TOKEN)
        .run();
    ran.fails(78);
    assert!(
        ran.last_error_line().starts_with("--api-url: base URL \"http://slack.example/api\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_token_that_no_header_can_carry_is_refused_before_anything_is_sent() {
    let slack = Slack::takes();
    let control = "a line break or another control character; only one line break at its end is dropped";
    for (end, what) in [("é", "a character that a header cannot carry"), ("\nx", control), ("\n\n", control)]
    {
        let token = format!("{TOKEN}{end}");
        let ran = slack.notify_channel(&["--text", "x"]).env("SLACK_BOT_TOKEN", token).run();
        failed(&ran, 78, &format!("SLACK_BOT_TOKEN contains {what}"));
    }
    assert_eq!(slack.requests(), []);
}

#[test]
fn values_may_begin_with_a_hyphen() {
    let slack = Slack::takes();
    slack.notify(&["--text", "- done"]).run().ok();
    let args = ["--seal", "off", "--when", "-1 < n", "--template", "- {{ n }}"];
    slack.notify(&args).stdin("{\"n\":1}\n").run().ok();
    assert_eq!(slack.texts(), ["- done", "- 1"]);
}

#[test]
fn flags_that_do_not_go_together() {
    let slack = Slack::takes();
    for args in [
        &["--text", "x", "--digest"][..],
        &["--text", "x", "--when", "n"],
        &["--text", "x", "--template", "n"],
        &["--text", "x", "--emit", "records"],
        &["--text", "x", "--input", "in"],
        &["--text", "x", "--allow-empty"],
        &["--text", "x", "--max-messages", "3"],
        &["--text", "x", "--on", "failure"],
        &["--text", "x", "--workflow-name", "w"],
        &["--text", " "],
        &["--workflow-name", "w", "--workflow-status", "Failed", "--digest"],
        &["--workflow-name", "w", "--workflow-status", "Failed", "--input", "in"],
        &["--workflow-name", "w", "--workflow-status", "Failed", "--seal", "off"],
        &["--dry-run", "--emit", "records"],
        &["--max-messages", "0"],
        &["--on", "success"],
        &["--emit", "receipts"],
        &["--output", "out"],
    ] {
        let ran = slack.notify(args).stdin("{\"n\":1}\n").run();
        ran.fails(2);
        no_secret_in(&ran);
    }
    assert_eq!(slack.requests(), []);
}

#[test]
fn a_variable_of_a_flag_that_is_wrong_is_named_unless_the_flag_is_typed() {
    for (variable, value, message) in [
        ("ETL_DEADLINE", "", "ETL_DEADLINE is set but empty"),
        ("SSL_CERT_FILE", "", "SSL_CERT_FILE is set but empty"),
        ("ETL_LOG_FORMAT", "", "ETL_LOG_FORMAT is set but empty"),
        (
            "ETL_DEADLINE",
            "soon",
            "ETL_DEADLINE: invalid value 'soon' for '--deadline <DURATION>': `soon` is not a duration; write 500ms, \
             20s, 5m, 1h, 90d or a number of seconds (notify-slack --help says more)",
        ),
        (
            "ETL_LOG_FORMAT",
            "xml",
            "ETL_LOG_FORMAT: invalid value 'xml' for '--log-format <LOG_FORMAT>' [possible values: text, logfmt, json] \
             (notify-slack --help says more)",
        ),
    ] {
        let ran = notify(&["--text", "x", "--dry-run"]).env(variable, value).run();
        failed(&ran, 78, message);
        let typed = ["--deadline", "5m", "--ca-file", "/dev/null", "--log-format", "text"];
        notify(&["--text", "x", "--dry-run"]).args(typed).env(variable, value).run().ok();
    }
}

#[test]
fn the_card_names_every_variable() {
    let slack = Slack::takes();
    let ran = slack.notify(&["--describe"]).run();
    no_secret_in(&ran);
    let card = crate::support::printed(&ran.ok().stdout.replace('\n', "")).remove(0);
    let variables: Vec<_> = card["variables"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| (v["name"].as_str(), v["secret"] == true))
        .collect();
    assert_eq!(
        variables,
        [
            (Some("SLACK_WEBHOOK_URL"), true),
            (Some("SLACK_BOT_TOKEN"), true),
            (Some("WORKFLOW_NAME"), false),
            (Some("WORKFLOW_STATUS"), false),
            (Some("WORKFLOW_FAILURES"), false)
        ]
    );
    assert_eq!(card["variables"][0]["aliases"], serde_json::json!(["ALERT_WEBHOOK"]));
    assert_eq!(card["schemas"], serde_json::json!({ "in": [], "out": [] }));
    assert_eq!(card["reads"], serde_json::json!({ "kind": "stream", "schemas": null }));
    assert_eq!(card["stdout"], serde_json::json!({ "kind": "nothing" }));
    let when = |flag: &str| {
        let mut when = card["when"].as_array().expect("a list").iter();
        when.find(|when| when["flag"] == flag).expect("the flag")
    };
    assert_eq!(when("--emit")["stdout"]["passes_on"], true);
    assert_eq!(when("--text")["reads"], serde_json::json!({ "kind": "nothing" }));
    assert_eq!(when("--dry-run")["stdout"], serde_json::json!({ "kind": "text" }));
    let flags = card["flags"].as_array().expect("a list");
    let channel = flags.iter().find(|flag| flag["name"] == "--channel").expect("the flag");
    assert_eq!(channel["variable"], "SLACK_CHANNEL");
}

#[test]
fn what_follows_an_unknown_flag_still_says_whether_there_is_a_stream() {
    for (args, prints) in [
        (&["--nope", "--emit", "records"][..], true),
        (&["surplus", "--emit=records"], true),
        (&["--nope", "--dry-run"], false),
        (&["--nope"], false),
    ] {
        let ran = notify(args).run();
        ran.fails(2);
        assert_eq!(ran.stdout.contains("\"kind\":\"abort\""), prints, "{args:?}: {}", ran.stdout);
    }
    let ran = notify(&["--nope", "--log-format", "json"]).run();
    let line: serde_json::Value = serde_json::from_str(ran.stderr.trim_end()).expect("JSON");
    assert_eq!(line["code"], 2);
}

#[test]
fn a_variable_names_a_file_byte_for_byte() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(std::ffi::OsString::from_vec(b"c\xff.pem".to_vec()));
    std::fs::write(&path, "not a certificate").expect("a file");
    let ran = notify(&["--text", "x"])
        .env("SLACK_WEBHOOK_URL", format!("https://127.0.0.1:9{PATH}"))
        .env("SSL_CERT_FILE", &path)
        .run();
    ran.fails(78);
    assert!(ran.last_error_line().ends_with("it contains no certificate"), "{}", ran.stderr);
}
