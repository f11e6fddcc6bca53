//! `--completions` and `--man`: what shells and `man` read, made from the same arguments as `--help`.

use clap::{ArgMatches, Args, Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use etl_stream::Class;

use crate::command_line;
use crate::component::Component;

/// The flags that print what is known about all flags. They are looked for before anything is parsed.
#[allow(dead_code, reason = "declared for clap; see `asked`")]
#[derive(Args, Clone, Debug)]
pub(crate) struct ManualArgs {
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
        let page = Man::new(command.clone()).source(source).manual("Standpipe");
        // Writing to memory cannot fail.
        page.render(&mut text).ok()?;
        more(component).to_writer(&mut text).ok()?;
    } else {
        return None;
    }
    String::from_utf8(text).ok()
}

/// What no flag says: the variables that do not belong to one, and the exit codes.
fn more(component: &Component) -> Roff {
    let mut page = Roff::default();
    if !component.variables.is_empty() {
        page.control("SH", ["ENVIRONMENT"]);
    }
    for variable in component.variables {
        let names: Vec<&str> = [variable.name].into_iter().chain(variable.aliases.iter().copied()).collect();
        entry(&mut page, &names.join(", "), variable.help);
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
