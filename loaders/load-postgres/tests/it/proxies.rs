//! Loads through pgbouncer in transaction mode: the loader does not rely on session state.

use etl_testkit::load::{counts, many, refused};
use etl_testkit::pgbouncer::Bouncer;
use etl_testkit::postgres::Server;
use etl_testkit::run::Signal;

use crate::support::{PostgresFolder, events, items};

/// A space with a database of its own, because without PGOPTIONS only the schema public can be used.
fn place(bouncer: &Bouncer) -> PostgresFolder {
    let mut place = PostgresFolder::of(Server::shared().database()).with_tables();
    let env = bouncer.env(&place.space);
    place.env = env;
    place
}

#[test]
fn all_modes_work_one_after_the_other_and_at_once() {
    let bouncer = Bouncer::start(Server::shared(), "transaction");
    let place = place(&bouncer);
    for (mode, n) in ["append", "upsert", "ignore", "replace"].iter().zip(1..) {
        let ran = place
            .load(&format!("--schema items.json --mode {mode}"), items(mode, &[(n, mode), (n + 10, "x")]));
        assert_eq!(counts(&ran)[0], 2, "{mode}");
    }
    assert_eq!(place.rows("SELECT * FROM items ORDER BY id"), ["4|replace", "14|x"]);
    // More clients than the pool has connections, each with named statements.
    let running: Vec<_> = (0..8)
        .map(|n| {
            place.loader("--schema events.json --emit none").stdin(events(&format!("s{n}"), [n])).spawn()
        })
        .collect();
    for running in running {
        running.finish().ok();
    }
    assert_eq!(place.rows("SELECT count(DISTINCT n) FROM events"), ["8"]);
    place.load("--create --schema events.json --table made --stamp", events("made", [1])).ok();
    assert_eq!(place.rows("SELECT n, _etl_load_id FROM made"), ["1|made"]);
}

#[test]
fn a_loader_that_dies_leaves_nothing_in_the_pool() {
    let bouncer = Bouncer::start(Server::shared(), "transaction");
    let place = place(&bouncer);
    let stream = many("a", 90_000);
    for _ in 0..4 {
        let running = place.waiting("--schema events.json", &stream[..9 << 20]);
        let active = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'load-postgres' AND xact_start IS NOT NULL";
        place.space.wait_until(active, "t");
        running.kill(Signal::KILL);
        assert_eq!(running.finish().code, 137);
    }
    assert_eq!(counts(&place.load("--schema events.json", &stream))[1], 90_000);
    assert_eq!(place.rows("SELECT count(*), count(DISTINCT n) FROM events"), ["90000|90000"]);
}

#[test]
fn options_that_pgbouncer_refuses_are_configuration() {
    let bouncer = Bouncer::start(Server::shared(), "transaction");
    let mut place = place(&bouncer);
    place.set("PGOPTIONS", "-c work_mem=64MB");
    let ran = place.load("--schema events.json", events("a", [1]));
    refused(&ran, 78, "unsupported startup parameter: options");
    assert!(ran.last_error_line().contains("PGOPTIONS"), "{}", ran.last_error_line());
}

#[test]
fn statement_mode_is_configuration_and_said_at_once() {
    let bouncer = Bouncer::start(Server::shared(), "statement");
    let place = place(&bouncer);
    let ran = place.load("--schema events.json", events("a", [1]));
    refused(&ran, 78, "transaction blocks not allowed in statement pooling mode");
    assert_eq!(place.count("SELECT count(*) FROM events"), 0);
}
