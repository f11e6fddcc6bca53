//! Whole pipes of real components, one of them killed.

use std::io;

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::{Cmd, Running, Signal};

use crate::support::SqliteFolder;

fn reply(name: &str) -> Reply {
    let file =
        format!("{}/../../extractors/extract-openweather/tests/replies/{name}", env!("CARGO_MANIFEST_DIR"));
    Reply::json(200, &std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}")))
}

/// `producer | load-sqlite …`, both started.
fn pipe(place: &SqliteFolder, producer: Cmd, args: &str) -> (Running, Running) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let loader = place.loader(args).stdin_from(reader).spawn();
    (producer.stdout_to(writer).spawn(), loader)
}

fn extractor(server: &Server) -> Cmd {
    let cities = ["current", "--city", "Munich", "--city", "Paris", "--base-url"];
    Cmd::bin("extract-openweather").args(cities).arg(server.url()).env("OPENWEATHER_API_KEY", "k3y")
}

#[test]
fn an_extractor_killed_before_its_end_commits_nothing() {
    let place = SqliteFolder::new();
    let munich = || reply("current/munich_two_conditions_no_feels_like.json");
    let server = Server::start(Script::new().then(munich()).then(Reply::silence()));
    let (extractor_killed, loader) = pipe(&place, extractor(&server), "");
    while server.requests().len() < 2 {
        std::thread::yield_now();
    }
    extractor_killed.kill(Signal::KILL);
    assert_eq!(extractor_killed.wait().code, 137);
    let loaded = loader.wait();
    loaded.fails(75);
    assert!(loaded.last_error_line().contains("ends inside segment"), "{}", loaded.stderr);
    assert_eq!(place.count("SELECT count(*) FROM sqlite_master"), 0);

    let server =
        Server::start(Script::new().then(munich()).then(reply("current/paris_drizzle_no_cod_no_base.json")));
    let (extracted, loader) = pipe(&place, extractor(&server), "");
    extracted.wait().ok();
    loader.wait().ok();
    assert_eq!(
        place.rows("SELECT location, observed_at, temp FROM openweather_current ORDER BY 1"),
        [r#""Munich"|"2019-01-13T13:50:00Z"|1.49"#, r#""Paris"|"2018-12-07T15:00:00Z"|9.25"#]
    );
}

#[test]
fn a_python_extractor_killed_under_seal_commits_nothing() {
    let place = SqliteFolder::new();
    place.write("t.json", r#"{"properties":{"n":{"type":"integer"}}}"#);
    let script = "import sys\nfor n in range(3): print('{\"n\": %d}' % n, flush=True)\n\
                  sys.stderr.write('waiting')\nsys.stderr.flush()\nsys.stdin.read()";
    let seal = || Cmd::bin("standpipe").args(["seal", "--", "python3", "-c", script]);
    let (mut sealing, loader) = pipe(&place, seal().stdin_open(), "--schema t.json");
    sealing.wait_until_stderr_contains("waiting");
    sealing.kill(Signal::KILL);
    // The orphan ends with its stdin; the pipe to the loader had one writer, which was killed.
    sealing.close_stdin();
    assert_eq!(sealing.wait().code, 137);
    let loaded = loader.wait();
    loaded.fails(75);
    assert_eq!(place.count("SELECT count(*) FROM sqlite_master"), 0);
    let (sealing, loader) = pipe(&place, seal(), "--schema t.json");
    sealing.wait().ok();
    loader.wait().ok();
    assert_eq!(place.rows("SELECT n FROM t"), ["0", "1", "2"]);
}
