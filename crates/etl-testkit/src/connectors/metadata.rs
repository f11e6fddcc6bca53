//! The columns of `--singer-metadata` and `--airbyte-metadata`.

use super::{Place, refused, tap};

/// The columns of the Singer SDK.
///
/// # Panics
/// If something else is in the table.
pub fn of_singer(place: &impl Place) {
    let lines = [
        r#"{"type":"RECORD","stream":"a","record":{"id":1,"n":1,"_sdc_deleted_at":"2026-01-03T00:00:00Z"},"time_extracted":"2026-01-01T00:00:00.5Z","version":7}"#,
        r#"{"type": "RECORD", "stream": "a", "version": 8, "record": {"id":2,"n":{"x":"}"},"_sdc_received_at":"x"}, "time_extracted": "2026-01-01 02:00:00+02"}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":3}}"#,
    ];
    let stream = tap(&lines).replace(r#""n":{"x":"}"}"#, r#""n":2"#);
    let ran = place.load("--create --singer-metadata", stream.as_bytes());
    assert!(
        ran.ok()
            .stderr
            .contains(r#"dropped from 1 record what the schema does not know: "_sdc_received_at""#),
        "{}",
        ran.stderr
    );
    let is = "id, n, _sdc_extracted_at = '2026-01-01T00:00:00.5Z', _sdc_extracted_at = '2026-01-01T00:00:00Z', _sdc_extracted_at IS NULL,
              _sdc_deleted_at = '2026-01-03T00:00:00Z', _sdc_table_version";
    let rows = place.rows(&format!("SELECT {is} FROM a ORDER BY id"));
    let boolean = |row: &str| row.replace("|t", "|1").replace("|f", "|0");
    let rows: Vec<String> = rows.iter().map(|row| boolean(row)).collect();
    assert_eq!(rows, ["1|1|1|0|0|1|7", "2|2|0|1|0|NULL|8", "3|NULL|NULL|NULL|1|NULL|NULL"]);
    let same = "_sdc_received_at >= _sdc_batched_at AND _sdc_sequence >= _sdc_sync_started_at AND _sdc_sync_started_at > 1700000000000";
    assert_eq!(place.rows(&format!("SELECT count(*) FROM a WHERE {same}")), ["3"]);
    // What only describes a row does not change it; its version does.
    let again = stream.replace("\"version\": 8", "\"version\": 9").replace("00:00:00.5Z", "00:00:01Z");
    let ran = place.load("--singer-metadata", again.as_bytes());
    assert!(ran.ok().stderr.contains("a: 3 records, 0 inserted, 1 updated, 2 unchanged"), "{}", ran.stderr);
    let bad = stream.replace("2026-01-01T00:00:00.5Z", "soon");
    let ran = place.load("--singer-metadata", bad.as_bytes());
    refused(&ran, 3, r#"stream a, field "_sdc_extracted_at": "soon" in the message is not a time"#);
    refused(
        &place.load("--airbyte-metadata", stream.as_bytes()),
        2,
        "--airbyte-metadata, but the format of the input is singer",
    );
    refused(
        &place.load("--singer-metadata --table a", b"{\"id\":1}\n"),
        2,
        "--singer-metadata, but the format of the input is ndjson",
    );
    place.load("--singer-metadata --airbyte-metadata", stream.as_bytes()).fails(2);
}

/// The columns of Airbyte's destinations.
///
/// # Panics
/// If something else is in the table.
pub fn of_airbyte(place: &impl Place) {
    place.write(
        "cat.json",
        br#"{"streams":[{"stream":{"name":"a","json_schema":{"properties":{"id":{"type":"integer"}}}},
            "destination_sync_mode":"append_dedup","primary_key":[["id"]],"generation_id":4,"minimum_generation_id":0}]}"#,
    );
    let stream = [
        r#"{"type":"RECORD","record":{"stream":"a","data":{"id":1},"emitted_at":1767225600000}}"#,
        r#"{"type": "RECORD", "record": {"stream": "a", "emitted_at": 1767225600000.5, "meta": {"changes": [{"field":"id","change":"NULLED","reason":"SOURCE_RETRIEVAL_ERROR"}]}, "data": {"id": 2}}}"#,
    ]
    .join("\n")
        + "\n";
    let args = "--catalog cat.json --airbyte-metadata";
    place.load(&format!("--create {args}"), stream.as_bytes()).ok();
    let is = "id, _airbyte_generation_id, _airbyte_extracted_at = '2026-01-01T00:00:00Z', _airbyte_extracted_at = '2026-01-01T00:00:00.0005Z'";
    let rows = place.rows(&format!("SELECT {is} FROM a ORDER BY id"));
    let rows: Vec<String> = rows.iter().map(|row| row.replace("|t", "|1").replace("|f", "|0")).collect();
    assert_eq!(rows, ["1|4|1|0", "2|4|0|1"]);
    let plain = |text: String| text.replace(['"', '\\', ' '], "");
    let meta: Vec<String> =
        place.rows("SELECT _airbyte_meta FROM a ORDER BY id").into_iter().map(plain).collect();
    assert_eq!(meta[0], "{changes:[]}");
    for part in ["field:id", "change:NULLED", "reason:SOURCE_RETRIEVAL_ERROR"] {
        assert!(meta[1].contains(part), "{meta:?}");
    }
    let ids = "SELECT count(DISTINCT _airbyte_raw_id) FROM a WHERE _airbyte_raw_id LIKE '________-____-4___-____-____________'";
    assert_eq!(place.rows(ids), ["2"]);
    let ran = place.load(args, stream.as_bytes());
    assert!(ran.ok().stderr.contains("a: 2 records, 0 inserted, 2 unchanged"), "{}", ran.stderr);
    refused(
        &place.load(args, stream.replace("1767225600000}", "\"now\"}").as_bytes()),
        3,
        r#"field "_airbyte_extracted_at""#,
    );
}
