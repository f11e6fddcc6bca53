//! `--mode history`: every version of a row is kept. `x-deleted`: a record says that its row is gone.

use etl_testkit::history::{Counts, ODD, ODD_LINES, ODD_ROWS, SCHEMA, Versions, at, mixed, told};

use crate::support::*;

/// The versions in a table of [`SCHEMA`], with times in quarters of a second.
fn versions(place: &SqliteFolder) -> Vec<String> {
    let quarters = |time: &str| {
        format!("CAST(round((julianday({time}) - julianday('2026-01-01')) * 345600) AS INTEGER)")
    };
    place.plain_rows(&format!(
        "SELECT id, a, b, {}, CASE WHEN valid_to IS NOT NULL THEN {} END, is_current FROM t ORDER BY id, julianday(valid_from)",
        quarters("valid_from"),
        quarters("valid_to")
    ))
}

fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.write("t.json", SCHEMA);
    place
}

const ARGS: &str = "--schema t.json --mode history";

#[test]
fn a_changed_record_ends_a_version_and_begins_the_next() {
    let place = place();
    let line = |id: u8, quarters: u32, a: u8| format!(r#"{{"id":{id},"at":"{}","a":{a}}}"#, at(quarters));
    assert_eq!(counts(&place.load(ARGS, sealed("1", &[&line(1, 0, 1), &line(2, 0, 2)]))), [2, 2, 0, 0, 0, 0]);
    let ran = place.load(ARGS, sealed("2", &[&line(1, 4, 1), &line(2, 4, 20), &line(3, 4, 3)]));
    assert_eq!(counts(&ran), [3, 2, 0, 1, 0, 0]);
    // A fraction of a second is later than the second, though its text comes first.
    let lines = [line(1, 9, 7), line(1, 8, 5), line(1, 6, 4), line(1, 8, 6), line(2, 3, 0), line(3, 4, 33)];
    let ran = place.load(ARGS, sealed("3", &strs(&lines)));
    let counts = Counts { inserted: 3, updated: 1, superseded: 1, too_old: 1, ..Counts::default() };
    assert_eq!(told(&ran), counts);
    let said = "t: 1 record was left out: it is older than the version of its key that the table has";
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
    assert_eq!(versions(&place), rows);
    assert_eq!(
        place.plain_rows("SELECT valid_from, valid_to FROM t WHERE a = 4"),
        ["2026-01-01T00:00:01.5Z|2026-01-01T00:00:02Z"]
    );
    let index = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 't' AND sql IS NOT NULL";
    let sql = "CREATE UNIQUE INDEX 't_is_current' ON 't' ('id') WHERE 'is_current'";
    assert_eq!(place.plain_rows(index), [sql.replace('\'', "\\")]);
}

#[test]
fn versions_are_those_of_a_model_however_records_come() {
    for (round, more) in [
        "",
        "--rejects bad.ndjson --max-rejects 1",
        "--emit new",
        "--emit new --rejects bad.ndjson --max-rejects 1",
    ]
    .into_iter()
    .enumerate()
    {
        for seed in 0..6 {
            let place = place();
            let mut model = Versions::default();
            for (load, count) in [1, 40, 7, 60, 25].into_iter().enumerate() {
                // Later loads have later records among theirs.
                let lines = mixed(seed * 10 + load as u64, count, 10 + 5 * load as u32);
                let ran =
                    place.load(&format!("{ARGS} {more}"), sealed(&format!("{round}-{load}"), &strs(&lines)));
                ran.ok();
                let expected = model.load(&lines);
                if more.contains("new") {
                    let new = printed(&ran.stdout).len() as u64 - 2;
                    assert_eq!(new, expected.inserted, "{more} {seed} {load}");
                } else {
                    // In parts, a record replaces the one of the same time.
                    assert_eq!(told(&ran), expected, "{more} {seed} {load}");
                }
                assert_eq!(versions(&place), model.rows(), "{more} {seed} {load}");
            }
            place.assert_sound();
        }
    }
}

#[test]
fn without_a_time_the_load_says_when() {
    let place = place();
    let args = "--schema items.json --mode history --valid-from since --valid-to until --is-current now";
    place.load(args, items("1", &[(1, "one"), (2, "two")])).ok();
    let ran = place.load(args, items("2", &[(1, "one"), (2, "zwei"), (2, "deux")]));
    assert_eq!(counts(&ran), [3, 1, 0, 1, 1, 0]);
    assert_eq!(
        place.plain_rows("SELECT id, name, now, until IS NULL FROM items ORDER BY id, since"),
        ["1|one|1|1", "2|two|0|0", "2|deux|1|1"]
    );
    let chained =
        "SELECT count(*) FROM items a JOIN items b USING (id) WHERE a.until = b.since AND a.since < a.until";
    assert_eq!(place.count(chained), 1);
    let recent = "SELECT count(*) FROM items WHERE julianday('now') - julianday(since) BETWEEN 0 AND 0.02";
    assert_eq!(place.count(recent), 3);
    // The table's own columns are a schema, too.
    let own = args.replace("--schema items.json", "--table items");
    assert_eq!(counts(&place.load(&own, sealed("3", &[r#"{"id":1,"name":"uno"}"#]))), [1, 1, 0, 0, 0, 0]);
    assert_eq!(place.plain_rows("SELECT name FROM items WHERE now ORDER BY id"), ["uno", "deux"]);
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
        assert_eq!(versions(&place), model.rows(), "{load}");
    }
    let before = versions(&place);
    refused(
        &place.load(&args, sealed("none", &[])),
        3,
        "there are no records, so all current versions would end",
    );
    let one = [format!(r#"{{"id":77,"at":"{}"}}"#, at(100))];
    let ran = place.load(&format!("{args} --max-shrink 10%"), sealed("one", &strs(&one)));
    refused(&ran, 3, "% fewer; --max-shrink allows 10%");
    refused(&place.load(&args, format!("{}\n", one[0])), 2, "--absent-rows needs a sealed stream");
    assert_eq!(versions(&place), before);
    // Without records the load's own time counts.
    let ran = place.load(&format!("{args} --allow-empty"), sealed("none", &[]));
    let current = before.iter().filter(|row| row.ends_with("|1")).count();
    assert_eq!(
        (told(&ran).closed, place.count("SELECT count(*) FROM t WHERE is_current")),
        (current as u64, 0)
    );
    let recent = "SELECT count(*) FROM t WHERE julianday('now') - julianday(valid_to) BETWEEN 0 AND 0.02";
    assert_eq!(place.count(recent), current as i64);
}

#[test]
fn a_record_that_is_gone_deletes_its_row() {
    let place = place();
    place.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT NOT NULL, gone BOOLEAN, a INTEGER UNIQUE, b TEXT)",
    );
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
        assert_eq!(place.plain_rows("SELECT id, a FROM t ORDER BY id"), ["2|7", "3|3", "5|1"]);
    }
    let ran = place.load(
        &format!("{args} --emit new"),
        sealed("3", &[&line(2, 2, gone), &line(9, 9, gone), &line(10, 10, "")]),
    );
    assert!(ran.stderr.contains("3 records, 1 inserted, 1 unchanged, 1 deleted in "), "{}", ran.stderr);
    assert_eq!(printed(&ran.stdout)[1]["id"], 10);
    // A row that others refer to stays, and its record is set aside.
    place.sql("CREATE TABLE child (t INTEGER REFERENCES t); INSERT INTO child VALUES (5)");
    let lines = [line(5, 1, gone), line(8, 8, "")];
    let ran = place.load(args, sealed("5", &strs(&lines)));
    refused(&ran, 3, "FOREIGN KEY constraint failed");
    let ran = place.load(&format!("{args} --rejects bad.ndjson --max-rejects 1"), sealed("6", &strs(&lines)));
    assert_eq!(counts(&ran), [2, 1, 0, 0, 0, 1]);
    let ran = place.load(&format!("{args} --absent keep"), sealed("7", &strs(&lines)));
    refused(&ran, 78, "has x-deleted, so its records say all of a row");
    // A table may have no rowid, or a column of that name.
    let more = "at TEXT, gone BOOLEAN, a INTEGER, b TEXT";
    place.sql(&format!(
        "CREATE TABLE without (id INTEGER PRIMARY KEY, {more}) WITHOUT ROWID;
         CREATE TABLE named (id INT PRIMARY KEY, {more}, rowid TEXT)"
    ));
    for table in ["without", "named"] {
        let args = format!("{args} --table {table}");
        place.load(&args, sealed("8", &[&line(1, 1, ""), &line(2, 2, "")])).ok();
        let ran = place.load(&args, sealed("9", &[&line(1, 1, gone), &line(3, 3, gone)]));
        assert_eq!((counts(&ran), &receipts(&ran)[0]["deleted"]), ([2, 0, 0, 1, 0, 0], &1.into()), "{table}");
        assert_eq!(place.plain_rows(&format!("SELECT id FROM {table}")), ["2"]);
    }
}

#[test]
fn versions_that_the_database_refuses_are_set_aside() {
    let place = place();
    place.sql(
        "CREATE TABLE t (id INTEGER, at TEXT, gone BOOLEAN, a INTEGER CONSTRAINT small CHECK (a < 1000), b TEXT,
           valid_from TEXT, valid_to TEXT, is_current BOOLEAN, PRIMARY KEY (id, valid_from));
         CREATE UNIQUE INDEX now ON t (id) WHERE is_current",
    );
    // Three versions of each of 400 keys; of some the second or the last one is refused.
    let line = |id: u32, version: u32| {
        let bad = (version == 1 && id % 100 == 7) || (version == 2 && id == 5);
        let a = if bad { 1000 + version } else { version };
        format!(r#"{{"id":{id},"at":"{}","a":{a}}}"#, at(version))
    };
    let lines: Vec<String> = (0..1200).map(|n| line(n % 400, 2 - n / 400)).collect();
    refused(
        &place.load(ARGS, sealed("0", &strs(&lines))),
        3,
        "line 7 (record 6, byte 266): table t: CHECK constraint failed: small; record id=5",
    );
    let args = format!("{ARGS} --rejects bad.ndjson --max-rejects");
    refused(
        &place.load(&format!("{args} 4"), sealed("1", &strs(&lines))),
        3,
        "(rejected record 5, --max-rejects 4)",
    );
    assert_eq!(place.count("SELECT count(*) FROM t"), 0);
    let ran = place.load(&format!("{args} 5"), sealed("2", &strs(&lines)));
    assert_eq!(counts(&ran), [1200, 1195, 0, 0, 0, 5]);
    assert_eq!(place.count("SELECT count(*) FROM t WHERE is_current AND valid_to IS NULL"), 400);
    let of = |id: u8| -> Vec<String> {
        let rows = versions(&place).into_iter().filter(|row| row.starts_with(&format!("{id}|")));
        rows.collect()
    };
    assert_eq!(of(6), ["6|0|NULL|0|1|0", "6|1|NULL|1|2|0", "6|2|NULL|2|NULL|1"]);
    assert_eq!(of(7), ["7|0|NULL|0|2|0", "7|2|NULL|2|NULL|1"]);
    assert_eq!(of(5), ["5|0|NULL|0|1|0", "5|1|NULL|1|NULL|1"]);
    let bad = printed(&place.read("bad.ndjson"));
    let lines: Vec<u64> =
        bad[1..bad.len() - 1].iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [7, 409, 509, 609, 709]);
}

#[test]
fn loads_at_once_follow_one_another() {
    let place = place();
    let args = "--schema items.json --mode history";
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
fn what_cannot_be_a_history_is_refused() {
    let place = place();
    let table = "CREATE TABLE t (id INTEGER, at TEXT, gone BOOLEAN, a INTEGER, b TEXT";
    let load = |more: &str| place.load(&format!("{ARGS} {more}"), sealed("1", &[]));
    for (rest, said) in [
        (")", "table t: it has no column valid_from, which says when a version holds"),
        (
            ", valid_from INTEGER, valid_to TEXT NOT NULL, is_current BOOLEAN)",
            "column valid_to is NOT NULL, but NULL while a version holds",
        ),
        (
            ", valid_from TEXT_DATE, valid_to TEXT, is_current BOOLEAN)",
            "column valid_from is declared \"TEXT_DATE\", not TEXT_TIMESTAMPTZ",
        ),
        (
            ", valid_from TEXT, valid_to TEXT, is_current BOOLEAN)",
            "keeps current versions apart; run: CREATE UNIQUE INDEX \"t_is_current\" ON \"t\" (\"id\") WHERE \"is_current\"",
        ),
        (
            ", valid_from TEXT, valid_to TEXT, is_current BOOLEAN); CREATE UNIQUE INDEX now ON t (id) WHERE (is_current)",
            "keeps versions apart; run: CREATE UNIQUE INDEX \"t_valid_from\" ON \"t\" (\"id\", \"valid_from\")",
        ),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS t; {table}{rest}"));
        refused(&load(""), 78, said);
    }
    place.sql("DROP TABLE t");
    refused(&load("--valid-from a"), 78, "schema t has a column a, which mode history adds");
    refused(&load("--valid-from x --is-current X"), 2, "--valid-from and --is-current name one column, X");
    refused(&place.load("--schema t.json --valid-from x", ""), 2, "name columns of --mode history");
    // A record without a time has no beginning.
    let schema = SCHEMA.replace(r#""required":["id","at"]"#, r#""required":["id"]"#);
    let ran = place.load("--table t --mode history", sealed_as(&schema, "2", &[r#"{"id":1}"#]));
    refused(&ran, 3, "field \"at\": null, but a version begins at some time");
}

#[test]
fn names_of_columns_are_no_names_of_ours() {
    let place = place();
    for (round, more) in ["", "--rejects bad.ndjson --max-rejects 1", "--emit new"].into_iter().enumerate() {
        let args = format!("--table odd_{round} --mode history --stamp {more}");
        place.load(&args, sealed_as(ODD, &round.to_string(), &ODD_LINES)).ok();
        let rows =
            format!("SELECT key, until, new, valid_from, valid_to FROM odd_{round} ORDER BY key, valid_from");
        assert_eq!(place.plain_rows(&rows), ODD_ROWS, "{more}");
    }
}
