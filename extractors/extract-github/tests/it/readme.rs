//! The examples of the README, run as written.

use etl_testkit::examples;
use etl_testkit::extract::KEY;
use etl_testkit::http::{Received, Reply, Server};
use serde_json::json;

use crate::extractor::{file, parsed, reply};

/// A GitHub that has what was recorded, and a Slack that takes everything.
fn answer(request: &Received) -> Reply {
    let path = request.target.split('?').next().unwrap();
    match path {
        "/repos/octocat/spoon/actions/runs" => {
            let mut runs = parsed("workflow_runs/runs_branch_two.json");
            let other = parsed("workflow_runs/runs_per_page_1.json")["workflow_runs"][0].clone();
            runs["workflow_runs"].as_array_mut().unwrap().push(other);
            runs["total_count"] = 3.into();
            Reply::json(200, &runs.to_string())
        }
        "/repos/octocat/spoon/dependabot/alerts" => {
            let open = parsed("dependabot_alerts/list_one_open.json")[0].clone();
            let mut high = open.clone();
            high["number"] = 21.into();
            high["security_vulnerability"]["severity"] = "high".into();
            let fixed = parsed("dependabot_alerts/list_one_fixed.json")[0].clone();
            let is_open = request.target.contains("state=open");
            let alerts = if is_open { json!([high, open]) } else { json!([high, open, fixed]) };
            Reply::json(200, &alerts.to_string())
        }
        "/users/octocat/settings/billing/usage" => Reply::json(200, &reply("usage/usage_org_actions.json")),
        "/services/T0/B0/x" => Reply::text(200, "ok"),
        _ => Reply::json(404, r#"{"message":"Not Found"}"#),
    }
}

#[test]
fn the_examples_of_the_readme_run_as_written() {
    let server = Server::answering("127.0.0.1:0", answer);
    let webhook = format!("{}/services/T0/B0/x", server.url());
    let env = [("GITHUB_TOKEN", KEY), ("GITHUB_BASE_URL", &server.url()), ("SLACK_WEBHOOK_URL", &webhook)];
    let binaries = ["extract-github", "load-sqlite", "load-postgres", "load-influx", "notify-slack"];
    assert_eq!(examples::run(file("README.md"), &binaries, &env), 13);
    let posted: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|request| request.method == "POST")
        .map(|request| String::from_utf8(request.body).unwrap())
        .collect();
    assert_eq!(posted.len(), 1);
    assert!(posted[0].contains("high: semver: semver vulnerable to Regular Expression"), "{}", posted[0]);
}
