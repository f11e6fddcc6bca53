//! Pages: links as they are given, to the end, and no further.

use etl_testkit::extract::{KEY, Sealed, failed};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Ran;
use serde_json::{Value, json};

use crate::extractor::{parsed, run};

/// The recorded open alert under other numbers, as a page.
pub(crate) fn alerts(numbers: impl IntoIterator<Item = u64>) -> String {
    let recorded = parsed("dependabot_alerts/list_one_open.json")[0].clone();
    let numbered = |number: u64| {
        let mut alert = recorded.clone();
        alert["number"] = number.into();
        alert
    };
    Value::from_iter(numbers.into_iter().map(numbered)).to_string()
}

/// A page with a link to the next one.
pub(crate) fn page(body: &str, next: &str) -> Reply {
    Reply::json(200, body).header("Link", &format!("<{next}>; rel=\"next\""))
}

fn numbers(stream: &Sealed) -> Vec<u64> {
    stream.records.iter().map(|record| record["number"].as_u64().unwrap()).collect()
}

fn targets(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.target).collect()
}

fn alerts_of(server: &Server, more: &[&str]) -> Ran {
    run(&[&["dependabot-alerts", "--repo", "o/r", "--base-url", &server.url()], more].concat())
}

const FIRST: &str = "/repos/o/r/dependabot/alerts?per_page=100";

#[test]
fn a_recorded_walk_is_followed_link_by_link() {
    let trace = parsed("recorded/link_pagination_trace.json").as_array().unwrap().clone();
    let mut paths: Vec<String> = trace.iter().map(|page| page["path"].as_str().unwrap().to_owned()).collect();
    let server = Server::answering("127.0.0.1:0", {
        let paths = paths.clone();
        move |request| {
            let at = paths.iter().position(|path| *path == request.target).unwrap_or(0);
            let before: u64 = trace[..at].iter().map(|page| page["items"].as_u64().unwrap()).sum();
            let body = alerts(before + 1..=before + trace[at]["items"].as_u64().unwrap());
            // As recorded, but for the server.
            let host = format!("http://{}", request.header("host").unwrap());
            let link = trace[at]["link"].as_str().unwrap().replace("https://api.github.com", &host);
            Reply::json(200, &body).header("Link", &link).header("ETag", trace[at]["etag"].as_str().unwrap())
        }
    });
    let stream = Sealed::of(&alerts_of(&server, &[]));
    assert_eq!(numbers(&stream), (1..=13).collect::<Vec<_>>());
    paths[0] = FIRST.to_owned();
    assert_eq!(targets(&server), paths);
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        assert_eq!(request.header("accept"), Some("application/vnd.github+json"));
        assert_eq!(request.header("x-github-api-version"), Some("2022-11-28"));
    }
}

#[test]
fn only_a_page_without_a_link_is_the_last_one() {
    // Full pages, one of GitHub's usual 30, an empty one, and a single alert.
    let cursor = |after: &str| format!("/repositories/1/dependabot/alerts?per_page=100&after={after}%3D%3D");
    let script = Script::new()
        .at("/repos/o/r/dependabot/alerts", page("[]", &cursor("Y")))
        .at("/repositories/1/dependabot/alerts", page(&alerts(1..=100), &cursor("Z")))
        .at("/repositories/1/dependabot/alerts", page(&alerts(101..=130), &cursor("a")))
        .at("/repositories/1/dependabot/alerts", page("[]", &cursor("b")))
        .at("/repositories/1/dependabot/alerts", Reply::json(200, &alerts([131])));
    let server = Server::start(script);
    let stream = Sealed::of(&alerts_of(&server, &["--state", "open"]));
    assert_eq!(numbers(&stream), (1..=131).collect::<Vec<_>>());
    let expected = ["Y", "Z", "a", "b"].map(cursor);
    assert_eq!(targets(&server)[0], "/repos/o/r/dependabot/alerts?state=open&per_page=100");
    assert_eq!(targets(&server)[1..], expected);

    let server = Server::start(Reply::json(200, &alerts(1..=100)));
    assert_eq!(numbers(&Sealed::of(&alerts_of(&server, &[]))).len(), 100);
    assert_eq!(targets(&server), [FIRST]);
}

#[test]
fn an_alert_that_comes_again_is_left_out() {
    let script =
        Script::new().then(page(&alerts([3, 2]), "/x?after=2")).then(Reply::json(200, &alerts([2, 1])));
    let server = Server::start(script);
    assert_eq!(numbers(&Sealed::of(&alerts_of(&server, &[]))), [3, 2, 1]);
}

#[test]
fn runs_that_are_pushed_onto_the_next_page_come_once() {
    let recorded = parsed("workflow_runs/runs_branch_two.json");
    let run_of = |id: u64, attempt: u64| {
        let mut run = recorded["workflow_runs"][0].clone();
        (run["id"], run["run_attempt"]) = (id.into(), attempt.into());
        run
    };
    let body = |runs: &[Value]| json!({"total_count": 4, "workflow_runs": runs}).to_string();
    let script = Script::new()
        .then(page(&body(&[run_of(4, 1), run_of(3, 1), run_of(2, 1)]), "/repositories/1/actions/runs?page=2"))
        .then(Reply::json(200, &body(&[run_of(3, 1), run_of(2, 2), run_of(1, 1)])));
    let server = Server::start(script);
    let ran = run(&["workflow-runs", "--repo", "o/r", "--base-url", &server.url()]);
    let stream = Sealed::of(&ran);
    let seen: Vec<String> =
        stream.records.iter().map(|record| format!("{}/{}", record["id"], record["run_attempt"])).collect();
    assert_eq!(seen, ["4/1", "3/1", "2/1", "2/2", "1/1"]);
    assert_eq!(ran.stderr, "github.workflow_runs: 5 records of 1 repository\n");
}

#[test]
fn pages_in_a_circle_are_the_service_s_fault() {
    let circle = |replies: Vec<Reply>, message: &str, count: usize| {
        let server = Server::start(replies.into_iter().fold(Script::new(), Script::then));
        failed(&alerts_of(&server, &[]), 76, message);
        assert_eq!(targets(&server).len(), count);
    };
    circle(
        vec![page(&alerts([1]), "/x?after=1"), page(&alerts([2]), FIRST)],
        "o/r: HOST: the pages go in a circle: repos/o/r/dependabot/alerts?per_page=100 would be asked for again",
        2,
    );
    circle(
        vec![page(&alerts([1]), "/x?after=1"), page(&alerts([1]), "/x?after=2")],
        "o/r: HOST: the pages go in a circle: the reply to x?after=1 came before",
        2,
    );
}

#[test]
fn the_next_page_is_never_on_another_server() {
    let other = Server::start(Reply::json(200, &alerts([2])));
    let elsewhere = format!("http://localhost:{}/repositories/1/dependabot/alerts?after=1", other.port());
    let server = Server::start(page(&alerts([1]), &elsewhere));
    let message = format!(
        "o/r: HOST: the next page is on another server, localhost:{}, which is not asked",
        other.port()
    );
    failed(&alerts_of(&server, &[]), 76, &message);
    assert_eq!(other.requests(), []);
}

#[test]
fn a_page_that_is_cut_is_asked_for_again() {
    let second = alerts([2]);
    let server = Server::start(
        Script::new()
            .at("/repos/o/r/dependabot/alerts", page(&alerts([1]), "/x?after=1"))
            .at("/x", Reply::json(200, &second).cut_after(second.len() / 2))
            .at("/x", Reply::json(200, &second)),
    );
    let stream = Sealed::of(&alerts_of(&server, &["--retries", "1"]));
    assert_eq!(numbers(&stream), [1, 2]);
    assert_eq!(targets(&server), [FIRST, "/x?after=1", "/x?after=1"]);

    let server = Server::start(
        Script::new().then(page(&alerts([1]), "/x?after=1")).then(Reply::json(200, &second).cut_after(9)),
    );
    let ran = alerts_of(&server, &["--retries", "0"]);
    assert!(ran.fails(75).last_error_line().starts_with("o/r: 127.0.0.1:"), "{}", ran.stderr);
    // What came before is there, and does not look complete.
    assert_eq!(ran.lines().len(), 3);
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
}

#[test]
fn a_repository_without_alerts_or_runs_is_a_success() {
    let server = Server::start(
        Script::new()
            .at("/repos/o/r/dependabot/alerts", Reply::json(200, "[]"))
            .at("/repos/o/r/actions/runs", Reply::json(200, r#"{"total_count":0,"workflow_runs":[]}"#)),
    );
    let ran = alerts_of(&server, &[]);
    assert_eq!(Sealed::of(&ran).records.len(), 0);
    assert_eq!(ran.stderr, "github.dependabot_alerts: 0 records of 1 repository\n");
    let ran = run(&["workflow-runs", "--repo", "o/r", "--base-url", &server.url()]);
    assert_eq!(Sealed::of(&ran).records.len(), 0);
}

#[test]
fn repositories_are_read_one_after_the_other() {
    let server = Server::start(
        Script::new()
            .at("/repos/o/r/dependabot/alerts", Reply::json(200, &alerts([1])))
            .at("/repos/o/s/dependabot/alerts", Reply::json(200, &alerts([1]))),
    );
    let ran = run(&["dependabot-alerts", "--repo", "o/s", "--repo", "o/r", "--base-url", &server.url()]);
    let stream = Sealed::of(&ran);
    let repositories: Vec<&str> =
        stream.records.iter().map(|record| record["repository"].as_str().unwrap()).collect();
    assert_eq!(repositories, ["o/s", "o/r"]);
    assert_eq!(ran.stderr, "github.dependabot_alerts: 2 records of 2 repositories\n");
}
