//! The examples of the README, run as written.

use etl_testkit::examples;
use etl_testkit::http::{Reply, Server};

use crate::extractor::reply;

#[test]
fn the_examples_run_as_written() {
    let server = Server::start(Reply::json(200, &reply("aapl_2024_sample.json")));
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let binaries = ["extract-finnhub", "load-influx", "load-postgres", "load-sqlite"];
    let env = [("FINNHUB_API_KEY", "k3y"), ("FINNHUB_BASE_URL", &server.url())];
    assert_eq!(examples::run(readme, &binaries, &env), 6);
}
