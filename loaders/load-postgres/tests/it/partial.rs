//! Records that do not have all fields, in an upsert.

use etl_testkit::load::{counts, receipts, refused, sealed, sealed_as, strs};
use etl_testkit::partial::{SCHEMA, merged, mixed};

use crate::support::PostgresFolder;

fn place() -> PostgresFolder {
    let place = PostgresFolder::new();
    place.write("t.json", SCHEMA);
    place.sql("CREATE TABLE t (id bigint PRIMARY KEY, a bigint, b text, c numeric, d date)");
    place
}

#[test]
fn two_sources_fill_one_table() {
    let place = place();
    let args = "--schema t.json --absent keep";
    let first = sealed("1", &[r#"{"id":1,"a":1,"b":"one"}"#, r#"{"id":2,"a":2,"b":"two"}"#]);
    assert_eq!(counts(&place.load(args, first)), [2, 2, 0, 0, 0, 0]);
    let second = [
        r#"{"id":1,"c":1.50,"d":"2026-01-01"}"#,
        r#"{"id":2,"b":null,"c":2}"#,
        r#"{"id":3,"d":"2026-01-03"}"#,
    ];
    let ran = place.load(args, sealed("2", &second));
    assert_eq!(counts(&ran), [3, 1, 2, 0, 0, 0]);
    assert_eq!(receipts(&ran)[0].get("nulled"), None);
    let rows = ["1|1|one|1.50|2026-01-01", "2|2|NULL|2|NULL", "3|NULL|NULL|NULL|2026-01-03"];
    assert_eq!(place.rows("SELECT * FROM t ORDER BY id"), rows);
    // The same again changes nothing, also with other ids of segments.
    let ran = place.load(args, sealed("3", &second));
    assert_eq!(counts(&ran), [3, 0, 0, 3, 0, 0]);
    // Without the flag, what a record does not say is gone, and the receipt says so; an explicit null is none of it.
    let ran = place.load(
        "--schema t.json",
        sealed("4", &[r#"{"id":1,"a":1}"#, r#"{"id":2,"a":null,"b":"two","c":2}"#, r#"{"id":4}"#]),
    );
    assert_eq!(counts(&ran), [3, 1, 2, 0, 0, 0]);
    assert_eq!(receipts(&ran)[0]["nulled"], 1);
    let said = ".t: 1 row that existed has NULL now where the record does not have the field (--absent keep";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 records, 1 inserted, 2 updated, 1 nulled in "), "{}", ran.stderr);
    let rows =
        ["1|1|NULL|NULL|NULL", "2|NULL|two|2|NULL", "3|NULL|NULL|NULL|2026-01-03", "4|NULL|NULL|NULL|NULL"];
    assert_eq!(place.rows("SELECT * FROM t ORDER BY id"), rows);
}

#[test]
fn a_schema_says_which_columns_keep_their_values() {
    let place = place();
    let schema = SCHEMA.replace(r#""b":{"#, r#""b":{"x-keep":true,"#);
    place.sql("INSERT INTO t VALUES (1, 1, 'one', 1, '2026-01-01')");
    let ran = place.load("--table t", sealed_as(&schema, "1", &[r#"{"id":1,"a":2}"#]));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["nulled"]), ([1, 0, 1, 0, 0, 0], &1.into()));
    assert_eq!(place.rows("SELECT * FROM t"), ["1|2|one|NULL|NULL"]);
    // The flag says it of all columns, either way.
    place.load("--table t --absent keep", sealed_as(&schema, "2", &[r#"{"id":1,"c":3}"#])).ok();
    assert_eq!(place.rows("SELECT * FROM t"), ["1|2|one|3|NULL"]);
    place.load("--table t --absent null", sealed_as(&schema, "3", &[r#"{"id":1,"d":null}"#])).ok();
    assert_eq!(place.rows("SELECT * FROM t"), ["1|NULL|NULL|NULL|NULL"]);
}

#[test]
fn a_column_that_must_have_a_value_need_not_come_again() {
    let place = place();
    place.sql("ALTER TABLE t ALTER a SET NOT NULL; INSERT INTO t VALUES (1, 1, 'one')");
    let schema = SCHEMA.replace(r#"["integer","null"]"#, r#""integer""#);
    place.write("t.json", schema);
    let args = "--schema t.json --absent keep";
    assert_eq!(counts(&place.load(args, sealed("1", &[r#"{"id":1,"b":"uno"}"#]))), [1, 0, 1, 0, 0, 0]);
    assert_eq!(place.rows("SELECT id, a, b FROM t"), ["1|1|uno"]);
    let ran = place.load(args, sealed("2", &[r#"{"id":1,"b":"eins"}"#, r#"{"id":2,"b":"zwei"}"#]));
    refused(&ran, 3, "null value in column \"a\"");
    let args = format!("{args} --rejects bad.ndjson --max-rejects 1");
    let ran = place.load(&args, sealed("3", &[r#"{"id":1,"b":"eins"}"#, r#"{"id":2,"b":"zwei"}"#]));
    assert_eq!(counts(&ran), [2, 0, 1, 0, 0, 1]);
    assert_eq!(place.rows("SELECT id, a, b FROM t"), ["1|1|eins"]);
}

#[test]
fn records_merge_in_their_order_however_they_are_cut_into_loads() {
    let place = place();
    place.sql(
        "CREATE TABLE parts (LIKE t, PRIMARY KEY (id)) PARTITION BY RANGE (id);
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (6);
         CREATE TABLE rest PARTITION OF parts DEFAULT",
    );
    for seed in 0..8 {
        let lines = mixed(seed, 60);
        let rows = merged(&lines);
        let keys = rows.len() as u64;
        for (run, (table, more)) in [
            ("t", ""),
            ("t", "--commit-every 7 --seal off"),
            ("t", "--rejects bad.ndjson --max-rejects 1"),
            ("t", "--emit new"),
            ("parts", ""),
            ("parts", "--rejects bad.ndjson --max-rejects 1"),
        ]
        .into_iter()
        .enumerate()
        {
            place.sql(&format!("TRUNCATE {table}"));
            let args = format!("--table {table} --schema t.json --absent keep {more}");
            let stream = match more.contains("--seal off") {
                true => strs(&lines).join("\n").into_bytes(),
                false => sealed(&format!("{seed}-{run}"), &strs(&lines)),
            };
            let stream = if more.contains("--seal off") { [stream, b"\n".to_vec()].concat() } else { stream };
            let ran = place.load(&args, stream);
            ran.ok();
            assert_eq!(
                place.rows(&format!("SELECT * FROM {table} ORDER BY id")),
                rows,
                "{seed} {table} {more}"
            );
            if more.is_empty() || more.contains("--rejects") {
                let [records, inserted, updated, unchanged, superseded, rejected] = counts(&ran);
                let expected = (60, keys, 60 - keys, 0);
                let told = (records, inserted, updated + unchanged + superseded, rejected);
                assert_eq!(told, expected, "{seed} {table} {more}");
            }
        }
    }
}

#[test]
fn what_another_session_writes_meanwhile_is_kept() {
    let place = place();
    place.sql("INSERT INTO t VALUES (1, 1, 'one'), (2, 2, 'two')");
    let mut session = place.space.connect();
    let theirs = "BEGIN; INSERT INTO t (id, b) VALUES (3, 'theirs'); UPDATE t SET b = 'theirs' WHERE id = 2";
    session.batch_execute(theirs).expect("nobody else is here");
    let lines = [r#"{"id":1,"a":10}"#, r#"{"id":2,"a":20}"#, r#"{"id":3,"a":30}"#, r#"{"id":4,"a":40}"#];
    let running = place.loader("--schema t.json --absent keep").stdin(sealed("1", &lines)).spawn();
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE {} AND wait_event_type = 'Lock'",
        place.sessions()
    );
    place.space.wait_until(&waits, "1");
    session.batch_execute("COMMIT").expect("nobody hinders it");
    assert_eq!(counts(&running.finish()), [4, 1, 3, 0, 0, 0]);
    assert_eq!(
        place.rows("SELECT id, a, b FROM t ORDER BY id"),
        ["1|10|one", "2|20|theirs", "3|30|theirs", "4|40|NULL"]
    );
}

#[test]
fn a_trigger_that_keeps_a_row_as_it_is_fails_the_load() {
    let place = place();
    place.sql(
        "INSERT INTO t VALUES (1, 1), (2, 2);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW WHEN (old.id = 2) EXECUTE FUNCTION keep()",
    );
    let args = "--schema t.json --absent keep";
    let ran = place.load(args, sealed("1", &[r#"{"id":1,"a":5}"#, r#"{"id":2,"b":"x"}"#]));
    refused(
        &ran,
        3,
        "only 1 of 2 rows that differ were updated: a trigger on the table keeps rows as they are",
    );
    assert_eq!(place.rows("SELECT id, a, b FROM t ORDER BY id"), ["1|1|NULL", "2|2|NULL"]);
}

#[test]
fn keeping_needs_rows_that_exist() {
    let place = place();
    let usage = place.load("--schema t.json --absent keep --mode append", sealed("1", &[r#"{"id":1}"#]));
    refused(&usage, 2, "--absent keep is about rows that exist: it needs --mode upsert");
    place.sql("CREATE TABLE events (n bigint, text text)");
    let ran = place.load("--schema events.json --absent keep", sealed("1", &[r#"{"n":1}"#]));
    refused(&ran, 78, ".events (mode append): --absent keep is about rows that exist, so it needs a key");
    place.write("keep.json", SCHEMA.replace(r#""id":{"#, r#""id":{"x-keep":true,"#));
    let ran = place.load("--schema keep.json", sealed("1", &[r#"{"id":1}"#]));
    refused(&ran, 78, "property \"id\": x-keep: a record always has a required field");
    let airbyte =
        concat!(r#"{"type":"RECORD","record":{"stream":"t","data":{"id":1},"emitted_at":1}}"#, "\n");
    place.write(
        "catalog.json",
        r#"{"streams":[{"stream":{"name":"t","json_schema":{"properties":{"id":{"type":"integer"}}}},
            "sync_mode":"full_refresh","destination_sync_mode":"append_dedup","primary_key":[["id"]]}]}"#,
    );
    let args = "--format airbyte --seal off --catalog catalog.json --table t --absent keep";
    let ran = place.load(args, airbyte);
    ran.fails(2);
    assert!(
        ran.last_error_line().contains("an Airbyte source, which leaves out fields that are null"),
        "{}",
        ran.stderr
    );
}

#[test]
fn values_of_a_domain_are_kept() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0);
         CREATE TABLE t (id bigint PRIMARY KEY, a positive, b text); INSERT INTO t VALUES (1, 1, 'one'), (2, 2, 'two')",
    );
    let lines = [r#"{"id":1,"a":1}"#, r#"{"id":2,"b":"zwei"}"#, r#"{"id":3,"a":3}"#];
    for (round, more) in ["", " --rejects bad.ndjson --max-rejects 1", " --emit new"].into_iter().enumerate()
    {
        let ran = place.load(&format!("--table t --absent keep{more}"), sealed(&round.to_string(), &lines));
        ran.ok();
        assert_eq!(place.rows("SELECT * FROM t ORDER BY id"), ["1|1|one", "2|2|zwei", "3|3|NULL"], "{more}");
    }
    let ran = place.load("--table t --absent keep", sealed("bad", &[r#"{"id":1,"a":-1}"#]));
    refused(&ran, 3, "violates check constraint \"positive_check\"");
}
