//! Each refusal of the server has its exit code and its line.

use etl_testkit::load::{counts, many, plain, refused, sealed, strs};

use crate::support::{PostgresFolder, events, items};

#[test]
fn a_row_that_the_server_refuses_is_named_by_its_line() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE t (id int PRIMARY KEY CHECK (id < 100), kind text)");
    place.write(
        "t.json",
        r#"{"properties":{"id":{"type":"integer"},"kind":{"type":"string"}},"required":["id"]}"#,
    );
    // Blank lines, states and rejected records are lines of the input, but not rows of the COPY.
    let lines = ["{\"id\":1}", "", "{\"id\":\"x\"}", "{\"id\":2}", "{\"id\":100}"];
    place.write("in.ndjson", plain(&lines));
    let ran = place.loader("--schema t.json --input in.ndjson --rejects r --max-rejects 1").run();
    refused(&ran, 3, "line 5 (byte 30): new row for relation \"t\" violates");
    for said in [
        "violates check constraint \"t_id_check\"",
        "Failing row contains (100, null)",
        "(SQLSTATE 23514) (rejected record 2, --max-rejects 1); record: {\"id\":100}",
    ] {
        assert!(ran.last_error_line().contains(said), "{said}: {}", ran.last_error_line());
    }
    // The same after the COPY was sent in many parts.
    let mut lines: Vec<String> = (0..200_000).map(|n| format!("{{\"id\":{}}}", -n)).collect();
    lines[150_000] = "{\"id\":-7}".to_owned();
    let stream = sealed("long", &strs(&lines));
    refused(&place.load("--schema t.json", stream), 3, "line 150002 (record 150001, byte ");
    assert_eq!(place.count("SELECT count(*) FROM t"), 0);
}

#[test]
fn a_line_is_named_whatever_the_table_is_called() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE \"COPY t, line 7\" (n bigint CHECK (n < 9), text text)");
    let mut cmd = place.loader("--schema events.json").stdin(events("a", [1, 2, 10]));
    cmd = cmd.args(["--table", "COPY t, line 7"]);
    refused(&cmd.run(), 3, "line 4 (record 3, byte 57): table");
}

#[test]
fn a_refused_row_ends_a_long_load_before_its_end() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE events (n bigint CHECK (n > 0), text text)");
    let mut running = place.waiting(
        "--schema events.json",
        many("long", 1).split_inclusive(|b| *b == b'\n').take(2).collect::<Vec<_>>().concat(),
    );
    // The first record is refused, which shows after about 64 MiB, however much is still to come.
    let more = format!("{{\"n\":1,\"text\":\"{}\"}}\n", "x".repeat(1000)).repeat(1000);
    let writes = std::panic::AssertUnwindSafe(|| (0..512).for_each(|_| running.write(&more)));
    assert!(std::panic::catch_unwind(writes).is_err(), "it read 512 MB of a load that had failed");
    // What it was is no longer held.
    refused(&running.finish(), 3, "line 2 (record 1): table");
}

#[test]
fn constraints_of_other_kinds_fail_the_load() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE items (id bigint PRIMARY KEY, name text UNIQUE)");
    place.sql("CREATE TABLE children (id bigint, name text, FOREIGN KEY (id) REFERENCES parents)");
    let rows = items("a", &[(1, "same"), (2, "same")]);
    let ran = place.load("--schema items.json", &rows);
    refused(&ran, 3, "duplicate key value violates unique constraint \"items_name_key\"");
    assert!(ran.last_error_line().contains("Key (name)=(same)"), "{}", ran.last_error_line());
    let ran = place.load("--table children --seal off", "{\"id\":5}\n");
    refused(&ran, 3, "violates foreign key constraint \"children_id_fkey\"");
    place.sql("ALTER TABLE children ALTER CONSTRAINT children_id_fkey DEFERRABLE INITIALLY DEFERRED");
    let ran = place.load("--table children --seal off", "{\"id\":5}\n");
    refused(&ran, 3, "COMMIT: ");
    assert!(ran.last_error_line().contains("children_id_fkey"), "{}", ran.last_error_line());
    place.sql("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$");
    place.sql("CREATE TRIGGER no BEFORE INSERT ON children FOR EACH ROW EXECUTE FUNCTION no()");
    refused(&place.load("--table children --seal off", "{}\n"), 3, "not today");
    let counts = "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM children)";
    assert_eq!(place.rows(counts), ["0|0"]);
}

#[test]
fn a_trigger_that_keeps_rows_out_is_told() {
    let place = PostgresFolder::new().with_tables();
    place.sql(
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN IF to_jsonb(new) ->> TG_ARGV[0] = '2' THEN RETURN NULL; END IF; RETURN new; END $$;
         CREATE TRIGGER skip BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION skip('n');
         CREATE TRIGGER skip BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION skip('id')",
    );
    let said =
        "only 2 of 3 rows are in the table: a trigger on the table keeps rows out, or gives them another key";
    refused(&place.load("--schema events.json", events("a", [1, 2, 3])), 3, said);
    for mode in ["upsert", "ignore", "replace"] {
        let stream = items(mode, &[(1, "a"), (2, "b"), (3, "c")]);
        refused(&place.load(&format!("--schema items.json --mode {mode}"), stream), 3, said);
    }
    assert_eq!(place.rows("SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM events)"), ["0|0"]);
    place.load("--schema items.json", items("b", &[(1, "a"), (3, "c")])).ok();
}

#[test]
fn a_trigger_that_keeps_rows_as_they_are_is_told() {
    for partitioned in [false, true] {
        let place = PostgresFolder::new();
        let parts = if partitioned {
            " PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF items FOR VALUES FROM (0) TO (9)"
        } else {
            ""
        };
        place.sql(&format!("CREATE TABLE items (id bigint PRIMARY KEY, name text){parts}"));
        place.sql(
            "INSERT INTO items VALUES (1, 'one'), (2, 'two'), (3, 'three');
             CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN IF old.id = 1 THEN RETURN NULL; END IF; new.name = lower(new.name); RETURN new; END';
             CREATE TRIGGER keep BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION keep()",
        );
        let said = "only 1 of 2 rows that differ were updated: a trigger on the table keeps rows as they are";
        for emit in ["receipt", "new"] {
            let ran = place.load(
                &format!("--schema items.json --emit {emit}"),
                items("a", &[(1, "x"), (2, "y"), (3, "three")]),
            );
            refused(&ran, 3, said);
        }
        let all = "SELECT * FROM items ORDER BY id";
        assert_eq!(place.rows(all), ["1|one", "2|two", "3|three"]);
        // A row that the trigger lets change is changed, and one that it need not keep is not a failure; also in many
        // loads.
        let stream = [items("b", &[(1, "one"), (2, "Y")]), items("c", &[(1, "one"), (3, "Z")])].concat();
        let ran = place.load("--schema items.json --commit-every 1 --emit none", stream);
        assert!(ran.ok().stderr.contains("4 records in 2 loads"), "{}", ran.stderr);
        assert_eq!(place.rows(all), ["1|one", "2|y", "3|z"]);
    }
}

#[test]
fn a_ledger_that_does_not_keep_its_rows_fails_the_load() {
    let place = PostgresFolder::new().with_tables();
    place.load("--schema events.json", events("first", [])).ok();
    place.sql(
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER skip BEFORE INSERT ON etl_load FOR EACH ROW EXECUTE FUNCTION skip()",
    );
    let said = "the ledger does not have the row of this load: a trigger or a policy on it keeps the row out";
    refused(&place.load("--schema events.json", events("a", [1])), 78, said);
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
}

#[test]
fn a_stamp_that_does_not_fit_is_no_fault_of_the_records() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE events (n bigint, text text, _etl_load_id varchar(5), _etl_loaded_at timestamptz)",
    );
    let args = "--schema events.json --stamp --rejects r --max-rejects 9 --load-id too-long";
    let said = "column _etl_load_id: the stamp is longer than the 5 characters of its column";
    refused(&place.load(args, events("a", [1])), 78, said);
    let ran = place.load("--schema events.json --stamp --load-id short", events("a", [1]));
    assert_eq!(counts(&ran)[1], 1);
}

#[test]
fn what_is_not_there_is_configuration() {
    let place = PostgresFolder::new();
    let load = |args: &str| place.load(args, events("a", [1]));
    refused(&load("--schema events.json"), 78, "events does not exist (--create creates it)");
    refused(&load("--table events"), 78, "events does not exist, and no --schema says what to create");
    refused(
        &load("--schema events.json --table no.events --create"),
        78,
        "schema \"no\" does not exist; run: CREATE SCHEMA \"no\"",
    );
    refused(&load("--schema events.json --table a.b.c"), 78, "a table is named TABLE or SCHEMA.TABLE");
    let long = "x".repeat(64);
    refused(&load(&format!("--schema events.json --create --table {long}")), 78, "longer than 63 bytes");
    refused(&load("--schema events.json --create --table etl_load"), 78, "the name is reserved");
    let ran = place.loader("--schema events.json").env("PGDATABASE", "no_such").stdin(events("a", [1])).run();
    refused(&ran, 78, "database \"no_such\" does not exist");
    let options = format!("-c search_path={} -c default_transaction_read_only=on", place.space.schema());
    let ran =
        place.loader("--create --schema events.json").env("PGOPTIONS", options).stdin(events("a", [1])).run();
    refused(&ran, 78, "the server accepts no writes");
    let ran = place
        .loader("--create --schema events.json")
        .env("PGOPTIONS", "-c search_path=nowhere")
        .stdin(events("a", [1]))
        .run();
    refused(&ran, 78, "the search_path names no schema that exists");
}

#[test]
fn credentials_are_checked_before_anything_is_read() {
    let place = PostgresFolder::new();
    // Stdin stays open: the loader does not wait for it to close.
    let running = place.loader("--schema events.json").env("PGPASSWORD", "wrong").stdin_open().spawn();
    let ran = running.wait();
    refused(&ran, 77, "password authentication failed for user \"postgres\"");
    let ran = place.loader("").env("PGPASSWORD", "").stdin_open().spawn().wait();
    refused(&ran, 78, "PGPASSWORD is set but empty");
    let ran = place.loader("").env("PGPORT", "1").stdin_open().spawn().wait();
    refused(&ran, 75, "127.0.0.1:1/postgres");
    let ran = place.loader("--schema events.json --table nothing").stdin_open().spawn().wait();
    refused(&ran, 78, "nothing does not exist");
}

#[test]
fn a_statement_that_is_cancelled_may_be_run_again() {
    let place = PostgresFolder::new().with_tables();
    let mut holder = place.space.connect();
    holder.batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").expect("nobody has it");
    let running = place.loader("--schema events.json").stdin(events("a", [1])).spawn();
    let waits = format!(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {} AND wait_event_type = 'Lock'",
        place.sessions()
    );
    place.space.wait_until(&waits, "t");
    refused(&running.finish(), 75, "canceling statement due to user request");
    // The role's timeouts do not count in a load; only locks for creating something have a timeout.
    let mut place = place;
    let options =
        format!("-c search_path={} -c statement_timeout=1500 -c lock_timeout=1500", place.space.schema());
    place.set("PGOPTIONS", &options);
    let running = place.loader("--schema events.json").stdin(events("a", [1])).spawn();
    running.wait_until_stderr_contains("waiting for the server for 3 s");
    holder.batch_execute("ROLLBACK").expect("it is ours");
    running.finish().ok();
    assert_eq!(place.count("SELECT count(*) FROM events"), 1);
}
