//! `notify-webhook`: posts to any address what a stream contained, why it failed, or how a workflow ended, as JSON by
//! template or in a known form.
//!
//! ```sh
//! load-sqlite --db weather.db --input weather.ndjson | notify-webhook --as ping
//! ```

mod args;
mod form;
mod header;
mod post;
mod report;
mod webhook;

use std::process::ExitCode;

use etl_component::{Component, Context};
use etl_notify::Invocation;

use args::{Cli, Job, Settings};
use post::Post;
use report::Report;
use webhook::Webhook;

static COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: args::COMMANDS,
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(invocation: Invocation<Cli>, context: &Context) -> anyhow::Result<String> {
    let Settings { job, form, destination, about, on } = Settings::new(invocation, &context.env)?;
    let mut webhook = Webhook::open(&destination, context)?;
    if let Job::Workflow(workflow) = &job
        && let Some(summary) = on.passes_over(workflow)
    {
        return Ok(summary);
    }
    match &job {
        Job::Workflow(workflow) => {
            let report = Report::of_workflow(workflow, &about)?;
            webhook.post(&form.message(&report)?)?;
            Ok(format!("{} 1 message", webhook.done()))
        }
        Job::Records { how, most } => {
            etl_notify::tell(how, &mut Post::new(&mut webhook, how, &form, *most), context)
        }
    }
}
