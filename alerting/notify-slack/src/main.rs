//! `notify-slack`: posts to Slack what a stream contained, why it failed, how a workflow ended, or a text.
//!
//! ```sh
//! extract-openweather current --city Seattle | load-sqlite --db weather.db | notify-slack
//! ```

mod args;
mod gather;
mod input;
mod list;
mod message;
mod render;
mod reply;
mod slack;
mod stream;
mod template;
mod text;
mod workflow;

use std::process::ExitCode;

use etl_component::{Component, Context};

use args::{Invocation, Job, On, Settings};
use message::Message;
use slack::Slack;
use workflow::Status;

static COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: args::COMMANDS,
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(invocation: Invocation, context: &Context) -> anyhow::Result<String> {
    let settings = Settings::new(invocation, &context.env)?;
    let mut slack = Slack::open(&settings.destination, context)?;
    match &settings.job {
        Job::Text(text) => tell(Message::new(None, text), &mut slack),
        Job::Workflow(workflow) if settings.on == On::Failure && workflow.status == Status::Succeeded => {
            Ok(format!("workflow {} succeeded, which is not posted with --on failure", workflow.name))
        }
        Job::Workflow(workflow) => tell(workflow.message(), &mut slack),
        Job::Records(records) => stream::tell(records, settings.on, &mut slack, context),
    }
}

/// Posts the only message of a run.
fn tell(message: Option<Message>, slack: &mut Slack) -> anyhow::Result<String> {
    message.iter().try_for_each(|message| slack.post(message))?;
    Ok(format!("{} 1 message", slack.done()))
}
