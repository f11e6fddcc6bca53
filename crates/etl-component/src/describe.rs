//! `--describe`: a component's card as JSON, for whoever checks pipes or renders manifests or documentation from it.

use clap::{Arg, ArgAction, Command};
use etl_stream::Class;
use serde_json::{Map, Value, json};

use crate::component::{CommandCard, Component, Reads, Stdout, distinct};

/// The card: flags of the component and of each command, what each command reads and prints, variables, schemas in and
/// out, exit codes.
pub(crate) fn card(component: &Component, command: &Command) -> Value {
    let mut codes = Map::new();
    codes.insert("0".to_owned(), "done (also: nothing new)".into());
    for class in Class::ALL {
        codes.insert(class.code().to_string(), class.meaning().into());
    }
    codes.insert("128+n".to_owned(), Class::Signal(0).meaning().into());
    let variables: Vec<Value> = component
        .variables
        .iter()
        .map(|v| {
            json!({
                "name": v.name,
                "aliases": v.aliases,
                "secret": v.secret,
                "required": v.required,
                "unless": v.unless,
                "help": v.help,
            })
        })
        .collect();
    let schemas =
        |of: fn(&CommandCard) -> Vec<&'static str>| distinct(component.commands.iter().flat_map(of));
    let mut card = Map::new();
    card.insert("name".to_owned(), component.name.into());
    card.insert("version".to_owned(), component.version.into());
    card.extend(described(component, command, ""));
    card.insert("variables".to_owned(), variables.into());
    card.insert(
        "schemas".to_owned(),
        json!({ "in": schemas(CommandCard::schemas_in), "out": schemas(CommandCard::schemas_out) }),
    );
    card.insert("exit_codes".to_owned(), codes.into());
    card.into()
}

/// What is said of the component itself and of each of its commands. A command without subcommands is a stage.
fn described(component: &Component, command: &Command, path: &str) -> Map<String, Value> {
    let own = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    let commands: Vec<Value> = own
        .map(|sub| described(component, sub, format!("{path} {}", sub.get_name()).trim_start()).into())
        .collect();
    let flags = command.get_arguments().filter(|arg| !arg.is_hide_set()).map(flag);
    let mut described = Map::new();
    described.insert("name".to_owned(), command.get_name().into());
    described.insert("about".to_owned(), command.get_about().map(ToString::to_string).into());
    described.insert("flags".to_owned(), flags.collect());
    described.insert("commands".to_owned(), commands.into());
    if let Some(card) = component.commands.iter().find(|card| card.name == path) {
        let when = card.when.iter().map(|when| {
            json!({
                "flag": when.flag,
                "values": when.values,
                "reads": reads(when.reads),
                "stdout": stdout(when.stdout),
            })
        });
        described.insert("reads".to_owned(), reads(card.reads));
        described.insert("stdout".to_owned(), stdout(card.stdout));
        described.insert("writes".to_owned(), card.schemas_out().into());
        described.insert("when".to_owned(), when.collect());
    }
    described
}

/// `schemas` are those it accepts; null means any.
fn reads(reads: Reads) -> Value {
    match reads {
        Reads::Nothing => json!({ "kind": "nothing" }),
        Reads::Any => json!({ "kind": "stream", "schemas": null }),
        Reads::Schemas(schemas) => json!({ "kind": "stream", "schemas": schemas }),
    }
}

/// `schemas` are those of a stream; null means that they are known only when it runs, or that it passes on what it
/// reads.
fn stdout(stdout: Stdout) -> Value {
    let stream = |schemas: Option<&[&str]>, passes_on: bool| json!({ "kind": "stream", "schemas": schemas, "passes_on": passes_on });
    match stdout {
        Stdout::Nothing => json!({ "kind": "nothing" }),
        Stdout::Text => json!({ "kind": "text" }),
        Stdout::Schemas(schemas) => stream(Some(schemas), false),
        Stdout::Any => stream(None, false),
        Stdout::PassesOn => stream(None, true),
    }
}

fn flag(arg: &Arg) -> Value {
    let takes_value = arg.get_action().takes_values();
    let names = arg.get_value_names().map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
    // Those of a switch are true and false, which nobody types.
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| takes_value && !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let aliases = arg.get_all_aliases().unwrap_or_default();
    let mut card = json!({
        "name": arg.get_long().map_or_else(|| arg.get_id().to_string(), |long| format!("--{long}")),
        "aliases": aliases.iter().map(|alias| format!("--{alias}")).collect::<Vec<_>>(),
        "value": names.map(|names| names.join(" ")).filter(|_| takes_value),
        "values": values,
        "default": if takes_value { defaults.first() } else { None },
        "variable": arg.get_env().map(|name| name.to_string_lossy().into_owned()),
        "required": arg.is_required_set(),
        "repeated": matches!(arg.get_action(), ArgAction::Append),
        "help": arg.get_help().map(ToString::to_string),
    });
    // A value that may be left out comes after `=`, so that no word after the flag is taken for it.
    let words = arg.get_num_args().map_or(1, |range| range.min_values());
    if takes_value && words != 1 && arg.get_long().is_some() {
        card["words"] = words.into();
    }
    if let Some(separator) = arg.get_value_delimiter() {
        card["separator"] = separator.to_string().into();
    }
    card
}
