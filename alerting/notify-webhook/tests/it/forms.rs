//! Each form, for a success, trouble and a failure: against its schema, and what is in it.

use etl_testkit::run::Cmd;
use serde_json::{Value, json};

use crate::support::{Webhook, abort, notify, receipt, sealed};

const LINK: &str = "https://argo.example/w?a=1&b=2";
const ABOUT: [&str; 4] = ["--pipeline", "night load", "--link", LINK];

fn schema(name: &str) -> Value {
    let path = format!("{}/tests/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a schema")).expect("JSON")
}

#[track_caller]
fn fits(name: &str, message: &Value) {
    let schema = schema(name);
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(message).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?} in {message:#}");
}

/// What is sent in this form of a load, of one with rejects, and of a failure.
fn sent(form: &str) -> [Value; 3] {
    [receipt(""), receipt(r#","rejected":1"#), abort().into_bytes()].map(|stream| {
        let webhook = Webhook::takes();
        let text = String::from_utf8(stream).expect("UTF-8");
        let ran = run(webhook.notify(&["--as", form]), &text);
        assert_eq!(ran, if text.contains("abort") { 77 } else { 0 });
        let message = webhook.body();
        let dry = notify(&["--as", form, "--dry-run"]).args(ABOUT).stdin(text).run();
        assert_eq!(dry.stdout.lines().count(), 1);
        message
    })
}

fn run(cmd: Cmd, stream: &str) -> i32 {
    cmd.args(ABOUT).stdin(stream).run().code
}

#[test]
fn json_has_all_that_is_known() {
    let [success, trouble, failure] = sent("json");
    assert_eq!(success["status"], "succeeded");
    assert_eq!(
        (&success["pipeline"], &success["table"], &success["link"]),
        (&json!("night load"), &json!("weather"), &json!(LINK))
    );
    assert_eq!(
        success["receipts"],
        json!([{"table": "weather", "load_id": "night-1", "records": 4, "inserted": 2, "updated": 1, "unchanged": 0,
                "rejected": 0, "seconds": 0.051, "trouble": []}])
    );
    let text = "Pipeline night load succeeded\nLoaded weather: 4 records, 2 inserted, 1 updated in 0.05 s\n";
    assert_eq!(success["text"], format!("{text}{LINK}"));
    assert_eq!(
        (&trouble["status"], &trouble["receipts"][0]["trouble"]),
        (&json!("trouble"), &json!(["1 record rejected"]))
    );
    assert_eq!(
        [
            &failure["status"],
            &failure["step"],
            &failure["code"],
            &failure["error"],
            &failure["log"],
            &failure["table"]
        ],
        [
            &json!("failed"),
            &json!("extract-x"),
            &json!(77),
            &json!("api.example: 401 <no> *key*"),
            &json!(["warning: a", "error: 401"]),
            &Value::Null
        ]
    );
    assert_eq!(failure["meaning"], "credentials refused or no permission");
}

#[test]
fn openlineage() {
    let events = sent("openlineage");
    events.iter().for_each(|event| fits("openlineage", event));
    let [success, trouble, failure] = events;
    assert_eq!(
        [&success["eventType"], &trouble["eventType"], &failure["eventType"]],
        ["COMPLETE", "COMPLETE", "FAIL"]
    );
    assert_eq!(success["job"], json!({"namespace": "standpipe", "name": "night load"}));
    let output = &success["outputs"][0];
    assert_eq!((&output["name"], &output["namespace"]), (&json!("weather"), &json!("standpipe")));
    assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], 3);
    // The same load is the same run, another one is not.
    assert_eq!(success["run"]["runId"], trouble["run"]["runId"]);
    assert_ne!(success["run"]["runId"], failure["run"]["runId"]);
    let error = &failure["run"]["facets"]["errorMessage"];
    assert_eq!(
        (&error["message"], &error["stackTrace"]),
        (&json!("api.example: 401 <no> *key*"), &json!("warning: a\nerror: 401"))
    );
    assert_eq!(failure["outputs"], json!([]));
    // The schema is one that can be broken.
    let mut broken = success.clone();
    broken["run"]["runId"] = json!("night-1");
    let validator =
        jsonschema::options().should_validate_formats(true).build(&schema("openlineage")).expect("a schema");
    assert!(validator.is_valid(&success) && !validator.is_valid(&broken));
}

#[test]
fn cloudevents() {
    let events = sent("cloudevents");
    events.iter().for_each(|event| fits("cloudevents", event));
    let [success, _, failure] = &events;
    assert_eq!(
        [&success["source"], &success["type"], &success["subject"], &success["data"]["pipeline"]],
        ["standpipe/night%20load", "io.standpipe.run.succeeded", "weather", "night load"]
    );
    assert_eq!((&failure["type"], failure.get("subject")), (&json!("io.standpipe.run.failed"), None));
    assert_eq!((&success["id"], &success["time"]), (&success["data"]["id"], &success["data"]["time"]));
    let webhook = Webhook::takes();
    let args = ["--as", "cloudevents", "--namespace", "https://etl.example/prod/"];
    webhook.notify(&args).stdin(receipt("")).run().ok();
    assert_eq!(webhook.body()["source"], "https://etl.example/prod");
    let content_type = webhook.requests()[0].header("content-type").map(str::to_owned);
    assert_eq!(content_type.as_deref(), Some("application/cloudevents+json; charset=utf-8"));
}

/// Which alerts a message has, and whether they last beyond now.
fn alerts(message: &Value) -> Vec<(String, bool)> {
    let alerts = message.as_array().expect("a list");
    let of = |alert: &Value| {
        let fires = alert.get("startsAt").is_some();
        assert!(!fires || alert["endsAt"].as_str() > alert["startsAt"].as_str(), "{alert}");
        (alert["labels"]["alertname"].as_str().expect("a name").to_owned(), fires)
    };
    alerts.iter().map(of).collect()
}

#[test]
fn alertmanager() {
    let messages = sent("alertmanager");
    messages.iter().for_each(|message| fits("alertmanager", message));
    let [success, trouble, failure] = &messages;
    let (failed, troubled) = ("PipelineFailed".to_owned(), "PipelineTrouble".to_owned());
    assert_eq!(alerts(success), [(failed.clone(), false), (troubled.clone(), false)]);
    assert_eq!(alerts(trouble), [(failed.clone(), false), (troubled, true)]);
    assert_eq!(alerts(failure), [(failed, true)]);
    // What ends an alert has its labels.
    assert_eq!(success[0]["labels"], failure[0]["labels"]);
    assert_eq!(
        failure[0]["labels"],
        json!({"alertname": "PipelineFailed", "pipeline": "night load", "severity": "critical"})
    );
    assert_eq!(
        (&failure[0]["generatorURL"], &failure[0]["annotations"]["step"]),
        (&json!(LINK), &json!("extract-x"))
    );
    assert_eq!(trouble[1]["annotations"]["table"], "weather");
}

#[test]
fn pings_go_to_two_addresses() {
    let webhook = Webhook::takes();
    for stream in [receipt(""), sealed("a", &[]), abort().into_bytes()] {
        webhook.notify(&["--as", "ping"]).stdin(stream).run();
    }
    let targets: Vec<String> = webhook.requests().into_iter().map(|request| request.target).collect();
    let path = crate::support::PATH;
    assert_eq!(targets, [path.to_owned(), path.to_owned(), format!("{path}/fail")]);
    assert_eq!(
        webhook.bodies(),
        [
            "Pipeline succeeded\nLoaded weather: 4 records, 2 inserted, 1 updated in 0.05 s",
            "Pipeline succeeded\n0 records",
            "Pipeline failed\napi.example: 401 <no> *key*\nStep: extract-x\nExit code 77: credentials refused or no permission\n\
             warning: a\nerror: 401"
        ]
    );
    let ran = notify(&["--as", "ping", "--dry-run"]).stdin(sealed("a", &[])).run();
    assert_eq!(ran.ok().stdout, "{\"ping\":\"success\",\"body\":\"Pipeline succeeded\\n0 records\"}\n");
}

#[test]
fn teams() {
    let [success, _, failure] = sent("teams");
    assert_eq!(success["type"], "message");
    let attachment = &failure["attachments"][0];
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    let card = &attachment["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    let texts: Vec<&str> = card["body"]
        .as_array()
        .expect("blocks")
        .iter()
        .map(|block| {
            // A run has no markup, unlike a TextBlock.
            assert_eq!(
                (&block["type"], &block["inlines"][0]["type"]),
                (&json!("RichTextBlock"), &json!("TextRun"))
            );
            block["inlines"][0]["text"].as_str().expect("a text")
        })
        .collect();
    assert_eq!(
        texts,
        [
            "Pipeline night load failed",
            "api.example: 401 <no> *key*",
            "Step: extract-x",
            "Exit code 77: credentials refused or no permission",
            "warning: a",
            "error: 401"
        ]
    );
    assert_eq!(card["actions"], json!([{"type": "Action.OpenUrl", "title": "Open", "url": LINK}]));
}

#[test]
fn discord() {
    let [success, _, failure] = sent("discord");
    assert_eq!(failure["allowed_mentions"], json!({"parse": []}));
    let embed = &failure["embeds"][0];
    assert_eq!((&embed["title"], &embed["url"]), (&json!("Pipeline night load failed"), &json!(LINK)));
    let description = embed["description"].as_str().expect("a text");
    assert!(
        description.starts_with("api.example: 401 \\<no\\> \\*key\\*\nStep: extract-x\n"),
        "{description}"
    );
    assert_ne!(success["embeds"][0]["color"], embed["color"]);
}

#[test]
fn chats_get_no_more_than_they_take() {
    let line = format!("{{\"text\":\"{}\"}}", "é@\\\\".repeat(20_000));
    let lines = [line.as_str()].repeat(30);
    for (form, bytes) in [("teams", 28 << 10), ("discord", 16 << 10)] {
        let webhook = Webhook::takes();
        webhook.notify(&["--as", form]).stdin(sealed("a", &lines)).run().ok();
        let size = webhook.bodies()[0].len();
        assert!(size > 3000 && size <= bytes, "{form}: {size}");
        if form == "discord" {
            let description = webhook.body()["embeds"][0]["description"].as_str().expect("a text").to_owned();
            assert!(description.encode_utf16().count() <= 4096);
        }
        let cause = "界".repeat(30_000);
        let webhook = Webhook::takes();
        let abort = format!(
            "{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":3,\"message\":\"{cause}\",\"log\":[\"{cause}\"]}}}}\n"
        );
        webhook.notify(&["--as", form]).stdin(abort).run().fails(3);
        let size = webhook.bodies()[0].len();
        assert!(size <= bytes, "{form}: {size}");
    }
}
