use std::path::Path;

use etl_component::Class;
use etl_testkit::http::{Reply as Answer, Script, Server};

use super::{KEY, service, targets};
use crate::json::{self, Shape};
use crate::{Api, Error, Key, Pages, Place, Reply, Request, Service};

const API: Api = Api { key: Some(Key { variable: KEY, place: Place::Bearer }), ..Api::PLAIN };

fn at(server: &Server, flags: &str) -> Service {
    service(&API, &server.url(), flags, &[("API_KEY", "pages-sesame")]).unwrap()
}

fn token(reply: &Reply) -> Shape<Option<String>> {
    json::object(&reply.body)?.object("next_page")?.text("offset")
}

fn address(reply: &Reply) -> Shape<Option<String>> {
    json::object(&reply.body)?.object("next_page")?.text("uri")
}

fn items(reply: &Reply) -> Shape<usize> {
    Ok(json::object(&reply.body)?.list("data")?.len())
}

/// The bodies of all pages.
fn all(service: &Service, mut pages: Pages) -> Result<Vec<String>, Error> {
    let mut bodies = Vec::new();
    while let Some(reply) = pages.next(service)? {
        bodies.push(String::from_utf8(reply.body).unwrap());
    }
    Ok(bodies)
}

/// How paging fails: its message, with the ports replaced, and what was asked for.
fn fails(script: impl Into<Script>, pages: fn(Request) -> Pages) -> (String, Vec<String>) {
    let server = Server::start(script);
    let service = at(&server, "");
    let error = all(&service, pages(service.get("items").query("limit", 2))).unwrap_err();
    let message = error.to_string().replace(&server.port().to_string(), "PORT");
    assert!(!error.is_transient(), "{message}");
    assert_eq!(etl_component::Fault::from(error).class(), Class::Protocol, "{message}");
    (message, targets(&server))
}

fn linked(body: &str, link: &str) -> Answer {
    Answer::json(200, body).header("Link", link)
}

#[test]
fn links_are_followed_as_they_are_given_until_there_is_none() {
    let script = Script::new()
        .at("/repos/o/r/runs", linked("[1]", r#"</repositories/7/runs?per_page=1&page=2>; rel="next""#))
        .at(
            "/repositories/7/runs",
            linked("[2]", "<?page=1>; rel=prev").header("Link", r#"<runs?page=3>; rel="last next""#),
        )
        .at("/repositories/7/runs", linked("[3]", r#"<?page=1>; rel="first""#));
    let server = Server::start(script);
    let service = at(&server, "");
    let pages = Pages::by_link(service.get("repos/o/r/runs").query("per_page", 1));
    assert_eq!(all(&service, pages).unwrap(), ["[1]", "[2]", "[3]"]);
    let expected = [
        "/repos/o/r/runs?per_page=1",
        "/repositories/7/runs?per_page=1&page=2",
        "/repositories/7/runs?page=3",
    ];
    assert_eq!(targets(&server), expected);
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer pages-sesame"));
    }
}

#[test]
fn an_address_in_the_body_is_followed() {
    let server = Server::start(Answer::json(200, r#"{"data":[],"next_page":null}"#));
    let uri = format!("{}/items?limit=1&offset=ey.J", server.url());
    let first = Server::start(Answer::json(200, &format!(r#"{{"next_page":{{"uri":"{uri}"}}}}"#)));
    // Another port is another server.
    let service = at(&first, "");
    let error = all(&service, Pages::by_address(service.get("items"), address)).unwrap_err();
    let expected = format!(
        "127.0.0.1:{}: the next page is on another server, 127.0.0.1:{}, which is not asked",
        first.port(),
        server.port()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(server.requests(), []);

    let script = Script::new()
        .then(Answer::json(200, r#"{"data":[{}],"next_page":{"uri":"/items?limit=1&offset=ey.J"}}"#))
        .then(Answer::json(200, r#"{"data":[],"next_page":null}"#));
    let server = Server::start(script);
    let service = at(&server, "");
    assert_eq!(all(&service, Pages::by_address(service.get("items"), address)).unwrap().len(), 2);
    assert_eq!(targets(&server), ["/items", "/items?limit=1&offset=ey.J"]);
}

#[test]
fn a_token_takes_the_place_of_the_last_one() {
    let page = |next: &str| Answer::json(200, &format!(r#"{{"data":[],"next_page":{next}}}"#));
    let script =
        Script::new().then(page(r#"{"offset":"a/b"}"#)).then(page(r#"{"offset":"c"}"#)).then(page("null"));
    let server = Server::start(script);
    let service = at(&server, "");
    let first = service.get("items").query("limit", 2);
    assert_eq!(all(&service, Pages::by_token(first, "offset", token)).unwrap().len(), 3);
    assert_eq!(
        targets(&server),
        ["/items?limit=2", "/items?limit=2&offset=a%2Fb", "/items?limit=2&offset=c"]
    );
}

#[test]
fn counted_pages_end_with_an_empty_one() {
    let page = |data: &str| Answer::json(200, &format!(r#"{{"data":[{data}]}}"#));
    let script = || Script::new().then(page(r#"{"n":1},{"n":2}"#)).then(page(r#"{"n":3}"#)).then(page(""));
    let server = Server::start(script());
    let service = at(&server, "");
    assert_eq!(all(&service, Pages::by_offset(service.get("items"), "skip", 0, items)).unwrap().len(), 3);
    assert_eq!(targets(&server), ["/items?skip=0", "/items?skip=2", "/items?skip=3"]);

    let server = Server::start(script());
    let service = at(&server, "");
    assert_eq!(all(&service, Pages::by_number(service.get("items"), "page", 1, items)).unwrap().len(), 3);
    assert_eq!(targets(&server), ["/items?page=1", "/items?page=2", "/items?page=3"]);
}

#[test]
fn a_page_that_comes_again_is_refused() {
    // The same token, with other data.
    let script = Script::new()
        .then(Answer::json(200, r#"{"data":[1],"next_page":{"offset":"a"}}"#))
        .then(Answer::json(200, r#"{"data":[2],"next_page":{"offset":"a"}}"#));
    let (message, asked) = fails(script, |first| Pages::by_token(first, "offset", token));
    let circle = "127.0.0.1:PORT: the pages go in a circle:";
    assert_eq!(message, format!("{circle} items?limit=2&offset=a would be asked for again"));
    assert_eq!(asked, ["/items?limit=2", "/items?limit=2&offset=a"]);

    // A link to itself.
    let script = Script::new().then(linked("[1]", "<?limit=2>; rel=next"));
    let (message, asked) = fails(script, Pages::by_link);
    assert_eq!(message, format!("{circle} items?limit=2 would be asked for again"));
    assert_eq!(asked.len(), 1);

    // A server that ignores the offset.
    let page = Answer::json(200, r#"{"data":[{"n":1}]}"#);
    let (message, asked) = fails(page, |first| Pages::by_offset(first, "skip", 0, items));
    assert_eq!(message, format!("{circle} the reply to items?limit=2&skip=1 came before"));
    assert_eq!(asked.len(), 2);
}

#[test]
fn empty_pages_on_the_way_are_no_circle() {
    let script = Script::new()
        .then(linked("[]", "<?page=2>; rel=next"))
        .then(linked("[]", "<?page=3>; rel=next"))
        .then(Answer::json(200, "[1]"));
    let server = Server::start(script);
    let service = at(&server, "");
    assert_eq!(all(&service, Pages::by_link(service.get("items"))).unwrap(), ["[]", "[]", "[1]"]);
}

#[test]
fn another_server_and_another_shape_are_refused() {
    let (message, asked) =
        fails(linked("[1]", r#"<https://other.example/items?page=2>; rel="next""#), Pages::by_link);
    assert_eq!(
        message,
        "127.0.0.1:PORT: the next page is on another server, other.example, which is not asked"
    );
    assert_eq!(asked.len(), 1);
    let (message, _) = fails(Answer::json(200, r#"{"next_page":{"offset":7}}"#), |first| {
        Pages::by_token(first, "offset", token)
    });
    assert_eq!(
        message,
        "the reply to items?limit=2 is not as documented: `next_page.offset` is a number, expected a string"
    );
}

#[test]
fn a_page_that_fails_keeps_its_status() {
    let script = Script::new()
        .then(Answer::json(200, r#"{"next_page":{"offset":"old"}}"#))
        .then(Answer::json(400, r#"{"errors":[{"message":"offset: Your pagination token has expired."}]}"#));
    let server = Server::start(script);
    let service = at(&server, "");
    let mut pages = Pages::by_token(service.get("items"), "offset", token);
    assert!(pages.next(&service).unwrap().is_some());
    assert_eq!(pages.next(&service).unwrap_err().status(), Some(400));
    assert!(pages.next(&service).unwrap().is_none());
}

#[test]
fn recorded_pages_are_replayed_without_key_and_server() {
    let replays = |folder: &Path, url: &str| {
        let flags = format!("--replay {}", folder.display());
        let service = service(&API, url, &flags, &[]).unwrap();
        all(&service, Pages::by_link(service.get("items"))).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    // The link is the whole address, as services write it.
    let server = Server::answering("127.0.0.1:0", |request| {
        let host = request.header("host").unwrap();
        match request.target.as_str() {
            "/v1/items" => linked("[1]", &format!(r#"<http://{host}/v1/items?page=2>; rel="next""#)),
            _ => Answer::json(200, "[2]"),
        }
    });
    let url = format!("{}/v1", server.url());
    let live = service(
        &API,
        &url,
        &format!("--record {}", folder.path().display()),
        &[("API_KEY", "replay-sesame")],
    );
    let live = live.unwrap();
    assert_eq!(all(&live, Pages::by_link(live.get("items"))).unwrap(), ["[1]", "[2]"]);
    assert_eq!(replays(folder.path(), "https://api.example/v1"), ["[1]", "[2]"]);
    assert_eq!(server.requests().len(), 2);
}
