//! A request, with its secrets marked.

use std::fmt;
use std::time::Duration;

use etl_component::{Secret, redact};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::policy::Verdict;
use crate::reply::Reply;
use crate::url::{BaseUrl, Url};

/// Everything but RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// What an API knows about its replies; `None` leaves a reply to the common rules.
pub type Judge = fn(&Reply) -> Option<Verdict>;

/// A request to a service below a [`BaseUrl`].
#[derive(Clone)]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) base: BaseUrl,
    /// Percent-encoded; a link that is followed as given may have a query.
    path: String,
    query: Vec<Pair>,
    pub(crate) headers: Vec<Pair>,
    pub(crate) body: Vec<u8>,
    pub(crate) classify: Option<Judge>,
    pub(crate) min_wait_429: Duration,
    pub(crate) whole_errors: bool,
    pub(crate) marked_end: bool,
}

#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) secret: bool,
    /// Whether it is no part of the request's name.
    pub(crate) passing: bool,
}

impl Pair {
    fn new(name: &str, value: String) -> Pair {
        Pair { name: name.to_owned(), value, secret: false, passing: false }
    }
}

impl Request {
    /// A GET of `path` below the base; the path is percent-encoded here, slashes excepted.
    pub fn get(base: &BaseUrl, path: &str) -> Request {
        Request::new("GET", base, path)
    }

    /// A POST of `body` to `path` below the base. It is tried again like a GET, so it is only for what may arrive twice.
    pub fn post(base: &BaseUrl, path: &str, content_type: &str, body: Vec<u8>) -> Request {
        let mut request = Request::new("POST", base, path).header("Content-Type", content_type);
        request.body = body;
        request
    }

    /// Sends the body with another method than POST, such as PUT. It is tried again just the same.
    pub fn method(mut self, method: &'static str) -> Request {
        self.method = method;
        self
    }

    /// A GET of a path and query that are followed as given.
    pub(crate) fn given(base: BaseUrl, target: &str) -> Request {
        Request { path: target.trim_start_matches('/').to_owned(), ..Request::new("GET", &base, "") }
    }

    fn new(method: &'static str, base: &BaseUrl, path: &str) -> Request {
        Request {
            method,
            base: base.clone(),
            path: utf8_percent_encode(path.trim_start_matches('/'), PATH).to_string(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            classify: None,
            min_wait_429: Duration::ZERO,
            whole_errors: false,
            marked_end: false,
        }
    }

    /// Adds a query pair; pairs are sent in the order of the calls. An empty value is sent as the name alone.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Request {
        self.query.push(Pair::new(name, value.to_string()));
        self
    }

    /// Adds a query pair that is different in each run, such as the time now. It is no part of the request's name in
    /// messages and cassettes, so that a replay finds the reply to a request of another time.
    pub fn passing_query(mut self, name: &str, value: impl fmt::Display) -> Request {
        self.query.push(Pair { passing: true, ..Pair::new(name, value.to_string()) });
        self
    }

    /// Sets a query pair, which replaces any of the same name.
    pub(crate) fn set_query(mut self, name: &str, value: impl fmt::Display) -> Request {
        self.query.retain(|pair| pair.name != name);
        self.query(name, value)
    }

    /// Whether a link that is followed has a parameter of this name.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|pair| pair.split('=').next() == Some(name))
    }

    /// Adds a query pair that is never printed, recorded or sent to another origin.
    pub fn secret_query(mut self, name: &str, value: &Secret) -> Request {
        self.query.push(Pair { secret: true, ..Pair::new(name, value.expose().to_owned()) });
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push(Pair::new(name, value.to_owned()));
        self
    }

    /// Adds a header of `prefix` and a secret, such as `Authorization` with `"Bearer "`.
    pub fn secret_header(mut self, name: &str, prefix: &str, value: &Secret) -> Request {
        let value = format!("{prefix}{}", value.expose());
        self.headers.push(Pair { secret: true, ..Pair::new(name, value) });
        self
    }

    /// Lets the API judge a reply before the common rules do; `None` leaves it to them.
    pub fn classify(mut self, classify: Judge) -> Request {
        self.classify = Some(classify);
        self
    }

    /// The shortest wait after a 429 that has no readable `Retry-After`.
    pub fn min_wait_429(mut self, wait: Duration) -> Request {
        self.min_wait_429 = wait;
        self
    }

    /// Makes an error reply whose body breaks off count as no reply, because its body decides more than its status does.
    pub fn whole_errors(mut self) -> Request {
        self.whole_errors = true;
        self
    }

    /// Makes a reply that ends only where the connection does count as no reply: with neither a length, chunks nor gzip
    /// nobody can see whether it was cut. That is for formats whose beginning looks like a whole, such as CSV.
    pub fn marked_end(mut self) -> Request {
        self.marked_end = true;
        self
    }

    /// Whether any part of it must not leave the origin it was made for.
    pub(crate) fn carries_secret(&self) -> bool {
        self.base.secret
            || self.query.iter().chain(&self.headers).any(|pair| pair.secret)
            // A secret may also be a part of the path or of the body.
            || redact(&self.base.path) != self.base.path
            || redact(&self.path) != self.path
            || redact(&String::from_utf8_lossy(&self.body)) != String::from_utf8_lossy(&self.body)
    }

    pub(crate) fn url(&self) -> Url {
        // A base URL may be the whole address.
        let slash = if self.path.is_empty() && !self.base.path.is_empty() { "" } else { "/" };
        let target = with_query(format!("{}{slash}{}", self.base.path, self.path), self.query.iter());
        Url { origin: self.base.origin.clone(), target }
    }

    /// Path and query below the base, without secrets and what passes: the name of the request in messages and cassettes.
    pub(crate) fn label(&self) -> String {
        let path = match self.base.whole {
            true => format!("{}{}", self.base.host(), self.base.path),
            false => self.path.clone(),
        };
        redact(&with_query(path, self.query.iter().filter(|pair| !pair.secret && !pair.passing)))
    }
}

/// The target with these pairs appended to its query, if it has one.
fn with_query<'a>(mut target: String, pairs: impl Iterator<Item = &'a Pair>) -> String {
    for pair in pairs {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.extend(utf8_percent_encode(&pair.name, QUERY));
        if !pair.value.is_empty() {
            target.push('=');
            target.extend(utf8_percent_encode(&pair.value, QUERY));
        }
    }
    target
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.base.host(), self.label())
    }
}
