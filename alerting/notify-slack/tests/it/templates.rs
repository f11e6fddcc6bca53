//! `--when` and `--template` through the binary.

use crate::support::{Slack, failed, plain, sealed, sealed_as};

const LINES: [&str; 3] = [
    r#"{"city":"Seattle","temp":8.4}"#,
    r#"{"city":"<!channel> & Lisbon","temp":31.0,"gust":12}"#,
    r#"{"city":"Faro","temp":33.5,"url":"https://faro.example/?a=1&b=2"}"#,
];

#[test]
fn only_wanted_records_are_told_as_the_template_says() {
    let slack = Slack::takes();
    let template = "<!here> *{{ city }}*: {{ temp }} °C{% if temp > 33 %} <{{ url | safe }}|more>{% endif %}";
    let ran = slack.notify(&["--when", "temp > 30", "--template", template]).stdin(sealed("a", &LINES)).run();
    assert_eq!(ran.ok().stderr, "posted 2 messages for 2 of 3 records\n");
    slack.sent("templates.json");
}

#[test]
fn what_is_counted_is_what_is_wanted() {
    let slack = Slack::takes();
    let args = ["--when", "temp > 30", "--template", "{{ city }}", "--max-messages", "1"];
    slack.notify(&args).stdin(sealed("a", &LINES)).run().ok();
    assert_eq!(slack.texts(), ["&lt;!channel&gt; &amp; Lisbon\nand 1 more"]);
}

#[test]
fn a_name_that_is_nowhere_fails_and_is_told() {
    for (args, message) in [
        (
            ["--when", "tempp > 30"],
            "line 2 (record 1, byte BEGIN): --when: undefined value: `tempp` is undefined",
        ),
        (
            ["--template", "{{ record.tempp }}"],
            "line 2 (record 1, byte BEGIN): --template: undefined value: `record.tempp` is undefined",
        ),
        (
            ["--when", "gust > 10"],
            "line 2 (record 1, byte BEGIN): --when: undefined value: `gust` is undefined",
        ),
    ] {
        let slack = Slack::takes();
        let stream = sealed("a", &LINES);
        let begin = stream.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let message = message.replace("BEGIN", &begin.to_string());
        failed(&slack.notify(&args).stdin(stream).run(), 3, &message);
        assert_eq!(slack.texts().len(), 1);
        assert!(slack.texts()[0].contains(&crate::templates::escaped(&message)), "{:?}", slack.texts());
    }
}

/// As data is escaped for Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn what_a_known_schema_makes_optional_is_none() {
    let inline = r#"{"type":"object","required":["city"],"properties":{"city":{"type":"string"},"temp":{"type":"number"},"gust":{"type":["number","null"]},"url":{"type":"string"}}}"#;
    let args = [
        "--when",
        "gust is not none and gust > 10",
        "--template",
        "{{ city }}: {{ gust }}, {{ url }}, {{ record.url }}",
    ];
    let slack = Slack::takes();
    slack.notify(&args).stdin(sealed_as(inline, "a", &LINES)).run().ok();
    assert_eq!(slack.texts(), ["&lt;!channel&gt; &amp; Lisbon: 12, null, null"]);

    // By name; a receipt may lack its pipeline.
    let slack = Slack::takes();
    let args = ["--template", "{{ target }} {{ pipeline }} {{ record.rejected }}"];
    slack.notify(&args).stdin(sealed_as("etl.receipt", "r", &[r#"{"target":"t","rejected":2}"#])).run().ok();
    assert_eq!(slack.texts(), ["t null 2"]);

    // What the schema requires must be there.
    let slack = Slack::takes();
    let ran =
        slack.notify(&["--when", "city is none"]).stdin(sealed_as(inline, "a", &[r#"{"temp":1}"#])).run();
    assert!(
        ran.fails(3).last_error_line().ends_with("undefined value: `city` is undefined"),
        "{}",
        ran.stderr
    );

    // A misspelt name stays one, and a schema that nobody knows makes nothing optional.
    let slack = Slack::takes();
    let ran = slack.notify(&["--when", "gusts > 1"]).stdin(sealed_as(inline, "a", &LINES)).run();
    ran.fails(3);
    let ran = slack.notify(&["--when", "gust is none"]).stdin(sealed_as("my.own", "a", &LINES)).run();
    ran.fails(3);
    let slack = Slack::takes();
    let ran = slack.notify(&["--when", "gust is defined"]).stdin(sealed_as("my.own", "a", &LINES)).run();
    assert_eq!(ran.ok().stderr, "posted 1 message for 1 of 3 records\n");
}

#[test]
fn a_template_that_is_none_is_usage_before_anything_is_read() {
    let slack = Slack::takes();
    for (args, message) in [
        (
            ["--when", "temp >"],
            "--when: column 6: syntax error: unexpected end of input, expected expression",
        ),
        (
            ["--template", "{{ temp"],
            "--template: column 4: syntax error: unexpected end of input, expected end of variable block",
        ),
    ] {
        // Nothing is ever written to stdin, and it stays open.
        let running = slack.notify(&args).stdin_open().spawn();
        failed(&running.wait(), 2, message);
    }
    assert_eq!(slack.requests(), []);
}

#[test]
fn a_template_that_never_ends_is_ended() {
    let slack = Slack::takes();
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    let ran = slack.notify(&["--seal", "off", "--template", endless]).stdin(plain(&[LINES[0]])).run();
    failed(&ran, 3, "line 1 (byte 0): --template: it takes too many steps or produces too long a text");
}
