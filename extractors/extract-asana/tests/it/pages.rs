//! Pages, limits, and servers in trouble.

use etl_testkit::extract::{KEY, Sealed, failed};
use etl_testkit::http::{Reply, Server};
use etl_testkit::run::Ran;

use crate::extractor::{extractor, page, page_of, run, server, task};

const EXPIRED: &str = r#"{"errors":[{"message":"offset: Your pagination token has expired.","help":"…"}]}"#;

/// The gids of a run's records, in order.
#[track_caller]
pub(crate) fn gids(ran: &Ran) -> Vec<String> {
    Sealed::of(ran).records.iter().map(|record| record["gid"].as_str().unwrap().to_owned()).collect()
}

/// The offset of each request.
fn offsets(server: &Server) -> Vec<String> {
    let offset = |target: &str| {
        let pair = target.split(['?', '&']).find(|pair| pair.starts_with("offset="));
        pair.unwrap_or_default().to_owned()
    };
    server.requests().iter().map(|request| offset(&request.target)).collect()
}

#[test]
fn the_request_is_what_the_service_documents() {
    let server = server([page(&["1"], Some("a+/=")), page(&["2"], None)]);
    let url = format!("{}/api/1.0/", server.url());
    let args = ["tasks", "--project", "1204", "--fields", "name,completed", "--base-url", &url];
    extractor()
        .run(&[&args[..], &["--completed-since", "now", "--modified-since", "2026-11-01"]].concat())
        .ok();
    let requests = server.requests();
    let query = "project=1204&limit=100&opt_fields=name%2Ccompleted%2Cmodified_at%2Cmemberships.project.gid\
                 &modified_since=2026-11-01T00%3A00%3A00Z&completed_since=now";
    let targets: Vec<&str> = requests.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(
        targets,
        [format!("/api/1.0/tasks?{query}"), format!("/api/1.0/tasks?{query}&offset=a%2B%2F%3D")]
    );
    for request in requests {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        assert_eq!(request.header("accept"), Some("application/json"));
    }
}

#[test]
fn pages_are_read_to_the_end_also_those_without_a_task() {
    // The `uri` of these pages is on another server, which is never asked: the offset says enough.
    let server = server([
        page(&[], Some("a")),
        page(&["1", "2"], Some("b")),
        page(&[], Some("c")),
        page(&["3"], None),
    ]);
    let ran = run(&server, &[]);
    assert_eq!(gids(&ran), ["1", "2", "3"]);
    assert_eq!(offsets(&server), ["", "offset=a", "offset=b", "offset=c"]);
    assert_eq!(ran.stderr, "asana.tasks: 3 records of 1 project\n");
}

#[test]
fn an_expired_page_starts_again_and_leaves_out_what_was_read() {
    let server = server([
        page(&["1", "2"], Some("a")),
        Reply::json(400, EXPIRED),
        // A task is new, and has moved another one to the second page.
        page(&["0", "1"], Some("b")),
        page(&["2", "3"], Some("c")),
        Reply::json(400, EXPIRED),
        page(&["0", "1"], Some("d")),
        page(&["2", "3"], Some("e")),
        page(&["4"], None),
    ]);
    let ran = run(&server, &[]);
    assert_eq!(gids(&ran), ["1", "2", "0", "3", "4"]);
    assert_eq!(offsets(&server), ["", "offset=a", "", "offset=b", "offset=c", "", "offset=d", "offset=e"]);
    let warning = "warning: project 1204: the pages have expired after 15 minutes: starting again, without the tasks \
                   that were read";
    assert_eq!(ran.stderr.lines().filter(|line| *line == warning).count(), 2, "{}", ran.stderr);
}

#[test]
fn pages_that_expire_again_and_again_are_given_up() {
    let server = server([
        page(&["1"], Some("a")),
        Reply::json(400, EXPIRED),
        page(&["1"], Some("b")),
        Reply::json(400, EXPIRED),
    ]);
    let message =
        "project 1204: the pages expire before there is a new task among them: 15 minutes are not enough";
    failed(&run(&server, &[]), 75, message);
    assert_eq!(offsets(&server), ["", "offset=a", "", "offset=b"]);
}

#[test]
fn pages_that_go_in_a_circle_are_refused() {
    let server = server([page(&["1"], Some("a")), page(&["2"], Some("b")), page(&["3"], Some("a"))]);
    let ran = run(&server, &["--fields", "name"]);
    let asked =
        "tasks?project=1204&limit=100&opt_fields=name%2Cmodified_at%2Cmemberships.project.gid&offset=a";
    failed(
        &ran,
        76,
        &format!("project 1204: HOST: the pages go in a circle: {asked} would be asked for again"),
    );
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_task_of_two_projects_is_written_once() {
    let server = server([page(&["1", "2"], None), page(&["2", "3"], None)]);
    let ran = run(&server, &["--project", "1205"]);
    assert_eq!(gids(&ran), ["1", "2", "3"]);
}

#[test]
fn a_limit_is_waited_for_as_it_says() {
    let limit = |after: Option<&str>| {
        let body = include_str!("../replies/tasks/error_429.json");
        after.iter().fold(Reply::json(429, body), |reply, after| reply.header("Retry-After", after))
    };
    for after in ["0", "1", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let server = server([limit(Some(after)), limit(Some(after)), page(&["1"], None)]);
        assert_eq!(gids(&run(&server, &["--deadline", "30s"])), ["1"], "{after}");
        assert_eq!(server.requests().len(), 3, "{after}");
    }
    // Refused requests count: what does not fit the deadline is not asked for again.
    for after in [Some("31"), Some("Wed, 21 Oct 2099 07:28:00 GMT"), Some("soon"), None] {
        let server = server([limit(after), page(&["1"], None)]);
        let ran = run(&server, &["--deadline", "30s"]);
        let line = ran.fails(75).last_error_line();
        assert!(line.contains("429 Too Many Requests") && line.contains("; retry_at 2"), "{after:?}: {line}");
        assert_eq!(server.requests().len(), 1, "{after:?}");
    }
}

#[test]
fn a_reply_that_breaks_off_is_asked_for_again() {
    let cut = || page(&["1", "2"], None).cut_after(40);
    let twice = server([cut(), page(&["1", "2"], None).chunked().chunk_missing(), page(&["1", "2"], None)]);
    assert_eq!(gids(&run(&twice, &[])), ["1", "2"]);
    assert_eq!(twice.requests().len(), 3);

    let ran = run(&server([page(&["0"], Some("a")), cut()]), &["--retries", "0"]);
    assert!(ran.fails(75).last_error_line().starts_with("project 1204: 127.0.0.1:"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
}

#[test]
fn a_project_that_fails_fails_the_run() {
    let unknown = r#"{"errors":[{"message":"project: Unknown object: 1205"}]}"#;
    let server = server([page(&["1"], None), Reply::json(404, unknown)]);
    let message =
        "project 1205: HOST: 404: project: Unknown object: 1205 (or the owner of ASANA_TOKEN may not see it)";
    failed(&run(&server, &["--project", "1205"]), 78, message);
}

#[test]
fn the_project_of_existing_deployments_is_read_from_their_variable() {
    let server = server([page_of(&[task("1", "2026-11-20T00:00:00Z")], None)]);
    let ran = extractor().cmd(&["tasks", "--base-url", &server.url()]).env("GID", "1204").run();
    assert_eq!(Sealed::of(&ran).records[0]["project_gid"], "1204");
    assert!(server.requests()[0].target.contains("?project=1204&"));
}
