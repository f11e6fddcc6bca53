//! `notify-slack`: posts texts, records and failures to Slack.

use std::process::ExitCode;

use etl_component::{Component, Context};

static COMPONENT: Component = Component {
    name: "notify-slack",
    version: env!("CARGO_PKG_VERSION"),
    variables: &[],
    reads: &[],
    writes: &[],
    streams: |_| false,
};

/// Post to Slack
#[derive(clap::Parser)]
struct Args {
    /// The text
    #[arg(long)]
    text: String,
}

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, |args: Args, _: &Context| Ok(args.text))
}
