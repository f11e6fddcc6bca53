//! What becomes of a run that is cut short, and how much memory there is.

use std::io::{PipeReader, Read};

use etl_testkit::extract::Local;
use etl_testkit::postgres::Server;
use etl_testkit::proxy::{Direction, Ending, Proxy};
use etl_testkit::run::Signal;

use crate::{Place, lines};

/// In KiB.
const LIMIT: u64 = 32 << 10;

#[test]
fn it_does_what_every_extractor_does() {
    let place = Place::new();
    Local {
        binary: env!("CARGO_BIN_EXE_extract-postgres"),
        folder: &place.folder.path(""),
        env: &place.env,
        good: &["--query", "SELECT 1 AS a"],
        bad: &["--query", "SELECT 1 / (3 - n) AS a FROM generate_series(1, 9) n"],
        message: "the query: division by zero (SQLSTATE 22012)",
    }
    .conforms();
}

#[test]
fn a_singer_target_gets_messages_and_its_state_resumes() {
    let place = Place::new();
    let query = "SELECT * FROM (VALUES (1::bigint, 'NaN'::numeric), (2, 1.50)) AS rows(id, n)";
    let args = "--key id --cursor id --output-format singer";
    let nameless = place.extract(query, args);
    assert_eq!(
        nameless.fails(2).last_error_line(),
        "--output-format singer needs --stream-name: the schema of the records names no table"
    );
    assert_eq!(nameless.stdout, "");
    let ran = place.extract(query, &format!("{args} --stream-name orders"));
    let lines = ran.ok().lines();
    assert_eq!(
        lines[..3],
        [
            r#"{"type":"SCHEMA","stream":"orders","schema":{"type":"object","properties":{"id":{"type":"integer","x-sql-datatype":"bigint"},"n":{"type":["number","null","string"],"x-sql-datatype":"numeric"}},"required":["id","n"]},"key_properties":["id"]}"#,
            r#"{"type":"RECORD","stream":"orders","record":{"id":1,"n":"NaN"}}"#,
            r#"{"type":"RECORD","stream":"orders","record":{"id":2,"n":1.50}}"#,
        ]
    );
    // A target prints the value of the last STATE.
    let state = lines[3].strip_prefix(r#"{"type":"STATE","value":"#).and_then(|rest| rest.strip_suffix('}'));
    place.folder.write("state.json", state.expect("a STATE"));
    let state = place.folder.path("state.json").display().to_string();
    let next = place.extract(query, &format!("{args} --stream-name orders --state {state}"));
    assert_eq!(next.ok().stdout.matches("RECORD").count(), 0, "{}", next.stdout);
}

#[test]
fn a_signal_cancels_the_query_on_the_server() {
    let place = Place::new();
    for query in ["SELECT pg_sleep(1000) AS s", "SELECT pg_sleep(:n) AS s"] {
        let args = if query.contains(":n") { "--param n=1000" } else { "" };
        let running = place.extractor(query, args).spawn();
        // It never sends anything, so the server would not notice that its client is gone.
        place.wait_until(&format!("{} AND wait_event = 'PgSleep'", place.sessions()), "1");
        running.kill(Signal::TERM);
        let ran = running.wait();
        assert_eq!(ran.fails(143).last_error_line(), "ended by SIGTERM: nothing was committed");
        assert!(ran.stdout.contains("\"kind\":\"begin\"") && !ran.stdout.contains("\"kind\":\"end\""));
        assert!(ran.lines().last().unwrap().contains("\"kind\":\"abort\",\"code\":143"), "{}", ran.stdout);
        place.wait_until(&place.sessions(), "0");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_silently() {
    let place = Place::new();
    let (mut reader, writer): (PipeReader, _) = std::io::pipe().unwrap();
    let endless = "SELECT generate_series(1, 1000000000000) AS n, repeat('x', 1000) AS text";
    let running = place.extractor(endless, "").stdout_to(writer).spawn();
    reader.read_exact(&mut [0; 100_000]).unwrap();
    drop(reader);
    assert_eq!(running.finish().fails(141).stderr, "");
    place.wait_until(&place.sessions(), "0");
}

#[test]
fn a_connection_that_breaks_is_for_another_time() {
    let mut place = Place::new();
    for ending in [Ending::Close, Ending::Reset] {
        let proxy = Proxy::start(Server::shared().addr());
        place.set("PGPORT", &proxy.addr().port().to_string());
        place.set("PGSSLMODE", "disable");
        proxy.cut(1, Direction::ToClient, 500_000, ending);
        let ran = place.extract("SELECT n, repeat('x', 100) AS text FROM generate_series(1, 100000) n", "");
        assert!(ran.fails(75).last_error_line().starts_with("the query: "), "{}", ran.stderr);
        assert!(ran.lines().last().unwrap().contains("\"kind\":\"abort\",\"code\":75"));
        // A reset drops what was not read yet.
        assert!(lines_before(&ran.stdout) > 1000 || matches!(ending, Ending::Reset));
    }
}

fn lines_before(stdout: &str) -> usize {
    stdout.lines().filter(|line| line.starts_with("{\"n\":")).count()
}

#[test]
fn a_session_that_is_ended_is_for_another_time() {
    let place = Place::new();
    let running = place.extractor("SELECT pg_sleep(1000) AS s", "").spawn();
    place.wait_until(&format!("{} AND wait_event = 'PgSleep'", place.sessions()), "1");
    let end = place.sessions().replace("count(*)", "count(pg_terminate_backend(pid))");
    assert_eq!(place.count(&end), 1);
    let ran = running.finish();
    let message = "the query: terminating connection due to administrator command (SQLSTATE 57P01)";
    assert_eq!(ran.fails(75).last_error_line(), message);
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let place = Place::new();
    let columns: Vec<String> = (1..=12).map(|n| format!("repeat('{n}', 20) AS c{n}")).collect();
    let query = format!("SELECT {} FROM generate_series(1, :rows::int)", columns.join(", "));
    for (query, args) in
        [(query.as_str(), "--param rows=400000"), (&query.replace(":rows::int", "400000"), "")]
    {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let running = place.extractor(query, args).stdout_to(writer).spawn();
        let mut chunk = vec![0; 1 << 20];
        for _ in 0..100 {
            reader.read_exact(&mut chunk).unwrap();
        }
        let peak = running.memory_peak();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        running.finish().ok();
        assert!(rest.ends_with(b"}}\n") && peak < LIMIT, "{peak} KiB");
    }
}

#[test]
fn a_file_appears_only_whole() {
    let place = Place::new();
    place.folder.write("out", "yesterday\n");
    let running = place.extractor("SELECT pg_sleep(1000) AS s", "--output out").spawn();
    place.wait_until(&format!("{} AND wait_event = 'PgSleep'", place.sessions()), "1");
    running.kill(Signal::INT);
    running.wait().fails(130);
    assert_eq!(place.folder.read("out"), "yesterday\n");
    let ran = place.extract("SELECT 1 AS a", "--output out");
    assert_eq!(ran.ok().stdout, "");
    assert!(place.folder.read("out").contains("\n{\"a\":1}\n"));
    let ran = place.extract("SELECT n FROM generate_series(1, 9) n", "");
    assert_eq!(lines(&ran).len(), 9);
    let last = ran.stderr.lines().last().unwrap();
    assert!(last.starts_with("9 records of 127.0.0.1:"), "{last}");
}
