//! Images that a test makes and removes.

use anyhow::bail;
use etl_testkit::docker;

use crate::signals::Interrupted;
use crate::{images, names, services};

/// All images under a tag of this process, and the image with the servers under the same tag unless a lasting one exists.
/// Dropping it removes only what has this tag: others may be testing at the same time.
pub(crate) struct TestImages {
    tag: String,
    services: String,
    interrupted: Interrupted,
}

impl TestImages {
    /// Builds what compose and the tests of the images need.
    pub(crate) fn build() -> anyhow::Result<TestImages> {
        let tag = format!("test-{}", std::process::id());
        let (own, lasting) = (names::name("services", &tag), services::exists());
        let services = if lasting { services::name() } else { own };
        let made = TestImages { tag, services, interrupted: Interrupted::watch()? };
        // One waits for packages and the disk, the other keeps the processors busy.
        std::thread::scope(|scope| {
            let services = scope.spawn(|| if lasting { Ok(()) } else { services::build(&made.services) });
            images::with_stand_in(&made.tag)?;
            services.join().unwrap_or_else(|_| bail!("making the image with the servers panicked"))
        })?;
        made.interrupted.check()?;
        Ok(made)
    }

    /// Whether a signal has come since the build began.
    pub(crate) fn interrupted(&self) -> Interrupted {
        self.interrupted.clone()
    }

    /// The tag.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// The name of the image with the servers.
    pub(crate) fn services(&self) -> &str {
        &self.services
    }
}

impl Drop for TestImages {
    fn drop(&mut self) {
        let images = docker::docker(["images", "--format", "{{.Repository}}:{{.Tag}}"]).stdout;
        let ending = format!(":{}", self.tag);
        for image in images.lines().filter(|name| name.starts_with("standpipe/") && name.ends_with(&ending)) {
            docker::docker(["rmi", "-f", image]);
        }
    }
}
