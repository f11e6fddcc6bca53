//! TERM, INT and HUP roll everything back.

use etl_testkit::load::{counts, many, printed};
use etl_testkit::run::Signal;

use crate::support::{PostgresFolder, events, items};

#[test]
fn a_signal_rolls_back_and_says_so() {
    let place = PostgresFolder::new().with_tables();
    let stream = many("a", 90_000);
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        for part in [100, 9 << 20] {
            place.write("state.json", "old");
            let running =
                place.waiting("--schema events.json --pipeline p --state-out state.json", &stream[..part]);
            running.kill(signal);
            let ran = running.wait();
            ran.fails(code);
            let abort = printed(&ran.stdout).pop().expect("an abort");
            assert_eq!((&abort["_etl"]["kind"], &abort["_etl"]["code"]), (&"abort".into(), &code.into()));
            assert!(ran.last_error_line().ends_with("nothing was committed"), "{}", ran.stderr);
            place.wait_for_end();
            assert_eq!(place.count("SELECT count(*) FROM events"), 0);
            assert_eq!(place.read("state.json"), "old");
        }
    }
}

#[test]
fn a_server_does_not_work_on_for_a_client_that_is_gone() {
    let place = PostgresFolder::new().with_tables();
    place.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN PERFORM pg_sleep(600); RETURN new; END';
         CREATE TRIGGER slow BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    for signal in [Signal::TERM, Signal::KILL] {
        let running = place.loader("--schema items.json").stdin(items("a", &[(1, "a")])).spawn();
        let sleeps = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE {} AND wait_event = 'PgSleep'",
            place.sessions()
        );
        place.space.wait_until(&sleeps, "1");
        running.kill(signal);
        running.finish();
        place.wait_for_end();
    }
}

#[test]
fn a_signal_ends_a_load_that_waits_for_a_lock() {
    let place = PostgresFolder::new().with_tables();
    let mut holder = place.space.connect();
    holder.batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").expect("nobody has it");
    let running = place.loader("--schema events.json").stdin(events("a", [1])).spawn();
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE {} AND wait_event_type = 'Lock'",
        place.sessions()
    );
    place.space.wait_until(&waits, "1");
    running.kill(Signal::TERM);
    running.finish().fails(143);
    // The server stops waiting for a client that is gone.
    place.wait_for_end();
    holder.batch_execute("ROLLBACK").expect("it is ours");
    assert_eq!(counts(&place.load("--schema events.json", events("a", [1])))[1], 1);
}
