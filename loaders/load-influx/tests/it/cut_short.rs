//! Streams that do not arrive whole.

use etl_testkit::load::{HELD, counts, refused};

use crate::support::{InfluxFolder, many, sealed};

/// More records than are held back, as a sealed stream.
fn long() -> Vec<u8> {
    let stream = sealed(&many(150_000));
    assert!(stream.len() > HELD + (1 << 20));
    stream
}

#[test]
fn a_short_stream_that_is_cut_sends_no_point() {
    let place = InfluxFolder::new();
    let stream = sealed(&many(1000));
    let ran = place.load("--batch-lines 10", &stream[..stream.len() - 20]);
    refused(&ran, 75, "the input ends");
    assert!(!ran.last_error_line().contains("were sent"), "{}", ran.last_error_line());
    place.write("cut", &stream[..stream.len() - 20]);
    refused(&place.loader("--input cut").run(), 3, "the input ends");
    let aborted = [&stream[..stream.len() / 2 / 80 * 80], b""].concat();
    let aborted = &aborted[..=aborted.iter().rposition(|&byte| byte == b'\n').expect("a line")];
    let abort = b"{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"no key\"}}\n";
    refused(&place.load("", [aborted, abort].concat()), 77, "the producer failed: no key");
    assert_eq!(place.database.rows("SHOW MEASUREMENTS"), [""; 0]);
}

#[test]
fn a_long_one_says_how_many_were_sent() {
    let place = InfluxFolder::new();
    let stream = long();
    let ran = place.load("", &stream[..stream.len() - 20]);
    refused(&ran, 75, "the input ends");
    let stored = place.database.count("sites", "n");
    assert!((50_000..150_000).contains(&stored), "{stored}");
    let sent =
        format!("; {stored} points were sent and stay (--spool DIR keeps points until the stream has ended)");
    assert!(ran.last_error_line().ends_with(&sent), "{}", ran.last_error_line());
}

#[test]
fn a_spool_keeps_a_long_one_until_it_is_whole() {
    let place = InfluxFolder::new();
    let stream = long();
    let ran = place.load("--spool .", &stream[..stream.len() - 20]);
    refused(&ran, 75, "the input ends");
    assert!(!ran.last_error_line().contains("were sent"), "{}", ran.last_error_line());
    assert_eq!(place.database.rows("SHOW MEASUREMENTS"), [""; 0]);
    assert_eq!(counts(&place.load("--spool .", &stream)), [150_000, 150_000, 0, 0, 0, 0]);
    assert_eq!(place.database.count("sites", "n"), 150_000);
    assert_eq!(place.database.rows("SELECT sum(n) FROM sites"), ["0|11249925000"]);
}

#[test]
fn a_spool_that_takes_nothing_is_74() {
    let place = InfluxFolder::new();
    refused(
        &place.load("--spool missing", sealed(&many(1))),
        74,
        "cannot keep points in a temporary file in missing (--spool)",
    );
    let ran = place.loader("--spool . --emit none").file_size_limit(100).stdin(long()).run();
    ran.fails(74);
    assert!(
        ran.last_error_line().contains("cannot keep points in a temporary file in . (--spool)"),
        "{}",
        ran.last_error_line()
    );
    assert_eq!(place.database.rows("SHOW MEASUREMENTS"), [""; 0]);
}
