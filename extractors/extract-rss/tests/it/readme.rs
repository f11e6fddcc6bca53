//! The examples of README.md, run as written.

use etl_testkit::examples;
use etl_testkit::http::{Reply, Server};

use crate::extractor::feed;

#[test]
fn the_examples_run_as_written() {
    let server = Server::start(feed(include_bytes!("../replies/rpilocator_one_item.xml")));
    let slack = Server::start(Reply::text(200, "ok"));
    let (url, webhook) = (format!("{}/feed/", server.url()), format!("{}/services/T/B/x", slack.url()));
    let env =
        [("FEED", url.as_str()), ("LOCATOR_URL", url.as_str()), ("SLACK_WEBHOOK_URL", webhook.as_str())];
    let binaries = ["extract-rss", "load-sqlite", "load-postgres", "load-influx", "notify-slack"];
    assert_eq!(examples::run(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"), &binaries, &env), 5);
    assert_eq!(slack.requests().len(), 1);
}
