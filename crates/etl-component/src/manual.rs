//! `--completions` and `--man`: what shells and `man` read, made from the same arguments as `--help`.

use clap::builder::Resettable;
use clap::{ArgAction, ArgMatches, Args, Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use etl_stream::Class;

use crate::command_line;
use crate::component::Component;

/// What a flag cannot say: read before any is parsed.
const TERMINATION_LOG: (&str, &str) =
    ("ETL_TERMINATION_LOG", "where a failure's last line goes, too; /dev/termination-log if not set");

/// The flags that print what is known about all flags. They are looked for before anything is parsed.
#[allow(dead_code, reason = "declared for clap; see `asked`")]
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Help")]
pub(crate) struct ManualArgs {
    /// Print help (see a summary with '-h')
    #[arg(short = 'h', long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Print the component's card as JSON: flags, variables, schemas, exit codes
    #[arg(long, global = true)]
    describe: bool,
    /// Print a script that completes arguments in a shell
    ///
    /// Bash, for example, reads it from ~/.local/share/bash-completion/completions/, from a file named after the program.
    #[arg(long, global = true, value_name = "SHELL", hide_short_help = true)]
    completions: Option<Shell>,
    /// Print the manual page
    ///
    /// `man -l -` shows it. After a subcommand, it is the page of that subcommand.
    #[arg(long, global = true, hide_short_help = true)]
    man: bool,
}

/// The text that these arguments ask for, whatever else is missing or wrong in them. `None` if they ask for neither.
pub(crate) fn asked(component: &Component, command: &Command, seen: &ArgMatches) -> Option<String> {
    let mut command = command.clone();
    command.build();
    let mut text = Vec::new();
    if let Some(shell) = command_line::typed(seen, "completions") {
        // An unknown shell is refused with the other arguments.
        let shell = Shell::from_str(shell, true).ok()?;
        clap_complete::generate(shell, &mut command, component.name, &mut text);
    } else if command_line::is_typed(seen, "man") {
        let (command, _) = command_line::chain(&command, Some(seen)).pop()?;
        let source = format!("{} {}", component.name, component.version);
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let command = command.clone().after_help(Resettable::Reset);
        let page = Man::new(command).source(source).manual("Standpipe");
        // Writing to memory cannot fail.
        page.render(&mut text).ok()?;
        more(component, &examples).to_writer(&mut text).ok()?;
    } else {
        return None;
    }
    String::from_utf8(text).ok()
}

/// Adds the variables to the help of each command, before its examples.
pub(crate) fn with_environment(component: &Component, command: Command) -> Command {
    let command = command.mut_subcommands(|sub| with_environment(component, sub));
    let variables = variables(component);
    let width = variables.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = variables.iter().map(|(name, help)| entry_of_help(name, width, help));
    let mut text = format!("Environment:{}", lines.collect::<String>());
    if let Some(examples) = command.get_after_help() {
        text += &format!("\n\n{examples}");
    }
    command.after_long_help(text)
}

/// An entry whose text stays in its column.
fn entry_of_help(name: &str, width: usize, help: &str) -> String {
    // As wide as clap makes its own lines.
    const WIDEST: usize = 100;
    let (mut text, mut line) = (String::new(), format!("  {name:width$} "));
    for word in help.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDEST {
            text += &format!("\n{line}");
            line = " ".repeat(width + 3);
        }
        line += &format!(" {word}");
    }
    text + &format!("\n{line}")
}

/// The variables that do not belong to a flag, and what each is for.
fn variables(component: &Component) -> Vec<(&'static str, String)> {
    let described = component.variables.iter().map(|variable| {
        let file = variable.secret.then(|| format!("{}_FILE names a file with it", variable.name));
        let aliases = (!variable.aliases.is_empty()).then(|| format!("also {}", variable.aliases.join(", ")));
        let more: Vec<String> = file.into_iter().chain(aliases).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        (variable.name, format!("{}{more}", variable.help))
    });
    described.chain([(TERMINATION_LOG.0, TERMINATION_LOG.1.to_owned())]).collect()
}

/// What no flag says: the examples, the variables that do not belong to one, and the exit codes.
fn more(component: &Component, examples: &str) -> Roff {
    let mut page = Roff::default();
    // The help has a heading of its own.
    let mut examples = examples.lines().skip(1).peekable();
    if examples.peek().is_some() {
        page.control("SH", ["EXAMPLES"]);
        page.control("nf", []);
        examples.for_each(|line| {
            page.text([roman(line)]);
        });
        page.control("fi", []);
    }
    page.control("SH", ["ENVIRONMENT"]);
    for (name, help) in variables(component) {
        entry(&mut page, name, &help);
    }
    page.control("SH", ["EXIT STATUS"]);
    entry(&mut page, "0", "done (also: nothing new)");
    for class in Class::ALL {
        entry(&mut page, &class.code().to_string(), class.meaning());
    }
    entry(&mut page, "128+n", Class::Signal(0).meaning());
    page
}

fn entry(page: &mut Roff, name: &str, text: &str) {
    page.control("TP", []);
    page.text([bold(name)]);
    page.text([roman(text)]);
}
