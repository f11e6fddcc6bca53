//! `extract-alphavantage`: yields of US Treasury securities as sealed records.

mod args;
mod judge;
mod mapping;

use std::process::ExitCode;
use std::time::Duration;

use etl_component::{CommandCard, Component, Context, Stdout};
use etl_extract::{counted, midnight};
use etl_http::{Api, Key, Per, Place, Quota, Request, Service};

use args::{Cli, Interval, Maturity, Settings};

const SCHEMA: &str = "alphavantage.treasury_yield";

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[CommandCard::records("treasury-yield", Stdout::Schemas(&[SCHEMA]))],
};

/// <https://www.alphavantage.co/support/#api-key>: the free plan, 25 requests a day and one a second. With
/// another `Accept` the service replies 406.
const API: Api = Api {
    key: Some(Key { variable: args::KEY, place: Place::Query("apikey") }),
    headers: &[("Accept", "*/*")],
    judge: Some(judge::judge),
    quota: Some(Quota { calls: 25, per: Per::Day }),
    gap: Duration::from_secs(1),
    ..Api::PLAIN
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let Settings { maturities, interval, mut history, base_url, shared } = Settings::new(cli, &context.env)?;
    let service = Service::new(&API, &base_url, &shared.source, &context.env, &context.producer())?;
    etl_extract::run(context, &shared, SCHEMA, |stream| {
        for maturity in &maturities {
            stream.part(&format!("maturity {maturity}"), |stream| {
                let mut part = history.part(&format!("{maturity} {interval}"))?;
                let reply = service.send(&request(&service, *maturity, interval))?;
                for record in mapping::yields(*maturity, interval, reply.fetched_at, &reply.body)? {
                    part.record(stream, midnight(record.date), &record)?;
                }
                Ok(part.done(stream)?)
            })?;
        }
        Ok(counted(maturities.len() as u64, "maturity", "maturities"))
    })
}

/// The request for all yields of a maturity: the service knows no range and no pages.
fn request(service: &Service, maturity: Maturity, interval: Interval) -> Request {
    let request = service.get("query").query("function", mapping::FUNCTION);
    request.query("interval", interval).query("maturity", maturity).query("datatype", "json")
}
