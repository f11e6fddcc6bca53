use clap::{Args, Parser, Subcommand};

use super::*;
use crate::component::{Reads, Stage, Stdout};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
    #[arg(long, global = true)]
    count: Option<u8>,
}

#[derive(Subcommand)]
enum Commands {
    Load(Load),
    Schema {
        #[command(subcommand)]
        command: Schema,
    },
}

#[derive(Subcommand)]
enum Schema {
    List,
    Show { name: String },
}

#[derive(Args)]
struct Load {
    #[arg(long)]
    db: String,
    #[arg(long)]
    plan: bool,
    #[arg(long, default_value = "receipt", visible_alias = "print")]
    emit: String,
}

const PLAN: When = When { flag: "--plan", values: &[], reads: Reads::Any, stdout: Stdout::Text };
const SILENT: When = When { flag: "--emit", values: &["none"], reads: Reads::Any, stdout: Stdout::Nothing };
const LOAD: Stage =
    Stage { when: &[PLAN, SILENT], ..Stage::new("load", Reads::Any, Stdout::Schemas(&["etl.receipt"])) };
const LIST: Stage = Stage::new("schema list", Reads::Nothing, Stdout::Text);
const SHOW: Stage = Stage::new("schema show", Reads::Nothing, Stdout::Text);

fn component(commands: &'static [Stage]) -> Component {
    Component { name: "trial", version: "0", variables: &[], commands }
}

fn arguments(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn command() -> Command {
    <Cli as clap::CommandFactory>::command()
}

#[test]
fn what_is_recognised_says_whether_stdout_is_a_stream() {
    let component = component(&[LOAD, LIST, SHOW]);
    for (line, expected) in [
        ("trial", true),
        ("trial lode", true),
        ("trial load", true),
        ("trial load --db x --emit records", true),
        ("trial load --db x --emit none", false),
        ("trial load --print=none", false),
        ("trial load --count many --plan", false),
        ("trial load --db --plan", false),
        ("trial load -- --plan", true),
        ("trial load --nope", true),
        ("trial schema", false),
        ("trial schema list --nope", false),
        ("trial --count many schema show", false),
        ("trial schema shew", false),
    ] {
        let (command, args) = (command(), arguments(line));
        let seen = look(&command, &args).unwrap();
        assert_eq!(streams(&component, &command, Some(&seen)), expected, "{line}");
    }
    assert!(look(&command(), &arguments("trial load --help")).is_err());
    assert!(streams(&component, &command(), None));
}

#[test]
fn what_was_typed_is_seen_in_either_place() {
    for (line, expected) in [
        ("trial load --count 7", Some("7")),
        ("trial --count many load --nope", Some("many")),
        ("trial schema list --count=7 surplus", Some("7")),
        ("trial load", None),
    ] {
        let seen = look(&command(), &arguments(line)).unwrap();
        assert_eq!(typed(&seen, "count"), expected, "{line}");
    }
}

#[test]
fn declared_commands_are_those_there_are() {
    assert!(is_declared(&component(&[SHOW, LOAD, LIST]), &command()));
    const OTHER: When = When { flag: "--nope", ..PLAN };
    for wrong in [
        &[LOAD, LIST][..],
        &[LOAD, LIST, SHOW, Stage::new("schema", Reads::Nothing, Stdout::Text)],
        &[LOAD, LIST, LIST],
        &[Stage { when: &[OTHER], ..LOAD }, LIST, SHOW],
    ] {
        assert!(!is_declared(&component(Box::leak(wrong.to_vec().into_boxed_slice())), &command()));
    }
    let plain = clap::Command::new("plain").arg(Arg::new("plan").long("plan"));
    assert!(is_declared(&component(&[Stage { name: "", when: &[PLAN], ..LIST }]), &plain));
}
