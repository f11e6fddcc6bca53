//! Argo Workflows: a WorkflowTemplate and a CronWorkflow.

use super::{Job, Rendered};

pub(super) fn render(_job: &mut Job<'_>) -> Vec<Rendered> {
    Vec::new()
}
