//! A step: which program it is, and how it is run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use etl_component::{Class, Env, Fault};
use etl_pipeline::{Cards, is_component_name};
use rustix::fs::{Access, access};

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

/// Where programs are found.
pub(super) struct Programs<'c> {
    cards: &'c Cards,
    standpipe: PathBuf,
    path: OsString,
    terminal: bool,
}

impl<'c> Programs<'c> {
    /// Components are searched beside this executable first.
    ///
    /// # Errors
    /// 74 if the system does not say where that is.
    pub(super) fn new(env: &Env, cards: &'c Cards) -> Result<Programs<'c>, Fault> {
        let standpipe = std::env::current_exe()
            .map_err(|error| Fault::new(Class::Io, "cannot find this program").because(error))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(Programs { cards, standpipe, path, terminal: env.terminal.stdin })
    }

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
            return Err(Fault::config(format!(
                "{place}: the name is that of a component, but there is none of that name"
            )));
        }
        let found = self.find(program, &name, ours).ok_or_else(|| self.not_found(program, &place, ours))?;
        let kind = match (ours, at + 1 == count) {
            (true, _) => Kind::Component,
            (false, false) => Kind::Wrapped,
            (false, true) if count == 1 => Kind::Alone,
            (false, true) => Kind::Fed,
        };
        let command = match kind {
            Kind::Wrapped => {
                let wrap = if at == 0 { "seal" } else { "through" };
                let standpipe = [self.standpipe.as_os_str(), OsStr::new(wrap), OsStr::new("--")];
                standpipe.into_iter().map(OsStr::to_owned).chain(words.iter().cloned()).collect()
            }
            Kind::Component => [found.into_os_string()].into_iter().chain(args.iter().cloned()).collect(),
            Kind::Fed | Kind::Alone => words.to_vec(),
        };
        // Only the group in the foreground may read from a terminal.
        let leads = kind == Kind::Fed || kind == Kind::Alone && !self.terminal;
        Ok(Step { name, place, kind, leads, command, env })
    }

    fn find(&self, program: &OsStr, name: &str, ours: bool) -> Option<PathBuf> {
        let path = Path::new(program);
        if path.components().count() > 1 || path.is_absolute() {
            return Some(path.to_owned()).filter(|path| is_program(path));
        }
        if name == "standpipe" {
            return Some(self.standpipe.clone());
        }
        let beside = self.standpipe.parent().filter(|_| ours).map(Path::to_owned);
        let folders = beside.into_iter().chain(std::env::split_paths(&self.path));
        folders.map(|folder| folder.join(program)).find(|path| is_program(path))
    }

    fn not_found(&self, program: &OsStr, place: &str, ours: bool) -> Fault {
        let program = program.to_string_lossy();
        Fault::config(match self.standpipe.parent() {
            _ if program.contains('/') => format!("{place}: {program} does not exist, or may not be run"),
            Some(folder) if ours => {
                format!("{place} is neither in {}, beside standpipe, nor in PATH", folder.display())
            }
            _ => format!("{place} is not in PATH"),
        })
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}
