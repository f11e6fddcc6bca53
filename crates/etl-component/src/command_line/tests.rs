use clap::{Args, Parser, Subcommand};

use super::*;
use crate::component::{CommandCard, Reads, Stdout};

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
const LOAD: CommandCard = CommandCard {
    when: &[PLAN, SILENT],
    ..CommandCard::new("load", Reads::Any, Stdout::Schemas(&["etl.receipt"]))
};
const LIST: CommandCard = CommandCard::new("schema list", Reads::Nothing, Stdout::Text);
const SHOW: CommandCard = CommandCard::new("schema show", Reads::Nothing, Stdout::Text);

fn component(commands: &'static [CommandCard]) -> Component {
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
        ("trial load --plan --db", false),
        ("trial load --emit", true),
        ("trial load --nope", true),
        ("trial load --nope --plan", false),
        ("trial load --nope=7 --db x -x surplus --emit none", false),
        ("trial --nope schema list", false),
        ("trial nope schema list", false),
        ("trial -- load --plan", true),
        ("trial schema", false),
        ("trial schema list --nope", false),
        ("trial --count many schema show", false),
        ("trial schema shew", false),
    ] {
        let (command, args) = (command(), arguments(line));
        let seen = look(&command, &args).unwrap();
        assert_eq!(streams(&component, &command, &seen), expected, "{line}");
    }
    for help in ["trial load --help", "trial --nope --help", "trial help --nope"] {
        assert!(look(&command(), &arguments(help)).is_err(), "{help}");
    }
}

#[test]
fn what_was_typed_is_seen_in_either_place() {
    for (line, expected) in [
        ("trial load --count 7", Some("7")),
        ("trial --count many load --nope", Some("many")),
        ("trial --nope load --count 7", Some("7")),
        ("trial schema list --count=7 surplus", Some("7")),
        ("trial load", None),
        ("trial load --count", None),
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
        &[LOAD, LIST, SHOW, CommandCard::new("schema", Reads::Nothing, Stdout::Text)],
        &[LOAD, LIST, LIST],
        &[CommandCard { when: &[OTHER], ..LOAD }, LIST, SHOW],
    ] {
        assert!(!is_declared(&component(Box::leak(wrong.to_vec().into_boxed_slice())), &command()));
    }
    let plain = clap::Command::new("plain").arg(Arg::new("plan").long("plan"));
    assert!(is_declared(&component(&[CommandCard { name: "", when: &[PLAN], ..LIST }]), &plain));
}

#[derive(Debug, Parser)]
struct Limits {
    #[arg(long, global = true, env = "TRIAL_COUNT", default_value = "1")]
    count: u8,
    #[arg(long, env = "TRIAL_PLACE", conflicts_with = "anywhere")]
    place: String,
    #[arg(long)]
    anywhere: bool,
    #[command(subcommand)]
    command: Option<Limited>,
}

#[derive(Debug, Subcommand)]
enum Limited {
    Go {
        #[arg(long, env = "TRIAL_MODE", value_parser = ["slow", "fast"])]
        mode: Option<String>,
    },
}

fn limits(line: &str, variables: &[(&str, &str)]) -> Result<Limits, Refusal> {
    let (command, args) = (<Limits as clap::CommandFactory>::command(), arguments(line));
    let matches = parse(&command, &args, &Env::of(variables))?;
    clap::FromArgMatches::from_arg_matches(&matches).map_err(Refusal::Arguments)
}

#[test]
fn a_flag_counts_more_than_its_variable_and_that_more_than_the_default() {
    let place = ("TRIAL_PLACE", "-here");
    for (line, variables, expected) in [
        ("limits", &[place][..], (1, None)),
        ("limits", &[place, ("TRIAL_COUNT", "2")], (2, None)),
        ("limits go", &[place, ("TRIAL_COUNT", "2"), ("TRIAL_MODE", "fast")], (2, Some("fast"))),
        (
            "limits go --count 3 --mode slow",
            &[place, ("TRIAL_COUNT", "2"), ("TRIAL_MODE", "")],
            (3, Some("slow")),
        ),
        ("limits --count 3 go", &[place, ("TRIAL_COUNT", "many")], (3, None)),
        // The variables of a command that is not run do not matter.
        ("limits", &[place, ("TRIAL_MODE", "")], (1, None)),
    ] {
        let limits = limits(line, variables).unwrap();
        let mode = limits.command.and_then(|Limited::Go { mode }| mode);
        assert_eq!(
            (limits.count, mode.as_deref(), limits.place.as_str()),
            (expected.0, expected.1, "-here"),
            "{line}"
        );
    }
    // A variable may have been set for other programs, too, so it conflicts with no flag.
    assert!(limits("limits --anywhere", &[place]).is_ok());
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    let place = ("TRIAL_PLACE", "here");
    for (line, variables, expected) in [
        ("limits", &[place, ("TRIAL_COUNT", "many")][..], Some("TRIAL_COUNT")),
        ("limits go", &[place, ("TRIAL_MODE", "askew")], Some("TRIAL_MODE")),
        ("limits go", &[place, ("TRIAL_COUNT", "")], Some("TRIAL_COUNT")),
        ("limits", &[("TRIAL_PLACE", "")], Some("TRIAL_PLACE")),
        ("limits", &[("TRIAL_COUNT", "2")], None),
        ("limits --count many", &[place, ("TRIAL_COUNT", "many")], None),
        ("limits --nope", &[place, ("TRIAL_COUNT", "")], None),
    ] {
        let (name, error) = match limits(line, variables).unwrap_err() {
            Refusal::Variable(name, error) => (Some(name), error),
            Refusal::Arguments(error) => (None, Some(error)),
        };
        assert_eq!(name.as_deref(), expected, "{line}: {error:?}");
        if let (Some(_), Some(error)) = (name, error) {
            assert!(error.to_string().starts_with("error: invalid value '"), "{error}");
        }
    }
}

#[test]
fn the_environment_that_clap_reads_itself_is_not_used() {
    // Cargo sets the variable; the captured environment does not have it.
    let declared = Arg::new("crate").long("crate").env("CARGO_PKG_NAME").default_value("none");
    let command = Command::new("trial").arg(declared.hide_env_values(true));
    let args = arguments("trial");
    let matches = parse(&command, &args, &Env::of(&[])).unwrap();
    assert_eq!(matches.get_one::<String>("crate").unwrap(), "none");
    let args = arguments("trial --help");
    assert!(look(&command, &args).is_err());
    let Refusal::Arguments(help) = parse(&command, &args, &Env::of(&[])).unwrap_err() else { panic!("help") };
    assert!(help.to_string().contains("[env: CARGO_PKG_NAME] [default: none]"), "{help}");
}
