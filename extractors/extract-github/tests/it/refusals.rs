//! What GitHub refuses: its limits in all their forms, tokens, permissions, and repositories with another name.

use etl_testkit::extract::{KEY, Sealed, failed, no_secret_in};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::{Folder, Ran};
use jiff::Timestamp;

use crate::extractor::{reply, run};
use crate::paging::{alerts, page};

const SECONDARY: &str = "errors/secondary_403_body_marker_only.json";
const PRIMARY: &str = "errors/primary_403_remaining_0.json";

fn alerts_of(server: &Server, more: &[&str]) -> Ran {
    run(&[&["dependabot-alerts", "--repo", "o/r", "--base-url", &server.url()], more].concat())
}

fn limited(status: u16, name: &str) -> Reply {
    Reply::json(status, &reply(name))
}

/// What the server's clock says, years behind ours.
const DATE: (&str, &str) = ("Date", "Thu, 06 Feb 2020 18:33:37 GMT");
/// The same in Unix seconds.
const SECOND: i64 = 1_581_014_017;

#[test]
fn a_limit_is_waited_for_as_it_asks_on_any_page() {
    let date = |seconds: i64| {
        if seconds > 0 { "Thu, 06 Feb 2020 18:33:38 GMT" } else { "Thu, 06 Feb 2020 18:00:00 GMT" }
    };
    let (now, spent) = (SECOND.to_string(), ("X-RateLimit-Remaining", "0"));
    for (answer, waited) in [
        (limited(403, SECONDARY).header("Retry-After", "1"), "1.0s"),
        (limited(429, SECONDARY).header("Retry-After", date(1)).header(DATE.0, DATE.1), "1.0s"),
        (limited(403, SECONDARY).header("Retry-After", "0"), "100.0ms"),
        (limited(403, SECONDARY).header("Retry-After", date(0)).header(DATE.0, DATE.1), "100.0ms"),
        // The limit ends with this second of the server's clock, which is years behind ours.
        (
            limited(403, PRIMARY)
                .header(spent.0, spent.1)
                .header("X-RateLimit-Reset", &now)
                .header(DATE.0, DATE.1),
            "1.0s",
        ),
        // What is asked for counts for more than the limit by the hour.
        (
            limited(403, PRIMARY)
                .header("Retry-After", "0")
                .header(spent.0, spent.1)
                .header("X-RateLimit-Reset", "9999999999"),
            "100.0ms",
        ),
    ] {
        let script = Script::new()
            .at(
                "/repos/o/r/dependabot/alerts",
                page(&alerts([1]), "/repositories/1/dependabot/alerts?after=1"),
            )
            .at("/repositories/1/dependabot/alerts", answer.clone())
            .at("/repositories/1/dependabot/alerts", Reply::json(200, &alerts([2])));
        let server = Server::start(script);
        let ran = alerts_of(&server, &["--deadline", "20s"]);
        assert_eq!(Sealed::of(&ran).records.len(), 2);
        assert_eq!(server.requests().len(), 3);
        assert!(ran.stderr.contains(&format!("; trying again in {waited}")), "{answer:?}: {}", ran.stderr);
    }
}

#[test]
fn a_limit_beyond_the_deadline_ends_it_at_once_and_says_until_when() {
    let later = |seconds: i64| (SECOND + seconds).to_string();
    let spent = |reply: Reply, reset: &str| {
        reply.header("X-RateLimit-Remaining", "0").header("X-RateLimit-Reset", reset)
    };
    for (answer, seconds) in [
        (limited(403, SECONDARY).header("Retry-After", "3600"), 3600),
        (limited(403, SECONDARY), 60),
        (limited(429, "errors/secondary_429_no_retry_after.json"), 60),
        (limited(403, SECONDARY).header("Retry-After", "soon"), 60),
        (spent(limited(403, PRIMARY), &later(1799)).header(DATE.0, DATE.1), 1800),
        (spent(limited(403, PRIMARY), "soon"), 60),
    ] {
        let server = Server::start(answer.clone());
        let before = Timestamp::now().as_second();
        let ran = alerts_of(&server, &["--deadline", "30s"]);
        let after = Timestamp::now().as_second();
        assert_eq!(server.requests().len(), 1, "{answer:?}");
        let (words, at) = ran.fails(75).last_error_line().split_once("; retry_at ").unwrap();
        assert!(words.starts_with("o/r: 127.0.0.1:"), "{words}");
        // By our clock, in whole seconds.
        let at = at.parse::<Timestamp>().unwrap().as_second();
        assert!(
            (before + seconds..=after + seconds + 1).contains(&at),
            "{answer:?}: {at} from {before} to {after}"
        );
    }
}

#[test]
fn what_is_for_good_is_asked_once() {
    let not_found =
        r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}"#;
    let bad =
        r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#;
    let forbidden = r#"{"message":"Resource not accessible by integration","status":"403"}"#;
    let actions = "this needs a token with the repository permission \"Actions\" (read), or a classic one with the \
                   scope repo";
    let plan = "this needs the user's own token with the permission \"Plan\" (read), or a classic one with the scope user";
    let (runs, usage) = (["workflow-runs", "--repo", "o/r"], ["usage", "--user", "octocat"]);
    for (args, status, body, code, message) in [
        (
            runs,
            401,
            bad,
            77,
            "o/r: HOST: 401: Bad credentials (the token is wrong, expired or revoked)".to_owned(),
        ),
        (
            runs,
            403,
            forbidden,
            77,
            format!("o/r: HOST: 403: Resource not accessible by integration ({actions})"),
        ),
        (
            runs,
            404,
            not_found,
            78,
            format!(
                "o/r: HOST: 404: Not Found (no such repository or workflow, or the token may not see it: {actions})"
            ),
        ),
        (
            usage,
            404,
            not_found,
            78,
            format!("octocat: HOST: 404: Not Found (no such user, or the token may not see it: {plan})"),
        ),
        (
            usage,
            403,
            forbidden,
            77,
            format!("octocat: HOST: 403: Resource not accessible by integration ({plan})"),
        ),
        (
            runs,
            422,
            r#"{"message":"Validation Failed","errors":[{"field":"created","code":"invalid"}]}"#,
            78,
            "o/r: HOST: 422: Validation Failed; created: invalid".to_owned(),
        ),
        (
            runs,
            200,
            "<html>Log in</html>",
            76,
            "o/r: the reply to actions/runs is not as documented: HTML where JSON is expected".to_owned(),
        ),
    ] {
        let server = Server::start(Reply::json(status, body));
        failed(&run(&[&args[..], &["--base-url", &server.url()]].concat()), code, &message);
        assert_eq!(server.requests().len(), 1, "{status} {body}");
    }
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    for status in [500, 502, 503] {
        let script = Script::new()
            .then(Reply::text(status, "later").header("Retry-After", "0"))
            .then(Reply::json(200, &alerts([1])));
        let server = Server::start(script);
        assert_eq!(Sealed::of(&alerts_of(&server, &[])).records.len(), 1);
        assert_eq!(server.requests().len(), 2, "{status}");
    }
}

#[test]
fn a_token_that_expires_on_the_way_leaves_nothing_complete() {
    let bad = r#"{"message":"Bad credentials","status":"401"}"#;
    let script = Script::new().then(page(&alerts([1]), "/x?after=1")).then(Reply::json(401, bad));
    let server = Server::start(script);
    let message = "o/r: HOST: 401: Bad credentials (the token is wrong, expired or revoked)";
    failed(&alerts_of(&server, &[]), 77, message);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_renamed_repository_is_found_with_the_token_on_the_same_server_only() {
    for (status, permanent) in [(301, true), (307, false), (308, true)] {
        let script = Script::new()
            .at(
                "/repos/o/r/dependabot/alerts",
                Reply::redirect(status, "/repositories/1/dependabot/alerts?per_page=100"),
            )
            .at(
                "/repositories/1/dependabot/alerts",
                page(&alerts([1]), "/repositories/1/dependabot/alerts?after=1"),
            )
            .at("/repositories/1/dependabot/alerts", Reply::json(200, &alerts([2])));
        let server = Server::start(script);
        let ran = alerts_of(&server, &[]);
        assert_eq!(Sealed::of(&ran).records.len(), 2);
        let warned = ran
            .stderr
            .matches("warning: o/r: the repository has another name now: GitHub redirects to ")
            .count();
        assert_eq!(warned, usize::from(permanent), "{}", ran.stderr);
        for request in server.requests() {
            assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        }

        let other = Server::start(Reply::json(200, &alerts([1])));
        let elsewhere = format!("http://localhost:{}/repositories/1", other.port());
        let server = Server::start(Reply::redirect(status, &elsewhere));
        let ran = alerts_of(&server, &[]);
        let line = ran.fails(76).last_error_line();
        assert!(line.contains("is not followed: the request carries a secret"), "{line}");
        assert_eq!(other.requests(), []);
        no_secret_in(&ran.stderr);
    }
}

#[test]
fn enterprise_servers_have_their_api_below_a_path() {
    let script = Script::new()
        .at(
            "/api/v3/repos/o/r/dependabot/alerts",
            page(&alerts([1]), "/api/v3/repositories/1/dependabot/alerts?after=1"),
        )
        .at("/api/v3/repositories/1/dependabot/alerts", Reply::json(200, &alerts([2])));
    let server = Server::start(script);
    let url = format!("{}/api/v3/", server.url());
    let ran = run(&["dependabot-alerts", "--repo", "o/r", "--base-url", &url]);
    assert_eq!(Sealed::of(&ran).records.len(), 2);
}

#[test]
fn the_quota_file_is_that_of_a_token() {
    let folder = Folder::new();
    let server = Server::start(Reply::json(200, "[]"));
    let quota = folder.path("calls").display().to_string();
    alerts_of(&server, &["--quota", &quota]).ok();
    let calls = folder.read("calls");
    assert!(calls.contains("\"per_seconds\":3600") && calls.contains("\"calls\":1"), "{calls}");
}
