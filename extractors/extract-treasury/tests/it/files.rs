//! Requests, and replies that are not files.

use etl_testkit::extract::{Sealed, failed};
use etl_testkit::http::{Reply, Server};

use crate::extractor::{csv, recorded, run, server};

const FILES: &str = "/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv";
const CURVE: &str = "type=daily_treasury_yield_curve";

fn html(status: u16) -> Reply {
    Reply::status(status)
        .header("Content-Type", "text/html; charset=UTF-8")
        .body("<!DOCTYPE html><html><body>Date, sorry</body></html>")
}

#[test]
fn the_requests_are_those_of_the_services_own_links() {
    let server = server([recorded("2025/2025_gap_1_5_month.csv"), csv("Date,\"1 Mo\"")]);
    let ran = run(&server, "yield-curve --month 202601 --year 2025");
    assert_eq!(ran.ok().stderr, "treasury.yield_curve: 2 records of 2 files\n");
    let requests = server.requests();
    let targets: Vec<&str> = requests.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(
        targets,
        [
            format!("{FILES}/2025/all?{CURVE}&field_tdr_date_value=2025&page&_format=csv"),
            format!("{FILES}/all/202601?{CURVE}&field_tdr_date_value_month=202601&page&_format=csv"),
        ]
    );
    let user_agent = requests[0].header("user-agent").unwrap_or_default();
    assert!(user_agent.starts_with("extract-treasury/"), "{user_agent}");
    assert_eq!(requests[0].header("accept"), Some("text/csv"));
    assert_eq!(requests[0].header("accept-encoding"), Some("gzip"));
}

#[test]
fn each_series_has_its_type() {
    for (command, kind, header) in [
        ("bill-rates", "daily_treasury_bill_rates", "4 WEEKS BANK DISCOUNT"),
        ("long-term-rate", "daily_treasury_long_term_rate", "LT COMPOSITE (>10 Yrs)"),
        ("real-yield-curve", "daily_treasury_real_yield_curve", "5 YR"),
        ("real-long-term", "daily_treasury_real_long_term", "LT Real Average (10> Yrs)"),
    ] {
        let server = server([csv(&format!("Date,\"{header}\"\n"))]);
        run(&server, &format!("{command} --year 2026")).ok();
        let target = &server.requests()[0].target;
        assert!(target.contains(&format!("/2026/all?type={kind}&")), "{target}");
    }
}

#[test]
fn a_prefix_of_the_base_url_is_kept() {
    let server = server([csv("Date,\"1 Mo\"")]);
    let url = format!("{}/mirror/", server.url());
    crate::extractor::extractor().run(&["yield-curve", "--year", "2026", "--base-url", &url]).ok();
    assert!(server.requests()[0].target.starts_with(&format!("/mirror{FILES}/2026/all?")));
}

#[test]
fn a_page_for_people_is_never_a_file() {
    let denied = "403: the service asks for no key; it, or a proxy, refuses this machine";
    let none = "404: there is no such file: is the year or the month one of the past, and --base-url right?";
    for (reply, code, message) in [
        (html(200), 76, "HOST: text/html; charset=UTF-8 where CSV is expected"),
        (Reply::status(200).body("<html>"), 76, "HOST: a reply without a type where CSV is expected"),
        (html(403), 77, &format!("HOST: {denied}")),
        (html(404), 78, &format!("HOST: {none}")),
        (html(301), 76, "HOST: the redirect names no location"),
        (
            csv("<!DOCTYPE html><html>"),
            76,
            "the reply to daily_treasury_yield_curve is not as documented: HTML where CSV is expected",
        ),
        (
            csv(""),
            76,
            "the reply to daily_treasury_yield_curve is not as documented: nothing, not even a header",
        ),
    ] {
        let server = server([reply]);
        let ran = run(&server, "yield-curve --year 2026");
        failed(&ran, code, &format!("2026: {message}"));
        assert_eq!(server.requests().len(), 1, "{message}");
    }
}

#[test]
fn a_service_that_is_out_of_order_is_asked_again() {
    let file = || recorded("2025/2025_gap_1_5_month.csv");
    for broken in [html(503), html(502), Reply::reset(), Reply::close(), file().cut_after(200)] {
        let once = server([broken.clone(), file()]);
        let ran = run(&once, "yield-curve --year 2025");
        assert_eq!(Sealed::of(&ran).records.len(), 2);
        assert_eq!(once.requests().len(), 2);

        let always = Server::start(broken);
        let ran = run(&always, "yield-curve --year 2025 --retries 0");
        ran.fails(75);
        assert_eq!(always.requests().len(), 1);
        assert!(!ran.stdout.contains("\"date\""), "{}", ran.stdout);
    }
}

#[test]
fn a_limit_is_waited_for_as_it_says() {
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (header, is_later) in [
        (Some("3600"), true),
        (Some("Mon, 31 Dec 2125 23:59:59 GMT"), true),
        (Some("0"), false),
        (Some(past), false),
    ] {
        let limit = header.iter().fold(html(429), |limit, header| limit.header("Retry-After", header));
        let server = server([limit, recorded("2025/2025_gap_1_5_month.csv")]);
        let ran = run(&server, "yield-curve --year 2025 --deadline 30s");
        if is_later {
            let last = ran.fails(75).last_error_line();
            assert!(last.contains("429 Too Many Requests") && last.contains("; retry_at "), "{last}");
            assert_eq!(server.requests().len(), 1);
        } else {
            assert_eq!(Sealed::of(&ran).records.len(), 2, "{header:?}");
        }
    }
}

#[test]
fn a_row_that_is_cut_or_ragged_fails_with_its_line() {
    // What a proxy sends as a whole that was cut where a cell ends.
    let body = "Date,\"1 Mo\",\"10 Yr\"\n02/18/2025,4.38,4.55\n02/14/2025,4.37";
    let ran = run(&server([csv(body)]), "yield-curve --year 2025");
    let why = "2025: the reply to daily_treasury_yield_curve is not as documented: line 3: 2 cells, but there are 3 columns";
    failed(&ran, 76, why);
    assert!(!ran.stdout.contains("\"date\""), "{}", ran.stdout);
}

#[test]
fn a_file_that_ends_with_the_connection_is_not_taken_for_whole() {
    let file = || recorded("2025/2025_gap_1_5_month.csv");
    let cut = server([file().until_close()]);
    let ran = run(&cut, "yield-curve --year 2025 --retries 0");
    ran.fails(76);
    assert!(ran.last_error_line().contains("nobody can see whether it was cut"), "{}", ran.stderr);
    for whole in [file().chunked(), file().gzip(), file().gzip().until_close()] {
        let ran = run(&server([whole]), "yield-curve --year 2025");
        assert_eq!(Sealed::of(&ran).records.len(), 2);
    }
}

#[test]
fn one_file_for_all_years_does_not_make_two_records_of_a_day() {
    let file = || recorded("2025/2025_gap_1_5_month.csv");
    let server = server([file(), file()]);
    let ran = run(&server, "yield-curve --year 2025 --year 2026");
    assert_eq!(Sealed::of(&ran).records.len(), 2);
    assert!(ran.stderr.contains("warning: 2026: 2 rows are of another time than 2026\n"), "{}", ran.stderr);
}
