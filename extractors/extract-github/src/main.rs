//! `extract-github`: workflow runs, Dependabot alerts and billed usage as sealed records.

mod alerts;
mod args;
mod judge;
mod mapping;
mod runs;
mod span;
mod usage;

use std::process::ExitCode;

use etl_component::{CommandCard, Component, Context, Stdout};
use etl_extract::{Stream, counted};
use etl_http::{Api, Key, Per, Place, Quota, Reply, Request, Service};

use args::{Cli, Query, Settings, Task};

const USAGE: &str = "github.usage";
const RUNS: &str = "github.workflow_runs";
const ALERTS: &str = "github.dependabot_alerts";

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[
        CommandCard::records("usage", Stdout::Schemas(&[USAGE])),
        CommandCard::records("workflow-runs", Stdout::Schemas(&[RUNS])),
        CommandCard::records("dependabot-alerts", Stdout::Schemas(&[ALERTS])),
    ],
};

/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>: what a token may ask.
const API: Api = Api {
    key: Some(Key { variable: args::TOKEN, place: Place::Bearer }),
    headers: &[("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28")],
    quota: Some(Quota { calls: 5000, per: Per::Hour }),
    ..Api::PLAIN
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let Settings { task, base_url, shared } = Settings::new(cli, &context.env)?;
    let judge = match &task {
        Task::Usage { .. } => None,
        Task::Runs { .. } => Some(judge::RUNS),
        Task::Alerts(_) => Some(judge::ALERTS),
    };
    let api = Api { judge, ..API };
    let service = Service::new(&api, &base_url, &shared.source, &context.env, &context.producer())?;
    match task {
        Task::Usage { accounts, time } => etl_extract::run(context, &shared, USAGE, |stream| {
            for account in &accounts {
                stream.part(account.name(), |stream| usage::read(&service, account, &time, stream))?;
            }
            Ok(counted(accounts.len() as u64, "account", "accounts"))
        }),
        Task::Runs { mut listing, workflow } => etl_extract::run(context, &shared, RUNS, |stream| {
            for repo in &listing.repos {
                let list = runs::List { repo, workflow: workflow.as_deref(), filters: &listing.filters };
                stream.part(repo, |stream| list.read(&service, &mut listing.history, stream))?;
            }
            Ok(counted(listing.repos.len() as u64, "repository", "repositories"))
        }),
        Task::Alerts(mut listing) => etl_extract::run(context, &shared, ALERTS, |stream| {
            for repo in &listing.repos {
                let list = alerts::List { repo, filters: &listing.filters };
                stream.part(repo, |stream| list.read(&service, &mut listing.history, stream))?;
            }
            Ok(counted(listing.repos.len() as u64, "repository", "repositories"))
        }),
    }
}

/// A GET with these parameters.
fn get(service: &Service, path: &str, query: &Query) -> Request {
    query.iter().fold(service.get(path), |request, (name, value)| request.query(name, value))
}

/// What the state calls a list: another filter is another list, of which other runs have been seen.
fn part(path: &str, filters: &Query) -> String {
    let pairs: Vec<String> = filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{path}?{}", pairs.join("&")).trim_end_matches('?').to_owned()
}

/// A repository that was renamed is still found under its old name, until somebody else takes it.
fn warn_of_move(reply: &Reply, stream: &Stream) {
    if let Some(redirect) = reply.redirect.as_ref().filter(|redirect| redirect.permanent) {
        stream.warn(&format!("the repository has another name now: GitHub redirects to {}", redirect.to));
    }
}
