//! What was typed, as clap understands it, also where it is wrong.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::component::{Component, When};

/// What can be made out of arguments, up to the first flag that is not known; their values are not checked.
///
/// # Errors
/// Help or the version was asked for.
pub(crate) fn look(command: &Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    any_values(command.clone()).ignore_errors(true).try_get_matches_from(args)
}

fn any_values(command: Command) -> Command {
    let any = |arg: Arg| {
        if arg.get_action().takes_values() { arg.value_parser(ValueParser::os_string()) } else { arg }
    };
    command.mut_args(any).mut_subcommands(any_values)
}

/// The text of a flag that was typed.
pub(crate) fn typed<'a>(seen: &'a ArgMatches, id: &str) -> Option<&'a str> {
    let is_typed = seen.value_source(id) == Some(ValueSource::CommandLine);
    is_typed.then(|| seen.get_raw(id)?.next_back()?.to_str()).flatten()
}

/// Whether stdout is a stream under these arguments, so that a failure ends it with `abort`. So does what was not
/// understood, where it may have been meant to print one.
pub(crate) fn streams(component: &Component, command: &Command, seen: Option<&ArgMatches>) -> bool {
    let chain = chain(command, seen);
    let path = chain.iter().skip(1).map(|(command, _)| command.get_name()).collect::<Vec<_>>().join(" ");
    match component.commands.iter().find(|stage| stage.name == path) {
        Some(stage) => {
            let when = stage.when.iter().find(|when| chain.iter().any(|part| applies(when, part)));
            when.map_or(stage.stdout, |when| when.stdout).is_stream()
        }
        None => {
            let within = component.commands.iter().filter(|stage| stage.name.starts_with(&path));
            within.into_iter().any(|stage| stage.stdout.is_stream())
        }
    }
}

/// The commands that were typed, from the component itself to the innermost, each with what was typed of its own flags.
fn chain<'a>(command: &'a Command, seen: Option<&'a ArgMatches>) -> Vec<(&'a Command, &'a ArgMatches)> {
    let mut chain = Vec::new();
    let mut next = seen.map(|seen| (command, seen));
    while let Some((command, seen)) = next {
        chain.push((command, seen));
        next = seen.subcommand().and_then(|(name, seen)| Some((command.find_subcommand(name)?, seen)));
    }
    chain
}

fn applies(when: &When, (command, seen): &(&Command, &ArgMatches)) -> bool {
    let Some(arg) = flag(command, when.flag) else { return false };
    let id = arg.get_id().as_str();
    let wanted =
        || seen.get_raw(id).is_some_and(|mut raw| raw.any(|value| when.values.iter().any(|v| value == *v)));
    seen.value_source(id) == Some(ValueSource::CommandLine) && (when.values.is_empty() || wanted())
}

/// The argument of a flag.
fn flag<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"))
}

/// Whether a component declares exactly the commands that it has, and changes by flags that they have.
pub(crate) fn is_declared(component: &Component, command: &Command) -> bool {
    let mut leaves = Vec::new();
    gather(command, String::new(), &mut leaves);
    let declared = |(name, leaf): &(String, &Command)| {
        let mut stages = component.commands.iter().filter(|stage| stage.name == name);
        let flags = stages.next().map(|stage| stage.when.iter().all(|when| flag(leaf, when.flag).is_some()));
        flags == Some(true) && stages.next().is_none()
    };
    leaves.len() == component.commands.len() && leaves.iter().all(declared)
}

/// The commands without subcommands of their own, with their names as [`crate::Stage`] has them.
fn gather<'a>(command: &'a Command, path: String, leaves: &mut Vec<(String, &'a Command)>) {
    if !command.has_subcommands() {
        leaves.push((path.trim_start().to_owned(), command));
    }
    for sub in command.get_subcommands() {
        gather(sub, format!("{path} {}", sub.get_name()), leaves);
    }
}

#[cfg(test)]
mod tests;
