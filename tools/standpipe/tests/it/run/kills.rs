//! Any process of a run, killed at any moment.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use etl_testkit::postgres::Server;
use etl_testkit::run::{Cmd, Folder};
use rustix::process::{Pid, Signal, kill_process};

use super::{left, processes, run};

const RECORDS: usize = 20_000;
const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string"}}}"#;

/// What may be killed, by the start of its command line, and the codes of the run then. What becomes `cat` is a second
/// `standpipe through` for a moment.
const VICTIMS: [(&str, &[i32]); 4] =
    [("extract-file ", &[137]), ("standpipe through ", &[137, 75]), ("cat ", &[75]), ("load-", &[137])];

/// A seed that is printed if the test fails; `ETL_TEST_SEED` sets it.
fn random() -> (u64, fastrand::Rng) {
    let seed = std::env::var("ETL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    (seed, fastrand::Rng::with_seed(seed))
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("schema.json", SCHEMA);
    let lines = (0..RECORDS).map(|id| format!("{id},name {id}\n"));
    folder.write("many.csv", ["id,name\n".to_owned()].into_iter().chain(lines).collect::<String>());
    folder
}

/// Kills a random process at a random moment, again and again. After each run there are all rows or none, the exit code is
/// that of the first cause, and nothing runs any more.
fn kill(times: usize, marker: &str, pipe: &dyn Fn() -> Cmd, reset: &dyn Fn(), rows: &dyn Fn() -> usize) {
    let (seed, mut random) = random();
    let mut killed = BTreeMap::<&str, usize>::new();
    let marker = format!("{marker}-{seed}");
    let pipe = || pipe().env("RUN_TEST", &marker);
    reset();
    let started = Instant::now();
    pipe().run().ok();
    let length = started.elapsed();
    assert_eq!(rows(), RECORDS);
    for time in 0..times {
        reset();
        let moment = length.mul_f64(random.f64());
        let (started, running) = (Instant::now(), pipe().spawn());
        while started.elapsed() < moment {
            thread::yield_now();
        }
        let mut victims = processes(&marker, running.id());
        victims.sort_by(|(_, one), (_, other)| one.cmp(other));
        let victim = random.choice(&victims).and_then(|(pid, words)| {
            let (start, codes) = VICTIMS.into_iter().find(|(start, _)| words.starts_with(start))?;
            kill_process(Pid::from_raw(*pid)?, Signal::KILL).ok()?;
            Some((start, codes))
        });
        let ran = running.finish();
        let (found, what) =
            (rows(), format!("seed {seed}, run {time}: {victim:?} after {moment:?}\n{}", ran.stderr));
        assert!(found == 0 || found == RECORDS, "{found} rows, {what}");
        match victim {
            // It was about to exit.
            _ if ran.code == 0 => assert_eq!(found, RECORDS, "{what}"),
            Some((start, codes)) => {
                assert!(codes.contains(&ran.code), "code {}, {what}", ran.code);
                // Only the loader itself knows whether it has committed.
                assert!(found == 0 || start == "load-", "{found} rows, {what}");
                *killed.entry(start).or_default() += 1;
            }
            None => panic!("code {}, {what}", ran.code),
        }
        assert_eq!(left(&marker), [""; 0], "{what}");
    }
    eprintln!("seed {seed}, a run of {length:?}: {killed:?}");
    assert!(
        killed.values().sum::<usize>() > times / 4,
        "seed {seed}: hardly any process was killed: {killed:?}"
    );
}

const FIRST: [&[&str]; 2] = [&["extract-file", "many.csv"], &["cat"]];

#[test]
fn two_hundred_kills_lose_nothing_and_leave_nothing() {
    let folder = folder();
    let load = ["load-sqlite", "--db", "t.db", "--table", "many", "--schema", "schema.json"];
    let pipe = || run(&folder, &[], &[FIRST[0], FIRST[1], &load]);
    let reset = || {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(folder.path(&format!("t.db{suffix}")));
        }
    };
    let rows = || {
        let ran =
            Cmd::new("sqlite3").args(["t.db", "SELECT count(*) FROM many"]).in_folder(folder.path("")).run();
        if ran.stderr.contains("no such table") {
            0
        } else {
            ran.ok().stdout.trim().parse().expect("a number")
        }
    };
    kill(200, "sqlite", &pipe, &reset, &rows);
}

#[test]
fn kills_of_a_load_into_postgresql() {
    let folder = folder();
    let space = Server::shared().space();
    space.sql("CREATE TABLE many (id int, name text)");
    let load = ["load-postgres", "--table", "many"];
    let pipe = || {
        let cmd = run(&folder, &[], &[FIRST[0], FIRST[1], &load]);
        space.env().into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    };
    let rows = || usize::try_from(space.count("SELECT count(*) FROM many")).expect("a count");
    let reset = || {
        // A killed loader's session may still be ending.
        let deadline = Instant::now() + Duration::from_secs(60);
        let busy =
            "SELECT count(*) FROM pg_locks WHERE relation = 'many'::regclass AND pid <> pg_backend_pid()";
        while space.count(busy) > 0 && Instant::now() < deadline {
            thread::yield_now();
        }
        space.sql("TRUNCATE many; DROP TABLE IF EXISTS etl_load");
    };
    kill(40, "postgres", &pipe, &reset, &rows);
}
