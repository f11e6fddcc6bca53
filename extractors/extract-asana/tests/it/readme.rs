//! The examples of README.md, run as written.

use etl_testkit::examples;
use etl_testkit::http::{Reply, Server};

#[test]
fn the_examples_run_as_written() {
    let server = Server::start(Reply::json(200, include_str!("../replies/tasks/all_fields.json")));
    let url = server.url();
    let env = [("ASANA_TOKEN", "k3y"), ("ASANA_BASE_URL", url.as_str())];
    let binaries = ["extract-asana", "load-sqlite", "load-postgres", "load-influx"];
    assert_eq!(examples::run(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"), &binaries, &env), 4);
}
