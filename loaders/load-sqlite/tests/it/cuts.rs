//! An endless input, cut into loads by the number of records (`--commit-every`).

use etl_stream::Digest;

use crate::support::{
    SqliteFolder, events, loads, plain, printed, receipts, refused, sealed, sealed_as, segments, wait_until,
};

const EVENTS: &str = "--schema events.json";

/// The digest that a sealed segment's own `end` names.
fn digest(segment: &[u8]) -> String {
    let last = printed(str::from_utf8(segment).expect("UTF-8")).pop().expect("an end");
    last["_etl"]["sha256"].as_str().expect("a digest").to_owned()
}

#[test]
fn sealed_segments_are_never_split() {
    let place = SqliteFolder::new();
    let (a, b, c) = (events("a", 0..3), events("b", 3..6), events("c", 6..8));
    let ran = place.load(&format!("{EVENTS} --commit-every 4"), [&*a, &b, &c].concat());
    let loads = loads(&ran.ok().stdout);
    let told: Vec<_> =
        loads.iter().flatten().map(|r| (&r["records"], &r["inserted"], &r["load_id"])).collect();
    // Two segments have their own ids, so their load has none.
    assert_eq!(told, [(&6.into(), &6.into(), &serde_json::Value::Null), (&2.into(), &2.into(), &"c".into())]);
    assert_eq!(loads.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    let both = format!("{}\n{}\n", digest(&a), digest(&b));
    assert_eq!(loads[0][0]["sha256"], Digest::of(both.as_bytes()).to_string());
    assert_eq!(loads[1][0]["sha256"], digest(&c));
    assert_eq!(
        place.rows("SELECT target, load_id, records, digest FROM etl_load ORDER BY load_id"),
        [("a", 3, &a), ("b", 3, &b), ("c", 2, &c)]
            .map(|(id, records, segment)| format!("\"events\"|{id:?}|{records}|{:?}", digest(segment)))
    );
    assert_eq!(place.rows("SELECT n FROM events"), (0..8).map(|n| n.to_string()).collect::<Vec<_>>());
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert!(said[1].starts_with("committed events: 6 records, 6 inserted in "), "{said:?}");
    assert!(said[2].starts_with("committed events: 2 records, 2 inserted in "), "{said:?}");
    assert_eq!(said[3..], ["t.db: 8 records in 2 loads"]);
}

#[test]
fn every_segment_that_is_long_enough_is_a_load() {
    let place = SqliteFolder::new();
    let stream = [events("a", 0..3), events("b", 3..3), events("c", 3..5), events("d", 5..6)].concat();
    let ran = place.load(&format!("{EVENTS} --commit-every 1"), &stream);
    let told: Vec<_> = loads(&ran.ok().stdout)
        .into_iter()
        .flatten()
        .map(|r| (r["load_id"].as_str().map(str::to_owned), r["records"].as_u64()))
        .collect();
    // A segment without records comes with the next one.
    assert_eq!(told, [(Some("a".to_owned()), Some(3)), (None, Some(2)), (Some("d".to_owned()), Some(1))]);
    assert_eq!(
        place.rows("SELECT load_id, records FROM etl_load ORDER BY 1"),
        [r#""a"|3"#, r#""b"|0"#, r#""c"|2"#, r#""d"|1"#]
    );
}

#[test]
fn plain_input_is_cut_at_a_line() {
    let place = SqliteFolder::new();
    let lines = ["{\"n\":0}\n", "{ \"n\": 1 }\r\n", "\n{\"n\":2}\n", "{\"n\":3}\n\n", "{\"n\":4}\n"];
    let ran = place.load(&format!("{EVENTS} --commit-every 2 --pipeline p"), lines.concat());
    let loads = loads(&ran.ok().stdout);
    // A load ends with the line of its last record; blank lines come with the next.
    let parts = ["{\"n\":0}\n{ \"n\": 1 }\r\n", "\n{\"n\":2}\n{\"n\":3}\n", "\n{\"n\":4}\n"];
    assert_eq!(loads.len(), 3);
    for ((load, part), records) in loads.iter().zip(parts).zip([2, 2, 1]) {
        assert_eq!(load.len(), 1);
        assert_eq!((&load[0]["records"], &load[0]["mode"]), (&records.into(), &"append".into()));
        assert_eq!(load[0]["sha256"], Digest::of(part.as_bytes()).to_string());
        let row = format!(
            "SELECT digest, records, pipeline FROM etl_load WHERE load_id = {}",
            load[0]["load_id"].to_string().replace('"', "'")
        );
        assert_eq!(place.rows(&row), [format!(r#"{}|{records}|"p""#, load[0]["sha256"])]);
    }
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 3);
    assert_eq!(place.rows("SELECT n FROM events"), ["0", "1", "2", "3", "4"]);
}

#[test]
fn an_input_that_ends_at_a_cut_makes_no_empty_load() {
    for (stream, blank) in [
        (plain(&[r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]).into_bytes(), ""),
        (plain(&[r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]).into_bytes(), "\n\r\n"),
        ([events("a", 0..2), events("b", 2..4)].concat(), ""),
        ([events("a", 0..2), events("b", 2..4)].concat(), "\n"),
    ] {
        let place = SqliteFolder::new();
        let ran = place.load(&format!("{EVENTS} --commit-every 2"), [&*stream, blank.as_bytes()].concat());
        assert_eq!(loads(&ran.ok().stdout).len(), 2);
        assert!(ran.stderr.ends_with("t.db: 4 records in 2 loads\n"), "{}", ran.stderr);
        assert_eq!(place.count("SELECT count(*) FROM etl_load"), 2);
    }
    // An input without a line, or a segment without records, makes one load.
    let place = SqliteFolder::new();
    let ran = place.load(&format!("{EVENTS} --commit-every 2 --allow-empty"), "");
    assert_eq!(segments(&ran.ok().stdout), [[""; 0]]);
    let ran = place.load(&format!("{EVENTS} --commit-every 2"), events("a", 0..0));
    assert_eq!(receipts(&ran)[0]["records"], 0);
}

#[test]
fn loads_of_more_than_is_held_back() {
    let place = SqliteFolder::new();
    let text = "x".repeat(90);
    let lines: String = (0..170_000).map(|n| format!("{{\"n\":{n},\"text\":\"{text}\"}}\n")).collect();
    let ran = place.load(&format!("{EVENTS} --commit-every 80000"), lines);
    let records: Vec<_> =
        loads(&ran.ok().stdout).into_iter().flatten().map(|r| r["inserted"].clone()).collect();
    assert_eq!(records, [80_000, 80_000, 10_000]);
    assert_eq!(
        place.rows("SELECT count(*), count(DISTINCT n), sum(n) FROM events"),
        ["170000|170000|14449915000"]
    );
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 3);
}

#[test]
fn loads_meet_what_the_ones_before_them_brought() {
    let place = SqliteFolder::new();
    let lines = [
        r#"{"id":1,"name":"a"}"#,
        r#"{"id":1,"name":"b"}"#,
        r#"{"id":1,"name":"c"}"#,
        r#"{"id":2}"#,
        r#"{"id":2}"#,
    ];
    let ran = place.load("--schema items.json --commit-every 2", plain(&lines));
    let told: Vec<_> = loads(&ran.ok().stdout)
        .into_iter()
        .flatten()
        .map(|r| {
            ["inserted", "updated", "unchanged", "superseded"].map(|name| r[name].as_u64().expect("a number"))
        })
        .collect();
    assert_eq!(told, [[1, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0]]);
    assert_eq!(place.rows("SELECT * FROM items"), [r#"1|"c""#, "2|NULL"]);
}

#[test]
fn each_load_has_its_schemas() {
    let place = SqliteFolder::new();
    let reject = r#"{"line":1,"reason":"odd","original":"{}"}"#;
    let stream = [
        sealed_as("etl.reject", "a", &[reject, reject]),
        sealed_as(crate::support::ITEMS, "b", &[r#"{"id":1}"#, r#"{"id":2}"#]),
    ]
    .concat();
    let ran = place.load("--commit-every 2 --table t", &stream);
    // The second one meets a table that the first has created and committed.
    refused(&ran, 78, "table t has none of the columns of schema inline");
    assert_eq!(place.count("SELECT count(*) FROM t"), 2);
    let stream =
        [sealed_as("etl.reject", "a", &[reject]), sealed_as("", "b", &[reject]), sealed_as("nope", "c", &[])];
    let ran = place.load("--commit-every 1", stream.concat());
    ran.fails(78);
    assert!(ran.last_error_line().starts_with("the records have no schema: the stream names none."));
    assert_eq!(place.count("SELECT count(*) FROM etl_reject"), 1);
}

#[test]
fn a_run_of_many_loads_has_no_id_and_replaces_nothing() {
    let place = SqliteFolder::new();
    let stream = events("a", 0..2);
    for cut in ["--commit-every 1", "--commit-interval 1h"] {
        let args = format!("{EVENTS} {cut}");
        refused(
            &place.load(&format!("{args} --load-id x"), &stream),
            2,
            "make many loads, but a load id (--load-id, ETL_LOAD_ID) names one",
        );
        let with_variable = place.loader(&args).env("ETL_LOAD_ID", "x").stdin(&stream).run();
        refused(&with_variable, 2, "make many loads, but a load id");
        for seal in ["", " --seal off"] {
            let ran = place.load(&format!("{args} --mode replace{seal}"), &stream);
            refused(&ran, 2, "--mode replace replaces a table with a whole input");
        }
    }
    refused(
        &place.load(&format!("{EVENTS} --commit-every 0"), &stream),
        2,
        "invalid value '0' for '--commit-every <N>'",
    );
    refused(&place.load(&format!("{EVENTS} --commit-interval soon"), &stream), 2, "--commit-interval");
    assert!(!place.path("t.db").exists());
}

#[test]
fn the_state_file_follows_each_commit() {
    let place = SqliteFolder::new();
    let args = format!("{EVENTS} --commit-every 1 --pipeline p --state-out state.json");
    let mut running = place.loader(&args).stdin_open().spawn();
    for (id, state) in [("a", 1), ("b", 2)] {
        running.write(sealed(id, &[r#"{"n":1}"#, &format!("state {{\"at\": {state}}}")]));
        let written = format!("{{\"at\": {state}}}\n");
        wait_until("the state", || {
            std::fs::read_to_string(place.path("state.json")).is_ok_and(|text| text == written)
        });
        assert_eq!(
            place.rows("SELECT state FROM etl_load WHERE load_id > ''").last(),
            Some(&format!(r#""{{\"at\": {state}}}""#))
        );
    }
    // A load without a state leaves it as it is, and so does one that fails.
    running.write(sealed("c", &[r#"{"n":1}"#]));
    running.write(sealed("d", &[r#"{"n":"x"}"#, "state 4"]));
    let ran = running.finish();
    ran.fails(3);
    assert_eq!(place.read("state.json"), "{\"at\": 2}\n");
    assert_eq!(place.others(), [""; 0]);
    let states: Vec<_> = loads(&ran.stdout)[..3].iter().map(|load| load[0]["state"].clone()).collect();
    assert_eq!(states, [serde_json::json!({"at": 1}), serde_json::json!({"at": 2}), serde_json::Value::Null]);
    assert_eq!(place.rows("SELECT load_id, state FROM etl_load WHERE load_id = 'c'"), [r#""c"|NULL"#]);
}

#[test]
fn records_are_passed_on_in_a_segment_for_each_load() {
    let place = SqliteFolder::new();
    let odd = [r#"{ "n":0 }"#, r#"{"n":1,"text":"ä"}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n" :4}"#];
    let ran = place.load(&format!("{EVENTS} --commit-every 2 --emit records"), plain(&odd));
    assert_eq!(segments(&ran.ok().stdout), [&odd[..2], &odd[2..4], &odd[4..]]);
    // Sealed, each with the last state of its load.
    let stream = [
        sealed_as("etl.reject", "a", &[]),
        sealed_as("etl.reject", "b", &["state 1", r#"{"line":1,"reason":"x","original":"{}"}"#, "state 2"]),
    ];
    let ran = place.load("--commit-every 1 --emit records", stream.concat());
    let printed = segments(&ran.ok().stdout);
    assert_eq!(
        printed,
        [[r#"{"line":1,"reason":"x","original":"{}"}"#, r#"{"_etl":{"v":1,"kind":"state","value":2}}"#]]
    );
    // What comes out loads.
    let other = SqliteFolder::new();
    other.load("--seal required", &ran.stdout).ok();
    assert_eq!(other.count("SELECT count(*) FROM etl_reject"), 1);
}
