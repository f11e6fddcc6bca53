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
        ("zips.csv", 78, "zips.csv is not a JSON document (YAML must be turned into JSON first"),
        ("no.json", 66, "cannot read the input no.json"),
    ] {
        let ran = standpipe(["schema", "infer", "--json-schema"]).words(args).in_folder(folder()).run();
        assert!(ran.fails(code).stderr.contains(why), "{args}: {}", ran.stderr);
    }
}

#[test]
fn each_type_names_the_line_that_decided_it() {
    let column = |values: &[&str]| {
        let records: String = values.iter().map(|value| format!("{{\"x\":{value}}}\n")).collect();
        let ran = standpipe(["schema", "infer", "--seal", "off"]).stdin(records).run();
        let text = ran.ok().stdout.split_once("\"x\": {").expect("the column").1.to_owned();
        let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| *line != "}").collect();
        lines.join(" ").trim().to_owned()
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
    assert!(ran.ok().stdout.contains("x-key: no column and no pair of columns tells these 2 records apart"));
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
    let keys: String = (0..3_000).map(|n| format!("{{\"k{n}\":1}}\n")).collect();
    let ran = standpipe(["schema", "infer"]).stdin(keys).run();
    assert!(
        ran.fails(3).stderr.contains("line 2001 (byte 22890): more than 2000 different fields"),
        "{}",
        ran.stderr
    );
}
