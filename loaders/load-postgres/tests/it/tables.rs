//! Creating tables, adding columns, and the table's own columns as the schema.

use etl_testkit::load::{counts, refused, sealed, sealed_as};

use etl_testkit::postgres::Server;

use crate::support::{PostgresFolder, events};

#[test]
fn a_table_is_created_with_types_units_and_key() {
    let place = PostgresFolder::new();
    let line = r#"{"location":"a","observed_at":"2026-11-23T02:00:00Z","fetched_at":"2026-11-23T02:00:01Z","temp":8.4}"#;
    let stream = sealed_as("openweather.current", "a", &[line]);
    refused(&place.load("", &stream), 78, "openweather_current does not exist (--create creates it)");
    let ran = place.load("--create", &stream);
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert!(ran.stderr.contains("openweather_current created"), "{}", ran.stderr);
    assert_eq!(
        place.rows("SELECT location, observed_at, temp, wind_speed FROM openweather_current"),
        ["a|2026-11-23 02:00:00+00|8.4|NULL"]
    );
    let comment = "SELECT col_description('openweather_current'::regclass, attnum) FROM pg_attribute
                   WHERE attrelid = 'openweather_current'::regclass AND attname = 'temp'";
    assert!(place.rows(comment)[0].ends_with("[°C]"), "{:?}", place.rows(comment));
    assert_eq!(
        place.rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'openweather_current'::regclass AND contype = 'p'"),
        ["PRIMARY KEY (location, observed_at)"]
    );
}

#[test]
fn a_table_is_made_in_the_schema_that_is_named_with_a_ledger_of_its_own() {
    let place = PostgresFolder::new();
    let other = format!("{}_other", place.space.schema());
    place.sql(&format!("CREATE SCHEMA {other}"));
    let args = format!("--create --schema events.json --table {other}.we\"ird-Ünïcode");
    assert_eq!(counts(&place.load(&args, events("a", [1])))[1], 1);
    assert_eq!(counts(&place.load(&args, events("a", [1])))[1], 0);
    assert_eq!(place.rows(&format!("SELECT n FROM {other}.\"we\"\"ird-Ünïcode\"")), ["1"]);
    assert_eq!(place.rows(&format!("SELECT target FROM {other}.etl_load")), ["we\"ird-Ünïcode"]);
    assert_eq!(
        place.count(&format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{}'", place.space.schema())),
        0
    );
    place.sql(&format!("DROP SCHEMA {other} CASCADE"));
}

#[test]
fn columns_are_added_when_that_is_asked_for() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE events (n bigint NOT NULL); INSERT INTO events VALUES (1)");
    let stream = sealed("a", &[r#"{"n":2,"text":"x"}"#]);
    let said = "has no column text, which schema events has (--evolve add-columns adds it)";
    refused(&place.load("--schema events.json", &stream), 78, said);
    place.load("--schema events.json --evolve add-columns", &stream).ok();
    assert_eq!(place.rows("SELECT * FROM events ORDER BY n"), ["1|NULL", "2|x"]);
    place.write(
        "wide.json",
        r#"{"properties":{"n":{"type":"integer"},"b":{"type":"number","description":"It's b.","x-unit":"kg"}}}"#,
    );
    place
        .load("--schema wide.json --table events --evolve add-columns", sealed("b", &[r#"{"n":3,"b":1}"#]))
        .ok();
    assert_eq!(place.rows("SELECT col_description('events'::regclass, 3)"), ["It's b. [kg]"]);
    place.sql("DROP TABLE events; CREATE TABLE events (n bigint, \"Text\" text)");
    let said = "names are taken as written, and the table has Text";
    refused(&place.load("--schema events.json", &stream), 78, said);
}

#[test]
fn a_lock_that_is_held_on_the_table_does_not_let_readers_queue_up() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE events (n bigint NOT NULL)");
    let mut reader = place.space.connect();
    reader.batch_execute("BEGIN; SELECT * FROM events").expect("the table is there");
    let args = "--schema events.json --evolve add-columns";
    let running = place.loader(args).stdin(sealed("a", &[r#"{"n":2,"text":"x"}"#])).spawn();
    running
        .wait_until_stderr_contains("canceling statement due to lock timeout (SQLSTATE 55P03); trying again");
    // Others can read between the attempts.
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
    reader.batch_execute("COMMIT").expect("it is ours");
    assert_eq!(counts(&running.finish())[1], 1);
}

#[test]
fn the_tables_own_columns_are_a_schema() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TYPE mood AS ENUM ('low', 'high');
         CREATE TABLE own (
           id bigint GENERATED ALWAYS AS IDENTITY,
           k text PRIMARY KEY,
           m mood NOT NULL DEFAULT 'low',
           n int NOT NULL DEFAULT 7,
           twice int GENERATED ALWAYS AS (n * 2) STORED,
           t time)",
    );
    let lines = [r#"{"k":"a"}"#, r#"{"k":"b","m":"high","n":1,"t":"10:00:00"}"#];
    assert_eq!(counts(&place.load("--table own", sealed("a", &lines))), [2, 2, 0, 0, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM own ORDER BY k"), ["1|a|low|7|14|NULL", "2|b|high|1|2|10:00:00"]);
    // The primary key was the key.
    assert_eq!(counts(&place.load("--table own", sealed("b", &[r#"{"k":"a","n":2}"#]))), [1, 0, 1, 0, 0, 0]);
    let refusals = [
        (r#"{"k":"c","m":"High"}"#, r#"field "m": "High" is not one of the column's values, low, high"#),
        (r#"{"k":"c","twice":1}"#, r#"field "twice": the schema"#),
        (r#"{"k":"c","id":1}"#, r#"field "id": the schema"#),
        (r#"{"n":1}"#, r#"field "k": required, but missing"#),
    ];
    for (line, said) in refusals {
        refused(&place.load("--table own --load-id x", sealed("c", &[line])), 3, said);
    }
}

#[test]
fn a_domain_has_a_default_and_a_not_null_of_its_own() {
    let place = PostgresFolder::new();
    place.sql("CREATE DOMAIN seven AS int NOT NULL DEFAULT 7; CREATE DOMAIN given AS int NOT NULL");
    place.sql("CREATE TABLE own (k text PRIMARY KEY, n seven, s given)");
    let ran = place.load("--table own", sealed("a", &[r#"{"k":"a","s":1}"#, r#"{"k":"b","n":1,"s":2}"#]));
    assert_eq!(counts(&ran)[1], 2);
    assert_eq!(place.rows("SELECT * FROM own ORDER BY k"), ["a|7|1", "b|1|2"]);
    let ran = place.load("--table own", sealed("b", &[r#"{"k":"a"}"#]));
    refused(&ran, 3, "line 2 (record 1, byte 41): field \"s\": required, but missing");
}

#[test]
fn a_key_that_the_server_fills_is_no_key() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE s (id serial PRIMARY KEY, v text);
         CREATE TABLE i (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v text)",
    );
    for table in ["s", "i"] {
        let args = format!("--table {table}");
        let lines = [r#"{"v":"a"}"#, r#"{"id":40,"v":"b"}"#, r#"{"v":"c"}"#];
        let ran = place.load(&args, sealed("a", &lines));
        assert_eq!(counts(&ran), [3, 3, 0, 0, 0, 0], "{table}");
        assert_eq!(place.rows(&format!("SELECT * FROM {table} ORDER BY id")), ["1|a", "2|c", "40|b"]);
    }
}

#[test]
fn an_identity_of_the_schema_keeps_the_values_of_the_records() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)");
    for (mode, updated) in [("append", 0), ("upsert", 1)] {
        let line = format!(r#"{{"id":41,"name":"{mode}"}}"#);
        let ran = place.load(&format!("--schema items.json --mode {mode}"), sealed(mode, &[&line]));
        assert_eq!(counts(&ran), [1, 1 - updated, updated, 0, 0, 0]);
    }
    assert_eq!(place.rows("SELECT * FROM items"), ["41|upsert"]);
}

#[test]
fn an_identity_that_no_update_can_set_is_not_left_as_it_was() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE t (k text PRIMARY KEY, id bigint GENERATED ALWAYS AS IDENTITY)");
    place.write(
        "t.json",
        r#"{"properties":{"k":{"type":"string"},"id":{"type":"integer"}},"required":["k"],"x-key":["k"]}"#,
    );
    let stream = sealed("a", &[r#"{"k":"a","id":41}"#]);
    assert_eq!(counts(&place.load("--schema t.json --mode ignore", &stream)), [1, 1, 0, 0, 0, 0]);
    let said = "t has column id, GENERATED ALWAYS AS IDENTITY, which no UPDATE can set (mode upsert)";
    refused(&place.load("--schema t.json", &stream), 78, said);
    assert_eq!(place.rows("SELECT * FROM t"), ["a|41"]);
}

#[test]
fn a_temporary_table_is_no_place_for_a_load() {
    let place = PostgresFolder::new();
    let ran = place.load("--schema events.json --create --table pg_temp.events", events("a", [1]));
    refused(&ran, 78, "table pg_temp.events: a temporary table ends with the load");
}

#[test]
fn plan_touches_nothing() {
    let place = PostgresFolder::new();
    let stream = sealed_as("openweather.current", "a", &[]);
    let ran = place.load("--plan", &stream);
    let text = &ran.ok().stdout;
    assert!(text.starts_with(&format!("-- table {}.openweather_current would be created (with --create); mode upsert, key (location, observed_at)\nCREATE TABLE", place.space.schema())), "{text}");
    for line in [
        "    \"temp\" double precision NOT NULL,",
        "-- temp: double precision as double precision",
        "-- the ledger would be created",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert_eq!(
        place.count(&format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{}'", place.space.schema())),
        0
    );
    // The statements that it prints can be run as they stand.
    place.sql(text);
    assert_eq!(counts(&place.load("", sealed_as("openweather.current", "a", &[])))[0], 0);
    let ran = place.load("--plan", &stream);
    assert!(ran.ok().stdout.contains("exists and fits"), "{}", ran.stdout);
    place.sql("CREATE TABLE odd (n money, text inet)");
    let ran = place.load("--plan --schema events.json --table odd", "");
    assert!(
        ran.ok()
            .stdout
            .contains("-- n: bigint as money, cast from its text by the server\n-- text: text as inet\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn segments_of_different_schemas_go_to_their_tables_together() {
    let place = PostgresFolder::new();
    let air = r#"{"location":"a","observed_at":"2026-11-23T02:00:00Z","fetched_at":"2026-11-23T02:00:01Z","aqi":1,"lat":1,"lon":2}"#;
    let now = r#"{"location":"a","observed_at":"2026-11-23T02:00:00Z","fetched_at":"2026-11-23T02:00:01Z","temp":8.4}"#;
    let segments = |bad: &str| {
        [
            sealed_as("openweather.current", "1", &[now]),
            sealed_as("openweather.air_pollution", "2", &[air]),
            sealed_as("openweather.current", "3", &[&now.replace("\"a\"", "\"b\""), bad]),
        ]
        .concat()
    };
    refused(&place.load("--create", segments("{}")), 3, "line 9");
    place.load("--create", segments(&now.replace("\"a\"", "\"c\""))).ok();
    assert_eq!(place.rows("SELECT location FROM openweather_current ORDER BY 1"), ["a", "b", "c"]);
    assert_eq!(place.rows("SELECT location FROM openweather_air_pollution"), ["a"]);
    assert_eq!(
        place.rows("SELECT target, load_id, records FROM etl_load ORDER BY load_id"),
        ["openweather_current|1|1", "openweather_air_pollution|2|1", "openweather_current|3|2"]
    );
}

#[test]
fn a_comment_that_the_databases_encoding_lacks_is_left_out() {
    let place = PostgresFolder::of(Server::shared().database());
    let name = format!("{}_latin1", place.space.database());
    place.sql(&format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"));
    let document = |column: &str| {
        format!(
            r#"{{"description":"Plain","properties":{{"n":{{"type":"integer","description":"a → b"}},
               "{column}":{{"type":"integer","description":"é"}}}}}}"#
        )
    };
    place.write("c.json", document("m"));
    place.write("names.json", document("→"));
    let load = |args: &str, line: &str| {
        place.loader(args).env("PGDATABASE", &name).stdin(sealed("a", &[line])).run()
    };
    let ran = load("--create --schema c.json --table public.t", r#"{"n":1,"m":2}"#);
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert_eq!(ran.stderr.matches("a comment is left out").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("has no equivalent in encoding \"LATIN1\""), "{}", ran.stderr);
    let ran = load("--create --schema names.json --table public.u", r#"{"n":1,"→":2}"#);
    refused(&ran, 78, "has no equivalent in encoding \"LATIN1\"");
    place.sql(&format!("DROP DATABASE {name}"));
}

#[test]
fn a_database_of_bytes_keeps_every_comment() {
    let place = PostgresFolder::of(Server::shared().database());
    let name = format!("{}_bytes", place.space.database());
    place.sql(&format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"));
    place.write(
        "c.json",
        r#"{"description":"Müll → 😀","properties":{"n":{"type":"integer","description":"a → b","x-unit":"°C"},"→":{"type":"string"}}}"#,
    );
    let load = |args: &str, line: &str| {
        place.loader(args).env("PGDATABASE", &name).stdin(sealed("a", &[line])).run()
    };
    let ran = load("--create --schema c.json --table public.t", r#"{"n":1,"→":"é"}"#);
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert!(!ran.stderr.contains("comment"), "{}", ran.stderr);
    // The client's encoding is UTF-8, so the bytes are those of the schema.
    let mut other = place.space.connect_to(&name);
    let row = other.query_one("SELECT obj_description('public.t'::regclass), col_description('public.t'::regclass, 1), \"→\" FROM public.t", &[]);
    let row = row.expect("a row");
    assert_eq!([0, 1, 2].map(|column| row.get::<_, String>(column)), ["Müll → 😀", "a → b [°C]", "é"]);
    drop(other);
    place.sql(&format!("DROP DATABASE {name}"));
}

#[test]
fn a_quoted_part_of_a_name_may_have_dots() {
    let place = PostgresFolder::new();
    let args = format!("--create --schema events.json --table {}.\"b.c\"", place.space.schema());
    let ran = place.load(&args, events("a", [1]));
    assert_eq!(counts(&ran)[1], 1);
    assert_eq!(counts(&place.load("--schema events.json --table \"b.c\"", events("b", [2])))[1], 1);
    assert_eq!(place.rows("SELECT n FROM \"b.c\" ORDER BY n"), ["1", "2"]);
    assert_eq!(place.rows("SELECT DISTINCT target FROM etl_load"), ["b.c"]);
}
