use std::time::Duration;

use etl_component::Class;
use etl_testkit::http::{Reply as Answer, Script, Server};

use super::{KEY, service, targets, watched};
use crate::{Api, Key, Place, Reply, Verdict, whole_url};

const fn keyed(place: Place) -> Api {
    Api { key: Some(Key { variable: KEY, place }), headers: &[("Accept", "application/json")], ..Api::PLAIN }
}

#[test]
fn a_pair_without_a_value_is_sent_as_its_name() {
    let server = Server::start(Answer::text(200, "here"));
    let service = service(&Api::PLAIN, &server.url(), "", &[]).unwrap();
    let request = service.get("rates.csv").query("year", 2026).query("page", "").query("_format", "csv");
    service.send(&request).unwrap();
    assert_eq!(server.requests()[0].target, "/rates.csv?year=2026&page&_format=csv");
}

#[test]
fn the_key_travels_where_the_service_looks_for_it() {
    for (place, target, header) in [
        (Place::Query("appid"), "/v1/we%20ather?q=a&appid=place%2Fsesame", None),
        (Place::Header("X-Token"), "/v1/we%20ather?q=a", Some(("x-token", "place/sesame"))),
        (Place::Bearer, "/v1/we%20ather?q=a", Some(("authorization", "Bearer place/sesame"))),
    ] {
        let server = Server::start(Answer::text(200, "here"));
        let url = format!("{}/v1/", server.url());
        let service = service(&keyed(place), &url, "", &[("OLD_KEY", "place/sesame")]).unwrap();
        let request = service.get("we ather").query("q", "a");
        assert_eq!(service.send(&request).unwrap().body, b"here");
        let sent = server.requests().remove(0);
        assert_eq!(sent.target, target);
        assert_eq!(
            (sent.header("accept"), sent.header("user-agent")),
            (Some("application/json"), Some("test/1"))
        );
        for name in ["x-token", "authorization"] {
            let expected = header.filter(|(expected, _)| *expected == name).map(|(_, value)| value);
            assert_eq!(sent.header(name), expected, "{place:?}");
        }
        for shown in [format!("{request:?}"), format!("{service:?}")] {
            assert!(!shown.contains("sesame"), "{shown}");
        }
    }
}

#[test]
fn a_key_that_is_missing_or_unfit_is_a_configuration_error() {
    let message = |place, env: &[(&str, &str)]| {
        let fault = service(&keyed(place), "https://api.example", "", env).unwrap_err();
        assert_eq!(fault.class(), Class::Config);
        fault.message().to_owned()
    };
    let missing = "API_KEY is not set (the key); set it, or API_KEY_FILE to a file with it";
    assert_eq!(message(Place::Bearer, &[]), missing);
    let unfit = "API_KEY contains a character that a header cannot carry";
    let broken = "API_KEY contains a line break or another control character; only one line break at its end is dropped";
    assert_eq!(message(Place::Bearer, &[("API_KEY", "unfit\nsesame")]), broken);
    assert_eq!(message(Place::Header("X"), &[("API_KEY", "unfit-sésame")]), unfit);
    // A query can carry anything.
    assert!(
        service(&keyed(Place::Query("k")), "https://api.example", "", &[("API_KEY", "é sesame")]).is_ok()
    );
}

#[test]
fn a_key_that_is_not_required_may_be_absent() {
    let mut api = keyed(Place::Bearer);
    api.key = api
        .key
        .map(|key| Key { variable: etl_component::Variable { required: false, ..key.variable }, ..key });
    let server = Server::start(Answer::text(200, "here"));
    let service = service(&api, &server.url(), "", &[]).unwrap();
    service.send(&service.get("x")).unwrap();
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[test]
fn the_rules_of_the_api_are_those_of_each_request() {
    fn judge(reply: &Reply) -> Option<Verdict> {
        (reply.body == b"{}")
            .then(|| Verdict::Fail { class: Class::Denied, message: "who are you".to_owned() })
    }
    let api = Api { judge: Some(judge), min_wait_429: Duration::from_secs(60), ..Api::PLAIN };
    let server = Server::start(Script::new().then(Answer::status(429)).then(Answer::text(200, "{}")));
    let mut service = service(&api, &server.url(), "", &[]).unwrap();
    let waits = watched(&mut service.client);
    let error = service.send(&service.get("x")).unwrap_err();
    assert!(error.to_string().ends_with(": who are you after 2 attempts in 60 s"), "{error}");
    assert_eq!(*waits.lock().unwrap(), [Duration::from_secs(60)]);
}

#[test]
fn a_link_is_followed_as_it_is_given_with_the_key_of_its_service_only() {
    let other = Server::start(Answer::text(200, "there"));
    let server = Server::start(Answer::text(200, "here"));
    let url = format!("{}/api/v3", server.url());
    let service = service(&keyed(Place::Query("key")), &url, "", &[("API_KEY", "follow-sesame")]).unwrap();
    let first = service.get("repos/o/r");
    for (link, target) in [
        (
            format!("{url}/repositories/1?a=%5B1%5D&page=2"),
            "/api/v3/repositories/1?a=%5B1%5D&page=2&key=follow-sesame",
        ),
        ("?page=3".to_owned(), "/api/v3/repos/o/r?page=3&key=follow-sesame"),
        ("/elsewhere".to_owned(), "/elsewhere?key=follow-sesame"),
        ("x?key=follow-sesame".to_owned(), "/api/v3/repos/o/x?key=follow-sesame"),
    ] {
        let request = service.follow(&first, &link).unwrap();
        assert_eq!(service.send(&request).unwrap().body, b"here");
        let sent = server.requests().pop().unwrap();
        assert_eq!((sent.target.as_str(), sent.header("accept")), (target, Some("application/json")));
    }
    let request = service.follow(&first, &format!("{}/x?page=2", other.url())).unwrap();
    assert_eq!(service.send(&request).unwrap().body, b"there");
    assert_eq!(targets(&other), ["/x?page=2"]);
}

#[test]
fn links_that_are_not_followed_say_why() {
    let service =
        service(&keyed(Place::Bearer), "https://api.example", "", &[("API_KEY", "refuse-sesame")]).unwrap();
    let first = service.get("x");
    for (link, why) in [
        ("ftp://api.example/x", "cannot be followed: it must start with https:// (or http://)"),
        ("https://u:p@api.example/x", "cannot be followed: it must not contain a user or password"),
        ("http://other.example/x", "is not followed: it leads to http://"),
        ("http://127.0.0.1/x", "is not followed: it leads to http://"),
        ("https://other.example/refuse-sesame", "is not followed: it would carry a secret to another server"),
    ] {
        let error = service.follow(&first, link).unwrap_err();
        let shown = link.replace("refuse-sesame", "[redacted]");
        assert_eq!(error.to_string(), format!("api.example: the link {shown:?} {why}"));
        assert_eq!(etl_component::Fault::from(error).class(), Class::Protocol);
    }
}

#[test]
fn whole_addresses_of_several_servers_have_cassettes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let servers = ["one", "two"].map(|text| Server::start(Answer::text(200, text)));
    let feeds = servers
        .each_ref()
        .map(|server| whole_url(&format!("{}/feed/?cat=a,b", server.url()), false).unwrap());
    let run = |flag: &str| {
        let flags = format!("--{flag} {}", folder.path().display());
        let service = service(&Api::PLAIN, &servers[0].url(), &flags, &[]).unwrap();
        feeds.each_ref().map(|feed| service.send(&service.at(feed)).unwrap().body)
    };
    let live = run("record");
    assert_eq!(live, [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(run("replay"), live);
    assert_eq!(servers.each_ref().map(targets), [["/feed/?cat=a,b"], ["/feed/?cat=a,b"]]);
}

#[test]
fn a_replay_needs_no_key_and_no_address_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Answer::text(200, "here"));
    let run = |url: &str, flag: &str, env: &[(&str, &str)]| {
        let flags = format!("--{flag} {}", folder.path().display());
        let service = service(&keyed(Place::Query("key")), url, &flags, env).unwrap();
        let first = service.get("x").query("a", 1);
        // As a reply would give it: with the key and its server.
        let link = format!("{}/y?key=replay-sesame&a=2", server.url());
        let link = if service.replaying() { link.replace("replay-sesame", "[redacted]") } else { link };
        let next = service.follow(&first, &link).unwrap();
        assert_eq!(service.replaying(), flag == "replay");
        [first, next].map(|request| service.send(&request).unwrap().fetched_at)
    };
    let live = run(&server.url(), "record", &[("API_KEY", "replay-sesame")]);
    assert_eq!(run("https://api.example/v1", "replay", &[]), live);
    assert_eq!(targets(&server), ["/x?a=1&key=replay-sesame", "/y?key=replay-sesame&a=2"]);
}

#[test]
fn a_limit_by_the_second_is_kept_between_requests_and_costs_nothing_in_a_replay() {
    let hour = Duration::from_secs(3600);
    let api = Api { gap: hour, ..Api::PLAIN };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Script::new().then(Answer::status(503)).then(Answer::json(200, "{}")));
    let cassettes = folder.path().display();
    let mut live = service(&api, &server.url(), &format!("--deadline 5h --record {cassettes}"), &[]).unwrap();
    let waits = watched(&mut live.client);
    for path in ["a", "b"] {
        live.send(&live.get(path)).unwrap();
    }
    let waits = waits.lock().unwrap().clone();
    // The backoff of the first attempt, which was not slept here, and then the rest of an hour before each other one.
    assert_eq!((waits.len(), waits[0]), (3, Duration::from_millis(500)));
    for wait in &waits[1..] {
        assert!(*wait <= hour && *wait > hour / 2, "{waits:?}");
    }
    assert_eq!(targets(&server), ["/a", "/a", "/b"]);

    let mut replay = service(&api, &server.url(), &format!("--replay {cassettes}"), &[]).unwrap();
    let waits = watched(&mut replay.client);
    for path in ["a", "b"] {
        replay.send(&replay.get(path)).unwrap();
    }
    assert!(waits.lock().unwrap().is_empty());
}

#[test]
fn a_gap_that_does_not_fit_the_deadline_ends_it() {
    let api = Api { gap: Duration::from_secs(3600), ..Api::PLAIN };
    let server = Server::start(Answer::json(200, "{}"));
    let mut service = service(&api, &server.url(), "--retries 0", &[]).unwrap();
    watched(&mut service.client);
    service.send(&service.get("a")).unwrap();
    let fault = super::fault(service.send(&service.get("b")));
    assert_eq!(fault.class(), Class::Transient);
    assert!(fault.message().ends_with("the --deadline of 300s is used up"), "{}", fault.message());
    assert_eq!(targets(&server), ["/a"]);
}
