//! The examples of the README, run as written.

use etl_testkit::examples;

#[test]
fn the_examples_run_as_written() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    assert_eq!(examples::run(readme, &["validate", "standpipe"], &[]), 4);
}
