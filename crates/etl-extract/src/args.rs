//! The flags and variables of every extractor.

use std::path::PathBuf;
use std::time::Duration;

use etl_component::{RecordsArgs, Variable, duration};
use etl_http::SourceArgs;
use jiff::Timestamp;

use crate::window::instant;

/// The flags of every extractor; flatten it into the component's own arguments, at the top: each flag is accepted after a
/// subcommand, too.
#[derive(Clone, Debug, clap::Args)]
pub struct ExtractArgs {
    /// Limits of the network, and the cassettes.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Where the records go, and in which form.
    #[command(flatten)]
    pub output: RecordsArgs,
}

/// Where earlier runs have got to; flatten it into the commands that read on from there.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Since when")]
pub struct StateArgs {
    /// Read on from the state in this file, which whatever stores the records writes; none yet is a start
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// What of a source's history is read; flatten it into the commands whose source has one.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Since when")]
pub struct HistoryArgs {
    /// Where earlier runs have got to.
    #[command(flatten)]
    pub state: StateArgs,

    /// How far before the state's cursor to look again for what came late; what was seen before is left out
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub look_back: Option<Duration>,

    /// Only records of this day (UTC) or RFC 3339 time, and later ones
    #[arg(long, value_name = "T", value_parser = instant)]
    pub since: Option<Timestamp>,

    /// Only records before this day or time; such a run writes no state
    #[arg(long, value_name = "T", value_parser = instant, conflicts_with = "state")]
    pub until: Option<Timestamp>,
}

/// A key without which no live run starts. `help` says where one is had, and that a replay needs none.
pub const fn key(name: &'static str, aliases: &'static [&'static str], help: &'static str) -> Variable {
    Variable { name, aliases, secret: true, required: true, unless: &["--replay"], help }
}

/// A setting that is not secret and may be left out.
pub const fn setting(name: &'static str, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret: false, required: false, unless: &[], help }
}
