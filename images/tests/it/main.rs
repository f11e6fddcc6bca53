//! What the manifests say, what the images contain, and the Argo manifest run with them. Ignored tests need a Docker
//! Engine and images made for them: `cargo xtask containers` makes those, runs the tests and removes everything; so does
//! `cargo xtask test`.

mod argo;
mod cards;
mod images;
mod manifest;
mod manifests;
mod network;
mod rendered;
mod workflow;
mod world;

use std::env;

use etl_testkit::docker::Lab;

/// The restrictions on a pod of the shipped manifest, as options of `docker run`.
const LOCKED_UP: [&str; 4] = ["--read-only", "--cap-drop", "ALL", "--security-opt=no-new-privileges"];

/// An image that was made for these tests.
fn image(name: &str) -> String {
    let tag = env::var("ETL_TEST_IMAGES_TAG").expect("`cargo xtask containers` says which images to test");
    format!("standpipe/{name}:{tag}")
}

/// Every component, as `cargo xtask` finds them.
fn components() -> Vec<String> {
    let names =
        env::var("ETL_TEST_COMPONENTS").expect("`cargo xtask containers` says what the components are");
    names.split(' ').map(str::to_owned).collect()
}

/// The image with the databases.
fn services() -> String {
    env::var("ETL_TEST_SERVICES_IMAGE").expect("`cargo xtask containers` says which image has the databases")
}

/// Starts a stand-in on port 8080 under this name and waits until it listens; returns its id.
fn stand_in(lab: &Lab, network: &str, name: &str, args: &[&str]) -> String {
    let place = ["--network", network, "--network-alias", name, &image("stand-in")];
    let id = lab.start(&[&LOCKED_UP[..], &place, args].concat());
    lab.wait_for(&id, &["/entrypoint", "ready", "127.0.0.1:8080"]);
    id
}

/// OpenWeather's recorded replies, at `http://NAME:8080/data/2.5`.
fn replies(lab: &Lab, network: &str) -> String {
    stand_in(lab, network, "replies", &["replies", "0.0.0.0:8080", "/replies"])
}
