//! What was typed, as clap understands it even where it is wrong, and what variables say where nothing was typed.
//!
//! A flag declares its variable to clap (`env = "…"`), which names it in `--help`. Its value nevertheless comes from
//! the captured environment, as a default: what clap itself read when the flag was declared is not used.

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStr as Text, Resettable, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::component::{CommandCard, Component, When};
use crate::env::Env;

/// What can be made of arguments that are wrong. What clap does not know is left out, and values are not checked.
///
/// # Errors
/// Help or the version was asked for.
pub(crate) fn look(command: &Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let command = any_values(command.clone());
    let mut known = args.to_vec();
    // Told to ignore errors, clap would read no further than the first thing that it does not know.
    while let Err(error) = command.clone().try_get_matches_from(&known) {
        match unknown(&error, &known) {
            Some(at) => known.remove(at),
            None => break,
        };
    }
    command.ignore_errors(true).try_get_matches_from(&known)
}

/// Which of the arguments clap does not know, if that is the error.
fn unknown(error: &clap::Error, args: &[OsString]) -> Option<usize> {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return None,
    };
    let Some(ContextValue::String(name)) = error.get(kind) else { return None };
    let is_it = |arg: &OsString| {
        let arg = arg.to_string_lossy();
        // Of `--nope=7` and `-nope` only the flag is named.
        let rest = arg.strip_prefix(name.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('=') || !name.starts_with("--") && name.starts_with('-')
        })
    };
    args.iter().skip(1).position(is_it).map(|at| at + 1)
}

fn any_values(command: Command) -> Command {
    let any = |arg: Arg| {
        let arg = arg.env(Resettable::Reset);
        if arg.get_action().takes_values() { arg.value_parser(ValueParser::os_string()) } else { arg }
    };
    command.mut_args(any).mut_subcommands(any_values)
}

/// The text of a flag that was typed.
pub(crate) fn typed<'a>(seen: &'a ArgMatches, id: &str) -> Option<&'a str> {
    is_typed(seen, id).then(|| seen.get_raw(id)?.next_back()?.to_str()).flatten()
}

/// Whether a flag was typed. If the command line is wrong, not even a default may be known.
pub(crate) fn is_typed(seen: &ArgMatches, id: &str) -> bool {
    seen.value_source(id) == Some(ValueSource::CommandLine)
}

/// Why a command line is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Because of the arguments, or help or the version was asked for.
    Arguments(clap::Error),
    /// The value of a variable that stands in for a flag is wrong, as the error says, or empty if there is none.
    Variable(String, Option<clap::Error>),
}

/// Parses arguments; a flag that was not typed has the value of its variable.
///
/// # Errors
/// As [`Refusal`] says.
pub(crate) fn parse(command: &Command, args: &[OsString], env: &Env) -> Result<ArgMatches, Refusal> {
    let with = |variables: &dyn Fn(&str) -> bool| {
        with_variables(command.clone(), env, variables).try_get_matches_from(args)
    };
    let parsed = match with(&|_| true) {
        Err(error) if !error.use_stderr() => {
            // The help names the variables.
            return command.clone().try_get_matches_from(args).map_err(Refusal::Arguments);
        }
        Err(error) => {
            // A flag that was typed before a subcommand has a default behind it all the same, which may be what is wrong.
            let Ok(seen) = look(command, args) else { return Err(Refusal::Arguments(error)) };
            let substitutes = substitutes(command, &seen, env);
            with(&|name| substitutes.iter().any(|found| found.variable == name)).map_err(|error| {
                match substitutes.iter().find(|found| found.is_blamed_by(&error)) {
                    Some(found) => Refusal::Variable(found.variable.to_owned(), Some(error)),
                    None => Refusal::Arguments(error),
                }
            })?
        }
        Ok(matches) => matches,
    };
    let empty = substitutes(command, &parsed, env).into_iter().find(|found| found.value.is_empty());
    match empty.map(|found| found.variable.to_owned()) {
        Some(variable) => Err(Refusal::Variable(variable, None)),
        None => Ok(parsed),
    }
}

/// A flag that was not typed, and whose variable is set.
struct Substitute<'a> {
    flag: &'a Arg,
    variable: &'a str,
    value: &'a OsStr,
}

impl Substitute<'_> {
    fn is_blamed_by(&self, error: &clap::Error) -> bool {
        // Such as `--deadline <DURATION>`.
        let Some(ContextValue::String(blamed)) = error.get(ContextKind::InvalidArg) else { return false };
        blamed.split([' ', '=']).next().and_then(|flag| flag.strip_prefix("--")) == self.flag.get_long()
    }
}

fn substitutes<'a>(command: &'a Command, seen: &'a ArgMatches, env: &'a Env) -> Vec<Substitute<'a>> {
    let of = |(command, seen): (&'a Command, &'a ArgMatches)| {
        let silent = command.get_arguments().filter(|flag| !is_typed(seen, flag.get_id().as_str()));
        silent.filter_map(|flag| {
            let variable = variable(flag)?;
            Some(Substitute { flag, variable, value: env.raw(variable)? })
        })
    };
    chain(command, Some(seen)).into_iter().flat_map(of).collect()
}

fn variable(arg: &Arg) -> Option<&str> {
    arg.get_env().and_then(|name| name.to_str())
}

/// Makes the values of these variables defaults. They satisfy `required`, and so does an empty one, which is refused
/// later.
fn with_variables(command: Command, env: &Env, wanted: &dyn Fn(&str) -> bool) -> Command {
    let with = |arg: Arg| {
        let value = variable(&arg).filter(|name| wanted(name)).and_then(|name| env.raw(name));
        let value = value.map(OsStr::to_owned);
        let arg = arg.env(Resettable::Reset);
        match value {
            None => arg,
            Some(value) if value.is_empty() => arg.required(false),
            Some(value) => arg.required(false).default_value(Text::from(value)),
        }
    };
    command.mut_args(with).mut_subcommands(|sub| with_variables(sub, env, wanted))
}

/// Whether stdout is a stream with these arguments, so that a failure ends it with `abort`. So it is for a command line
/// that was not understood, if it may have been meant to print one.
pub(crate) fn streams(component: &Component, command: &Command, seen: &ArgMatches) -> bool {
    let chain = chain(command, Some(seen));
    let path = chain.iter().skip(1).map(|(command, _)| command.get_name()).collect::<Vec<_>>().join(" ");
    let prints = |card: &CommandCard| {
        let when = card.when.iter().find(|when| chain.iter().any(|part| applies(when, part)));
        when.map_or(card.stdout, |when| when.stdout).is_stream()
    };
    match component.commands.iter().find(|card| card.name == path) {
        Some(card) => prints(card),
        None => component.commands.iter().filter(|card| card.name.starts_with(&path)).any(prints),
    }
}

/// The commands that were typed, from the component itself to the innermost, each with what was typed of its own flags.
pub(crate) fn chain<'a>(
    command: &'a Command,
    seen: Option<&'a ArgMatches>,
) -> Vec<(&'a Command, &'a ArgMatches)> {
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
    is_typed(seen, id) && (when.values.is_empty() || wanted())
}

/// The argument of a flag.
fn flag<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"))
}

/// Whether a component declares exactly the commands that it has, and for each of them only flags that it has.
pub(crate) fn is_declared(component: &Component, command: &Command) -> bool {
    let mut leaves = Vec::new();
    gather(command, String::new(), &mut leaves);
    let declared = |(name, leaf): &(String, &Command)| {
        let mut cards = component.commands.iter().filter(|card| card.name == name);
        // A flag of the component itself is accepted after each command, too.
        let exists = |when: &When| [*leaf, command].into_iter().any(|of| flag(of, when.flag).is_some());
        let flags = cards.next().map(|card| card.when.iter().all(exists));
        flags == Some(true) && cards.next().is_none()
    };
    leaves.len() == component.commands.len() && leaves.iter().all(declared)
}

/// The commands without subcommands of their own, with their names as [`crate::CommandCard`] has them.
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
