//! `stand-in`: takes the place of OpenWeather and Slack in the compose run and in the tests of the images, and compares
//! the outcome with what is expected.

mod compare;
mod replies;
mod slack;

use std::net::TcpStream;
use std::process::ExitCode;

const HELP: &str = "\
stand-in replies ADDRESS FOLDER   serves the recorded replies in the folder to anyone with a key
stand-in slack ADDRESS            accepts messages as an incoming webhook does; GET /messages returns them
stand-in ready ADDRESS            exits 0 if something listens there, otherwise 1
stand-in compare FILE             compares what is stored with what the file expects; POSTGRES_URL, INFLUX_URL and
                                  SLACK_URL say where; {NAME} in the file stands for the variable NAME";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["replies", address, folder] => replies::serve(address, folder.as_ref()),
        ["slack", address] => slack::serve(address),
        ["ready", address] => TcpStream::connect(address).map(drop).map_err(anyhow::Error::from),
        ["compare", file] => compare::run(file.as_ref()),
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

/// Lets the threads of a server run until a signal ends the process.
fn forever() -> ! {
    loop {
        std::thread::park();
    }
}
