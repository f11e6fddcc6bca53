use std::fs;

use etl_component::Class;
use etl_testkit::http::{Reply as Answer, Script, Server};

use super::{service, watched};
use crate::{Api, Per, Quota, Service};

const API: Api = Api { quota: Some(Quota { calls: 3, per: Per::Day }), ..Api::PLAIN };

/// A separate run, at the same time as all others.
fn run(server: &Server, flags: &str) -> Service {
    let mut service = service(&API, &server.url(), flags, &[]).unwrap();
    watched(&mut service.client);
    service.client.pace.now = || "2026-11-27T10:20:30Z".parse().unwrap();
    service
}

#[test]
fn runs_share_a_quota_and_a_spent_one_is_transient_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let flags = format!("--quota {}", folder.path().join("quota").display());
    // A request that is tried again costs two.
    let server = Server::start(Script::new().then(Answer::status(503)).then(Answer::text(200, "here")));
    let (first, second) = (run(&server, &flags), run(&server, &flags));
    assert_eq!(first.send(&first.get("x")).unwrap().body, b"here");
    assert_eq!(second.send(&second.get("x")).unwrap().body, b"here");
    let error = first.send(&first.get("x")).unwrap_err();
    assert_eq!(server.requests().len(), 3);
    assert_eq!((error.status(), error.is_transient()), (None, true));
    assert_eq!(error.retry_at().unwrap().to_string(), "2026-11-28T00:00:00Z");
    let fault = etl_component::Fault::from(error);
    let message = format!(
        "127.0.0.1:{}: the quota of 3 requests a day is spent (--quota); retry_at 2026-11-28T00:00:00Z",
        server.port()
    );
    assert_eq!((fault.class(), fault.message()), (Class::Transient, message.as_str()));
}

#[test]
fn a_retry_that_the_quota_does_not_cover_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Answer::status(503));
    let service = run(&server, &format!("--quota {}", folder.path().join("quota").display()));
    let error = service.send(&service.get("x")).unwrap_err();
    assert!(error.to_string().contains(": the quota of 3 requests a day is spent"), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_file_that_is_no_ledger_stops_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quota");
    fs::write(&path, "12").unwrap();
    let server = Server::start(Answer::text(200, "here"));
    let service = run(&server, &format!("--quota {}", path.display()));
    let fault = etl_component::Fault::from(service.send(&service.get("x")).unwrap_err());
    let message = format!("--quota {}: not a file that --quota has written", path.display());
    assert_eq!((fault.class(), fault.message()), (Class::Config, message.as_str()));
    assert_eq!(server.requests(), []);
}

#[test]
fn a_replay_asks_no_quota() {
    let folder = tempfile::tempdir().unwrap();
    let (cassettes, quota) = (folder.path().join("replies"), folder.path().join("quota"));
    let server = Server::start(Answer::text(200, "here"));
    let live = run(&server, &format!("--record {}", cassettes.display()));
    live.send(&live.get("x")).unwrap();
    let replay = run(&server, &format!("--replay {} --quota {}", cassettes.display(), quota.display()));
    for _ in 0..5 {
        assert_eq!(replay.send(&replay.get("x")).unwrap().body, b"here");
    }
    assert!(!quota.exists());
}

#[test]
fn a_service_without_a_quota_refuses_the_flag() {
    let fault = service(&Api::PLAIN, "https://api.example", "--quota q", &[]).unwrap_err();
    let message = "--quota: the service has no known quota";
    assert_eq!((fault.class(), fault.message()), (Class::Usage, message));
}
