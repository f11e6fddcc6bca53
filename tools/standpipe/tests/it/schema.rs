//! `standpipe schema`.

use std::fs;
use std::path::Path;

use etl_testkit::run::{golden, temp_dir};

use crate::support::{segment, standpipe};

const SCHEMA: &str = r#"{"type": "object", "title": "Mine", "x-key": ["id"], "x-time": "at", "x-postgres": {"table": "mine"},
  "required": ["id", "at"], "additionalProperties": false, "properties": {
    "id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
    "temp": {"type": ["number", "null"], "description": "How warm.", "x-unit": "Cel"}}}"#;

#[test]
fn built_in_schemas_are_listed_and_shown() {
    let ran = standpipe(["schema", "list"]).run();
    assert!(ran.ok().lines().iter().any(|line| {
        line.split_once(' ')
            .is_some_and(|(name, title)| name == "etl.reject" && title.trim() == "A rejected record")
    }));
    let shown = standpipe(["schema", "show", "etl.reject"]).run();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/etl.reject.json");
    assert_eq!(shown.ok().stdout, fs::read_to_string(document).expect("the document"));
    for name in ["no.such", "../etl.reject", "/etc/passwd"] {
        assert_eq!(standpipe(["schema", "show", name]).run().fails(78).stdout, "");
    }
}

#[test]
fn ddl_is_written_in_both_dialects() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for dialect in ["postgres", "sqlite"] {
        let ran = standpipe(["schema", "ddl", "etl.reject", "--dialect", dialect]).run();
        golden(goldens.join(format!("etl.reject.{dialect}.sql")), &ran.ok().stdout);
    }
    let ran = standpipe(["schema", "ddl", "etl.reject", "--table", "a.b"]).run();
    assert!(ran.ok().stdout.contains("\"a\".\"b\" ("), "{}", ran.stdout);
    let folder = temp_dir();
    fs::write(folder.path().join("s.json"), SCHEMA.replace(r#""x-postgres": {"table": "mine"},"#, ""))
        .expect("written");
    let ddl = |table: &[&str]| standpipe(["schema", "ddl", "s.json"]).args(table).in_folder(&folder).run();
    ddl(&[]).fails(2);
    ddl(&["--table", "t"]).ok();
}

#[test]
fn a_schema_is_explained_or_refused() {
    let folder = temp_dir();
    let check = |document: &str| {
        fs::write(folder.path().join("s.json"), document).expect("written");
        standpipe(["schema", "check", "s.json"]).in_folder(&folder).run()
    };
    let expected = [
        "id: bigint not null, required",
        "at: timestamptz not null, required",
        "temp: double precision null, optional, unit Cel",
        "key: id",
        "time: at",
        "table: mine",
    ];
    assert_eq!(check(SCHEMA).ok().lines(), expected);
    for broken in
        ["", "[]", "{}", &SCHEMA.replace("x-unit", "x-units"), &SCHEMA.replace("[\"id\"]", "[\"temp\"]")]
    {
        let ran = check(broken);
        assert_eq!(ran.fails(78).stdout, "");
        assert!(ran.last_error_line().contains("s.json"), "{}", ran.stderr);
    }
}

#[test]
fn records_are_checked() {
    let folder = temp_dir();
    fs::write(folder.path().join("s.json"), SCHEMA).expect("written");
    let check = |data: &str| {
        fs::write(folder.path().join("data"), data).expect("written");
        standpipe(["schema", "check", "s.json", "data"]).in_folder(&folder).run()
    };
    let good = "{\"id\":1,\"at\":\"2026-01-01T00:00:00Z\"}\n";
    let ran = check(&segment("a", "", 1, good));
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), ("", "1 record fits schema s\n"));

    let ran =
        check(&format!("{good}{{\"id\":\"x\",\"at\":\"2026-01-01T00:00:00Z\"}}\noops\n{good}{{\"id\":2}}\n"));
    let lines = ran.fails(3).lines();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    for (line, start) in lines.iter().zip([
        "line 2 (byte 37): field \"id\": ",
        "line 3 (byte 76): ",
        "line 5 (byte 118): field \"at\": ",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!(ran.last_error_line(), "3 of 5 records break schema s");

    let ran = check(&"{}\n".repeat(25));
    assert_eq!((ran.fails(3).lines().len(), ran.lines()[20]), (21, "and 5 more"));
    assert_eq!(check("{}\n{").fails(3).lines().len(), 1);
    let piped = standpipe(["schema", "check", "s.json", "--input", "-"]).in_folder(&folder).stdin(good).run();
    assert_eq!(piped.ok().lines().len(), 6);
    let piped = standpipe(["schema", "check", "s.json", "-"]).in_folder(&folder).stdin(good).run();
    assert_eq!(piped.ok().stdout, "");
}
