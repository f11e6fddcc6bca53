//! The tests that need a Docker Engine: of the images, of the Argo templates, of the compose run.

use etl_testkit::docker;

use crate::images::Made;
use crate::{cargo, components, compose};

/// Runs them if an engine answers; else says loudly that it did not.
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

/// Builds the images and runs the tests; arguments go to `cargo test`.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    crate::images::engine()?;
    let made = Made::build()?;
    let names: Vec<String> = components::all()?.into_iter().map(|component| component.name).collect();
    let variables = [
        ("ETL_TEST_IMAGES_TAG", made.tag().to_owned()),
        ("ETL_TEST_SERVICES_IMAGE", made.services().to_owned()),
        ("ETL_TEST_COMPONENTS", names.join(" ")),
    ];
    let tests = ["test", "-p", "xtask", "--test", "containers"];
    let ignored = if args.contains(&"--") { &[][..] } else { &["--"] };
    cargo::run_with(&variables, &[&tests[..], args, ignored, &["--include-ignored"]].concat())?;
    made.interrupted().check()?;
    compose::twice(&made)
}
