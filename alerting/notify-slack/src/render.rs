//! What a stream looks like in Slack: a receipt as a sentence, a record as its fields, and a failure.

use etl_notify::text::{escape, shorten};
use etl_notify::{About, Failure, Wanted, fields};

use crate::message::{Message, foot};

/// How much of a cause is shown, which leaves room for what follows it.
const CAUSE: usize = 8000;
/// How much is shown of what the step that failed printed last.
const LOG: usize = 1200;

/// A record without a template. The fields are each on a line of its own or all on one.
pub(crate) fn plain(wanted: &Wanted<'_>, on_one_line: bool) -> String {
    match wanted.receipt {
        Some(receipt) => receipt.sentence(bold, escaped, ":warning: "),
        None => fields(wanted.record, bold, escaped, if on_one_line { ", " } else { "\n" }),
    }
}

/// The message about a failure: the cause, what the exit code means, which step it was, how far the stream was read, and
/// what the step printed last.
pub(crate) fn failure(failure: &Failure, about: &About) -> Option<Message> {
    let title = match &failure.pipeline {
        Some(name) => format!("Pipeline {} failed", escape(name)),
        None => "Pipeline failed".to_owned(),
    };
    let mut lines = Vec::new();
    if about.title.is_some() {
        lines.push(title.clone());
    }
    lines.push(shorten(&escape(&failure.cause), CAUSE).into_owned());
    lines.push(failure.code());
    lines.extend(failure.step.as_deref().map(|step| format!("Step: {}", bold(step))));
    lines.extend(failure.table.as_deref().map(|table| format!("Table: {}", bold(table))));
    lines.extend(failure.read_before(escaped));
    if !failure.log.is_empty() {
        let text = failure.log.join("\n").replace("```", "'''");
        lines.push(format!("```{}```", shorten(&escape(&text), LOG)));
    }
    let title = about.title.as_deref().map(escaped).unwrap_or(title);
    Message::ending(Some(&title), &lines.join("\n"), foot(None, about))
}

fn bold(text: &str) -> String {
    format!("*{}*", escape(text))
}

fn escaped(text: &str) -> String {
    escape(text).into_owned()
}

#[cfg(test)]
mod tests;
