//! The `main` of every component.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use anyhow::Error;
use clap::error::ErrorKind;
use clap::{Args, Command, FromArgMatches, Parser};
use etl_stream::{Class, Details, Fault};
use log::LevelFilter;

use crate::command_line::Refusal;
use crate::component::{Component, Context};
use crate::env::{self, Env};
use crate::manual::{self, ManualArgs};
use crate::{command_line, describe, io, logs, signals, stderr};

/// The flags every component has.
#[derive(Args, Clone, Debug)]
struct Common {
    /// How lines on stderr look
    #[arg(long, global = true, value_enum, default_value_t, env = "ETL_LOG_FORMAT", help_heading = "Logs")]
    log_format: logs::Format,
    /// The lowest level that is logged: off, error, warn, info, debug or trace
    #[arg(long, global = true, default_value = "info", env = "ETL_LOG_LEVEL", help_heading = "Logs")]
    log_level: LevelFilter,
    #[command(flatten)]
    manual: ManualArgs,
}

/// Runs a component: parses its arguments, calls `run`, and turns its result into the closing line on stderr, an
/// `abort` on stdout and the exit code. The text that `run` returns is the summary.
pub fn main<A: Parser>(
    component: &'static Component,
    run: impl FnOnce(A, &Context) -> anyhow::Result<String>,
) -> ExitCode {
    let env = Env::capture();
    env.register_secrets(component.variables);
    if env.obeys() {
        stderr::is_terminal();
    }
    let termination_log = env.get("ETL_TERMINATION_LOG").map(str::to_owned);
    let own = Details::of_step(component.name);
    let fail = |class, message: &str| fail_saying(class, message, message, &own, termination_log.as_deref());
    let context = Context { component, env };
    let (common, args) = match arguments::<A>(&context, &fail) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    logs::init(common.log_format, common.log_level);
    for name in context.env.unknown() {
        log::warn!("{name} is set, but no component reads it (they read {})", env::FAMILY.join(", "));
    }
    if let Err(error) = signals::watch(component.name, termination_log.clone()) {
        return fail(Class::Io, &format!("cannot watch for signals: {error}"));
    }
    let location = remember_panics();
    match panic::catch_unwind(AssertUnwindSafe(|| run(args, &context))) {
        Ok(Ok(summary)) => {
            signals::yield_to_signal();
            logs::summary(&summary);
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail_of(&error, own, termination_log.as_deref()),
        Err(payload) => fail(Class::Bug, &format!("a bug: {}{}", panic_text(&*payload), location())),
    }
}

/// What was typed, as the component's own arguments. Whatever is done in their place, such as printing help or
/// refusing them, has been done if an exit code is returned.
fn arguments<A: Parser>(
    context: &Context,
    fail: &dyn Fn(Class, &str) -> ExitCode,
) -> Result<(Common, A), ExitCode> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let component = context.component;
    let own = A::command();
    let about = own.get_about().cloned().unwrap_or_default();
    let long_about = own.get_long_about().unwrap_or(&about).clone();
    // Flattened structs bring their own documentation along as `about`; the component's is the one that counts.
    let command = Common::augment_args(own).about(about).long_about(long_about);
    let command = command.disable_help_flag(true).disable_version_flag(true);
    let command = quiet_about_values(command.name(component.name).version(component.version));
    debug_assert!(
        command_line::is_declared(component, &command),
        "the declared commands are not those that exist"
    );
    let helpful = manual::with_environment(component, command.clone());
    let parsed = command_line::parse(&helpful, &args, &context.env);
    let looked = if parsed.is_err() { command_line::look(&command, &args).ok() } else { None };
    let seen = parsed.as_ref().ok().or(looked.as_ref());
    // Help and the version are for people.
    let streams = seen.is_some_and(|seen| command_line::streams(component, &command, seen));
    if context.env.terminal.stdout || !streams {
        io::never_abort();
    }
    if seen.is_some_and(|seen| command_line::is_typed(seen, "describe")) {
        return Err(print_card(component, command));
    }
    if let Some(text) = seen.and_then(|seen| manual::asked(component, &command, seen)) {
        return Err(print(&text));
    }
    let format = seen.and_then(|seen| command_line::typed(seen, "log_format"));
    let format = format.or(context.env.get("ETL_LOG_FORMAT")).map(str::to_owned);
    let parsed = parsed.and_then(|matches| {
        let common = Common::from_arg_matches(&matches).map_err(Refusal::Arguments)?;
        A::from_arg_matches(&matches).map(|args| (common, args)).map_err(Refusal::Arguments)
    });
    parsed.map_err(|refusal| {
        logs::set_format(logs::Format::named(format.as_deref()));
        match refusal {
            // Help or the version.
            Refusal::Arguments(error) if !error.use_stderr() => match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(io_class(&error), &error.to_string()),
            },
            Refusal::Arguments(error) => fail(Class::Usage, &usage(component, &error)),
            Refusal::Variable(name, None) => fail(Class::Config, env::empty(&name).message()),
            Refusal::Variable(name, Some(error)) => {
                fail(Class::Config, &format!("{name}: {}", usage(component, &error)))
            }
        }
    })
}

/// `--help` names the variables of flags but not their values, which may be secret.
fn quiet_about_values(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(quiet_about_values)
}

/// The class of an error: that of the first [`Fault`] in its chain, otherwise that of an I/O error, otherwise a bug.
pub(crate) fn class_of(error: &Error) -> Class {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Fault>().map(Fault::class))
        .or_else(|| error.chain().find_map(|cause| cause.downcast_ref().map(io_class)))
        .unwrap_or(Class::Bug)
}

fn io_class(error: &std::io::Error) -> Class {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Class::Closed } else { Class::Io }
}

/// The error with all its causes; a cause with which the text already ends is not repeated.
fn chain(error: &Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.is_empty() {
            cause
        } else if text.ends_with(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// Fails with an error. What a producer said of its own failure is passed on as it said it, so that whoever reads the
/// last stage of a pipe reads the first cause, once, and where that was.
fn fail_of(error: &Error, own: Details, termination_log: Option<&str>) -> ExitCode {
    if let Some(Differs(message)) = error.downcast_ref() {
        signals::yield_to_signal();
        logs::difference(message);
        return ExitCode::FAILURE;
    }
    let message = chain(error);
    let said = error.chain().find_map(|cause| cause.downcast_ref::<Fault>()?.of_producer());
    let details = error.chain().find_map(|cause| cause.downcast_ref::<Fault>()?.details().cloned());
    let details = details.unwrap_or(own);
    fail_saying(class_of(error), said.unwrap_or(&message), &message, &details, termination_log)
}

/// What a check found. Nothing failed, so the exit code is 1, which is none of the table.
#[derive(Debug)]
pub struct Differs(pub String);

impl std::fmt::Display for Differs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Differs {}

/// Fails with one message for the next stage and one for people.
fn fail_saying(
    class: Class,
    abort: &str,
    message: &str,
    details: &Details,
    termination_log: Option<&str>,
) -> ExitCode {
    signals::yield_to_signal();
    if class != Class::Closed {
        io::abort(class, &crate::redact(abort), &redacted(details));
        logs::failure(class, message, termination_log);
    }
    ExitCode::from(class.code())
}

fn redacted(details: &Details) -> Details {
    let redact = |text: &String| crate::redact(text);
    Details {
        step: details.step.as_ref().map(redact),
        pipeline: details.pipeline.as_ref().map(redact),
        table: details.table.as_ref().map(redact),
        log: details.log.iter().map(redact).collect(),
    }
}

fn usage(component: &Component, error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default().replace("\n  ", " ").replace('\n', " ");
    let first = first.trim().trim_start_matches("error: ");
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("a subcommand or an argument is missing ({} --help lists them)", component.name);
    }
    let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    // What looks like a flag was meant to be one.
    let tips: String =
        tips.filter(|tip| !tip.starts_with("to pass ")).map(|tip| format!("; {tip}")).collect();
    format!("{first}{tips} ({} --help says more)", component.name)
}

fn print_card(component: &Component, mut command: Command) -> ExitCode {
    command.build();
    print(&crate::redact(&format!("{:#}\n", describe::card(component, &command))))
}

/// Prints a text about the component itself.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(io_class(&error).code()),
    }
}

/// Remembers where the last panic happened instead of printing it: the closing line says it, once.
fn remember_panics() -> impl FnOnce() -> String {
    let place = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let writer = std::sync::Arc::clone(&place);
    panic::set_hook(Box::new(move |info| {
        let text = info.location().map(|at| format!(" (at {}:{})", at.file(), at.line())).unwrap_or_default();
        *writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = text;
    }));
    move || place.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_first_fault_in_the_chain_decides() {
        let error = Err::<(), _>(Fault::config("no such table")).context("while loading").unwrap_err();
        assert_eq!(class_of(&error), Class::Config);
        assert_eq!(chain(&error), "while loading: no such table");
        let gone = Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("stdout");
        assert_eq!(class_of(&gone), Class::Closed);
        assert_eq!(class_of(&Error::from(std::io::Error::other("disk"))), Class::Io);
        assert_eq!(class_of(&anyhow::anyhow!("never thought of")), Class::Bug);
    }
}
