//! `load-influx`: loads a verified stream into InfluxDB, or into anything that speaks its line protocol.
//!
//! ```sh
//! extract-openweather current --city Seattle | load-influx --url http://influx:8086 --db weather
//! ```
//!
//! Its files from the bottom up, each of which uses only files before it: `settings`; for what is sent, `mapping`, `line`
//! and `plan`; for how, `batch`, `spool`, `reply`, `tally`, `send`, `parts` and `flight`; and `sink`.

mod batch;
mod flight;
mod line;
mod mapping;
mod parts;
mod plan;
mod reply;
mod send;
mod settings;
mod sink;
mod spool;
mod tally;

use std::process::ExitCode;

use etl_component::{Component, Context};

use crate::settings::{Args, Settings};
use crate::sink::Influx;

static COMPONENT: Component = Component {
    name: "load-influx",
    version: env!("CARGO_PKG_VERSION"),
    variables: &settings::VARIABLES,
    commands: etl_load::card::STREAM_COMMANDS,
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(args, &context.env)?;
    etl_load::run(&settings.load, context, None, |load| Influx::connect(settings.database, load))
}
