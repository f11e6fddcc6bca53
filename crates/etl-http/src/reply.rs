//! What a server replied.

use std::fmt;

use etl_component::{Class, Fault, counted, redact};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;

use crate::quote::quote;

/// A whole reply: all of its body arrived, and is decompressed and within the limit (of an error's body, as much as
/// came).
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Lower-case names and values, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it arrived, in whole seconds; from a cassette, when it was recorded.
    pub fetched_at: Timestamp,
    /// The host that replied, with its port if that is not the usual one.
    pub host: String,
    /// Where redirects led, if there were any.
    pub redirect: Option<Redirect>,
}

/// The redirects that a request followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The address that replied, without secrets.
    pub to: String,
    /// Whether each of them was permanent (301 or 308): then the address that was asked is out of date.
    pub permanent: bool,
}

impl Reply {
    /// A reply as the test of a [`Judge`](crate::Judge) needs it, which arrived when Unix time was a billion and a half.
    pub fn of(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned()));
        Reply {
            status,
            headers: headers.collect(),
            body: body.into(),
            fetched_at: Timestamp::constant(1_500_000_000, 0),
            host: "api.example".to_owned(),
            redirect: None,
        }
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// When the server sent it, by the server's own clock (`Date`); otherwise when it arrived.
    pub fn sent_at(&self) -> Timestamp {
        let sent = self.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
        sent.and_then(|sent| Timestamp::try_from(sent).ok()).unwrap_or(self.fetched_at)
    }

    /// The body as JSON of the shape that the API documents.
    ///
    /// # Errors
    /// 76 with host, content type and an excerpt if it is HTML, is not JSON, or is JSON of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let wanted =
                if self.is_html() { "HTML where JSON is expected".to_owned() } else { error.to_string() };
            let kind = self.header("content-type").unwrap_or("no content type");
            let message = format!("{}: {wanted} ({kind}): {}", self.host, self.excerpt());
            Fault::new(Class::Protocol, redact(&message))
        })
    }

    /// Whether the body is a page for people, as proxies, login portals and broken gateways reply.
    pub fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
            || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The start of the body, as a message may [`quote`] it.
    pub fn excerpt(&self) -> String {
        quote(&String::from_utf8_lossy(&self.body))
    }

    /// `404 Not Found`
    pub fn status_line(&self) -> String {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        format!("{} {}", self.status, reason.unwrap_or_default()).trim_end().to_owned()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = counted(self.body.len() as u64, "byte", "bytes");
        write!(f, "{} {} ({bytes}): {}", self.host, self.status_line(), self.excerpt())
    }
}
