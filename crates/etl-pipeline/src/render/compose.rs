//! A compose file: steps joined by a volume.

use super::{Job, Rendered};

pub(super) fn render(_job: &mut Job<'_>) -> Vec<Rendered> {
    Vec::new()
}
