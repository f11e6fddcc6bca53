//! A list that comes in pages.

use std::collections::HashSet;

use etl_component::{Class, redact};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::json::Shape;
use crate::link;
use crate::quote::quote;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

/// Asks for one page after another, and for none twice.
///
/// ```no_run
/// # fn read(service: etl_http::Service) -> Result<(), etl_http::Error> {
/// use etl_http::Pages;
/// let alerts = service.get("repos/o/r/dependabot/alerts").query("per_page", 100);
/// let mut pages = Pages::by_link(alerts);
/// while let Some(reply) = pages.next(&service)? {
///     // its records
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pages {
    next: Option<Request>,
    rule: Rule,
    /// Digests of the requests and bodies so far: even a long list takes little memory.
    seen: HashSet<[u8; 16]>,
}

/// Where the next page is found.
#[derive(Debug)]
enum Rule {
    Link,
    Address(fn(&Reply) -> Shape<Option<String>>),
    Token { parameter: &'static str, read: fn(&Reply) -> Shape<Option<String>> },
    Count { parameter: &'static str, at: u64, step: Step, items: fn(&Reply) -> Shape<usize> },
}

/// How the count in a request grows.
#[derive(Clone, Copy, Debug)]
enum Step {
    Items,
    One,
}

impl Pages {
    /// Pages whose `Link` header names the next one (`rel="next"`, RFC 8288); the link is followed as given.
    pub fn by_link(first: Request) -> Pages {
        Pages::new(first, Rule::Link)
    }

    /// Pages whose body has the address of the next one, if there is one, absolute or relative; it is followed as
    /// given.
    pub fn by_address(first: Request, address: fn(&Reply) -> Shape<Option<String>>) -> Pages {
        Pages::new(first, Rule::Address(address))
    }

    /// Pages whose body has a token or cursor for the next one, if there is one: the request is repeated with it in this
    /// query parameter.
    pub fn by_token(
        first: Request,
        parameter: &'static str,
        token: fn(&Reply) -> Shape<Option<String>>,
    ) -> Pages {
        Pages::new(first, Rule::Token { parameter, read: token })
    }

    /// Pages that are asked for by the number of items before them, counted from `start` (usually 0). The last page
    /// is the one without items: a page that is shorter than asked for may not be the last.
    pub fn by_offset(
        first: Request,
        parameter: &'static str,
        start: u64,
        items: fn(&Reply) -> Shape<usize>,
    ) -> Pages {
        Pages::counted(first, parameter, start, Step::Items, items)
    }

    /// Pages that are asked for by their number, from `start` (usually 1). The last page is the one without items.
    pub fn by_number(
        first: Request,
        parameter: &'static str,
        start: u64,
        items: fn(&Reply) -> Shape<usize>,
    ) -> Pages {
        Pages::counted(first, parameter, start, Step::One, items)
    }

    fn counted(
        first: Request,
        parameter: &'static str,
        at: u64,
        step: Step,
        items: fn(&Reply) -> Shape<usize>,
    ) -> Pages {
        Pages::new(first.set_query(parameter, at), Rule::Count { parameter, at, step, items })
    }

    fn new(first: Request, rule: Rule) -> Pages {
        Pages { next: Some(first), rule, seen: HashSet::new() }
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    /// Those of [`Service::send`]; 76 if a page comes again (the same request, or the same body, unless that is an empty
    /// list), if the next one is on another server, or if the page is not as documented.
    pub fn next(&mut self, service: &Service) -> Result<Option<Reply>, Error> {
        let Some(request) = self.next.take() else { return Ok(None) };
        let host = request.base.host();
        if !self.is_new(&format!("{host}/{}", request.label()).into_bytes()) {
            let page = quote(&request.label());
            return Err(refused(&format!(
                "{host}: the pages go in a circle: {page} would be asked for again"
            )));
        }
        let reply = service.send(&request)?;
        // One empty list cannot be distinguished from another.
        let is_empty = matches!(reply.body.trim_ascii(), b"" | b"[]" | b"{}");
        if !is_empty && !self.is_new(&reply.body) {
            let page = quote(&request.label());
            return Err(refused(&format!(
                "{host}: the pages go in a circle: the reply to {page} came before"
            )));
        }
        self.next = self.rule.next(service, &request, &reply)?;
        Ok(Some(reply))
    }

    fn is_new(&mut self, bytes: &[u8]) -> bool {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(bytes)[..16]);
        self.seen.insert(digest)
    }
}

impl Rule {
    fn next(&mut self, service: &Service, from: &Request, reply: &Reply) -> Result<Option<Request>, Error> {
        let odd = |mismatch: crate::json::Mismatch| Error::from(mismatch.in_reply_to(&quote(&from.label())));
        match self {
            Rule::Link => {
                let links = reply.headers.iter().filter(|(name, _)| name == "link");
                follow(service, from, link::next(links.map(|(_, value)| value.as_str())))
            }
            Rule::Address(read) => follow(service, from, read(reply).map_err(odd)?.as_deref()),
            Rule::Token { parameter, read } => {
                let token = read(reply).map_err(odd)?;
                Ok(token.map(|token| from.clone().set_query(parameter, token)))
            }
            Rule::Count { parameter, at, step, items } => {
                let items = items(reply).map_err(odd)? as u64;
                *at += match step {
                    Step::Items => items,
                    Step::One => 1,
                };
                Ok((items > 0).then(|| from.clone().set_query(parameter, *at)))
            }
        }
    }
}

fn follow(service: &Service, from: &Request, link: Option<&str>) -> Result<Option<Request>, Error> {
    let Some(link) = link else { return Ok(None) };
    let next = service.follow(from, link)?;
    match service.owns(&next) {
        true => Ok(Some(next)),
        false => Err(refused(&format!(
            "{}: the next page is on another server, {}, which is not asked",
            from.base.host(),
            next.base.host()
        ))),
    }
}

fn refused(message: &str) -> Error {
    Error::lasting(Class::Protocol, redact(message), None)
}
