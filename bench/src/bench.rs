//! What is measured, and where.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::contender::{Build, Contender};
use crate::measure::{Group, Size};

/// Where everything is.
pub(crate) struct Bench {
    pub(crate) binaries: PathBuf,
    /// The binaries of the build before, to be compared with.
    pub(crate) before: Option<PathBuf>,
    /// Where the records and everything else are written.
    pub(crate) folder: PathBuf,
    /// How often everything runs, instead of what is usual.
    pub(crate) runs: Option<usize>,
}

impl Bench {
    /// A component of this workspace with these arguments, and beside it that of the build before, if there is one.
    pub(crate) fn component<'a>(
        &self,
        title: &str,
        name: &str,
        args: &[&str],
        finish: impl Fn(Contender<'a>) -> Contender<'a>,
    ) -> Vec<Contender<'a>> {
        let of = |(folder, build): (&Path, Build)| {
            let program = folder.join(name).display().to_string();
            finish(Contender::new(title, &program, args).of(build))
        };
        self.builds(name).map(of).collect()
    }

    /// The folders of the builds that have a component.
    pub(crate) fn builds(&self, name: &str) -> impl Iterator<Item = (&Path, Build)> {
        let before = self.before.as_deref().into_iter().filter(move |folder| folder.join(name).exists());
        [(self.binaries.as_path(), Build::Now)]
            .into_iter()
            .chain(before.map(|folder| (folder, Build::Before)))
    }

    /// Measures commands that do the same, in so many runs.
    pub(crate) fn measure(
        &self,
        title: &str,
        size: impl Into<Size>,
        runs: usize,
        contenders: &[Contender<'_>],
    ) -> anyhow::Result<Group> {
        Group::measure(title, size.into(), self.runs.unwrap_or(runs), &self.folder, contenders)
    }

    /// The same in one run, of what takes long.
    pub(crate) fn measure_once(
        &self,
        title: &str,
        size: impl Into<Size>,
        contenders: &[Contender<'_>],
    ) -> anyhow::Result<Group> {
        Group::measure(title, size.into(), 0, &self.folder, contenders)
    }

    /// Removes a database of SQLite with all that belongs to it.
    pub(crate) fn remove_sqlite(&self, file: &str) -> anyhow::Result<()> {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            match std::fs::remove_file(self.folder.join(format!("{file}{suffix}"))) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}
