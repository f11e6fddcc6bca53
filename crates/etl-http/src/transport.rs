//! One attempt: a request, the redirects it may follow, and the whole reply, or why none came.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use etl_component::{Env, Fault, counted, redact};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use rustls::crypto::ring::default_provider;
use ureq::http::{self, HeaderValue};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader, Timeout};

use crate::agent;
use crate::args::HttpArgs;
use crate::policy::Failure;
use crate::proxy::Proxies;
use crate::reply::{Redirect, Reply};
use crate::request::{Pair, Request};
use crate::url::Url;

const MAX_REDIRECTS: usize = 10;

/// How much of an error's page is read, in bytes.
const LONGEST_ERROR: usize = 1 << 20;

pub(crate) struct Transport {
    agent: Agent,
    proxies: Proxies,
    request_timeout: Duration,
    max_body_bytes: usize,
    allow_http: bool,
}

/// Why no reply came, as a kind and in words.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) kind: Failure,
    pub(crate) cause: String,
}

impl Broken {
    pub(crate) fn new(kind: Failure, cause: impl Into<String>) -> Broken {
        Broken { kind, cause: cause.into() }
    }
}

impl Transport {
    pub(crate) fn new(
        args: &HttpArgs,
        allow_http: bool,
        env: &Env,
        user_agent: &str,
    ) -> Result<Transport, Fault> {
        let tls = TlsConfig::builder()
            .root_certs(roots(args)?)
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .build();
        let config = Agent::config_builder()
            // An error status keeps its body, and redirects are followed by our own rule: ureq would send keys in
            // URLs and in headers other than Authorization to wherever a server points.
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls)
            .user_agent(user_agent)
            .accept_encoding("gzip")
            .timeout_resolve(Some(args.connect_timeout))
            .timeout_connect(Some(args.connect_timeout))
            .timeout_per_read(Some(args.read_timeout))
            .timeout_per_write(Some(args.read_timeout))
            .build();
        Ok(Transport {
            agent: agent::agent(config),
            proxies: Proxies::from_env(env)?,
            request_timeout: args.request_timeout,
            max_body_bytes: args.max_body_bytes,
            allow_http,
        })
    }

    /// One attempt, in at most `left` or the request timeout for each hop.
    pub(crate) fn attempt(&self, request: &Request, left: impl Fn() -> Duration) -> Result<Reply, Broken> {
        let mut url = request.url();
        let mut redirect = None;
        for _ in 0..=MAX_REDIRECTS {
            let mut response = self.exchange(request, &url, left().min(self.request_timeout), true)?;
            // RFC 9110, section 10.1.1: whoever does not know the header gets the request without it.
            if response.status() == 417 && request.headers.iter().any(is_expect) {
                response = self.exchange(request, &url, left().min(self.request_timeout), false)?;
            }
            let Some(location) = location(&response)? else {
                return Ok(Reply { redirect, ..self.read(response, &url, request)? });
            };
            let next = url.join(&location).map_err(|why| refused(&format!("cannot be followed: {why}")))?;
            self.check_redirect(request, &url, &next)?;
            // RFC 9110, section 15.4: the others ask for a GET without the body, whose reply would look like a success.
            if request.method != "GET" && !matches!(response.status().as_u16(), 307 | 308) {
                return Err(refused("would drop what is sent"));
            }
            let before = redirect.is_none_or(|redirect: Redirect| redirect.permanent);
            let permanent = before && matches!(response.status().as_u16(), 301 | 308);
            redirect = Some(Redirect { to: redact(&next.address()), permanent });
            url = next;
        }
        Err(refused(&format!("is the {}th in a row", MAX_REDIRECTS + 1)))
    }

    fn check_redirect(&self, request: &Request, from: &Url, to: &Url) -> Result<(), Broken> {
        if from.origin == to.origin {
            Ok(())
        } else if request.carries_secret() {
            Err(refused(&format!("to {} is not followed: the request carries a secret", to.origin)))
        } else if from.origin.https && !to.origin.https || !to.origin.is_allowed(self.allow_http) {
            Err(refused(&format!("to http://{} is not followed", to.origin)))
        } else {
            Ok(())
        }
    }

    fn exchange(
        &self,
        request: &Request,
        url: &Url,
        timeout: Duration,
        asks_first: bool,
    ) -> Result<http::Response<Body>, Broken> {
        let uri = format!("{}{}", url.origin.url(), url.target);
        let mut builder = http::Request::builder().method(request.method).uri(uri);
        for header in request.headers.iter().filter(|header| asks_first || !is_expect(header)) {
            let mut value = HeaderValue::from_str(&header.value).map_err(|_| {
                Broken::new(Failure::Invalid, format!("the value of header {} cannot be sent", header.name))
            })?;
            value.set_sensitive(header.secret);
            builder = builder.header(&header.name, value);
        }
        let proxy = self.proxies.of(&url.origin);
        let proxied = proxy.is_some();
        let result = if request.method == "GET" {
            let request = builder.body(()).map_err(invalid)?;
            let request =
                self.agent.configure_request(request).proxy(proxy).timeout_global(Some(timeout)).build();
            self.agent.run(request)
        } else {
            let request = builder.body(request.body.as_slice()).map_err(invalid)?;
            let request =
                self.agent.configure_request(request).proxy(proxy).timeout_global(Some(timeout)).build();
            self.agent.run(request)
        };
        result.map_err(|error| match broken(error, Failure::Protocol) {
            // The host is not to blame for a proxy that does not answer.
            Broken { kind: kind @ (Failure::Connection | Failure::Unknown), cause } if proxied => {
                Broken::new(kind, format!("through the proxy from the environment: {cause}"))
            }
            broken => broken,
        })
    }

    fn read(&self, response: http::Response<Body>, url: &Url, request: &Request) -> Result<Reply, Broken> {
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        let zipped = is_gzip(&head.headers);
        let ends = zipped || head.headers.contains_key("content-length") || is_chunked(&head.headers);
        if status < 400 && request.marked_end && !ends {
            let cause = "the reply has neither a length nor chunks, so nobody can see whether it was cut";
            return Err(Broken::new(Failure::Protocol, cause));
        }
        let mut bytes = Vec::new();
        // One byte more than allowed shows that a body is too long, and does not just fit.
        let most = if status < 400 { self.max_body_bytes.saturating_add(1) } else { LONGEST_ERROR };
        let read = unpacked(body.into_reader(), zipped).take(most as u64).read_to_end(&mut bytes);
        if status >= 400 && bytes.len() == most {
            // The last word was cut, and half a secret would not be recognized.
            bytes.truncate(bytes.iter().rposition(u8::is_ascii_whitespace).unwrap_or(0));
        }
        if status < 400 || request.whole_errors {
            // Otherwise the status of an error says enough without the rest of its page.
            read.map_err(|error| broken_body(error, zipped))?;
            if bytes.len() > self.max_body_bytes {
                let most = counted(self.max_body_bytes as u64, "byte", "bytes");
                let cause = format!("the reply is larger than {most} (--max-body-bytes)");
                return Err(Broken::new(Failure::TooLarge, cause));
            }
        }
        let headers = head.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(Reply {
            status,
            headers: headers.collect(),
            body: bytes,
            fetched_at: now(),
            host: url.origin.to_string(),
            redirect: None,
        })
    }
}

/// Whether the body is packed. ureq could unpack it, but would take away the headers that say where it ends.
fn is_gzip(headers: &http::HeaderMap) -> bool {
    let coding = headers.get("content-encoding").and_then(|coding| coding.to_str().ok());
    coding.is_some_and(|coding| ["gzip", "x-gzip"].contains(&coding.trim().to_ascii_lowercase().as_str()))
}

fn is_chunked(headers: &http::HeaderMap) -> bool {
    let coding = headers.get("transfer-encoding").and_then(|coding| coding.to_str().ok());
    coding.is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"))
}

fn unpacked(body: BodyReader<'static>, zipped: bool) -> Box<dyn Read> {
    if zipped { Box::new(MultiGzDecoder::new(body)) } else { Box::new(body) }
}

/// What an error of the body means: one that is not of the connection is of what was packed.
fn broken_body(error: io::Error, zipped: bool) -> Broken {
    let of_connection = error.get_ref().is_some_and(|inner| inner.is::<ureq::Error>());
    let of_packing = matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    );
    if zipped && of_packing && !of_connection {
        return Broken::new(Failure::BrokenBody, format!("broken gzip: {error}"));
    }
    broken(ureq::Error::from(error), Failure::BrokenBody)
}

/// Whether it asks the server to answer before the body is sent.
fn is_expect(header: &Pair) -> bool {
    header.name.eq_ignore_ascii_case("Expect")
}

/// The time in whole seconds.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Where a redirect leads, if the response is one.
fn location(response: &http::Response<Body>) -> Result<Option<String>, Broken> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let value = response.headers().get("location").ok_or_else(|| refused("names no location"))?;
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| refused("names no readable location"))?;
    Ok(Some(text.to_owned()))
}

fn refused(what: &str) -> Broken {
    Broken::new(Failure::Redirect, format!("the redirect {what}"))
}

fn invalid(error: http::Error) -> Broken {
    Broken::new(Failure::Invalid, format!("the request cannot be sent: {error}"))
}

/// What ureq's error means; `malformed` is what a violation of HTTP means at this point of the reply.
fn broken(error: ureq::Error, malformed: Failure) -> Broken {
    let words = error.to_string();
    match error {
        ureq::Error::Timeout(timeout) => Broken::new(Failure::Timeout, timed_out(timeout)),
        ureq::Error::Io(error) => broken_io(&error),
        ureq::Error::HostNotFound => Broken::new(Failure::Unknown, "the host was not found"),
        ureq::Error::Protocol(error) => Broken::new(malformed, format!("not HTTP: {error}")),
        ureq::Error::BodyStalled => Broken::new(Failure::BrokenBody, "the reply ends early"),
        ureq::Error::LargeResponseHeader(..) => Broken::new(Failure::Protocol, words),
        ureq::Error::Rustls(error) => untrusted(&error),
        ureq::Error::Tls(why) => Broken::new(Failure::Tls, format!("TLS: {why}")),
        ureq::Error::ConnectProxyFailed(why) => {
            Broken::new(of_proxy(&why), format!("the proxy from the environment: {why}"))
        }
        ureq::Error::ConnectionFailed | ureq::Error::Other(_) => Broken::new(Failure::Connection, words),
        _ => Broken::new(Failure::Invalid, words),
    }
}

/// What a refused CONNECT means. ureq says what the proxy replied only in words: `proxy server responded 407/407`.
fn of_proxy(why: &str) -> Failure {
    let answered = |status: &str| why.ends_with(&format!(" responded {status}/{status}"));
    if answered("403") || answered("407") { Failure::ProxyDenied } else { Failure::Proxy }
}

fn broken_io(error: &io::Error) -> Broken {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return untrusted(tls);
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            Broken::new(Failure::Timeout, "the connection timed out")
        }
        io::ErrorKind::UnexpectedEof => {
            Broken::new(Failure::Connection, "the connection was closed before the reply was complete")
        }
        _ => Broken::new(Failure::Connection, error.to_string()),
    }
}

fn untrusted(error: &rustls::Error) -> Broken {
    match error {
        // The server's own problem, not a disagreement: it may pass.
        rustls::Error::AlertReceived(rustls::AlertDescription::InternalError) => {
            Broken::new(Failure::Connection, format!("TLS: {error}"))
        }
        _ => Broken::new(Failure::Tls, format!("TLS: {error}")),
    }
}

fn timed_out(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve => "the name was not resolved within --connect-timeout",
        Timeout::Connect => "no connection within --connect-timeout",
        Timeout::PerRead => "silent for longer than --read-timeout",
        Timeout::PerWrite => "takes no data for longer than --read-timeout",
        _ => "the reply was not complete within --request-timeout or the rest of --deadline",
    }
}

/// Mozilla's roots and those of the extra file.
fn roots(args: &HttpArgs) -> Result<RootCerts, Fault> {
    let mut roots: Vec<Certificate<'static>> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der.as_ref()))
        .collect();
    if let Some(path) = args.ca_file.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        let fault =
            |why: String| Fault::config(format!("--ca-file (SSL_CERT_FILE) {}: {why}", path.display()));
        let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
        let before = roots.len();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| fault(error.to_string()))? {
                roots.push(certificate);
            }
        }
        if roots.len() == before {
            return Err(fault("it contains no certificate".to_owned()));
        }
    }
    Ok(RootCerts::from(roots))
}
