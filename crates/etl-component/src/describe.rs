//! `--describe`: a component's card as JSON, for whoever renders manifests or documentation from it.

use clap::{Arg, ArgAction, Command};
use etl_stream::Class;
use serde_json::{Value, json};

use crate::runner::Component;

/// The card: flags of the component and of each subcommand, variables, schemas in and out, exit codes.
pub(crate) fn card(component: &Component, command: &Command) -> Value {
    let mut codes = serde_json::Map::new();
    codes.insert("0".to_owned(), "done (also: nothing new)".into());
    for class in Class::ALL {
        codes.insert(class.code().to_string(), class.meaning().into());
    }
    codes.insert("128+n".to_owned(), Class::Signal(0).meaning().into());
    let variables: Vec<Value> = component
        .variables
        .iter()
        .map(|v| {
            json!({ "name": v.name, "aliases": v.aliases, "secret": v.secret, "required": v.required, "help": v.help })
        })
        .collect();
    json!({
        "name": component.name,
        "version": component.version,
        "about": command.get_about().map(ToString::to_string),
        "flags": flags(command),
        "commands": commands(command),
        "variables": variables,
        "schemas": { "in": component.reads, "out": component.writes },
        "exit_codes": codes,
    })
}

fn commands(command: &Command) -> Vec<Value> {
    let own = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    own.map(|sub| {
        json!({
            "name": sub.get_name(),
            "about": sub.get_about().map(ToString::to_string),
            "flags": flags(sub),
            "commands": commands(sub),
        })
    })
    .collect()
}

fn flags(command: &Command) -> Vec<Value> {
    command.get_arguments().filter(|arg| !arg.is_hide_set()).map(flag).collect()
}

fn flag(arg: &Arg) -> Value {
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    json!({
        "name": arg.get_long().map_or_else(|| arg.get_id().to_string(), |long| format!("--{long}")),
        "value": value.filter(|_| takes_value),
        "default": if takes_value { defaults.first() } else { None },
        "variable": arg.get_env().map(|name| name.to_string_lossy().into_owned()),
        "required": arg.is_required_set(),
        "repeated": matches!(arg.get_action(), ArgAction::Append),
        "help": arg.get_help().map(ToString::to_string),
    })
}
