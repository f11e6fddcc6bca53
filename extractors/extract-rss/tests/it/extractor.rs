//! What is the same for all extractors, and what becomes of each recorded reply.

use etl_testkit::extract::{Extractor, fixtures};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Ran;

/// The files that the projects of Standpipe share, their copies here, and what becomes of them.
const FIXTURES: [(&str, &str, &str); 7] = [
    ("atom_example_1.xml", "tests/replies/atom_example_1.xml", "1 record"),
    ("guid_not_permalink.xml", "tests/replies/guid_not_permalink.xml", "1 record"),
    ("jsonfeed_example_1.json", "tests/replies/jsonfeed_example_1.json", "2 records"),
    ("pubdate_rfc2822.xml", "tests/replies/pubdate_rfc2822.xml", "1 record"),
    ("rpilocator_one_item.xml", "tests/replies/rpilocator_one_item.xml", "1 record"),
    ("rss1_example_1.xml", "tests/replies/rss1_example_1.xml", "2 records"),
    ("rss2_example_1.xml", "tests/replies/rss2_example_1.xml", "1 record"),
];

pub(crate) fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-rss"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["--url", "{url}/a", "--url", "{url}/feed/?country=US&cat=PI5"],
        replies: vec![
            feed(include_bytes!("../replies/rss2_example_1.xml")),
            feed(include_bytes!("../replies/rpilocator_one_item.xml")),
        ],
        schema: "rss.items",
        key: None,
    }
}

/// A document as the server of a feed sends it.
pub(crate) fn feed(document: impl AsRef<[u8]>) -> Reply {
    Reply::status(200).header("Content-Type", "application/rss+xml").body(document)
}

/// A feed with items of these guids, which are also their titles.
pub(crate) fn rss(guids: &[&str]) -> Reply {
    let item = |guid: &&str| {
        format!(
            "<item><title>item {guid}</title><link>https://x.example/{guid}?a&amp;b</link><guid isPermaLink=\"false\">{guid}</guid></item>"
        )
    };
    let items: String = guids.iter().map(item).collect();
    feed(format!("<rss version=\"2.0\"><channel><title>t</title>{items}</channel></rss>"))
}

/// A server with these replies, in this order.
pub(crate) fn server(replies: impl IntoIterator<Item = Reply>) -> Server {
    Server::start(replies.into_iter().fold(Script::new(), Script::then))
}

/// Runs it for the feed `/feed` of a server.
#[track_caller]
pub(crate) fn run(server: &Server, args: &[&str]) -> Ran {
    extractor().run(&[&["--url", &format!("{}/feed", server.url())], args].concat())
}

/// The lines of stderr that are warnings.
pub(crate) fn warnings(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter_map(|line| line.strip_prefix("warning: ")).collect()
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    let unread = "1 date is kept as text only: without a zone, or not in the form of feeds";
    for (name, ran) in extractor().golden("tests/replies", &["--url", "{url}/b/feed"], "1 feed") {
        let expected: &[&str] = match name.as_str() {
            "rss1_example_1" | "undeclared_prefixes" => &[unread],
            "reused_guid" => &["1 id is of several items, which are identified by what they say instead"],
            "windows_1252_unsaid" => &["the document says no encoding that it is in: read as windows-1252"],
            _ => &[],
        };
        let found: Vec<&str> =
            warnings(&ran).iter().map(|warning| warning.rsplit_once("/b/feed: ").unwrap().1).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn no_shared_fixture_is_without_an_outcome() {
    fixtures(env!("CARGO_MANIFEST_DIR"), "rss", &FIXTURES);
}
