//! What was typed, and what it means.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use etl_component::{Env, Fault, Variable};
use etl_extract::{ExtractArgs, HistoryArgs, instant, key, setting};
use etl_http::{BaseUrl, base_url};
use jiff::Timestamp;

use crate::mapping::FIELDS;

/// The personal access token.
pub(crate) const TOKEN: Variable = key(
    "ASANA_TOKEN",
    &["ASANA_KEY"],
    "a personal access token from app.asana.com/0/my-apps; not needed with --replay",
);
const GID: Variable = setting("GID", "the project, where no --project is given");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[TOKEN, GID];

/// Tasks of Asana projects as records.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-asana tasks --project 1204 | load-postgres --create --mode replace
  extract-asana tasks --project 1204 --state state | load-sqlite --db a.db --state-out state
  extract-asana tasks --project 1204 --completed-since now | load-influx --db asana")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: ExtractArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The tasks of projects as they are now: asana.tasks
    #[command(
        mut_arg("since", |arg| arg.visible_alias("modified-since")),
        after_help = "Examples:
  extract-asana tasks --project 1204 --project 1205 | load-postgres --create --mode replace
  extract-asana tasks --project 1204 --since 2026-11-01 | load-sqlite --db asana.db
  extract-asana tasks --project 1204 --state state | load-sqlite --db a.db --state-out state"
    )]
    Tasks(Ask),
}

#[derive(Debug, Args)]
struct Ask {
    /// A project's gid, the number in its address; repeatable; otherwise the variable GID
    #[arg(long, value_name = "GID", help_heading = "Request")]
    project: Vec<String>,
    /// Of completed tasks only those completed since this day (UTC) or RFC 3339 time; now: none
    #[arg(long, value_name = "T|now", help_heading = "Request")]
    completed_since: Option<CompletedSince>,
    /// Ask for these fields of the schema only, besides what the key and the state need; all but html_notes by default
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Request")]
    fields: Vec<String>,
    /// The service's prefix
    #[arg(
        long,
        value_name = "URL",
        env = "ASANA_BASE_URL",
        default_value = "https://app.asana.com/api/1.0",
        help_heading = "Network"
    )]
    base_url: String,
    #[command(flatten)]
    history: HistoryArgs,
}

/// Since when completed tasks count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompletedSince {
    Now,
    At(Timestamp),
}

impl FromStr for CompletedSince {
    type Err = String;

    fn from_str(text: &str) -> Result<CompletedSince, String> {
        match text {
            "now" => Ok(CompletedSince::Now),
            text => instant(text).map(CompletedSince::At),
        }
    }
}

impl fmt::Display for CompletedSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompletedSince::Now => f.write_str("now"),
            CompletedSince::At(at) => at.fmt(f),
        }
    }
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The projects to ask for, in the order given, none twice.
    pub(crate) projects: Vec<String>,
    /// What the API calls the fields that are asked for, as it takes them.
    pub(crate) opt_fields: String,
    /// Which completed tasks are asked for.
    pub(crate) completed_since: Option<CompletedSince>,
    /// The service's prefix.
    pub(crate) base_url: BaseUrl,
    /// What was read before, and what of the rest is read.
    pub(crate) history: HistoryArgs,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2 or 78 for a project, a field or an address that is not one, naming the flag or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let Command::Tasks(ask) = cli.command;
        Ok(Settings {
            projects: projects(ask.project, env)?,
            opt_fields: opt_fields(&ask.fields)?,
            completed_since: ask.completed_since,
            base_url: base_url(&ask.base_url, cli.shared.source.allow_http)?,
            history: ask.history,
            shared: cli.shared,
        })
    }
}

fn projects(flags: Vec<String>, env: &Env) -> Result<Vec<String>, Fault> {
    let is_gid = |gid: &str| !gid.is_empty() && gid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if flags.is_empty() {
        return match env.text(&GID)? {
            Some((_, gid)) if is_gid(gid.trim()) => Ok(vec![gid.trim().to_owned()]),
            Some((_, gid)) => Err(Fault::config(format!("GID: {gid:?} is not the gid of a project"))),
            None => Err(Fault::usage("no project: give --project, or set GID")),
        };
    }
    for (nth, gid) in flags.iter().enumerate() {
        if !is_gid(gid) {
            return Err(Fault::usage(format!("--project {gid:?} is not the gid of a project")));
        }
        if flags[..nth].contains(gid) {
            return Err(Fault::usage(format!("the project {gid} is given twice")));
        }
    }
    Ok(flags)
}

/// The value of `opt_fields`, in which a blank would be a part of a name.
fn opt_fields(names: &[String]) -> Result<String, Fault> {
    let names: Vec<&str> = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if let Some(unknown) = names.iter().find(|name| !FIELDS.iter().any(|field| field.name == **name)) {
        let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        return Err(Fault::usage(format!("--fields: {unknown:?} is none of {}", known.join(", "))));
    }
    let is_asked =
        |name: &str, by_default: bool| if names.is_empty() { by_default } else { names.contains(&name) };
    let mut asked: Vec<&str> = Vec::new();
    for field in FIELDS.iter().filter(|field| field.always || is_asked(field.name, field.by_default)) {
        asked.extend(field.opt_fields.iter().filter(|name| !asked.contains(name)).collect::<Vec<_>>());
    }
    Ok(asked.join(","))
}

#[cfg(test)]
mod tests;
