//! What becomes of rows of other versions of a tap's stream, and of earlier generations of a source's.

use super::{Place, refused, seal, tap};

/// Records of these ids in a version, after a SCHEMA.
fn run(version: i64, ids: &[i64], more: &[String]) -> String {
    let mut lines: Vec<String> = ids.iter().map(|id| record(*id, version)).collect();
    lines.extend_from_slice(more);
    tap(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn record(id: i64, version: i64) -> String {
    format!(r#"{{"type":"RECORD","stream":"a","record":{{"id":{id},"n":{id}}},"version":{version}}}"#)
}

fn activate(version: i64) -> String {
    format!(r#"{{"type":"ACTIVATE_VERSION","stream":"a","version":{version}}}"#)
}

const ROWS: &str = "SELECT id, _sdc_table_version FROM a ORDER BY id";

/// In seconds or milliseconds, before the rows, after them, or both.
///
/// # Panics
/// If something else is in the table.
pub fn rows_of_other_versions_go_at_the_end(place: &impl Place) {
    let ran = place.load("--create", &seal("1", &run(1_767_225_600, &[1, 2, 3], &[])));
    assert!(ran.ok().stderr.contains("a: 3 records, 3 inserted in"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), ["1|1767225600", "2|1767225600", "3|1767225600"]);
    // One that is activated only after its rows. A row that is as it was is of the new version, too.
    let later = 1_767_225_700_000;
    let ran = place.load("--create", &seal("2", &run(later, &[2, 3, 4], &[activate(later)])));
    assert!(ran.ok().stderr.contains("a: 3 records, 1 inserted, 2 updated, 1 deleted in"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), [2, 3, 4].map(|id| format!("{id}|{later}")));
    // The same again, also with a message before the rows, changes nothing.
    let both =
        tap(&[&activate(later), &record(2, later), &record(3, later), &record(4, later), &activate(later)]);
    let ran = place.load("--create --emit receipt", &seal("3", &both));
    assert!(ran.ok().stderr.contains("a: 3 records, 0 inserted, 3 unchanged in"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("deleted"), "{}", ran.stdout);
    // Before the rows: nothing has gone yet when they fail.
    let early =
        tap(&[&activate(5), &record(7, 5), r#"{"type":"RECORD","stream":"a","record":{},"version":5}"#]);
    refused(&place.load("--create", &seal("4", &early)), 3, r#"stream a, field "id": required, but missing"#);
    assert_eq!(place.rows(ROWS), [2, 3, 4].map(|id| format!("{id}|{later}")));
    // Rows without a version stay, and so do those of one that is still to be activated.
    let mixed = tap(&[
        &activate(5),
        &record(7, 5),
        r#"{"type":"RECORD","stream":"a","record":{"id":8}}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":9},"version":null}"#,
        &record(10, 6),
    ]);
    let ran = place.load("--create --emit receipt", &seal("5", &mixed));
    assert!(
        ran.ok().stdout.contains(r#""inserted":4,"#) && ran.stdout.contains(r#""deleted":3"#),
        "{}",
        ran.stdout
    );
    assert_eq!(place.rows(ROWS), ["7|5", "8|NULL", "9|NULL", "10|6"]);
    // A segment that was loaded before has done it.
    let ran = place.load("--create", &seal("2", &run(later, &[2, 3, 4], &[activate(later)])));
    assert!(ran.ok().stderr.contains("nothing to do"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), ["7|5", "8|NULL", "9|NULL", "10|6"]);
    let odd = tap(&[r#"{"type":"RECORD","stream":"a","record":{"id":1},"version":"x"}"#]);
    let ran = place.load("--create", &seal("6", &odd));
    refused(&ran, 3, r#"field "_sdc_table_version": "x" as `version` of the message is not an integer"#);
}

/// Without a seal, or without the column, nothing is deleted; nor by accident.
///
/// # Panics
/// If something else is in the table.
pub fn versions_are_guarded(place: &impl Place) {
    place.load("--create", &seal("1", &run(1, &[1, 2, 3, 4], &[]))).ok();
    let ran = place.load("", run(2, &[1], &[activate(2)]).as_bytes());
    assert!(
        ran.ok().stderr.contains("stream a: ACTIVATE_VERSION is not followed: the input is not sealed"),
        "{}",
        ran.stderr
    );
    assert_eq!(place.rows(ROWS), ["1|2", "2|1", "3|1", "4|1"]);
    let second = seal("2", &run(3, &[1, 2], &[activate(3)]));
    let ran = place.load("--format singer --max-shrink 49%", &second);
    refused(&ran, 3, "2 rows would take the place of 4, 50.0% fewer; --max-shrink allows 49%");
    assert_eq!(place.rows(ROWS), ["1|2", "2|1", "3|1", "4|1"]);
    let none = seal("3", &run(3, &[], &[activate(3)]));
    refused(
        &place.load("", &none),
        3,
        "there are no records of this version, and all it has is 4 rows of earlier versions",
    );
    place.load("--format singer --max-shrink 50%", &second).ok();
    assert_eq!(place.rows(ROWS), ["1|3", "2|3"]);
    let ran = place.load("--allow-empty", &seal("4", &run(4, &[], &[activate(4)])));
    assert!(ran.ok().stderr.contains("the load empties it of 2 rows of earlier versions"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), [""; 0]);
    // `--seal off` accepts the risk.
    place.load("", &seal("5", &run(5, &[1], &[]))).ok();
    place.load("--seal off", run(6, &[2], &[activate(6)]).as_bytes()).ok();
    assert_eq!(place.rows(ROWS), ["2|6"]);
    refused(
        &place.load("--format ndjson --table a --max-shrink 5%", b"{\"id\":1}\n"),
        2,
        "it needs --mode replace",
    );
    refused(&place.load("--table a --max-shrink 5%", b"{\"id\":1}\n"), 2, "it needs --mode replace");
}

/// A table that has no column for versions keeps its rows; a stream without versions makes none.
///
/// # Panics
/// If something else is in the table.
pub fn versions_need_a_column(place: &impl Place) {
    let plain = |id: &str| seal(id, &tap(&[r#"{"type":"RECORD","stream":"a","record":{"id":1,"n":1}}"#]));
    place.load("--create", &plain("1")).ok();
    assert_eq!(place.rows("SELECT * FROM a"), ["1|1"]);
    let ran = place.load("", &seal("2", &run(2, &[2], &[activate(2), activate(3)])));
    let said = "stream a: ACTIVATE_VERSION 2 is not followed: table ";
    assert_eq!(ran.ok().stderr.matches(said).count(), 1, "{}", ran.stderr);
    assert_eq!(place.rows("SELECT * FROM a ORDER BY id"), ["1|1", "2|2"]);
    refused(&place.load("--singer-metadata", &plain("3")), 78, "_sdc_extracted_at");
    place.load("--singer-metadata --evolve add-columns", &seal("4", &run(2, &[2], &[activate(2)]))).ok();
    assert_eq!(place.rows(ROWS), ["1|NULL", "2|2"]);
    let own = super::schema("b", &[("id", "integer"), ("_sdc_table_version", "integer")], &["id"])
        + "\n"
        + r#"{"type":"RECORD","stream":"b","record":{"id":1,"_sdc_table_version":9},"version":4}"#
        + "\n";
    let ran = place.load("--create", own.as_bytes());
    ran.ok();
    assert_eq!(place.rows("SELECT id, _sdc_table_version FROM b"), ["1|9"]);
}

/// A stream whose schema comes before all that is sent of it, beyond what is held back.
///
/// # Panics
/// If something else is in the table.
pub fn versions_of_a_late_stream(place: &impl Place) {
    let text = "x".repeat(1000);
    let filler = super::schema("z", &[("t", "string")], &[]) + "\n";
    let record = format!("{{\"type\":\"RECORD\",\"stream\":\"z\",\"record\":{{\"t\":\"{text}\"}}}}\n");
    let head = tap(&[]) + &filler + &record.repeat(crate::load::HELD / 1000);
    let tail = |version| format!("{}\n{}\n", self::record(version, version), activate(version));
    place.load("--create", &seal("1", &(head + &tail(1)))).ok();
    assert_eq!(place.rows(ROWS), ["1|1"]);
    let ran = place.load("--create", &seal("2", &(tap(&[]) + &tail(2))));
    assert!(ran.ok().stderr.contains("1 deleted in"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), ["2|2"]);
}

/// A catalog, in which the stream `a` has this generation and this minimum, and records of it.
fn catalog(place: &impl Place, id: i64, least: i64, mode: &str) {
    let catalog = format!(
        r#"{{"streams":[{{"stream":{{"name":"a","json_schema":{{"properties":{{"id":{{"type":"integer"}}}}}}}},
            "destination_sync_mode":"{mode}","primary_key":[["id"]],
            "generation_id":{id},"minimum_generation_id":{least},"sync_id":1}}]}}"#
    );
    place.write("cat.json", catalog.as_bytes());
}

fn source(ids: &[i64], status: &str) -> String {
    let record = |id: &i64| {
        format!(
            "{{\"type\":\"RECORD\",\"record\":{{\"stream\":\"a\",\"data\":{{\"id\":{id}}},\"emitted_at\":1}}}}\n"
        )
    };
    let status = format!(
        "{{\"type\":\"TRACE\",\"trace\":{{\"type\":\"STREAM_STATUS\",\"emitted_at\":1,\"stream_status\":{{\"stream_descriptor\":\
         {{\"name\":\"a\"}},\"status\":\"{status}\"}}}}}}\n"
    );
    ids.iter().map(record).collect::<String>() + &status
}

/// A minimum of 0 keeps all rows, one that is the generation itself replaces them, another one deletes those below it.
///
/// # Panics
/// If something else is in the table.
pub fn generations(place: &impl Place) {
    let args = "--create --catalog cat.json";
    catalog(place, 1, 0, "append");
    place.load(args, source(&[1], "COMPLETE").as_bytes()).ok();
    assert_eq!(place.rows("SELECT * FROM a"), ["1"]);
    catalog(place, 3, 2, "append_dedup");
    refused(&place.load(args, source(&[3], "COMPLETE").as_bytes()), 78, "_airbyte_generation_id");
    catalog(place, 2, 2, "append_dedup");
    refused(
        &place.load(args, source(&[], "COMPLETE").as_bytes()),
        3,
        "there are no records to replace its rows with",
    );
    let ran = place
        .load(&format!("{args} --max-shrink 10% --airbyte-metadata"), source(&[2, 3], "COMPLETE").as_bytes());
    refused(&ran, 78, "_airbyte_raw_id");
    let ran = place.load(
        &format!("{args} --max-shrink 10% --mode replace --airbyte-metadata --evolve add-columns"),
        source(&[2, 3], "COMPLETE").as_bytes(),
    );
    assert!(ran.ok().stderr.contains("a: 2 records, 2 inserted, in place of 1 row"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("not sealed"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT id, _airbyte_generation_id FROM a ORDER BY id"), ["2|2", "3|2"]);
}

/// Rows of generations below the minimum go by the column that `--create` adds.
///
/// # Panics
/// If something else is in the table.
pub fn rows_of_earlier_generations_go(place: &impl Place) {
    let args = "--create --catalog cat.json";
    let rows = "SELECT id, _airbyte_generation_id FROM a ORDER BY id";
    catalog(place, 2, 1, "append_dedup");
    let ran = place.load(args, source(&[1, 2], "COMPLETE").as_bytes());
    assert!(!ran.ok().stderr.contains("not sealed"), "{}", ran.stderr);
    assert_eq!(place.rows(rows), ["1|2", "2|2"]);
    catalog(place, 3, 0, "append_dedup");
    place.load(args, source(&[3], "COMPLETE").as_bytes()).ok();
    assert_eq!(place.rows(rows), ["1|2", "2|2", "3|3"]);
    catalog(place, 4, 3, "append_dedup");
    refused(&place.load(args, source(&[4], "INCOMPLETE").as_bytes()), 75, "stream a");
    let untold: String = source(&[4], "")
        .lines()
        .filter(|line| !line.contains("TRACE"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    refused(&place.load(args, untold.as_bytes()), 3, "only a seal shows it");
    refused(
        &place.load(&format!("{args} --max-shrink 30%"), source(&[2], "COMPLETE").as_bytes()),
        3,
        "33.3% fewer",
    );
    assert_eq!(place.rows(rows), ["1|2", "2|2", "3|3"]);
    let ran =
        place.load(&format!("{args} --max-shrink 34% --emit receipt"), source(&[2], "COMPLETE").as_bytes());
    assert!(ran.ok().stdout.contains(r#""deleted":1"#), "{}", ran.stdout);
    assert_eq!(place.rows(rows), ["2|4", "3|3"]);
    catalog(place, 5, 5, "append_dedup");
    let ran = place.load(&format!("{args} --max-shrink 10%"), source(&[9], "COMPLETE").as_bytes());
    refused(&ran, 3, "a: 1 row would take the place of 2, 50.0% fewer; --max-shrink allows 10%");
    place.load(&format!("{args} --max-shrink 50%"), source(&[9], "COMPLETE").as_bytes()).ok();
    assert_eq!(place.rows(rows), ["9|5"]);
    catalog(place, 5, 6, "append");
    refused(
        &place.load(args, source(&[9], "COMPLETE").as_bytes()),
        78,
        "minimum_generation_id 6 is beyond generation_id 5",
    );
}
