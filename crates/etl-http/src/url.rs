//! Addresses: what a base URL may be, and where a `Location` leads.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use etl_component::{Fault, Secret, redact};
use ureq::http::Uri;
use ureq::http::uri::Authority;

/// Scheme, host and port: a secret is sent to one origin only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    /// Lower case; an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    fn of(uri: &Uri) -> Result<Origin, String> {
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it must start with https:// (or http://)".to_owned()),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it must not contain a user or password".to_owned());
        }
        let (host, usual) = (authority.host(), if https { 443 } else { 80 });
        // http::Uri accepts an empty host, and hides a port that is out of range.
        let port = port(authority).map_or(Some(usual), |text| text.parse().ok().filter(|&port| port > 0));
        match port {
            Some(port) if !host.is_empty() => Ok(Origin { https, host: host.to_ascii_lowercase(), port }),
            _ => Err("its host or port is not valid".to_owned()),
        }
    }

    /// The host without the brackets of an IPv6 address.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn is_loopback(&self) -> bool {
        let host = self.bare_host();
        host == "localhost"
            || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
            || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether requests may go there: plain HTTP shows keys to everyone on the way.
    pub(crate) fn is_allowed(&self, allow_http: bool) -> bool {
        self.https || allow_http || self.is_loopback()
    }

    /// `scheme://host:port`, as `proxy` and `transport` need it.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}:{}", if self.https { "https" } else { "http" }, self.host, self.port)
    }
}

impl fmt::Display for Origin {
    /// The host for messages, with its port only if that is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if self.port == if self.https { 443 } else { 80 } { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The text of the port, if there is a colon for one.
pub(crate) fn port(authority: &Authority) -> Option<&str> {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    host_and_port.strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':'))
}

/// The prefix of a service's addresses, checked by [`base_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    pub(crate) origin: Origin,
    /// Without trailing slash, unless it is the whole address, which may have a query; empty for a bare host.
    pub(crate) path: String,
    /// Whether what is sent there must not go anywhere else.
    pub(crate) secret: bool,
    /// Whether it is a whole address, which then names the request.
    pub(crate) whole: bool,
}

impl BaseUrl {
    /// The host, with its port if that is not the usual one.
    pub fn host(&self) -> String {
        self.origin.to_string()
    }
}

/// Checks a base URL, before anything is sent. A trailing slash makes no difference.
///
/// # Errors
/// 78 if it is not an `http` or `https` URL, has a user, query or fragment, or is `http` to a host that is not loopback
/// (`localhost`, `127.0.0.0/8`, `[::1]`) without `allow_http`.
pub fn base_url(text: &str, allow_http: bool) -> Result<BaseUrl, Fault> {
    let (origin, path) = bare(text, allow_http).map_err(|why| refused("base URL", text, &why))?;
    Ok(BaseUrl { origin, path: path.trim_end_matches('/').to_owned(), secret: false, whole: false })
}

/// Checks a whole address, such as a feed's, which may have a query: it is requested as it is, and names its cassette
/// together with its host.
///
/// # Errors
/// As [`base_url`], but for the query.
pub fn whole_url(text: &str, allow_http: bool) -> Result<BaseUrl, Fault> {
    let (origin, path) = check(text.trim(), allow_http).map_err(|why| refused("address", text, &why))?;
    Ok(BaseUrl { origin, path, secret: false, whole: true })
}

/// Checks a whole address that is a secret, such as a webhook's: it is requested as it is, never printed, and a redirect
/// to another origin is refused.
///
/// # Errors
/// As [`base_url`], without the address.
pub fn secret_url(address: &Secret, allow_http: bool) -> Result<BaseUrl, Fault> {
    let (origin, path) = bare(address.expose(), allow_http).map_err(Fault::config)?;
    Ok(BaseUrl { origin, path, secret: true, whole: false })
}

/// As [`secret_url`], for an address that may have a query, such as one with a signature in it. Nothing is requested below
/// it.
///
/// # Errors
/// As [`secret_url`], but for the query.
pub fn secret_address(address: &Secret, allow_http: bool) -> Result<BaseUrl, Fault> {
    let (origin, path) = check(address.expose().trim(), allow_http).map_err(Fault::config)?;
    Ok(BaseUrl { origin, path, secret: true, whole: false })
}

fn refused(what: &str, text: &str, why: &str) -> Fault {
    let text = text.trim();
    // What follows an @ or ? may be a secret that nobody registered.
    let shown = if text.contains('@') { "" } else { text.split('?').next().unwrap_or_default() };
    Fault::config(redact(&format!("{what} {shown:?}: {why}")))
}

/// As [`check`], for an address that must not have a query.
fn bare(text: &str, allow_http: bool) -> Result<(Origin, String), String> {
    match text.contains(['?', '#']) {
        true => Err("it must not have a query or a fragment".to_owned()),
        false => check(text.trim(), allow_http),
    }
}

/// The origin of an address, and its path with the query.
fn check(text: &str, allow_http: bool) -> Result<(Origin, String), String> {
    if text.contains('#') {
        return Err("it must not have a fragment".to_owned());
    }
    // http::Uri accepts more than a request may carry (RFC 3986, section 2).
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("invalid uri character".to_owned());
    }
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    let origin = Origin::of(&uri)?;
    if !origin.is_allowed(allow_http) {
        return Err(
            "http:// is only allowed to loopback, because keys would travel unencrypted; --allow-http permits it"
                .to_owned(),
        );
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok((origin, format!("{}{query}", uri.path())))
}

/// One address that is requested.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) origin: Origin,
    /// Path and query, starting with a slash.
    pub(crate) target: String,
}

impl Url {
    /// The whole address, for people and other programs.
    pub(crate) fn address(&self) -> String {
        format!("{}://{}{}", if self.origin.https { "https" } else { "http" }, self.origin, self.target)
    }

    /// Resolves a `Location` (RFC 3986, section 5.2; a fragment is dropped).
    pub(crate) fn join(&self, location: &str) -> Result<Url, String> {
        let location = location.split('#').next().unwrap_or_default();
        let (path, _) = split_query(&self.target);
        let absolute = if let Some(rest) = location.strip_prefix("//") {
            format!("{}://{rest}", if self.origin.https { "https" } else { "http" })
        } else if has_scheme(location) {
            location.to_owned()
        } else {
            let target = if location.starts_with('/') {
                location.to_owned()
            } else if location.is_empty() || location.starts_with('?') {
                format!("{path}{location}")
            } else {
                format!("{}/{location}", path.rsplit_once('/').map_or("", |(folder, _)| folder))
            };
            format!("{}{target}", self.origin.url())
        };
        let uri: Uri = absolute.parse().map_err(|_| "it is not a URL".to_owned())?;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Url { origin: Origin::of(&uri)?, target: format!("{}{query}", without_dots(uri.path())) })
    }
}

fn split_query(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (n, segment) in segments.iter().enumerate() {
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if n + 1 == segments.len() {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use etl_component::Class;

    use super::*;

    #[test]
    fn base_urls_that_are_accepted() {
        for (text, host, path) in [
            ("https://api.openweathermap.org/data/2.5", "api.openweathermap.org", "/data/2.5"),
            ("https://api.openweathermap.org/data/2.5/", "api.openweathermap.org", "/data/2.5"),
            (" HTTPS://API.Example:443 ", "api.example", ""),
            ("https://api.example:8443/", "api.example:8443", ""),
            ("http://localhost:8080", "localhost:8080", ""),
            ("http://127.9.9.9", "127.9.9.9", ""),
            ("http://[::1]:81/v1", "[::1]:81", "/v1"),
        ] {
            let base = base_url(text, false).unwrap();
            assert_eq!((base.host().as_str(), base.path.as_str()), (host, path), "{text}");
        }
        assert_eq!(base_url("http://api.example", true).unwrap().host(), "api.example");
    }

    #[test]
    fn base_urls_that_are_refused() {
        for text in [
            "",
            "api.example/data",
            "ftp://api.example",
            "file:///etc/passwd",
            "https://",
            "https:///path",
            "https://:443",
            "https://api.example:99999",
            "https://api.example:/",
            "https://api.example/?key=sesame",
            "https://api.example/#top",
            "https://user:sesame@api.example",
            "http://api.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://128.0.0.1",
            "http://[::2]",
            "https://a b",
            "https://api.example/é",
            "https://api.example/a\u{7f}",
        ] {
            let fault = base_url(text, false).unwrap_err();
            assert_eq!(fault.class(), Class::Config, "{text}");
            assert!(!fault.message().contains("sesame"), "{fault}");
        }
    }

    #[test]
    fn a_whole_address_keeps_its_query() {
        let feed = whole_url(" https://feeds.example/feed/?country=US&cat=a,b ", false).unwrap();
        assert_eq!(
            (feed.host().as_str(), feed.path.as_str()),
            ("feeds.example", "/feed/?country=US&cat=a,b")
        );
        let message = |text: &str| whole_url(text, false).unwrap_err().message().to_owned();
        assert_eq!(
            message("https://feeds.example/x?key=sesame#top"),
            "address \"https://feeds.example/x\": it must not have a fragment"
        );
        assert!(
            message("http://feeds.example/x")
                .starts_with("address \"http://feeds.example/x\": http:// is only allowed")
        );
    }

    #[test]
    fn a_secret_address_stays_as_it_is_and_is_not_shown() {
        let address = Secret::new("https://hooks.example/flow?sig=sesame-sig");
        let url = secret_address(&address, false).unwrap();
        assert!(url.secret && url.path == "/flow?sig=sesame-sig", "{url:?}");
        assert_eq!(redact("the query sig=sesame-sig"), "the query sig=[redacted]");
        assert!(secret_address(&Secret::new("https://hooks.example/flow#part"), false).is_err());
        let url = secret_url(&Secret::new(" https://hooks.example/url-sesame/ \n"), false).unwrap();
        assert_eq!(
            (url.host().as_str(), url.path.as_str(), url.secret),
            ("hooks.example", "/url-sesame/", true)
        );
        let message = |text: &str| secret_url(&Secret::new(text), false).unwrap_err().message().to_owned();
        assert_eq!(message("https://h.example/ur l-sesame"), "invalid uri character");
        assert_eq!(message("https://h.example/x?url-sesame"), "it must not have a query or a fragment");
    }

    #[test]
    fn locations_resolve() {
        let base = base_url("https://api.example:8443", false).unwrap();
        let url = Url { origin: base.origin, target: "/a/b/c?x=1".to_owned() };
        for (location, expected) in [
            ("/d?y=2", "https://api.example:8443/d?y=2"),
            ("d", "https://api.example:8443/a/b/d"),
            ("../d/./e/..", "https://api.example:8443/a/d/"),
            ("../../../d", "https://api.example:8443/d"),
            ("?z", "https://api.example:8443/a/b/c?z"),
            ("", "https://api.example:8443/a/b/c"),
            ("//other.example/x", "https://other.example:443/x"),
            ("http://other.example", "http://other.example:80/"),
            ("/d#top", "https://api.example:8443/d"),
        ] {
            let to = url.join(location).unwrap();
            assert_eq!(format!("{}{}", to.origin.url(), to.target), expected, "{location}");
        }
        for location in ["ftp://x/", "javascript:alert(1)", "https://u:p@other.example/", "https://"] {
            assert!(url.join(location).is_err(), "{location}");
        }
    }
}
