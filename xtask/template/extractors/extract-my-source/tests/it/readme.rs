//! The examples of the README, run as written.

use etl_testkit::examples;
use etl_testkit::http::{Reply, Server};

#[test]
fn the_examples_run_as_written() {
    let server = Server::start(Reply::json(200, include_str!("../replies/quote.json")));
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let binaries = ["extract-my-source", "load-influx", "load-postgres", "load-sqlite"];
    let env = [("MY_SOURCE_API_KEY", "k3y"), ("MY_SOURCE_BASE_URL", &server.url())];
    assert_eq!(examples::run(readme, &binaries, &env), 4);
}
