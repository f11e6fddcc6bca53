//! The tests that need a Docker Engine: of the images, the Argo templates and the compose run.

use anyhow::bail;
use etl_testkit::{docker, need};
use xtask::{cargo, components};

use crate::test_images::TestImages;
use crate::{compose, images};

/// Runs them if an engine answers; otherwise says loudly that they were skipped.
pub(crate) fn run_if_possible() -> anyhow::Result<()> {
    match docker::engine() {
        Ok(_) => run(&[]),
        Err(why) => {
            eprintln!(
                "\nSKIPPED: no Docker Engine answers, so images, compose and the Argo templates were not tested\n({why})"
            );
            Ok(())
        }
    }
}

/// Builds the images, runs the tests, and then compose even if a test failed; arguments go to `cargo test`.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    images::engine()?;
    need::servers()?;
    let made = TestImages::build()?;
    let names: Vec<String> = components::all()?.into_iter().map(|component| component.name).collect();
    let variables = [
        ("ETL_TEST_IMAGES_TAG", made.tag().to_owned()),
        ("ETL_TEST_SERVICES_IMAGE", made.services().to_owned()),
        ("ETL_TEST_COMPONENTS", names.join(" ")),
    ];
    // Tests that need no engine are not ignored, and run with all others.
    let tests = ["test", "-p", "images", "--test", "it", "--no-fail-fast"];
    let separator = if args.contains(&"--") { &[][..] } else { &["--"] };
    let tested = cargo::run_with(&variables, &[&tests[..], args, separator, &["--ignored"]].concat());
    made.interrupted().check()?;
    let composed = compose::twice(&made);
    match (tested, composed) {
        (Err(tests), Err(compose)) => bail!("{tests:#}\n{compose:#}"),
        (tested, composed) => tested.and(composed),
    }
}
