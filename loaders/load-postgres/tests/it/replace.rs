//! Whoever looks sees a replacement either whole or not at all.

use etl_testkit::load::{counts, many, refused, sealed};
use etl_testkit::postgres::Server;

use crate::support::{PostgresFolder, ROWS, events, items};

#[test]
fn readers_see_the_old_rows_or_the_new_ones() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO events SELECT n, 'old' FROM generate_series(1, 1000) n");
    let stream = many("new", 90_000);
    let mut running = place.waiting("--schema events.json --mode replace", &stream);
    place.wait_for_transaction();
    let look = "SELECT count(*), count(text) FILTER (WHERE text = 'old') FROM events";
    let mut reader = place.space.connect();
    let mut seen = Vec::new();
    let mut poll = || {
        let row = reader.query_one(look, &[]).expect("readers are not kept waiting");
        seen.push((row.get::<_, i64>(0), row.get::<_, i64>(1)));
        seen.len()
    };
    poll();
    running.close_stdin();
    while place.count("SELECT count(*) FROM etl_load") == 0 {
        poll();
    }
    poll();
    assert_eq!(counts(&running.finish()), [90_000, 90_000, 0, 0, 0, 0]);
    seen.dedup();
    assert_eq!(seen, [(1000, 1000), (90_000, 0)]);
}

#[test]
fn of_two_replacements_at_once_one_is_left() {
    let place = PostgresFolder::new().with_tables();
    let args = "--schema events.json --mode replace";
    for round in 0..4 {
        let streams = [0, 1].map(|n| events(&format!("{round}.{n}"), (0..500).map(|i| i * 2 + n)));
        let running = streams.map(|stream| place.loader(args).stdin(stream).spawn());
        for running in running {
            assert_eq!(counts(&running.finish())[1], 500);
        }
        let left = place.rows("SELECT count(*), count(DISTINCT n % 2) FROM events");
        assert_eq!(left, ["500|1"]);
    }
    // The second waits for the first, whatever the default isolation level of the sessions.
    let mut place = PostgresFolder::new().with_tables();
    let options =
        format!("-c search_path={} -c default_transaction_isolation=serializable", place.space.schema());
    place.set("PGOPTIONS", &options);
    let mut first = place.waiting(args, many("first", 90_000));
    place.wait_for_transaction();
    let second = place.loader(args).stdin(events("second", [1, 2])).spawn();
    let waits = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{}.events'::regclass",
        place.space.schema()
    );
    place.space.wait_until(&waits, "1");
    first.close_stdin();
    assert_eq!(counts(&first.finish())[1], 90_000);
    assert_eq!(counts(&second.finish())[1], 2);
    assert_eq!(place.rows(ROWS), ["1", "2"]);
}

#[test]
fn a_replacement_with_a_key_has_each_key_once() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO items VALUES (7, 'old')");
    let ran = place.load("--schema items.json --mode replace", items("a", &[(1, "a"), (2, "b"), (1, "c")]));
    assert_eq!(counts(&ran), [3, 2, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|c", "2|b"]);
}

#[test]
fn a_replacement_that_fails_leaves_the_rows() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO events VALUES (7, 'old')");
    let args = "--schema events.json --mode replace";
    let bad = sealed("a", &[r#"{"n":1}"#, r#"{"n":"x"}"#]);
    refused(&place.load(args, bad), 3, "line 3 (record 2, byte ");
    let long = many("b", 90_000);
    refused(&place.load(args, &long[..long.len() - 90]), 75, "the input ends in");
    refused(&place.load(args, "{\"n\":1}\n"), 2, "mode replace needs a sealed stream");
    assert_eq!(place.rows("SELECT * FROM events"), ["7|old"]);
    assert_eq!(counts(&place.load(&format!("{args} --seal off"), "{\"n\":1}\n"))[1], 1);
    assert_eq!(place.rows("SELECT * FROM events"), ["1|NULL"]);
}

#[test]
fn a_replacement_that_would_leave_rows_is_refused() {
    let place = PostgresFolder::new().with_tables();
    let schema = place.space.schema().to_owned();
    place.sql(
        "INSERT INTO events VALUES (7, 'old');
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER keep BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let args = "--schema events.json --mode replace";
    refused(&place.load(args, events("a", [1])), 3, "a trigger on the table keeps rows from being deleted");
    place.sql("DROP TRIGGER keep ON events; CREATE RULE keep AS ON DELETE TO events DO INSTEAD NOTHING");
    refused(&place.load(args, events("a", [1])), 78, "has rules ON DELETE; rows that they keep would remain");
    place.sql(
        "DROP RULE keep ON events; ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY small ON events USING (n < 5)",
    );
    let role = place.space.role(
        "limited",
        &[
            &format!("USAGE, CREATE ON SCHEMA {schema}"),
            &format!("SELECT, INSERT, DELETE ON {schema}.events"),
        ],
    );
    let cmd = role.env().into_iter().fold(place.loader(args), |cmd, (name, value)| cmd.env(name, value));
    let said = "has row-level policies; rows that they hide from this role would remain (mode replace)";
    refused(&cmd.stdin(events("a", [1])).run(), 78, said);
    assert_eq!(place.rows("SELECT * FROM events"), ["7|old"]);
    assert_eq!(counts(&place.load(args, events("a", [1])))[1], 1);
    assert_eq!(place.rows(ROWS), ["1"]);
}

#[test]
fn tables_that_inherit_keep_their_rows() {
    let place = PostgresFolder::new().with_tables();
    place.sql("CREATE TABLE child () INHERITS (events); CREATE TABLE grandchild () INHERITS (child)");
    place.sql("INSERT INTO child VALUES (7, 'child'); INSERT INTO grandchild VALUES (8, 'grandchild')");
    for (id, n) in [("a", 1), ("b", 2)] {
        let ran = place.load("--schema events.json --mode replace", events(id, [n, n + 10]));
        assert_eq!(counts(&ran), [2, 2, 0, 0, 0, 0]);
        let said = ".events: the tables that inherit from it keep their rows";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        let own = place.rows("SELECT n FROM ONLY events ORDER BY n");
        assert_eq!(own, [n.to_string(), (n + 10).to_string()]);
        assert_eq!(place.rows("SELECT n, text FROM child ORDER BY n"), ["7|child", "8|grandchild"]);
    }
    // The other modes count the table's own rows, too: a child's row with the key is none of them.
    place.sql("CREATE TABLE more () INHERITS (items); INSERT INTO more VALUES (1, 'child')");
    place.sql(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER keep BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let ran = place.load("--schema items.json --mode upsert", items("c", &[(1, "own")]));
    refused(&ran, 3, "only 0 of 1 row is in the table");
    place.sql("DROP TRIGGER keep ON items");
    assert_eq!(counts(&place.load("--schema items.json --mode upsert", items("d", &[(1, "own")])))[1], 1);
    assert_eq!(place.rows("SELECT name FROM items ORDER BY 1"), ["child", "own"]);
}

#[test]
fn children_on_another_server_are_not_replaced() {
    let place = PostgresFolder::of(Server::shared().database()).with_tables();
    if !place.offers("file_fdw") {
        return;
    }
    place.sql(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE FOREIGN TABLE far (n bigint NOT NULL, text text) SERVER files OPTIONS (filename '/dev/null');
         ALTER FOREIGN TABLE far INHERIT events",
    );
    let ran = place.load("--schema events.json --mode replace", events("a", [1]));
    refused(&ran, 78, "has children on another server, which cannot commit together with the ledger");
    // A record of another mode never reaches them.
    assert_eq!(counts(&place.load("--schema events.json --mode append", events("b", [1])))[1], 1);
}
