//! The flags that all alerters have, and what they mean.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use etl_component::format::{FormatArgs, Messages};
use etl_component::{Env, Fault, InputArgs, OutputArgs, Variable, redact};

use crate::template::{Escaping, Sources, Templates};
use crate::workflow::{Status, Workflow};

/// The name of a workflow that has ended.
pub const NAME: Variable = workflow("WORKFLOW_NAME", "as --workflow-name");
/// How it ended.
pub const STATUS: Variable = workflow("WORKFLOW_STATUS", "as --workflow-status");
/// What failed in it.
pub const FAILURES: Variable = workflow("WORKFLOW_FAILURES", "as --workflow-failures");

const fn workflow(name: &'static str, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret: false, required: false, unless: &[], help }
}

/// The flags that only make sense where records are read.
pub const RECORDS: [&str; 14] = [
    "when",
    "template",
    "failure_template",
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
/// The longest link. Whoever shows one has a limit of its own.
const LONGEST_LINK: usize = 500;
/// The longest name of a pipeline, and the longest title, in characters.
const LONGEST_NAME: usize = 200;

/// When something is told, and what it is about.
#[derive(Args, Clone, Debug)]
pub struct AboutArgs {
    /// What is told: failures only, trouble as well, or success, too
    #[arg(long, value_enum, default_value_t = On::Always, help_heading = "Message")]
    pub on: On,
    /// The pipeline that messages name; without it, the one that a receipt or an abort names
    #[arg(long, value_name = "NAME", help_heading = "Message")]
    pub pipeline: Option<String>,
    /// The title of each message
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Message")]
    pub title: Option<String>,
    /// A link that each message ends with, such as to the run in its scheduler
    #[arg(long, value_name = "URL", help_heading = "Message")]
    pub link: Option<String>,
}

/// Which records are told.
#[derive(Args, Clone, Debug)]
pub struct RecordArgs {
    /// Tell only of records for which this minijinja expression is true
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true, help_heading = "Records")]
    pub when: Option<String>,
    /// The text of a record as a minijinja template
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true, help_heading = "Records")]
    pub template: Option<String>,
    /// The most messages to send in a run; the last one says how many more there are
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Records")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_messages: u32,
    /// Pass the records on to stdout; their `end` follows once the messages have been accepted
    #[arg(long, value_enum, value_name = "records", conflicts_with = "dry_run", help_heading = "Records")]
    pub emit: Option<Emit>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Which stream of a Singer tap or an Airbyte source is told, if there are several; `NAMESPACE.NAME` where two have one name
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    stream: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// The end of a workflow.
#[derive(Args, Clone, Debug)]
pub struct WorkflowArgs {
    /// Tell how this workflow ended; stdin is not read. WORKFLOW_NAME does the same
    #[arg(long, value_name = "NAME", help_heading = "Workflow")]
    #[arg(conflicts_with_all = ["when", "template", "max_messages", "emit", "input", "seal", "max_line_bytes", "allow_empty"])]
    #[arg(conflicts_with_all = ["format", "catalog", "stream", "output"])]
    pub workflow_name: Option<String>,
    /// How it ended. WORKFLOW_STATUS does the same
    #[arg(long, value_enum, value_name = "STATUS", help_heading = "Workflow")]
    #[arg(conflicts_with_all = ["when", "template", "max_messages", "emit", "input", "seal", "max_line_bytes", "allow_empty"])]
    #[arg(conflicts_with_all = ["format", "catalog", "stream", "output"])]
    pub workflow_status: Option<Status>,
    /// What failed, as in Argo's {{workflow.failures}}. WORKFLOW_FAILURES does the same
    #[arg(long, value_name = "JSON", help_heading = "Workflow")]
    #[arg(conflicts_with_all = ["when", "template", "max_messages", "emit", "input", "seal", "max_line_bytes", "allow_empty"])]
    #[arg(conflicts_with_all = ["format", "catalog", "stream", "output"])]
    pub workflow_failures: Option<String>,
}

/// What was typed, and whether any of it was a flag for records, even with its default value.
pub struct Invocation<C> {
    /// The arguments.
    pub cli: C,
    /// Whether a flag for records was typed.
    pub reads: bool,
}

impl<C: Parser> Parser for Invocation<C> {}

impl<C: Parser> CommandFactory for Invocation<C> {
    fn command() -> Command {
        C::command()
    }

    fn command_for_update() -> Command {
        C::command_for_update()
    }
}

impl<C: Parser> FromArgMatches for Invocation<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Invocation<C>, clap::Error> {
        let typed = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let mut names = matches.ids().map(|id| id.as_str()).filter(|name| RECORDS.contains(name));
        Ok(Invocation { cli: C::from_arg_matches(matches)?, reads: names.any(typed) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Invocation::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// The records as they were read.
    Records,
}

/// When there is something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum On {
    /// An abort, a stream that was cut, a workflow that failed
    Failure,
    /// Also loads with rejects, a changed schema, or values that became NULL
    Trouble,
    /// Success as well
    Always,
}

impl On {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            On::Failure => "failure",
            On::Trouble => "trouble",
            On::Always => "always",
        }
    }

    /// The summary of a workflow that is not told; `None` if it is.
    pub fn passes_over(self, workflow: &Workflow) -> Option<String> {
        let is_over = self != On::Always && workflow.status == Status::Succeeded;
        is_over.then(|| {
            format!("workflow {} succeeded, which is not posted with --on {}", workflow.name, self.name())
        })
    }
}

/// What messages are about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The pipeline, if it was named.
    pub pipeline: Option<String>,
    /// The title, if one was given.
    pub title: Option<String>,
    /// Where to read more.
    pub link: Option<String>,
}

impl AboutArgs {
    /// What these flags mean. Secrets in them are hidden from here on.
    ///
    /// # Errors
    /// 2 if one is empty or too long, or if the link is not one.
    pub fn meant(&self) -> Result<About, Fault> {
        Ok(About {
            pipeline: name("--pipeline", self.pipeline.as_deref())?,
            title: name("--title", self.title.as_deref())?,
            link: self.link.as_deref().map(link).transpose()?,
        })
    }
}

impl About {
    /// These as the variable `run` of a template; what is not known is null.
    pub fn variables(&self) -> serde_json::Value {
        serde_json::json!({"pipeline": self.pipeline, "title": self.title, "link": self.link})
    }
}

fn name(flag: &str, text: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(text) = text.map(str::trim) else { return Ok(None) };
    if text.is_empty() {
        return Err(Fault::usage(format!("{flag} is empty")));
    }
    if text.chars().count() > LONGEST_NAME {
        return Err(Fault::usage(format!("{flag} is longer than {LONGEST_NAME} characters")));
    }
    if text.contains(char::is_control) {
        return Err(Fault::usage(format!("{flag} contains a line break or another control character")));
    }
    Ok(Some(redact(text)))
}

fn link(text: &str) -> Result<String, Fault> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) {
        return Err(Fault::usage("--link must start with https:// or http://"));
    }
    // What these stand for in the markup of chats would end the link.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>|()\"\\`".contains(&byte)) {
        return Err(Fault::usage("--link contains a character that a link must have percent-encoded"));
    }
    if text.len() > LONGEST_LINK {
        return Err(Fault::usage(format!("--link is longer than {LONGEST_LINK} bytes")));
    }
    Ok(redact(text))
}

/// How a stream is read and told.
pub struct Records {
    /// Which records are told, and as which text.
    pub templates: Templates,
    /// What is told.
    pub on: On,
    /// What it is about.
    pub about: About,
    /// Where the stream comes from.
    pub input: InputArgs,
    /// How its lines say what they are.
    pub messages: Messages,
    /// Which stream of a connector is wanted.
    pub stream: Option<String>,
    /// Where it is passed on to.
    pub emit: Option<OutputArgs>,
}

impl RecordArgs {
    /// What these flags mean. `failure` is the template of a failure.
    ///
    /// # Errors
    /// 2 if they contradict each other or a template is not one; 66 or 78 for a catalog that cannot be read.
    pub fn meant(
        self,
        failure: Option<&str>,
        escaping: Escaping,
        on: On,
        about: About,
    ) -> Result<Records, Fault> {
        let mut input = self.input;
        let messages = self.format.meant(&mut input)?;
        let sources = Sources { when: self.when.as_deref(), template: self.template.as_deref(), failure };
        let templates = Templates::compile(sources, escaping)?;
        let emit = self.emit.map(|Emit::Records| self.output);
        Ok(Records { templates, on, about, input, messages, stream: self.stream, emit })
    }

    /// Refuses an output that nothing would be written to.
    ///
    /// # Errors
    /// 2 if that is so.
    pub fn check_output(&self) -> Result<(), Fault> {
        if self.output.output != Path::new("-") && self.emit.is_none() {
            return Err(Fault::usage(
                "--output needs --emit records: without it there is no stream to write",
            ));
        }
        Ok(())
    }
}

impl WorkflowArgs {
    /// The workflow that is told, if it is one. `reads` says that a flag for records was typed, which counts more than a
    /// variable, because that may have been set for other programs as well.
    ///
    /// # Errors
    /// 2 or 78, naming the flag or variable, if it says too little or something unknown.
    pub fn meant(self, env: &Env, reads: bool) -> Result<Option<Workflow>, Fault> {
        let set =
            |variable: Variable| env.get(variable.name).filter(|value| !value.trim().is_empty() && !reads);
        let typed = self.workflow_name.is_some()
            || self.workflow_status.is_some()
            || self.workflow_failures.is_some();
        if !typed && set(STATUS).is_none() {
            return Ok(None);
        }
        let status = match (self.workflow_status, set(STATUS)) {
            (Some(status), _) => status,
            (None, Some(text)) => Status::from_str(text.trim(), false).map_err(|_| {
                Fault::config(format!("WORKFLOW_STATUS is {text:?}, not Succeeded, Failed or Error"))
            })?,
            (None, None) => {
                return Err(Fault::usage("--workflow-status is missing (or set WORKFLOW_STATUS)"));
            }
        };
        let name = self.workflow_name.or_else(|| set(NAME).map(str::to_owned));
        let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| match typed {
            true => Fault::usage("--workflow-name is missing (or set WORKFLOW_NAME)"),
            false => Fault::config("WORKFLOW_STATUS is set, but WORKFLOW_NAME is not"),
        })?;
        let failures =
            self.workflow_failures.or_else(|| set(FAILURES).map(str::to_owned)).unwrap_or_default();
        Ok(Some(Workflow { name, status, failures }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_that_no_markup_breaks() {
        for (text, refused) in [
            ("https://argo.example/workflows/w?uid=1&x=%20#logs", None),
            ("ftp://x", Some("--link must start with https:// or http://")),
            ("https://", Some("--link must start with https:// or http://")),
            ("https://x|y", Some("--link contains a character that a link must have percent-encoded")),
            ("https://x>", Some("--link contains a character that a link must have percent-encoded")),
            ("https://x y", Some("--link contains a character that a link must have percent-encoded")),
        ] {
            assert_eq!(link(text).err().map(|fault| fault.to_string()).as_deref(), refused, "{text}");
        }
        assert!(link(&format!("https://{}", "x".repeat(493))).is_err());
    }

    #[test]
    fn a_name_is_one_line() {
        for (text, refused) in [
            (" weather ", None),
            (" ", Some("--title is empty")),
            ("a\nb", Some("--title contains a line break or another control character")),
        ] {
            assert_eq!(name("--title", Some(text)).err().map(|fault| fault.to_string()).as_deref(), refused);
        }
        assert_eq!(name("--title", Some(" a ")).unwrap().as_deref(), Some("a"));
        assert!(name("--title", Some(&"é".repeat(200))).is_ok());
        assert!(name("--title", Some(&"é".repeat(201))).is_err());
    }
}
