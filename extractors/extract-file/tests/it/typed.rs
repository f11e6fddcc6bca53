//! Values by a schema.

use etl_testkit::run::Folder;

use crate::{begins, records, run};

const SCHEMA: &str = r#"{"description":"All types","type":"object","properties":{
    "n":{"type":["number","null"]},"d":{"type":"string","x-postgres":{"type":"numeric"}},"b":{"type":"boolean"},
    "t":{"type":"string","format":"date-time"},"x":{"type":"string","contentEncoding":"base64"},"s":{"type":["string","null"]}}}"#;

fn typed(csv: &str, args: &[&str]) -> etl_testkit::run::Ran {
    let folder = Folder::new();
    folder.write("x.json", SCHEMA);
    folder.write("in.csv", csv);
    run(&folder, &[&["in.csv", "--schema", "x.json"], args].concat())
}

#[test]
fn texts_become_values_of_the_types() {
    let csv = "n,d,b,t,s\n+007.50,1234567890123456789.10,True,2026-01-01 00:00:00+00,\n\
        .5,2,no,2026-01-01 00:00:00+0100,\"\"\n,3,1,2026-01-01T00:00:00Z,x\n";
    let ran = typed(csv, &[]);
    let expected = [
        r#"{"n":7.50,"d":"1234567890123456789.10","b":true,"t":"2026-01-01T00:00:00Z","s":null}"#,
        r#"{"n":0.5,"d":"2","b":false,"t":"2025-12-31T23:00:00Z","s":""}"#,
        r#"{"n":null,"d":"3","b":true,"t":"2026-01-01T00:00:00Z","s":"x"}"#,
    ];
    assert_eq!(records(&ran), expected);
    assert!(begins(&ran, "schema")[0].is_object() && begins(&ran, "values")[0].is_null());
}

#[test]
fn numbers_of_seconds_and_milliseconds_are_times() {
    let at = [r#"{"t":"2026-01-01T00:00:00.5Z"}"#];
    assert_eq!(records(&typed("t\n1767225600.5\n", &["--epoch", "seconds"])), at);
    assert_eq!(records(&typed("t\n1767225600500\n", &["--epoch", "milliseconds"])), at);
    let zone = ["--assume-zone", "Europe/Lisbon"];
    let summer = [r#"{"t":"2026-07-01T11:00:00Z"}"#];
    assert_eq!(records(&typed("t\n2026-07-01 12:00:00\n", &zone)), summer);
}

#[test]
fn bytes_are_base64_or_hexadecimal() {
    assert_eq!(records(&typed("x\n\\xDEadbe\nAQI=\n", &[])), [r#"{"x":"3q2+"}"#, r#"{"x":"AQI="}"#]);
    for wrong in ["\\xabc", "\\x+f"] {
        let said = format!("in.csv: line 2: field \"x\": {wrong:?} is not bytes in hexadecimal");
        assert_eq!(typed(&format!("x\n{wrong}\n"), &[]).fails(3).last_error_line(), said);
    }
}

#[test]
fn a_value_of_another_type_is_named_with_its_line() {
    for (csv, args, message) in [
        ("n\n1\nx\n", [].as_slice(), "in.csv: line 3: field \"n\": \"x\" is not a number"),
        ("b\nmaybe\n", &[], "in.csv: line 2: field \"b\": \"maybe\" is neither true nor false"),
        (
            "t\n2026-01-01 00:00:00\n",
            &[],
            "in.csv: line 2: field \"t\": \"2026-01-01 00:00:00\" has no zone, such as Z or +02:00 (--assume-zone gives one)",
        ),
        (
            "t\n1767225600\n",
            &[],
            "in.csv: line 2: field \"t\": \"1767225600\" is a number; --epoch seconds or milliseconds says what it counts",
        ),
        (
            "t\n2026-10-25 01:30:00\n",
            &["--assume-zone", "Europe/Lisbon"],
            "in.csv: line 2: field \"t\": \"2026-10-25 01:30:00\" comes twice or never in --assume-zone, when its clocks are changed; \
             give it a zone of its own",
        ),
    ] {
        assert_eq!(typed(csv, args).fails(3).last_error_line(), message);
    }
}
