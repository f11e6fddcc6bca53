use etl_http::Redirect;
use serde_json::{Value, json};

use super::*;

const FEED: &str = "https://feeds.example/a/feed";

fn mapped(body: &str) -> Result<Mapped, Fault> {
    items(FEED, &Reply::of(200, &[("Content-Type", "application/xml")], body))
}

/// The items as JSON, without what is the same for all, and the warnings.
#[track_caller]
fn read(body: &str) -> (Vec<Value>, Vec<String>) {
    let mapped = mapped(body).unwrap();
    let values = mapped.items.iter().map(|item| {
        let mut value = serde_json::to_value(item).unwrap();
        let fields = value.as_object_mut().unwrap();
        assert_eq!(fields.shift_remove("feed_url"), Some(FEED.into()));
        assert_eq!(fields.shift_remove("fetched_at"), Some("2017-07-14T02:40:00Z".into()));
        fields.retain(|_, value| !value.is_null() && *value != json!([]));
        value
    });
    (values.collect(), mapped.warnings)
}

/// The only item of RSS 2.0 with this in its `<item>`.
#[track_caller]
fn item(inner: &str) -> Value {
    let (mut items, warnings) = read(&format!("<rss><channel><item>{inner}</item></channel></rss>"));
    assert_eq!((items.len(), warnings), (1, vec![]), "{inner}");
    items.remove(0)
}

/// The only entry of an Atom feed with this in its `<entry>`.
#[track_caller]
fn entry(inner: &str) -> Value {
    let feed = format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><author><name>Feed</name></author><entry>{inner}</entry></feed>"
    );
    let (mut items, warnings) = read(&feed);
    assert_eq!((items.len(), warnings), (1, vec![]), "{inner}");
    items.remove(0)
}

#[test]
fn the_id_is_the_guid_or_else_what_comes_next() {
    for (inner, id, source, link) in [
        ("<guid>g</guid><link>/l</link>", "g", "guid", json!("https://feeds.example/l")),
        ("<guid isPermaLink='false'>http://x.example/</guid>", "http://x.example/", "guid", Value::Null),
        ("<guid>http://x.example/</guid>", "http://x.example/", "guid", json!("http://x.example/")),
        ("<guid isPermaLink='true'>7bd2</guid>", "7bd2", "guid", Value::Null),
        (
            "<guid> </guid><link> l </link>",
            "https://feeds.example/a/l",
            "link",
            json!("https://feeds.example/a/l"),
        ),
        ("<atom:id>urn:1</atom:id><title>t</title>", "urn:1", "atom:id", Value::Null),
        (
            "<atom:link rel='self' href='s'/><atom:link href='l'/>",
            "https://feeds.example/a/l",
            "link",
            json!("https://feeds.example/a/l"),
        ),
        ("<link href='l'/>", "https://feeds.example/a/l", "link", json!("https://feeds.example/a/l")),
    ] {
        let item = item(inner);
        assert_eq!(
            (&item["id"], &item["id_source"], &item["link"]),
            (&id.into(), &source.into(), &link),
            "{inner}"
        );
    }
    let hashed = item("<title>t</title>");
    assert_eq!((hashed["id_source"].as_str(), hashed["id"].as_str().unwrap().len()), (Some("hash"), 32));
    assert_eq!(hashed["id"], item(" <title>\nt </title>\n")["id"]);
    assert_ne!(hashed["id"], item("<title>u</title>")["id"]);
    let long = item(&format!("<guid>{}</guid>", "g".repeat(1001)));
    assert_eq!((long["id_source"].as_str(), long["id"].as_str().unwrap().len()), (Some("hash"), 32));
}

#[test]
fn an_id_of_several_items_identifies_none_of_them() {
    let (items, warnings) = read(
        "<rss><channel><item><guid>1</guid><title>a</title></item><item><guid>1</guid><title>b</title></item>\
         <item><guid>2</guid><title>c</title></item><item><guid>2</guid><title>c</title></item></channel></rss>",
    );
    let found: Vec<_> =
        items.iter().map(|item| (item["title"].as_str(), item["id_source"].as_str())).collect();
    assert_eq!(found, [(Some("a"), Some("hash")), (Some("b"), Some("hash")), (Some("c"), Some("guid"))]);
    assert_ne!(items[0]["id"], items[1]["id"]);
    assert_eq!(
        warnings,
        [
            "1 id is of several items, which are identified by what they say instead",
            "1 item is in the document again: the first one counts"
        ]
    );
}

#[test]
fn texts_are_read_as_people_mean_them() {
    let item = item(
        "<title>AT&T  R&amp;D &nbsp;\n&ldquo;x&rdquo;</title><description><![CDATA[<p>a & b</p>]]></description>\
         <content:encoded>&lt;p&gt;c&lt;/p&gt;</content:encoded><author>a@x.example (A)</author><dc:creator>B</dc:creator>\
         <dc:creator>B</dc:creator><itunes:author>C</itunes:author><category>x</category><category domain='d'> y\nz </category>\
         <category/><dc:subject>x</dc:subject><link>https://x.example?a=1&b=2&amp;c=3</link>",
    );
    let mut expected = json!({
        "title": "AT&T R&D “x”",
        "link": "https://x.example?a=1&b=2&c=3",
        "summary": "<p>a & b</p>",
        "content": "<p>c</p>",
        "authors": ["a@x.example (A)", "B", "C"],
        "categories": ["x", "y z"],
    });
    expected["id"] = expected["link"].clone();
    expected["id_source"] = "link".into();
    assert_eq!(item, expected);
}

#[test]
fn dates_keep_their_texts_and_those_that_say_no_instant_are_warned_of() {
    let read_one = |inner: &str| {
        let (items, warnings) = read(&format!("<rss><item><guid>1</guid>{inner}</item></rss>"));
        let item = &items[0];
        let of = |name: &str| item[name].as_str().map(str::to_owned);
        (of("published"), of("published_at"), of("updated"), of("updated_at"), warnings)
    };
    let some = |text: &str| Some(text.to_owned());
    let good = "Thu, 19 May 2022 14:32:32 GMT";
    assert_eq!(
        read_one(&format!("<pubDate>\n{good} </pubDate><atom:updated>2022-05-19T15:00:00Z</atom:updated>")),
        (
            some(good),
            some("2022-05-19T14:32:32Z"),
            some("2022-05-19T15:00:00Z"),
            some("2022-05-19T15:00:00Z"),
            vec![]
        )
    );
    let warning = "1 date is kept as text only: without a zone, or not in the form of feeds".to_owned();
    assert_eq!(read_one("<dc:date>gestern</dc:date>"), (some("gestern"), None, None, None, vec![warning]));
    assert_eq!(read_one(""), (None, None, None, None, vec![]));
    // Atom's `updated` alone says nothing of when an entry was published.
    let updated = entry("<id>1</id><updated>2005-07-31T12:29:29Z</updated>");
    assert_eq!(
        (&updated["published_at"], &updated["updated_at"]),
        (&Value::Null, &"2005-07-31T12:29:29Z".into())
    );
    let old =
        entry("<id>1</id><issued>2005-07-31T12:29:29Z</issued><modified>2006-07-31T12:29:29Z</modified>");
    assert_eq!(
        (&old["published_at"], &old["updated_at"]),
        (&"2005-07-31T12:29:29Z".into(), &"2006-07-31T12:29:29Z".into())
    );
}

#[test]
fn the_link_of_an_entry_is_its_alternate_page() {
    for (links, link) in [
        ("<link rel='enclosure' href='e'/><link href='l'/>", json!("https://feeds.example/a/l")),
        (
            "<link rel='alternate' type='application/json' href='j'/><link rel='alternate' type='text/html' href='l'/>",
            json!("https://feeds.example/a/l"),
        ),
        (
            "<link rel='alternate' type='application/pdf' href='p'/><link rel='self' href='s'/>",
            json!("https://feeds.example/a/p"),
        ),
        (
            "<link rel='http://www.iana.org/assignments/relation/alternate' href='l'/>",
            json!("https://feeds.example/a/l"),
        ),
        ("<link xml:base='https://x.example/b/' href='../l'/>", json!("https://x.example/l")),
        ("<link rel='self' href='s'/><link rel='edit' href='e'/>", Value::Null),
        ("<link/>", Value::Null),
    ] {
        assert_eq!(entry(&format!("<id>1</id>{links}"))["link"], link, "{links}");
    }
}

#[test]
fn constructs_of_atom_are_text_or_markup() {
    let entry = entry(
        "<id>1</id><title type='html'>a &lt;b&gt;R&amp;amp;D&lt;/b&gt; 1 &lt; 2</title>\
         <summary type='text'>&lt;b&gt; &amp;amp;</summary><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>\
         <p>x &amp; <b>y</b></p></div></content><category term='t' label='T'/><category label='u'/>\
         <author><name>A</name></author><author><email>b@x.example</email></author><contributor><name>C</name></contributor>",
    );
    assert_eq!(
        entry,
        json!({
            "id": "1", "id_source": "atom:id", "title": "a R&D 1 < 2", "summary": "<b> &amp;",
            "content": "<p>x &amp; <b>y</b></p>", "authors": ["A", "b@x.example"], "categories": ["t", "u"],
        })
    );
    // Those of the feed, or of the feed it was taken from.
    assert_eq!(self::entry("<id>1</id>")["authors"], json!(["Feed"]));
    let source = "<id>1</id><source><author><name>S</name></author></source>";
    assert_eq!(self::entry(source)["authors"], json!(["S"]));
}

#[test]
fn json_feeds_of_both_versions_are_read() {
    let (items, warnings) = read(
        "\u{feff} {\"version\":\"https://jsonfeed.org/version/1.1\",\"authors\":[{\"name\":\"Feed\"}],\"items\":[\
         {\"id\":12,\"url\":\"/l\",\"title\":\" a\\nb\",\"content_text\":\"t\",\"tags\":[\"x\",\"x\",1,null],\
         \"authors\":[{\"name\":\"A\"},{\"url\":\"https://b.example\"}],\"date_published\":\"2020-01-24T23:46:57+01:00\"},\
         {\"id\":\"b\",\"external_url\":\"https://x.example\",\"content_html\":\"<p>\",\"content_text\":\"t\",\"summary\":\"s\",\
         \"author\":{\"name\":\"B\"},\"date_modified\":\"2020-01-24\"},{\"title\":false}]}",
    );
    assert_eq!(
        items[0],
        json!({
            "id": "12", "id_source": "guid", "title": "a b", "link": "https://feeds.example/l", "content": "t",
            "authors": ["A", "https://b.example"], "categories": ["x", "1"],
            "published_at": "2020-01-24T22:46:57Z", "published": "2020-01-24T23:46:57+01:00",
        })
    );
    assert_eq!(
        items[1],
        json!({
            "id": "b", "id_source": "guid", "link": "https://x.example", "summary": "s", "content": "<p>", "authors": ["B"],
            "updated": "2020-01-24",
        })
    );
    assert_eq!((&items[2]["id_source"], &items[2]["authors"]), (&"hash".into(), &json!(["Feed"])));
    assert_eq!(warnings, ["1 date is kept as text only: without a zone, or not in the form of feeds"]);
}

#[test]
fn items_are_found_wherever_the_feed_puts_them() {
    for feed in [
        "<rss><channel><item><title>1</title></item><item><title>2</title></item></channel></rss>",
        "<rss version='0.91'><channel/><item><title>1</title></item><item><title>2</title></item></rss>",
        "<rss><channel><items><item><title>1</title></item></items><item><title>2</title></item></channel></rss>",
        // Somebody has forgotten an end tag.
        "<rss><channel><item><title>1</title><item><title>2</title></item></channel></rss>",
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://my.netscape.com/rdf/simple/0.9/'>\
         <channel/><item><title>1</title></item><item><title>2</title></item></rdf:RDF>",
        "<RDF xmlns:r='http://purl.org/rss/1.0/'><r:item><r:title>1</r:title></r:item><r:item><r:title>2</r:title></r:item></RDF>",
        "<atom:feed xmlns:atom='http://www.w3.org/2005/Atom'><atom:entry><atom:title>1</atom:title></atom:entry>\
         <atom:entry><atom:title>2</atom:title></atom:entry></atom:feed>",
        "<feed xmlns='http://purl.org/atom/ns#'><entry><title>1</title></entry><entry><title>2</title></entry></feed>",
        "<FEED><entry><title>1</title></entry><entry><title>2</title></entry></FEED>",
    ] {
        let titles: Vec<Value> = read(feed).0.iter().map(|item| item["title"].clone()).collect();
        assert_eq!(titles, ["1", "2"], "{feed}");
    }
    for empty in ["<rss/>", "<rss><channel><title>t</title></channel></rss>", "<feed></feed>"] {
        assert_eq!(read(empty), (vec![], vec![]), "{empty}");
    }
}

#[test]
fn relative_addresses_are_relative_to_where_the_document_was_found() {
    let mut reply = Reply::of(200, &[], "<rss><item><link>l</link></item></rss>");
    reply.redirect = Some(Redirect { to: "https://moved.example/b/feed".to_owned(), permanent: true });
    let link = serde_json::to_value(&items(FEED, &reply).unwrap().items[0]).unwrap()["link"].clone();
    assert_eq!(link, "https://moved.example/b/l");
}

#[test]
fn what_is_no_feed_says_what_it_is() {
    let page = "an HTML page, such as the challenge that some servers send to robots";
    for (body, why) in [
        ("<!DOCTYPE html><html><head><title>Just a moment...</title>", page),
        (" <HTML lang=en><br>", page),
        ("<!-- c --><html><p>", page),
        ("<script>", "its root is <script>, expected rss, rdf, feed"),
        ("", "it is empty"),
        ("<rss><channel><item><title>a</title></item>", "it ends within <channel>"),
        ("<urlset/>", "its root is <urlset>, expected rss, rdf, feed"),
        ("{\"items\":[]}", "JSON whose `version` is not that of a JSON Feed"),
        ("{\"version\":\"https://jsonfeed.org/version/1\"}", "`items` is missing"),
        (
            "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{",
            "not JSON: EOF while parsing an object at line 1 column 54",
        ),
    ] {
        let fault = mapped(body).unwrap_err();
        let message = format!("api.example: not a feed (application/xml): {why}");
        assert_eq!((fault.class().code(), fault.message()), (76, message.as_str()), "{body}");
    }
}

#[test]
fn hints_say_when_a_feed_wants_to_be_read() {
    let hint = |inner: &str| mapped(&format!("<rss><channel>{inner}</channel></rss>")).unwrap().hint;
    let every = |minutes, element| Hint {
        every: Some((SignedDuration::from_mins(minutes), element)),
        skip_hours: vec![],
    };
    assert_eq!(hint("<ttl>1800</ttl>"), every(1800, "ttl"));
    assert_eq!(hint("<ttl>0</ttl><sy:updatePeriod> hourly </sy:updatePeriod>"), every(60, "sy:updatePeriod"));
    let twice = "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>";
    assert_eq!(hint(twice), every(720, "sy:updatePeriod"));
    assert_eq!(hint("<ttl>soon</ttl><sy:updatePeriod>x</sy:updatePeriod>"), Hint::default());
    let hours = "<skipHours><hour>0</hour><hour>7</hour><hour>24</hour><hour>25</hour></skipHours>";
    assert_eq!(hint(hours), Hint { every: None, skip_hours: vec![0, 7, 0] });
}

#[test]
fn statuses_that_say_more_than_others() {
    let judged = |status, kind, body| judge(&Reply::of(status, &[("Content-Type", kind)], body));
    let gone = "410 Gone: the feed is gone for good, and need not be asked for again".to_owned();
    assert_eq!(judged(410, "text/plain", "x"), Some(Verdict::Fail { class: Class::Config, message: gone }));
    let page =
        "403 Forbidden: with an HTML page, such as the challenge that some servers send to robots".to_owned();
    assert_eq!(
        judged(403, "text/html", "<html>"),
        Some(Verdict::Fail { class: Class::Denied, message: page })
    );
    for status in [200, 304, 403, 404, 429, 503] {
        assert_eq!(judged(status, "text/plain", "x"), None, "{status}");
    }
}
