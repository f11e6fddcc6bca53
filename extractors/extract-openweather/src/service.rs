//! OpenWeather over HTTP: the request for a place, and what its errors mean.

use std::time::Duration;

use etl_component::Class;
use etl_http::{Api, Key, Per, Place, Quota, Reply, Request, Service, Verdict, quote};
use serde_json::Value;

use crate::args::{KEY, Settings};
use crate::location::Location;

/// The free plan counts calls by the minute, and the service sends no `Retry-After`.
const QUOTA_WINDOW: Duration = Duration::from_secs(60);

/// <https://openweathermap.org/price>: the free plan.
pub(crate) const API: Api = Api {
    key: Some(Key { variable: KEY, place: Place::Query("appid") }),
    headers: &[("Accept", "application/json")],
    judge: Some(judge),
    min_wait_429: QUOTA_WINDOW,
    quota: Some(Quota { calls: 60, per: Per::Minute }),
};

/// The request for a place.
pub(crate) fn request(service: &Service, settings: &Settings, location: &Location) -> Request {
    let request = service.get(settings.endpoint.path());
    let parameters = location.query().into_iter().chain(settings.query.clone());
    parameters.fold(request, |request, (name, value)| request.query(name, value))
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
