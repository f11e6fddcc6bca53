//! Requests, and replies that are not quotes.

use etl_testkit::extract::{KEY, Sealed, failed, silent};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Folder;

use crate::extractor::{extractor, reply, run};

#[test]
fn the_request_is_what_the_service_documents() {
    let server = Server::start(Reply::json(200, &reply("rubi_2020.json")));
    let url = format!("{}/api/v1/", server.url());
    let symbols = ["--symbol", "ERE.UN.TO", "--symbol", "^GSPC", "--symbol", "BINANCE:BTCUSDT"];
    run(&[&["quote", "--base-url", &url], &symbols[..]].concat()).ok();
    let requests = server.requests();
    let targets: Vec<&str> = requests.iter().map(|request| request.target.as_str()).collect();
    let asked = ["ERE.UN.TO", "%5EGSPC", "BINANCE%3ABTCUSDT"];
    assert_eq!(targets, asked.map(|symbol| format!("/api/v1/quote?symbol={symbol}")));
    assert_eq!(requests[0].method, "GET");
    assert_eq!(requests[0].header("x-finnhub-token"), Some(KEY));
    assert_eq!(requests[0].header("accept"), Some("application/json"));
    assert_eq!(requests[0].header("accept-encoding"), Some("gzip"));
}

#[test]
fn a_file_lists_symbols_after_those_of_the_flags_and_before_the_variable() {
    let server = Server::start(Reply::json(200, &reply("rubi_2020.json")));
    let folder = Folder::new();
    folder.write("watched.txt", "# held\nMSFT\nBRK.B # since May\n");
    let file = folder.path("watched.txt").display().to_string();
    let args = ["quote", "--symbols", &file, "--symbol", "AAPL", "--base-url", &server.url()];
    let ran = silent(extractor().cmd(&args).env("STOCK_SYMBOL", "SPY"));
    let symbols: Vec<_> = Sealed::of(&ran).records.iter().map(|record| record["symbol"].clone()).collect();
    assert_eq!(symbols, ["AAPL", "MSFT", "BRK.B"]);

    let args = ["quote", "--base-url", &server.url()];
    let ran = silent(extractor().cmd(&args).env("STOCK_SYMBOL", "SPY"));
    assert_eq!(Sealed::of(&ran).records[0]["symbol"], "SPY");
}

#[test]
fn a_symbol_that_is_not_known_fails_the_run_after_those_that_are() {
    let script = Script::new()
        .then(Reply::json(200, &reply("aapl_2024_sample.json")))
        .then(Reply::json(200, &reply("unknown_symbol_zeros.json")));
    let server = Server::start(script);
    let args =
        ["quote", "--symbol", "AAPL", "--symbol", "aapl", "--symbol", "MSFT", "--base-url", &server.url()];
    let why = "symbol aapl: Finnhub has no quote of it: it does not know or does not cover the symbol (a quote of time 0; \
               letters count in their case)";
    failed(&run(&args), 78, why);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_limit_is_waited_for_as_the_service_asks_or_for_a_minute() {
    let limit = || Reply::json(429, &reply("error_429_limit.json"));
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    // The form of Retry-After, the requests within 30 seconds, and whether the message says when to come back.
    for (header, requests, later) in [
        (None, 1, true),
        (Some("soon"), 1, true),
        (Some("3600"), 1, true),
        (Some("Mon, 31 Dec 2125 23:59:59 GMT"), 1, true),
        (Some("0"), 2, true),
        (Some(past), 2, true),
    ] {
        let limit = header.iter().fold(limit(), |limit, header| limit.header("Retry-After", header));
        // Not verified, so not followed.
        let limit = limit.header("X-Ratelimit-Reset", "1").header("X-Ratelimit-Remaining", "0");
        let server = Server::start(limit);
        let args =
            ["quote", "--symbol", "A", "--deadline", "30s", "--retries", "1", "--base-url", &server.url()];
        let ran = run(&args);
        let last = ran.fails(75).last_error_line();
        assert!(last.contains("symbol A: 127.0.0.1:") && last.contains("429 Too Many Requests"), "{last}");
        assert!(last.contains("API limit reached. Please try again later."), "{last}");
        assert_eq!(last.contains("; retry_at "), later, "{header:?}: {last}");
        assert_eq!(server.requests().len(), requests, "{header:?}: {last}");
    }
    let server = Server::start(
        Script::new()
            .then(limit().header("Retry-After", "0"))
            .then(Reply::json(200, &reply("rubi_2020.json"))),
    );
    let ran = run(&["quote", "--symbol", "RUBI", "--base-url", &server.url()]);
    assert_eq!(Sealed::of(&ran).records[0]["last_price"], 6.06);
}

#[test]
fn the_quota_of_the_free_plan_is_kept() {
    let server = Server::start(Reply::json(200, &reply("rubi_2020.json")));
    let folder = Folder::new();
    let ledger = folder.path("calls").display().to_string();
    let symbols: String = (0..130).map(|n| format!("S{n}\n")).collect();
    folder.write("symbols", symbols);
    let file = folder.path("symbols").display().to_string();
    let ran = run(&["quote", "--symbols", &file, "--quota", &ledger, "--base-url", &server.url()]);
    let last = ran.fails(75).last_error_line();
    assert!(last.contains("the quota of 60 requests a minute is spent (--quota); retry_at "), "{last}");
    // More than those of one minute, if one ends meanwhile; never those of all symbols.
    let sent = server.requests().len();
    assert!((60..=120).contains(&sent), "{sent}");
}

#[test]
fn what_the_service_refuses_names_what_to_mend() {
    let sign_up = reply("error_429_sign_up.json");
    for (answer, code, message) in [
        (
            Reply::text(429, &sign_up),
            77,
            "429: API limit reached. Please sign up for a free account to continue using the API. (it says so when no key \
             arrives: is FINNHUB_API_KEY the key, and does a proxy drop headers?)",
        ),
        (Reply::status(401), 77, "401 (the key is that of FINNHUB_API_KEY)"),
        (
            Reply::json(403, r#"{"error":"You don't have access to this resource."}"#),
            77,
            "403: You don't have access to this resource. (the plan of FINNHUB_API_KEY does not include it)",
        ),
        (
            Reply::status(403).header("Content-Type", "text/html").body("<h1>Blocked</h1>"),
            77,
            "403 (the plan of FINNHUB_API_KEY does not include it)",
        ),
        (
            Reply::json(422, r#"{"error":"Missing parameter"}"#),
            78,
            "422 Unprocessable Entity: {\"error\":\"Missing parameter\"}",
        ),
        (Reply::json(200, r#"{"error":"Something odd"}"#), 76, "200: Something odd"),
        (
            Reply::status(200).header("Content-Type", "text/html; charset=utf-8").body("<html>Log in</html>"),
            76,
            "text/html; charset=utf-8 where JSON is expected",
        ),
        (Reply::text(200, &reply("rubi_2020.json")), 76, "text/plain where JSON is expected"),
    ] {
        let server = Server::start(answer);
        let ran = run(&["quote", "--symbol", "A", "--base-url", &server.url()]);
        failed(&ran, code, &format!("symbol A: HOST: {message}"));
        assert_eq!(server.requests().len(), 1, "{message}");
    }
}

#[test]
fn a_reply_without_a_type_is_read_for_what_it_is() {
    for (body, code) in [(reply("rubi_2020.json").as_str(), 0), ("<html>", 76), ("", 76)] {
        let server = Server::start(Reply::status(200).body(body));
        assert_eq!(run(&["quote", "--symbol", "A", "--base-url", &server.url()]).code, code, "{body}");
    }
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let other = Server::start(Reply::status(200).header("Content-Type", "text/html").body("<html>"));
    let server = Server::start(Reply::redirect(302, &format!("{}/blocked", other.url())));
    let ran = run(&["quote", "--symbol", "A", "--base-url", &server.url()]);
    ran.fails(76);
    assert!(ran.last_error_line().contains("redirect"), "{}", ran.stderr);
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}

#[test]
fn a_reply_that_is_cut_is_asked_for_again() {
    let whole = || Reply::json(200, &reply("rubi_2020.json"));
    for broken in
        [whole().cut_after(20), Reply::reset(), Reply::close(), Reply::text(502, "<html>bad gateway")]
    {
        let server = Server::start(Script::new().then(broken.clone()).then(whole()));
        let ran = run(&["quote", "--symbol", "RUBI", "--base-url", &server.url()]);
        assert_eq!(Sealed::of(&ran).records[0]["traded_at"], "2020-03-27T08:11:36Z");
        assert_eq!(server.requests().len(), 2);

        let server = Server::start(broken);
        run(&["quote", "--symbol", "RUBI", "--retries", "0", "--base-url", &server.url()]).fails(75);
    }
}
