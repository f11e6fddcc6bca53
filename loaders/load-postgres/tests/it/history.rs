//! `--mode history`: every version of a row is kept. `x-deleted`: a record says that its row is gone.

use etl_testkit::history::{Counts, ODD, ODD_LINES, ODD_ROWS, SCHEMA, Versions, at, mixed, told};
use etl_testkit::load::{counts, printed, receipts, refused, sealed, sealed_as, strs};
use etl_testkit::run::Signal;

use crate::support::{PostgresFolder, items};

/// The versions in a table of [`SCHEMA`], with times in quarters of a second.
fn versions(table: &str) -> String {
    let quarters = |time: &str| format!("(extract(epoch FROM {time} - '2026-01-01Z'::timestamptz) * 4)::int");
    format!(
        "SELECT id, a, b, {}, {}, is_current::int FROM {table} ORDER BY id, valid_from",
        quarters("valid_from"),
        quarters("valid_to")
    )
}

fn place() -> PostgresFolder {
    let place = PostgresFolder::new();
    place.write("t.json", SCHEMA);
    place
}

const ARGS: &str = "--schema t.json --mode history --create";

#[test]
fn a_changed_record_ends_a_version_and_begins_the_next() {
    let place = place();
    let line = |id: u8, quarters: u32, a: u8| format!(r#"{{"id":{id},"at":"{}","a":{a}}}"#, at(quarters));
    let ran = place.load(ARGS, sealed("1", &[&line(1, 0, 1), &line(2, 0, 2)]));
    assert_eq!(counts(&ran), [2, 2, 0, 0, 0, 0]);
    // The same values at a later time are no version.
    let ran = place.load(ARGS, sealed("2", &[&line(1, 4, 1), &line(2, 4, 20), &line(3, 4, 3)]));
    assert_eq!(counts(&ran), [3, 2, 0, 1, 0, 0]);
    assert_eq!(receipts(&ran)[0]["mode"], "history");
    let rows = ["1|1|NULL|0|NULL|1", "2|2|NULL|0|4|0", "2|20|NULL|4|NULL|1", "3|3|NULL|4|NULL|1"];
    assert_eq!(place.rows(&versions("t")), rows);
    // Three versions of one key in one load, not in their order; two at one time; one that comes too late.
    let lines = [line(1, 9, 7), line(1, 8, 5), line(1, 6, 4), line(1, 8, 6), line(2, 3, 0), line(3, 4, 33)];
    let ran = place.load(ARGS, sealed("3", &strs(&lines)));
    let counts = Counts { inserted: 3, updated: 1, superseded: 1, too_old: 1, ..Counts::default() };
    assert_eq!(told(&ran), counts);
    let said = ".t: 1 record was left out: it is older than the version of its key that the table has";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let rows = [
        "1|1|NULL|0|6|0",
        "1|4|NULL|6|8|0",
        "1|6|NULL|8|9|0",
        "1|7|NULL|9|NULL|1",
        "2|2|NULL|0|4|0",
        "2|20|NULL|4|NULL|1",
        "3|33|NULL|4|NULL|1",
    ];
    assert_eq!(place.rows(&versions("t")), rows);
    let index =
        "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 't' ORDER BY 1";
    let schema = place.space.schema();
    let indexes = [
        format!("CREATE UNIQUE INDEX t_id_idx ON {schema}.t USING btree (id) WHERE is_current"),
        format!("CREATE UNIQUE INDEX t_pkey ON {schema}.t USING btree (id, valid_from)"),
    ];
    assert_eq!(place.rows(index), indexes);
    let comment = "SELECT col_description('t'::regclass, attnum) FROM pg_attribute
                   WHERE attrelid = 't'::regclass AND attname = 'valid_to'";
    assert_eq!(place.rows(comment), ["Until when it held; NULL while it does."]);
}

#[test]
fn versions_are_those_of_a_model_however_records_come() {
    let place = place();
    place.sql(
        "CREATE TABLE parts (id bigint, at timestamptz NOT NULL, gone boolean, a bigint, b text, valid_from timestamptz,
           valid_to timestamptz, is_current boolean NOT NULL, PRIMARY KEY (id, valid_from)) PARTITION BY RANGE (id);
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (3);
         CREATE TABLE rest PARTITION OF parts DEFAULT",
    );
    for (round, (table, more)) in [
        ("t", ""),
        ("t", "--rejects bad.ndjson --max-rejects 1"),
        ("t", "--emit new"),
        ("parts", ""),
        ("parts", "--rejects bad.ndjson --max-rejects 1"),
    ]
    .into_iter()
    .enumerate()
    {
        for seed in 0..6 {
            if seed > 0 || table == "parts" || round > 0 {
                place.sql(&format!("TRUNCATE {table}"));
            }
            let mut model = Versions::default();
            for (load, count) in [1, 40, 7, 60, 25].into_iter().enumerate() {
                // Later loads have later records among theirs.
                let lines = mixed(seed * 10 + load as u64, count, 10 + 5 * load as u32);
                let args = format!("{ARGS} --table {table} {more}");
                let ran = place.load(&args, sealed(&format!("{round}-{seed}-{load}"), &strs(&lines)));
                ran.ok();
                let expected = model.load(&lines);
                let context = format!("{table} {more} {seed} {load}");
                if more == "--emit new" {
                    let new = printed(&ran.stdout).len() as u64 - 2;
                    assert_eq!(new, expected.inserted, "{context}");
                } else {
                    assert_eq!(told(&ran), expected, "{context}");
                }
                assert_eq!(place.rows(&versions(table)), model.rows(), "{context}");
            }
        }
    }
}

#[test]
fn without_a_time_the_load_says_when() {
    let place = PostgresFolder::new();
    let args =
        "--schema items.json --mode history --create --valid-from since --valid-to until --is-current now";
    let before = place.rows("SELECT clock_timestamp()");
    place.load(args, items("1", &[(1, "one"), (2, "two")])).ok();
    let ran = place.load(args, items("2", &[(1, "one"), (2, "zwei"), (2, "deux")]));
    assert_eq!(counts(&ran), [3, 1, 0, 1, 1, 0]);
    assert_eq!(
        place.rows("SELECT id, name, now, until IS NULL FROM items ORDER BY id, since"),
        ["1|one|t|t", "2|two|f|f", "2|deux|t|t"]
    );
    let chained =
        "SELECT count(*) FROM items a JOIN items b USING (id) WHERE a.until = b.since AND a.since < a.until";
    assert_eq!(place.count(chained), 1);
    let within =
        format!("SELECT count(*) FROM items WHERE since BETWEEN '{}' AND clock_timestamp()", before[0]);
    assert_eq!(place.count(&within), 3);
    // The table's own columns are a schema, too.
    let own = args.replace("--schema items.json", "--table items");
    let ran = place.load(&own, sealed("3", &[r#"{"id":1,"name":"uno"}"#]));
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert_eq!(place.rows("SELECT name FROM items WHERE now ORDER BY id"), ["uno", "deux"]);
}

#[test]
fn rows_that_the_load_does_not_have_are_closed() {
    let place = place();
    let args = format!("{ARGS} --absent-rows close");
    let mut model = Versions::default();
    for (load, count) in [8, 5, 12, 3].into_iter().enumerate() {
        let lines = mixed(load as u64, count, 10 + 5 * load as u32);
        let ran = place.load(&args, sealed(&load.to_string(), &strs(&lines)));
        let mut expected = model.load(&lines);
        expected.closed += model.close_others(&lines);
        assert_eq!(told(&ran), expected, "{load}");
        assert_eq!(place.rows(&versions("t")), model.rows(), "{load}");
    }
    let before = place.rows(&versions("t"));
    refused(
        &place.load(&args, sealed("none", &[])),
        3,
        "there are no records, so all current versions would end",
    );
    let one = [format!(r#"{{"id":77,"at":"{}"}}"#, at(100))];
    let ran = place.load(&format!("{args} --max-shrink 10%"), sealed("one", &strs(&one)));
    refused(&ran, 3, "% fewer; --max-shrink allows 10%");
    let ran = place.load(&args, format!("{}\n", one[0]));
    refused(&ran, 2, "--absent-rows needs a sealed stream");
    refused(&place.load("--schema t.json --absent-rows close", ""), 2, "it needs --mode history");
    let ran = place.load("--schema t.json --mode history --absent-rows delete", "");
    refused(&ran, 2, "it needs --mode upsert");
    assert_eq!(place.rows(&versions("t")), before);
    // Without records the load's own time counts.
    let ran = place.load(&format!("{args} --allow-empty"), sealed("none", &[]));
    let current = before.iter().filter(|row| row.ends_with("|1")).count() as u64;
    assert_eq!((told(&ran).closed, place.count("SELECT count(*) FROM t WHERE is_current")), (current, 0));
    assert_eq!(
        place.count("SELECT count(*) FROM t WHERE valid_to > now() - interval '1 hour'"),
        current as i64
    );
}

#[test]
fn a_record_that_is_gone_deletes_its_row() {
    let place = place();
    place.sql("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, gone boolean, a bigint UNIQUE, b text)");
    let line = |id: u8, a: u8, gone: &str| format!(r#"{{"id":{id},"at":"{}","a":{a}{gone}}}"#, at(0));
    let gone = r#","gone":true"#;
    let args = "--schema t.json";
    place.load(args, sealed("1", &[&line(1, 1, ""), &line(2, 2, ""), &line(3, 3, r#","gone":false"#)])).ok();
    // Of a key that comes twice the last one counts; what a deleted row had is free for another one.
    let lines = [
        line(1, 9, ""),
        line(1, 1, gone),
        line(2, 2, gone),
        line(2, 7, ""),
        line(5, 1, ""),
        line(6, 6, gone),
    ];
    for more in ["", "--rejects bad.ndjson --max-rejects 1"] {
        let ran = place.load(&format!("{args} {more}"), sealed(&format!("2{more}"), &strs(&lines)));
        let first = more.is_empty();
        let changed = if first { [6, 1, 1, 1, 2, 0] } else { [6, 0, 0, 4, 2, 0] };
        assert_eq!(counts(&ran), changed);
        assert_eq!(receipts(&ran)[0].get("deleted"), first.then_some(&1.into()));
        assert_eq!(place.rows("SELECT id, a FROM t ORDER BY id"), ["2|7", "3|3", "5|1"]);
    }
    assert!(
        place
            .load(args, sealed("3", &[&line(2, 2, gone)]))
            .stderr
            .contains("1 record, 0 inserted, 1 deleted in ")
    );
    // A time says the same.
    let schema = SCHEMA.replace(
        r#""gone":{"type":["boolean","null"]}"#,
        r#""gone":{"type":["string","null"],"format":"date-time"}"#,
    );
    place.sql("ALTER TABLE t ALTER gone TYPE timestamptz USING NULL");
    let lines = [line(3, 3, r#","gone":"2026-02-01T00:00:00Z""#), line(5, 5, r#","gone":null"#)];
    let ran = place.load("--table t", sealed_as(&schema, "4", &strs(&lines)));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["deleted"]), ([2, 0, 1, 0, 0, 0], &1.into()));
    assert_eq!(place.rows("SELECT id, a FROM t"), ["5|5"]);
    // A row that others refer to stays, and its record is set aside.
    place.sql("CREATE TABLE child (t bigint REFERENCES t); INSERT INTO child VALUES (5)");
    let lines = [line(5, 5, r#","gone":"2026-02-01T00:00:00Z""#), line(8, 8, "")];
    let ran = place.load("--table t", sealed_as(&schema, "5", &strs(&lines)));
    refused(&ran, 3, "violates foreign key constraint");
    let ran =
        place.load("--table t --rejects bad.ndjson --max-rejects 1", sealed_as(&schema, "6", &strs(&lines)));
    assert_eq!(counts(&ran), [2, 1, 0, 0, 0, 1]);
    let ran = place.load("--table t --absent keep", sealed_as(&schema, "7", &strs(&lines)));
    refused(&ran, 78, "has x-deleted, so its records say all of a row");
    place.sql("CREATE RULE kept AS ON DELETE TO t DO INSTEAD NOTHING");
    let ran = place.load("--table t", sealed_as(&schema, "8", &strs(&lines)));
    refused(&ran, 78, "has rules ON DELETE; rows that they keep would remain");
    // Elsewhere it is a column like any other, and it may be a text.
    place.sql("CREATE TABLE log (id bigint, at timestamptz, gone text, a bigint, b text)");
    place
        .load("--schema t.json --table log --mode append", sealed("9", &[&line(1, 1, gone), &line(2, 2, "")]))
        .ok();
    assert_eq!(place.rows("SELECT id, gone FROM log ORDER BY id"), ["1|true", "2|NULL"]);
    place.sql("ALTER TABLE log ADD PRIMARY KEY (id)");
    let ran = place.load("--schema t.json --table log", sealed("10", &[&line(1, 1, gone), &line(2, 2, "")]));
    assert_eq!((counts(&ran), place.count("SELECT count(*) FROM log")), ([2, 0, 0, 1, 0, 0], 1));
}

#[test]
fn versions_that_the_server_refuses_are_set_aside() {
    let place = place();
    place.sql(
        "CREATE TABLE t (id bigint, at timestamptz, gone boolean, a bigint CONSTRAINT small CHECK (a < 1000), b text,
           valid_from timestamptz, valid_to timestamptz, is_current boolean, PRIMARY KEY (id, valid_from));
         CREATE UNIQUE INDEX ON t (id) WHERE is_current",
    );
    // Three versions of each of 4,000 keys; of some the second or the last one is refused.
    let line = |id: u32, version: u32| {
        let bad = (version == 1 && id % 1000 == 7) || (version == 2 && id == 5);
        let a = if bad { 1000 + version } else { version };
        format!(r#"{{"id":{id},"at":"{}","a":{a}}}"#, at(version))
    };
    let lines: Vec<String> = (0..12_000).map(|n| line(n % 4000, 2 - n / 4000)).collect();
    let args = "--schema t.json --mode history --rejects bad.ndjson --max-rejects";
    refused(
        &place.load(&format!("{args} 4"), sealed("1", &strs(&lines))),
        3,
        "(rejected record 5, --max-rejects 4)",
    );
    assert_eq!(place.count("SELECT count(*) FROM t"), 0);
    let ran = place.load(&format!("{args} 5"), sealed("2", &strs(&lines)));
    assert_eq!(counts(&ran), [12_000, 11_995, 0, 0, 0, 5]);
    assert_eq!(place.count("SELECT count(*) FROM t WHERE is_current AND valid_to IS NULL"), 4000);
    let of = "SELECT a, (extract(epoch FROM valid_from - '2026-01-01Z') * 4)::int, (extract(epoch FROM valid_to - '2026-01-01Z') * 4)::int
              FROM t WHERE id = ";
    assert_eq!(place.rows(&format!("{of} 6 ORDER BY 2")), ["0|0|1", "1|1|2", "2|2|NULL"]);
    assert_eq!(place.rows(&format!("{of} 7 ORDER BY 2")), ["0|0|2", "2|2|NULL"]);
    assert_eq!(place.rows(&format!("{of} 5 ORDER BY 2")), ["0|0|1", "1|1|NULL"]);
    let bad = printed(&place.read("bad.ndjson"));
    let lines: Vec<(u64, &str)> = bad[1..bad.len() - 1]
        .iter()
        .map(|reject| (reject["line"].as_u64().unwrap(), reject["constraint"].as_str().unwrap()))
        .collect();
    let small = [7, 4009, 5009, 6009, 7009].map(|line| (line, "small"));
    assert_eq!(lines, small);
}

#[test]
fn two_loads_at_once_follow_one_another() {
    let place = PostgresFolder::new();
    let args = "--schema items.json --mode history --create";
    place.load(args, items("0", &[(1, "zero")])).ok();
    let streams: Vec<_> =
        (1..=4).map(|n| items(&n.to_string(), &[(1, &format!("{n}")), (n + 10, "own")])).collect();
    let running: Vec<_> = streams.iter().map(|stream| place.loader(args).stdin(stream).spawn()).collect();
    for running in running {
        running.finish().ok();
    }
    assert_eq!(place.count("SELECT count(*) FROM items"), 9);
    // One chain without a gap.
    let chained = "SELECT count(*) FROM items a JOIN items b ON a.id = b.id AND a.valid_to = b.valid_from";
    assert_eq!((place.count(chained), place.count("SELECT count(*) FROM items WHERE is_current")), (4, 5));
}

#[test]
fn a_load_that_is_killed_leaves_no_version() {
    let place = PostgresFolder::new();
    let args = "--schema items.json --mode history --create";
    place.load(args, items("0", &[(1, "one"), (2, "two")])).ok();
    // The first version has ended, and the next one waits for a lock of somebody else.
    place.sql(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN PERFORM pg_advisory_xact_lock(hashtext(current_schema())); RETURN NEW; END';
         CREATE TRIGGER wait BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let mut session = place.space.connect();
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock(hashtext('{}'))", place.space.schema());
    session.batch_execute(&lock).expect("nobody else is here");
    let running = place.loader(args).stdin(items("1", &[(1, "uno"), (3, "tres")])).spawn();
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE {} AND wait_event = 'advisory'",
        place.sessions()
    );
    place.space.wait_until(&waits, "1");
    running.kill(Signal::KILL);
    running.finish();
    session.batch_execute("COMMIT").expect("a session");
    place.wait_for_end();
    assert_eq!(place.rows("SELECT id, name, is_current FROM items ORDER BY id"), ["1|one|t", "2|two|t"]);
    let ran = place.load(args, items("1", &[(1, "uno"), (3, "tres")]));
    assert_eq!(counts(&ran), [2, 2, 0, 0, 0, 0]);
}

#[test]
fn what_cannot_be_a_history_is_refused() {
    let place = place();
    let table = "CREATE TABLE t (id bigint, at timestamptz, gone boolean, a bigint, b text";
    let load = |more: &str| place.load(&format!("--schema t.json --mode history {more}"), sealed("1", &[]));
    for (rest, code, said) in [
        (")", 78, ".t: it has no column valid_from, which says when a version holds"),
        (
            ", valid_from timestamp, valid_to timestamptz, is_current boolean)",
            78,
            "column valid_from is timestamp without time zone, not timestamp with time zone like column at",
        ),
        (
            ", valid_from timestamptz, valid_to timestamptz NOT NULL, is_current boolean)",
            78,
            "column valid_to is NOT NULL, but NULL while a version holds",
        ),
        (
            ", valid_from timestamptz, valid_to timestamptz, is_current int)",
            78,
            "column is_current is integer, not boolean",
        ),
        (
            ", valid_from timestamptz, valid_to timestamptz, is_current boolean)",
            78,
            "run: CREATE UNIQUE INDEX ON ",
        ),
        (
            ", valid_from timestamptz, valid_to timestamptz, is_current boolean); CREATE UNIQUE INDEX ON t (id) WHERE is_current",
            78,
            ".\"t\" (\"id\", \"valid_from\") (mode history)",
        ),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS t; {table}{rest}"));
        refused(&load(""), code, said);
    }
    place.sql("DROP TABLE t");
    refused(&load("--create --valid-from a"), 78, "schema t has a column a, which mode history adds");
    refused(
        &load("--create --valid-from x --is-current X"),
        2,
        "--valid-from and --is-current name one column, X",
    );
    refused(&place.load("--schema t.json --valid-from x", ""), 2, "name columns of --mode history");
    refused(&place.load("--schema events.json --mode history --create", ""), 78, "mode history needs a key");
    let kept = SCHEMA.replace(r#""b":{"#, r#""b":{"x-keep":true,"#);
    let ran = place.load("--table t --mode history --create", sealed_as(&kept, "1", &[]));
    refused(&ran, 78, "column b has x-keep, but in mode history each record is a version of its own");
    // A record without a time has no beginning.
    let schema = SCHEMA.replace(r#""required":["id","at"]"#, r#""required":["id"]"#);
    let ran = place.load("--table t --mode history --create", sealed_as(&schema, "2", &[r#"{"id":1}"#]));
    refused(&ran, 3, "field \"at\": null, but its column in ");
}

#[test]
fn names_of_columns_are_no_names_of_ours() {
    let place = place();
    for (round, more) in ["", "--rejects bad.ndjson --max-rejects 1", "--emit new"].into_iter().enumerate() {
        let args = format!("--table odd_{round} --mode history --stamp --create {more}");
        place.load(&args, sealed_as(ODD, &round.to_string(), &ODD_LINES)).ok();
        let rows =
            format!("SELECT key, until, new, valid_from, valid_to FROM odd_{round} ORDER BY key, valid_from");
        assert_eq!(place.rows(&rows), ODD_ROWS, "{more}");
    }
}

#[test]
fn a_column_may_have_a_domain() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN short AS varchar(3) NOT NULL DEFAULT '-';
         CREATE TABLE t (id bigint, a positive, b short, valid_from timestamptz, valid_to timestamptz, is_current boolean NOT NULL,
           PRIMARY KEY (id, valid_from)); CREATE UNIQUE INDEX ON t (id) WHERE is_current",
    );
    let aside = "--rejects bad.ndjson --max-rejects 1";
    let load = |more: &str, id: &str, lines: &[&str]| {
        place.load(&format!("--table t --mode history {more}"), sealed(id, lines))
    };
    load("", "1", &[r#"{"id":1,"a":1}"#, r#"{"id":2,"a":2,"b":"x"}"#]).ok();
    let next = [r#"{"id":1,"a":3}"#, r#"{"id":1,"a":3}"#, r#"{"id":2,"a":2,"b":"x"}"#, r#"{"id":3,"a":-1}"#];
    refused(&load("", "2", &next), 3, "violates check constraint \"positive_check\"");
    assert_eq!(counts(&load(aside, "3", &next)), [4, 1, 0, 1, 1, 1]);
    assert_eq!(counts(&load("", "4", &next[..3])), [3, 0, 0, 2, 1, 0]);
    assert_eq!(place.rows("SELECT id, a, b FROM t WHERE is_current ORDER BY id"), ["1|3|-", "2|2|x"]);
}
