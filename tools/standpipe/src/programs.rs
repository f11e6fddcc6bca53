//! Where the programs of pipelines are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, io};

use etl_component::{Class, Fault};
use rustix::fs::{Access, access};

/// This executable, and the folders that are searched.
pub(crate) struct Programs {
    pub(crate) standpipe: PathBuf,
    path: Vec<PathBuf>,
}

impl Programs {
    /// # Errors
    /// 74 if the system does not say where this executable is.
    pub(crate) fn new() -> Result<Programs, Fault> {
        let unknown = |error: io::Error| Fault::new(Class::Io, "cannot find this program").because(error);
        let path = env::var_os("PATH").unwrap_or_default();
        Ok(Programs {
            standpipe: env::current_exe().map_err(unknown)?,
            path: env::split_paths(&path).collect(),
        })
    }

    /// The folder of this executable.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.standpipe.parent()
    }

    /// The file that a program's name or path means. A component is searched beside this executable first.
    pub(crate) fn find(&self, program: &OsStr, is_component: bool) -> Option<PathBuf> {
        if Path::new(program).components().count() > 1 || Path::new(program).is_absolute() {
            return Some(PathBuf::from(program)).filter(|path| is_program(path));
        }
        if program == "standpipe" {
            return Some(self.standpipe.clone());
        }
        let beside = self.folder().filter(|_| is_component);
        let folders = beside.into_iter().chain(self.path.iter().map(PathBuf::as_path));
        folders.map(|folder| folder.join(program)).find(|path| is_program(path))
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}
