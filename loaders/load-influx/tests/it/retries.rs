//! Servers that are busy, gone for a while, or cut off their replies: every point is stored once.

use etl_testkit::http::{Reply, Script};
use etl_testkit::influx::{Influx, Options};
use etl_testkit::load::{counts, refused};

use crate::support::{InfluxFolder, many, plain, scripted, site};

#[test]
fn busy_servers_and_broken_replies_are_tried_again() {
    let record = plain(&[site("a", 0, r#""n":1"#)]);
    for trouble in [
        Reply::status(429).header("Retry-After", "0"),
        Reply::status(503).header("Retry-After", "0"),
        Reply::json(500, r#"{"error":"timeout"}"#).header("Retry-After", "0"),
        Reply::close(),
        Reply::reset(),
        Reply::text(200, "not the whole of it").cut_after(3),
        Reply::json(400, r#"{"error":"partial write: field type conflict: dropped=15"}"#).cut_after(40),
        Reply::text(429, "<html>slow down</html>").header("Retry-After", "0"),
        Reply::text(408, "<html>too slow</html>").header("Retry-After", "0"),
    ] {
        let told = format!("{trouble:?}");
        let script = Script::new().then(Reply::status(204)).then(trouble).then(Reply::status(204));
        let (ran, posted) = scripted(script, "--db d", &record);
        assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0], "{told}");
        assert_eq!(posted, ["sites,site=a n=1i 1699999200000000000\n"; 2], "{told}");
        assert!(ran.stderr.contains("trying again"), "{told}: {}", ran.stderr);
    }
}

#[test]
fn a_server_that_stays_busy_is_75_and_what_was_sent_is_told() {
    let busy = Reply::status(503).header("Retry-After", "3600");
    let script = Script::new().then(Reply::status(204)).then(Reply::status(204)).then(busy);
    let (ran, posted) = scripted(script, "--db d --batch-lines 2", plain(&many(4)));
    refused(&ran, 75, "503 Service Unavailable");
    assert!(ran.last_error_line().contains("; retry_at 20"), "{}", ran.last_error_line());
    let sent = "; 2 points were sent and stay (--spool DIR keeps points until the stream has ended); 2 more were sent \
                without a reply and may be stored";
    assert!(ran.last_error_line().ends_with(sent), "{}", ran.last_error_line());
    assert_eq!(posted.len(), 2);
}

#[test]
fn a_server_that_is_killed_and_comes_back_has_every_point_once() {
    let server = Influx::start(&Options::default());
    let place = InfluxFolder::of(server.database());
    // What comes after the kill fits into a pipe, because the loader does not read while it retries.
    let records = many(10_500);
    let mut running = place.loader("--batch-lines 500 --flush-interval 10ms").stdin_open().spawn();
    running.write(plain(&records[..10_000]));
    running.wait_until_stderr_contains("committed");
    server.kill();
    running.write(plain(&records[10_000..]));
    running.close_stdin();
    running.wait_until_stderr_contains("trying again");
    server.restart();
    let ran = running.finish();
    let loaded: u64 = etl_testkit::load::loads(&ran.ok().stdout)
        .iter()
        .map(|load| load[0]["inserted"].as_u64().expect("a number"))
        .sum();
    assert_eq!(loaded, 10_500);
    assert_eq!(place.database.count("sites", "n"), 10_500);
    assert_eq!(place.database.rows("SELECT sum(n) FROM sites"), ["0|55119750"]);
}

#[test]
fn a_server_that_is_not_there_is_75() {
    let place = InfluxFolder::new();
    let args = "--schema sites.json --db d --retries 0 --url http://127.0.0.1:1";
    refused(&place.bare(args).stdin("{}\n").run(), 75, "127.0.0.1:1: Connection refused");
}

#[test]
fn a_name_that_does_not_resolve_is_75_after_two_more_attempts() {
    let place = InfluxFolder::new();
    let args = "--schema sites.json --db d --url http://influx.invalid:8086";
    let ran = place.bare(args).stdin("{}\n").run();
    refused(&ran, 75, "influx.invalid:8086: the host was not found after 3 attempts");
}
