//! A DAG file for Airflow 3.

use super::{Job, Rendered};

pub(super) fn render(_job: &mut Job<'_>) -> Vec<Rendered> {
    Vec::new()
}
