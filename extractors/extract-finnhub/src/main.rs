//! `extract-finnhub`: quotes of stocks as sealed records.

mod args;
mod mapping;

use std::process::ExitCode;
use std::time::Duration;

use etl_component::{CommandCard, Component, Context, Stdout};
use etl_extract::counted;
use etl_http::{Api, Key, Per, Place, Quota, Service};

use args::{Cli, Settings};

const SCHEMA: &str = "finnhub.quote";

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[CommandCard::records("quote", Stdout::Schemas(&[SCHEMA]))],
};

/// <https://finnhub.io/docs/api/authentication> and <https://finnhub.io/docs/api/rate-limit>: the free plan, and the 30 requests
/// a second of all plans.
const API: Api = Api {
    key: Some(Key { variable: args::KEY, place: Place::Header("X-Finnhub-Token") }),
    headers: &[("Accept", "application/json")],
    judge: Some(mapping::judge),
    min_wait_429: mapping::QUOTA_WINDOW,
    quota: Some(Quota { calls: 60, per: Per::Minute }),
    gap: Duration::from_millis(34),
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let Settings { symbols, base_url, shared } = Settings::new(cli, &context.env)?;
    let service = Service::new(&API, &base_url, &shared.source, &context.env, &context.producer())?;
    etl_extract::run(context, &shared, SCHEMA, |stream| {
        for symbol in &symbols {
            stream.part(&format!("symbol {symbol}"), |stream| {
                let reply = service.send(&service.get("quote").query("symbol", symbol))?;
                let mapped = mapping::quote(symbol, reply.fetched_at, &reply.body)?;
                mapped.warning.iter().for_each(|warning| stream.warn(warning));
                Ok(stream.record(&mapped.record)?)
            })?;
        }
        Ok(counted(symbols.len() as u64, "symbol", "symbols"))
    })
}
