//! What keeps a table from being emptied, or set back, by accident.

use etl_testkit::load::{counts, many, printed, receipts, refused, sealed};
use etl_testkit::postgres::Server;
use etl_testkit::proxy::{AtCommit, Proxy};
use etl_testkit::run::{Ran, Signal};
use serde_json::Value;

use crate::support::{PostgresFolder, ROWS, events};

const REPLACE: &str = "--schema events.json --mode replace";

/// The events with a key.
const KEYED: &str = r#"{"type":"object","x-key":["n"],"required":["n"],
    "properties":{"n":{"type":"integer"},"text":{"type":["string","null"]}}}"#;

/// What a run of A, B and A again leaves, with each of these in between.
#[test]
fn a_replacement_by_what_was_loaded_before_is_a_replacement() {
    let (a, b) = (events("a", [1]), events("b", [2, 3]));
    for (how, between) in
        [("--mode replace", &b), ("--mode append", &b), ("--mode upsert", &sealed("u", &[r#"{"n":2}"#]))]
    {
        let place = PostgresFolder::new().with_tables();
        if how.ends_with("upsert") {
            place.write("events.json", KEYED);
            place.sql("CREATE UNIQUE INDEX events_n ON events (n)");
        }
        for _ in 0..2 {
            let first = place.load(REPLACE, &a);
            assert_eq!((counts(&first)[1], place.rows(ROWS)), (1, vec!["1".to_owned()]), "{how}");
            assert!(!place.rows(ROWS).is_empty());
            // The newest load that comes again changes nothing.
            place.sql("UPDATE events SET n = 7");
            let again = place.load(REPLACE, &a);
            assert_eq!(
                (counts(&again), &receipts(&again)[0]["already_loaded"]),
                ([0; 6], &true.into()),
                "{how}"
            );
            assert_eq!(place.rows(ROWS), ["7"], "{how}");
            place.load(&format!("--schema events.json {how}"), between).ok();
            let stays = place.load(&format!("--schema events.json {how}"), between);
            assert_eq!(counts(&stays), [0; 6], "{how}");
        }
    }
}

#[test]
fn a_part_of_the_newest_load_is_another_one() {
    let place = PostgresFolder::new().with_tables();
    let (a, b) = (events("a", [1]), events("b", [2]));
    let both = [&*a, &*b].concat();
    for (stream, rows) in
        [(&a, vec!["1"]), (&both, vec!["1", "2"]), (&a, vec!["1"]), (&b, vec!["2"]), (&both, vec!["1", "2"])]
    {
        let inserted = counts(&place.load(REPLACE, stream))[1];
        assert_eq!(
            (inserted as usize, place.rows(ROWS)),
            (rows.len(), rows.iter().map(|row| row.to_string()).collect())
        );
        assert_eq!(counts(&place.load(REPLACE, stream)), [0; 6]);
    }
    // What was appended was never all of the table.
    place.load("--schema events.json --mode append", events("c", [3])).ok();
    assert_eq!(counts(&place.load(REPLACE, events("c", [3])))[1], 1);
    assert_eq!(place.rows(ROWS), ["3"]);
}

#[test]
fn a_load_id_is_loaded_once_and_says_what_came_after_it() {
    let place = PostgresFolder::new().with_tables();
    let (a, b) = (events("a", [1]), events("b", [2]));
    let monday = format!("{REPLACE} --load-id monday");
    place.load(&monday, &a).ok();
    assert!(!place.load(&monday, &a).ok().stderr.contains("came after it"));
    place.load(&format!("{REPLACE} --load-id tuesday"), &b).ok();
    let skipped = place.load(&monday, &a);
    assert_eq!((counts(&skipped), place.rows(ROWS)), ([0; 6], vec!["2".to_owned()]));
    let said = "events: load id monday was committed before, and load tuesday came after it (2";
    assert!(skipped.stderr.contains(said), "{}", skipped.stderr);
    assert!(skipped.stderr.contains("(another --load-id loads this one again)"), "{}", skipped.stderr);
}

#[test]
fn a_replacement_says_how_many_rows_there_were_and_are() {
    let place = PostgresFolder::new().with_tables();
    let rows = |ran: &Ran| ["rows_before", "rows_after"].map(|name| receipts(ran)[0][name].clone());
    let first = place.load(REPLACE, events("a", 0..1000));
    assert_eq!(rows(&first), [0, 1000]);
    let second = place.load(REPLACE, events("b", [1, 2]));
    assert_eq!(rows(&second), [1000, 2]);
    assert!(
        second.stderr.contains("events: 2 records, 2 inserted, in place of 1000 rows in "),
        "{}",
        second.stderr
    );
    assert_eq!(rows(&place.load(REPLACE, events("b", [1, 2]))), [Value::Null, Value::Null]);
    assert_eq!(rows(&place.load("--schema events.json", events("c", [3]))), [Value::Null, Value::Null]);
    place.write("events.json", KEYED);
    assert_eq!(rows(&place.load(REPLACE, sealed("k", &[r#"{"n":1}"#, r#"{"n":1}"#]))), [3, 1]);
}

#[test]
fn a_table_is_not_emptied_by_accident() {
    let place = PostgresFolder::new().with_tables();
    place.load(REPLACE, events("a", [1, 2])).ok();
    let said = "events: there are no records to replace its rows with, so they stay (--allow-empty empties the table)";
    refused(&place.load(REPLACE, sealed("none", &[])), 3, said);
    let rejects = format!("{REPLACE} --rejects bad --max-rejects 5");
    let said = "events: 1 record was rejected, so there are none to replace its rows with";
    refused(&place.load(&rejects, sealed("bad", &[r#"{"n":"x"}"#])), 3, said);
    // The state of the stream does not make it a load.
    refused(&place.load(REPLACE, sealed("none", &["state 1"])), 3, "there are no records");
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(place.rows("SELECT load_id FROM etl_load").len(), 1);
    let ran = place.load(&format!("{REPLACE} --allow-empty"), sealed("none", &[]));
    assert!(ran.ok().stderr.contains("to replace its rows with; the load empties it"), "{}", ran.stderr);
    assert_eq!((receipts(&ran)[0]["rows_before"].as_u64(), place.rows(ROWS).len()), (Some(2), 0));
    // It comes again, and after something else it is another replacement, which must be allowed again.
    assert_eq!(receipts(&place.load(REPLACE, sealed("none", &[])))[0]["already_loaded"], true);
    place.load(REPLACE, events("b", [3])).ok();
    refused(&place.load(REPLACE, sealed("none", &[])), 3, "there are no records");
    // In another mode nothing is lost.
    assert_eq!(counts(&place.load("--schema events.json", sealed("empty", &[]))), [0; 6]);
}

#[test]
fn a_load_of_too_few_records_is_refused() {
    let place = PostgresFolder::new().with_tables();
    let args = "--schema events.json --rejects bad --max-rejects 5";
    for mode in ["append", "replace"] {
        let args = format!("{args} --mode {mode} --min-records");
        let stream = sealed(mode, &[r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{"n":2}"#]);
        let said = "the load has 2 records besides 1 rejected, fewer than --min-records 3";
        refused(&place.load(&format!("{args} 3"), &stream), 3, said);
        assert_eq!(place.rows(ROWS), [""; 0], "{mode}");
        assert_eq!(counts(&place.load(&format!("{args} 2"), &stream))[1], 2);
        // What comes again is not judged: nothing is to be done.
        assert_eq!(counts(&place.load(&format!("{args} 3"), &stream)), [0; 6]);
        place.sql("DELETE FROM events");
    }
    // The whole load counts, whichever of its segments are new.
    let both = [events("a", [1]), events("b", [2])].concat();
    place.load("--schema events.json", events("a", [1])).ok();
    refused(
        &place.load("--schema events.json --min-records 3", &both),
        3,
        "the load has 2 records, fewer than",
    );
    assert_eq!(counts(&place.load("--schema events.json --min-records 2", &both))[1], 1);
    let said = "--min-records counts the records of a whole input";
    for cut in ["--commit-every 5", "--commit-interval 5s"] {
        refused(&place.load(&format!("--schema events.json --min-records 1 {cut}"), &both), 2, said);
    }
}

#[test]
fn a_table_does_not_shrink_by_more_than_is_allowed() {
    let place = PostgresFolder::new().with_tables();
    place.load(REPLACE, events("a", 0..1000)).ok();
    let guarded = format!("{REPLACE} --max-shrink 10%");
    let said = "events: 899 rows would take the place of 1000, 10.1% fewer; --max-shrink allows 10%";
    refused(&place.load(&guarded, events("b", 0..899)), 3, said);
    assert_eq!(place.count("SELECT count(*) FROM events"), 1000);
    assert_eq!(counts(&place.load(&guarded, events("b", 0..900)))[1], 900);
    assert_eq!(counts(&place.load(&guarded, events("c", 0..2000)))[1], 2000);
    // An empty stream is refused even where all rows may go.
    refused(
        &place.load(&format!("{REPLACE} --max-shrink 100%"), sealed("none", &[])),
        3,
        "there are no records",
    );
    assert_eq!(counts(&place.load(&format!("{REPLACE} --max-shrink 100%"), events("d", [1])))[1], 1);
    let said = "--max-shrink guards a replacement: it needs --mode replace";
    for mode in ["", " --mode upsert"] {
        refused(
            &place.load(&format!("--schema events.json{mode} --max-shrink 5%"), events("e", [1])),
            2,
            said,
        );
    }
    for wrong in ["5", "101%", "x%", "-1%", "NaN%"] {
        place.load(&format!("{REPLACE} --max-shrink={wrong}"), events("e", [1])).fails(2);
    }
}

#[test]
fn the_ledger_of_an_earlier_version_is_kept() {
    for _ in 0..3 {
        let place = PostgresFolder::new().with_tables();
        place.sql(
            "CREATE TABLE etl_load (target text NOT NULL, load_id text NOT NULL, digest text, records bigint, pipeline text,
               state json, loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (target, load_id))",
        );
        for (id, numbers) in [("a", [1]), ("b", [2])] {
            place.sql(&format!(
                "INSERT INTO etl_load VALUES ('events', '{id}', '{}', 1, NULL, NULL, now())",
                digest(id, numbers)
            ));
        }
        place.sql("DELETE FROM events; INSERT INTO events (n) VALUES (2)");
        // Old loads come before all others, and which of them was the newest is not known.
        let ran: Vec<_> = (0..3).map(|_| place.loader(REPLACE).stdin(events("a", [1])).spawn()).collect();
        for running in ran {
            running.finish().ok();
        }
        assert_eq!(place.rows(ROWS), ["1"]);
        assert_eq!(
            place.rows("SELECT load_id, mode FROM etl_load ORDER BY load_id"),
            ["a|replace", "b|NULL"]
        );
        assert_eq!(counts(&place.load(REPLACE, events("b", [2])))[1], 1);
        assert_eq!(counts(&place.load("--schema events.json", events("b", [2]))), [0; 6]);
        assert_eq!(place.rows(ROWS), ["2"]);
    }
}

#[test]
fn two_at_once_and_one_that_is_killed_leave_what_came_last() {
    let place = PostgresFolder::new().with_tables();
    let (long, b) = (many("long", 90_000), events("b", [1, 2]));
    let left = "SELECT count(*), count(DISTINCT n) FROM events";
    place.load(REPLACE, &long).ok();
    place.load(REPLACE, &b).ok();
    // Killed in its transaction, it has done nothing.
    let running = place.waiting(REPLACE, &long);
    place.wait_for_transaction();
    running.kill(Signal::KILL);
    assert_eq!(running.finish().code, 137);
    place.wait_for_end();
    assert_eq!(place.rows(left), ["2|2"]);
    let running: Vec<_> = (0..3).map(|_| place.loader(REPLACE).stdin(&long).spawn()).collect();
    for running in running {
        running.finish().ok();
    }
    assert_eq!(place.rows(left), ["90000|90000"]);
    let mut running = Vec::new();
    for stream in [&long, &b, &long, &b] {
        running.push(place.loader(REPLACE).stdin(stream).spawn());
    }
    for running in running {
        running.finish().ok();
    }
    assert!(["2|2", "90000|90000"].contains(&place.rows(left)[0].as_str()));
}

/// The digest of a segment of events.
fn digest(id: &str, numbers: [u32; 1]) -> String {
    let end = printed(str::from_utf8(&events(id, numbers)).expect("UTF-8")).pop().expect("an end");
    end["_etl"]["sha256"].as_str().expect("a digest").to_owned()
}

#[test]
fn a_lost_commit_of_what_was_loaded_before_is_settled_by_its_attempt() {
    let proxy = Proxy::start(Server::shared().addr());
    let (a, b) = (events("a", [1]), events("b", [2]));
    for (what, times) in [
        (AtCommit::DropReply, 1),
        (AtCommit::CutAfter, 1),
        (AtCommit::CutBefore, 1),
        (AtCommit::CutBefore, 2),
    ] {
        let place = PostgresFolder::new().with_tables().through(proxy.addr());
        place.load(REPLACE, &a).ok();
        place.load(REPLACE, &b).ok();
        proxy.at_commit(what, times);
        let ran = place.load(REPLACE, &a);
        assert_eq!(
            (counts(&ran)[1], receipts(&ran)[0]["rows_before"].as_u64()),
            (1, Some(1)),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.contains("nothing was committed; trying again"), what == AtCommit::CutBefore);
        assert_eq!(place.rows(ROWS), ["1"]);
        assert_eq!(place.rows("SELECT load_id FROM etl_load ORDER BY seq"), ["b", "a"]);
    }
    // What cannot be read again fails, and the table is what the last commit made of it.
    let place = PostgresFolder::new().with_tables().through(proxy.addr());
    let long = many("long", 90_000);
    place.load(REPLACE, &long).ok();
    place.load(REPLACE, &b).ok();
    proxy.at_commit(AtCommit::CutBefore, 1);
    let said = "the connection was lost during COMMIT, and nothing was committed";
    refused(&place.load(REPLACE, &long), 75, said);
    assert_eq!(place.rows(ROWS), ["2"]);
    proxy.at_commit(AtCommit::DropReply, 1);
    assert_eq!(counts(&place.load(REPLACE, &long))[1], 90_000);
    assert_eq!(place.count("SELECT count(*) FROM events"), 90_000);
}

#[test]
fn who_may_not_add_columns_to_the_ledger_is_told_who_may() {
    let place = PostgresFolder::new().with_tables();
    place.load("--schema events.json", events("a", [1])).ok();
    let schema = place.space.schema().to_owned();
    place.sql("ALTER TABLE etl_load DROP COLUMN seq, DROP COLUMN mode");
    let grants = [
        format!("USAGE ON SCHEMA {schema}"),
        format!("SELECT, INSERT, UPDATE, DELETE ON {schema}.etl_load"),
        format!("INSERT ON {schema}.events"),
    ];
    let role = place.space.role("loader", &grants.each_ref().map(String::as_str));
    let load = |stream| {
        let cmd = place.loader("--schema events.json");
        role.env().into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).stdin(stream).run()
    };
    let alter = format!(
        "ALTER TABLE \"{schema}\".\"etl_load\" ADD COLUMN IF NOT EXISTS seq bigint, ADD COLUMN IF NOT EXISTS attempt text, \
         ADD COLUMN IF NOT EXISTS mode text, ADD COLUMN IF NOT EXISTS inserted bigint, \
         ADD COLUMN IF NOT EXISTS rejected bigint, ADD COLUMN IF NOT EXISTS seconds double precision"
    );
    let said = format!("may not add columns to the ledger {schema}.etl_load; run as its owner: {alter}");
    refused(&load(events("b", [2])), 77, &said);
    place.sql(&alter);
    assert_eq!(counts(&load(events("b", [2])))[1], 1);
}
