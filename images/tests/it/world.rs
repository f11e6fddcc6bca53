//! What rendered workflows talk to: the services that extractors ask, with their recorded replies, Slack, and two databases.
//! All of it listens on this machine's loopback, where the pods are, too.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use etl_testkit::docker::Lab;
use etl_testkit::http::{Received, Reply, Server};
use etl_testkit::influx::Victoria;
use etl_testkit::postgres::{Server as Postgres, Space};
use serde_json::Value;

use crate::manifest::{Objects, containers, list, root, text};
use crate::workflow::Argo;

/// Recorded replies, by a part of the path: of which extractor, and of what.
const REPLIES: [(&str, &str, &str); 11] = [
    ("/weather", "openweather", "current/paris_drizzle_no_cod_no_base.json"),
    ("/forecast", "openweather", "forecast/london_2013_one_step.json"),
    ("/air_pollution", "openweather", "air_pollution/seattle_2023.json"),
    ("/quote", "finnhub", "aapl_docs_2020.json"),
    ("/tasks", "asana", "tasks/last_page_opt_fields.json"),
    ("/feed", "rss", "rpilocator_one_item.xml"),
    ("/query", "alphavantage", "monthly_10year_two_rows.json"),
    ("/actions/runs", "github", "workflow_runs/runs_branch_two.json"),
    ("/billing/usage", "github", "usage/usage_org_actions.json"),
    ("/dependabot/alerts", "github", "dependabot_alerts/list_one_open.json"),
    // Of any year.
    ("/daily-treasury-rates.csv/", "treasury", "2026/n_a_and_blank.csv"),
];
/// Where extractors find their services.
const BASE_URLS: [&str; 6] = [
    "OPENWEATHER_BASE_URL",
    "FINNHUB_BASE_URL",
    "ASANA_BASE_URL",
    "ALPHAVANTAGE_BASE_URL",
    "GITHUB_BASE_URL",
    "TREASURY_BASE_URL",
];

fn reply(target: &str) -> Option<Reply> {
    let (_, extractor, file) = REPLIES.iter().find(|(part, ..)| target.contains(part))?;
    let path = root().join(format!("extractors/extract-{extractor}/tests/replies/{file}"));
    let body = fs::read_to_string(path).expect("a recorded reply");
    let kind = match file.rsplit_once('.') {
        Some((_, "csv")) => "text/csv",
        Some((_, "xml")) => "application/rss+xml",
        _ => "application/json",
    };
    // What is recorded of Alpha Vantage is of months; its replies for days have the same form.
    let body = body.replace("\"interval\": \"monthly\"", "\"interval\": \"daily\"");
    Some(Reply::status(200).header("Content-Type", kind).body(body))
}

/// All of it.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) services: Server,
    pub(crate) postgres: Space,
    pub(crate) victoria: Victoria,
}

impl World {
    /// `busy`: how often the services answer that they are busy, before they answer.
    pub(crate) fn new(busy: u32) -> World {
        let asked = AtomicU32::new(0);
        let answer = move |request: &Received| {
            if request.method == "POST" {
                return Reply::text(200, "ok");
            }
            if asked.fetch_add(1, Ordering::Relaxed) < busy {
                return Reply::status(503);
            }
            if request.target.contains("appid=refused") {
                return Reply::json(401, r#"{"cod":401,"message":"Invalid API key."}"#);
            }
            reply(&request.target).unwrap_or_else(|| Reply::status(404))
        };
        World {
            lab: Lab::new(),
            services: Server::answering("127.0.0.1:0", answer),
            postgres: Postgres::shared().database(),
            victoria: Victoria::start(),
        }
    }

    /// Argo in a cluster that has the objects that a manifest refers to, with values that fit the variables.
    pub(crate) fn argo(&self, documents: &[Value], key: &str) -> Argo<'_> {
        let services = self.services.url();
        let own: BTreeMap<String, String> = self.postgres.env().into_iter().collect();
        let slack = format!("{services}/services/T0/B0/x");
        let mut objects = Objects::default();
        for variable in containers(&documents[0]).into_iter().flat_map(|one| list(&one["container"]["env"])) {
            let name = text(&variable["name"]);
            let value = match name {
                "DB_HOST" => &own["PGHOST"],
                "POSTGRES_PORT" => &own["PGPORT"],
                "DASHBOARD_DB" => &own["PGDATABASE"],
                "POSTGRES_USER" => &own["PGUSER"],
                "POSTGRES_PASSWORD" => &own["PGPASSWORD"],
                "INFLUX_URL" => &self.victoria.url(),
                "ALERT_WEBHOOK" | "SLACK_WEBHOOK_URL" => &slack,
                _ => key,
            };
            let from = &variable["valueFrom"];
            for (kind, map) in
                [("configMapKeyRef", &mut objects.config_maps), ("secretKeyRef", &mut objects.secrets)]
            {
                if let Some(reference) = from[kind].as_object() {
                    map.insert(
                        format!("{}/{}", text(&reference["name"]), text(&reference["key"])),
                        value.into(),
                    );
                }
            }
        }
        let mut outside: Vec<(&str, String)> =
            BASE_URLS.iter().map(|name| (*name, services.clone())).collect();
        outside.push(("RPI_BASE_URL", format!("{services}/feed/")));
        Argo { lab: &self.lab, network: "host".to_owned(), objects, outside, spoil: None }
    }

    /// The texts that were posted.
    pub(crate) fn posted(&self) -> Vec<String> {
        let requests = self.services.requests();
        let posts = requests
            .iter()
            .filter(|request| request.method == "POST" && request.target.starts_with("/services"));
        posts.map(|post| String::from_utf8_lossy(&post.body).into_owned()).collect()
    }
}
