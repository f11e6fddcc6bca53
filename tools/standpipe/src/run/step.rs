//! A step: which program it is, and how it is run.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use etl_component::Fault;
use etl_pipeline::{Cards, is_component_name};

use crate::programs::Programs;

/// How a step is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A component, as it is.
    Component,
    /// A program that knows nothing of seals, under `standpipe seal` or `standpipe through`.
    Wrapped,
    /// Such a program at the end of a pipe, which gets the records only.
    Fed,
    /// Such a program that is the only step.
    Alone,
}

impl Kind {
    /// Whether what runs ends with the exit codes of all components, and says in its last line why.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Kind::Component | Kind::Wrapped)
    }
}

/// One program of a pipe.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The name of its program.
    pub(super) name: String,
    /// Where it stands, for messages: `jq (step 2 of 3)`.
    pub(super) place: String,
    pub(super) kind: Kind,
    /// Whether it leads a process group, so that all it has started ends with it.
    pub(super) leads: bool,
    command: Vec<OsString>,
    env: Vec<(String, OsString)>,
}

impl Step {
    /// What is run.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Sets one more variable.
    pub(super) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.env.push((name.to_owned(), value.into()));
    }
}

/// What makes steps of words.
pub(super) struct Maker<'c> {
    pub(super) cards: &'c Cards,
    pub(super) programs: &'c Programs,
    /// Whether stdin is a terminal.
    pub(super) terminal: bool,
}

impl Maker<'_> {
    /// A step of a pipe, whose words these are: the first one of `count` is 0.
    ///
    /// # Errors
    /// 78 if its program does not exist.
    pub(super) fn step(
        &self,
        words: &[OsString],
        (at, count): (usize, usize),
        env: Vec<(String, OsString)>,
    ) -> Result<Step, Fault> {
        let (program, args) = words.split_first().ok_or_else(|| Fault::usage("a step without a program"))?;
        let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let place = if count > 1 { format!("{name} (step {} of {count})", at + 1) } else { name.clone() };
        let ours = self.cards.names().any(|known| known == name);
        if !ours && is_component_name(&name) {
            return Err(Fault::config(match self.programs.find(program, true) {
                Some(path) => format!(
                    "{place}: the name is that of a component, but {} does not say what it is when asked with --describe",
                    path.display()
                ),
                None => format!("{place}: the name is that of a component, but there is none of that name"),
            }));
        }
        let found = self.programs.find(program, ours).ok_or_else(|| self.not_found(program, &place, ours))?;
        let kind = match (ours, at + 1 == count) {
            (true, _) => Kind::Component,
            (false, false) => Kind::Wrapped,
            (false, true) if count == 1 => Kind::Alone,
            (false, true) => Kind::Fed,
        };
        let command = match kind {
            Kind::Wrapped => {
                let wrap = if at == 0 { "seal" } else { "through" };
                let standpipe = [self.programs.standpipe.as_os_str(), OsStr::new(wrap), OsStr::new("--")];
                standpipe.into_iter().map(OsStr::to_owned).chain(words.iter().cloned()).collect()
            }
            Kind::Component => [found.into_os_string()].into_iter().chain(args.iter().cloned()).collect(),
            Kind::Fed | Kind::Alone => words.to_vec(),
        };
        // Only the group in the foreground may read from a terminal.
        let leads = kind == Kind::Fed || kind == Kind::Alone && !self.terminal;
        Ok(Step { name, place, kind, leads, command, env })
    }

    fn not_found(&self, program: &OsStr, place: &str, ours: bool) -> Fault {
        let program = program.to_string_lossy();
        Fault::config(match self.programs.folder() {
            _ if program.contains('/') => format!("{place}: {program} does not exist, or may not be run"),
            Some(folder) if ours => {
                format!("{place} is neither in {}, beside standpipe, nor in PATH", folder.display())
            }
            _ => format!("{place} is not in PATH"),
        })
    }
}
