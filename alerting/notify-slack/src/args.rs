//! What was typed, and what it means.

use clap::Parser;
use etl_component::{CommandCard, Env, Fault, Reads, Stdout, Variable, When};
use etl_http::HttpArgs;
use etl_notify::args::{AboutArgs, FAILURES, NAME, RecordArgs, STATUS, WorkflowArgs};
use etl_notify::{About, Escaping, Invocation, On, Records, Workflow};

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
/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[WEBHOOK, BOT_TOKEN, NAME, STATUS, FAILURES];

/// The one command. Records of any schema are told; those of etl.receipt as sentences.
pub(crate) const COMMANDS: &[CommandCard] = &[CommandCard {
    when: &[
        When::given("--emit", Reads::Any, Stdout::PassesOn),
        When::given("--text", Reads::Nothing, Stdout::Nothing),
        When::given("--workflow-name", Reads::Nothing, Stdout::Nothing),
        When::given("--workflow-status", Reads::Nothing, Stdout::Nothing),
        When::given("--workflow-failures", Reads::Nothing, Stdout::Nothing),
        When::given("--dry-run", Reads::Any, Stdout::Text),
    ],
    ..CommandCard::new("", Reads::Any, Stdout::Nothing)
}];

/// Post to Slack: a text, what a stream contained or why it failed, or how a workflow ended.
///
/// Messages go to the webhook in SLACK_WEBHOOK_URL, or with --channel by chat.postMessage with the token in SLACK_BOT_TOKEN
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  notify-slack --text 'The night run is over'
  extract-file orders.csv | load-postgres --table orders | notify-slack --on failure
  load-sqlite --db shop.db --input orders.ndjson | notify-slack --when 'rejected > 0' --dry-run")]
pub(crate) struct Cli {
    /// Post this text, in Slack's mrkdwn; stdin is not read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Message")]
    #[arg(conflicts_with_all = ["when", "template", "digest", "max_messages", "emit", "input", "seal", "max_line_bytes"])]
    #[arg(conflicts_with_all = ["allow_empty", "format", "catalog", "stream", "output"])]
    #[arg(conflicts_with_all = ["on", "workflow_name", "workflow_status", "workflow_failures"])]
    text: Option<String>,
    #[command(flatten)]
    about: AboutArgs,
    #[command(flatten)]
    records: RecordArgs,
    /// Post one message for all records
    #[arg(long, help_heading = "Records")]
    #[arg(conflicts_with_all = ["workflow_name", "workflow_status", "workflow_failures"])]
    digest: bool,
    #[command(flatten)]
    workflow: WorkflowArgs,

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

/// What a run does, every value checked.
pub(crate) struct Settings {
    /// What is posted.
    pub(crate) job: Job,
    /// Where to.
    pub(crate) destination: Destination,
    /// What it is about.
    pub(crate) about: About,
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
    Records {
        /// How it is read.
        how: Box<Records>,
        /// Whether all records go into one message.
        digest: bool,
        /// The most messages to post.
        most: usize,
    },
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
    pub(crate) fn new(Invocation { cli, reads }: Invocation<Cli>, env: &Env) -> Result<Settings, Fault> {
        cli.records.check_output()?;
        let channel = cli.channel.as_deref().map(str::trim).map(str::to_owned);
        if channel.as_deref() == Some("") {
            return Err(Fault::config("--channel (SLACK_CHANNEL) is empty"));
        }
        let (on, about) = (cli.about.on, cli.about.meant()?);
        let destination = Destination {
            channel,
            api_url: cli.api_url.clone(),
            dry_run: cli.dry_run,
            http: cli.http.clone(),
            allow_http: cli.allow_http,
        };
        let job = match (cli.text, cli.workflow.meant(env, reads)?) {
            (Some(text), _) if text.trim().is_empty() => return Err(Fault::usage("--text is empty")),
            (Some(text), _) => Job::Text(text),
            (None, Some(workflow)) => Job::Workflow(workflow),
            (None, None) => {
                let most = cli.records.max_messages as usize;
                let how = cli.records.meant(None, Escaping::Slack, on, about.clone())?;
                Job::Records { how: Box::new(how), digest: cli.digest, most }
            }
        };
        Ok(Settings { job, destination, about, on })
    }
}
