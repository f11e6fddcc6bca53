//! Requests, and replies that are not yields.

use etl_testkit::extract::{KEY, Sealed, failed, silent};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Folder;

use crate::extractor::{extractor, reply, run, yields};

#[test]
fn the_request_is_what_the_service_documents() {
    for (interval, flags) in
        [("monthly", &[][..]), ("daily", &["--interval", "daily"]), ("weekly", &["--interval", "weekly"])]
    {
        let server = Server::start(yields(interval, &[("2026-11-25", "4.01")]));
        let url = format!("{}/", server.url());
        let ran = run(&[&["treasury-yield", "--maturity", "3month", "--base-url", &url], flags].concat());
        let record = &Sealed::of(&ran).records[0];
        assert_eq!((&record["maturity"], &record["interval"]), (&"3month".into(), &interval.into()));
        let request = server.requests().remove(0);
        assert_eq!(request.method, "GET");
        let query = format!("function=TREASURY_YIELD&interval={interval}&maturity=3month&datatype=json");
        assert_eq!(request.target, format!("/query?{query}&apikey=s3cret%2Fk%22y%2B1"));
        assert_eq!(request.header("accept"), Some("*/*"));
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
    }
}

#[test]
fn the_variables_of_existing_deployments_are_read() {
    let server = Server::start(yields("monthly", &[("2026-11-01", "4.01")]));
    let cmd = extractor().without_key(&["treasury-yield", "--base-url", &server.url()]);
    let ran = silent(cmd.env("ALPHA_KEY", KEY).env("BOND_MATURITY", "2year").env("COUNT", "7"));
    assert_eq!(Sealed::of(&ran).records[0]["maturity"], "2year");
    assert!(server.requests()[0].target.contains("&maturity=2year&"));

    let cmd = extractor().without_key(&["treasury-yield", "--maturity", "2year"]);
    Sealed::of(&silent(
        cmd.env("ALPHA_KEY", KEY).env("BOND_MATURITY", "10year").env("ALPHAVANTAGE_BASE_URL", server.url()),
    ));
}

#[test]
fn a_burst_is_waited_for_and_the_daily_limit_is_not() {
    let burst = || Reply::json(200, &reply("error_200_information_burst.json"));
    let good = || Reply::json(200, &reply("monthly_10year_two_rows.json"));
    let args = |url: &str, deadline: &'static str| {
        [
            "treasury-yield",
            "--maturity",
            "10year",
            "--retries",
            "0",
            "--deadline",
            deadline,
            "--base-url",
            url,
        ]
        .map(str::to_owned)
    };
    // It costs no retry.
    let server = Server::start(Script::new().then(burst()).then(good()));
    let ran = extractor().run(&args(&server.url(), "30s"));
    assert_eq!(Sealed::of(&ran).records.len(), 2);
    assert_eq!(server.requests().len(), 2);
    assert!(ran.stderr.contains("(1 request per second)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("; trying again in 1"), "{}", ran.stderr);

    // Each wait is twice the one before it, because each request counts for the day.
    let server = Server::start(burst());
    let ran = extractor().run(&args(&server.url(), "4s"));
    let last = ran.fails(75).last_error_line();
    assert!(last.contains("1 request per second") && last.contains("; retry_at 2"), "{last}");
    assert_eq!(server.requests().len(), 3);

    // The server's Retry-After, if it has one, is obeyed.
    let server = Server::start(burst().header("Retry-After", "3600"));
    extractor().run(&args(&server.url(), "30s")).fails(75);
    assert_eq!(server.requests().len(), 1);

    // It is noon in New York.
    let daily = Reply::json(200, &reply("error_200_daily_limit.json"));
    let server =
        Server::start(Script::new().then(daily.header("Date", "Fri, 27 Nov 2026 17:00:00 GMT")).then(good()));
    let ran = extractor().run(&args(&server.url(), "11h"));
    let last = ran.fails(75).last_error_line();
    assert!(last.contains("API key as [redacted] and our standard API rate limit is 25"), "{last}");
    assert!(last.contains("; retry_at 2"), "{last}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn several_maturities_are_asked_for_in_order_and_the_first_failure_ends_the_run() {
    let script = Script::new()
        .then(yields("daily", &[("2026-11-25", "4.01")]))
        .then(Reply::json(200, &reply("error_200_invalid_call.json")));
    let server = Server::start(script);
    let maturities = ["--maturity", "30year", "--maturity", "2year", "--maturity", "5year"];
    let url = server.url();
    let ran =
        run(&[&["treasury-yield", "--interval", "daily", "--base-url", &url], &maturities[..]].concat());
    let why = "maturity 2year: HOST: Invalid API call. Please retry or visit the documentation \
               (https://www.alphavantage.co/documentation/) for TREASURY_YIELD. (does the service still have this maturity \
               and interval?)";
    failed(&ran, 78, why);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_quota_of_the_free_plan_is_kept() {
    let server = Server::start(yields("monthly", &[("2026-11-01", "4.01")]));
    let folder = Folder::new();
    let ledger = folder.path("calls").display().to_string();
    let args = ["treasury-yield", "--maturity", "2year", "--quota", &ledger, "--base-url", &server.url()];
    run(&args).ok();
    // As if 24 more had been sent since midnight; after midnight there are 25 again.
    let counted = folder.read("calls").replace("\"calls\":1}", "\"calls\":25}");
    folder.write("calls", &counted);
    let ran = run(&args);
    if ran.code == 0 {
        assert_ne!(folder.read("calls"), counted);
    } else {
        let last = ran.fails(75).last_error_line();
        assert!(last.contains("the quota of 25 requests a day is spent (--quota); retry_at "), "{last}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_reply_that_is_cut_is_asked_for_again() {
    let whole = || Reply::json(200, &reply("monthly_10year_two_rows.json"));
    for broken in [
        whole().cut_after(120),
        whole().chunk_missing(),
        Reply::close(),
        Reply::text(502, "<html>bad gateway"),
    ] {
        let server = Server::start(broken.clone());
        let args = ["treasury-yield", "--maturity", "10year", "--retries", "0", "--base-url", &server.url()];
        run(&args).fails(75);
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::start(Script::new().then(whole().cut_after(120)).then(whole()));
    let ran = run(&["treasury-yield", "--maturity", "10year", "--base-url", &server.url()]);
    assert_eq!(Sealed::of(&ran).records.len(), 2);
}

#[test]
fn a_cut_that_no_length_shows_is_not_json() {
    let body = reply("monthly_10year_two_rows.json");
    let server = Server::start(Reply::json(200, &body).until_close().cut_after(120));
    let ran = run(&["treasury-yield", "--maturity", "10year", "--base-url", &server.url()]);
    let why = "maturity 10year: the reply to TREASURY_YIELD is not as documented: not JSON: ";
    assert!(ran.fails(76).last_error_line().starts_with(why), "{}", ran.stderr);
}

#[test]
fn a_redirect_is_not_followed_with_the_key() {
    let other = Server::start(Reply::json(200, &reply("monthly_10year_two_rows.json")));
    let server = Server::start(Reply::redirect(302, &format!("{}/query", other.url())));
    let ran = run(&["treasury-yield", "--maturity", "10year", "--base-url", &server.url()]);
    assert!(ran.fails(76).last_error_line().contains("redirect"), "{}", ran.stderr);
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}
