//! What a component says about its own flags: `--help`, `--man`, `--completions`, and what it suggests for a typo.

use std::path::Path;

use crate::run::{Cmd, golden};

/// Compares the help of these commands (`""` is the component itself) with a golden file, and checks what holds for all:
/// each flag is in a group, examples end the help, and the manual page has them, too.
///
/// # Panics
/// If any of that is not so.
#[track_caller]
pub fn conforms(binary: impl AsRef<Path>, commands: &[&str], file: impl AsRef<Path>) {
    let (binary, mut all) = (binary.as_ref(), String::new());
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
            assert!(example.contains(&*name), "{name} {command}: {example}");
            assert!(page.contains(example.trim_start()), "not in the manual page: {example}\n{page}");
        }
        all += &format!("$ {}\n{help}\n", format!("{name} {command} --help").replace("  ", " "));
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = print("", &format!("--completions {shell}"));
        assert!(script.contains(&*name) && script.contains("log-level"), "{shell}: {script}");
    }
    golden(file, &all);
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
