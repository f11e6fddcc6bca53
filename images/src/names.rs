//! What images are called.

/// The image with all components, in which `/entrypoint` is `standpipe`.
pub(crate) const ALL: &str = "all";

/// The image with the servers that stand in for the outside world, for the compose run and tests only.
pub(crate) const STAND_IN: &str = "stand-in";

/// The tag of released images.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of an image.
pub(crate) fn name(image: &str, tag: &str) -> String {
    format!("standpipe/{image}:{tag}")
}
