//! Plays an incoming webhook that keeps the messages it receives.

use std::sync::{Mutex, PoisonError};

use etl_testkit::http::{Received, Reply, Server};
use serde_json::Value;

/// Accepts messages. Returns only if that fails.
pub(crate) fn serve(address: &str) -> anyhow::Result<()> {
    eprintln!("accepting messages at {address}");
    let messages = Mutex::new(Vec::new());
    let _server = Server::answering(address, move |request| {
        let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&mut messages, request)
    });
    crate::forever()
}

/// Answers as Slack does (<https://api.slack.com/messaging/webhooks#handling_errors>).
fn answer(messages: &mut Vec<Value>, request: &Received) -> Reply {
    if request.method == "GET" {
        return Reply::json(200, &Value::from(messages.clone()).to_string());
    }
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(message) if message["text"].as_str().is_some_and(|text| !text.is_empty()) => {
            eprintln!("{message}");
            messages.push(message);
            Reply::text(200, "ok")
        }
        Ok(Value::Object(_)) => Reply::text(400, "no_text"),
        _ => Reply::text(400, "invalid_payload"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_with_a_text_are_kept() {
        let mut messages = Vec::new();
        let mut send = |method: &str, body: &str| {
            let request = Received {
                method: method.to_owned(),
                target: "/messages".to_owned(),
                headers: Vec::new(),
                body: body.into(),
            };
            format!("{:?}", answer(&mut messages, &request))
        };
        assert!(send("POST", r#"{"text":"Loaded","blocks":[]}"#).contains("200"));
        assert!(send("POST", r#"{"blocks":[]}"#).contains("400"));
        assert!(send("POST", "text=Loaded").contains("400"));
        assert_eq!(messages, [serde_json::json!({"text": "Loaded", "blocks": []})]);
    }
}
