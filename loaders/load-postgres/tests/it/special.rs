//! What `x-special` admits, and arrays of several dimensions: stored as PostgreSQL has them, or refused.

use etl_testkit::load::{counts, refused, sealed_as, strs};

use crate::support::PostgresFolder;

/// The type of a column, its property, and values that are the same in JSON and in PostgreSQL.
const SPECIAL: [(&str, &str, &[&str]); 9] = [
    ("real", r#""type":"number","x-special":true"#, &["NaN", "Infinity", "-Infinity"]),
    ("double precision", r#""type":"number","x-special":true"#, &["NaN", "Infinity", "-Infinity"]),
    ("numeric", r#""type":"number","x-special":true"#, &["NaN", "Infinity", "-Infinity"]),
    ("numeric(5,2)", r#""type":"number","x-special":true"#, &["NaN"]),
    (
        "date",
        r#""type":"string","format":"date","x-special":true"#,
        &[
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "4714-11-24 BC",
            "0001-12-31 BC",
            "10000-01-01",
            "5874897-12-31",
        ],
    ),
    (
        "timestamp",
        r#""type":"string","format":"date-time","x-special":true"#,
        &[
            "infinity",
            "-infinity",
            "4714-11-24 00:00:00 BC",
            "0001-12-31 23:59:59.999999 BC",
            "10000-01-01 00:00:00",
            "294276-12-31 23:59:59.999999",
        ],
    ),
    (
        "timestamptz",
        r#""type":"string","format":"date-time","x-special":true"#,
        &[
            "infinity",
            "-infinity",
            "4714-11-24 00:00:00+00 BC",
            "0044-03-15 12:00:00.5+00 BC",
            "294276-12-31 23:59:59.999999+00",
        ],
    ),
    (
        "timestamp(0)",
        r#""type":"string","format":"date-time","x-special":true"#,
        &["infinity", "0044-03-15 12:00:00 BC"],
    ),
    ("text", r#""type":"string","format":"date","x-special":true"#, &["infinity", "0044-03-15 BC"]),
];

#[test]
fn special_values_are_those_of_postgresql() {
    let place = PostgresFolder::new();
    for (index, (ty, property, values)) in SPECIAL.iter().enumerate() {
        for mode in ["append", "upsert"] {
            place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v {ty})"));
            // A text that the schema takes for a date.
            let stored = if *ty == "text" { "date" } else { ty };
            let schema = format!(
                r#"{{"x-key":["id"],"required":["id"],"properties":{{"id":{{"type":"integer"}},"v":{{{property},"x-postgres":{{"type":"{stored}"}}}}}}}}"#
            );
            let lines: Vec<String> = values
                .iter()
                .enumerate()
                .map(|(id, value)| format!(r#"{{"id":{id},"v":"{value}"}}"#))
                .collect();
            let stream = sealed_as(&schema, &format!("{index}{mode}"), &strs(&lines));
            counts(&place.load(&format!("--table t --mode {mode}"), stream));
            assert_eq!(place.rows("SELECT v FROM t ORDER BY id"), *values, "{ty}");
        }
    }
}

#[test]
fn what_a_column_does_not_store_is_refused() {
    let place = PostgresFolder::new();
    let date = r#""type":"string","format":"date","x-special":true"#;
    let number = r#""type":"number","x-special":true,"x-postgres":{"type":"numeric"}"#;
    for (ty, property, value, said) in [
        (
            "numeric(5,2)",
            number,
            "Infinity",
            "\"Infinity\" is infinite, which a column with a precision does not store",
        ),
        (
            "timestamp",
            date,
            "300000-01-01",
            "\"300000-01-01\" is out of range for the column's type, timestamp",
        ),
        (
            "timestamp(0)",
            r#""type":"string","format":"date-time","x-special":true,"x-postgres":{"type":"timestamp"}"#,
            "0044-03-15 12:00:00.5 BC",
            "has more digits of a second's fraction than the 0 that its column keeps",
        ),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (v {ty})"));
        let schema = format!(r#"{{"properties":{{"v":{{{property}}}}}}}"#);
        let line = format!(r#"{{"v":"{value}"}}"#);
        refused(&place.load("--table t", sealed_as(&schema, "a", &[&line])), 3, said);
    }
    // A day is its midnight.
    place.sql("DROP TABLE t; CREATE TABLE t (v timestamp)");
    let schema = format!(r#"{{"properties":{{"v":{{{date}}}}}}}"#);
    let lines = [
        r#"{"v":"-infinity"}"#,
        r#"{"v":"0044-03-15 BC"}"#,
        r#"{"v":"294276-12-31"}"#,
        r#"{"v":"infinity"}"#,
    ];
    counts(&place.load("--table t", sealed_as(&schema, "b", &lines)));
    assert_eq!(
        place.rows("SELECT v FROM t ORDER BY v"),
        ["-infinity", "0044-03-15 00:00:00 BC", "294276-12-31 00:00:00", "infinity"]
    );
}

/// A type of a column, a value in JSON, and what the column then has.
const NESTED: [(&str, &str, &str); 9] = [
    ("integer[]", "[[1,2],[3,null]]", "{{1,2},{3,NULL}}"),
    ("integer[]", "[[[[[[7]]]]]]", "{{{{{{7}}}}}}"),
    ("integer[]", "[]", "{}"),
    ("integer[]", "[[],[]]", "{}"),
    ("text[]", r#"[["a","[]"],["{",""]]"#, r#"{{a,[]},{"{",""}}"#),
    ("numeric[]", r#"[["NaN",1.50],["-Infinity",null]]"#, "{{NaN,1.50},{-Infinity,NULL}}"),
    ("date[]", r#"[["infinity"],["0044-03-15 BC"]]"#, r#"{{infinity},{"0044-03-15 BC"}}"#),
    ("int4range[]", r#"[["[1,5)"],["empty"]]"#, r#"{{"[1,5)"},{empty}}"#),
    ("jsonb[]", r#"[[1],2,null]"#, r#"{[1],2,NULL}"#),
];

#[test]
fn arrays_have_as_many_dimensions_as_the_record_says() {
    let place = PostgresFolder::new();
    let property = |ty: &str| {
        let special = if matches!(ty, "numeric[]" | "date[]") { r#","x-special":true"# } else { "" };
        format!(r#"{{"properties":{{"v":{{"type":"array","x-postgres":{{"type":"{ty}"}}{special}}}}}}}"#)
    };
    for (index, (ty, json, expected)) in NESTED.iter().enumerate() {
        place.sql("DROP TABLE IF EXISTS t");
        let line = format!("{{\"v\":{json}}}");
        let stream = sealed_as(&property(ty), &index.to_string(), &[&line]);
        counts(&place.load("--table t --create", stream));
        let rows = place.rows("SELECT v, (SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum = 1) FROM t");
        assert_eq!(rows, [format!("{expected}|{ty}")]);
    }
    for (json, said) in [
        ("[[1],[2,3]]", "is refused: element 1: 2 elements, but 1 in the first array beside it"),
        ("[[1],2]", "is refused: element 1 is not an array, but the first one is"),
        ("[1,[2]]", "is refused: element 1 is an array, but the first one is not"),
        ("[[1],null]", "is refused: element 1 is not an array, but the first one is"),
        ("[[[[[[[1]]]]]]]", "has 7 dimensions; an array of PostgreSQL has at most 6"),
        ("[[1],[99999999999]]", "element 1: element 0: 99999999999 is out of range for 32 bits"),
    ] {
        place.sql("DROP TABLE IF EXISTS t; CREATE TABLE t (v integer[])");
        let line = format!("{{\"v\":{json}}}");
        refused(&place.load("--table t", sealed_as(&property("integer[]"), "a", &[&line])), 3, said);
    }
}
