//! What was typed, and what it means.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use etl_component::format::{FormatArgs, Messages};
use etl_component::{CommandCard, Env, Fault, InputArgs, OutputArgs, Reads, Stdout, Variable, When};
use etl_http::HttpArgs;

use crate::template::Templates;
use crate::workflow::{Status, Workflow};

/// The address of an incoming webhook.
pub(crate) const WEBHOOK: Variable = Variable {
    name: "SLACK_WEBHOOK_URL",
    aliases: &["ALERT_WEBHOOK"],
    secret: true,
    required: true,
    unless: &["--channel", "SLACK_CHANNEL", "--dry-run"],
    help: "the address of an incoming webhook; not needed with --channel or --dry-run",
};
/// The token for `chat.postMessage`.
pub(crate) const BOT_TOKEN: Variable = Variable {
    name: "SLACK_BOT_TOKEN",
    aliases: &[],
    secret: true,
    required: false,
    unless: &[],
    help: "the token of a bot with the scope chat:write; needed with --channel, but not with --dry-run",
};
const NAME: Variable = workflow("WORKFLOW_NAME", "as --workflow-name");
const STATUS: Variable = workflow("WORKFLOW_STATUS", "as --workflow-status");
const FAILURES: Variable = workflow("WORKFLOW_FAILURES", "as --workflow-failures");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[WEBHOOK, BOT_TOKEN, NAME, STATUS, FAILURES];

const fn workflow(name: &'static str, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret: false, required: false, unless: &[], help }
}

/// The one command. Records of any schema are told; those of etl.receipt as sentences.
pub(crate) const COMMANDS: &[CommandCard] = &[CommandCard {
    when: &[
        when("--emit", Reads::Any, Stdout::PassesOn),
        when("--text", Reads::Nothing, Stdout::Nothing),
        when("--workflow-name", Reads::Nothing, Stdout::Nothing),
        when("--workflow-status", Reads::Nothing, Stdout::Nothing),
        when("--workflow-failures", Reads::Nothing, Stdout::Nothing),
        when("--dry-run", Reads::Any, Stdout::Text),
    ],
    ..CommandCard::new("", Reads::Any, Stdout::Nothing)
}];

const fn when(flag: &'static str, reads: Reads, stdout: Stdout) -> When {
    When { flag, values: &[], reads, stdout }
}

/// The flags that only make sense where records are read.
const RECORDS: [&str; 13] = [
    "when",
    "template",
    "digest",
    "max_messages",
    "emit",
    "input",
    "seal",
    "max_line_bytes",
    "allow_empty",
    "format",
    "catalog",
    "stream",
    "output",
];

/// Post to Slack: a text, what a stream contained or why it failed, or how a workflow ended.
///
/// Messages go to the webhook in SLACK_WEBHOOK_URL, or with --channel by chat.postMessage with the token in SLACK_BOT_TOKEN
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  notify-slack --text 'The night run is over'
  extract-file orders.csv | load-postgres --table orders | notify-slack --on failure
  load-sqlite --db shop.db --input orders.ndjson | notify-slack --when 'rejected > 0' --dry-run")]
struct Cli {
    /// Post this text, in Slack's mrkdwn; stdin is not read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with_all = RECORDS, help_heading = "Message")]
    #[arg(conflicts_with_all = ["on", "workflow_name", "workflow_status", "workflow_failures"])]
    text: Option<String>,
    /// Whether success is posted too: a stream that ended well, a workflow that succeeded
    #[arg(long, value_enum, default_value_t = On::Always, help_heading = "Message")]
    on: On,

    /// Post only records for which this minijinja expression is true
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true, help_heading = "Records")]
    when: Option<String>,
    /// The text of a record as a minijinja template
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true, help_heading = "Records")]
    template: Option<String>,
    /// Post one message for all records
    #[arg(long, help_heading = "Records")]
    digest: bool,
    /// The most messages to post in a run; the last one says how many more there are
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Records")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    max_messages: u32,
    /// Pass the records on to stdout; their `end` follows once the messages have been accepted
    #[arg(long, value_enum, value_name = "records", conflicts_with = "dry_run", help_heading = "Records")]
    emit: Option<Emit>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Which stream of a Singer tap or an Airbyte source is posted, if there are several; `NAMESPACE.NAME` where two have one name
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    stream: Option<String>,
    #[command(flatten)]
    output: OutputArgs,

    /// Post how this workflow ended; stdin is not read. WORKFLOW_NAME does the same
    #[arg(long, value_name = "NAME", conflicts_with_all = RECORDS, help_heading = "Workflow")]
    workflow_name: Option<String>,
    /// How it ended. WORKFLOW_STATUS does the same
    #[arg(long, value_enum, value_name = "STATUS", conflicts_with_all = RECORDS, help_heading = "Workflow")]
    workflow_status: Option<Status>,
    /// What failed, as in Argo's {{workflow.failures}}. WORKFLOW_FAILURES does the same
    #[arg(long, value_name = "JSON", conflicts_with_all = RECORDS, help_heading = "Workflow")]
    workflow_failures: Option<String>,

    /// Post to this channel (name or id) with a bot's token
    #[arg(long, value_name = "CHANNEL", env = "SLACK_CHANNEL", help_heading = "Slack")]
    channel: Option<String>,
    /// The prefix of Slack's Web API
    #[arg(long, value_name = "URL", default_value = "https://slack.com/api", help_heading = "Slack")]
    api_url: String,
    /// Print the payloads, one per line, instead of posting them; no credentials are needed
    #[arg(long, help_heading = "Slack")]
    dry_run: bool,
    #[command(flatten)]
    http: HttpArgs,
    /// Allow http:// to hosts other than loopback
    #[arg(long, help_heading = "Network")]
    allow_http: bool,
}

/// What was typed, and whether any of it was a flag for records, even with its default value.
pub(crate) struct Invocation {
    cli: Cli,
    reads: bool,
}

impl Parser for Invocation {}

impl CommandFactory for Invocation {
    fn command() -> Command {
        Cli::command()
    }

    fn command_for_update() -> Command {
        Cli::command_for_update()
    }
}

impl FromArgMatches for Invocation {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Invocation, clap::Error> {
        let typed = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        Ok(Invocation { cli: Cli::from_arg_matches(matches)?, reads: RECORDS.into_iter().any(typed) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Invocation::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// The records as they were read.
    Records,
}

/// When there is something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum On {
    /// Only what failed is posted
    Failure,
    /// Success is posted too
    Always,
}

/// What a run does, every value checked.
pub(crate) struct Settings {
    /// What is posted.
    pub(crate) job: Job,
    /// Where to.
    pub(crate) destination: Destination,
    /// When.
    pub(crate) on: On,
}

/// What is posted.
pub(crate) enum Job {
    /// A text as it stands.
    Text(String),
    /// The end of a workflow.
    Workflow(Workflow),
    /// What a stream brings.
    Records(Box<Records>),
}

/// How a stream is read and reported.
pub(crate) struct Records {
    /// Which records are posted, and as which text.
    pub(crate) templates: Templates,
    /// Whether all records go into one message.
    pub(crate) digest: bool,
    /// The most messages to post.
    pub(crate) max_messages: usize,
    /// Where the stream comes from.
    pub(crate) input: InputArgs,
    /// How its lines say what they are, and which stream of a connector is wanted.
    pub(crate) messages: Messages,
    pub(crate) stream: Option<String>,
    /// Where it is passed on to.
    pub(crate) emit: Option<OutputArgs>,
}

/// Where messages go.
pub(crate) struct Destination {
    /// The channel; with one, messages go by `chat.postMessage`.
    pub(crate) channel: Option<String>,
    /// The prefix of the Web API.
    pub(crate) api_url: String,
    /// Whether payloads are printed instead of sent.
    pub(crate) dry_run: bool,
    /// Limits for requests.
    pub(crate) http: HttpArgs,
    /// Whether credentials may travel unencrypted.
    pub(crate) allow_http: bool,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2 if they contradict each other or say too little, 78 if a variable does.
    pub(crate) fn new(Invocation { cli, reads }: Invocation, env: &Env) -> Result<Settings, Fault> {
        let emits = cli.emit == Some(Emit::Records);
        if cli.output.output != Path::new("-") && !emits {
            return Err(Fault::usage(
                "--output needs --emit records: without it there is no stream to write",
            ));
        }
        let channel = cli.channel.as_deref().map(str::trim).map(str::to_owned);
        if channel.as_deref() == Some("") {
            return Err(Fault::config("--channel (SLACK_CHANNEL) is empty"));
        }
        let on = cli.on;
        let destination = Destination {
            channel,
            api_url: cli.api_url.clone(),
            dry_run: cli.dry_run,
            http: cli.http.clone(),
            allow_http: cli.allow_http,
        };
        Ok(Settings { job: job(cli, env, reads)?, destination, on })
    }
}

fn job(cli: Cli, env: &Env, reads: bool) -> Result<Job, Fault> {
    if let Some(text) = cli.text {
        if text.trim().is_empty() {
            return Err(Fault::usage("--text is empty"));
        }
        return Ok(Job::Text(text));
    }
    // A flag for records takes precedence over the variables, which may have been set for other programs as well.
    let set = |variable: Variable| env.get(variable.name).filter(|value| !value.trim().is_empty() && !reads);
    let flag =
        cli.workflow_name.is_some() || cli.workflow_status.is_some() || cli.workflow_failures.is_some();
    if flag || set(STATUS).is_some() {
        let status = match (cli.workflow_status, set(STATUS)) {
            (Some(status), _) => status,
            (None, Some(text)) => Status::from_str(text.trim(), false).map_err(|_| {
                Fault::config(format!("WORKFLOW_STATUS is {text:?}, not Succeeded, Failed or Error"))
            })?,
            (None, None) => {
                return Err(Fault::usage("--workflow-status is missing (or set WORKFLOW_STATUS)"));
            }
        };
        let name = cli.workflow_name.or_else(|| set(NAME).map(str::to_owned));
        let name = name.filter(|name| !name.trim().is_empty());
        let name = name.ok_or_else(|| {
            if flag {
                Fault::usage("--workflow-name is missing (or set WORKFLOW_NAME)")
            } else {
                Fault::config("WORKFLOW_STATUS is set, but WORKFLOW_NAME is not")
            }
        })?;
        let failures = cli.workflow_failures.or_else(|| set(FAILURES).map(str::to_owned)).unwrap_or_default();
        return Ok(Job::Workflow(Workflow { name, status, failures }));
    }
    let mut input = cli.input;
    let messages = cli.format.meant(&mut input)?;
    Ok(Job::Records(Box::new(Records {
        templates: Templates::compile(cli.when.as_deref(), cli.template.as_deref())?,
        digest: cli.digest,
        max_messages: cli.max_messages as usize,
        input,
        messages,
        stream: cli.stream,
        emit: cli.emit.map(|Emit::Records| cli.output),
    })))
}
