//! `extract-openweather`: current weather, forecast and air pollution as sealed records.

mod args;
mod endpoint;
mod location;
mod mapping;
mod reply;
mod service;

use std::process::ExitCode;

use anyhow::Context as _;
use etl_component::{Component, Context, Fault, io, random_id};
use etl_stream::{Begin, SchemaRef};
use sha2::{Digest, Sha256};

use args::{Cli, Settings};
use endpoint::Endpoint;
use location::Location;
use mapping::Mapped;
use service::Service;

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    reads: &[],
    writes: &[Endpoint::Current.schema(), Endpoint::Forecast.schema(), Endpoint::AirPollution.schema()],
    streams: |_| true,
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::try_from((cli, &context.env))?;
    let service = Service::new(&settings, &context.env, &context.producer())?;
    let mut output = settings.output.open()?;

    // All are fetched before the first record is written: what they become is small, and one may fail.
    let fetched = fetch_all(&settings, &service)?;
    let schema = settings.endpoint.schema();
    let id = if service.replaying() { derived_id(schema, &fetched) } else { random_id() };

    let schema_ref = Some(SchemaRef::Name(schema.to_owned()));
    output.begin(&Begin { id, schema: schema_ref, producer: Some(context.producer()) })?;
    for record in fetched.iter().flat_map(|fetched| &fetched.mapped.records) {
        output.line(record)?;
    }
    let segment = output.end()?;
    io::publish(output)?;
    Ok(format!("{schema}: {} record(s) of {} location(s)", segment.records, fetched.len()))
}

/// What one location came to.
struct Fetched<'a> {
    location: &'a Location,
    at: String,
    mapped: Mapped,
}

fn fetch_all<'a>(settings: &'a Settings, service: &Service<'_>) -> anyhow::Result<Vec<Fetched<'a>>> {
    let named =
        |location| fetch(settings, service, location).with_context(|| format!("location {}", location.name));
    settings.locations.iter().map(named).collect()
}

fn fetch<'a>(
    settings: &Settings,
    service: &Service<'_>,
    location: &'a Location,
) -> Result<Fetched<'a>, Fault> {
    let reply = service.fetch(location)?;
    let at = reply.fetched_at.to_string();
    let mapped = mapping::records(settings.endpoint, location, &at, &reply.body)?;
    for warning in &mapped.warnings {
        log::warn!("location {}: {warning}", location.name);
    }
    Ok(Fetched { location, at, mapped })
}

/// The id of a replay: the same cassettes make the same stream, other cassettes or another mapping another one.
fn derived_id(schema: &str, fetched: &[Fetched<'_>]) -> String {
    let mut hash = Sha256::new();
    hash.update(schema);
    for Fetched { location, at, mapped } in fetched {
        hash.update(format!("\n{}\n{at}", location.name));
        for record in &mapped.records {
            hash.update(b"\n");
            hash.update(record);
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
