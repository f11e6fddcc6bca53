//! The examples of the README, run as written.

use etl_testkit::examples;
use etl_testkit::http::{Received, Reply, Server};

use crate::extractor::{reply, yields};

fn answer(request: &Received) -> Reply {
    match request.target.contains("&interval=daily&") {
        true => yields("daily", &[("2026-11-27", "4.01"), ("2026-11-26", "."), ("2026-11-25", "3.98")]),
        false => Reply::json(200, &reply("monthly_10year_two_rows.json")),
    }
}

#[test]
fn the_examples_run_as_written() {
    let server = Server::answering("127.0.0.1:0", answer);
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let binaries = ["extract-alphavantage", "load-influx", "load-postgres", "load-sqlite"];
    let env = [("ALPHAVANTAGE_API_KEY", "k3y"), ("ALPHAVANTAGE_BASE_URL", &server.url())];
    assert_eq!(examples::run(readme, &binaries, &env), 6);
}
