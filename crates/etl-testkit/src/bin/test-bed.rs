//! `test-bed COMMAND …`: runs a command, such as `cargo test`, with what the tests of this workspace need: programs are
//! installed, and one PostgreSQL runs for all of them. Its exit code is the command's.

use std::process::{Command, ExitCode};

use anyhow::Context;
use etl_testkit::need;
use etl_testkit::postgres::{Options, Server};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let program = args.next().context("a command is missing")?;
    need::programs(&[need::PYTHON, need::NODE, need::JQ, need::TMUX, need::SYSTEMD, need::CHROMIUM])?;
    need::programs(&need::PROMETHEUS)?;
    need::servers()?;
    let postgres = Server::start(Options::default());
    eprintln!("PostgreSQL for the tests listens on {}", postgres.addr());
    let status = Command::new(&program).args(args).envs(postgres.variables()).status();
    let status = status.with_context(|| format!("cannot run {}", program.display()))?;
    // A signal has no code of its own.
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))))
}
