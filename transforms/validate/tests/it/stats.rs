//! `--stats`.

use etl_testkit::load::{sealed, segments};
use serde_json::{Value, json};

use crate::support::Place;

const LINES: [&str; 4] = [
    r#"{"id":3,"total":10.50,"note":"b","paid":true,"at":"2026-01-01T02:00:00+02:00"}"#,
    r#"{"id":-1,"total":9.5,"note":"a","paid":false,"at":"2026-01-01T00:00:01Z"}"#,
    r#"{"id":12,"total":null,"note":"b"}"#,
    r#"{"id":"bad"}"#,
];

#[test]
fn fields_are_described_on_stderr() {
    let place = Place::new();
    let args = "--schema orders.json --rejects bad --max-rejects 1 --stats";
    let ran = place.run(args, sealed("a", &LINES));
    assert_eq!(segments(&ran.ok().stdout)[0].len(), 3);
    assert_eq!(
        ran.stderr,
        "orders.id: 3 values, 0 null, 0 absent, 3 different, from -1 to 12\n\
         orders.total: 2 values, 1 null, 0 absent, 2 different, from 9.5 to 10.50\n\
         orders.note: 3 values, 0 null, 0 absent, 2 different, from \"a\" to \"b\"\n\
         orders.paid: 2 values, 0 null, 1 absent, 2 different, from false to true\n\
         orders.at: 2 values, 0 null, 1 absent, 2 different, from \"2026-01-01T02:00:00+02:00\" to \"2026-01-01T00:00:01Z\"\n\
         4 records, 1 rejected\n"
    );
}

#[test]
fn a_file_has_them_as_json() {
    let place = Place::new();
    let stream = sealed("a", &LINES);
    place.run("--schema orders.json --rejects bad --max-rejects 1 --stats=stats.json", &stream).ok();
    let stats: Value = serde_json::from_str(&place.read("stats.json")).expect("JSON");
    assert_eq!(stats["complete"], true);
    let schema = &stats["schemas"][0];
    assert_eq!(
        (&schema["schema"], &schema["records"], &schema["rejected"]),
        (&json!("orders"), &json!(4), &json!(1))
    );
    assert_eq!(
        schema["fields"][0],
        json!({"name":"id","values":3,"nulls":0,"absent":0,"distinct":3,"min":-1,"max":12})
    );
    assert!(place.read("stats.json").contains("\"max\": 10.50"), "{}", place.read("stats.json"));
    // A run that fails says so.
    place.run("--schema orders.json --stats=stats.json", &stream).fails(3);
    let stats: Value = serde_json::from_str(&place.read("stats.json")).expect("JSON");
    assert_eq!((&stats["complete"], &stats["schemas"][0]["records"]), (&json!(false), &json!(4)));
}

#[test]
fn many_different_values_are_not_counted() {
    let place = Place::new();
    let lines: Vec<String> = (0..1500).map(|n| format!("{{\"n\":{}}}", n % 1200)).collect();
    let ran = place.run("--schema events.json --stats", sealed("a", &etl_testkit::load::strs(&lines)));
    assert!(
        ran.ok()
            .stderr
            .contains("events.n: 1500 values, 0 null, 0 absent, more than 1000 different, from 0 to 1199\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("events.text: 0 values, 0 null, 1500 absent, 0 different\n"),
        "{}",
        ran.stderr
    );
}
