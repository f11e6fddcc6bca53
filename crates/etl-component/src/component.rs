//! What a component says about itself, and what surrounds it while it runs.

use crate::env::{Env, Variable};

/// What a component says about itself; everything else is in its clap arguments.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Its name, which is that of its crate, its binary and its image.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The variables it reads, besides those named at its flags.
    pub variables: &'static [Variable],
    /// Its commands, each as a stage of a pipe.
    pub commands: &'static [CommandCard],
}

/// What a command is as a stage of a pipe, so that a pipe can be checked without running anything.
#[derive(Clone, Copy, Debug)]
pub struct CommandCard {
    /// Its name, after those of the commands it belongs to (`schema show`); empty where there are no subcommands.
    pub name: &'static str,
    /// What it reads.
    pub reads: Reads,
    /// What stdout, or the file of `--output`, is.
    pub stdout: Stdout,
    /// The schemas of the streams it writes elsewhere, to files that flags name.
    pub files: &'static [&'static str],
    /// What flags change about it; the first that is typed counts.
    pub when: &'static [When],
}

/// What a flag makes of a command.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The flag, such as `--emit`.
    pub flag: &'static str,
    /// The values with which it has this effect; if none are listed, any value.
    pub values: &'static [&'static str],
    /// What the command reads then.
    pub reads: Reads,
    /// What stdout is then.
    pub stdout: Stdout,
}

impl When {
    /// What a flag makes of a command whatever its value is.
    pub const fn given(flag: &'static str, reads: Reads, stdout: Stdout) -> When {
        When { flag, values: &[], reads, stdout }
    }
}

/// Which stream a command reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// None.
    Nothing,
    /// Records of any schema.
    Any,
    /// Records of these schemas.
    Schemas(&'static [&'static str]),
}

/// What the stdout of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdout {
    /// Nothing is printed.
    Nothing,
    /// Something for people, or for programs that are not stages.
    Text,
    /// A stream of records of these schemas.
    Schemas(&'static [&'static str]),
    /// A stream whose schema is known only when it runs.
    Any,
    /// A stream of records of the schemas that are read.
    PassesOn,
}

impl CommandCard {
    /// A command that writes no other files, and whose flags do not change any of this.
    pub const fn new(name: &'static str, reads: Reads, stdout: Stdout) -> CommandCard {
        CommandCard { name, reads, stdout, files: &[], when: &[] }
    }

    /// The schemas that it can read, where they are known.
    pub(crate) fn schemas_in(&self) -> Vec<&'static str> {
        let reads = self.when.iter().map(|when| when.reads).chain([self.reads]);
        let schemas =
            reads.filter_map(|reads| if let Reads::Schemas(schemas) = reads { Some(schemas) } else { None });
        distinct(schemas.flatten().copied())
    }

    /// The schemas that it can write, where they are known.
    pub(crate) fn schemas_out(&self) -> Vec<&'static str> {
        let stdout = [self.stdout].into_iter().chain(self.when.iter().map(|when| when.stdout));
        let schemas = stdout
            .filter_map(|stdout| if let Stdout::Schemas(schemas) = stdout { Some(schemas) } else { None });
        distinct(schemas.flatten().chain(self.files).copied())
    }
}

impl Stdout {
    /// Whether it is a stream, which a failure ends with `abort`.
    pub(crate) fn is_stream(self) -> bool {
        !matches!(self, Stdout::Nothing | Stdout::Text)
    }
}

/// Each name once, in the order in which they first come.
pub(crate) fn distinct(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    names.fold(Vec::new(), |mut seen, name| {
        if !seen.contains(&name) {
            seen.push(name);
        }
        seen
    })
}

/// What surrounds a running component.
#[derive(Debug)]
pub struct Context {
    /// The component itself.
    pub component: &'static Component,
    /// The environment, captured at the start.
    pub env: Env,
}

impl Context {
    /// `program/version`, as the `producer` of a `begin` line.
    pub fn producer(&self) -> String {
        format!("{}/{}", self.component.name, self.component.version)
    }
}
