use etl_component::{Class, Secret};
use etl_testkit::http::{Reply as Answer, Script, Server};

use super::{base, client, fails, fault, get};
use crate::{Redirect, Request, base_url, secret_url};

fn paths(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| format!("{} {}", request.method, request.target)).collect()
}

#[test]
fn the_same_origin_is_followed_with_its_secrets() {
    let secret = Secret::new("redirect-sesame-1");
    let script = Script::new()
        .at("/old", Answer::redirect(301, "/new?x=1"))
        .at("/new", Answer::redirect(307, "newer"))
        .at("/newer", Answer::text(200, "here"));
    let server = Server::start(script);
    let (client, _) = client("", &[]);
    let request = Request::get(&base(&server), "old").secret_header("X-Key", "", &secret);
    assert_eq!(client.send(&request).unwrap().body, b"here");
    assert_eq!(paths(&server), ["GET /old", "GET /new?x=1", "GET /newer"]);
    assert_eq!(server.requests()[2].header("x-key"), Some("redirect-sesame-1"));
}

#[test]
fn another_origin_is_followed_only_without_a_secret() {
    let other = Server::start(Answer::text(200, "there"));
    let server = Server::start(Answer::redirect(302, &format!("{}/x", other.url())));
    let (client, _) = client("", &[]);
    let plain = Request::get(&base(&server), "feed");
    let reply = client.send(&plain).unwrap();
    assert_eq!((reply.body.as_slice(), reply.host), (&b"there"[..], format!("127.0.0.1:{}", other.port())));
    assert_eq!(paths(&other), ["GET /x"]);

    let secret = Secret::new("redirect-sesame-2");
    let in_path = base_url(&format!("{}/hook/redirect-sesame-2", server.url()), false).unwrap();
    for request in [
        plain.clone().secret_query("appid", &secret),
        plain.clone().secret_header("Authorization", "Bearer ", &secret),
        Request::get(&in_path, ""),
    ] {
        let fault = fault(client.send(&request));
        assert_eq!(fault.class(), Class::Protocol);
        assert!(fault.message().ends_with("is not followed: the request carries a secret"), "{fault}");
    }
    assert_eq!(other.requests().len(), 1);
}

#[test]
fn an_endless_redirect_ends_after_ten() {
    let (class, message, waits, requests) = fails(Answer::redirect(302, "/again"), "");
    assert_eq!((class, waits, requests), (Class::Protocol, vec![], 11));
    assert_eq!(message, "127.0.0.1:PORT: the redirect is the 11th in a row");
}

#[test]
fn redirects_that_lead_nowhere_are_refused() {
    for answer in [
        Answer::status(302),
        Answer::redirect(302, "ftp://127.0.0.1/x"),
        Answer::redirect(302, "http://api.example/x"),
        Answer::redirect(302, "http://user:pass@127.0.0.1/x"),
        Answer::status(300),
    ] {
        let (class, message, waits, requests) = fails(answer, "");
        assert_eq!((class, waits, requests), (Class::Protocol, vec![], 1), "{message}");
    }
}

#[test]
fn https_never_becomes_http() {
    let plain = Server::start(Answer::text(200, "readable on the way"));
    let (server, authority) =
        Server::start_tls(Answer::redirect(302, &plain.url()), etl_testkit::http::TlsCert::Valid);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority).unwrap();
    let (client, _) = client(&format!("--allow-http --ca-file {}", ca.display()), &[]);
    let fault = fault(client.send(&Request::get(&base(&server), "weather")));
    assert_eq!(fault.class(), Class::Protocol);
    assert!(
        fault.message().ends_with(&format!("to http://127.0.0.1:{} is not followed", plain.port())),
        "{fault}"
    );
    assert_eq!(plain.requests(), []);
}

#[test]
fn only_307_and_308_repeat_a_post() {
    for status in [301, 302, 303, 307, 308] {
        let script =
            Script::new().at("/a", Answer::redirect(status, "/b")).at("/b", Answer::text(200, "done"));
        let server = Server::start(script);
        let (client, _) = client("", &[]);
        let result = client.send(&Request::post(&base(&server), "a", "text/plain", b"body".to_vec()));
        if status < 307 {
            let fault = fault(result);
            assert_eq!((fault.class(), paths(&server)), (Class::Protocol, vec!["POST /a".to_owned()]));
            assert!(fault.message().ends_with(": the redirect would drop what is sent"), "{fault}");
        } else {
            assert_eq!(result.unwrap().body, b"done");
            let last = &server.requests()[1];
            assert_eq!((last.method.as_str(), last.body.as_slice()), ("POST", &b"body"[..]), "{status}");
            assert_eq!(last.header("content-type"), Some("text/plain"), "{status}");
        }
    }
}

#[test]
fn a_secret_address_is_requested_as_it_is_and_never_elsewhere() {
    let other = Server::start(Answer::text(200, "there"));
    let script = Script::new()
        .at("/h/", Answer::redirect(307, "/h/2"))
        .at("/h/2", Answer::redirect(307, &other.url()));
    let server = Server::start(script);
    let (client, _) = client("", &[]);
    // No part of it is long enough to be recognized alone.
    let address = secret_url(&Secret::new(format!("{}/h/", server.url())), false).unwrap();
    let fault = fault(client.send(&Request::post(&address, "", "text/plain", b"body".to_vec())));
    assert!(fault.message().ends_with("is not followed: the request carries a secret"), "{fault}");
    assert_eq!(
        (paths(&server), other.requests()),
        (vec!["POST /h/".to_owned(), "POST /h/2".to_owned()], vec![])
    );
}

#[test]
fn not_modified_is_a_good_reply() {
    let (result, ..) = get(Answer::status(304), "");
    assert_eq!(result.unwrap().status, 304);
}

#[test]
fn where_redirects_led_is_known_and_whether_for_good() {
    let (last, folder) = (Answer::text(200, "here"), tempfile::tempdir().unwrap());
    for (statuses, permanent) in [
        (&[][..], None),
        (&[301][..], Some(true)),
        (&[308, 301], Some(true)),
        (&[302], Some(false)),
        (&[301, 307], Some(false)),
        (&[303, 308], Some(false)),
    ] {
        let script = statuses.iter().enumerate().fold(Script::new(), |script, (n, status)| {
            script.then(Answer::redirect(*status, &format!("/{n}?key=redirect-sesame-3")))
        });
        let server = Server::start(script.then(last.clone()));
        Secret::new("redirect-sesame-3");
        let request = Request::get(&base(&server), "old");
        let flags = |flag: &str| format!("--{flag} {}", folder.path().display());
        let reply = client(&flags("record"), &[]).0.send(&request).unwrap();
        let to = format!("{}/{}?key=[redacted]", server.url(), statuses.len().saturating_sub(1));
        assert_eq!(reply.redirect, permanent.map(|permanent| Redirect { to, permanent }), "{statuses:?}");
        let replayed = client(&flags("replay"), &[]).0.send(&request).unwrap();
        assert_eq!(replayed.redirect, reply.redirect, "{statuses:?}");
    }
}
