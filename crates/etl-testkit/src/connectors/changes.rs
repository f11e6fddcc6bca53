//! Schemas that change within a load, and values that JSON does not have.

use super::{Place, refused, schema, seal, tap};

fn record(record: &str) -> String {
    format!(r#"{{"type":"RECORD","stream":"a","record":{record}}}"#)
}

/// The messages of the stream `a`, whose second SCHEMA has another column.
fn changing() -> String {
    let later = schema("a", &[("id", "integer"), ("n", "integer"), ("late", "integer")], &["id"]);
    tap(&[
        &record(r#"{"id":1,"n":1}"#),
        &record(r#"{"id":2,"n":2,"late":5}"#),
        &later,
        &record(r#"{"id":2,"n":2,"late":6}"#),
        &record(r#"{"id":3,"n":3,"late":7}"#),
        r#"{"type":"STATE","value":{"at":3}}"#,
    ])
}

/// With `--evolve`, rows from there on have the new column; without it nothing is loaded.
///
/// # Panics
/// If something else is in the table.
pub fn a_schema_that_gets_a_column(place: &impl Place) {
    let stream = seal("1", &changing());
    let ran = place.load("--create", &stream);
    refused(
        &ran,
        3,
        "the SCHEMA of stream a changes: column late is new (--evolve add-columns follows such a change)",
    );
    let args = "--create --evolve add-columns";
    let ran = place.load(args, &stream);
    assert!(ran.ok().stderr.contains("a: 4 records, 3 inserted, 1 updated"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(r#"dropped from 1 record what the schema does not know: "late""#),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "{\"at\":3}\n");
    let rows = "SELECT id, n, late FROM a ORDER BY id";
    assert_eq!(place.rows(rows), ["1|1|NULL", "2|2|6", "3|3|7"]);
    assert_eq!(place.rows("SELECT target, records FROM etl_load").len(), 1);
    // The same segment, and the same records with a column that goes away.
    let ran = place.load(args, &stream);
    assert!(ran.ok().stderr.contains("nothing to do"), "{}", ran.stderr);
    let fewer = changing() + &tap(&[&record(r#"{"id":4,"n":4}"#)]);
    let ran = place.load(&format!("{args} --mode replace"), &seal("2", &fewer));
    assert!(
        ran.ok().stderr.contains("a: 5 records, 4 inserted, 1 updated, in place of 3 rows"),
        "{}",
        ran.stderr
    );
    assert_eq!(place.rows(rows), ["1|1|NULL", "2|2|6", "3|3|7", "4|4|NULL"]);
    // A type or a key that changes is refused in any case, and nothing stays of the load.
    let other = schema("a", &[("id", "integer"), ("n", "string"), ("new", "string")], &["id"]);
    let ran = place.load(args, &seal("3", &(tap(&[&record(r#"{"id":9}"#)]) + &other + "\n")));
    refused(&ran, 3, "the SCHEMA of stream a changes: column n was bigint and is text");
    let other = schema("a", &[("id", "integer"), ("n", "integer"), ("new", "integer")], &["n"]);
    let ran = place.load(args, &seal("4", &(tap(&[&record(r#"{"id":9}"#)]) + &other + "\n")));
    refused(&ran, 3, "the SCHEMA of stream a changes: the key is another");
    let broken = changing() + &record("{}") + "\n";
    refused(
        &place.load(args, &seal("5", &broken.replace("\"late\"", "\"x\""))),
        3,
        r#"field "id": required, but missing"#,
    );
    assert_eq!(place.rows(rows), ["1|1|NULL", "2|2|6", "3|3|7", "4|4|NULL"]);
}

/// The same without a key, of a stream that is longer than what is held back.
///
/// # Panics
/// If something else is in the table.
pub fn a_long_stream_that_gets_a_column(place: &impl Place) {
    let first = schema("a", &[("t", "string")], &[]) + "\n";
    let text = "x".repeat(1000);
    let many = (record(&format!(r#"{{"t":"{text}"}}"#)) + "\n").repeat(crate::load::HELD / 1000);
    let later =
        schema("a", &[("t", "string"), ("n", "integer")], &[]) + "\n" + &record(r#"{"t":"y","n":1}"#) + "\n";
    let last = schema("a", &[("t", "string"), ("n", "integer"), ("m", "integer")], &[])
        + "\n"
        + &record(r#"{"m":2}"#)
        + "\n";
    let args = "--create --evolve add-columns";
    place.load(args, (first + &many + &later + &last).as_bytes()).ok();
    assert_eq!(
        place.rows("SELECT count(*) FROM a WHERE n IS NULL AND m IS NULL"),
        [(crate::load::HELD / 1000).to_string()]
    );
    assert_eq!(
        place.rows("SELECT n, m FROM a WHERE n = 1 OR m = 2 ORDER BY coalesce(n, 9)"),
        ["1|NULL", "NULL|2"]
    );
}

/// NaN and infinities without quotes, of a tap only.
///
/// # Panics
/// If something else is in the table.
pub fn numbers_that_json_does_not_have(place: &impl Place) {
    let first = schema("a", &[("id", "integer"), ("x", "number"), ("t", "string"), ("j", "object")], &["id"]);
    let stream = |lines: &[&str]| {
        [std::slice::from_ref(&first), &lines.iter().map(|line| record(line)).collect::<Vec<_>>()[..]]
            .concat()
            .join("\n")
            + "\n"
    };
    let lines = [
        r#"{"id":1,"x":NaN,"t":"NaN"}"#,
        r#"{"id": 2, "x": Infinity, "t": NaN}"#,
        r#"{"id":3,"x":-Infinity}"#,
        r#"{"id":4,"x":1.50}"#,
    ];
    place.load("--create", stream(&lines).as_bytes()).ok();
    let rows: Vec<String> =
        place.rows("SELECT id, x, t FROM a ORDER BY id").iter().map(|row| row.replace('"', "")).collect();
    assert_eq!(rows, ["1|NaN|NaN", "2|Infinity|NaN", "3|-Infinity|NULL", "4|1.50|NULL"]);
    for (line, says) in [
        (r#"{"id":NaN}"#, r#"stream a, field "id": expected an integer, found the number NaN"#),
        (
            r#"{"id":5,"j":{"x":[NaN]}}"#,
            r#"field "j": {"x":[NaN]} has NaN or Infinity, which JSON does not have"#,
        ),
        (
            r#"{"id":5,"j":Infinity}"#,
            r#"field "j": expected JSON of the declared type, found the number Infinity"#,
        ),
        (r#"{"id":5,"x":-NaN}"#, "-NaN is not a JSON number"),
        (r#"{"id":5,"t":"a\u0000b"}"#, r#"field "t": "a\u0000b" has the character U+0000"#),
        (r#"{"id":5,"j":{"a":"\u0000"}}"#, "has the character U+0000"),
    ] {
        refused(&place.load("", stream(&[line]).as_bytes()), 3, says);
    }
    let ran = place.load(
        "--rejects r.ndjson --max-rejects 1",
        stream(&[r#"{"id":NaN}"#, r#"{"id":6,"t":"\\u0000"}"#]).as_bytes(),
    );
    assert!(ran.ok().stderr.contains("a: 2 records, 1 inserted, 1 rejected"), "{}", ran.stderr);
    refused(&place.load("--table a", b"{\"id\":1,\"x\":NaN}\n"), 3, "NaN is not a JSON number");
    // A stream that was cut has nothing bad in it, so another run may cure it.
    let cut = seal("1", &stream(&lines));
    refused(&place.load("", &cut[..cut.len() - 9]), 75, "it was cut");
}

/// A field that the schema lacks is dropped, unless it is asked otherwise.
///
/// # Panics
/// If something else is in the table.
pub fn unknown_fields_are_refused_if_asked(place: &impl Place) {
    let stream = tap(&[&record(r#"{"id":1,"extra":2}"#)]);
    refused(
        &place.load("--create --unknown-fields error", stream.as_bytes()),
        3,
        r#"line 2 (byte 185): stream a, field "extra": the schema a has no such field"#,
    );
    let ran = place.load("--create --unknown-fields drop", stream.as_bytes());
    assert!(ran.ok().stderr.contains("dropped from 1 record"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT id, n FROM a"), ["1|NULL"]);
}
