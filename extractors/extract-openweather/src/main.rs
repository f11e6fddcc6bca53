//! `extract-openweather`: current weather, forecast and air pollution as sealed records.

mod args;
mod mapping;

use std::process::ExitCode;

use etl_component::{CommandCard, Component, Context, Reads, Stdout};
use etl_extract::counted;
use etl_http::{Api, Key, Per, Place, Quota, Request, Service};

use args::{Cli, Endpoint, Location, Settings};

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[
        CommandCard::new("current", Reads::Nothing, Stdout::Schemas(&[Endpoint::Current.schema()])),
        CommandCard::new("forecast", Reads::Nothing, Stdout::Schemas(&[Endpoint::Forecast.schema()])),
        CommandCard::new(
            "air-pollution",
            Reads::Nothing,
            Stdout::Schemas(&[Endpoint::AirPollution.schema()]),
        ),
    ],
};

/// <https://openweathermap.org/price>: the free plan.
const API: Api = Api {
    key: Some(Key { variable: args::KEY, place: Place::Query("appid") }),
    headers: &[("Accept", "application/json")],
    judge: Some(mapping::judge),
    min_wait_429: mapping::QUOTA_WINDOW,
    quota: Some(Quota { calls: 60, per: Per::Minute }),
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(cli, &context.env)?;
    let Settings { endpoint, locations, base_url, shared, .. } = &settings;
    let service = Service::new(&API, base_url, &shared.source, &context.env, &context.producer())?;
    etl_extract::run(context, shared, endpoint.schema(), |stream| {
        for location in locations {
            stream.part(&format!("location {}", location.name), |stream| {
                let reply = service.send(&request(&service, &settings, location))?;
                let mapped = mapping::records(*endpoint, location, reply.fetched_at, &reply.body)?;
                mapped.warnings.iter().for_each(|warning| stream.warn(warning));
                Ok(mapped.records.iter().try_for_each(|record| stream.record(record))?)
            })?;
        }
        Ok(counted(locations.len() as u64, "location", "locations"))
    })
}

/// The request for a place.
fn request(service: &Service, settings: &Settings, location: &Location) -> Request {
    let request = service.get(settings.endpoint.path());
    let parameters = location.query().into_iter().chain(settings.query.clone());
    parameters.fold(request, |request, (name, value)| request.query(name, value))
}
