//! PostgreSQL and InfluxDB in one image made from Debian's packages, for machines that cannot reach an image registry.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use etl_testkit::{docker, need};

use crate::names;

/// The release of Debian that the packages come from.
const RELEASE: &str = "bookworm";

const PACKAGES: &str = "postgresql,influxdb,influxdb-client";

/// Run in the new root: puts the servers' programs into the PATH, and makes the folder for a volume where the public
/// image has it.
const FINISH: &str = "ln -s /usr/lib/postgresql/*/bin/initdb /usr/lib/postgresql/*/bin/postgres /usr/bin/ && \
                      install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data";

/// The name of the lasting image.
pub(crate) fn name() -> String {
    names::name("services", RELEASE)
}

/// Whether the lasting image exists.
pub(crate) fn exists() -> bool {
    docker::docker(["image", "inspect", "--format", "{{.Id}}", &name()]).code == 0
}

/// Makes such an image: `mmdebstrap … - | docker import - NAME`, about a minute.
pub(crate) fn build(name: &str) -> anyhow::Result<()> {
    need::programs(&[need::MMDEBSTRAP])?;
    eprintln!("making {name} from Debian's packages, which takes about a minute ...");
    let mut mmdebstrap = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", &format!("--include={PACKAGES}")])
        .arg(format!("--customize-hook=chroot \"$1\" sh -e -c '{FINISH}'"))
        .args([RELEASE, "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start mmdebstrap")?;
    let root = mmdebstrap.stdout.take().context("mmdebstrap has no stdout")?;
    let import = Command::new("docker")
        .args(["import", "-", name])
        .stdin(root)
        .stdout(Stdio::null())
        .status()
        .context("cannot run docker")?;
    let made = mmdebstrap.wait()?;
    if !made.success() && import.success() {
        // Docker accepts even half a root as an image.
        docker::docker(["rmi", "-f", name]);
    }
    ensure!(made.success(), "mmdebstrap failed: {made}");
    ensure!(import.success(), "docker import failed: {import}");
    Ok(())
}
