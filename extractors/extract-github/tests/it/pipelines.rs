//! The pipelines that this extractor is for, from recorded replies into real databases, twice.

use std::env;

use etl_testkit::extract::KEY;
use etl_testkit::http::{Received, Reply, Script, Server};
use etl_testkit::influx::Influx;
use etl_testkit::load::printed;
use etl_testkit::postgres;
use etl_testkit::run::{Cmd, Ran, workspace_binary};
use serde_json::{Value, json};

use crate::extractor::{parsed, reply};
use crate::paging::page;

/// Runs a pipeline in a shell, as it is typed.
fn shell(line: &str, variables: &[(String, String)]) -> Ran {
    let binaries = ["extract-github", "load-influx", "load-postgres", "notify-slack"];
    let folder = binaries.map(workspace_binary)[0].parent().unwrap().display().to_string();
    let path = format!("{folder}:{}", env::var("PATH").unwrap_or_default());
    let cmd = Cmd::new("bash").args(["-c", &format!("set -o pipefail; {line}")]).env("PATH", path);
    variables.iter().fold(cmd.env("GITHUB_TOKEN", KEY), |cmd, (name, value)| cmd.env(name, value)).run()
}

fn variable(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// The recorded alerts: the fixed one, and the open one under other numbers, names and severities.
fn alert(number: u64, severity: &str, package: &str) -> Value {
    let mut alert = parsed("dependabot_alerts/list_one_open.json")[0].clone();
    alert["number"] = number.into();
    alert["security_vulnerability"]["severity"] = severity.into();
    alert["dependency"]["package"]["name"] = package.into();
    alert
}

#[test]
fn each_new_alert_that_matters_is_told_once() {
    let database = postgres::Server::shared().database();
    let first = json!([alert(20, "medium", "semver"), alert(21, "high", "ansible")]).to_string();
    let next = "/repositories/1/dependabot/alerts?state=open&per_page=100&after=Y3Vyc29y";
    let script = Script::new().at("/repos/octocat/spoon/dependabot/alerts", page(&first, next));
    // One more in the third run, on the second page.
    let second = json!([alert(19, "critical", "lodash")]).to_string();
    let third = json!([alert(19, "critical", "lodash"), alert(18, "high", "minimist")]).to_string();
    let script = [&second, &second, &third]
        .into_iter()
        .fold(script, |script, body| script.at("/repositories/1/dependabot/alerts", Reply::json(200, body)));
    let (github, slack) = (Server::start(script), Server::start(Reply::text(200, "ok")));
    let mut variables = database.env();
    variables.push(variable("GITHUB_BASE_URL", github.url()));
    variables.push(variable("SLACK_WEBHOOK_URL", format!("{}/services/T0/B0/x", slack.url())));
    let line = "extract-github dependabot-alerts --repo octocat/spoon --state open | \
                load-postgres --create --mode ignore --emit new | \
                notify-slack --when 'severity in [\"high\",\"critical\"]'";
    // What the messages say of severity and package.
    let told = || -> Vec<String> {
        let body = |request: Received| String::from_utf8(request.body).unwrap();
        let text = |payload: String| printed(&payload)[0]["text"].as_str().unwrap().to_owned();
        let texts = slack.requests().into_iter().map(body).map(text);
        let fields = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        fields.filter(|line| line.starts_with("*severity*") || line.starts_with("*package*")).collect()
    };

    shell(line, &variables).ok();
    let mut expected =
        vec!["*severity*: high", "*package*: ansible", "*severity*: critical", "*package*: lodash"];
    assert_eq!(told(), expected);
    let rows = "SELECT repository, number, state, severity, package, manifest_path, ghsa_id, cvss_score, created_at AT TIME ZONE 'UTC', fixed_at \
                FROM github_dependabot_alerts ORDER BY number";
    let row = |number: u64, severity: &str, package: &str| {
        format!(
            "octocat/spoon|{number}|open|{severity}|{package}|package-lock.json|GHSA-c2qf-rxjj-qqgw|5.3|2023-06-24 13:57:12|NULL"
        )
    };
    let three = [row(19, "critical", "lodash"), row(20, "medium", "semver"), row(21, "high", "ansible")];
    assert_eq!(database.rows(rows), three);

    // Again: nothing is doubled, and nothing is told.
    shell(line, &variables).ok();
    assert_eq!(database.rows(rows), three);
    assert_eq!(told(), expected);

    // Only what is new.
    shell(line, &variables).ok();
    assert_eq!(database.rows(rows)[0], row(18, "high", "minimist"));
    expected.extend(["*severity*: high", "*package*: minimist"]);
    assert_eq!(told(), expected);
    assert_eq!(database.count("SELECT count(*) FROM github_dependabot_alerts WHERE state = 'open'"), 4);
    let asked = github.requests().into_iter().map(|request| request.target).collect::<Vec<_>>();
    assert_eq!(asked.len(), 6);
    assert_eq!(asked[..2], ["/repos/octocat/spoon/dependabot/alerts?state=open&per_page=100", next]);
}

#[test]
fn a_refused_token_reaches_slack_and_leaves_the_table_as_it_was() {
    let database = postgres::Server::shared().database();
    let body = json!([alert(20, "medium", "semver")]).to_string();
    let script = Script::new()
        .then(Reply::json(200, &body))
        .then(Reply::json(401, r#"{"message":"Bad credentials","status":"401"}"#));
    let (github, slack) = (Server::start(script), Server::start(Reply::text(200, "ok")));
    let mut variables = database.env();
    variables.push(variable("GITHUB_BASE_URL", github.url()));
    variables.push(variable("SLACK_WEBHOOK_URL", format!("{}/services/T0/B0/x", slack.url())));
    let line = "extract-github dependabot-alerts --repo o/r | load-postgres --create --mode replace | notify-slack --on failure";
    shell(line, &variables).ok();
    let ran = shell(line, &variables);
    assert_eq!(ran.code, 77, "{}", ran.stderr);
    assert_eq!(database.count("SELECT count(*) FROM github_dependabot_alerts"), 1);
    assert_eq!(slack.requests().len(), 1);
    let told = String::from_utf8(slack.requests().remove(0).body).unwrap();
    assert!(told.contains("401: Bad credentials (the token is wrong, expired or revoked)"), "{told}");
}

#[test]
fn usage_goes_into_influxdb_once() {
    let database = Influx::shared().database();
    let used = |date: &str, product: &str, sku: &str, unit: &str, quantity: f64, amounts: [f64; 3]| {
        let [gross, discount, net] = amounts;
        json!({
            "date": date, "product": product, "sku": sku, "quantity": quantity, "unitType": unit,
            "pricePerUnit": 0.008, "grossAmount": gross, "discountAmount": discount, "netAmount": net,
            "repositoryName": "octocat/spoon"
        })
    };
    let mut items = parsed("usage/usage_org_actions.json");
    let list = items["usageItems"].as_array_mut().unwrap();
    list.push(used("2023-08-02T00:00:00Z", "actions", "Actions Linux", "Minutes", 50.0, [0.4, 0.4, 0.0]));
    list.push(used("2023-08-02", "Actions", "Actions storage", "GigabyteHours", 3.5, [0.1, 0.0, 0.1]));
    list.push(used("2023-08-02", "copilot", "Copilot Premium Request", "requests", 7.0, [0.28, 0.0, 0.28]));
    let github = Server::start(Reply::json(200, &items.to_string()));
    let variables = [
        variable("GITHUB_BASE_URL", github.url()),
        variable("INFLUX_URL", database.url()),
        variable("INFLUX_DATABASE", database.name()),
    ];
    for _ in 0..2 {
        shell("extract-github usage --user octocat | load-influx", &variables).ok();
        let day = |day: i64| (1_690_848_000 + day * 86_400) * 1_000_000_000;
        let (first, second) = (day(0), day(1));
        assert_eq!(
            database.rows("SELECT quantity, price_per_unit, gross_amount, discount_amount, net_amount FROM github_usage \
                           GROUP BY product, sku, unit_type, organization_name, repository_name"),
            [
                format!("organization_name=,product=actions,repository_name=octocat/spoon,sku=Actions Linux,unit_type=minutes: {second}|50|0.008|0.4|0.4|0"),
                format!("organization_name=,product=actions,repository_name=octocat/spoon,sku=Actions storage,unit_type=gigabytehours: {second}|3.5|0.008|0.1|0|0.1"),
                format!("organization_name=,product=copilot,repository_name=octocat/spoon,sku=Copilot Premium Request,unit_type=requests: {second}|7|0.008|0.28|0|0.28"),
                format!("organization_name=GitHub,product=actions,repository_name=github/example,sku=Actions Linux,unit_type=minutes: {first}|100|0.008|0.8|0|0.8"),
            ]
        );
        // The numbers of the old address.
        let minutes =
            "SELECT sum(quantity) FROM github_usage WHERE product = 'actions' AND unit_type = 'minutes'";
        let costs =
            "SELECT sum(net_amount), sum(discount_amount) FROM github_usage WHERE product = 'actions'";
        assert_eq!(database.rows(minutes), ["0|150"]);
        assert_eq!(database.rows(costs), ["0|0.9|0.4"]);
    }
    let asked: Vec<String> = github.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(asked, ["/users/octocat/settings/billing/usage"; 2]);
}

#[test]
fn workflow_runs_go_into_postgresql_once() {
    let database = postgres::Server::shared().database();
    let next = "/repositories/348674220/actions/runs?per_page=100&page=2";
    let first = reply("workflow_runs/runs_per_page_1.json");
    let mut again = parsed("workflow_runs/runs_branch_two.json");
    (again["workflow_runs"][0]["run_attempt"], again["workflow_runs"][0]["conclusion"]) =
        (2.into(), "failure".into());
    let github = Server::start(
        Script::new()
            .at("/repos/hub4j-test-org/GHWorkflowRunTest/actions/runs", page(&first, next))
            .at(
                "/repositories/348674220/actions/runs",
                Reply::json(200, &reply("workflow_runs/runs_branch_two.json")),
            )
            .at(
                "/repositories/348674220/actions/runs",
                Reply::json(200, &reply("workflow_runs/runs_branch_two.json")),
            )
            .at("/repositories/348674220/actions/runs", Reply::json(200, &again.to_string())),
    );
    let mut variables = database.env();
    variables.push(variable("GITHUB_BASE_URL", github.url()));
    variables.push(variable("REPO_NAME", "hub4j-test-org/GHWorkflowRunTest"));
    let line = "extract-github workflow-runs | load-postgres --create";
    let rows = "SELECT id, run_attempt, repository, name, conclusion, head_branch, created_at AT TIME ZONE 'UTC', pull_requests \
                FROM github_workflow_runs ORDER BY id, run_attempt";
    let row = |id: u64, attempt: u64, name: &str, conclusion: &str, branch: &str, created_at: &str| {
        format!(
            "{id}|{attempt}|hub4j-test-org/GHWorkflowRunTest|{name} workflow|{conclusion}|{branch}|{created_at}|[]"
        )
    };
    let mut expected = vec![
        row(677_006_583, 1, "Fast", "success", "second-branch", "2021-03-22 18:03:17"),
        row(686_036_126, 1, "Slow", "cancelled", "main", "2021-03-25 09:37:09"),
        row(686_039_314, 1, "Fast", "success", "second-branch", "2021-03-25 09:38:23"),
    ];
    for _ in 0..2 {
        shell(line, &variables).ok();
        assert_eq!(database.rows(rows), expected);
    }
    // A run that was started again is another row: what became of the first attempt stays.
    shell(line, &variables).ok();
    expected.push(row(686_039_314, 2, "Fast", "failure", "second-branch", "2021-03-25 09:38:23"));
    assert_eq!(database.rows(rows), expected);
}
