//! Requests, redirects, limits, and servers in trouble.

use etl_testkit::extract::{Sealed, failed};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::{Folder, Ran};

use crate::extractor::{extractor, feed, rss, run, server, warnings};

/// The ids of a run's records, in order.
#[track_caller]
pub(crate) fn ids(ran: &Ran) -> Vec<String> {
    Sealed::of(ran).records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_address_is_asked_for_as_it_is() {
    let server = server([rss(&["1"])]);
    let url = format!("{}/feed/?country=US&cat=PI5,CM4", server.url());
    let ran = extractor().run(&["--url", &url]);
    let record = &Sealed::of(&ran).records[0];
    assert_eq!(record["feed_url"], url);
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/feed/?country=US&cat=PI5,CM4"));
    let accept =
        "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.8";
    assert_eq!(request.header("accept"), Some(accept));
    assert_eq!((request.header("if-none-match"), request.header("if-modified-since")), (None, None));
}

#[test]
fn the_variables_of_existing_deployments_name_the_feed() {
    let server = server([rss(&["1"]), rss(&["1"])]);
    let base = format!("{}/feed/", server.url());
    let cmd = || extractor().cmd(&[""; 0]);
    let ran = cmd().env("RPI_BASE_URL", &base).env("RPI_COUNTRY", "US").env("RPI_PRODUCT", "PI5").run();
    assert_eq!(Sealed::of(&ran).records[0]["feed_url"], format!("{base}?country=US&cat=PI5"));
    assert_eq!(
        ids(&cmd().env("LOCATOR_URL", format!("{base}?cat=CM4")).env("RPI_COUNTRY", "DE").run()),
        ["1"]
    );
    let targets: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/feed/?country=US&cat=PI5", "/feed/?cat=CM4"]);
}

#[test]
fn a_feed_that_has_moved_is_read_and_its_new_address_is_said() {
    for (status, said) in [(301, true), (308, true), (302, false), (307, false)] {
        let other =
            server([feed("<rss><item><guid isPermaLink='false'>1</guid><link>l</link></item></rss>")]);
        let to = format!("{}/new/feed", other.url());
        let old = server([Reply::redirect(status, &to)]);
        let ran = run(&old, &[]);
        let record = &Sealed::of(&ran).records[0];
        // The name of the feed in the records stays; relative addresses are where the feed is.
        assert_eq!(record["feed_url"], format!("{}/feed", old.url()));
        assert_eq!(record["link"], format!("{}/new/l", other.url()));
        let warning =
            format!("feed {}/feed: the feed has moved for good, to {to}: give that address", old.url());
        assert_eq!(warnings(&ran), if said { vec![warning.as_str()] } else { vec![] }, "{status}");
    }
}

#[test]
fn a_feed_that_is_gone_is_not_asked_for_again() {
    let server = server([Reply::text(410, "gone")]);
    let message = "410 Gone: the feed is gone for good, and need not be asked for again";
    let ran = run(&server, &[]);
    failed(&ran, 78, &format!("feed http://HOST/feed: HOST: {message}"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_limit_is_waited_for_as_it_says() {
    let limit = |after: Option<&str>| {
        after.iter().fold(Reply::text(429, "slow down"), |reply, after| reply.header("Retry-After", after))
    };
    for after in ["0", "1", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let server = server([limit(Some(after)), rss(&["1"])]);
        assert_eq!(ids(&run(&server, &["--deadline", "30s"])), ["1"], "{after}");
        assert_eq!(server.requests().len(), 2, "{after}");
    }
    for after in [Some("31"), Some("Wed, 21 Oct 2099 07:28:00 GMT"), Some("soon"), None] {
        let server = server([limit(after), rss(&["1"])]);
        let ran = run(&server, &["--deadline", "30s"]);
        let line = ran.fails(75).last_error_line();
        assert!(line.contains("429 Too Many Requests: slow down; retry_at 2"), "{after:?}: {line}");
        assert_eq!(server.requests().len(), 1, "{after:?}");
    }
}

#[test]
fn a_reply_that_breaks_off_is_asked_for_again_and_never_fewer_items() {
    let whole = || rss(&["1", "2", "3"]);
    for length in [0, 60, 200] {
        let server = server([whole().cut_after(length), whole().chunked().chunk_missing(), whole().gzip()]);
        assert_eq!(ids(&run(&server, &[])), ["1", "2", "3"], "{length}");
        let ran = run(&self::server([whole().cut_after(length)]), &["--retries", "0"]);
        assert!(!ran.fails(75).stdout.contains("\"kind\":\"end\""), "{length}: {}", ran.stdout);
    }
}

#[test]
fn every_prefix_of_a_document_is_refused() {
    let document = include_str!("../replies/rpilocator_one_item.xml").trim_end();
    let replay = Folder::new();
    let cassettes = replay.path("").display().to_string();
    let server = server([feed(document)]);
    run(&server, &["--record", &cassettes]).ok();
    let name = std::fs::read_dir(&cassettes).unwrap().next().unwrap().unwrap().file_name();
    let cassette: serde_json::Value = serde_json::from_str(&replay.read(name.to_str().unwrap())).unwrap();
    for length in (0..document.len()).step_by(37) {
        let mut cut = cassette.clone();
        cut["body"] = document[..length].into();
        replay.write(name.to_str().unwrap(), cut.to_string());
        let ran = run(&server, &["--replay", &cassettes]);
        assert_eq!(ran.code, 76, "{length}: {}", ran.stderr);
        assert!(ran.last_error_line().contains(": not a feed (application/rss+xml): it "), "{}", ran.stderr);
    }
}

#[test]
fn a_document_is_only_as_large_as_it_may_be() {
    let server = Server::start(Reply::bomb(80 << 20));
    let ran = run(&server, &[]);
    assert!(ran.fails(76).last_error_line().ends_with("(--max-body-bytes)"), "{}", ran.stderr);
    let entities: String = (1..30).map(|n| format!("<!ENTITY e{n} \"&e{};&e{};\">", n - 1, n - 1)).collect();
    let bomb = format!(
        "<!DOCTYPE rss [<!ENTITY e0 \"lol\">{entities}]><rss><item><title>&e29;</title></item></rss>"
    );
    let ran = run(&self::server([feed(bomb)]), &[]);
    assert_eq!(Sealed::of(&ran).records[0]["title"], "&e29;");
}

#[test]
fn one_feed_that_fails_fails_the_run() {
    let script = Script::new().at("/a", rss(&["1"])).at("/b", Reply::text(404, "no such feed"));
    let server = Server::start(script);
    let urls = ["/a?key=s3", "/b?key=s3"].map(|path| format!("{}{path}", server.url()));
    let ran = extractor().run(&["--url", &urls[0], "--url", &urls[1]]);
    failed(&ran, 78, "feed http://HOST/b: HOST: 404 Not Found: no such feed");
}

#[test]
fn old_items_are_left_out_and_those_without_a_date_are_not() {
    let item = |guid: &str, date: &str| {
        format!("<item><guid isPermaLink='false'>{guid}</guid><pubDate>{date}</pubDate></item>")
    };
    let items = [
        item("1", "Thu, 01 Jan 2004 19:48:21 GMT"),
        item("2", "Thu, 01 Jan 2099 19:48:21 GMT"),
        item("3", "gestern"),
    ];
    let server = server([feed(format!("<rss><channel>{}</channel></rss>", items.concat()))]);
    assert_eq!(ids(&run(&server, &["--max-age", "24h"])), ["2", "3"]);
    let url = format!("{}/feed", server.url());
    assert_eq!(ids(&extractor().cmd(&["--url", &url]).env("MAX_AGE", "24").run()), ["2", "3"]);
    assert_eq!(ids(&run(&server, &[])), ["1", "2", "3"]);
}
