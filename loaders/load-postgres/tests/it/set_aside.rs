//! Records that the server refuses are set aside.

use etl_testkit::load::{counts, printed, receipts, refused, sealed, strs};
use etl_testkit::run::{Cmd, Ran, Signal};
use serde_json::Value;

use crate::support::{PostgresFolder, items};

const ASIDE: &str = "--rejects bad.ndjson --max-rejects";

/// The rejects of the last load: line, constraint, SQLSTATE and field of each.
#[track_caller]
fn rejects(place: &PostgresFolder) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = printed(&place.read("bad.ndjson"));
    let rejects = &lines[1..lines.len() - 1];
    let reject = |it: &Value| {
        [it["line"].to_string(), text(&it["constraint"]), text(&it["sqlstate"]), text(&it["field"])]
    };
    rejects.iter().map(reject).collect()
}

fn reject(line: u64, constraint: &str, sqlstate: &str, field: &str) -> [String; 4] {
    [line.to_string(), constraint.to_owned(), sqlstate.to_owned(), field.to_owned()]
}

/// What the loader is told to load by `args`, of lines that stand alone.
fn load(place: &PostgresFolder, args: &str, lines: &[&str]) -> Ran {
    place.load(&format!("{args} {ASIDE} 100%"), sealed("a", lines))
}

#[test]
fn three_bad_records_of_ten_thousand_are_found() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE cities (name text PRIMARY KEY);
         INSERT INTO cities VALUES ('Seattle'), ('Lisbon');
         CREATE TABLE readings (id int CONSTRAINT once UNIQUE, city text CONSTRAINT known REFERENCES cities,
                                temp float8 CONSTRAINT above_zero CHECK (temp > -273.15))",
    );
    let line = |n: i64, id: i64| {
        let city = if n == 9_000 {
            "Atlantis"
        } else if n % 2 == 0 {
            "Seattle"
        } else {
            "Lisbon"
        };
        let temp = if n == 700 { -300.5 } else { 8.5 };
        format!("{{\"id\":{id},\"city\":\"{city}\",\"temp\":{temp}}}")
    };
    // Record 5000 has the id of record 17.
    let lines: Vec<String> = (1..=10_000).map(|n| line(n, if n == 5_000 { 17 } else { n })).collect();
    let stream = sealed("a", &strs(&lines));
    let args = "--table readings --rejects bad.ndjson --max-rejects";
    let ran = place.load(&format!("{args} 2"), &stream);
    refused(&ran, 3, "line 9001 (record 9000");
    refused(&ran, 3, "violates foreign key constraint \"known\"");
    refused(&ran, 3, "(SQLSTATE 23503) (rejected record 3, --max-rejects 2); record: {\"id\":9000,");
    assert_eq!(place.count("SELECT count(*) FROM readings"), 0);
    let ran = place.load(&format!("{args} 0.1%"), &stream);
    assert_eq!(counts(&ran), [10_000, 9_997, 0, 0, 0, 3]);
    assert_eq!(
        rejects(&place),
        [
            reject(701, "above_zero", "23514", ""),
            reject(5_001, "once", "23505", ""),
            reject(9_001, "known", "23503", "")
        ]
    );
    let lines = printed(&place.read("bad.ndjson"));
    assert_eq!(lines[2]["detail"], "Key (id)=(17) already exists.");
    assert_eq!(lines[2]["reason"], "duplicate key value violates unique constraint \"once\"");
    assert_eq!(lines[2]["original"], line(5_000, 17));
    assert_eq!(lines[3]["detail"], "Key (city)=(Atlantis) is not present in table \"cities\".");
    assert_eq!(
        place.rows("SELECT count(*), count(DISTINCT id), min(id), max(id), count(*) FILTER (WHERE id IN (700, 5000, 9000)) FROM readings"),
        ["9997|9997|1|10000|0"]
    );
    // Without room for them, the first one fails the load, as it does without the flag.
    place.sql("TRUNCATE readings");
    let ran = place.load("--table readings", sealed("b", &strs(&lines_of(&stream))));
    refused(&ran, 3, "violates check constraint \"above_zero\"");
    assert_eq!(place.count("SELECT count(*) FROM readings"), 0);
}

/// The records of a stream.
fn lines_of(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream);
    text.lines().filter(|line| !line.starts_with("{\"_etl\":")).map(str::to_owned).collect()
}

#[test]
fn each_kind_of_constraint_sets_its_record_aside() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE DOMAIN small AS int CONSTRAINT is_small CHECK (value < 100);
         CREATE DOMAIN must AS text NOT NULL;
         CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TABLE t (id int, n small, m mood, span int4range, during interval(0), late int,
                         EXCLUDE USING gist (span WITH &&), CONSTRAINT at_end UNIQUE (late) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE parts (n int) PARTITION BY RANGE (n);
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)",
    );
    let lines = [
        r#"{"id":1,"n":99,"m":"sad","span":"[1,5)","during":"1 s","late":1}"#,
        r#"{"id":2,"n":100}"#,
        r#"{"id":3,"m":"angry"}"#,
        r#"{"id":4,"span":"[4,6)"}"#,
        r#"{"id":5,"span":"[7,"}"#,
        r#"{"id":6,"during":"1.5 s"}"#,
        r#"{"id":7,"late":1}"#,
        r#"{"id":8,"n":5,"m":"happy","span":"[5,9)","during":"2 s","late":2}"#,
    ];
    let ran = load(&place, "--table t", &lines);
    assert_eq!(counts(&ran), [8, 2, 0, 0, 0, 6]);
    assert_eq!(
        place.rows("SELECT id, n, m, span, during, late FROM t ORDER BY id"),
        ["1|99|sad|[1,5)|00:00:01|1", "8|5|happy|[5,9)|00:00:02|2"]
    );
    assert_eq!(
        rejects(&place),
        [
            reject(4, "", "", "m"),
            reject(3, "is_small", "23514", ""),
            reject(5, "t_span_excl", "23P01", ""),
            reject(6, "", "22P02", ""),
            reject(7, "", "", "during"),
            reject(8, "at_end", "23505", "")
        ]
    );
    assert_eq!(printed(&place.read("bad.ndjson"))[5]["reason"], "interval(0) does not keep the value");
    let ran = load(&place, "--table parts", &[r#"{"n":9}"#, r#"{"n":10}"#]);
    assert_eq!(counts(&ran), [2, 1, 0, 0, 0, 1]);
    assert_eq!(rejects(&place), [reject(3, "", "23514", "")]);
}

#[test]
fn what_a_trigger_raises_is_no_reject() {
    let place = PostgresFolder::new().with_tables();
    place.sql(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'closed on Sundays'; END $$;
         CREATE TRIGGER no BEFORE INSERT ON events FOR EACH ROW WHEN (new.n = 2) EXECUTE FUNCTION no()",
    );
    let ran = load(&place, "--schema events.json", &[r#"{"n":1}"#, r#"{"n":2}"#]);
    refused(&ran, 3, "closed on Sundays");
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
}

#[test]
fn records_may_refer_to_others_of_the_load_wherever_they_are() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE nodes (id int PRIMARY KEY, parent int CONSTRAINT up REFERENCES nodes)");
    let node = |id: i64, parent: i64| format!("{{\"id\":{id},\"parent\":{parent}}}");
    // More than one part: each refers to the one after it, the last one to the first; the children of 99999 have none.
    let ring = 20_000;
    let mut lines: Vec<String> = (1..=ring).map(|n| node(n, if n == ring { 1 } else { n + 1 })).collect();
    lines.insert(3, node(50_001, 99_999));
    lines.push(node(50_002, 50_001));
    lines.push(node(50_003, 50_003));
    for mode in ["append", "upsert"] {
        place.sql("TRUNCATE nodes");
        let ran = place.load(&format!("--table nodes --mode {mode} {ASIDE} 2"), sealed(mode, &strs(&lines)));
        assert_eq!(counts(&ran), [20_003, 20_001, 0, 0, 0, 2], "{mode}");
        assert_eq!(rejects(&place), [reject(5, "up", "23503", ""), reject(20_003, "up", "23503", "")]);
        assert_eq!(place.count("SELECT count(*) FROM nodes WHERE id <= 20000 OR id = 50003"), 20_001);
    }
}

#[test]
fn of_a_key_the_last_record_that_the_server_takes_counts() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text CHECK (name <> 'bad'))");
    place.sql("INSERT INTO items VALUES (5, 'old')");
    let rows = [
        (1, "first"),
        (1, "second"),
        (2, "only"),
        (1, "bad"),
        (3, "bad"),
        (1, "bad"),
        (5, "bad"),
        (4, "one"),
        (4, "two"),
        (3, "bad"),
    ];
    let args = format!("--schema items.json {ASIDE} 9");
    let ran = place.load(&args, items("a", &rows));
    assert_eq!(counts(&ran), [10, 3, 0, 0, 2, 5]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|second", "2|only", "4|two", "5|old"]);
    let lines: Vec<String> = rejects(&place).into_iter().map(|[line, ..]| line).collect();
    assert_eq!(lines, ["5", "6", "7", "8", "11"]);
    // The first one, in mode ignore.
    place.sql("TRUNCATE items");
    let rows = [(1, "bad"), (1, "first"), (1, "second"), (2, "one"), (2, "bad")];
    let ran = place.load(&format!("{args} --mode ignore"), items("b", &rows));
    assert_eq!(counts(&ran), [5, 2, 0, 0, 2, 1]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|first", "2|one"]);
    // Nothing is left where all are refused.
    let ran = place.load(&format!("{args} --mode replace"), items("c", &[(1, "bad"), (2, "bad")]));
    refused(&ran, 3, ".items: 2 records were rejected, so there are none to replace its rows with");
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|first", "2|one"]);
    let ran =
        place.load(&format!("{args} --mode replace"), items("d", &[(1, "bad"), (2, "new"), (1, "good")]));
    assert_eq!(counts(&ran), [3, 2, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|good", "2|new"]);
    let ran = place.load(&format!("{args} --min-records 2"), items("e", &[(1, "bad"), (2, "newer")]));
    refused(&ran, 3, "the load has 1 record besides 1 rejected, fewer than --min-records 2");
}

#[test]
fn a_partitioned_table_takes_its_rows_in_parts() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text CHECK (name <> 'bad')) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (3);
         CREATE TABLE high PARTITION OF items FOR VALUES FROM (3) TO (9);
         INSERT INTO items VALUES (1, 'old'), (4, 'old')",
    );
    let rows = [(1, "one"), (2, "two"), (3, "bad"), (4, "four"), (9, "nowhere"), (5, "five")];
    for (mode, expected, names) in [
        ("upsert", [6, 2, 2, 0, 0, 2], ["1|one", "2|two", "4|four", "5|five"]),
        ("ignore", [6, 2, 0, 2, 0, 2], ["1|old", "2|two", "4|old", "5|five"]),
    ] {
        let ran = place.load(&format!("--schema items.json --mode {mode} {ASIDE} 2"), items(mode, &rows));
        assert_eq!(counts(&ran), expected, "{mode}");
        assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), names, "{mode}");
        assert_eq!(rejects(&place), [reject(4, "items_name_check", "23514", ""), reject(6, "", "23514", "")]);
        place.sql("TRUNCATE items; INSERT INTO items VALUES (1, 'old'), (4, 'old')");
    }
}

#[test]
fn rows_that_others_refer_to_are_replaced_before_that_is_checked() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text CHECK (name <> 'bad'));
         INSERT INTO items VALUES (1, 'old'), (2, 'old');
         CREATE TABLE orders (item bigint REFERENCES items DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO orders VALUES (1)",
    );
    let args = format!("--schema items.json --mode replace {ASIDE} 1");
    let ran = place.load(&args, items("a", &[(1, "new"), (3, "bad"), (4, "new")]));
    assert_eq!(counts(&ran), [3, 2, 0, 0, 0, 1]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|new", "4|new"]);
    // What refers to a row that is gone fails the load at its commit.
    let ran = place.load(&args, items("b", &[(2, "new")]));
    refused(&ran, 3, "violates foreign key constraint \"orders_item_fkey\"");
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|new", "4|new"]);
}

#[test]
fn what_is_passed_on_was_not_refused() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text UNIQUE)");
    place.sql("INSERT INTO items VALUES (1, 'one')");
    let rows = [(1, "uno"), (2, "two"), (3, "two"), (4, "four"), (4, "vier")];
    let record = |id: i64, name: &str| format!("{{\"id\":{id},\"name\":\"{name}\"}}");
    for (emit, expected) in [
        ("records", vec![record(1, "uno"), record(2, "two"), record(4, "four"), record(4, "vier")]),
        ("new", vec![record(2, "two"), record(4, "vier")]),
    ] {
        let ran = place.load(&format!("--schema items.json --emit {emit} {ASIDE} 1"), items(emit, &rows));
        assert_eq!(lines_of(ran.ok().stdout.as_bytes()), expected, "{emit}");
        assert_eq!(rejects(&place), [reject(4, "items_name_key", "23505", "")]);
        place.sql("DELETE FROM items WHERE id > 1; UPDATE items SET name = 'one'");
    }
    place.sql("CREATE TABLE log (n int CHECK (n <> 2))");
    let lines = [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#];
    let ran = load(&place, "--table log --emit new", &lines);
    assert_eq!(lines_of(ran.ok().stdout.as_bytes()), [lines[0], lines[2]]);
}

#[test]
fn a_key_that_another_session_has_just_written_is_waited_for() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (id bigint UNIQUE, name text)");
    let mut session = place.space.connect();
    session.batch_execute("BEGIN; INSERT INTO items VALUES (2, 'theirs')").expect("nobody else is here");
    let args = format!("--schema items.json --mode append {ASIDE} 1");
    let running = place.loader(&args).stdin(items("a", &[(1, "ours"), (2, "ours"), (3, "ours")])).spawn();
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE {} AND wait_event_type = 'Lock'",
        place.sessions()
    );
    place.space.wait_until(&waits, "1");
    session.batch_execute("COMMIT").expect("nobody hinders it");
    assert_eq!(counts(&running.finish()), [3, 2, 0, 0, 0, 1]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|ours", "2|theirs", "3|ours"]);
    assert_eq!(rejects(&place), [reject(3, "items_id_key", "23505", "")]);
}

#[test]
fn a_load_that_is_killed_while_it_halves_leaves_nothing() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE events (n bigint CHECK (n <> 3), text text);
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN IF new.n = 4 THEN PERFORM pg_sleep(600); END IF; RETURN new; END $$;
         CREATE TRIGGER slow AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    let stream = sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":4}"#]);
    let args = format!("--schema events.json {ASIDE} 1");
    for signal in [Signal::KILL, Signal::TERM] {
        // The refused record is alone by the time that the last one is inserted.
        let running = place.loader(&args).stdin(&stream).spawn();
        let sleeps = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE {} AND wait_event = 'PgSleep'",
            place.sessions()
        );
        place.space.wait_until(&sleeps, "1");
        running.kill(signal);
        running.finish();
        place.wait_for_end();
        assert_eq!(place.count("SELECT count(*) FROM events"), 0);
    }
    place.sql("DROP TRIGGER slow ON events");
    assert_eq!(counts(&place.load(&args, &stream)), [4, 3, 0, 0, 0, 1]);
    assert_eq!(rejects(&place), [reject(4, "events_n_check", "23514", "")]);
}

#[test]
fn rejects_are_records_and_come_back_as_they_were() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text CONSTRAINT short CHECK (length(name) < 4))",
    );
    let args = format!("--schema items.json {ASIDE} 3");
    let lines = [
        r#"{"id":1,"name":"one"}"#,
        r#"{ "id": 2, "name" :"two\u0021"}"#,
        r#"{"id":3,"name":NaN}"#,
        r#"{"id":"x"}"#,
    ];
    assert_eq!(counts(&place.load(&args, sealed("a", &lines))), [4, 1, 0, 0, 0, 3]);
    let found = place.read("bad.ndjson");
    let found: Vec<Value> = printed(&found).into_iter().filter(|it| it.get("line").is_some()).collect();
    let told: Vec<(u64, &str)> = found
        .iter()
        .map(|it| (it["line"].as_u64().unwrap_or_default(), it["reason"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            (4, "NaN is not a JSON number (byte 16 of the line)"),
            (5, "expected an integer, found \"x\""),
            (3, "new row for relation \"items\" violates check constraint \"short\"")
        ]
    );
    // Into a table, as records of their own.
    let ran = place.loader("--input bad.ndjson --create").run();
    let target = receipts(&ran)[0]["target"].to_string();
    assert!(target.ends_with(".etl_reject\""), "{target}");
    assert_eq!(
        place.rows("SELECT line, field, \"constraint\", sqlstate, original FROM etl_reject ORDER BY line"),
        [
            format!("3|NULL|short|23514|{}", lines[1]),
            format!("4|NULL|NULL|NULL|{}", lines[2]),
            format!("5|id|NULL|NULL|{}", lines[3])
        ]
    );
    // And back into the stream that they came from.
    let back = Cmd::bin("standpipe").args(["unreject", "bad.ndjson"]).in_folder(place.path("")).run();
    assert_eq!(back.ok().lines(), [lines[2], lines[3], lines[1]]);
    let mended = back.stdout.replace("NaN", "null").replace("\"x\"", "4").replace("\\u0021", "");
    assert_eq!(counts(&place.load("--schema items.json --seal off", mended)), [3, 3, 0, 0, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|one", "2|two", "3|NULL", "4|NULL"]);
}

#[test]
fn a_table_that_is_as_wide_as_can_be_has_no_room_for_positions() {
    let place = PostgresFolder::new();
    let columns: Vec<String> = (0..1600).map(|n| format!("c{n} smallint")).collect();
    place.sql(&format!("CREATE TABLE wide ({}, CHECK (c0 < 5))", columns.join(", ")));
    let ran = load(&place, "--table wide", &[r#"{"c0":1}"#, r#"{"c0":5}"#]);
    refused(&ran, 3, "violates check constraint");
}

#[test]
fn rows_before_the_first_refused_one_are_in_the_table_already() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE t (n bigint CONSTRAINT once UNIQUE, text text, up bigint REFERENCES t (n))");
    // More than what is sent at a time, several times. Of two with one number the later one is refused, whichever part it
    // is in; rows that refer to later ones are not.
    let line = |n: u32| {
        let number = if n == 90_000 { 3 } else { n };
        let up = match n {
            80_000 => ",\"up\":100000".to_owned(),
            80_001 => ",\"up\":500000".to_owned(),
            _ if n.is_multiple_of(1000) && n > 0 => format!(",\"up\":{}", n - 1),
            _ => String::new(),
        };
        format!("{{\"n\":{number},\"text\":\"{}\"{up}}}", "x".repeat(90))
    };
    let lines: Vec<String> = (0..=100_000).map(line).collect();
    for (round, more) in ["", "--mode replace", "--emit new"].into_iter().enumerate() {
        place.sql("TRUNCATE t");
        let ran =
            place.load(&format!("--table t {ASIDE} 2 {more}"), sealed(&format!("a{round}"), &strs(&lines)));
        ran.ok();
        if more == "--emit new" {
            let new = printed(&ran.stdout);
            assert_eq!((new.len(), &new[1]["n"], &new[99_999]["n"]), (100_001, &0.into(), &100_000.into()));
        } else {
            assert_eq!(counts(&ran), [100_001, 99_999, 0, 0, 0, 2], "{more}");
        }
        let expected = [reject(80_003, "t_up_fkey", "23503", ""), reject(90_002, "once", "23505", "")];
        assert_eq!(rejects(&place), expected, "{more}");
        assert_eq!(place.rows("SELECT count(*), sum(n) FROM t"), ["99999|4999879999"], "{more}");
        assert_eq!(place.rows("SELECT up FROM t WHERE n = 80000"), ["100000"]);
    }
    refused(&place.load(&format!("--table t {ASIDE} 1"), sealed("b", &strs(&lines))), 3, "--max-rejects 1)");
}

#[test]
fn many_refused_rows_are_each_told_apart() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE many (id int CONSTRAINT once UNIQUE, city text NOT NULL, temp numeric(3,1) CONSTRAINT cold CHECK (temp > -9),
           up int CONSTRAINT above REFERENCES many (id), \"position\" text NOT NULL DEFAULT '$etl$')",
    );
    let line = |n: u32| match n % 10 {
        1 => format!(r#"{{"id":{},"city":"x","temp":1}}"#, n - 1),
        2 => format!(r#"{{"id":{n},"city":"x","temp":-9.5}}"#),
        3 => format!(r#"{{"id":{n},"city":"x","temp":1,"up":{}}}"#, n + 100_000),
        4 => format!(r#"{{"id":{n},"city":"x","temp":1,"up":{}}}"#, n - 4),
        5 => format!(r#"{{"id":{n},"city":"x","temp":1,"up":{}}}"#, n - 3),
        _ => format!(r#"{{"id":{n},"city":"x","temp":1}}"#),
    };
    let lines: Vec<String> = (0..5_000).map(line).collect();
    let ran = place.load(&format!("--table many {ASIDE} 50%"), sealed("a", &strs(&lines)));
    assert_eq!(counts(&ran), [5_000, 3_000, 0, 0, 0, 2_000]);
    let expected = (0..5_000).filter_map(|n: u64| {
        let line = n + 2;
        Some(match n % 10 {
            1 => reject(line, "once", "23505", ""),
            2 => reject(line, "cold", "23514", ""),
            // What it refers to is not there, or is refused itself.
            3 | 5 => reject(line, "above", "23503", ""),
            _ => return None,
        })
    });
    assert_eq!(rejects(&place), expected.collect::<Vec<_>>());
    let bad = printed(&place.read("bad.ndjson"));
    assert_eq!(bad[1]["detail"], "Key (id)=(0) already exists.");
    assert_eq!(place.rows("SELECT count(*), count(\"position\"), count(up) FROM many"), ["3000|3000|500"]);
}
