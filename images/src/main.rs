//! Container images of the components, and what is run and tested with them; `cargo xtask` passes on its arguments.

mod build;
mod compose;
mod containers;
mod context;
mod images;
mod names;
mod services;
mod signals;
mod test_images;

use std::process::ExitCode;

use names::VERSION;

const HELP: &str = "\
images images [--stand-in | --services | NAME...]
images compose
images containers [--if-possible | ARGUMENTS OF cargo test]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["images"] => images::components(VERSION),
        ["images", "--stand-in"] => images::with_stand_in(VERSION),
        ["images", names @ ..] if !names.iter().any(|name| name.starts_with('-')) => {
            images::named(VERSION, names)
        }
        ["images", "--services"] => images::engine().and_then(|()| services::build(&services::name())),
        ["compose"] => compose::run(),
        ["containers", "--if-possible"] => containers::run_if_possible(),
        ["containers", rest @ ..] => containers::run(rest),
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
