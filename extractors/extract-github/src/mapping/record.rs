//! The records, with the fields of the schemas `github.*` in their order; each is always there, null where the reply has
//! nothing.

use std::borrow::Cow;

use etl_http::json::Number;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::value::RawValue;

use super::decimal;

#[derive(Debug, Serialize)]
pub(crate) struct Run<'a> {
    pub(super) repository: &'a str,
    pub(crate) id: i64,
    pub(crate) run_attempt: i64,
    pub(super) fetched_at: Timestamp,
    pub(super) name: Option<String>,
    pub(super) display_title: Option<String>,
    pub(super) run_number: Option<i64>,
    pub(super) event: Option<String>,
    pub(super) status: Option<String>,
    pub(super) conclusion: Option<String>,
    pub(super) workflow_id: Option<i64>,
    pub(super) path: Option<String>,
    pub(super) head_branch: Option<String>,
    pub(super) head_sha: Option<String>,
    pub(super) head_commit_message: Option<String>,
    pub(super) head_repository: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) triggering_actor: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(super) run_started_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) check_suite_id: Option<i64>,
    pub(super) html_url: Option<String>,
    pub(super) previous_attempt_url: Option<String>,
    pub(super) pull_requests: Option<Box<RawValue>>,
    pub(super) referenced_workflows: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Alert<'a> {
    pub(super) repository: &'a str,
    pub(crate) number: i64,
    pub(super) fetched_at: Timestamp,
    pub(super) state: String,
    pub(super) severity: String,
    pub(super) ecosystem: Option<String>,
    pub(super) package: Option<String>,
    pub(super) manifest_path: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) relationship: Option<String>,
    pub(super) vulnerable_version_range: Option<String>,
    pub(super) first_patched_version: Option<String>,
    pub(super) ghsa_id: Option<String>,
    pub(super) cve_id: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) description: Option<String>,
    pub(super) advisory_severity: Option<String>,
    pub(super) classification: Option<String>,
    pub(super) cvss_score: Option<Number<'a>>,
    pub(super) cvss_vector_string: Option<String>,
    pub(super) cvss_severities: Option<Box<RawValue>>,
    pub(super) epss_percentage: Option<Number<'a>>,
    pub(super) epss_percentile: Option<Number<'a>>,
    pub(super) cwes: Option<Box<RawValue>>,
    pub(super) identifiers: Option<Box<RawValue>>,
    pub(super) advisory_references: Option<Box<RawValue>>,
    pub(super) vulnerabilities: Option<Box<RawValue>>,
    pub(super) advisory_published_at: Option<Timestamp>,
    pub(super) advisory_updated_at: Option<Timestamp>,
    pub(super) advisory_withdrawn_at: Option<Timestamp>,
    pub(super) html_url: Option<String>,
    pub(super) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(super) fixed_at: Option<Timestamp>,
    pub(super) auto_dismissed_at: Option<Timestamp>,
    pub(super) dismissed_at: Option<Timestamp>,
    pub(super) dismissed_by: Option<String>,
    pub(super) dismissed_reason: Option<String>,
    pub(super) dismissed_comment: Option<String>,
    pub(super) dismissal_request: Option<Box<RawValue>>,
    pub(super) assignees: Option<Box<RawValue>>,
}

/// An amount with the digits that were sent, or added up from them.
pub(super) type Amount<'a> = Option<Cow<'a, RawValue>>;

#[derive(Debug, Serialize)]
pub(crate) struct Usage<'a> {
    pub(super) account: &'a str,
    pub(super) date: Date,
    pub(super) product: String,
    pub(super) sku: String,
    pub(super) unit_type: String,
    pub(super) organization_name: String,
    pub(super) repository_name: String,
    pub(super) fetched_at: Timestamp,
    pub(super) quantity: Cow<'a, RawValue>,
    pub(super) price_per_unit: Amount<'a>,
    pub(super) gross_amount: Amount<'a>,
    pub(super) discount_amount: Amount<'a>,
    pub(super) net_amount: Amount<'a>,
}

impl<'a> Usage<'a> {
    /// What the schema's key has of it, besides the account.
    pub(super) fn key(&self) -> (Date, [String; 5]) {
        let texts =
            [&self.product, &self.sku, &self.unit_type, &self.organization_name, &self.repository_name];
        (self.date, texts.map(Clone::clone))
    }

    /// Adds another item of the same key.
    pub(super) fn add(&mut self, other: Usage<'a>) {
        let sum = |to: &mut Amount<'a>, other: Amount<'a>| match (to.take(), other) {
            (Some(a), Some(b)) => *to = Some(Cow::Owned(decimal::sum(&a, &b))),
            (a, b) => *to = a.or(b),
        };
        self.quantity = Cow::Owned(decimal::sum(&self.quantity, &other.quantity));
        sum(&mut self.gross_amount, other.gross_amount);
        sum(&mut self.discount_amount, other.discount_amount);
        sum(&mut self.net_amount, other.net_amount);
        let digits = |price: &Amount<'_>| price.as_ref().map(|price| price.get().to_owned());
        if digits(&self.price_per_unit) != digits(&other.price_per_unit) {
            self.price_per_unit = None;
        }
    }
}
