//! A CronJob of Kubernetes for each item, or a Job without a schedule.

use super::{Job, Rendered};

pub(super) fn render(_job: &mut Job<'_>) -> Vec<Rendered> {
    Vec::new()
}
