//! Extreme values, rows and tables.

use etl_testkit::load::{counts, refused, sealed, segments, strs};

use crate::support::PostgresFolder;

#[test]
fn extreme_values_are_kept() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE t (id int PRIMARY KEY, n numeric, f float8, i bigint, t text, j jsonb)");
    let lines = [
        r#"{"id":1,"n":12345678901234567890,"f":-0.0,"i":9223372036854775807,"t":"\\.","j":1e400}"#,
        r#"{"id":2,"n":1e400,"f":1.7976931348623157e308,"i":-9223372036854775808,"t":"a\tb\nc\\N\"'\u001f","j":"\ud83d\ude00"}"#,
        r#"{"id":3,"n":-0.0,"f":5e-324,"i":4.0,"t":"😀","j":{"a":12345678901234567890.10}}"#,
    ];
    assert_eq!(counts(&place.load("--table t", sealed("a", &lines)))[1], 3);
    assert_eq!(
        place.rows("SELECT n, f, i, t, j FROM t WHERE id IN (1, 3) ORDER BY id"),
        [
            format!("12345678901234567890|-0|9223372036854775807|\\.|1{}", "0".repeat(400)),
            "0.0|5e-324|4|😀|{\"a\": 12345678901234567890.10}".to_owned()
        ]
    );
    assert_eq!(
        place.rows("SELECT n = 10::numeric ^ 400, f = 1.7976931348623157e308, i, t = E'a\\tb\\nc\\\\N\"''\\x1f', j FROM t WHERE id = 2"),
        ["t|t|-9223372036854775808|t|\"😀\""]
    );
    let refusals = [
        (
            r#"{"id":4,"i":9223372036854775808}"#,
            "field \"i\": 9223372036854775808 is out of range for 64 bits",
        ),
        (r#"{"id":4,"f":1e400}"#, "field \"f\": 1e400 is out of range for the column's type"),
        (r#"{"id":4,"n":1e200000}"#, "field \"n\": 1e200000 is out of range for numeric"),
        (
            r#"{"id":4,"t":"a\u0000b"}"#,
            "field \"t\": \"a\\u0000b\" has the character U+0000, which PostgreSQL does not store",
        ),
        (r#"{"id":4,"j":{"a":"\u0000"}}"#, "has the character U+0000"),
        (r#"{"id":4,"t":"\ud800"}"#, "lone surrogate"),
    ];
    for (line, said) in refusals {
        let ran = place.load("--table t", sealed("b", &["{\"id\":5}", line]));
        refused(&ran, 3, said);
        assert!(ran.last_error_line().starts_with("line 3 (record 2, byte "), "{}", ran.last_error_line());
    }
    // What is left to the server is refused by the server, and named in the message.
    let ran = place.load("--table t", sealed("b", &["{\"id\":5}", r#"{"id":6,"j":1e200000}"#]));
    refused(&ran, 3, "line 3 (record 2, byte 50): table");
}

#[test]
fn a_text_of_15_mib_is_a_text() {
    let place = PostgresFolder::new().with_tables();
    let text = "é\\n".repeat((15 << 20) / 4);
    let lines = [format!("{{\"n\":1,\"text\":\"{text}\"}}"), "{\"n\":2,\"text\":\"\"}".to_owned()];
    let stream = sealed("a", &[&lines[0], &lines[1]]);
    assert_eq!(counts(&place.load("--schema events.json", stream))[1], 2);
    let expected = format!("1|{}|{}", (15 << 20) / 4 * 3, (15 << 20) / 2);
    assert_eq!(
        place.rows("SELECT n, octet_length(text), length(text) FROM events ORDER BY n"),
        [expected, "2|0|0".to_owned()]
    );
}

#[test]
fn a_thousand_columns_are_a_table_and_1601_are_not() {
    let place = PostgresFolder::new();
    let schema = |count: usize| {
        let columns: Vec<String> = (0..count).map(|n| format!("\"c{n}\":{{\"type\":\"integer\"}}")).collect();
        format!("{{\"properties\":{{{}}}}}", columns.join(","))
    };
    place.write("wide.json", schema(1000));
    let line: Vec<String> = (0..1000).map(|n| format!("\"c{n}\":{n}")).collect();
    let line = format!("{{{}}}", line.join(","));
    assert_eq!(
        counts(&place.load("--create --schema wide.json", sealed("a", &[&line, "{\"c999\":-1}"])))[1],
        2
    );
    assert_eq!(place.rows("SELECT c0, c500, c999 FROM wide ORDER BY c999"), ["NULL|NULL|-1", "0|500|999"]);
    place.write("wider.json", schema(1601));
    let ran = place.loader("--create --schema wider.json").stdin_open().spawn().wait();
    refused(&ran, 78, "schema wider has 1601 columns, but a table of PostgreSQL has at most 1600");
}

#[test]
fn names_that_collide_or_are_too_long_are_refused_before_any_row() {
    let place = PostgresFolder::new();
    let long = "x".repeat(64);
    for (properties, said) in [
        (r#""a":{"type":"integer"},"A":{"type":"integer"}"#.to_owned(), "become one column"),
        (format!("\"{long}\":{{\"type\":\"integer\"}}"), "longer than 63 bytes"),
    ] {
        place.write("names.json", format!("{{\"properties\":{{{properties}}}}}"));
        let ran = place.loader("--create --schema names.json").stdin_open().spawn().wait();
        refused(&ran, 78, said);
    }
    let name = "a\"; DROP TABLE events; --é";
    place.write(
        "names.json",
        format!(
            "{{\"properties\":{{{}:{{\"type\":\"integer\"}}}}}}",
            serde_json::to_string(name).expect("JSON")
        ),
    );
    let line = format!("{{{}:7}}", serde_json::to_string(name).expect("JSON"));
    assert_eq!(counts(&place.load("--create --schema names.json", sealed("a", &[&line])))[1], 1);
    assert_eq!(place.rows("SELECT * FROM names"), ["7"]);
}

#[test]
fn a_table_of_1600_columns_is_upserted() {
    let place = PostgresFolder::new();
    // One column more than a temporary table has room for, which also keeps the order of the records.
    let columns: Vec<String> = (1..1600)
        .map(|n| {
            format!("\"c{n}\":{{\"type\":[\"integer\",\"null\"],\"x-postgres\":{{\"type\":\"smallint\"}}}}")
        })
        .collect();
    let schema = format!(
        r#"{{"x-key":["id"],"required":["id"],"properties":{{"id":{{"type":"integer"}},{}}}}}"#,
        columns.join(",")
    );
    place.write("wide.json", schema);
    // Rows of different lengths: the order must not be that of the room that is left in a page.
    let line = |id: u32, value: u32| {
        let width = if value.is_multiple_of(3) { 1600 } else { 2 };
        let fields: Vec<String> = (1..width).map(|n| format!("\"c{n}\":{value}")).collect();
        format!("{{\"id\":{id},{}}}", fields.join(","))
    };
    let lines: Vec<String> = (0..90).map(|value| line(value % 7, value)).collect();
    let args = "--create --schema wide.json --emit new";
    let ran = place.load(args, sealed("a", &strs(&lines)));
    ran.ok();
    let last: Vec<String> =
        (0..7).map(|id| format!("{id}|{}", (83..90).find(|value| value % 7 == id).unwrap_or(0))).collect();
    assert_eq!(place.rows("SELECT id, c1 FROM wide ORDER BY id"), last);
    // What was new are the records that the table now has.
    let expected: Vec<&str> = lines[83..].iter().map(String::as_str).collect();
    assert_eq!(segments(&ran.stdout), [expected]);
    let again = |mode: &str| {
        place.load(
            &format!("--schema wide.json --mode {mode}"),
            sealed(mode, &[&line(1, 500), &line(1, 501), &line(9, 9), &line(9, 10)]),
        )
    };
    assert_eq!(counts(&again("ignore")), [4, 1, 0, 1, 2, 0]);
    assert_eq!(place.rows("SELECT id, c1 FROM wide WHERE id IN (1, 9) ORDER BY id"), ["1|85", "9|9"]);
    assert_eq!(counts(&again("upsert")), [4, 0, 2, 0, 2, 0]);
    assert_eq!(
        place.rows("SELECT id, c1, c1599 FROM wide WHERE id IN (1, 9) ORDER BY id"),
        ["1|501|501", "9|10|NULL"]
    );
    assert_eq!(counts(&again("replace"))[1], 2);
    assert_eq!(place.rows("SELECT id, c1 FROM wide ORDER BY id"), ["1|501", "9|10"]);
}
