//! Plays OpenWeather from the cassettes that `--record` writes.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};
use etl_testkit::http::{Received, Reply, Server};
use serde_json::Value;

/// The path under which version 2.5 of the service has its endpoints.
const BASE: &str = "/data/2.5/";

/// Serves the folder's cassettes. Returns only if that fails.
pub(crate) fn serve(address: &str, folder: &Path) -> anyhow::Result<()> {
    let cassettes = read(folder)?;
    eprintln!("{} recorded replies at {address}{BASE}", cassettes.len());
    let _server = Server::answering(address, move |request| answer(&cassettes, request));
    crate::forever()
}

/// The status and body of each reply, by what was asked.
fn read(folder: &Path) -> anyhow::Result<HashMap<String, (u16, String)>> {
    let mut cassettes = HashMap::new();
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let broken = || format!("{} is not a cassette", path.display());
        let cassette: Value = serde_json::from_slice(&std::fs::read(&path)?).with_context(broken)?;
        let status = cassette["status"].as_u64().and_then(|status| status.try_into().ok());
        let (url, body) = (cassette["url"].as_str(), cassette["body"].as_str());
        let (url, status, body) = url
            .zip(status)
            .zip(body)
            .map(|((url, status), body)| (url, status, body))
            .with_context(broken)?;
        cassettes.insert(question(url).0, (status, body.to_owned()));
    }
    ensure!(!cassettes.is_empty(), "{} has no cassettes", folder.display());
    Ok(cassettes)
}

fn answer(cassettes: &HashMap<String, (u16, String)>, request: &Received) -> Reply {
    let path = request.target.strip_prefix(BASE).unwrap_or(&request.target);
    let (asked, key) = question(path);
    eprintln!("{} {asked}", request.method);
    // In the service's own words.
    if key.is_none_or(|key| key.is_empty()) {
        return Reply::json(401, r#"{"cod":401,"message":"Invalid API key."}"#);
    }
    match cassettes.get(&asked) {
        Some((status, body)) => Reply::json(*status, body),
        None => Reply::json(404, r#"{"cod":"404","message":"city not found"}"#),
    }
}

/// The question without its key and with its parameters in a fixed order, and the key.
fn question(target: &str) -> (String, Option<&str>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (keys, mut rest): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|parameter| parameter.starts_with("appid="));
    rest.sort_unstable();
    let key = keys.first().and_then(|parameter| parameter.strip_prefix("appid="));
    (format!("{path}?{}", rest.join("&")), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(target: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extractors/extract-openweather/demo");
        let cassettes = read(&folder).expect("the demo's cassettes");
        let server = Server::answering("127.0.0.1:0", move |request| answer(&cassettes, request));
        let reply = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut reply = reply.get(format!("{}{target}", server.url())).call().expect("an answer");
        format!("{} {}", reply.status().as_u16(), reply.body_mut().read_to_string().expect("a body"))
    }

    #[test]
    fn a_recorded_question_with_a_key_is_answered_in_any_order_of_parameters() {
        let reply = ask("/data/2.5/weather?units=metric&appid=k3y&q=Paris");
        assert!(reply.starts_with("200 {\"clouds\"") && reply.contains("\"temp\": 9.25"), "{reply}");
    }

    #[test]
    fn no_key_is_401_and_what_was_not_recorded_404() {
        assert!(ask("/data/2.5/weather?units=metric&q=Paris").starts_with("401 "));
        assert!(ask("/data/2.5/weather?units=metric&q=Paris&appid=").starts_with("401 "));
        assert!(ask("/data/2.5/weather?units=metric&q=Atlantis&appid=k3y").starts_with("404 "));
    }
}
