//! `extract-rss`: the items of RSS, Atom and JSON feeds as sealed records.

mod args;
mod date;
mod link;
mod mapping;
mod seen;
mod text;
mod xml;

use std::process::ExitCode;
use std::time::Duration;

use etl_component::{Class, CommandCard, Component, Context, Fault, Stdout};
use etl_extract::{State, Stream, counted};
use etl_http::{Api, Service};
use jiff::SignedDuration;

use args::{Cli, Feed, Settings};

const SCHEMA: &str = "rss.items";

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[CommandCard::records("", Stdout::Schemas(&[SCHEMA]))],
};

/// Servers of feeds are polite if their readers are: a limit without a time is waited for a minute.
const API: Api = Api {
    headers: &[(
        "Accept",
        "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.8",
    )],
    judge: Some(mapping::judge),
    min_wait_429: Duration::from_secs(60),
    ..Api::PLAIN
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(cli, &context.env)?;
    let Settings { feeds, shared, .. } = &settings;
    // There is no key, so that the first feed is a base as good as any.
    let base = &feeds[0].address;
    let service = Service::new(&API, base, &shared.source, &context.env, &context.producer())?;
    let mut state = State::read(settings.state.state.as_deref())?;
    etl_extract::run(context, shared, SCHEMA, |stream| {
        for feed in feeds {
            stream.part(&feed.name, |stream| items(stream, &service, feed, settings.max_age, &mut state))?;
        }
        Ok(counted(feeds.len() as u64, "feed", "feeds"))
    })
}

/// Writes the items of a feed that the state does not know.
fn items(
    stream: &mut Stream,
    service: &Service,
    feed: &Feed,
    max_age: Option<Duration>,
    state: &mut State,
) -> anyhow::Result<()> {
    let before: seen::Feed = state.of(&feed.url)?.unwrap_or_default();
    let reply = service.send(&before.ask(service.at(&feed.address)))?;
    if let Some(redirect) = reply.redirect.as_ref().filter(|redirect| redirect.permanent) {
        stream.warn(&format!("the feed has moved for good, to {}: give that address", redirect.to));
    }
    if reply.status == 304 {
        if !before.is_conditional() {
            let message =
                format!("{}: 304 Not Modified, though nothing was known of the feed before", reply.host);
            return Err(Fault::new(Class::Protocol, message).into());
        }
        return Ok(state.put(stream, &feed.url, &before.unchanged(&reply))?);
    }
    let mapped = mapping::items(&feed.url, &reply)?;
    let early = before.too_early(reply.fetched_at, &mapped.hint);
    mapped.warnings.iter().chain(&early).for_each(|warning| stream.warn(warning));
    let oldest = max_age.and_then(|age| SignedDuration::try_from(age).ok());
    let oldest = oldest.and_then(|age| reply.fetched_at.checked_sub(age).ok());
    let (after, new) = before.after(&reply, &mapped.items);
    for item in new {
        let is_old = item.published_at.zip(oldest).is_some_and(|(published, oldest)| published < oldest);
        if !is_old {
            stream.record(item)?;
        }
    }
    Ok(state.put(stream, &feed.url, &after)?)
}
