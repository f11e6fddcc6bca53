//! The examples of the README, run as written.

use etl_testkit::examples;
use etl_testkit::http::Server;

use crate::extractor::recorded;

#[test]
fn the_examples_run_as_written() {
    let server = Server::start(recorded("2025/2025_gap_1_5_month.csv"));
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let binaries = ["extract-treasury", "load-influx", "load-postgres", "load-sqlite"];
    assert_eq!(examples::run(readme, &binaries, &[("TREASURY_BASE_URL", &server.url())]), 5);
}
