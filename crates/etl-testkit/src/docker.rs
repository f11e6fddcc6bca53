//! Containers for tests: everything that is started carries a label and is removed at the end.
//!
//! ```no_run
//! use etl_testkit::docker::Lab;
//! let lab = Lab::new();
//! let network = lab.network();
//! lab.run(&["--network", &network, "standpipe/standpipe", "--version"]).ok();
//! ```

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::run::{Cmd, Ran};

/// Every container, network and volume that this workspace's tests make has this label.
const LABEL: &str = "standpipe.lab";

/// The version of the Docker Engine that answers.
///
/// # Errors
/// What `docker` said, or that it cannot be started.
pub fn engine() -> Result<String, String> {
    let version = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    let output = version.map_err(|error| format!("docker cannot be started: {error}"))?;
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Runs `docker` with these arguments to its end.
///
/// # Panics
/// If it cannot be started, or hangs.
pub fn docker<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Ran {
    let args: Vec<String> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    let cmd = Cmd::new("docker").args(args);
    // Where the engine is, and who may use it.
    ["HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"]
        .iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (name, value)))
        .fold(cmd, |cmd, (name, value)| cmd.env(name, value))
        .run()
}

/// The containers, networks and volumes of one test, removed when this is dropped.
#[derive(Debug)]
pub struct Lab {
    id: String,
    next: AtomicU32,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab::new()
    }
}

impl Lab {
    /// An empty lab, under a name that no other process uses.
    pub fn new() -> Lab {
        Lab {
            id: format!("standpipe-{}-{:08x}", std::process::id(), fastrand::u32(..)),
            next: AtomicU32::new(0),
        }
    }

    fn label(&self) -> String {
        format!("--label={LABEL}={}", self.id)
    }

    fn name(&self) -> String {
        format!("{}-{}", self.id, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A network in which containers find each other by name.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn network(&self) -> String {
        let name = self.name();
        docker(["network", "create", &self.label(), &name]).ok();
        name
    }

    /// An empty volume.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn volume(&self) -> String {
        let name = self.name();
        docker(["volume", "create", &self.label(), &name]).ok();
        name
    }

    /// Runs a container to its end: options of `docker run`, the image, its arguments.
    ///
    /// # Panics
    /// If `docker` cannot be started.
    pub fn run<S: AsRef<str>>(&self, args: &[S]) -> Ran {
        let label = self.label();
        docker(["run", "--rm", &label].into_iter().chain(args.iter().map(AsRef::as_ref)))
    }

    /// Starts a container that goes on running, and returns its id.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start<S: AsRef<str>>(&self, args: &[S]) -> String {
        self.make(&["run", "-d"], args)
    }

    /// Creates a container without starting it, and returns its id.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn create<S: AsRef<str>>(&self, args: &[S]) -> String {
        self.make(&["create"], args)
    }

    fn make<S: AsRef<str>>(&self, how: &[&str], args: &[S]) -> String {
        let label = self.label();
        let args = how.iter().copied().chain([label.as_str()]).chain(args.iter().map(AsRef::as_ref));
        docker(args).ok().stdout.trim().to_owned()
    }

    /// Runs this command in the container again and again until it succeeds.
    ///
    /// # Panics
    /// If it has not succeeded after five minutes.
    pub fn wait_for(&self, container: &str, command: &[&str]) {
        let args: Vec<&str> = [&["exec", container], command].concat();
        crate::postgres::poll(&format!("{command:?} in {container}"), || docker(&args).code == 0);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let filter = format!("--filter=label={LABEL}={}", self.id);
        // Volumes and networks can be removed only once nothing uses them.
        for (list, remove) in [
            (["ps", "-aq"], &["rm", "-f", "-v"][..]),
            (["network", "ls"], &["network", "rm"]),
            (["volume", "ls"], &["volume", "rm", "-f"]),
        ] {
            let quiet = if list[0] == "ps" { None } else { Some("-q") };
            let found = docker(list.into_iter().chain(quiet).chain([filter.as_str()])).stdout;
            if !found.trim().is_empty() {
                docker(remove.iter().copied().chain(found.split_whitespace()));
            }
        }
    }
}
