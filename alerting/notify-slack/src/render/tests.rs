use etl_component::{Class, Details, Fault};
use etl_notify::Receipt;
use etl_stream::json::Scanner;
use etl_stream::{Begin, SchemaRef};

use super::*;

fn sentence(line: &str) -> Option<String> {
    Receipt::read(line).map(|receipt| receipt.sentence(bold, escaped, ":warning: "))
}

fn told(fault: Fault, begun: Option<&Begin>, records: u64, about: &About) -> String {
    let cause = fault.to_string();
    let told = Failure::new(&fault, &cause, begun, records, about.pipeline.clone());
    let payload = failure(&told, about).unwrap().payload(None, false);
    serde_json::from_str::<serde_json::Value>(&payload).unwrap()["text"].as_str().unwrap().to_owned()
}

#[test]
fn receipts_are_sentences() {
    for (rest, expected) in [
        (r#""inserted":3"#, "Loaded *a&lt;b*: 3 records, 3 inserted"),
        (
            r#""inserted":0,"updated":1,"unchanged":2,"superseded":0,"rejected":0,"seconds":0.1234"#,
            "Loaded *a&lt;b*: 3 records, 0 inserted, 1 updated, 2 unchanged in 0.12 s",
        ),
        (
            r#""inserted":1,"superseded":1,"rejected":1,"dropped_fields":2"#,
            "Loaded *a&lt;b*: 3 records, 1 inserted, 1 superseded\n2 unknown fields dropped\n:warning: 1 record rejected",
        ),
        (
            r#""inserted":3,"rows_before":1000,"rows_after":3,"seconds":0.1234"#,
            "Loaded *a&lt;b*: 3 records, 3 inserted, in place of 1000 rows in 0.12 s",
        ),
        (
            r#""inserted":0,"already_loaded":true,"load_id":null"#,
            "*a&lt;b*: nothing to do, this load was committed before",
        ),
        (r#""inserted":null,"updated":null"#, "Loaded *a&lt;b*: 3 records"),
    ] {
        assert_eq!(sentence(&format!(r#"{{"target":"a<b","records":3,{rest}}}"#)).as_deref(), Some(expected));
    }
    assert_eq!(sentence(r#"{"target":"t"}"#), None);
}

#[test]
fn fields_are_as_they_stand() {
    let line =
        br#"{"a<b":"x\n<!here>","n":1.10,"big":123456789012345678901234567890,"none":null,"o":{"k":[1, 2]}}"#;
    let mut scanner = Scanner::new();
    let record = scanner.scan(line).unwrap();
    assert_eq!(
        fields(&record, bold, escaped, "\n"),
        "*a&lt;b*: x\n&lt;!here&gt;\n*n*: 1.10\n*big*: 123456789012345678901234567890\n*none*: null\n*o*: {\"k\":[1, 2]}"
    );
    assert_eq!(fields(&record, bold, escaped, ", ").lines().count(), 2);
}

#[test]
fn a_failure_says_its_cause_and_what_its_code_means() {
    let about = About::default();
    assert_eq!(
        told(Fault::new(Class::NoInput, "no <file> & more"), None, 0, &about),
        "Pipeline failed\nno &lt;file&gt; &amp; more\nExit code 66: an input file is missing or unreadable"
    );
    let begin = Begin {
        id: "a".into(),
        schema: Some(SchemaRef::Name("etl.receipt".into())),
        producer: Some("load-sqlite/0.1.0".into()),
        ..Begin::default()
    };
    assert_eq!(
        told(Fault::data("x"), Some(&begin), 1, &about),
        "Pipeline failed\nx\nExit code 3: the data is bad\nRead before: 1 record of etl.receipt from load-sqlite/0.1.0"
    );
}

#[test]
fn a_failure_names_the_pipeline_the_step_and_its_last_lines() {
    let details = Details {
        step: Some("extract-<x>".into()),
        pipeline: Some("night & day".into()),
        table: Some("a.b".into()),
        log: vec!["warning: slow".into(), "error: ``` <no>".into()],
    };
    let fault = || Fault::data("x").of_step(details.clone());
    let end = "x\nExit code 3: the data is bad\nStep: *extract-&lt;x&gt;*\nTable: *a.b*\n```warning: slow\nerror: ''' &lt;no&gt;```";
    let text = told(fault(), None, 0, &About::default());
    assert_eq!(text, format!("Pipeline night &amp; day failed\n{end}"));
    let link = Some("https://argo.example/w?a=1&b=2".to_owned());
    let about = About { pipeline: Some("w".into()), title: Some("<T>".into()), link };
    let link = "<https://argo.example/w?a=1&amp;b=2|Open>";
    assert_eq!(told(fault(), None, 0, &about), format!("&lt;T&gt;\nPipeline w failed\n{end}\n{link}"));
}

#[test]
fn a_long_cause_leaves_room_for_the_code() {
    let fault = Fault::data("<".repeat(20_000))
        .of_step(Details { log: vec!["y".repeat(5000)], ..Details::default() });
    let cause = fault.to_string();
    let told = Failure::new(&fault, &cause, None, 0, None);
    let payload = failure(&told, &About::default()).unwrap().payload(None, true);
    assert!(payload.contains("more characters)\\nExit code 3: the data is bad"));
    assert!(payload.contains("```yyy") && payload.contains("more characters)```"));
}
