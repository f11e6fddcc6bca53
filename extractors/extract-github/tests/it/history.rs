//! What earlier runs have seen, and what is asked for after them.

use etl_testkit::extract::{Sealed, failed};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::{Cmd, Folder, Ran};
use serde_json::{Value, json};

use crate::extractor::{extractor, parsed, run};
use crate::paging::page;

/// The recorded run with these values.
fn a_run(id: u64, attempt: u64, created_at: &str, conclusion: Value) -> Value {
    let mut run = parsed("workflow_runs/runs_branch_two.json")["workflow_runs"][0].clone();
    for (field, value) in [
        ("id", id.into()),
        ("run_attempt", attempt.into()),
        ("created_at", created_at.into()),
        ("conclusion", conclusion),
    ] {
        run[field] = value;
    }
    run
}

fn runs(runs: &[Value]) -> Reply {
    Reply::json(200, &json!({"total_count": runs.len(), "workflow_runs": runs}).to_string())
}

/// Extracts into a database whose loads write the state, and returns what the extractor and the loader printed.
fn load(folder: &Folder, server: &Server, args: &[&str]) -> (Ran, Ran) {
    let base = ["--base-url", &server.url()];
    let path = |name: &str| folder.path(name).display().to_string();
    let extract = extractor().cmd(&[args, &base].concat()).in_folder(folder.path(""));
    let ran = extract.run();
    let loader = Cmd::bin("load-sqlite").args(["--db", &path("db"), "--state-out", &path("state")]);
    let loaded = loader.stdin(&ran.ok().stdout).run();
    loaded.ok();
    (ran, loaded)
}

fn targets(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.target).collect()
}

fn ids(ran: &Ran) -> Vec<String> {
    let key = |run: &Value| format!("{}/{} {}", run["id"], run["run_attempt"], run["conclusion"]);
    Sealed::of(ran).records.iter().map(key).collect()
}

#[test]
fn runs_are_read_on_from_the_state_and_a_rerun_within_the_look_back_is_seen() {
    let folder = Folder::new();
    let args = ["workflow-runs", "--repo", "o/r", "--state", "state", "--look-back", "48h"];
    let failure = || json!("failure");

    let server = Server::start(runs(&[
        a_run(3, 1, "2026-11-20T10:00:00Z", Value::Null),
        a_run(2, 1, "2026-11-19T10:00:00Z", failure()),
        a_run(1, 1, "2026-11-01T10:00:00Z", failure()),
    ]));
    let (first, _) = load(&folder, &server, &args);
    assert_eq!(ids(&first), ["3/1 null", "2/1 \"failure\"", "1/1 \"failure\""]);
    assert_eq!(targets(&server), ["/repos/o/r/actions/runs?per_page=100"]);
    assert!(
        first.stderr.contains("the state state does not exist yet: everything is new"),
        "{}",
        first.stderr
    );

    // One has ended, one was run again, one is new. What was seen as it is now is left out.
    let server = Server::start(runs(&[
        a_run(4, 1, "2026-11-21T08:00:00Z", Value::Null),
        a_run(3, 1, "2026-11-20T10:00:00Z", json!("success")),
        a_run(2, 2, "2026-11-19T10:00:00Z", json!("success")),
    ]));
    let (second, _) = load(&folder, &server, &args);
    assert_eq!(ids(&second), ["4/1 null", "3/1 \"success\"", "2/2 \"success\""]);
    let since = |time: &str| format!("/repos/o/r/actions/runs?created=%3E%3D{time}&per_page=100");
    assert_eq!(targets(&server), [since("2026-11-18T10%3A00%3A00Z")]);

    // Nothing new.
    let (third, loaded) = load(&folder, &server, &args);
    assert_eq!(ids(&third), [""; 0]);
    assert_eq!(targets(&server)[1], since("2026-11-19T08%3A00%3A00Z"));
    assert!(loaded.stdout.contains("\"records\":0"), "{}", loaded.stdout);
    let rows = Cmd::new("sqlite3")
        .arg(folder.path("db"))
        .arg("SELECT id, run_attempt, conclusion FROM github_workflow_runs ORDER BY 1, 2")
        .run();
    assert_eq!(rows.ok().lines(), ["1|1|failure", "2|1|failure", "2|2|success", "3|1|success", "4|1|"]);

    // Another filter is another list, and a run in the past moves nothing.
    let (branch, _) = load(&folder, &server, &[&args[..], &["--branch", "main"]].concat());
    assert_eq!(ids(&branch).len(), 3);
    assert_eq!(targets(&server)[2], "/repos/o/r/actions/runs?branch=main&per_page=100");
    let state: Value = serde_json::from_str(&folder.read("state")).unwrap();
    let keys: Vec<&String> = state.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["repos/o/r/actions/runs", "repos/o/r/actions/runs?branch=main"]);
    assert_eq!(state["repos/o/r/actions/runs"]["cursor"], "2026-11-21T08:00:00Z");
}

#[test]
fn without_a_flag_runs_are_looked_at_again_for_a_week() {
    let folder = Folder::new();
    folder.write("state", r#"{"repos/o/r/actions/runs":{"cursor":"2026-11-20T10:00:00Z"}}"#);
    let server = Server::start(runs(&[]));
    let state = folder.path("state").display().to_string();
    run(&["workflow-runs", "--repo", "o/r", "--state", &state, "--base-url", &server.url()]).ok();
    assert_eq!(
        targets(&server),
        ["/repos/o/r/actions/runs?created=%3E%3D2026-11-13T10%3A00%3A00Z&per_page=100"]
    );
}

#[test]
fn a_window_of_runs_is_half_open() {
    let server = Server::start(runs(&[
        a_run(3, 1, "2026-11-02T00:00:00Z", Value::Null),
        a_run(2, 1, "2026-11-01T23:59:59Z", Value::Null),
        a_run(1, 1, "2026-11-01T00:00:00Z", Value::Null),
        a_run(0, 1, "2026-10-31T23:59:59Z", Value::Null),
    ]));
    let args = ["workflow-runs", "--repo", "o/r", "--since", "2026-11-01", "--until", "2026-11-02T00:00:00Z"];
    let ran = run(&[&args[..], &["--base-url", &server.url()]].concat());
    assert_eq!(ids(&ran), ["2/1 null", "1/1 null"]);
    assert!(!ran.stdout.contains("\"kind\":\"state\""), "{}", ran.stdout);
    let created = "2026-11-01T00%3A00%3A00Z..2026-11-01T23%3A59%3A59Z";
    assert_eq!(targets(&server), [format!("/repos/o/r/actions/runs?created={created}&per_page=100")]);
}

/// The recorded open alert with these values, as part of a page.
fn an_alert(number: u64, state: &str, updated_at: &str) -> Value {
    let mut alert = parsed("dependabot_alerts/list_one_open.json")[0].clone();
    (alert["number"], alert["state"], alert["updated_at"]) = (number.into(), state.into(), updated_at.into());
    alert
}

#[test]
fn alerts_are_read_back_to_those_of_the_state_and_no_further() {
    let folder = Folder::new();
    let args = ["dependabot-alerts", "--repo", "o/r", "--state-file", "state"];
    let body = |alerts: &[Value]| Value::from(alerts.to_vec()).to_string();
    let next = "/repositories/1/dependabot/alerts?after=1";
    let seen = |ran: &Ran| -> Vec<String> {
        let key = |alert: &Value| format!("{} {}", alert["number"], alert["state"].as_str().unwrap());
        Sealed::of(ran).records.iter().map(key).collect()
    };

    let server = Server::start(
        Script::new()
            .then(page(&body(&[an_alert(3, "open", "2026-11-20T10:00:00Z")]), next))
            .then(Reply::json(200, &body(&[an_alert(2, "open", "2026-11-01T10:00:00Z")]))),
    );
    let (first, _) = load(&folder, &server, &args);
    assert_eq!(seen(&first), ["3 open", "2 open"]);
    assert_eq!(targets(&server), ["/repos/o/r/dependabot/alerts?per_page=100", next]);

    // The page after the first old alert is not asked for.
    let server = Server::start(
        Script::new()
            .then(page(
                &body(&[
                    an_alert(2, "fixed", "2026-11-21T10:00:00Z"),
                    an_alert(3, "open", "2026-11-20T10:00:00Z"),
                    an_alert(1, "open", "2026-10-01T10:00:00Z"),
                ]),
                next,
            ))
            .then(Reply::text(500, "asked for too much")),
    );
    let (second, _) = load(&folder, &server, &args);
    assert_eq!(seen(&second), ["2 fixed"]);
    assert_eq!(targets(&server), ["/repos/o/r/dependabot/alerts?per_page=100&sort=updated&direction=desc"]);
    let rows = Cmd::new("sqlite3")
        .arg(folder.path("db"))
        .arg("SELECT number, state FROM github_dependabot_alerts ORDER BY 1")
        .run();
    assert_eq!(rows.ok().lines(), ["2|fixed", "3|open"]);
}

#[test]
fn a_state_of_something_else_is_refused_before_anything_is_sent() {
    let folder = Folder::new();
    folder.write("list", "[]");
    folder.write("other", r#"{"repos/o/r/actions/runs":5}"#);
    let server = Server::start(runs(&[]));
    for (name, message) in [
        ("list", "is not a JSON object, which is what a loader writes as --state-out or --print-state"),
        ("other", "has 5 for \"repos/o/r/actions/runs\", which is not of this extractor"),
    ] {
        let path = folder.path(name).display().to_string();
        let ran = run(&["workflow-runs", "--repo", "o/r", "--state", &path, "--base-url", &server.url()]);
        assert!(ran.fails(3).last_error_line().contains(message), "{}", ran.stderr);
    }
    assert_eq!(server.requests(), []);
    let said = "invalid value 'state.json' for '--state <STATE>' [possible values: open, fixed, dismissed, auto_dismissed]";
    let ran = run(&["dependabot-alerts", "--repo", "o/r", "--state", "state.json"]);
    failed(&ran, 2, &format!("{said} (extract-github --help says more)"));
}
