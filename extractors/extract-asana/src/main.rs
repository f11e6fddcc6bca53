//! `extract-asana`: the tasks of projects as sealed records.

mod args;
mod mapping;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use etl_component::{Class, CommandCard, Component, Context, Fault, Stdout};
use etl_extract::{History, Stream, Window, counted};
use etl_http::{Api, Key, Pages, Per, Place, Quota, Reply, Request, Service, Verdict};
use jiff::Timestamp;

use args::{Cli, Settings};

const SCHEMA: &str = "asana.tasks";

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: &[CommandCard::records("tasks", Stdout::Schemas(&[SCHEMA]))],
};

/// <https://developers.asana.com/docs/rate-limits>: the quota is that of a free workspace.
const API: Api = Api {
    key: Some(Key { variable: args::TOKEN, place: Place::Bearer }),
    headers: &[("Accept", "application/json")],
    judge: Some(judge),
    min_wait_429: Duration::from_secs(60),
    quota: Some(Quota { calls: 150, per: Per::Minute }),
    ..Api::PLAIN
};

/// The most that the API gives. Without a limit it gives no next page either.
const LIMIT: u32 = 100;

/// For clocks that differ. What changes while pages are read is no concern: the cursor is never later than the first one.
const LOOK_BACK: Duration = Duration::from_secs(10 * 60);

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(cli, &context.env)?;
    let Settings { projects, base_url, shared, .. } = &settings;
    let service = Service::new(&API, base_url, &shared.source, &context.env, &context.producer())?;
    let mut history = History::new(&settings.history, LOOK_BACK)?;
    etl_extract::run(context, shared, SCHEMA, |stream| {
        // A task may be in several projects, and on several pages.
        let mut read = HashSet::new();
        for project in projects {
            stream.part(&format!("project {project}"), |stream| {
                tasks(stream, &service, &settings, project, &mut history, &mut read)
            })?;
        }
        Ok(counted(projects.len() as u64, "project", "projects"))
    })
}

/// Writes the tasks of a project that were not `read` before in this run.
fn tasks(
    stream: &mut Stream,
    service: &Service,
    settings: &Settings,
    project: &str,
    history: &mut History,
    read: &mut HashSet<String>,
) -> anyhow::Result<()> {
    let mut part = history.part(project)?;
    let window = part.window();
    let request = request(service, settings, project, window);
    let mut started = None;
    loop {
        let (before, mut has_expired) = (read.len(), false);
        let mut pages = Pages::by_token(request.clone(), "offset", mapping::next_offset);
        while let Some(reply) = pages.next(service)? {
            if mapping::is_expired(&reply) {
                has_expired = true;
                break;
            }
            let started = *started.get_or_insert_with(|| reply.sent_at());
            for task in mapping::tasks(&settings.projects, project, reply.fetched_at, &reply.body)? {
                let modified_at = task.modified_at.unwrap_or(started);
                let is_wanted = window.until.is_none_or(|until| modified_at < until);
                if read.insert(task.gid.clone()) && is_wanted {
                    // A change of section changes no modified_at: what the API counts as modified is within the window.
                    let at = modified_at.min(started).max(window.since.unwrap_or(Timestamp::MIN));
                    part.record(stream, at, &task)?;
                }
            }
            stream.flush()?;
        }
        if !has_expired {
            return Ok(part.done(stream)?);
        }
        if read.len() == before {
            let message = "the pages expire before there is a new task among them: 15 minutes are not enough";
            return Err(Fault::new(Class::Transient, message).into());
        }
        stream.warn(
            "the pages have expired after 15 minutes: starting again, without the tasks that were read",
        );
    }
}

fn request(service: &Service, settings: &Settings, project: &str, window: Window) -> Request {
    let request = service.get("tasks").query("project", project).query("limit", LIMIT);
    let request = request.query("opt_fields", &settings.opt_fields);
    let request = window.since.iter().fold(request, |request, since| request.query("modified_since", since));
    settings.completed_since.iter().fold(request, |request, since| request.query("completed_since", since))
}

fn judge(reply: &Reply) -> Option<Verdict> {
    if let Some(phrase) = mapping::phrase(reply) {
        log::warn!("Asana's own failure; its support asks for the phrase: {phrase}");
    }
    mapping::judge(reply)
}
