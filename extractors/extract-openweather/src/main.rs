//! `extract-openweather`: current weather, forecast and air pollution as sealed records.

mod args;
mod endpoint;
mod location;
mod mapping;
mod service;

use std::process::ExitCode;

use anyhow::Context as _;
use etl_component::{Component, Context, Reads, Stage, Stdout, io, random_id};
use etl_http::Service;
use etl_stream::{Begin, Digest, SchemaRef};

use args::{Cli, Settings};
use endpoint::Endpoint;
use location::Location;
use mapping::Mapped;

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[
        Stage::new("current", Reads::Nothing, Stdout::Schemas(&[Endpoint::Current.schema()])),
        Stage::new("forecast", Reads::Nothing, Stdout::Schemas(&[Endpoint::Forecast.schema()])),
        Stage::new("air-pollution", Reads::Nothing, Stdout::Schemas(&[Endpoint::AirPollution.schema()])),
    ],
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::try_from((cli, &context.env))?;
    let Settings { base_url, source, .. } = &settings;
    let service = Service::new(&service::API, base_url, source, &context.env, &context.producer())?;
    let mut output = settings.output.open()?;

    let schema = settings.endpoint.schema();
    let id = if service.replaying() { replayed_id(&settings, &service)? } else { random_id() };
    let schema_ref = Some(SchemaRef::Name(schema.to_owned()));
    // Before the first request, so that a loader which cannot load this says so at once.
    output.begin(&Begin { id, schema: schema_ref, producer: Some(context.producer()) })?;
    for location in &settings.locations {
        let mapped = fetch(&settings, &service, location)?;
        for warning in &mapped.warnings {
            log::warn!("location {}: {warning}", location.name);
        }
        for record in &mapped.records {
            output.line(record)?;
        }
        output.flush()?;
    }
    let segment = output.end()?;
    io::publish(output)?;
    Ok(format!("{schema}: {} records of {} locations", segment.records, settings.locations.len()))
}

/// What one location came to.
fn fetch(settings: &Settings, service: &Service, location: &Location) -> anyhow::Result<Mapped> {
    let fetch = || {
        let reply = service.send(&service::request(service, settings, location))?;
        mapping::records(settings.endpoint, location, &reply.fetched_at.to_string(), &reply.body)
    };
    fetch().with_context(|| format!("location {}", location.name))
}

/// The id of a replay: the same cassettes make the same stream, other cassettes or another mapping another one.
fn replayed_id(settings: &Settings, service: &Service) -> anyhow::Result<String> {
    let mut content = settings.endpoint.schema().as_bytes().to_vec();
    for location in &settings.locations {
        for record in fetch(settings, service, location)?.records {
            content.push(b'\n');
            content.extend_from_slice(&record);
        }
    }
    Ok(Digest::of(&content).to_string()[..32].to_owned())
}
