//! What other sessions do with the same rows while a load is under way.

use etl_testkit::load::counts;
use etl_testkit::run::Ran;

use crate::support::{PostgresFolder, items};

/// What the loader says, in its log, of rows that it cannot merge at once.
const OPPOSED: &str = "somebody else writes the same rows";

/// Waits until one of these sessions waits for another one.
#[track_caller]
fn wait_for_lock(place: &PostgresFolder, sessions: &str) {
    let waiting = "wait_event_type = 'Lock'";
    let query = format!("SELECT count(*) > 0 FROM pg_stat_activity WHERE {sessions} AND {waiting}");
    place.space.wait_until(&query, "t");
}

/// Whether the server knows MERGE.
fn merges_at_once(place: &PostgresFolder) -> bool {
    place.rows("SELECT current_setting('server_version_num')::int >= 150000") == ["t"]
}

/// Loads rows while a session has done this and not committed it, and waits for the session.
fn load_beside(place: &PostgresFolder, done: &str, rows: &[(i64, &str)]) -> Ran {
    let mut session = place.space.connect();
    session.batch_execute(&format!("BEGIN; {done}")).expect("nobody else is here");
    let running = place.loader("--schema items.json --log-level debug").stdin(items("a", rows)).spawn();
    wait_for_lock(place, &place.sessions());
    session.batch_execute("COMMIT").expect("nobody hinders it");
    running.finish()
}

#[test]
fn a_key_that_somebody_inserts_meanwhile_is_updated() {
    let place = PostgresFolder::new().with_tables();
    let ran = load_beside(&place, "INSERT INTO items VALUES (2, 'theirs')", &[(1, "new"), (2, "ours")]);
    assert_eq!(counts(&ran), [2, 1, 1, 0, 0, 0]);
    assert_eq!(ran.stderr.contains(OPPOSED), merges_at_once(&place), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|new", "2|ours"]);
}

#[test]
fn a_row_that_would_stay_is_waited_for_if_somebody_changes_it() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO items VALUES (1, 'same'), (2, 'old'), (3, 'same')");
    let change = "UPDATE items SET name = 'theirs' WHERE id = 1";
    let ran = load_beside(&place, change, &[(1, "same"), (2, "new"), (3, "same"), (4, "new")]);
    assert_eq!(counts(&ran), [4, 1, 2, 1, 0, 0]);
    assert_eq!(ran.stderr.contains(OPPOSED), merges_at_once(&place), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|same", "2|new", "3|same", "4|new"]);
}

#[test]
fn rows_that_are_younger_than_somebody_s_transaction_are_compared_again() {
    let place = PostgresFolder::new().with_tables();
    let mut session = place.space.connect();
    session.batch_execute("BEGIN; CREATE TABLE slow ()").expect("nobody else is here");
    place.sql("INSERT INTO items VALUES (1, 'same'), (2, 'old')");
    let rows = items("a", &[(1, "same"), (2, "new"), (3, "new")]);
    let ran = place.load("--schema items.json --log-level debug", rows);
    assert_eq!(counts(&ran), [3, 1, 1, 1, 0, 0]);
    assert!(!ran.stderr.contains(OPPOSED), "{}", ran.stderr);
    session.batch_execute("ROLLBACK").expect("nobody hinders it");
}

#[test]
fn rows_that_a_trigger_adds_are_not_counted() {
    let place = PostgresFolder::new().with_tables();
    place.sql(
        "INSERT INTO items VALUES (1, 'old');
         CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO items VALUES (new.id + 100, new.name) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
         CREATE TRIGGER copy AFTER INSERT ON items FOR EACH ROW WHEN (new.id < 100) EXECUTE FUNCTION copy()",
    );
    let ran = place.load("--schema items.json", items("a", &[(1, "new"), (2, "two")]));
    assert_eq!(counts(&ran), [2, 1, 1, 0, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["1|new", "2|two", "102|two"]);
}

/// Ends a deadlock of a loader and a session by refusing the loader's statement, and returns what it then did.
fn deadlock(place: &PostgresFolder) -> Ran {
    place.sql("CREATE TABLE other AS SELECT 1 AS id; INSERT INTO items VALUES (1, 'old')");
    // The loader locks the item, waits for the gate, and then for `other`; a session locks `other` and then the item.
    let gate = fastrand::i64(..);
    place.sql(&format!(
        "CREATE FUNCTION lock_other() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_advisory_xact_lock({gate}); UPDATE other SET id = id; RETURN new; END $$;
         CREATE TRIGGER lock_other AFTER INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION lock_other()"
    ));
    let mut keeper = place.space.connect();
    keeper.batch_execute(&format!("SELECT pg_advisory_lock({gate})")).expect("the gate is free");
    let mut session = place.space.connect();
    let name = format!("other_{}", place.space.schema());
    session
        .batch_execute(&format!(
            "SET application_name = '{name}'; SET deadlock_timeout = '1h'; BEGIN; UPDATE other SET id = id"
        ))
        .expect("the row is free");
    let running = place.loader("--schema items.json").stdin(items("a", &[(1, "new")])).spawn();
    wait_for_lock(place, &place.sessions());
    let session = std::thread::spawn(move || {
        session.batch_execute(
            "SET LOCAL session_replication_role = replica; UPDATE items SET name = name; COMMIT",
        )
    });
    wait_for_lock(place, &format!("application_name = '{name}'"));
    keeper.batch_execute(&format!("SELECT pg_advisory_unlock({gate})")).expect("the gate is ours");
    // Only the loader looks for deadlocks, so it is the one that is rolled back.
    let ran = running.finish();
    session.join().expect("no panic").expect("the loader is the victim");
    assert_eq!(counts(&ran), [1, 0, 1, 0, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM items"), ["1|new"]);
    ran
}

#[test]
fn loads_that_lock_each_other_are_tried_again() {
    let place = PostgresFolder::new().with_tables();
    place.sql(
        "CREATE TRIGGER kept BEFORE UPDATE ON items FOR EACH ROW
           EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    );
    let stderr = deadlock(&place).stderr;
    assert!(stderr.contains("deadlock detected") && stderr.contains("trying again"), "{stderr}");
}

#[test]
fn a_deadlock_of_rows_that_are_merged_at_once_loses_nothing() {
    let place = PostgresFolder::new().with_tables();
    // Whoever comes first after that decides whether it takes another attempt.
    deadlock(&place);
}
