//! `compose/compose.yaml`: both pipelines with images, twice, leaving nothing behind.

use std::process::Command;

use anyhow::{Context, bail, ensure};
use etl_testkit::{docker, need};
use xtask::cargo;

use crate::images;
use crate::signals::Interrupted;
use crate::test_images::TestImages;

/// A compose project, removed with everything in it when dropped.
struct Project {
    program: Vec<&'static str>,
    name: String,
    /// The tag of our images.
    tag: String,
    /// The name of the image with the servers.
    services: String,
    interrupted: Interrupted,
}

/// Builds what is missing, runs both files twice on the same volumes, and removes everything that it made.
pub(crate) fn run() -> anyhow::Result<()> {
    images::engine()?;
    twice(&TestImages::build()?)
}

/// The same with images that already exist.
pub(crate) fn twice(made: &TestImages) -> anyhow::Result<()> {
    let project = Project::new(made)?;
    for run in ["1", "2"] {
        eprintln!("compose run {run} of 2 with {} ...", project.program.join(" "));
        project.run(run)?;
    }
    let first = project.program.join(" ");
    drop(project);
    println!("\nThe compose run passed twice on the same volumes ({first}).");
    Ok(())
}

/// `docker compose`, otherwise `docker-compose`.
fn program() -> anyhow::Result<Vec<&'static str>> {
    let works = |words: &[&str]| {
        let output = Command::new(words[0]).args(&words[1..]).arg("version").output();
        output.is_ok_and(|output| output.status.success())
    };
    for words in [&["docker", "compose"][..], &["docker-compose"]] {
        if works(words) {
            return Ok(words.to_vec());
        }
    }
    need::programs(&[need::COMPOSE])?;
    Ok(vec!["docker-compose"])
}

impl Project {
    fn new(made: &TestImages) -> anyhow::Result<Project> {
        // Others may be running the same files.
        let name = format!("standpipe-compose-{}", std::process::id());
        Ok(Project {
            program: program()?,
            name,
            tag: made.tag().to_owned(),
            services: made.services().to_owned(),
            interrupted: made.interrupted(),
        })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program[0]);
        command.args(&self.program[1..]).args(["-p", &self.name]);
        for file in ["compose.yaml", "compose.local.yaml"] {
            command.arg("-f").arg(cargo::root().join("compose").join(file));
        }
        command.args(args).env("STANDPIPE_TAG", &self.tag).env("STANDPIPE_SERVICES", &self.services);
        command
    }

    /// Runs all steps once, on the volumes as they are.
    fn run(&self, run: &str) -> anyhow::Result<()> {
        // It returns once every condition for `compare` is met, or cannot be met.
        let up = self.command(&["up", "-d"]).env("RUN", run).output().context("cannot run compose")?;
        self.interrupted.check()?;
        if !up.status.success() {
            bail!("compose up failed\n{}\n{}", String::from_utf8_lossy(&up.stderr), self.logs()?);
        }
        let filters = [("project", self.name.as_str()), ("service", "compare")]
            .map(|(label, value)| format!("--filter=label=com.docker.compose.{label}={value}"));
        let id = docker::docker(["ps", "-aq", &filters[0], &filters[1]]).stdout.trim().to_owned();
        ensure!(!id.is_empty(), "compose has no container for the service compare\n{}", self.logs()?);
        let code = docker::docker(["wait", &id]).stdout.trim().to_owned();
        println!("{}", docker::docker(["logs", &id]).stdout);
        ensure!(code == "0", "compare exited {code}\n{}", self.logs()?);
        self.down(&["--timeout", "10"])
    }

    /// What every step has logged.
    fn logs(&self) -> anyhow::Result<String> {
        let output =
            self.command(&["logs", "--no-color", "--tail=40"]).output().context("cannot run compose")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Removes the containers and the network, and with `--volumes` the volumes, too.
    fn down(&self, args: &[&str]) -> anyhow::Result<()> {
        let output = self.command(&[&["down"], args].concat()).output().context("cannot run compose")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "compose down failed: {}", said.trim());
        Ok(())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if let Err(error) = self.down(&["--volumes", "--remove-orphans", "--timeout", "0"]) {
            let label = format!("com.docker.compose.project={}", self.name);
            eprintln!("warning: {error:#}; docker still has what is labelled {label}");
        }
    }
}
