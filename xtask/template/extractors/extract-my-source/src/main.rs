//! `extract-my-source`: quotes as sealed records.

mod args;
mod mapping;

use std::process::ExitCode;

use etl_component::{CommandCard, Component, Context, Stdout};
use etl_extract::counted;
use etl_http::{Api, Key, Place, Service};

use args::{Cli, Settings};

const SCHEMA: &str = "my-source";

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[CommandCard::records("", Stdout::Schemas(&[SCHEMA]))],
};

const API: Api = Api {
    key: Some(Key { variable: args::KEY, place: Place::Bearer }),
    headers: &[("Accept", "application/json")],
    ..Api::PLAIN
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let Settings { symbols, base_url, shared } = Settings::new(cli)?;
    let service = Service::new(&API, &base_url, &shared.source, &context.env, &context.producer())?;
    etl_extract::run(context, &shared, SCHEMA, |stream| {
        for symbol in &symbols {
            stream.part(&format!("symbol {symbol}"), |stream| {
                let reply = service.send(&service.get("quote").query("symbol", symbol))?;
                Ok(stream.record(&mapping::quote(symbol, reply.fetched_at, &reply.body)?)?)
            })?;
        }
        Ok(counted(symbols.len() as u64, "symbol", "symbols"))
    })
}
