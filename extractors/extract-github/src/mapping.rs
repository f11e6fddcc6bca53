//! Reply → records, as pure functions: no network, no clock.
//!
//! The replies are those of <https://docs.github.com/en/rest/billing/usage>, `/rest/actions/workflow-runs` and
//! `/rest/dependabot/alerts`, with what recorded ones have or lack beyond the documentation.

mod decimal;
mod record;

use std::borrow::Cow;
use std::collections::HashMap;

use etl_component::Fault;
use etl_http::json::{self, Mismatch, Number, Object, Shape};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

pub(crate) use record::{Alert, Run, Usage};

/// A page of runs.
pub(crate) struct Runs<'a> {
    /// How many there are on all pages.
    pub(crate) total_count: i64,
    pub(crate) runs: Vec<Run<'a>>,
}

/// The runs on a page of a repository's.
///
/// # Errors
/// 76 if the reply has another shape than documented; the message names the field.
pub(crate) fn runs<'a>(
    repository: &'a str,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Runs<'a>, Fault> {
    let read = || {
        let reply = json::object(reply)?;
        let total_count = reply.required("total_count", Object::integer)?;
        let runs = reply.list("workflow_runs")?;
        let runs = runs.iter().map(|run| self::run(repository, fetched_at, run)).collect::<Shape<_>>()?;
        Ok(Runs { total_count, runs })
    };
    read().map_err(|mismatch: Mismatch| mismatch.in_reply_to("actions/runs"))
}

fn run<'a>(repository: &'a str, fetched_at: Timestamp, run: &Object<'a>) -> Shape<Run<'a>> {
    Ok(Run {
        repository,
        id: run.required("id", Object::integer)?,
        // Older servers do not know of attempts.
        run_attempt: run.integer("run_attempt")?.unwrap_or(1),
        fetched_at,
        name: run.text("name")?,
        display_title: run.text("display_title")?,
        run_number: run.integer("run_number")?,
        event: run.text("event")?,
        status: run.text("status")?,
        conclusion: run.text("conclusion")?,
        workflow_id: run.integer("workflow_id")?,
        path: run.text("path")?,
        head_branch: run.text("head_branch")?,
        head_sha: run.text("head_sha")?,
        head_commit_message: run.object("head_commit")?.text("message")?,
        head_repository: run.object("head_repository")?.text("full_name")?,
        actor: run.object("actor")?.text("login")?,
        triggering_actor: run.object("triggering_actor")?.text("login")?,
        created_at: run.required("created_at", Object::date_time)?,
        run_started_at: run.date_time("run_started_at")?,
        updated_at: run.date_time("updated_at")?,
        check_suite_id: run.integer("check_suite_id")?,
        html_url: run.text("html_url")?,
        previous_attempt_url: run.text("previous_attempt_url")?,
        pull_requests: run.any("pull_requests")?,
        referenced_workflows: run.any("referenced_workflows")?,
    })
}

/// The alerts on a page of a repository's.
///
/// # Errors
/// As [`runs`].
pub(crate) fn alerts<'a>(
    repository: &'a str,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Vec<Alert<'a>>, Fault> {
    let alerts = json::list(reply).and_then(|alerts| {
        alerts.iter().map(|alert| self::alert(repository, fetched_at, alert)).collect::<Shape<Vec<_>>>()
    });
    alerts.map_err(|mismatch| mismatch.in_reply_to("dependabot/alerts"))
}

fn alert<'a>(repository: &'a str, fetched_at: Timestamp, alert: &Object<'a>) -> Shape<Alert<'a>> {
    let (dependency, advisory) = (alert.object("dependency")?, alert.object("security_advisory")?);
    let (package, cvss, epss) = (dependency.object("package")?, advisory.object("cvss")?, epss(&advisory)?);
    let vulnerability = alert.object("security_vulnerability")?;
    Ok(Alert {
        repository,
        number: alert.required("number", Object::integer)?,
        fetched_at,
        state: alert.required("state", Object::text)?,
        severity: vulnerability.required("severity", Object::text)?,
        ecosystem: package.text("ecosystem")?,
        package: package.text("name")?,
        manifest_path: dependency.text("manifest_path")?,
        scope: dependency.text("scope")?,
        relationship: dependency.text("relationship")?,
        vulnerable_version_range: vulnerability.text("vulnerable_version_range")?,
        first_patched_version: vulnerability.object("first_patched_version")?.text("identifier")?,
        ghsa_id: advisory.text("ghsa_id")?,
        cve_id: advisory.text("cve_id")?,
        summary: advisory.text("summary")?,
        description: advisory.text("description")?,
        advisory_severity: advisory.text("severity")?,
        classification: advisory.text("classification")?,
        cvss_score: cvss.number("score")?,
        cvss_vector_string: cvss.text("vector_string")?,
        cvss_severities: advisory.any("cvss_severities")?,
        epss_percentage: epss.number("percentage")?,
        epss_percentile: epss.number("percentile")?,
        cwes: advisory.any("cwes")?,
        identifiers: advisory.any("identifiers")?,
        advisory_references: advisory.any("references")?,
        vulnerabilities: advisory.any("vulnerabilities")?,
        advisory_published_at: advisory.date_time("published_at")?,
        advisory_updated_at: advisory.date_time("updated_at")?,
        advisory_withdrawn_at: advisory.date_time("withdrawn_at")?,
        html_url: alert.text("html_url")?,
        created_at: alert.required("created_at", Object::date_time)?,
        updated_at: alert.required("updated_at", Object::date_time)?,
        fixed_at: alert.date_time("fixed_at")?,
        auto_dismissed_at: alert.date_time("auto_dismissed_at")?,
        dismissed_at: alert.date_time("dismissed_at")?,
        dismissed_by: alert.object("dismissed_by")?.text("login")?,
        dismissed_reason: alert.text("dismissed_reason")?,
        dismissed_comment: alert.text("dismissed_comment")?,
        dismissal_request: alert.any("dismissal_request")?,
        assignees: alert.any("assignees")?,
    })
}

/// Examples of the documentation also show a list, of which nothing says whose values it has.
fn epss<'a>(advisory: &Object<'a>) -> Shape<Object<'a>> {
    if advisory.is_array("epss") { advisory.object("") } else { advisory.object("epss") }
}

/// What an account used. Items of one key, which would overwrite each other, are added up.
///
/// # Errors
/// As [`runs`]; the old numbers of Actions, which the address that GitHub closed in 2025 replied with, are not these.
pub(crate) fn usage<'a>(
    account: &'a str,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Vec<Usage<'a>>, Fault> {
    let read = || {
        let reply = json::object(reply)?;
        if reply.raw("total_minutes_used").is_some() {
            let old = "it has `total_minutes_used`, as the replies of …/settings/billing/actions, which GitHub has closed";
            return Err(Mismatch::new(old));
        }
        let items = reply.list_or_empty("usageItems")?;
        items.iter().map(|item| self::item(account, fetched_at, item)).collect::<Shape<Vec<_>>>()
    };
    let items = read().map_err(|mismatch| mismatch.in_reply_to("settings/billing/usage"))?;
    let (mut usage, mut places): (Vec<Usage<'a>>, HashMap<_, usize>) = (Vec::new(), HashMap::new());
    for item in items {
        let place = *places.entry(item.key()).or_insert(usage.len());
        match usage.get_mut(place) {
            Some(same) => same.add(item),
            None => usage.push(item),
        }
    }
    Ok(usage)
}

fn item<'a>(account: &'a str, fetched_at: Timestamp, item: &Object<'a>) -> Shape<Usage<'a>> {
    // GitHub spells these in more than one way, and they are part of the key.
    let lower_case = |key| Ok(item.required(key, Object::text)?.to_lowercase());
    Ok(Usage {
        account,
        date: item.required("date", day)?,
        product: lower_case("product")?,
        sku: item.required("sku", Object::text)?,
        unit_type: lower_case("unitType")?,
        organization_name: item.text("organizationName")?.unwrap_or_default(),
        repository_name: item.text("repositoryName")?.unwrap_or_default(),
        fetched_at,
        quantity: item.required("quantity", amount)?,
        price_per_unit: amount(item, "pricePerUnit")?,
        gross_amount: amount(item, "grossAmount")?,
        discount_amount: amount(item, "discountAmount")?,
        net_amount: amount(item, "netAmount")?,
    })
}

/// A day, which comes as such or as its midnight in UTC.
fn day(item: &Object<'_>, key: &str) -> Shape<Option<Date>> {
    match item.text(key)?.is_some_and(|text| text.contains('T')) {
        true => Ok(item.date_time(key)?.map(|at| TimeZone::UTC.to_datetime(at).date())),
        false => item.date(key),
    }
}

fn amount<'a>(item: &Object<'a>, key: &str) -> Shape<Option<Cow<'a, RawValue>>> {
    let Some(Number::Sent(digits)) = item.number(key)? else { return Ok(None) };
    Ok(Some(Cow::Borrowed(digits)))
}

#[cfg(test)]
mod tests;
