//! What a stream brought, as it is told without a template.

use etl_testkit::http::{Reply, Script};
use etl_testkit::run::{Folder, Signal};

use crate::support::{Slack, notify, plain, sealed, sealed_as};

const RECEIPT: &str = r#"{"target":"openweather_current","load_id":"l","mode":"upsert","records":3,"inserted":2,"updated":0,"unchanged":1,"superseded":0,"rejected":1,"dropped_fields":0,"sha256":"aa","seconds":0.051,"already_loaded":false,"pipeline":null,"state":null}"#;

/// Records whose field `n` counts from 1.
fn numbered(count: usize) -> Vec<u8> {
    let lines: Vec<String> = (1..=count).map(|n| format!("{{\"n\":{n}}}")).collect();
    sealed("numbered", &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_receipt_is_a_sentence() {
    let slack = Slack::takes();
    let ran = slack.notify(&["--seal", "required"]).stdin(sealed_as("etl.receipt", "r", &[RECEIPT])).run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), ("", "posted 1 message for 1 of 1 record\n"));
    slack.sent("receipt.json");
}

#[test]
fn other_records_are_their_fields() {
    let slack = Slack::takes();
    let lines = [
        r#"{"city":"Seattle <!channel> & co","temp":8.40,"gust":null,"tags":["a","b"]}"#,
        r#"{"<@U1>":"x\ny"}"#,
    ];
    slack.notify(&[]).stdin(sealed("a", &lines)).run().ok();
    slack.sent("records.json");
    assert!(
        slack.payloads().iter().all(|payload| !payload.contains("<!channel>") && !payload.contains("<@U1>"))
    );
}

#[test]
fn a_stream_of_a_tap_or_a_source_is_posted_record_by_record() {
    let tap = [
        r#"{"type":"SCHEMA","stream":"alerts","schema":{"properties":{"id":{}}},"key_properties":[]}"#,
        r#"{"type":"SCHEMA","stream":"users","schema":{"properties":{"id":{}}},"key_properties":[]}"#,
        r#"{"type":"RECORD","stream":"alerts","record":{"id":1}}"#,
        r#"{"type":"RECORD","stream":"users","record":{"id":2}}"#,
        r#"{"type":"STATE","value":{"at":3}}"#,
    ];
    let template = ["--template", "alert {{ id }}"];
    let slack = Slack::takes();
    let args = [&template[..], &["--stream", "alerts", "--emit", "records"]].concat();
    let ran = slack.notify(&args).stdin(sealed("tap", &tap)).run();
    assert_eq!(slack.texts(), ["alert 1"]);
    assert_eq!(
        ran.ok().lines()[1..3],
        [r#"{"id":1}"#, r#"{"_etl":{"v":1,"kind":"state","value":{"at":3}}}"#]
    );
    let ran = slack.notify(&template).stdin(sealed("tap", &tap)).run();
    let message = "the input has several streams, alerts and users: --stream NAME takes one of them";
    assert_eq!(ran.fails(2).last_error_line(), message);

    let folder = Folder::new();
    folder.write(
        "c.json",
        r#"{"streams":[{"stream":{"name":"a","json_schema":{}},"destination_sync_mode":"append"}]}"#,
    );
    let record = r#"{"type":"RECORD","record":{"stream":"a","data":{"id":7}}}"#;
    let status = |status: &str| {
        let of = format!(r#""stream_status":{{"stream_descriptor":{{"name":"a"}},"status":"{status}"}}"#);
        format!(r#"{{"type":"TRACE","trace":{{"type":"STREAM_STATUS",{of}}}}}"#)
    };
    let source = |last: &str| {
        let slack = Slack::takes();
        let args = [&template[..], &["--format", "airbyte", "--catalog", "c.json"]].concat();
        let cmd = slack.notify(&args).in_folder(folder.path(""));
        (cmd.stdin(format!("{record}\n{}\n", status(last))).run(), slack.texts())
    };
    let (ran, texts) = source("COMPLETE");
    // It says itself that it is complete, so nothing is said of a seal.
    assert_eq!(ran.ok().stderr, "posted 1 message for 1 of 1 record\n");
    assert_eq!(texts, ["alert 7"]);
    let (ran, texts) = source("INCOMPLETE");
    let cause = "the source did not send all of stream a: it has not said COMPLETE";
    assert_eq!(ran.fails(75).last_error_line(), cause);
    assert!(texts[0].contains(cause) && texts.len() == 1, "{texts:?}");
}

#[test]
fn a_digest_is_one_message() {
    let slack = Slack::takes();
    let ran = slack.notify(&["--digest"]).stdin(numbered(3)).run();
    assert_eq!(ran.ok().stderr, "posted 1 message for 3 of 3 records\n");
    slack.sent("digest.json");
}

#[test]
fn a_digest_of_too_many_says_how_many_more() {
    let slack = Slack::takes();
    let ran = slack.notify(&["--digest", "--template", "{{ n }} {{ 'x' * 95 }}"]).stdin(numbered(5000)).run();
    assert_eq!(ran.ok().stderr, "posted 1 message for 5000 of 5000 records\n");
    let payload = crate::support::printed(&slack.payloads()[0]).remove(0);
    let blocks: Vec<&str> = payload["blocks"]
        .as_array()
        .expect("blocks")
        .iter()
        .map(|b| b["text"]["text"].as_str().expect("a text"))
        .collect();
    let lines: Vec<&str> = blocks.iter().flat_map(|block| block.lines()).collect();
    let (last, told) = lines.split_last().expect("lines");
    assert_eq!(*last, format!("and {} more", 5000 - told.len()));
    for (n, line) in told.iter().enumerate() {
        assert_eq!(*line, format!("{} {}", n + 1, "x".repeat(95)));
    }
    assert!(blocks.iter().all(|block| block.len() <= 3000));
    let total: usize = blocks.iter().map(|block| block.len()).sum();
    assert!((11_800..=12_000).contains(&total), "{total}");
}

#[test]
fn only_so_many_messages_are_posted() {
    let slack = Slack::takes();
    let ran = slack.notify(&["--max-messages", "2"]).stdin(numbered(7)).run();
    assert_eq!(ran.ok().stderr, "posted 2 messages for 7 of 7 records\n");
    slack.sent("max_messages.json");

    let slack = Slack::takes();
    slack.notify(&[]).stdin(numbered(21)).run().ok();
    let texts = slack.texts();
    assert_eq!((texts.len(), texts[18].as_str(), texts[19].as_str()), (20, "*n*: 19", "*n*: 20\nand 1 more"));
    let slack = Slack::takes();
    slack.notify(&[]).stdin(numbered(20)).run().ok();
    assert_eq!(slack.texts().last().map(String::as_str), Some("*n*: 20"));
}

#[test]
fn a_success_without_records_or_with_on_failure_posts_nothing() {
    let slack = Slack::takes();
    for (args, stream, records) in [
        (&["--on", "failure"][..], numbered(3), "3 records"),
        (&["--on", "failure", "--when", "typo", "--digest"], numbered(1), "1 record"),
        (&[], numbered(0), "0 records"),
        (&["--digest"], numbered(0), "0 records"),
        (&["--allow-empty"], Vec::new(), "0 records"),
        (&["--when", "n > 5"], numbered(3), "3 records"),
        (&["--template", "{% if n > 5 %}{{ n }}{% endif %}"], numbered(3), "3 records"),
    ] {
        let ran = slack.notify(args).stdin(stream).run();
        let summary = format!("posted 0 messages for 0 of {records}\n");
        assert_eq!((ran.ok().stdout.as_str(), &ran.stderr), ("", &summary), "{args:?}");
    }
    assert_eq!(slack.requests(), []);
}

#[test]
fn a_plain_stream_is_told_too() {
    let slack = Slack::takes();
    let ran = slack.notify(&[]).stdin(plain(&[r#"{"n":1}"#, r#"{"n":2}"#])).run();
    assert!(ran.ok().stderr.starts_with("warning: the input is not sealed"), "{}", ran.stderr);
    assert_eq!(slack.texts(), ["*n*: 1", "*n*: 2"]);
}

#[test]
fn a_long_record_is_shortened() {
    let slack = Slack::takes();
    let line = format!("{{\"text\":\"{}\"}}", "<".repeat(100_000));
    slack.notify(&[]).stdin(sealed("a", &[&line])).run().ok();
    let payload = crate::support::printed(&slack.payloads()[0]).remove(0);
    let last = payload["blocks"].as_array().and_then(|blocks| blocks.last()).expect("a block");
    let shown = last["text"]["text"].as_str().expect("a text");
    assert!(shown.contains("&lt;… (") && shown.ends_with(" more characters)"), "{shown}");
}

#[test]
fn a_message_in_the_middle_is_refused() {
    let slack =
        Slack::answers(Script::new().then(Reply::text(200, "ok")).then(Reply::text(404, "no_service")));
    let ran = slack.notify(&[]).stdin(numbered(3)).run();
    crate::support::failed(&ran, 78, "1 of 3 messages were posted: HOST: 404: no_service");
    assert_eq!(slack.texts(), ["*n*: 1", "*n*: 2"]);
}

#[test]
fn a_signal_says_what_was_posted() {
    let busy = Reply::status(429).header("Retry-After", "60");
    let slack = Slack::answers(Script::new().then(Reply::text(200, "ok")).then(busy));
    let running = slack.notify(&[]).stdin(numbered(3)).spawn();
    running.wait_until_stderr_contains("trying again");
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    assert_eq!(
        ran.last_error_line(),
        "ended by SIGTERM: 1 message was sent and stays; 1 message was under way and may have arrived"
    );
}

#[test]
fn a_dry_run_prints_what_would_be_posted() {
    let slack = Slack::takes();
    slack.notify(&[]).stdin(numbered(2)).run().ok();
    let ran = notify(&["--dry-run"]).stdin(numbered(2)).run();
    assert_eq!(ran.ok().lines(), slack.payloads());
    assert_eq!(ran.stderr, "printed 2 messages for 2 of 2 records\n");
    let ran = notify(&["--dry-run", "--channel", "#c", "--text", "x"]).run();
    assert!(ran.ok().stdout.starts_with("{\"channel\":\"#c\",\"text\":\"x\",\"blocks\":["), "{}", ran.stdout);
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let text = "x".repeat(1000);
    let lines: String = (0..40_000).map(|n| format!("{{\"n\":{n},\"text\":\"{text}\"}}\n")).collect();
    for args in [&["--digest", "--dry-run"][..], &["--dry-run", "--template", "{{ text }}"]] {
        let mut running = notify(args).args(["--seal", "off"]).stdin_open().spawn();
        running.write(&lines);
        running.wait_until_it_reads();
        let peak = running.memory_peak();
        assert!(peak < 32 << 10, "{peak} KiB for {} bytes", lines.len());
        running.close_stdin();
        running.finish().ok();
    }
}
