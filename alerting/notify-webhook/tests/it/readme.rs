//! The examples of README.md, run as written.

use etl_testkit::examples;

use crate::support::Webhook;

#[test]
fn the_examples_run_as_written() {
    let webhook = Webhook::takes();
    let address = webhook.address();
    let env = [("WEBHOOK_URL", address.as_str()), ("WEBHOOK_HMAC_KEY", "hmac-key-1")];
    let binaries = ["notify-webhook"];
    assert_eq!(examples::run(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"), &binaries, &env), 4);
    let targets: Vec<String> = webhook.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets.len(), 2, "{targets:?}");
    assert!(targets[1].ends_with("/fail"), "{targets:?}");
}
