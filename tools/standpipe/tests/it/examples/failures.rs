//! What the extractors make of a service, a disk or a reader that fails.

use std::fs::File;

use etl_testkit::http::{Reply, Script, Server, TlsCert};
use etl_testkit::run::{Cmd, Folder};
use serde_json::json;

use super::{EXTRACTORS, Shop, TOKEN, aborted, example, extractor, order, wrapped};

fn ada(more: bool) -> Reply {
    Reply::json(200, &json!({"orders": [order(1, 1, "Ada", "12.50", None)], "more": more}).to_string())
}

fn script(replies: &[Reply]) -> Server {
    Server::start(replies.iter().cloned().fold(Script::new(), Script::then))
}

/// Runs each extractor against these replies. It must fail with this code, say these words, and have asked so many times.
#[track_caller]
fn fails(replies: &[Reply], code: i32, says: &str, asked: usize) {
    for words in EXTRACTORS {
        let server = script(replies);
        let ran = extractor(words, &server.url()).run();
        let message = aborted(&ran, code);
        assert!(message.contains(says) && ran.stderr.contains(says), "{words:?}: {message}\n{}", ran.stderr);
        assert!(!format!("{ran:?}").contains(TOKEN), "{words:?}: {ran:?}");
        assert_eq!(server.requests().len(), asked, "{words:?}: {}", ran.stderr);
        Cmd::bin("standpipe").arg("verify").stdin(&ran.stdout).run().fails(code);
    }
}

#[test]
fn the_wrapper_ends_with_the_code_of_what_it_wraps() {
    for words in EXTRACTORS {
        let server = script(&[ada(true), Reply::json(401, "{}")]);
        let ran = wrapped(words, &server.url()).run();
        let message = aborted(&ran, 77);
        assert!(message.contains("401"), "{words:?}: {message}");
    }
}

#[test]
fn a_status_has_its_exit_code() {
    for (status, code) in [(400, 78), (401, 77), (403, 77), (404, 78), (410, 76), (418, 76)] {
        fails(&[ada(true), Reply::json(status, "{}")], code, &status.to_string(), 2);
    }
}

#[test]
fn what_is_not_as_documented_is_refused() {
    let page = |body: &str| Reply::json(200, body);
    for body in [
        "<html>",
        "",
        "[]",
        "null",
        "{}",
        "{\"orders\":[]}",
        "{\"orders\":7,\"more\":false}",
        "{\"orders\":[7],\"more\":false}",
    ] {
        fails(&[page(body)], 76, "/orders?after=0", 1);
    }
    fails(
        &[Reply::json(200, "").body(b"{\"orders\":[],\"more\":false,\"x\":\"\xff\"}")],
        76,
        "/orders?after=0",
        1,
    );
}

#[test]
fn pages_that_lead_nowhere_end() {
    fails(&[ada(true), ada(true)], 76, "/orders?after=1", 2);
    fails(&[Reply::json(200, r#"{"orders":[],"more":true}"#)], 76, "/orders?after=0", 1);
    let backwards =
        json!({"orders": [order(2, 2, "B", "1", None), order(1, 1, "A", "1", None)], "more": false});
    fails(&[Reply::json(200, &backwards.to_string())], 76, "/orders?after=0", 1);
}

#[test]
fn a_limit_is_waited_for_unless_it_lasts() {
    let limit = |after: &str| Reply::json(429, "{}").header("Retry-After", after);
    fails(&[limit("0"), limit("0"), limit("0"), limit("0")], 75, "; retry_at 20", 4);
    fails(&[ada(true), limit("3600")], 75, "; retry_at 20", 2);
    fails(&[limit("999999999")], 75, "; retry_at 20", 1);
    for words in EXTRACTORS {
        let server =
            script(&[ada(true), limit("0"), Reply::json(503, "").header("Retry-After", "0"), page_two()]);
        let ran = extractor(words, &server.url()).run();
        assert_eq!(records(&ran.ok().stdout), [1, 2], "{words:?}");
        let asked: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(
            asked,
            ["/orders?after=0", "/orders?after=1", "/orders?after=1", "/orders?after=1"],
            "{words:?}"
        );
    }
}

fn page_two() -> Reply {
    Reply::json(200, &json!({"orders": [order(2, 2, "Blaise", "1.00", None)], "more": false}).to_string())
}

/// The ids of the records of a stream.
fn records(stream: &str) -> Vec<u64> {
    let id = |line| serde_json::from_str::<serde_json::Value>(line).ok()?["id"].as_u64();
    stream.lines().filter_map(id).collect()
}

#[test]
fn a_reply_that_was_cut_and_a_date_to_wait_for_are_asked_again() {
    for words in EXTRACTORS {
        let dated = Reply::json(503, "").header("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT");
        let server = script(&[ada(true).cut_after(40), dated, ada(true), page_two()]);
        let ran = extractor(words, &server.url()).run();
        assert_eq!(records(&ran.ok().stdout), [1, 2], "{words:?}");
        assert_eq!(server.requests().len(), 4, "{words:?}");
    }
}

#[test]
fn a_certificate_that_does_not_verify_is_no_reason_to_ask_again() {
    for words in EXTRACTORS {
        let (server, _) = Server::start_tls(ada(false), TlsCert::SelfSigned);
        aborted(&extractor(words, &server.url()).run(), 76);
        assert_eq!(server.requests(), [], "{words:?}");
    }
}

#[test]
fn a_redirect_does_not_carry_the_token_away() {
    for words in EXTRACTORS {
        let elsewhere = Server::start(Reply::json(401, "{}"));
        let server = Server::start(Reply::redirect(302, &format!("{}/orders", elsewhere.url())));
        let ran = extractor(words, &server.url()).run();
        aborted(&ran, if words[0] == "node" { 76 } else { 77 });
        assert!(
            elsewhere.requests().iter().all(|request| request.header("Authorization").is_none()),
            "{words:?}"
        );
        assert!(server.requests()[0].header("Authorization").is_some(), "{words:?}");
    }
}

#[test]
fn settings_arguments_and_states_are_checked_before_anything_is_asked() {
    let shop = Shop::new();
    let folder = Folder::new();
    for words in EXTRACTORS {
        let message = aborted(&example(words).env("SHOP_TOKEN", TOKEN).run(), 78);
        assert_eq!(message, "SHOP_URL is not set", "{words:?}");
        let message = aborted(&example(words).env("SHOP_URL", shop.url()).env("SHOP_TOKEN", " \n").run(), 78);
        assert_eq!(message, "SHOP_TOKEN is not set", "{words:?}");
        aborted(&extractor(words, "shop.example").run(), 78);
        aborted(&extractor(words, &shop.url()).arg("--sate").run(), 2);
        for state in ["{", "[]", "7", "{\"cursor\":1}", "{\"after\":\"x\"}", "{\"after\":null}"] {
            folder.write("state.json", state);
            let ran = extractor(words, &shop.url()).arg("--state").arg(folder.path("state.json")).run();
            assert!(aborted(&ran, 3).contains("state.json is not a state of this extractor"), "{words:?}");
        }
    }
    assert_eq!(shop.asked(), [""; 0]);
}

#[test]
fn a_secret_with_a_line_break_at_its_end_is_one_without() {
    let shop = Shop::new();
    for words in EXTRACTORS {
        extractor(words, &shop.url()).env("SHOP_TOKEN", format!("{TOKEN}\n")).run().ok();
    }
}

#[test]
fn a_full_disk_is_74_and_a_reader_that_went_away_141() {
    let shop = Shop::new();
    for words in EXTRACTORS {
        let full = File::options().write(true).open("/dev/full").unwrap();
        extractor(words, &shop.url()).stdout_to(full).run().fails(74);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(extractor(words, &shop.url()).stdout_to(writer).run().fails(141).stderr, "", "{words:?}");
    }
}
