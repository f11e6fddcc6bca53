//! TERM, INT and HUP roll back and say so.

use etl_testkit::run::Signal;

use crate::support::{HELD, SqliteFolder, many, printed};

const SIGNALS: [(Signal, i32, &str); 3] =
    [(Signal::TERM, 143, "SIGTERM"), (Signal::INT, 130, "SIGINT"), (Signal::HUP, 129, "SIGHUP")];

#[test]
fn a_signal_rolls_back_wherever_it_comes() {
    let place = SqliteFolder::new();
    place.load("--schema events.json", "{\"n\":-1}\n").ok();
    place.write("state.json", "\"older\"\n");
    let stream = many("a", 100_000);
    let args = "--schema events.json --state-out state.json";
    for (signal, code, name) in SIGNALS {
        for cut in [0, 1000, HELD, stream.len()] {
            let running = place.waiting(args, &stream[..cut]);
            assert_eq!(place.is_locked(), cut >= HELD);
            running.kill(signal);
            let ran = running.wait();
            ran.fails(code);
            let said = format!("ended by {name}: nothing was committed");
            assert_eq!(ran.last_error_line(), said);
            let lines = printed(&ran.stdout);
            assert_eq!(lines.len(), 1);
            assert_eq!(
                (&lines[0]["_etl"]["kind"], &lines[0]["_etl"]["code"]),
                (&"abort".into(), &code.into())
            );
            assert_eq!(lines[0]["_etl"]["message"], said);
            assert_eq!(place.rows("SELECT n FROM events"), ["-1"], "{name} at {cut}");
            assert_eq!((place.read("state.json").as_str(), place.others()), ("\"older\"\n", vec![]));
        }
    }
    place.assert_sound();
    assert_eq!(place.count("SELECT count(*) FROM etl_load"), 1);
}

#[test]
fn records_passed_on_end_with_abort() {
    let place = SqliteFolder::new();
    let stream = many("a", 100_000);
    let running = place.waiting("--schema events.json --emit records", &stream[..HELD]);
    running.wait_until_stdout_contains("{\"n\":50000,");
    running.kill(Signal::TERM);
    let ran = running.wait();
    ran.fails(143);
    let lines = ran.lines();
    assert!(lines[0].starts_with("{\"_etl\":{\"v\":1,\"kind\":\"begin\""));
    assert!(lines[1].starts_with("{\"n\":0,"));
    assert!(lines[lines.len() - 1].starts_with("{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":143,"));
    assert!(!ran.stdout.contains("\"end\""));
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
}

#[test]
fn a_load_that_waits_for_another_can_be_ended() {
    let place = SqliteFolder::new();
    let connection = place.connect();
    connection.execute_batch("CREATE TABLE other (x); BEGIN IMMEDIATE").expect("the lock");
    let running = place.loader("--schema events.json").stdin("{\"n\":1}\n").spawn();
    running.wait_until_stderr_contains("waiting for another process that is writing to the database");
    running.kill(Signal::TERM);
    running.wait().fails(143);
    connection.execute_batch("COMMIT").expect("the lock was ours");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [r#""other""#]);
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    let place = SqliteFolder::new();
    let script = "trap '' HUP; exec \"$0\" --db t.db --schema events.json";
    let loader = etl_testkit::run::Cmd::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_load-sqlite")]);
    let mut running = loader.in_folder(place.path(".")).stdin_open().spawn();
    running.write("{\"n\":1}\n");
    running.wait_until_stderr_contains("not sealed");
    running.kill(Signal::HUP);
    running.write("{\"n\":2}\n");
    running.finish().ok();
    assert_eq!(place.rows("SELECT n FROM events"), ["1", "2"]);
}
