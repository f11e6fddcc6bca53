//! Items in a real PostgreSQL, and in Slack only once.

use std::io::pipe;

use etl_testkit::http::{Reply, Server};
use etl_testkit::load::printed;
use etl_testkit::postgres::{self, Space};
use etl_testkit::run::{Cmd, Ran};

use crate::extractor::{extractor, feed, server};

const FIRST: &str = include_str!("../replies/rpilocator_one_item.xml");

/// The same feed with another alert for the same product, which is on top as new ones are.
fn second() -> String {
    let (start, end) = (FIRST.find("<item>").unwrap(), FIRST.find("</item>").unwrap() + "</item>".len());
    let item = FIRST[start..end]
        .replace("F9FAB0D9-DF6F-40C8-8DEE5FC0646BB722", "0A11B0D9-0000-4000-8000000000000001")
        .replace("14:32:32", "16:00:00");
    format!("{}{item}\n{}", &FIRST[..start], &FIRST[start..])
}

/// `extract-rss --url URL | load-postgres --mode ignore --emit new | notify-slack --template '{{ title }} {{ link }}'`
fn pipeline(feed: &Server, space: &Space, slack: &Server) -> [Ran; 3] {
    let url = format!("{}/feed/?country=US&cat=PI5", feed.url());
    let (first_reader, first_writer) = pipe().unwrap();
    let (second_reader, second_writer) = pipe().unwrap();
    let load = Cmd::bin("load-postgres").words("--create --mode ignore --emit new");
    let load = space.env().into_iter().fold(load, |cmd, (name, value)| cmd.env(name, value));
    let notify = Cmd::bin("notify-slack").args(["--template", "{{ title }} {{ link }}"]);
    let notify = notify.env("SLACK_WEBHOOK_URL", format!("{}/services/T/B/x", slack.url()));
    let extract = extractor().cmd(&["--url", &url, "--retries", "0"]).stdout_to(first_writer).spawn();
    let load = load.stdin_from(first_reader).stdout_to(second_writer).spawn();
    let notify = notify.stdin_from(second_reader).spawn();
    [extract.finish(), load.finish(), notify.finish()]
}

/// The texts that Slack got.
fn posted(slack: &Server) -> Vec<String> {
    let text =
        |body: &[u8]| printed(std::str::from_utf8(body).unwrap())[0]["text"].as_str().unwrap().to_owned();
    slack.requests().iter().map(|request| text(&request.body)).collect()
}

#[test]
fn each_new_item_is_posted_once() {
    let space = postgres::Server::shared().space();
    let slack = Server::start(Reply::text(200, "ok"));
    let feeds = server([feed(FIRST), feed(FIRST), feed(second()), feed(second())]);
    let rows = || {
        space.rows(
            "SELECT id, id_source, title, link, summary, content, authors, categories, published_at, published, updated_at, \
             substr(feed_url, strpos(feed_url, '/feed')) FROM rss_items ORDER BY published_at",
        )
    };
    let row = |id: &str, hour: &str| {
        let title = "Stock Alert (UK): RPi CM4 - 1GB RAM, No MMC, No Wifi is In Stock at Pimoroni";
        format!(
            "{id}|guid|{title}|https://rpilocator.com?vendor=pimoroni&utm_source=feed&utm_medium=rss|{title}|NULL|[]|\
             [\"pimoroni\", \"UK\", \"CM4\"]|2022-05-19 {hour}+00|Thu, 19 May 2022 {hour} GMT|NULL|\
             /feed/?country=US&cat=PI5"
        )
    };
    let (old, new) = (
        row("F9FAB0D9-DF6F-40C8-8DEE5FC0646BB722", "14:32:32"),
        row("0A11B0D9-0000-4000-8000000000000001", "16:00:00"),
    );
    let text = "Stock Alert (UK): RPi CM4 - 1GB RAM, No MMC, No Wifi is In Stock at Pimoroni \
                https://rpilocator.com?vendor=pimoroni&amp;utm_source=feed&amp;utm_medium=rss";
    for (stored, posts) in [(vec![&old], 1), (vec![&old], 1), (vec![&old, &new], 2), (vec![&old, &new], 2)] {
        pipeline(&feeds, &space, &slack).iter().for_each(|ran| {
            ran.ok();
        });
        assert_eq!(rows().iter().collect::<Vec<_>>(), stored);
        assert_eq!(posted(&slack), vec![text; posts]);
    }
}

#[test]
fn a_feed_that_fails_stores_nothing_and_is_told() {
    let space = postgres::Server::shared().space();
    let slack = Server::start(Reply::text(200, "ok"));
    let feeds = server([feed(FIRST), feed(&FIRST[..900])]);
    pipeline(&feeds, &space, &slack).iter().for_each(|ran| {
        ran.ok();
    });
    let codes = pipeline(&feeds, &space, &slack).map(|ran| ran.code);
    assert_eq!(codes, [76, 76, 76]);
    assert_eq!(space.count("SELECT count(*) FROM rss_items"), 1);
    let texts = posted(&slack);
    assert!(texts.len() == 2 && texts[1].contains("it ends within"), "{texts:?}");
}
