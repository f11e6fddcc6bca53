//! `cargo xtask …`: the chores of this workspace. Each does its own set-up.

mod bench;
mod cargo;
mod components;
mod compose;
mod containers;
mod demo;
mod images;
mod need;
mod rates;
mod records;
mod signals;

use std::process::ExitCode;

use etl_testkit::postgres::{Options, Server};

const HELP: &str = "\
cargo xtask demo        the main job on recorded replies: OpenWeather into SQLite, twice, and the rows
cargo xtask test        every test, with what it needs set up; arguments go to `cargo test`, and then no containers run
cargo xtask images      container images of all components and their sizes; with --stand-in also what compose.yaml has in the
                        place of the world outside; with --services only the databases of compose.local.yaml
cargo xtask compose     compose/compose.yaml with images made for it, twice, and removes everything
cargo xtask containers  the tests of images, Argo templates and compose, which `test` runs too
cargo xtask bench       parts, sqlite, postgres, influx or all of them: rates of the parts, and the loaders beside the
                        databases' own tools, in one run; as a table and as JSON";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["demo"] => demo::run(),
        ["test", rest @ ..] => test(rest),
        ["images"] => images::components(images::VERSION),
        ["images", "--stand-in"] => images::with_stand_in(images::VERSION),
        ["images", "--services"] => {
            images::engine().and_then(|()| images::services::build(&images::services::name()))
        }
        ["compose"] => compose::run(),
        ["containers", rest @ ..] => containers::run(rest),
        ["bench", names @ ..] => bench::run(names),
        // Called by `bench`, in a release build.
        ["rates", stream, gaps] => rates::run(stream, gaps),
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

/// Builds every binary, which tests run, starts the servers that they share, and then runs every test; arguments go to
/// `cargo test`.
fn test(args: &[&str]) -> anyhow::Result<()> {
    need::programs(&[need::PYTHON, need::JQ])?;
    need::servers()?;
    cargo::run(&["build", "--workspace", "--bins"])?;
    let postgres = Server::start(Options::default());
    eprintln!("PostgreSQL for the tests listens on {}", postgres.addr());
    cargo::run_with(&postgres.variables(), &[&["test", "--workspace"], args].concat())?;
    drop(postgres);
    // With arguments it is some tests that are wanted.
    if args.is_empty() { containers::run_if_possible() } else { Ok(()) }
}
