//! What was typed, and what it means.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use etl_component::{CommandCard, Env, Fault, Reads, Stdout, Variable, When, duration};
use etl_http::HttpArgs;
use etl_notify::args::{AboutArgs, FAILURES, NAME, RecordArgs, STATUS, WorkflowArgs};
use etl_notify::{About, Escaping, Invocation, On, Records, Workflow};

use crate::form::{Form, Kind};
use crate::header::{Header, header, header_name};

/// The address.
pub(crate) const ADDRESS: Variable = Variable {
    name: "WEBHOOK_URL",
    aliases: &[],
    secret: true,
    required: true,
    unless: &["--dry-run"],
    help: "the address to post to; not needed with --dry-run",
};
/// The key of the signature.
pub(crate) const HMAC_KEY: Variable = secret(
    "WEBHOOK_HMAC_KEY",
    "signs the body: X-Signature-256 is then sha256= and the HMAC-SHA256 in hexadecimal",
);
/// A header that is a secret.
pub(crate) const SECRET: Variable =
    secret("WEBHOOK_SECRET", "the value of the header that --secret-header names, such as `Bearer …`");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[ADDRESS, SECRET, HMAC_KEY, NAME, STATUS, FAILURES];

const fn secret(name: &'static str, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret: true, required: false, unless: &[], help }
}

/// The one command. Records of any schema are told; those of etl.receipt as sentences.
pub(crate) const COMMANDS: &[CommandCard] = &[CommandCard {
    when: &[
        When::given("--emit", Reads::Any, Stdout::PassesOn),
        When::given("--workflow-name", Reads::Nothing, Stdout::Nothing),
        When::given("--workflow-status", Reads::Nothing, Stdout::Nothing),
        When::given("--workflow-failures", Reads::Nothing, Stdout::Nothing),
        When::given("--dry-run", Reads::Any, Stdout::Text),
    ],
    ..CommandCard::new("", Reads::Any, Stdout::Nothing)
}];

/// Post to any address what a stream contained, why it failed, or how a workflow ended.
///
/// A run is one message, in the form of --as; with --template each record is one. Messages go to the address in WEBHOOK_URL
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  load-sqlite --db shop.db --input orders.ndjson | notify-webhook --as ping
  load-sqlite --db shop.db --input a.ndjson | notify-webhook --as alertmanager --pipeline shop
  extract-file a.csv | notify-webhook --template '{\"id\":{{ id | tojson }}}' --dry-run")]
pub(crate) struct Cli {
    /// The form of the message about a run
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = Kind::Json, help_heading = "Message")]
    #[arg(conflicts_with_all = ["template", "failure_template"])]
    form: Kind,
    #[command(flatten)]
    about: AboutArgs,
    /// Where the names of jobs and tables belong: the namespace of OpenLineage, the source of CloudEvents
    #[arg(long, value_name = "NAME", default_value = "standpipe", help_heading = "Message")]
    namespace: String,
    /// How long Alertmanager shows an alert, unless a later run ends it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration, help_heading = "Message")]
    alert_for: Duration,
    #[command(flatten)]
    records: RecordArgs,
    /// With --template: the message about a failure as a minijinja template; without it, that of --as json
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true, help_heading = "Records")]
    #[arg(requires = "template")]
    failure_template: Option<String>,
    /// What the texts of templates are; values in them are escaped for JSON only
    #[arg(long, value_name = "TYPE", default_value = "application/json", help_heading = "Records")]
    content_type: String,
    #[command(flatten)]
    workflow: WorkflowArgs,

    /// The method of requests
    #[arg(long, value_enum, value_name = "METHOD", default_value_t = Method::Post, help_heading = "Webhook")]
    method: Method,
    /// Send this header, too; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header, help_heading = "Webhook")]
    headers: Vec<Header>,
    /// The header that carries WEBHOOK_SECRET [default: Authorization]
    #[arg(long, value_name = "NAME", value_parser = header_name, help_heading = "Webhook")]
    secret_header: Option<String>,
    /// Print the messages, one per line, instead of posting them; no address is needed
    #[arg(long, help_heading = "Webhook")]
    dry_run: bool,
    #[command(flatten)]
    http: HttpArgs,
    /// Allow http:// to hosts other than loopback
    #[arg(long, help_heading = "Network")]
    allow_http: bool,
}

/// The methods that have a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Post,
    Put,
    Patch,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
        }
    }
}

/// What a run does, every value checked.
pub(crate) struct Settings {
    /// What is posted.
    pub(crate) job: Job,
    /// The form of a run.
    pub(crate) form: Form,
    /// Where to.
    pub(crate) destination: Destination,
    /// What it is about.
    pub(crate) about: About,
    /// When.
    pub(crate) on: On,
}

/// What is posted.
pub(crate) enum Job {
    /// The end of a workflow.
    Workflow(Workflow),
    /// What a stream brings.
    Records {
        /// How it is read.
        how: Box<Records>,
        /// The most records to post, or to name in the message about a run.
        most: usize,
    },
}

/// Where messages go.
pub(crate) struct Destination {
    pub(crate) method: Method,
    pub(crate) headers: Vec<Header>,
    pub(crate) secret_header: Option<String>,
    /// Whether success and failure have an address each.
    pub(crate) pings: bool,
    /// Whether messages are printed instead of sent.
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
        let (on, about, kind) = (cli.about.on, cli.about.meant()?, cli.form);
        if kind == Kind::Ping && on != On::Always {
            return Err(Fault::usage(format!(
                "--on {} cannot be used with --as ping, which must hear of success, too",
                on.name()
            )));
        }
        let workflow = cli.workflow.meant(env, reads)?;
        if kind.names_a_job() && about.pipeline.is_none() && workflow.is_none() {
            let name = kind.name();
            return Err(Fault::usage(format!("--as {name} needs --pipeline, which is the name of the job")));
        }
        let content_type = content_type(&cli.content_type)?;
        let form =
            Form { kind, namespace: namespace(&cli.namespace)?, alert_for: cli.alert_for, content_type };
        let job = match workflow {
            Some(workflow) => Job::Workflow(workflow),
            None => {
                let most = cli.records.max_messages as usize;
                let escaping = if form.is_json() { Escaping::Json } else { Escaping::Plain };
                let failure = cli.failure_template.as_deref();
                let how = cli.records.meant(failure, escaping, on, about.clone())?;
                Job::Records { how: Box::new(how), most }
            }
        };
        let destination = Destination {
            method: cli.method,
            headers: cli.headers,
            secret_header: cli.secret_header,
            pings: kind == Kind::Ping,
            dry_run: cli.dry_run,
            http: cli.http,
            allow_http: cli.allow_http,
        };
        Ok(Settings { job, form, destination, about, on })
    }
}

fn namespace(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    // It becomes part of a URI reference.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
    {
        return Err(Fault::usage(format!("--namespace {text:?} has a character that a URI cannot have")));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn content_type(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if !text.contains('/') || !text.chars().all(|c| matches!(c, ' '..='~')) {
        return Err(Fault::usage(format!("--content-type {text:?} is not a media type")));
    }
    Ok(text.to_owned())
}
