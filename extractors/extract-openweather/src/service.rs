//! OpenWeather over HTTP: the request for a place, and what its errors mean.

use std::time::Duration;

use etl_component::{Class, Env, Fault, Secret};
use etl_http::{Client, Error, Reply, Request, Verdict, quote};
use serde_json::Value;

use crate::args::{KEY, Settings};
use crate::location::Location;

/// The free plan counts calls by the minute, and the service sends no `Retry-After`.
const QUOTA_WINDOW: Duration = Duration::from_secs(60);

/// The service as one run asks it.
pub(crate) struct Service<'a> {
    client: Client,
    key: Option<Secret>,
    settings: &'a Settings,
}

impl<'a> Service<'a> {
    /// Reads the key; sends nothing. A replay needs none.
    pub(crate) fn new(settings: &'a Settings, env: &Env, user_agent: &str) -> Result<Service<'a>, Fault> {
        let client = Client::of_source(&settings.source, env, user_agent)?;
        let key = if client.replaying() { None } else { Some(env.required_secret(&KEY)?) };
        Ok(Service { client, key, settings })
    }

    /// Whether replies come from cassettes.
    pub(crate) fn replaying(&self) -> bool {
        self.client.replaying()
    }

    /// The reply for a place.
    pub(crate) fn fetch(&self, location: &Location) -> Result<Reply, Error> {
        let settings = self.settings;
        let mut request = Request::get(&settings.base_url, settings.endpoint.path())
            .header("Accept", "application/json")
            .classify(judge)
            .min_wait_429(QUOTA_WINDOW);
        for (name, value) in location.query().iter().chain(&settings.query) {
            request = request.query(name, value);
        }
        if let Some(key) = &self.key {
            request = request.secret_query("appid", key);
        }
        self.client.send(&request)
    }
}

/// What the service says of itself: `cod` is an integer in some replies and a string in others, and may contradict a
/// status of 200; `message` is a number on success and says nothing then.
fn judge(reply: &Reply) -> Option<Verdict> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let code = match &body["cod"] {
        _ if reply.status != 200 => reply.status.to_string(),
        Value::String(code) => code.clone(),
        Value::Number(code) => code.to_string(),
        _ => return None,
    };
    let said = match body["message"].as_str() {
        Some(message) => format!("{code}: {}", quote(message)),
        None if reply.is_html() => code.clone(),
        None => format!("{code}: {}", reply.excerpt()),
    };
    let fail = |class, message| Some(Verdict::Fail { class, message });
    match code.as_str() {
        "200" => None,
        "400" | "404" => fail(Class::Config, said),
        "401" => fail(Class::Denied, format!("{said} (a new key takes up to two hours to work)")),
        // These the common rules know by their status.
        _ if reply.status != 200 => None,
        "403" => fail(Class::Denied, said),
        "429" => Some(Verdict::Retry { min_wait: QUOTA_WINDOW }),
        code if code.starts_with('5') => Some(Verdict::Retry { min_wait: Duration::ZERO }),
        _ => fail(Class::Protocol, format!("an unknown `cod` {said}")),
    }
}
