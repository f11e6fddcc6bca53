//! Targets that are not plain tables: they work, or are refused with a reason.

use etl_testkit::load::{counts, refused};
use etl_testkit::postgres::Server;

use crate::support::{PostgresFolder, ROWS, events, items};

#[test]
fn a_partitioned_table_takes_records_in_every_mode() {
    for mode in ["append", "upsert", "ignore", "replace"] {
        let place = PostgresFolder::new();
        // The partition has its columns in another order.
        place.sql(
            "CREATE TABLE items (id bigint, name text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
             CREATE TABLE low PARTITION OF items FOR VALUES FROM (MINVALUE) TO (10);
             CREATE TABLE high (name text, id bigint NOT NULL);
             ALTER TABLE items ATTACH PARTITION high FOR VALUES FROM (10) TO (20);
             INSERT INTO items VALUES (11, 'old')",
        );
        let rows: &[(i64, &str)] =
            if mode == "append" { &[(1, "a"), (12, "b")] } else { &[(1, "a"), (11, "b"), (11, "b")] };
        let ran = place.load(&format!("--schema items.json --mode {mode}"), items("a", rows));
        let (expected, left): ([u64; 6], &[&str]) = match mode {
            "append" => ([2, 2, 0, 0, 0, 0], &["1|a|low", "11|old|high", "12|b|high"]),
            "upsert" => ([3, 1, 1, 0, 1, 0], &["1|a|low", "11|b|high"]),
            "ignore" => ([3, 1, 0, 1, 1, 0], &["1|a|low", "11|old|high"]),
            _ => ([3, 2, 0, 0, 1, 0], &["1|a|low", "11|b|high"]),
        };
        assert_eq!(counts(&ran), expected, "{mode}");
        assert_eq!(place.rows("SELECT id, name, tableoid::regclass FROM items ORDER BY id"), left, "{mode}");
        let ran = place.load("--schema items.json --mode append", items("b", &[(2, "x"), (99, "y")]));
        refused(&ran, 3, "line 3 (record 2, byte 61): table");
        assert!(ran.last_error_line().contains("no partition of relation \"items\" found"));
        assert!(ran.last_error_line().ends_with(r#"; record id=99: {"id":99,"name":"y"}"#));
    }
}

#[test]
fn views_rules_and_foreign_tables_are_refused() {
    let place = PostgresFolder::of(Server::shared().database()).with_tables();
    place.sql(
        "CREATE VIEW view AS SELECT * FROM events;
         CREATE VIEW ruled AS SELECT * FROM events;
         CREATE RULE insert AS ON INSERT TO ruled DO INSTEAD INSERT INTO events VALUES (new.n);
         CREATE MATERIALIZED VIEW stored AS SELECT * FROM events;
         CREATE TABLE copied (n bigint, text text);
         CREATE RULE copy AS ON INSERT TO copied DO ALSO INSERT INTO events VALUES (new.n);
         CREATE SEQUENCE numbers;
         CREATE TYPE pair AS (n bigint, text text);
         CREATE EXTENSION postgres_fdw;
         CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere');
         CREATE FOREIGN TABLE remote (n bigint, text text) SERVER other;
         CREATE TABLE parts (n bigint, text text) PARTITION BY RANGE (n);
         CREATE FOREIGN TABLE remote_part PARTITION OF parts FOR VALUES FROM (0) TO (10) SERVER other",
    );
    let why = [
        ("view", "public.view is a view, into which rows cannot be loaded; name a table"),
        ("ruled", "public.ruled is a view"),
        ("stored", "public.stored is a view"),
        ("copied", "public.copied has rules ON INSERT, which COPY does not follow"),
        ("numbers", "public.numbers is a sequence"),
        ("remote", "public.remote is a foreign table, which cannot commit together with the ledger"),
        ("parts", "public.parts has partitions on another server"),
    ];
    for (table, said) in why {
        refused(&place.load(&format!("--schema events.json --table {table}"), events("a", [1])), 78, said);
    }
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
    // The type's name is taken, so no table can have it.
    let ran = place.load("--schema events.json --create --table pair", events("a", [1]));
    refused(&ran, 78, "public.pair is not a table");
}

#[test]
fn policies_are_followed() {
    let place = PostgresFolder::new().with_tables();
    place.sql(
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY small ON events USING (true) WITH CHECK (n < 10)",
    );
    let schema = place.space.schema().to_owned();
    let role = place.space.role(
        "limited",
        &[&format!("USAGE, CREATE ON SCHEMA {schema}"), &format!("SELECT, INSERT ON {schema}.events")],
    );
    let load = |stream: Vec<u8>| {
        let cmd = place.loader("--schema events.json");
        role.env().into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).stdin(stream).run()
    };
    assert_eq!(counts(&load(events("a", [1, 2])))[1], 2);
    refused(
        &load(events("b", [3, 11])),
        77,
        "new row violates row-level security policy for table \"events\"",
    );
    assert_eq!(place.rows(ROWS), ["1", "2"]);
}

#[test]
fn rules_on_update_are_refused_where_a_row_may_be_there() {
    let place = PostgresFolder::new().with_tables();
    place.sql("CREATE RULE quiet AS ON UPDATE TO items DO INSTEAD NOTHING");
    for mode in ["upsert", "ignore"] {
        let ran = place.load(&format!("--schema items.json --mode {mode}"), items("a", &[(1, "a")]));
        refused(&ran, 78, "items has rules ON UPDATE, which ON CONFLICT does not follow");
    }
    assert_eq!(counts(&place.load("--schema items.json --mode append", items("a", &[(1, "a")])))[1], 1);
}

#[test]
fn a_table_that_loses_its_key_just_before_the_load_is_refused() {
    let place = PostgresFolder::new().with_tables();
    place.load("--schema items.json", items("first", &[])).ok();
    let stream = items("a", &[(1, "a")]);
    let mut running = place.waiting("--schema items.json", &stream[..40]);
    place.sql("ALTER TABLE items DROP CONSTRAINT items_pkey");
    running.write(&stream[40..]);
    let ran = running.finish();
    refused(&ran, 78, "items has no unique index on (id)");
    assert!(ran.stderr.contains("was changed just before the load; trying again"), "{}", ran.stderr);
}

#[test]
fn a_table_that_changes_just_before_the_load_is_planned_again() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE events (n bigint NOT NULL, text varchar(9))");
    place.load("--schema events.json", events("first", [])).ok();
    let mut running = place.waiting("--schema events.json", &events("a", [1, 70_000])[..40]);
    // The column was a bigint and is narrower now; the bytes of the plan would be wrong.
    place.sql("ALTER TABLE events ALTER n TYPE smallint");
    running.write(&events("a", [1, 70_000])[40..]);
    let ran = running.finish();
    refused(&ran, 3, "field \"n\": 70000 is out of range for the column's type, smallint");
    assert!(ran.stderr.contains("was changed just before the load; trying again"), "{}", ran.stderr);
}
