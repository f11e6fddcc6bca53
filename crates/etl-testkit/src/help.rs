//! What a component says about its own flags: `--help`, `--man`, `--completions`, and what it suggests for a typo.

use std::path::Path;

use crate::run::{self, Cmd};

/// The help of these commands, of which `""` is the component itself, after what holds for all: each flag is in a
/// group, examples end the help, their flags exist, and the manual page has them, too; there are completions.
///
/// # Panics
/// If any of that is not so.
#[track_caller]
pub fn of(binary: impl AsRef<Path>, commands: &[&str]) -> String {
    let (binary, mut all, mut typed) = (binary.as_ref(), String::new(), Vec::new());
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    let print = |command: &str, flags: &str| {
        let ran = Cmd::new(binary).words(command).words(flags).run();
        ran.ok();
        ran.stdout
    };
    for command in commands {
        let (help, page) = (print(command, "--help"), print(command, "--man"));
        assert!(!help.contains("\nOptions:\n"), "{name} {command} has flags in no group:\n{help}");
        let (_, examples) =
            help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("no examples:\n{help}"));
        // In roff, dashes and apostrophes are escaped.
        let page = page.replace("\\-", "-").replace("\\*(Aq", "'");
        for example in examples.lines() {
            assert!(page.contains(example.trim_start()), "not in the manual page: {example}\n{page}");
            let own = example.split('|').filter(|stage| stage.split_whitespace().any(|word| word == name));
            let own: Vec<&str> = own.flat_map(|stage| stage.split(" -- ").take(1)).collect();
            assert!(!own.is_empty(), "not about {name}: {example}");
            let words = own.iter().flat_map(|stage| stage.split_whitespace());
            let flags = words.filter(|word| word.starts_with("--"));
            typed.extend(flags.filter_map(|flag| flag.split('=').next()).map(str::to_owned));
        }
        all += &format!("$ {}\n{help}\n", format!("{name} {command} --help").replace("  ", " "));
    }
    for flag in typed {
        assert!(all.contains(&format!("\n      {flag}")), "an example has {flag}, which does not exist");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = print("", &format!("--completions {shell}"));
        assert!(script.contains(&*name) && script.contains("log-level"), "{shell}: {script}");
    }
    all
}

/// Compares [`of`] these commands with `tests/help.txt` in the folder of the component.
///
/// # Panics
/// If they differ, or as [`of`].
#[track_caller]
pub fn golden(binary: impl AsRef<Path>, folder: &str, commands: &[&str]) {
    run::golden(format!("{folder}/tests/help.txt"), &of(binary, commands));
}

/// Runs it with arguments that are wrong, and compares what it says of them, without its name.
///
/// # Panics
/// If it does not end with 2, or says something else.
#[track_caller]
pub fn suggests(binary: impl AsRef<Path>, args: &str, said: &str) {
    let ran = Cmd::new(binary).words(args).run();
    let line = ran.fails(2).last_error_line().rsplit_once(" (").map(|(line, _)| line);
    assert_eq!(line, Some(said), "{args}");
}
