//! A service and a timer for each item.

use super::{Job, Rendered};

pub(super) fn render(_job: &mut Job<'_>) -> Vec<Rendered> {
    Vec::new()
}
