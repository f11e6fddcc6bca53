//! Cursors: durable with the data, never before.

use crate::support::{SqliteFolder, counts, many, plain, receipts, refused, sealed};

const ARGS: &str = "--schema events.json --pipeline p --state-out state.json";
const LEDGER: &str = "SELECT load_id, pipeline, state FROM etl_load ORDER BY load_id";

#[test]
fn the_last_state_is_kept_in_ledger_receipt_and_file() {
    let place = SqliteFolder::new();
    let ran = place.load(
        ARGS,
        sealed("a", &[r#"state {"at":1}"#, r#"{"n":1}"#, r#"state {"at": [2, "ä"]}"#, r#"{"n":2}"#]),
    );
    assert_eq!(receipts(&ran)[0]["state"], serde_json::json!({ "at": [2, "ä"] }));
    assert_eq!(place.read("state.json"), "{\"at\": [2, \"ä\"]}\n");
    assert_eq!(place.rows(LEDGER), [r#""a"|"p"|"{\"at\": [2, \"ä\"]}""#]);
    // A stream without a state leaves the file as it is, and stores none in the ledger.
    place.load(ARGS, sealed("b", &[r#"{"n":3}"#])).ok();
    assert_eq!(place.read("state.json"), "{\"at\": [2, \"ä\"]}\n");
    assert_eq!(place.rows(LEDGER)[1], r#""b"|"p"|NULL"#);
    // null is a state.
    place.load(ARGS, sealed("c", &["state null"])).ok();
    assert_eq!((place.read("state.json").as_str(), place.others()), ("null\n", vec![]));
}

#[test]
fn a_failed_load_leaves_the_older_state() {
    let place = SqliteFolder::new();
    place.write("state.json", "\"older\"\n");
    let whole = sealed("a", &[r#"{"n":1}"#, "state 1", r#"{"n":"x"}"#]);
    refused(&place.load(ARGS, &whole), 3, "field \"n\"");
    refused(&place.load(ARGS, &whole[..whole.len() - 9]), 75, "the input ends");
    let aborted = "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":1}}\n\
                   {\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":75,\"message\":\"later\"}}\n";
    refused(&place.load(ARGS, aborted), 75, "the producer failed: later");
    assert_eq!((place.read("state.json").as_str(), place.others()), ("\"older\"\n", vec![]));
}

#[test]
fn the_file_changes_only_after_the_commit() {
    let place = SqliteFolder::new();
    place.write("state.json", "\"older\"\n");
    let stream = [many("a", 90_000), sealed("b", &["state \"newer\""])].concat();
    let mut running = place.waiting(ARGS, &stream);
    assert!(place.is_locked());
    assert_eq!(place.read("state.json"), "\"older\"\n");
    running.close_stdin();
    running.finish().ok();
    assert_eq!(place.read("state.json"), "\"newer\"\n");
}

#[test]
fn a_load_that_was_done_before_writes_the_state_it_stored() {
    let place = SqliteFolder::new();
    let stream = sealed("a", &[r#"{"n":1}"#, "state 7"]);
    for args in [ARGS.to_owned(), format!("{ARGS} --load-id x"), format!("{ARGS} --mode replace --table r")] {
        for round in 0..2 {
            // The pod died after COMMIT, before it could write the file.
            place.write("state.json", "\"lost\"\n");
            let ran = place.load(&args, &stream);
            assert_eq!((counts(&ran)[1], &receipts(&ran)[0]["state"]), (1 - round, &7.into()), "{args}");
            assert_eq!(place.read("state.json"), "7\n");
        }
    }
    // Skipped bytes do not count: the state is that of what was loaded.
    let other = sealed("b", &[r#"{"n":2}"#, "state 8"]);
    place.load(&format!("{ARGS} --load-id x --if-loaded skip"), other).ok();
    assert_eq!(place.read("state.json"), "7\n");
}

#[test]
fn of_several_segments_the_last_state_counts_loaded_now_or_before() {
    let place = SqliteFolder::new();
    let (a, b) = (sealed("a", &[r#"{"n":1}"#, "state 1"]), sealed("b", &[r#"{"n":2}"#, "state 2"]));
    let c = sealed("c", &[r#"{"n":3}"#]);
    place.load(ARGS, &a).ok();
    place.load(ARGS, &b).ok();
    place.load(ARGS, [&*a, &b].concat()).ok();
    assert_eq!(place.read("state.json"), "2\n");
    place.load(ARGS, [&*a, &b, &c].concat()).ok();
    assert_eq!(
        (place.read("state.json").as_str(), place.rows(LEDGER)[2].as_str()),
        ("2\n", r#""c"|"p"|"2""#)
    );
    place.load(ARGS, [&*b, &a].concat()).ok();
    assert_eq!(place.read("state.json"), "1\n");
}

#[test]
fn the_ledger_forgets_but_not_where_a_pipeline_is() {
    let place = SqliteFolder::new();
    let keep = |args: &str, id: &str, line: &str| {
        place.load(&format!("--schema events.json {args}"), sealed(id, &[line])).ok();
    };
    keep("--pipeline p", "p1", "state 1");
    keep("--pipeline p", "p2", "state 2");
    keep("--pipeline q", "q1", "state 1");
    keep("--pipeline q", "q2", r#"{"n":1}"#);
    keep("", "plain", r#"{"n":1}"#);
    keep("--table other", "other", r#"{"n":1}"#);
    place.sql("UPDATE etl_load SET loaded_at = '2020-01-0' || (CASE load_id WHEN 'p1' THEN 1 ELSE 2 END) || 'T00:00:00.000Z'");
    keep("--ledger-keep 1000000h", "far", r#"{"n":1}"#);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 7);
    keep("", "now", r#"{"n":1}"#);
    let left = place.rows("SELECT load_id FROM etl_load ORDER BY load_id");
    assert_eq!(left, [r#""far""#, r#""now""#, r#""other""#, r#""p2""#, r#""q1""#]);
    // The load itself is never forgotten at once.
    keep("--ledger-keep 0", "zero", r#"{"n":1}"#);
    assert_eq!(
        place.rows("SELECT load_id FROM etl_load WHERE target = 'events' AND pipeline IS NULL"),
        [r#""zero""#]
    );
    // What is forgotten is loaded again.
    place.load("--schema events.json", sealed("plain", &[r#"{"n":1}"#])).ok();
    assert_eq!(
        place.rows("SELECT loaded_at GLOB '????-??-??T??:??:??.???Z' FROM etl_load WHERE load_id = 'plain'"),
        ["1"]
    );
    assert_eq!(place.count("SELECT count(*) FROM events"), 6);
    refused(&place.load("--schema events.json --ledger-keep soon", plain(&[r#"{"n":1}"#])), 2, "soon");
}
