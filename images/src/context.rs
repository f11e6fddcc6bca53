//! The folder that `docker build` sends to the engine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use xtask::cargo;

/// Where programs look for authorities to trust. The components have the same ones built in; the file is for programs
/// that are added to the image, and for `sslrootcert`.
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";

/// First the hosts file, which the engine or the kubelet writes, then DNS; without this, glibc asks DNS first.
const NAMES: (&str, &str) = ("etc/nsswitch.conf", "hosts: files dns\n");

/// One image's root, under the target folder.
pub(crate) struct BuildContext {
    folder: PathBuf,
}

impl BuildContext {
    /// A new root with what every image has.
    pub(crate) fn new(image: &str) -> anyhow::Result<BuildContext> {
        let folder = cargo::target()?.join("images/contexts").join(image);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        let context = BuildContext { folder };
        context.write(ROOTS, roots().as_bytes())?;
        context.write(NAMES.0, NAMES.1.as_bytes())?;
        // Owned by the user, so that a new volume mounted there is owned by the user, too.
        fs::create_dir_all(context.folder.join("owned/data"))?;
        let temporary = context.path("tmp");
        fs::create_dir_all(&temporary)?;
        set_mode(&temporary, 0o1777)?;
        Ok(context)
    }

    /// Adds a binary as `/bin/NAME`.
    pub(crate) fn binary(&mut self, binaries: &Path, name: &str) -> anyhow::Result<()> {
        let from = binaries.join(name);
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let to = self.write(&format!("bin/{name}"), &bytes)?;
        set_mode(&to, 0o755)
    }

    /// Makes `/entrypoint` a link to this binary.
    pub(crate) fn entrypoint(&mut self, name: &str) -> anyhow::Result<()> {
        Ok(symlink(format!("bin/{name}"), self.path("entrypoint"))?)
    }

    /// Adds the files of a folder of the workspace as `/NAME`.
    pub(crate) fn folder(&mut self, from: &str, name: &str) -> anyhow::Result<()> {
        let from = cargo::root().join(from);
        for entry in from.read_dir().with_context(|| format!("cannot read {}", from.display()))? {
            let entry = entry?;
            let file = Path::new(name).join(entry.file_name());
            self.write(file.to_str().context("a file's name is not UTF-8")?, &fs::read(entry.path())?)?;
        }
        Ok(())
    }

    /// The folder to build from.
    pub(crate) fn folder_of_all(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join("rootfs").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        set_mode(&path, 0o644)?;
        Ok(path)
    }
}

/// Sets the mode, whatever umask the build has.
fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

/// Mozilla's roots as PEM (RFC 7468).
fn roots() -> String {
    let mut pem = String::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem += "-----BEGIN CERTIFICATE-----\n";
        for line in BASE64_STANDARD.encode(root).as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem += "-----END CERTIFICATE-----\n";
    }
    pem
}
