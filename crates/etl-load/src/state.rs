//! The cursor file that follows the commit (`--state-out`).

use std::io::Write;
use std::path::{Path, PathBuf};

use etl_component::{Class, Fault, Output};

/// A file that is opened before anything is loaded, filled before the commit and renamed after it, so that whatever can
/// fail fails while nothing is committed. Each load of a run does this again.
pub(crate) struct StateOut {
    path: Option<PathBuf>,
    file: Option<Output>,
}

impl StateOut {
    /// Opens the file, if there is to be one.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub(crate) fn create(path: Option<&Path>) -> Result<StateOut, Fault> {
        let file = path.map(Output::create).transpose()?;
        Ok(StateOut { path: path.map(Path::to_owned), file })
    }

    /// Writes the state down; call it before the commit.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub(crate) fn prepare(&mut self, state: Option<&str>) -> Result<(), Fault> {
        // A new file each time: an attempt that was not committed may have written to the previous one.
        self.file = None;
        let (Some(path), Some(state)) = (&self.path, state) else {
            // A stream without a state leaves the older file as it is.
            return Ok(());
        };
        let mut file = Output::create(path)?;
        let failed = |error| Fault::new(Class::Io, "cannot write the state").because(error);
        file.write_all(format!("{state}\n").as_bytes()).map_err(failed)?;
        // Only the name is left to be written once the load is committed.
        file.sync()?;
        self.file = Some(file);
        Ok(())
    }

    /// Puts the file in its place; call it after the commit.
    ///
    /// # Errors
    /// 74 if that fails: the data is committed, the file is the older one.
    pub(crate) fn publish(&mut self) -> Result<(), Fault> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let note = |error| {
            Fault::new(Class::Io, "the load is committed, but its state file is not written").because(error)
        };
        file.publish().map_err(note)
    }
}
