//! Objects whose fields are columns.

use super::{Place, refused};

fn tap(records: &[&str], more: &str) -> String {
    let schema = format!(
        r##"{{"type":"SCHEMA","stream":"a","key_properties":["id"],"schema":{{"definitions":{{"place":{{"type":["null","object"],
        "properties":{{"city":{{"type":"string"}},"at":{{"type":"object","properties":{{"lat":{{"type":"integer"}}}}}}}}}}}},
        "properties":{{"id":{{"type":"integer"}},"home":{{"$ref":"#/definitions/place"}},
        "work":{{"anyOf":[{{"type":"null"}},{{"type":"object","properties":{{"floor":{{"type":"integer"}}}}}}]}},
        "any":{{"type":"object"}}{more}}}}}}}"##
    );
    let schema = schema.replace("\n        ", "");
    let records = records
        .iter()
        .map(|record| format!("{{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{record}}}\n"));
    schema + "\n" + &records.collect::<String>()
}

/// Up to a depth, and only those of which the schema says what they have.
///
/// # Panics
/// If something else is in the table.
pub fn objects_become_columns(place: &impl Place) {
    let records = [
        r#"{"id":1,"home":{"city":"\"x\"","at":{"lat":7,"lon":8}},"work":{"floor":2},"any":{"k":1}}"#,
        r#"{"id":2,"home":null,"work":{}}"#,
        r#"{ "id" : 3 , "h\u006fme": { "c\u0069ty" : "y" , "zip" : 9 } }"#,
    ];
    let ran = place.load("--create --flatten 1", tap(&records, "").as_bytes());
    assert!(
        ran.ok().stderr.contains(r#"dropped from 1 record what the schema does not know: "home__zip""#),
        "{}",
        ran.stderr
    );
    let plain =
        |rows: Vec<String>| rows.iter().map(|row| row.replace(['"', '\\', ' '], "")).collect::<Vec<_>>();
    let rows = plain(place.rows("SELECT id, home__city, work__floor, home__at, \"any\" FROM a ORDER BY id"));
    assert_eq!(rows, ["1|x|2|{lat:7,lon:8}|{k:1}", "2|NULL|NULL|NULL|NULL", "3|y|NULL|NULL|NULL"]);
    let deeper = tap(&records, "").replace("\"stream\":\"a\"", "\"stream\":\"b\"");
    place.load("--create --flatten 2 --names snake", deeper.as_bytes()).ok();
    assert_eq!(place.rows("SELECT id, home__at__lat FROM b ORDER BY id"), ["1|7", "2|NULL", "3|NULL"]);
    let wrong = |record: &str| place.load("--flatten 1", tap(&[record], "").as_bytes());
    let ran = wrong(r#"{"id":4,"home":"here"}"#);
    refused(
        &ran,
        3,
        r#"stream a, field "home": expected an object, whose fields are columns (--flatten), found "here""#,
    );
    refused(
        &wrong(r#"{"id":4,"home":{"city":"a","city":"b"}}"#),
        3,
        r#"field "home": the key `city` comes twice"#,
    );
    refused(
        &wrong(r#"{"id":4,"home":{"city":"a"},"home__city":"b"}"#),
        3,
        "the key `home__city` comes twice",
    );
    refused(&wrong(r#"{"id":4,"home":{"at":7}"#), 3, "the line ends inside an object");
    let ran = place.load(
        "--flatten 1 --rejects r.ndjson --max-rejects 1",
        tap(&[r#"{"id":5,"home":[]}"#, r#"{"id":6,"home":{"city":7}}"#], "").as_bytes(),
    );
    assert!(ran.ok().stderr.contains("a: 2 records, 1 inserted, 1 rejected"), "{}", ran.stderr);
    let meets = tap(&[], r#","home__city":{"type":"string"}"#);
    refused(&place.load("--create --flatten 1", meets.as_bytes()), 78, "would become one column");
}
