use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use etl_component::{Class, Secret};
use etl_testkit::http::{Reply as Answer, Script, Server};

use super::{answering, base, client, fails, fault, get};
use crate::{Request, base_url};

#[test]
fn broken_replies_are_tried_again_and_then_transient() {
    let text = |body| Answer::text(200, body);
    for (answer, cause) in [
        (Answer::close(), "closed"),
        (Answer::reset(), "reset"),
        (text("abcdef").cut_after(3), "closed before the reply was complete"),
        (text("abcdef").chunk_missing(), "closed before the reply was complete"),
        (text("abcdef").bad_chunk(), "not HTTP"),
        (text("abcdef").header("Content-Encoding", "gzip"), "broken gzip"),
    ] {
        let (class, message, waits, requests) = fails(answer.clone(), "--retries 2");
        assert_eq!((class, waits, requests), (Class::Transient, vec![500, 1000], 3), "{answer:?}");
        let words = message.strip_prefix("127.0.0.1:PORT: ").unwrap().to_lowercase();
        assert!(words.contains(&cause.to_lowercase()), "{words}");
        assert!(words.ends_with(" after 3 attempts in 1 s"), "{words}");

        let script = Script::new().then(answer).then(Answer::text(200, "whole"));
        let (result, waits, _) = get(script, "");
        assert_eq!((result.unwrap().body.as_slice(), waits), (&b"whole"[..], vec![500]));
    }
}

#[test]
fn silence_and_trickle_end_within_their_limits() {
    let slow = Answer::text(200, &"x".repeat(10_000)).trickle(Duration::from_millis(20));
    for (answer, flags, cause, requests) in [
        (Answer::silence(), "--read-timeout 100ms --retries 1", "silent", 2),
        (Answer::text(200, "abc").stall_after(1), "--read-timeout 100ms --retries 1", "silent", 2),
        (slow.clone(), "--request-timeout 200ms --retries 1", "--request-timeout", 2),
        (slow, "--deadline 300ms", "--deadline", 1),
        (Answer::silence(), "--deadline 300ms", "--deadline", 1),
    ] {
        let (class, message, _, sent) = fails(answer, flags);
        assert_eq!((class, sent), (Class::Transient, requests), "{flags}: {message}");
        assert!(message.contains(cause), "{message}");
    }
}

#[test]
fn refused_and_unknown_hosts_are_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    // RFC 6761: .invalid never resolves.
    for url in [refused.as_str(), "http://host.invalid"] {
        let (client, waits) = client("--retries 1 --connect-timeout 5s", &[]);
        let fault = fault(client.send(&Request::get(&base_url(url, true).unwrap(), "weather")));
        assert_eq!(fault.class(), Class::Transient, "{fault}");
        assert!(fault.message().starts_with(&format!("{}: ", &url[7..])), "{fault}");
        assert_eq!(waits.lock().unwrap().len(), 1, "{fault}");
    }
}

#[test]
fn what_is_too_large_is_refused_and_what_just_fits_is_not() {
    for answer in [
        Answer::bomb(200 << 20),
        Answer::text(200, &"x".repeat(1001)),
        Answer::text(200, &"x".repeat(1001)).chunked(),
    ] {
        let (class, message, waits, requests) = fails(answer, "--max-body-bytes 1000");
        assert_eq!((class, waits, requests), (Class::Protocol, vec![], 1));
        assert_eq!(message, "127.0.0.1:PORT: the reply is larger than 1000 bytes (--max-body-bytes)");
    }
    let (result, ..) = get(Answer::text(200, &"x".repeat(1000)), "--max-body-bytes 1000");
    assert_eq!(result.unwrap().body.len(), 1000);
}

#[test]
fn a_server_that_does_not_speak_http_broke_the_protocol() {
    let (address, server) = answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let (client, _) = client("", &[]);
    let base = base_url(&format!("http://{address}"), false).unwrap();
    let fault = fault(client.send(&Request::get(&base, "weather")));
    assert_eq!(fault.class(), Class::Protocol, "{fault}");
    server.join().unwrap();
}

#[test]
fn where_a_reply_must_have_a_marked_end_the_close_of_the_connection_is_none() {
    let csv = || Answer::text(200, "Date,10 Yr\n01/02/2026,4.19");
    for (answer, ends) in [
        (csv(), true),
        (csv().chunked(), true),
        (csv().gzip(), true),
        (csv().gzip().chunked(), true),
        (csv().gzip().until_close(), true),
        (csv().until_close(), false),
    ] {
        let server = Server::start(answer.clone());
        let (client, waits) = client("", &[]);
        let result = client.send(&Request::get(&base(&server), "rates.csv").marked_end());
        match ends {
            true => assert_eq!(result.unwrap().body, b"Date,10 Yr\n01/02/2026,4.19", "{answer:?}"),
            false => {
                let fault = fault(result);
                assert_eq!(fault.class(), Class::Protocol);
                let cause = "the reply has neither a length nor chunks, so nobody can see whether it was cut";
                assert!(fault.message().ends_with(cause), "{}", fault.message());
            }
        }
        assert!(waits.lock().unwrap().is_empty(), "{answer:?}");
        // Without that, it is taken as it is.
        let (result, ..) = get(answer, "");
        assert_eq!(result.unwrap().body, b"Date,10 Yr\n01/02/2026,4.19");
    }
}

#[test]
fn packed_replies_that_are_cut_are_asked_for_again() {
    let packed = || Answer::text(200, "Date,10 Yr\n01/02/2026,4.19").gzip();
    for cut in [packed().cut_after(30), packed().until_close().cut_after(30), packed().chunk_missing()] {
        let (result, waits, server) = get(Script::new().then(cut).then(packed()), "");
        assert_eq!(result.unwrap().body, b"Date,10 Yr\n01/02/2026,4.19");
        assert_eq!((waits, server.requests().len()), (vec![500], 2));
    }
}

#[test]
fn gzip_and_chunks_are_undone_and_headers_are_found_in_any_case() {
    let (result, _, server) = get(Answer::json(200, r#"{"temp":8.4}"#).gzip().chunked(), "");
    let reply = result.unwrap();
    assert_eq!(reply.json::<serde_json::Value>().unwrap()["temp"], 8.4);
    assert_eq!(reply.header("CONTENT-type"), Some("application/json; charset=utf-8"));
    let sent = &server.requests()[0];
    assert_eq!((sent.header("accept-encoding"), sent.header("user-agent")), (Some("gzip"), Some("test/1")));
}

#[test]
fn html_and_other_shapes_are_protocol_errors_with_a_redacted_excerpt() {
    let secret = Secret::new("json-sesame");
    let page = Answer::status(200).header("Content-Type", "text/html").body("<html>\n<b>json-sesame</b>");
    let (result, ..) = get(page, "");
    let fault = result.unwrap().json::<serde_json::Value>().unwrap_err();
    assert_eq!(fault.class(), Class::Protocol);
    let (_, words) = fault.message().split_once(": ").unwrap();
    assert_eq!(words, "HTML where JSON is expected (text/html): <html> <b>[redacted]</b>");

    let (result, ..) = get(Answer::json(200, r#"["json-sesame"]"#), "");
    let fault = result.unwrap().json::<Vec<u8>>().unwrap_err();
    assert_eq!(fault.class(), Class::Protocol);
    assert!(fault.message().contains("[redacted]") && !fault.message().contains(secret.expose()), "{fault}");
}

#[test]
fn a_request_is_sent_as_built_and_shows_no_secret() {
    let secret = Secret::new("a&b/request-sesame");
    let server = Server::start(Answer::status(500));
    let (client, _) = client("--retries 0", &[]);
    let base = base_url(&format!("{}/data/2.5/", server.url()), false).unwrap();
    let request = Request::post(&base, "/we ather", "text/plain", b"m v=1".to_vec())
        .query("q", "São Paulo,BR")
        .secret_query("appid", &secret)
        .query("units", "metric")
        .secret_header("Authorization", "Token ", &secret);
    let fault = fault(client.send(&request));
    for shown in [fault.message(), &format!("{request:?}"), &format!("{client:?}")] {
        assert!(!shown.contains("request-sesame"), "{shown}");
    }
    let shown = format!("{request:?}");
    assert!(shown.ends_with(" we%20ather?q=S%C3%A3o%20Paulo%2CBR&units=metric"), "{shown}");
    let sent = &server.requests()[0];
    let target = "/data/2.5/we%20ather?q=S%C3%A3o%20Paulo%2CBR&appid=a%26b%2Frequest-sesame&units=metric";
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("POST", target));
    assert_eq!(sent.header("authorization"), Some("Token a&b/request-sesame"));
    assert_eq!((sent.header("content-type"), sent.body.as_slice()), (Some("text/plain"), &b"m v=1"[..]));
}

#[test]
fn an_echoed_key_is_redacted() {
    let secret = Secret::new("echo-sesame");
    let server = Server::start(Answer::json(400, r#"{"message":"key echo-sesame is bad"}"#));
    let (client, _) = client("", &[]);
    let request = Request::get(&base(&server), "weather").secret_query("appid", &secret);
    let message = fault(client.send(&request)).message().to_owned();
    assert!(message.ends_with(r#"400 Bad Request: {"message":"key [redacted] is bad"}"#), "{message}");
}

#[test]
fn a_secret_far_behind_white_space_is_redacted_whole() {
    for gap in [0, 64 * 1024 - 4, 64 * 1024] {
        Secret::new("cut-sesame-far");
        let body = format!("key{}cut-sesame-far", " ".repeat(gap + 1));
        let (result, ..) = get(Answer::text(400, &body), "");
        let message = fault(result).message().to_owned();
        assert!(message.ends_with("400 Bad Request: key [redacted]"), "{gap}: {message}");
    }
    // If the page is cut in the middle of it, nothing of it is left.
    let body = format!("key{}cut-sesame-far", " ".repeat((1 << 20) - 8));
    let (result, ..) = get(Answer::text(400, &body), "");
    assert!(fault(result).message().ends_with("400 Bad Request: key"));
}

#[test]
fn a_proxy_from_the_environment_carries_the_request() {
    let proxy = Server::start(Answer::text(200, "through"));
    let (client, _) = client("--allow-http", &[("HTTP_PROXY", &proxy.url()), ("NO_PROXY", "direct.invalid")]);
    let base = base_url("http://host.invalid", true).unwrap();
    assert_eq!(client.send(&Request::get(&base, "weather")).unwrap().body, b"through");
    let seen: Vec<_> = proxy.requests().into_iter().map(|r| (r.method, r.target)).collect();
    let expected = [("CONNECT", "host.invalid:80"), ("GET", "/weather")];
    assert_eq!(seen, expected.map(|(method, target)| (method.to_owned(), target.to_owned())));
}

#[test]
fn a_proxy_that_is_not_there_is_blamed() {
    let proxy = Server::start(Answer::status(200));
    let url = proxy.url();
    drop(proxy);
    let (client, _) = client("--allow-http --retries 0", &[("HTTP_PROXY", &url)]);
    let base = base_url("http://host.invalid", true).unwrap();
    let fault = fault(client.send(&Request::get(&base, "weather")));
    assert_eq!(fault.class(), Class::Transient);
    let message = fault.message();
    assert!(message.starts_with("host.invalid: through the proxy from the environment: "), "{message}");
}

/// A proxy that answers one CONNECT with this line.
fn refusing(line: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // Closed early, the connection would be reset before the answer is read.
        let head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        assert!(head.count() > 1);
        (&stream).write_all(format!("HTTP/1.1 {line}\r\n\r\n").as_bytes()).unwrap();
    });
    (url, proxy)
}

#[test]
fn a_proxy_that_refuses_us_is_told_from_one_in_trouble() {
    for (line, class) in [
        ("407 Who are you", Class::Denied),
        ("403 Not there", Class::Denied),
        ("502 Later", Class::Transient),
    ] {
        let (url, proxy) = refusing(line);
        let (client, _) = client("--allow-http --retries 0", &[("HTTP_PROXY", &url)]);
        let request = Request::get(&base_url("http://host.invalid", true).unwrap(), "weather");
        let fault = fault(client.send(&request));
        let status = &line[..3];
        let message =
            format!("host.invalid: the proxy from the environment: proxy server responded {status}/{status}");
        assert_eq!((fault.class(), fault.message()), (class, message.as_str()));
        proxy.join().unwrap();
    }
}
