//! What real Airbyte sources printed, and what of it is in the tables: compared with what their own data were.

use etl_testkit::connectors::{path, read};

use crate::connectors::refused;
use crate::support::SqliteFolder;

fn airbyte(name: &str) -> String {
    format!("--catalog {}", path(name).display())
}

#[test]
fn the_source_faker() {
    let place = SqliteFolder::new();
    let stream = read("airbyte-source-faker/read.airbyte");
    let args = airbyte("airbyte-source-faker/catalog.json");
    let ran = place.load(&format!("{args} --format airbyte --seal required --state-out s.state"), &stream);
    let state = |name: &str, state: &str| {
        format!(
            "{{\"type\":\"STREAM\",\"stream\":{{\"stream_descriptor\":{{\"name\":\"{name}\"}},\"stream_state\":{state}}},\
             \"sourceStats\":{{\"recordCount\":3.0}}"
        )
    };
    let products = state("products", r#"{"seed":7,"updated_at":"2026-11-27T04:17:07+00:00"}"#);
    let purchases =
        state("purchases", r#"{"seed":7,"updated_at":"2026-11-27T04:17:08+00:00","loop_offset":3}"#);
    let echo = |state: &str| {
        format!("{{\"type\":\"STATE\",\"state\":{state},\"destinationStats\":{{\"recordCount\":3.0}}}}}}\n")
    };
    assert_eq!(ran.ok().stdout, echo(&products) + &echo(&purchases));
    // What the source takes as --state.
    assert_eq!(place.read("s.state"), format!("[{products}}},{purchases}}}]\n"));
    assert_eq!(
        place.rows("SELECT id, make, model, year, price, created_at FROM products ORDER BY id"),
        [
            r#"1|"Mazda"|"MX-5"|2023|"15001"|"2024-04-08T18:07:20Z""#,
            r#"2|"Mercedes-Benz"|"C-Class"|2023|"34239"|"2024-04-08T18:07:20Z""#,
            r#"3|"Honda"|"Accord Crosstour"|2023|"28895"|"2024-04-08T18:07:20Z""#,
        ]
    );
    assert_eq!(
        place.rows("SELECT id, created_at, purchased_at, returned_at FROM purchases ORDER BY id"),
        [
            r#"1|"2014-10-12T08:08:11.908655Z"|"2023-12-05T08:08:11Z"|NULL"#,
            r#"2|"2002-06-18T19:44:02.763564Z"|"2025-04-20T19:44:02Z"|NULL"#,
            r#"3|"2005-04-02T03:08:32.91407Z"|"2019-06-30T03:08:32Z"|NULL"#,
        ]
    );
    let plan = place.loader(&format!("{args} --plan")).run();
    assert!(plan.ok().stderr.ends_with("t.db: products, purchases were not touched\n"), "{}", plan.stderr);
    assert!(
        plan.stdout.contains("-- table products exists and fits; mode upsert, key (id)"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("-- table purchases exists and fits; mode upsert, key (id)"),
        "{}",
        plan.stdout
    );
    // append_dedup is an upsert.
    let again = place.load(&args, &stream);
    assert!(again.ok().stderr.contains("products: 3 records, 0 inserted, 3 unchanged"), "{}", again.stderr);
}

#[test]
fn an_overwrite_shows_nothing_until_its_stream_is_complete() {
    let place = SqliteFolder::new();
    let stream = read("airbyte-source-file/read.airbyte");
    let args = airbyte("airbyte-source-file/catalog.json");
    place.load(&args, &stream).ok();
    let rows =
        [r#""1"|"Ada"|"10.1"|"2026-01-01""#, r#""2"|"Grace"|NULL|"2026-01-02""#, r#""3"|"Ed"|NULL|NULL"#];
    let sql = "SELECT id, name, amount, \"when\" FROM d ORDER BY id";
    assert_eq!(place.rows(sql), rows);
    let ran = place.load(&args, &stream);
    assert!(ran.ok().stderr.contains("3 inserted, in place of 3 rows"), "{}", ran.stderr);
    let other = stream.replace("\"Ada\"", "\"Eve\"");
    for (incomplete, code, says) in [
        (other.replace("COMPLETE", "INCOMPLETE"), 75, "the source did not send all of stream d"),
        (
            other.lines().filter(|line| !line.contains("COMPLETE")).map(|line| format!("{line}\n")).collect(),
            75,
            "stream d",
        ),
        (
            other.lines().filter(|line| !line.contains("TRACE")).map(|line| format!("{line}\n")).collect(),
            3,
            "only a seal shows it",
        ),
    ] {
        let ran = place.load(&format!("{args} --format airbyte"), incomplete);
        refused(&ran, code, says);
        assert_eq!((ran.stdout.as_str(), place.rows(sql)), ("", rows.map(str::to_owned).to_vec()));
    }
}

#[test]
fn a_source_that_fails_with_one_stream_commits_none() {
    let place = SqliteFolder::new();
    let args = airbyte("airbyte-cdk/one-stream-fails-catalog.json");
    let ran = place.load(&args, read("airbyte-cdk/one-stream-fails-exit-1.airbyte"));
    refused(&ran, 75, "the source did not send all of stream boom: it has not said COMPLETE");
    assert!(ran.stderr.contains("broke half way"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
}

#[test]
fn every_number_of_the_cdk() {
    let place = SqliteFolder::new();
    let (args, stream) = (airbyte("airbyte-cdk/numbers-catalog.json"), read("airbyte-cdk/numbers.airbyte"));
    refused(&place.load(&args, &stream), 3, "has the character U+0000");
    place.load(&format!("{args} --rejects r.ndjson --max-rejects 1"), &stream).ok();
    let expected = [
        r#""9007199254740993""#,
        r#""9223372036854775808""#,
        r#""18446744073709551615""#,
        r#""0.1""#,
        r#""1e+22""#,
        r#""1e+16""#,
        r#""-0.0""#,
        r#""1e-7""#,
        "NULL",
        "NULL",
        r#""true""#,
        r#""{\"1\": 2}""#,
        r#""\"2024-01-01T01:02:03\"""#,
        r#""\"2024-01-01\"""#,
    ];
    assert_eq!(place.rows("SELECT v FROM nums ORDER BY id"), expected);
}

#[test]
fn text_between_messages_is_logged_and_namespaces_are_prefixes() {
    let place = SqliteFolder::new();
    place.write(
        "cat.json",
        r#"{"streams":[{"stream":{"name":"t","namespace":"shop","json_schema":{"properties":{"id":{"type":"integer"}}}},"destination_sync_mode":"append"}]}"#,
    );
    let stream = "Starting up\n{\"type\":\"RECORD\",\"record\":{\"namespace\":\"shop\",\"stream\":\"t\",\"data\":{\"id\":\"7\"},\"emitted_at\":1}}\n";
    let ran = place.load("--catalog cat.json --format airbyte", stream);
    assert!(ran.ok().stderr.contains("the source says: Starting up"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT id FROM shop_t"), ["7"]);
    refused(&place.load("--catalog cat.json", stream), 3, "line 1 (byte 0)");
    let ran = place.load("--catalog cat.json --format airbyte --seal required", stream);
    refused(&ran, 3, "only a seal shows it");
    refused(&place.load("--catalog nowhere.json", stream), 66, "cannot read the catalog nowhere.json");
    place.write(
        "cat.json",
        r#"{"streams":[{"stream":{"name":"t","json_schema":{}},"destination_sync_mode":"append_dedup"}]}"#,
    );
    refused(
        &place.load("--catalog cat.json", stream),
        78,
        "stream t of the catalog: append_dedup needs a primary_key",
    );
}
