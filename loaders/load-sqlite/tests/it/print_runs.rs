//! What the ledger keeps of a load, and the runs that are read from it (`--print-runs`).

use etl_testkit::load::{printed, receipts, refused, sealed};
use serde_json::{Value, json};

use crate::support::{SqliteFolder, events};

const EVENTS: &str = "--schema events.json";
const NUMBERS: &str =
    "SELECT load_id, records, inserted, rejected, seconds > 0 FROM etl_load ORDER BY load_id";

/// The runs of a table, without their times, which are checked; a duration is true.
#[track_caller]
fn runs(place: &SqliteFolder, args: &str) -> Vec<Value> {
    let ran = place.loader(&format!("--print-runs {args}")).run();
    let mut lines = printed(&ran.ok().stdout);
    let (first, last) = (lines.remove(0), lines.pop().expect("an end"));
    assert_eq!((&first["_etl"]["kind"], &first["_etl"]["schema"]), (&"begin".into(), &"etl.run".into()));
    assert_eq!((&last["_etl"]["kind"], &last["_etl"]["records"]), (&"end".into(), &lines.len().into()));
    for line in &mut lines {
        assert!(line["loaded_at"].as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')), "{line}");
        line.as_object_mut().expect("an object").retain(|name, _| name != "loaded_at");
        if line["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0) {
            line["seconds"] = true.into();
        }
    }
    lines
}

#[test]
fn the_ledger_keeps_the_numbers_of_a_load_and_the_receipt_says_when_it_was() {
    let place = SqliteFolder::new();
    let stream = sealed("a", &[r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{"n":2}"#]);
    let load = || place.load(&format!("{EVENTS} --rejects r --max-rejects 1"), &stream);
    let first = receipts(&load()).remove(0);
    assert_eq!(place.rows(NUMBERS), [r#""a"|3|2|1|1"#]);
    let at = place.rows("SELECT loaded_at FROM etl_load");
    assert!(first["loaded_at"].as_str().is_some_and(|said| said.len() == 24), "{first}");
    // A load that was committed before was so when the ledger says.
    let again = receipts(&load()).remove(0);
    assert_eq!(
        (&again["already_loaded"], &again["loaded_at"]),
        (&true.into(), &at[0].trim_matches('"').into())
    );
    // The rows of one load have the numbers of all of it.
    let two = [events("b", [1, 2]), events("c", [3])].concat();
    place.load(EVENTS, two).ok();
    assert_eq!(place.rows(NUMBERS)[1..], [r#""b"|2|3|0|1"#, r#""c"|1|3|0|1"#]);
}

#[test]
fn runs_are_printed_a_load_each_and_oldest_first() {
    let place = SqliteFolder::new();
    assert_eq!(runs(&place, "--table events"), [] as [Value; 0]);
    place.load(&format!("{EVENTS} --pipeline p --load-id one"), events("a", [1, 2])).ok();
    place.load(EVENTS, [events("b", [3]), events("c", [4, 5])].concat()).ok();
    place.load("--schema items.json", sealed("d", &[r#"{"id":1}"#])).ok();
    let target = "events";
    let run = |load_id: Value, pipeline: Value, records: u64| {
        json!({
            "target": target, "load_id": load_id, "pipeline": pipeline, "records": records, "inserted": records,
            "rejected": 0, "seconds": true,
        })
    };
    let expected = [run("one".into(), "p".into(), 2), run(Value::Null, Value::Null, 3)];
    for by in ["--table events", EVENTS] {
        assert_eq!(runs(&place, by), expected);
    }
    // They are a stream like any other, also into a file.
    let ran = place.loader("--print-runs --table events --output runs.ndjson").run();
    assert_eq!((ran.ok().stdout.as_str(), printed(&place.read("runs.ndjson")).len()), ("", 4));
    assert!(ran.stderr.ends_with(": 2 loads of events\n"), "{}", ran.stderr);
    place.loader("--print-runs --table events --plan").run().fails(2);
    refused(&place.loader("--print-runs").run(), 78, "Give --schema NAME");
}

#[test]
fn a_ledger_of_an_earlier_version_knows_less() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE events (n INTEGER NOT NULL, text TEXT);
         CREATE TABLE etl_load (target TEXT NOT NULL, load_id TEXT NOT NULL, digest TEXT, records INTEGER,
           pipeline TEXT, state TEXT_JSON, loaded_at TEXT_TIMESTAMPTZ NOT NULL, PRIMARY KEY (target, load_id))",
    );
    place.sql("INSERT INTO etl_load VALUES ('events', 'a', 'd', 7, 'p', NULL, '2020-01-01T00:00:00.000Z')");
    place.sql("INSERT INTO etl_load VALUES ('events', 'b', 'd', 8, NULL, NULL, '2020-01-02T00:00:00.000Z')");
    let target = "events";
    let old = |load_id: &str, pipeline: Value, records: u64| {
        json!({
            "target": target, "load_id": load_id, "pipeline": pipeline, "records": records, "inserted": null,
            "rejected": null, "seconds": null,
        })
    };
    let expected = [old("a", "p".into(), 7), old("b", Value::Null, 8)];
    assert_eq!(runs(&place, "--table events"), expected);
    // The next load adds the columns, and leaves old rows as they are.
    place.load(&format!("{EVENTS} --ledger-keep 100000d"), events("c", [1])).ok();
    assert_eq!(runs(&place, "--table events")[..2], expected);
    assert_eq!(runs(&place, "--table events")[2]["inserted"], 1);
}
