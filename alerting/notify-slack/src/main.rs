//! `notify-slack`: posts to Slack what a stream contained, why it failed, how a workflow ended, or a text.
//!
//! ```sh
//! extract-openweather current --city Seattle | load-sqlite --db weather.db | notify-slack
//! ```

mod args;
mod message;
mod post;
mod render;
mod reply;
mod slack;
mod workflow;

use std::process::ExitCode;

use etl_component::{Component, Context};
use etl_notify::Invocation;

use args::{Cli, Job, Settings};
use message::Message;
use post::Post;
use slack::Slack;

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
    let Settings { job, destination, about, on } = Settings::new(invocation, &context.env)?;
    let mut slack = Slack::open(&destination, context)?;
    if let Job::Workflow(workflow) = &job
        && let Some(summary) = on.passes_over(workflow)
    {
        return Ok(summary);
    }
    match &job {
        Job::Text(text) => tell(Message::about(None, text, &about), &mut slack),
        Job::Workflow(workflow) => tell(workflow::message(workflow, &about), &mut slack),
        Job::Records { how, digest, most } => {
            etl_notify::tell(how, &mut Post::new(&mut slack, &about, *digest, *most), context)
        }
    }
}

/// Posts the only message of a run.
fn tell(message: Option<Message>, slack: &mut Slack) -> anyhow::Result<String> {
    message.iter().try_for_each(|message| slack.post(message))?;
    Ok(format!("{} 1 message", slack.done()))
}
