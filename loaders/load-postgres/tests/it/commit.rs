//! The ledger settles a lost COMMIT; what the server or the network breaks is retried where that is possible.

use etl_testkit::load::{counts, many, refused};
use etl_testkit::postgres::{Options, Server};
use etl_testkit::proxy::{AtCommit, Direction, Ending, Proxy};
use etl_testkit::run::Signal;

use crate::support::{PostgresFolder, ROWS, events, items};

const EVENTS: &str = "--schema events.json --load-id monday";

fn place(proxy: &Proxy) -> PostgresFolder {
    PostgresFolder::new().with_tables().through(proxy.addr())
}

/// The ledger exists already, so that the only COMMIT is that of the load.
fn with_ledger(proxy: &Proxy) -> PostgresFolder {
    let place = place(proxy);
    place.load("--schema events.json --load-id first", events("first", [0])).ok();
    place.sql("DELETE FROM events");
    place
}

#[test]
fn a_lost_reply_to_commit_leaves_one_copy() {
    let proxy = Proxy::start(Server::shared().addr());
    for stream in [events("a", [1, 2]), many("a", 90_000)] {
        let place = with_ledger(&proxy);
        proxy.at_commit(AtCommit::DropReply, 1);
        let met = proxy.commits_met();
        let ran = place.load(EVENTS, &stream);
        let inserted = counts(&ran)[1] as i64;
        assert!(
            ran.stderr.contains("asking the ledger what became of it\nit was committed\n"),
            "{}",
            ran.stderr
        );
        assert_eq!(proxy.commits_met(), met + 1);
        assert_eq!(place.count("SELECT count(*) FROM events"), inserted);
        assert_eq!(counts(&place.load(EVENTS, &stream)), [0; 6]);
        assert_eq!(place.count("SELECT count(*) FROM events"), inserted);
    }
}

#[test]
fn a_plain_stream_without_an_id_survives_a_lost_reply_too() {
    let proxy = Proxy::start(Server::shared().addr());
    let place = with_ledger(&proxy);
    for what in [AtCommit::DropReply, AtCommit::CutAfter, AtCommit::CutBefore] {
        proxy.at_commit(what, 1);
        assert_eq!(counts(&place.load("--schema events.json", "{\"n\":1}\n"))[1], 1);
    }
    assert_eq!(place.rows(ROWS), ["1", "1", "1"]);
}

#[test]
fn a_commit_that_never_arrived_is_done_again() {
    let proxy = Proxy::start(Server::shared().addr());
    let place = with_ledger(&proxy);
    proxy.at_commit(AtCommit::CutBefore, 2);
    let ran = place.load(EVENTS, events("a", [1, 2]));
    assert_eq!(counts(&ran)[1], 2);
    assert!(
        ran.stderr.contains("the connection was lost during COMMIT, and nothing was committed; trying again")
    );
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    // A load longer than what is held back cannot be replayed.
    let long = many("b", 90_000);
    proxy.at_commit(AtCommit::CutBefore, 1);
    let args = "--schema events.json --load-id tuesday";
    refused(&place.load(args, &long), 75, "the connection was lost during COMMIT, and nothing was committed");
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(counts(&place.load(args, &long))[1], 90_000);
}

#[test]
fn the_outcome_is_waited_for_while_the_server_cannot_be_reached() {
    let proxy = Proxy::start(Server::shared().addr());
    let place = with_ledger(&proxy);
    let mut running = place.waiting(EVENTS, events("a", [1]));
    proxy.refuse_connections(true);
    proxy.at_commit(AtCommit::DropReply, 1);
    running.close_stdin();
    running.wait_until_stderr_contains("asking the ledger");
    proxy.refuse_connections(false);
    let ran = running.finish();
    assert_eq!(counts(&ran)[1], 1);
    assert!(ran.stderr.contains("it was committed"), "{}", ran.stderr);
    assert_eq!(place.rows(ROWS), ["1"]);
}

#[test]
fn a_loader_that_is_killed_after_commit_was_sent_has_committed() {
    let proxy = Proxy::start(Server::shared().addr());
    let place = with_ledger(&proxy);
    proxy.at_commit(AtCommit::HoldReply, 1);
    let running = place.loader(EVENTS).stdin(events("a", [1, 2])).spawn();
    proxy.wait_for_commits_met(1);
    running.kill(Signal::KILL);
    assert_eq!(running.finish().code, 137);
    proxy.release();
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(counts(&place.load(EVENTS, events("a", [1, 2]))), [0; 6]);
    assert_eq!(place.rows(ROWS), ["1", "2"]);
}

#[test]
fn a_signal_during_commit_waits_for_its_answer() {
    let proxy = Proxy::start(Server::shared().addr());
    let place = with_ledger(&proxy);
    proxy.at_commit(AtCommit::HoldReply, 1);
    let running = place.loader(EVENTS).stdin(events("a", [1])).spawn();
    proxy.wait_for_commits_met(1);
    running.kill(Signal::TERM);
    proxy.release();
    running.finish().ok();
    assert_eq!(place.rows(ROWS), ["1"]);
}

#[test]
fn a_connection_cut_at_any_byte_leaves_one_copy() {
    let server = Server::shared();
    // How many bytes a whole load sends in each direction.
    let whole = Proxy::start(server.addr());
    let reference = with_ledger(&whole);
    let stream = items("a", &[(1, "one"), (2, "two"), (1, "uno")]);
    let sizes = [(Direction::ToServer, 6000), (Direction::ToClient, 9000)];
    assert_eq!(counts(&reference.load("--schema items.json --load-id x", &stream)), [3, 2, 0, 0, 1, 0]);
    for (direction, size) in sizes {
        for (step, ending) in (0..24).zip([Ending::Close, Ending::Reset].into_iter().cycle()) {
            let proxy = Proxy::start(server.addr());
            let place = with_ledger(&proxy);
            let connection = proxy.connections() + 1;
            proxy.cut(connection, direction, step * size / 24, ending);
            let ran = place.load("--schema items.json --load-id x", &stream);
            // Before the first reply, nobody knows that this is a server that will come back.
            if ran.code == 75 {
                place.wait_for_end();
                place.load("--schema items.json --load-id x", &stream).ok();
            } else {
                ran.ok();
            }
            assert_eq!(
                place.rows("SELECT * FROM items ORDER BY id"),
                ["1|uno", "2|two"],
                "{direction:?} {step}"
            );
            assert_eq!(place.count("SELECT count(*) FROM etl_load WHERE target = 'items'"), 1);
        }
    }
}

#[test]
fn a_terminated_backend_is_replaced_where_the_input_can_be_given_again() {
    let place = PostgresFolder::new().with_tables();
    let terminate =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {}", place.sessions());
    // Held back: the transaction is still empty.
    let stream = many("a", 90_000);
    let mut running = place.waiting(EVENTS, &stream[..1 << 20]);
    place.sql(&terminate);
    running.write(&stream[1 << 20..2 << 20]);
    running.kill(Signal::TERM);
    assert_eq!(running.finish().code, 143);
    let short = events("short", [1, 2]);
    let running = place.waiting(EVENTS, &short);
    place.sql(&terminate);
    assert_eq!(counts(&running.finish())[1], 2);
    // In the middle of a load that is too long to be replayed.
    let args = "--schema events.json --load-id tuesday";
    let mut running = place.waiting(args, &stream[..9 << 20]);
    place.wait_for_transaction();
    place.sql(&terminate);
    // It may notice at any of these points.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| running.write(&stream[9 << 20..])));
    let ran = running.finish();
    refused(&ran, 75, "table");
    place.wait_for_end();
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(counts(&place.load(args, &stream))[1], 90_000);
}

#[test]
fn a_load_from_a_file_is_tried_again_wherever_its_backend_is_terminated() {
    // Another session keeps the load waiting for the table's lock, in the middle of its COPY, in the merge, or at the end.
    let stops = [
        ("append", "LOCK TABLE events IN ACCESS EXCLUSIVE MODE"),
        ("append", "SELECT pg_advisory_xact_lock(57)"),
        ("replace", "SELECT pg_advisory_xact_lock(57)"),
        ("append", "LOCK TABLE etl_load IN ACCESS EXCLUSIVE MODE"),
    ];
    for (mode, stop) in stops {
        let place = PostgresFolder::new().with_tables();
        place.load(EVENTS, events("first", [7])).ok();
        place.sql(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
               $$BEGIN PERFORM pg_advisory_xact_lock_shared(57); RETURN NEW; END$$;
             CREATE TRIGGER wait BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.n = 60000) EXECUTE FUNCTION wait()",
        );
        place.write("in.ndjson", many("a", 65_000));
        let mut other = place.space.connect();
        let mut other = other.transaction().expect("a transaction");
        other.batch_execute(stop).expect("a lock");
        let args = format!("--schema events.json --mode {mode} --input in.ndjson");
        let running = place.loader(&args).spawn();
        let waiting =
            format!("FROM pg_stat_activity WHERE {} AND wait_event_type = 'Lock'", place.sessions());
        place.space.wait_until(&format!("SELECT count(*) {waiting}"), "1");
        let pid = place.count(&format!("SELECT pid::bigint {waiting}"));
        place.sql(&format!("SELECT pg_terminate_backend({pid})"));
        // The new session waits, too.
        place.space.wait_until(&format!("SELECT count(*) {waiting} AND pid <> {pid}"), "1");
        drop(other);
        let ran = running.finish();
        assert_eq!(counts(&ran), [65_000, 65_000, 0, 0, 0, 0], "{mode} {stop}");
        assert!(ran.stderr.contains("; trying again"), "{}", ran.stderr);
        let kept = u32::from(mode == "append");
        assert_eq!(place.count("SELECT count(*) FROM events"), i64::from(65_000 + kept), "{mode} {stop}");
    }
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let server = Server::start(Options::default());
    let place = PostgresFolder::of(server.space()).with_tables();
    let running = place.waiting(EVENTS, events("a", [1, 2]));
    server.restart();
    assert_eq!(counts(&running.finish())[1], 2);
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    // A crash in the middle of a long load: none of it is in the table.
    let stream = many("b", 90_000);
    let args = "--schema events.json --load-id tuesday";
    let running = place.waiting(args, &stream[..9 << 20]);
    place.wait_for_transaction();
    server.stop_immediate();
    server.restart();
    assert_eq!(running.finish().code, 75);
    assert_eq!(place.rows(ROWS), ["1", "2"]);
    assert_eq!(counts(&place.load(args, &stream))[1], 90_000);
}

#[test]
fn what_is_told_to_be_committed_is_on_disk_and_watched() {
    let place = PostgresFolder::of(Server::shared().database());
    let database = place.space.database().to_owned();
    place.sql(&format!("ALTER DATABASE {database} SET synchronous_commit = off"));
    place.sql(
        "CREATE TABLE events (n bigint, text text);
         CREATE FUNCTION settings() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           new.text = current_setting('synchronous_commit') || ' ' || current_setting('client_connection_check_interval');
           RETURN new; END $$;
         CREATE TRIGGER settings BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION settings()",
    );
    assert_eq!(place.rows("SHOW synchronous_commit"), ["off"]);
    place.load("--schema events.json", events("a", [1])).ok();
    place.sql(&format!("ALTER DATABASE {database} SET synchronous_commit = remote_apply"));
    place.load("--schema events.json", events("b", [2])).ok();
    assert_eq!(place.rows("SELECT text FROM events ORDER BY n"), ["local 2s", "remote_apply 2s"]);
}
