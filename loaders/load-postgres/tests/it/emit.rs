//! What is printed: receipts, all records, or only those that are new.

use etl_testkit::load::{counts, printed, receipts, refused, sealed};

use crate::support::{PostgresFolder, events, items};

#[test]
fn a_receipt_has_every_field() {
    let place = PostgresFolder::new().with_tables();
    let stream =
        sealed("a", &["{\"id\":1}", "{\"id\":\"x\"}", "{\"id\":1,\"name\":\"b\"}", "state {\"cursor\":7}"]);
    let ran = place.load("--schema items.json --pipeline p --rejects r --max-rejects 1", &stream);
    let mut receipt = receipts(&ran).remove(0);
    assert!(receipt["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert!(receipt["loaded_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{receipt}");
    (receipt["seconds"], receipt["loaded_at"]) = (0.into(), 0.into());
    let sha256 =
        printed(str::from_utf8(&stream).expect("UTF-8")).pop().expect("an end")["_etl"]["sha256"].clone();
    let expected = serde_json::json!({
        "target": format!("{}.items", place.space.schema()), "load_id": "a", "mode": "upsert", "records": 3, "inserted": 1,
        "updated": 0, "unchanged": 0, "superseded": 1, "rejected": 1, "dropped_fields": 0, "sha256": sha256, "seconds": 0,
        "already_loaded": false, "loaded_at": 0, "pipeline": "p", "state": {"cursor": 7},
    });
    assert_eq!(receipt, expected);
}

#[test]
fn new_records_are_passed_on_once() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO items VALUES (1, 'old')");
    for mode in ["ignore", "upsert"] {
        let id = |n: i64| if mode == "ignore" { n } else { n + 100 };
        place.sql(&format!("INSERT INTO items VALUES ({}, 'old') ON CONFLICT DO NOTHING", id(1)));
        let stream = items(mode, &[(id(1), "x"), (id(3), "c"), (id(2), "b"), (id(3), "d")]);
        let ran = place.load(&format!("--schema items.json --mode {mode} --emit new"), &stream);
        let lines = ran.ok().lines();
        // If a key comes twice, the record that is in the table.
        let expected = match mode {
            "ignore" => vec![r#"{"id":3,"name":"c"}"#, r#"{"id":2,"name":"b"}"#],
            _ => vec![r#"{"id":102,"name":"b"}"#, r#"{"id":103,"name":"d"}"#],
        };
        assert_eq!(lines[1..lines.len() - 1], expected, "{mode}");
        assert!(lines[lines.len() - 1].contains("\"kind\":\"end\""));
        let again =
            place.load(&format!("--schema items.json --mode {mode} --emit new --load-id {mode}2"), &stream);
        assert_eq!(again.ok().lines().len(), 2);
    }
    for mode in ["append", "replace"] {
        let ran = place.load(&format!("--schema events.json --mode {mode} --emit new"), events(mode, [5, 4]));
        assert_eq!(ran.ok().lines()[1..3], [r#"{"n":5}"#, r#"{"n":4}"#]);
    }
}

#[test]
fn columns_may_have_the_names_of_what_the_statements_use() {
    let place = PostgresFolder::new();
    let names = ["new", "old", "s", "etl_row", "done", "excluded", "keys"];
    let properties = names.map(|name| format!("\"{name}\":{{\"type\":\"integer\"}}")).join(",");
    place.write(
        "t.json",
        format!(r#"{{"properties":{{{properties}}},"required":["new","old"],"x-key":["new","old"]}}"#),
    );
    let record = |key: u32, value: u32| {
        format!(r#"{{"new":{key},"old":1,"s":{value},"etl_row":2,"done":3,"excluded":4,"keys":5}}"#)
    };
    for mode in ["upsert", "ignore", "replace"] {
        place.sql("DROP TABLE IF EXISTS t");
        place.load("--schema t.json --create", sealed(&format!("{mode}0"), &[&record(1, 6)])).ok();
        let lines = [record(1, 7), record(2, 8)];
        let ran = place.load(
            &format!("--schema t.json --mode {mode} --emit new"),
            sealed(mode, &[&*lines[0], &*lines[1]]),
        );
        let from = if mode == "replace" { 0 } else { 1 };
        let emitted = ran.ok().lines();
        assert_eq!(emitted[1..emitted.len() - 1], lines[from..], "{mode}");
        let first = if mode == "ignore" { "1|6" } else { "1|7" };
        assert_eq!(place.rows("SELECT new, s FROM t ORDER BY new"), [first, "2|8"], "{mode}");
    }
}

#[test]
fn many_new_records_wait_on_disk() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO items SELECT n * 3, 'old' FROM generate_series(0, 39999) n");
    let name = "n".repeat(100);
    let rows: Vec<(i64, &str)> = (0..120_000).map(|id| (id, name.as_str())).collect();
    let ran = place.load("--schema items.json --mode ignore --emit new", items("a", &rows));
    let lines = ran.ok().lines();
    assert_eq!(lines.len(), 80_002);
    let ids = lines[1..80_001].iter().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        record["id"].as_i64().expect("an id")
    });
    assert!(ids.eq((0..120_000).filter(|id| id % 3 != 0)));
}

#[test]
fn records_are_passed_on_and_end_only_after_the_commit() {
    let place = PostgresFolder::new().with_tables();
    let ran = place.load("--schema events.json --emit records", events("a", [1, 2]));
    let lines = ran.ok().lines();
    assert_eq!(lines[1..3], [r#"{"n":1}"#, r#"{"n":2}"#]);
    assert!(lines[3].contains("\"kind\":\"end\""));
    let bad = sealed("b", &[r#"{"n":3}"#, r#"{"n":"x"}"#]);
    let ran = place.load("--schema events.json --emit records", bad);
    refused(&ran, 3, "line 3 (record 2, byte ");
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
}

#[test]
fn an_endless_input_becomes_many_loads() {
    let place = PostgresFolder::new();
    let mut running =
        place.loader("--create --schema events.json --commit-every 2 --pipeline p").stdin_open().spawn();
    running.write("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    place.space.wait_until(
        &format!(
            "SELECT count(*) FROM pg_tables WHERE schemaname = '{}' AND tablename = 'events'",
            place.space.schema()
        ),
        "1",
    );
    place.space.wait_until("SELECT count(*) FROM events", "2");
    running.write("{\"n\":4}\n{\"n\":5}\n");
    let ran = running.finish();
    ran.ok();
    assert_eq!(place.rows("SELECT n FROM events ORDER BY n"), ["1", "2", "3", "4", "5"]);
    assert_eq!(place.rows("SELECT records FROM etl_load ORDER BY loaded_at"), ["2", "2", "1"]);
    let records: Vec<u64> = printed(&ran.stdout).iter().filter_map(|line| line["records"].as_u64()).collect();
    assert_eq!(records, [2, 2, 1]);
    assert!(ran.stderr.ends_with("5 records in 3 loads\n"), "{}", ran.stderr);
    // The same after this much time, although nothing more comes.
    let mut running = place.loader("--schema events.json --commit-interval 200ms").stdin_open().spawn();
    running.write(events("timed", [6]));
    place.space.wait_until("SELECT count(*) FROM events", "6");
    running.write(events("last", [7]));
    running.finish().ok();
    assert_eq!(place.count("SELECT count(*) FROM events"), 7);
    assert_eq!(counts(&place.load("--schema events.json", events("timed", [6])))[1], 0);
}
