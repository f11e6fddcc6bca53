//! The flags and variables of every extractor.

use etl_component::{OutputArgs, Variable};
use etl_http::SourceArgs;

/// The flags of every extractor; flatten it into the component's own arguments, at the top: each flag is accepted after a
/// subcommand, too.
#[derive(Clone, Debug, clap::Args)]
pub struct ExtractArgs {
    /// Limits of the network, and the cassettes.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Where the records go.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A key without which no live run starts. `help` says where one is had, and that a replay needs none.
pub const fn key(name: &'static str, aliases: &'static [&'static str], help: &'static str) -> Variable {
    Variable { name, aliases, secret: true, required: true, help }
}

/// A setting that is not secret and may be left out.
pub const fn setting(name: &'static str, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret: false, required: false, help }
}
