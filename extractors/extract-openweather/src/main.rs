//! `extract-openweather`: weather, forecast, air pollution and One Call as sealed records.

mod args;
mod history;
mod mapping;

use std::process::ExitCode;

use etl_component::{CommandCard, Component, Context, Reads, SINGER, Stdout, When};
use etl_extract::{History, counted};
use etl_http::{Api, Key, Per, Place, Quota, Request, Service};

use args::{Cli, Endpoint, Location, Part, Settings};

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[
        CommandCard::records("current", Stdout::Schemas(&[Endpoint::Current.schema()])),
        CommandCard::records("forecast", Stdout::Schemas(&[Endpoint::Forecast.schema()])),
        CommandCard {
            when: &[
                SINGER,
                When {
                    flag: "--forecast",
                    values: &[],
                    reads: Reads::Nothing,
                    stdout: Stdout::Schemas(&[Endpoint::AirForecast.schema()]),
                },
            ],
            ..CommandCard::records("air-pollution", Stdout::Schemas(&[Endpoint::AirPollution.schema()]))
        },
        CommandCard {
            when: &[
                SINGER,
                part(&["minutely"], &[Endpoint::OneCall(Part::Minutely).schema()]),
                part(&["hourly"], &[Endpoint::OneCall(Part::Hourly).schema()]),
                part(&["daily"], &[Endpoint::OneCall(Part::Daily).schema()]),
                part(&["alerts"], &[Endpoint::OneCall(Part::Alerts).schema()]),
            ],
            ..CommandCard::records("one-call", Stdout::Schemas(&[Endpoint::OneCall(Part::Current).schema()]))
        },
    ],
};

const fn part(values: &'static [&'static str], schemas: &'static [&'static str]) -> When {
    When { flag: "--part", values, reads: Reads::Nothing, stdout: Stdout::Schemas(schemas) }
}

/// <https://openweathermap.org/price>: the free plan.
const API: Api = Api {
    key: Some(Key { variable: args::KEY, place: Place::Query("appid") }),
    headers: &[("Accept", "application/json")],
    judge: Some(mapping::judge),
    min_wait_429: mapping::QUOTA_WINDOW,
    quota: Some(Quota { calls: 60, per: Per::Minute }),
    ..Api::PLAIN
};

/// <https://openweathermap.org/api/one-call-3>: what its subscription has for nothing.
const ONE_CALL: Api =
    Api { judge: Some(mapping::judge_one_call), quota: Some(Quota { calls: 1000, per: Per::Day }), ..API };

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(cli, &context.env)?;
    let Settings { endpoint, locations, base_url, shared, .. } = &settings;
    let mut history = History::new(&settings.history, history::LOOK_BACK)?;
    let api = if let Endpoint::OneCall(_) = endpoint { &ONE_CALL } else { &API };
    let service = Service::new(api, base_url, &shared.source, &context.env, &context.producer())?;
    let request = |location: &Location| request(&service, &settings, location);
    etl_extract::run(context, shared, endpoint.schema(), |stream| {
        for location in locations {
            stream.part(&format!("location {}", location.name), |stream| {
                if *endpoint == Endpoint::AirHistory {
                    return history::read(&service, request, location, &mut history, stream);
                }
                let reply = service.send(&request(location))?;
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
