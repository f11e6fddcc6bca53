//! `docker build` of a prepared folder.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use etl_testkit::docker;
use flate2::Compression;
use flate2::write::GzEncoder;

use xtask::cargo;
use xtask::components::Component;

use crate::context::BuildContext;
use crate::names::{VERSION, name};

/// Builds an image; returns its size.
pub(crate) fn run(context: &BuildContext, component: &Component, tag: &str) -> anyhow::Result<Size> {
    let name = name(&component.name, tag);
    let replaced = docker::docker(["images", "--quiet", "--no-trunc", &name]).stdout;
    let mut build = Command::new("docker");
    build.args(["build", "--quiet", "--force-rm", "--tag", &name, "--file"]);
    build.arg(cargo::root().join("images/Dockerfile"));
    for (key, value) in labels(component) {
        build.arg("--label").arg(format!("org.opencontainers.image.{key}={value}"));
    }
    // The builder of an old engine would warn on stderr that it is old.
    let output =
        build.arg(context.folder_of_all()).stdin(Stdio::null()).output().context("cannot run docker")?;
    if !output.status.success() {
        bail!("docker build of {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let replaced = replaced.trim();
    if !replaced.is_empty()
        && docker::docker(["images", "--quiet", "--no-trunc", &name]).stdout.trim() != replaced
    {
        // The older image no longer has a name. It stays if a container still uses it.
        docker::docker(["rmi", replaced]);
    }
    Size::of(&name)
}

/// An image's bytes.
pub(crate) struct Size {
    /// Those of its layers and its configuration, as a registry keeps and sends them.
    pub(crate) compressed: u64,
    /// Those that the engine counts.
    pub(crate) unpacked: u64,
}

impl Size {
    fn of(image: &str) -> anyhow::Result<Size> {
        let inspected = docker::docker(["image", "inspect", "--format", "{{.Size}}", image]);
        let unpacked = inspected.stdout.trim().parse();
        let unpacked = unpacked.with_context(|| format!("the size of {image}: {}", inspected.stderr))?;
        let mut save = Command::new("docker").args(["save", image]).stdout(Stdio::piped()).spawn()?;
        let mut counter = GzEncoder::new(Counter(0), Compression::default());
        std::io::copy(save.stdout.as_mut().context("docker has no stdout")?, &mut counter)?;
        ensure!(save.wait()?.success(), "docker save of {image} failed");
        Ok(Size { compressed: counter.finish()?.0, unpacked })
    }
}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
fn labels(component: &Component) -> Vec<(&'static str, String)> {
    let revision = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(cargo::root()).output();
    let revision = revision.ok().filter(|output| output.status.success());
    let mut labels = vec![
        ("title", component.name.clone()),
        ("description", component.description.clone()),
        ("version", VERSION.to_owned()),
        ("licenses", env!("CARGO_PKG_LICENSE").to_owned()),
        ("source", env!("CARGO_PKG_REPOSITORY").to_owned()),
    ];
    // A source that is not a git clone has no revision.
    labels.extend(
        revision.map(|output| ("revision", String::from_utf8_lossy(&output.stdout).trim().to_owned())),
    );
    labels
}
