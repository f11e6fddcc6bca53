//! What was typed, and what it means.

mod filters;

use std::time::Duration;

use clap::{Arg, Args, Parser, Subcommand};
use etl_component::{Env, Fault, Variable};
use etl_extract::{ExtractArgs, History, HistoryArgs, key, setting};
use etl_http::{BaseUrl, base_url};

use filters::{AlertFilters, RunFilters};

/// The token.
pub(crate) const TOKEN: Variable =
    key("GITHUB_TOKEN", &["GH_TOKEN"], "a token from github.com/settings/tokens; not needed with --replay");
const ACCOUNT: Variable = setting("ACCOUNT_NAME", "the user, where no flag names an account");
const REPO: Variable =
    setting("REPO_NAME", "the repository, where no flag names one: OWNER/REPO, or one of ACCOUNT_NAME");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[TOKEN, ACCOUNT, REPO];

/// How long after a run was created it is looked at again, without --look-back: most end, or are run again, within days.
const RUNS_CHANGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The same for alerts after they were updated: GitHub tells of a change at once.
const ALERTS_CHANGE: Duration = Duration::from_secs(60 * 60);

/// GitHub's workflow runs, Dependabot alerts and billed usage as records.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-github usage --user octocat | load-influx --db github
  extract-github workflow-runs --repo octocat/spoon | load-postgres --create
  extract-github dependabot-alerts --repo octocat/spoon --state open | load-postgres --create")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The server's address; of GitHub Enterprise Server https://HOST/api/v3
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "GITHUB_BASE_URL",
        default_value = "https://api.github.com",
        help_heading = "Network"
    )]
    base_url: String,
    #[command(flatten)]
    shared: ExtractArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What accounts used, and what it costs, by day, product and repository: github.usage
    #[command(after_help = "Examples:
  extract-github usage --user octocat | load-influx --db github
  extract-github usage --org github --year 2026 --month 11 | load-postgres --create")]
    Usage(Billing),
    /// The runs of workflows: github.workflow_runs
    #[command(mut_arg("look_back", |arg| with_default(arg, "168h")), after_help = "Examples:
  extract-github workflow-runs --repo octocat/spoon | load-postgres --create
  extract-github workflow-runs --repo octocat/spoon --status failure | load-sqlite --db runs.db
  extract-github workflow-runs --repo octocat/spoon --state s | load-sqlite --db d --state-out s")]
    WorkflowRuns {
        #[command(flatten)]
        repos: Repos,
        #[command(flatten)]
        filters: RunFilters,
        #[command(flatten)]
        history: HistoryArgs,
    },
    /// Dependabot's alerts: github.dependabot_alerts
    // --state is GitHub's word for what an alert is; so the file has another name here.
    #[command(
        mut_arg("state", |arg| arg.long("state-file")),
        mut_arg("look_back", |arg| with_default(arg, "1h")),
        after_help = "Examples:
  extract-github dependabot-alerts --repo octocat/spoon --state open | load-postgres --create
  extract-github dependabot-alerts --repo octocat/spoon --severity high,critical | notify-slack"
    )]
    DependabotAlerts {
        #[command(flatten)]
        repos: Repos,
        #[command(flatten)]
        filters: AlertFilters,
        #[command(flatten)]
        history: HistoryArgs,
    },
}

/// The flag of all extractors, whose default is this one's.
fn with_default(arg: Arg, default: &str) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.help(format!("{help}; {default} by default"))
}

/// Whose usage, and when; without an account, the variable ACCOUNT_NAME is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
struct Billing {
    /// A user; repeatable
    #[arg(long, value_name = "LOGIN")]
    user: Vec<String>,
    /// An organization; repeatable
    #[arg(long, value_name = "LOGIN")]
    org: Vec<String>,
    /// Only this year; the current one by default
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(2000..=9999))]
    year: Option<u16>,
    /// Only this month, of the current year without --year
    #[arg(long, value_name = "MONTH", value_parser = clap::value_parser!(u16).range(1..=12))]
    month: Option<u16>,
    /// Only this day, of the current month without --month
    #[arg(long, value_name = "DAY", value_parser = clap::value_parser!(u16).range(1..=31))]
    day: Option<u16>,
}

/// Whose runs or alerts; without a repository, the variables REPO_NAME and ACCOUNT_NAME are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
struct Repos {
    /// A repository; repeatable
    #[arg(long, value_name = "OWNER/REPO")]
    repo: Vec<String>,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What to ask for.
    pub(crate) task: Task,
    /// The server's address.
    pub(crate) base_url: BaseUrl,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

/// What to ask for.
#[derive(Debug)]
pub(crate) enum Task {
    /// The usage of these accounts in this time.
    Usage { accounts: Vec<Account>, time: Query },
    /// The runs of these repositories' workflows, or of one of them.
    Runs { listing: Listing, workflow: Option<String> },
    /// The alerts of these repositories.
    Alerts(Listing),
}

/// Parameters of a request.
pub(crate) type Query = Vec<(&'static str, String)>;

/// Lists of repositories.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The repositories in the order given, none twice.
    pub(crate) repos: Vec<String>,
    /// What is asked for of each.
    pub(crate) filters: Query,
    /// Since when, and what earlier runs have seen.
    pub(crate) history: History,
}

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    User(String),
    Org(String),
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2, 3, 66 or 78 for a name, an address or a state that is not one, naming the flag, the file or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let base_url = base_url(&cli.base_url, cli.shared.source.allow_http)?;
        let task = match cli.command {
            Command::Usage(billing) => billing.task(env)?,
            Command::WorkflowRuns { repos, filters, history } => {
                let (workflow, filters) = filters.checked()?;
                let listing = Listing {
                    repos: repos.named(env)?,
                    filters,
                    history: History::new(&history, RUNS_CHANGE)?,
                };
                Task::Runs { listing, workflow }
            }
            Command::DependabotAlerts { repos, filters, history } => Task::Alerts(Listing {
                repos: repos.named(env)?,
                filters: filters.query(),
                history: History::new(&history, ALERTS_CHANGE)?,
            }),
        };
        Ok(Settings { task, base_url, shared: cli.shared })
    }
}

impl Billing {
    fn task(self, env: &Env) -> Result<Task, Fault> {
        let mut accounts = Vec::new();
        for (flag, names) in [("--user", self.user), ("--org", self.org)] {
            for name in names {
                let name = login(name).map_err(|why| Fault::usage(format!("{flag} {why}")))?;
                accounts.push(if flag == "--user" { Account::User(name) } else { Account::Org(name) });
            }
        }
        if accounts.is_empty() {
            let none = || Fault::usage("no account: give --user or --org, or set ACCOUNT_NAME");
            let name = set(env, &ACCOUNT).ok_or_else(none)?;
            accounts.push(Account::User(
                login(name).map_err(|why| Fault::config(format!("ACCOUNT_NAME: {why}")))?,
            ));
        }
        no_doubles("account", accounts.iter().map(Account::name))?;
        let time = [("year", self.year), ("month", self.month), ("day", self.day)];
        let time = time.into_iter().filter_map(|(name, value)| Some((name, value?.to_string()))).collect();
        Ok(Task::Usage { accounts, time })
    }
}

impl Account {
    /// Its name; users and organizations share one space of names.
    pub(crate) fn name(&self) -> &str {
        match self {
            Account::User(name) | Account::Org(name) => name,
        }
    }
}

impl Repos {
    fn named(self, env: &Env) -> Result<Vec<String>, Fault> {
        let mut repos = Vec::new();
        for name in self.repo {
            repos.push(repository(name).map_err(|why| Fault::usage(format!("--repo {why}")))?);
        }
        if repos.is_empty() {
            let none = || Fault::usage("no repository: give --repo, or set REPO_NAME");
            let name = set(env, &REPO).ok_or_else(none)?;
            let name = match set(env, &ACCOUNT) {
                Some(owner) if !name.contains('/') => format!("{owner}/{name}"),
                _ => name,
            };
            repos.push(repository(name).map_err(|why| Fault::config(format!("REPO_NAME: {why}")))?);
        }
        no_doubles("repository", repos.iter().map(String::as_str))?;
        Ok(repos)
    }
}

fn set(env: &Env, variable: &Variable) -> Option<String> {
    env.get(variable.name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// The name is part of a path, and of the records' key.
fn repository(name: String) -> Result<String, String> {
    let is_one = name.split('/').count() == 2 && name.split('/').all(is_name);
    if is_one { Ok(name) } else { Err(format!("{name:?} is not OWNER/REPO")) }
}

fn login(name: String) -> Result<String, String> {
    if is_name(&name) { Ok(name) } else { Err(format!("{name:?} is not the name of an account")) }
}

fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(known) && !matches!(text, "." | "..")
}

/// GitHub does not distinguish case, and the name is part of the records' key.
fn no_doubles<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(Fault::usage(format!("the {what} {name} is given twice")));
        }
        known.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
