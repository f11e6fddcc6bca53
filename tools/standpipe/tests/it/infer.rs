//! `standpipe schema infer`.

use std::fs;
use std::path::{Path, PathBuf};

use etl_testkit::postgres;
use etl_testkit::run::{Cmd, golden, temp_dir};

use crate::support::standpipe;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infer")
}

/// What is inferred with these arguments, once it is the same as the golden file.
fn inferred(args: &str, stdin: &str, file: &str) -> String {
    let ran = standpipe(["schema", "infer"]).words(args).stdin(stdin).in_folder(folder()).run();
    golden(folder().join(file), &ran.ok().stdout);
    ran.stdout.clone()
}

#[test]
fn a_schema_from_sample_records_takes_them_all() {
    let schema = inferred("orders.ndjson", "", "orders.schema.json");
    let records = fs::read_to_string(folder().join("orders.ndjson")).expect("the sample");
    let temporary = temp_dir();
    fs::write(temporary.path().join("s.json"), schema).expect("written");
    let load = |name: &str| Cmd::bin(name).in_folder(&temporary).stdin(&records);
    load("load-sqlite").words("--db a.db --schema s.json --emit none").run().ok();
    let database = postgres::Server::shared().database();
    let loader = load("load-postgres").words("--create --schema s.json --emit none");
    database.env().into_iter().fold(loader, |cmd, (name, value)| cmd.env(name, value)).run().ok();
    let rows = database
        .rows("SELECT id, price, at AT TIME ZONE 'UTC', tags::text, zip, big, odd FROM orders ORDER BY id");
    assert_eq!(
        rows,
        [
            "1|9.5|2026-01-01 00:00:00|{a,b}|00712|1|1",
            "2|10|2026-01-01 00:00:00|{}|98101|99999999999999999999|\"n/a\"",
            "3|0.12345678901234567891|2026-01-02 00:00:00|{c}|98102|3|true",
        ]
    );
}

#[test]
fn texts_of_a_csv_file_get_the_types_they_spell() {
    let texts = Cmd::bin("extract-file").arg(folder().join("zips.csv")).run().ok().stdout.clone();
    let schema = inferred("--table zips", &texts, "zips.schema.json");
    let temporary = temp_dir();
    fs::write(temporary.path().join("s.json"), schema).expect("written");
    let typed = Cmd::bin("extract-file")
        .arg(folder().join("zips.csv"))
        .words("--schema s.json")
        .in_folder(&temporary)
        .run();
    let records: Vec<&str> =
        typed.ok().stdout.lines().filter(|line| !line.starts_with("{\"_etl\"")).collect();
    assert_eq!(
        records,
        [
            r#"{"id":1,"zip":"00123","price":4.50,"ok":true,"at":"2026-01-01"}"#,
            r#"{"id":2,"zip":"00124","price":null,"ok":false,"at":"2026-01-02"}"#,
        ]
    );
}

#[test]
fn what_pydantic_and_openapi_say_becomes_columns() {
    inferred("--json-schema pydantic.json", "", "pydantic.schema.json");
    inferred("--json-schema openapi.json --at #/components/schemas/Dog", "", "openapi.schema.json");
    for (args, code, why) in [
        (
            "openapi.json",
            78,
            "openapi.json, #: it is not about objects with properties; --at names one that is: \
             #/components/schemas/Pet, #/components/schemas/Dog, #/components/schemas/Loop",
        ),
        (
            "openapi.json --at #/components/schemas/Loop",
            78,
            "openapi.json, #/components/schemas/Loop: references lead to references without end",
        ),
        ("openapi.json --at #/components/schemas/Cat", 78, "#/components/schemas/Cat is not in the document"),
        ("openapi.json --at other.json#/Cat", 78, "other.json#/Cat is in another document"),
        (
            "names.json",
            78,
            "names.json: no table can be made of it: properties \"A\" and \"a\" would become one column",
        ),
        ("zips.csv", 78, "zips.csv is not a JSON document (YAML must be turned into JSON first"),
        ("no.json", 66, "cannot read the input no.json"),
    ] {
        let ran = standpipe(["schema", "infer", "--json-schema"]).words(args).in_folder(folder()).run();
        assert!(ran.fails(code).stderr.contains(why), "{args}: {}", ran.stderr);
    }
}

/// What is inferred from a property of this JSON Schema, on one line, without the braces around it.
fn property_of(property: &str) -> String {
    let document = format!(
        r##"{{"type":"object","properties":{{"x":{property}}},"$defs":{{
            "Json":{{"anyOf":[{{"type":"string"}},{{"type":"array","items":{{"$ref":"#/$defs/Json"}}}},{{"type":"null"}}]}},
            "List":{{"type":"array","items":{{"$ref":"#/$defs/List"}}}},
            "Self":{{"$ref":"#/$defs/Self"}},
            "Loop":{{"anyOf":[{{"$ref":"#/$defs/Loop"}},{{"type":"null"}}]}}}}}}"##
    );
    let ran = standpipe(["schema", "infer", "--json-schema"]).stdin(document).run();
    column_in(&ran.ok().stdout)
}

/// The keywords of column `x`, on one line.
fn column_in(document: &str) -> String {
    let text = document.split_once("\"x\": {").expect("the column").1;
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| *line != "}").collect();
    lines.join(" ").trim().to_owned()
}

#[test]
fn what_a_json_schema_says_of_a_property_is_kept_or_named() {
    const JSONB: &str = r#""x-postgres": {"type": "jsonb"}"#;
    let number = r#""type": "integer""#;
    for (property, expected) in [
        // What refers to itself.
        (
            r##"{"$ref":"#/$defs/Json"}"##,
            format!(
                r##""type": ["string", "array", "null"], {JSONB}, "$comment": "#/$defs/Json; anyOf of string, array: JSON, since a column has one type""##
            ),
        ),
        (
            r##"{"$ref":"#/$defs/List"}"##,
            r##""type": "array", "$comment": "#/$defs/List; its elements are not of one simple type: one column of JSON""##.to_owned(),
        ),
        (
            r##"{"$ref":"#/$defs/Loop"}"##,
            format!(r##"{JSONB}, "$comment": "#/$defs/Loop; #/$defs/Loop leads to itself again: any JSON""##),
        ),
        (
            r##"{"$ref":"#/$defs/Self"}"##,
            format!(r##"{JSONB}, "$comment": "references lead to references without end: any JSON""##),
        ),
        // What holds beside a choice, or in several parts.
        (
            r#"{"type":["string","null"],"maxLength":9,"anyOf":[{"pattern":"a"},{"pattern":"b"}]}"#,
            r#""type": ["string", "null"], "maxLength": 9, "$comment": "anyOf of 2 that are string: what they have in common""#.to_owned(),
        ),
        (r#"{"allOf":[{"type":["integer","null"]},{"type":"number","maximum":3},{"maximum":5}]}"#, format!(r#"{number}, "maximum": 3"#)),
        // Bounds, of which the narrower counts; those of 64 bits, exact and as a double has them, are no more than that.
        (r#"{"type":"integer","minimum":5,"exclusiveMinimum":0}"#, format!(r#"{number}, "minimum": 5"#)),
        (
            r#"{"type":"integer","maximum":9223372036854775807}"#,
            format!(r#"{number}, "maximum": 9223372036854775807"#),
        ),
        (r#"{"type":"integer","maximum":9223372036854776000}"#, format!(r#"{number}, "maximum": 9223372036854776000"#)),
        (
            r#"{"type":"integer","format":"uint64"}"#,
            format!(r#"{number}, "x-postgres": {{"type": "numeric"}}, "$comment": "it may be beyond 63 bits""#),
        ),
        // Lists of values, and null alone.
        (r#"{"enum":[1.5,2]}"#, r#""type": "number", "enum": [1.5, 2]"#.to_owned()),
        (r#"{"const":null}"#, format!(r#"{JSONB}, "$comment": "only null: its type is not known""#)),
        (r#"{"oneOf":[{"type":"null"}]}"#, format!(r#"{JSONB}, "$comment": "only null: its type is not known""#)),
        (r#"{"type":"integer","x-nullable":true}"#, r#""type": ["integer", "null"]"#.to_owned()),
        // Draft 7's tuples; elements that nothing is left out of unsaid.
        (
            r#"{"items":[{"type":"integer"}]}"#,
            r#""type": "array", "$comment": "its elements are not of one simple type: one column of JSON""#.to_owned(),
        ),
        (
            r#"{"type":"array","items":{"type":"string","minLength":1}}"#,
            r#""type": "array", "items": {"type": "string"}, "$comment": "left out: items {\"minLength\":1}""#.to_owned(),
        ),
        (
            r#"{"type":"array","items":{"enum":["a",null]}}"#,
            r#""type": "array", "items": {"type": ["string", "null"], "enum": ["a", null]}"#.to_owned(),
        ),
        // A title that says more than the name, and what is Standpipe's own.
        (r#"{"type":"integer","title":"X"}"#, number.to_owned()),
        (
            r#"{"type":"integer","title":"Stock","x-unit":"1","x-postgres":{"type":"smallint"}}"#,
            format!(r#"{number}, "title": "Stock", "x-unit": "1", "x-postgres": {{"type": "smallint"}}"#),
        ),
    ] {
        assert_eq!(property_of(property), expected, "{property}");
    }
}

#[test]
fn what_standpipe_itself_says_of_a_record_is_kept() {
    let document = r#"{"type":"object","x-key":["at","place"],"x-time":"at","x-deleted":"gone","x-postgres":{"table":"weather"},
        "x-influx":{"measurement":"w"},"required":["place","at","day","id"],
        "properties":{"id":{"type":"integer"},"gone":{"type":"boolean"},"place":{"type":"string","x-influx":{"role":"tag"}},
        "at":{"type":"string","format":"date-time"},"day":{"type":"string","format":"date"}}}"#;
    let infer = |document: &str| standpipe(["schema", "infer", "--json-schema"]).stdin(document).run();
    let ran = infer(document);
    for kept in [
        r#""x-key": ["at", "place"]"#,
        r#""x-time": "at""#,
        r#""x-deleted": "gone""#,
        r#""x-postgres": {"table": "weather"}"#,
        r#""x-influx": {"measurement": "w"}"#,
        r#""x-influx": {"role": "tag"}"#,
        r#""$comment": "made from stdin, #, for a person to read""#,
    ] {
        assert!(
            ran.ok().stdout.contains(&format!("{kept},\n")) || ran.stdout.contains(&format!("{kept}\n")),
            "{kept}: {}",
            ran.stdout
        );
    }
    // What was inferred once is inferred again.
    assert_eq!(infer(&ran.stdout).ok().stdout, ran.stdout);
    let ran = infer(&document.replace("\"at\",\"place\"", "\"at\",\"plac\""));
    assert!(ran.fails(78).stderr.contains("x-key"), "{}", ran.stderr);
}

#[test]
fn each_type_names_the_line_that_decided_it() {
    let column = |values: &[&str]| {
        let records: String = values.iter().map(|value| format!("{{\"x\":{value}}}\n")).collect();
        let ran = standpipe(["schema", "infer", "--seal", "off"]).stdin(records).run();
        column_in(&ran.ok().stdout)
    };
    for (values, expected) in [
        (&["1", "4.5"][..], r#""type": "number", "$comment": "line 2: 4.5 made it a number""#),
        (&["1", "null"], r#""type": ["integer", "null"], "$comment": "line 1: 1; line 2: null""#),
        (&["true"], r#""type": "boolean", "$comment": "line 1: true""#),
        (&["null"], r#""x-postgres": {"type": "jsonb"}, "$comment": "only null: its type is not known""#),
        (&["\"007\"", "\"1.5\""], r#""type": "string", "$comment": "line 1: \"007\"""#),
        (
            &["\"7\"", "\"1.5\""],
            r#""type": "string", "$comment": "line 1: \"7\": each text is a number; x-postgres {\"type\": \"numeric\"} stores it as one, without leading zeros""#,
        ),
        (
            &["\"2026-01-01T00:00:00+02:00\"", "\"\""],
            r#""type": "string", "$comment": "line 2: \"\": not a date-time, as others are""#,
        ),
        (
            &["[1,null]", "[]"],
            r#""type": "array", "items": {"type": ["integer", "null"]}, "$comment": "line 1: [1,null]; its elements: line 1: 1; line 1: null""#,
        ),
        (
            &["[1,\"a\"]"],
            r#""type": "array", "$comment": "line 1: [1,\"a\"]; its elements: not of one simple type, so it is kept as JSON""#,
        ),
        (
            &["[]"],
            r#""type": "array", "$comment": "line 1: []; its elements: none was seen, so it is kept as JSON""#,
        ),
        (
            &["{}", "1"],
            r#""x-postgres": {"type": "jsonb"}, "$comment": "line 2: 1 is an integer, line 1: {} is an object: any JSON, since a column has one type""#,
        ),
    ] {
        assert_eq!(column(values), expected, "{values:?}");
    }
}

#[test]
fn keys_are_what_tells_the_sample_apart() {
    let infer = |records: &str| standpipe(["schema", "infer", "--seal", "off"]).stdin(records).run();
    let ran = infer("{\"place\":\"a\",\"at\":1}\n{\"place\":\"b\",\"at\":1}\n{\"place\":\"a\",\"at\":2}\n");
    assert!(ran.ok().stdout.contains("these 3 records are told apart by place with at\""), "{}", ran.stdout);
    assert!(!ran.stdout.contains("\"x-key\":"), "{}", ran.stdout);
    let ran = infer("{\"id\":1}\n{\"id\":1}\n");
    assert!(ran.ok().stdout.contains("x-key: no column and no pair of columns tells the records apart"));
    // The same value in other letters is the same key, and one record shows nothing.
    let uuid = "8b1ad7d6-8b9d-4d06-b8b6-6d7c8b1ad7d6";
    let ran = infer(&format!("{{\"uuid\":\"{uuid}\"}}\n{{\"uuid\":\"{}\"}}\n", uuid.to_uppercase()));
    assert!(ran.ok().stdout.contains("x-key: no column and no pair of columns"), "{}", ran.stdout);
    let ran = infer("{\"id\":1}\n");
    assert!(ran.ok().stdout.contains("x-key: one record does not show"), "{}", ran.stdout);
    // What repeats only later is no key: `n` does after 100,000 records, `m` between two later ones.
    let records: String = (0..100_003)
        .map(|id| format!("{{\"id\":{id},\"n\":{},\"m\":{}}}\n", id % 100_001, id - id / 100_002))
        .collect();
    let ran = infer(&records);
    assert!(
        ran.ok().stdout.contains("x-key: the first 100000 records are told apart from each other and from all later ones by id, or m;")
            || ran.stdout.contains("from all later ones by id, or m\""),
        "{}",
        ran.stdout
    );
    // SQLite has no key of decimals.
    let ran = infer("{\"id\":99999999999999999999}\n{\"id\":2}\n");
    assert!(ran.ok().stdout.contains("told apart by id\""), "{}", ran.stdout);
    assert!(!ran.stdout.contains("\"x-key\":"), "{}", ran.stdout);
    let ran = infer("{\"ID\":1,\"n\":1}\n{\"ID\":2,\"n\":1}\n");
    assert!(ran.ok().stdout.contains("\"x-key\": [\"ID\"]"), "{}", ran.stdout);
}

#[test]
fn what_is_no_sample_is_refused() {
    for (input, code, why) in [
        ("", 75, "the input is empty"),
        ("{}\n", 3, "the records of stdin have no fields"),
        ("{\"a\":1}\n{\"a\":\n", 3, "line 2"),
        ("{\n  \"type\": \"object\"\n}\n", 3, "a JSON Schema is read with --json-schema"),
        ("{\"$schema\":\"x\",\"properties\":{}}\n", 3, "--json-schema reads it as one"),
    ] {
        let ran = standpipe(["schema", "infer"]).stdin(input).run();
        assert!(ran.fails(code).stderr.contains(why), "{input:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{input:?}");
    }
    for (input, why) in [
        (
            "{\"id\":1}\n\n{\"ID\":1}\n",
            "line 3 (byte 10): field \"ID\" cannot be a column: it differs from \"id\" on line 1 only in case; rename it",
        ),
        (
            "{\"\":1}\n",
            "line 1 (byte 0): field \"\" cannot be a column: a property has an empty name; rename it",
        ),
        (
            "{\"a\\tb\":1}\n",
            "field \"a\\tb\" cannot be a column: its name contains a control character; rename it",
        ),
        (&format!("{{\"{}\":1}}\n", "n".repeat(64)), "cannot be a column: its name is longer than 63 bytes"),
    ] {
        let ran = standpipe(["schema", "infer"]).stdin(input).run();
        assert!(ran.fails(3).stderr.contains(why), "{input:?}: {}", ran.stderr);
    }
    let keys: String = (0..3_000).map(|n| format!("{{\"k{n}\":1}}\n")).collect();
    let ran = standpipe(["schema", "infer"]).stdin(keys).run();
    assert!(
        ran.fails(3).stderr.contains("line 2001 (byte 22890): more than 2000 different fields"),
        "{}",
        ran.stderr
    );
}
