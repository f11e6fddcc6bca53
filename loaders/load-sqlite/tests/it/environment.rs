//! The environment, the arguments, and people who mean harm.

use etl_testkit::run::Cmd;

use crate::support::{SqliteFolder, plain, refused, sealed_as};

#[test]
fn an_empty_load_id_is_refused() {
    let place = SqliteFolder::new();
    let loader = || place.loader("--schema events.json").stdin("{\"n\":1}\n");
    refused(&loader().env("ETL_LOAD_ID", "").run(), 78, "ETL_LOAD_ID is set but empty");
    refused(&loader().args(["--load-id", ""]).run(), 2, "--load-id is empty");
    refused(&loader().args(["--table", ""]).run(), 2, "--table is empty");
    refused(&loader().args(["--max-rejects", "1"]).run(), 2, "--max-rejects needs --rejects FILE");
    refused(&loader().args(["--mode", "merge"]).run(), 2, "merge");
    assert!(!place.path("t.db").exists());
}

#[test]
fn failures_are_told_as_json_too_and_to_the_termination_log() {
    let place = SqliteFolder::new();
    place.write("log", "");
    let loader =
        place.loader("--schema events.json --log-format json").env("ETL_TERMINATION_LOG", place.path("log"));
    let ran = loader.stdin("{\"n\":1}\n{\"n\":2\n").run();
    ran.fails(3);
    let last = ran.stderr.lines().last().expect("a line");
    let line: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((&line["level"], &line["code"]), (&"error".into(), &3.into()));
    assert!(line["msg"].as_str().expect("a text").starts_with("line 2 (byte "), "{line}");
    assert_eq!(place.read("log"), last);
}

#[test]
fn names_that_are_sql_are_names() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE victim (x); INSERT INTO victim VALUES (1)");
    let names = [
        "a\"; DROP TABLE victim; --",
        "x'); DELETE FROM victim; --",
        "select",
        "[a]",
        "`b`",
        "ä ö",
        "a.b",
        "main.c",
        "%s",
    ];
    for (n, name) in names.iter().enumerate() {
        let column = format!("{name}\"?1");
        let schema = format!(
            "{{\"description\":\"x\\n); DROP TABLE victim; --\",\"x-key\":[{column:?}],\"required\":[{column:?}],\
             \"properties\":{{{column:?}:{{\"type\":\"string\",\"description\":\"y\\n); DROP TABLE victim; --\"}}}}}}"
        );
        place.write("harm.json", schema);
        for (mode, rows) in [("append", 1), ("upsert", 1), ("ignore", 1), ("replace", 1)] {
            let value = "'); DROP TABLE victim; --\"";
            let line = format!("{{{column:?}:{:?}}}\n", if mode == "append" { "first" } else { value });
            let args = ["--schema", "harm.json", "--table", name, "--mode", mode, "--seal", "off"];
            place.loader("").args(args).stdin(&line).run().ok();
            let quoted = name.replace('"', "\"\"");
            let count = place.count(&format!(
                "SELECT count(*) FROM \"{quoted}\" WHERE \"{}\" = '{}'",
                column.replace('"', "\"\""),
                if mode == "append" { "first".to_owned() } else { value.replace('\'', "''") }
            ));
            assert_eq!(count, rows, "{name} {mode}");
        }
        assert_eq!(place.count("SELECT count(*) FROM sqlite_master WHERE type = 'table'"), n as i64 + 3);
    }
    // The load id and the pipeline too.
    let harm = "x'); DROP TABLE victim; --";
    let loader = place.loader("--schema events.json").args(["--load-id", harm, "--pipeline", harm]);
    loader.stdin(plain(&[r#"{"n":1}"#])).run().ok();
    let found = place.rows("SELECT load_id = pipeline, load_id FROM etl_load WHERE target = 'events'");
    assert_eq!(found, [format!("1|{harm:?}")]);
    assert_eq!(place.rows("SELECT x FROM victim"), ["1"]);
}

#[test]
fn a_stream_cannot_name_a_path_or_a_table_of_its_choice() {
    let place = SqliteFolder::new();
    place.write("evil.json", crate::support::EVENTS);
    let line = [r#"{"n":1}"#];
    for name in ["../evil", "./evil.json", "evil.json", "/etc/passwd", "events.json"] {
        let ran = place.load("", sealed_as(name, "a", &line));
        ran.fails(78);
        assert!(ran.last_error_line().contains(&format!("{name:?}")), "{}", ran.last_error_line());
    }
    let inline = r#"{"x-postgres":{"table":"sqlite_master"},"properties":{"n":{"type":"integer"}}}"#;
    refused(&place.load("", sealed_as(inline, "a", &line)), 2, "--table must say where its records go");
    place.load("--table mine", sealed_as(inline, "a", &line)).ok();
    assert_eq!(
        place.rows("SELECT name FROM sqlite_master WHERE type = 'table'"),
        [r#""etl_load""#, r#""mine""#]
    );
    let remote = r#"{"properties":{"n":{"$ref":"http://localhost/x"}}}"#;
    refused(&place.load("--table mine", sealed_as(remote, "b", &line)), 78, "$ref");
}

#[test]
fn reserved_tables_are_no_targets() {
    let place = SqliteFolder::new();
    for name in ["etl_load", "ETL_LOAD", "sqlite_master", "Sqlite_x", "etl_stage_0"] {
        let ran = place.load(&format!("--schema events.json --table {name}"), "{\"n\":1}\n");
        refused(&ran, 78, &format!("table {name}: the name is reserved"));
    }
}

#[test]
fn the_card_names_what_there_is() {
    let place = SqliteFolder::new();
    let ran = place.loader("--describe").run();
    let card: serde_json::Value = serde_json::from_str(&ran.ok().stdout).expect("JSON");
    assert_eq!(
        (&card["name"], &card["variables"][0]["name"]),
        (&"load-sqlite".into(), &"ETL_LOAD_ID".into())
    );
    assert_eq!(card["schemas"]["out"], serde_json::json!(["etl.receipt", "etl.run", "etl.reject"]));
    assert_eq!(card["reads"], serde_json::json!({ "kind": "stream", "schemas": null }));
    assert_eq!(
        card["stdout"],
        serde_json::json!({ "kind": "stream", "schemas": ["etl.receipt"], "passes_on": false })
    );
    let when: Vec<_> = card["when"].as_array().expect("a list").iter().map(|when| &when["flag"]).collect();
    assert_eq!(when, ["--plan", "--print-state", "--print-runs", "--emit", "--emit", "--emit", "--format"]);
    let flags: Vec<&str> =
        card["flags"].as_array().expect("flags").iter().filter_map(|flag| flag["name"].as_str()).collect();
    for flag in [
        "--db",
        "--create",
        "--input",
        "--output",
        "--seal",
        "--table",
        "--schema",
        "--mode",
        "--load-id",
        "--if-loaded",
        "--pipeline",
        "--state-out",
        "--ledger-keep",
        "--unknown-fields",
        "--rejects",
        "--max-rejects",
        "--emit",
        "--allow-empty",
    ] {
        assert!(flags.contains(&flag), "{flag} is not among {flags:?}");
    }
}

#[test]
fn a_variable_that_is_misspelled_is_told() {
    let place = SqliteFolder::new();
    let loader = place.loader("--schema events.json").stdin("{\"n\":1}\n");
    let ran = loader.env("ETL_LOADID", "monday").env("ETL_LOG_LEVEL", "warn").run();
    ran.ok();
    assert!(
        ran.stderr.contains(
            "warning: ETL_LOADID is set, but no component reads it (they read ETL_DEADLINE, ETL_LOAD_ID, \
             ETL_LOG_FORMAT, ETL_LOG_LEVEL, ETL_TERMINATION_LOG)\n"
        ),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("ETL_LOG_LEVEL is set"), "{}", ran.stderr);
}

#[test]
fn a_message_shows_what_would_not_be_seen() {
    let place = SqliteFolder::new();
    let ran = place.load("--schema events.json", "{\"n\":1,\"\u{202e}txt.\u{200b}exe\":2}\n");
    refused(&ran, 3, "field \"\\u{202e}txt.\\u{200b}exe\"");
    place.write(
        "long.json",
        format!(r#"{{"properties":{{"v":{{"type":"string","pattern":"^{}$"}}}}}}"#, "ab".repeat(99)),
    );
    let ran = place.load("--schema long.json --table t", "{\"v\":\"x\"}\n");
    refused(&ran, 3, &format!("\"x\" does not match the pattern ^{}a…", "ab".repeat(39)));
}

#[test]
fn a_stream_that_somebody_types_is_asked_for() {
    let place = SqliteFolder::new();
    let typed = "{\"n\":1}\n{\"n\":2}\n\u{4}";
    let loader = etl_testkit::run::workspace_binary("load-sqlite");
    let command = format!("{} --db t.db --schema events.json", loader.display());
    let ran =
        Cmd::new("script").args(["-qec", &command, "/dev/null"]).in_folder(place.path("")).stdin(typed).run();
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("reading the stream from the terminal; a line with Ctrl-D alone ends it"),
        "{}",
        ran.stdout
    );
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2"]);
}
