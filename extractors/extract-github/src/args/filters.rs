//! Which runs and which alerts: GitHub's own parameters.

use clap::Args;
use etl_component::Fault;

use super::Query;

/// Which runs; values are GitHub's, which adds to them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RunFilters {
    /// Only this workflow: its file's name, such as ci.yml, or its id
    #[arg(long, value_name = "FILE|ID")]
    workflow: Option<String>,
    /// Only runs of this branch
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Only runs of this event, such as push or schedule
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Only runs of this status or conclusion, such as in_progress or failure
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only runs that this user caused
    #[arg(long, value_name = "LOGIN")]
    actor: Option<String>,
    /// Only runs of this commit
    #[arg(long, value_name = "SHA")]
    head_sha: Option<String>,
    /// Only runs of this check suite
    #[arg(long, value_name = "ID")]
    check_suite_id: Option<u64>,
}

impl RunFilters {
    /// The workflow, which is part of the path, and the parameters.
    pub(super) fn checked(self) -> Result<(Option<String>, Query), Fault> {
        if let Some(name) = self.workflow.as_ref().filter(|name| name.is_empty() || name.contains('/')) {
            let why = "is neither an id nor the name of a file in .github/workflows";
            return Err(Fault::usage(format!("--workflow {name:?} {why}")));
        }
        let query = given([
            ("branch", self.branch),
            ("event", self.event),
            ("status", self.status),
            ("actor", self.actor),
            ("head_sha", self.head_sha),
            ("check_suite_id", self.check_suite_id.map(|id| id.to_string())),
        ]);
        Ok((self.workflow, query))
    }
}

/// Which alerts; several values of a flag are separated by commas.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct AlertFilters {
    /// Only alerts in these states
    #[arg(
        long = "state",
        id = "states",
        value_name = "STATE",
        value_delimiter = ',',
        value_parser = ["open", "fixed", "dismissed", "auto_dismissed"]
    )]
    states: Vec<String>,
    /// Only these severities
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',', value_parser = ["low", "medium", "high", "critical"])]
    severity: Vec<String>,
    /// Only packages of these ecosystems, such as npm or pip
    #[arg(long, value_name = "ECOSYSTEM", value_delimiter = ',')]
    ecosystem: Vec<String>,
    /// Only these packages
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    package: Vec<String>,
    /// Only these manifests, such as web/package-lock.json
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    manifest: Vec<String>,
    /// Only dependencies of this scope
    #[arg(long, value_name = "SCOPE", value_parser = ["development", "runtime"])]
    scope: Option<String>,
    /// Only dependencies of this kind, such as direct or transitive
    #[arg(long, value_name = "KIND")]
    relationship: Option<String>,
    /// Only advisories of this kind, such as malware
    #[arg(long, value_name = "KIND")]
    classification: Option<String>,
    /// Only these probabilities of an exploit, such as '>=0.1'
    #[arg(long, value_name = "RANGE")]
    epss_percentage: Option<String>,
    /// Only alerts that have this, such as patch
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    has: Vec<String>,
    /// Only alerts of these assignees
    #[arg(long, value_name = "LOGIN", value_delimiter = ',')]
    assignee: Vec<String>,
}

impl AlertFilters {
    /// The parameters.
    pub(super) fn query(self) -> Query {
        let list = |values: Vec<String>| (!values.is_empty()).then(|| values.join(","));
        given([
            ("state", list(self.states)),
            ("severity", list(self.severity)),
            ("ecosystem", list(self.ecosystem)),
            ("package", list(self.package)),
            ("manifest", list(self.manifest)),
            ("scope", self.scope),
            ("relationship", self.relationship),
            ("classification", self.classification),
            ("epss_percentage", self.epss_percentage),
            ("has", list(self.has)),
            ("assignee", list(self.assignee)),
        ])
    }
}

fn given<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Query {
    pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
