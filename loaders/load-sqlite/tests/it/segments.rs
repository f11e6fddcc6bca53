//! Several schemas in one stream.

use crate::support::{SqliteFolder, plain, receipts, refused, sealed_as};

const CURRENT: &str = "etl.receipt";
const REJECT: &str = "etl.reject";

fn receipt(target: &str) -> String {
    format!(
        "{{\"target\":\"{target}\",\"mode\":\"append\",\"records\":1,\"inserted\":1,\"updated\":0,\"unchanged\":0,\"superseded\":0,\
         \"rejected\":0,\"dropped_fields\":0,\"sha256\":\"{}\",\"seconds\":0.5,\"already_loaded\":false}}",
        "0".repeat(64)
    )
}

const REJECTED: &str = r#"{"line":1,"reason":"odd","original":"{}"}"#;

fn stream() -> Vec<u8> {
    [
        sealed_as(CURRENT, "a", &[&receipt("one")]),
        sealed_as(REJECT, "b", &[REJECTED, REJECTED]),
        sealed_as(CURRENT, "c", &[&receipt("two")]),
    ]
    .concat()
}

#[test]
fn each_schema_goes_to_its_table_in_one_transaction() {
    let place = SqliteFolder::new();
    let found = receipts(&place.load("", stream()));
    let told: Vec<_> =
        found.iter().map(|r| (r["target"].as_str(), r["records"].as_u64(), r["load_id"].as_str())).collect();
    assert_eq!(told, [(Some("etl_receipt"), Some(2), None), (Some("etl_reject"), Some(2), Some("b"))]);
    assert_eq!(found[0]["sha256"], found[1]["sha256"]);
    assert_eq!(place.rows("SELECT target FROM etl_receipt"), [r#""one""#, r#""two""#]);
    assert_eq!(place.count("SELECT count(*) FROM etl_reject"), 2);
    assert_eq!(
        place.rows("SELECT target, load_id, records FROM etl_load ORDER BY load_id"),
        [r#""etl_receipt"|"a"|1"#, r#""etl_reject"|"b"|2"#, r#""etl_receipt"|"c"|1"#]
    );
    let again = receipts(&place.load("", stream()));
    assert!(again.iter().all(|receipt| receipt["already_loaded"] == true));
    assert_eq!(place.count("SELECT count(*) FROM etl_reject"), 2);
}

#[test]
fn a_load_id_has_a_row_for_each_table_and_any_of_them_decides() {
    let place = SqliteFolder::new();
    let found = receipts(&place.load("--load-id x", stream()));
    let rows = place.rows("SELECT target, load_id, records, digest FROM etl_load ORDER BY target");
    let sha = &found[0]["sha256"];
    assert_eq!(rows, [format!(r#""etl_receipt"|"x"|2|{sha}"#), format!(r#""etl_reject"|"x"|2|{sha}"#)]);
    place.sql("DELETE FROM etl_load WHERE target = 'etl_receipt'");
    receipts(&place.load("--load-id x", stream()));
    assert_eq!(place.count("SELECT count(*) FROM etl_receipt"), 2);
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 1);
}

#[test]
fn a_fault_in_the_last_segment_takes_all_with_it() {
    let place = SqliteFolder::new();
    let bad = [stream(), sealed_as(REJECT, "d", &[r#"{"line":"x","reason":"","original":""}"#])].concat();
    refused(&place.load("", &bad), 3, r#"field "line": expected an integer, found "x""#);
    refused(
        &place.load("", [stream(), sealed_as("nope", "d", &["{}"])].concat()),
        78,
        "unknown schema \"nope\"",
    );
    let cut = stream();
    refused(&place.load("", &cut[..cut.len() - 10]), 75, "the input ends in the middle of a line");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
}

#[test]
fn two_schemas_cannot_share_a_table() {
    let place = SqliteFolder::new();
    refused(&place.load("--table t", stream()), 78, "two schemas of the stream go to one table, t");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
    // One given by the flag counts for all segments.
    let both = [sealed_as(CURRENT, "a", &[r#"{"n":1}"#]), sealed_as("", "b", &[r#"{"n":2}"#])].concat();
    assert_eq!(receipts(&place.load("--schema events.json --table t", both)).len(), 1);
    assert_eq!(place.rows("SELECT n FROM t"), ["1", "2"]);
}

#[test]
fn records_of_different_schemas_cannot_be_passed_on_as_one_segment() {
    let place = SqliteFolder::new();
    let ran = place.load("--emit records", stream());
    refused(&ran, 2, "--emit records cannot pass on segments of different schemas");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
    place.load("--schema events.json --seal off", plain(&[r#"{"n":1}"#])).ok();
}
