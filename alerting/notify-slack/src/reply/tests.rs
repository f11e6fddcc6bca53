use std::time::Duration;

use etl_component::Class;
use etl_http::{Reply, Verdict};

use super::*;

fn reply(status: u16, body: &str) -> Reply {
    let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
    let headers = vec![("content-type".to_owned(), kind.to_owned())];
    let host = "slack.example".to_owned();
    Reply {
        status,
        headers,
        body: body.into(),
        fetched_at: "2026-11-23T00:00:00Z".parse().unwrap(),
        host,
        redirect: None,
    }
}

fn fail(class: Class, message: &str) -> Option<Verdict> {
    Some(Verdict::Fail { class, message: message.to_owned() })
}

fn wait(seconds: u64) -> Option<Verdict> {
    Some(Verdict::Retry { min_wait: Duration::from_secs(seconds) })
}

#[test]
fn answers_of_a_webhook() {
    use Class::{Config, Denied, Protocol};
    for (status, body, verdict) in [
        (200, "ok", Some(Verdict::Accept)),
        (200, "ok\n", fail(Protocol, "200: \"ok\", where `ok` is expected")),
        (200, "", fail(Protocol, "200: \"\", where `ok` is expected")),
        (200, "no_channel", fail(Config, "200: no_channel")),
        (200, "some_other_thing", fail(Protocol, "200: \"some_other_thing\", where `ok` is expected")),
        (200, "<html>login</html>", fail(Protocol, "200: a page of HTML, where `ok` is expected")),
        (200, r#"{"ok":true}"#, fail(Protocol, "200: \"{\\\"ok\\\":true}\", where `ok` is expected")),
        (204, "", fail(Protocol, "204: \"\", where `ok` is expected")),
        (400, "no_text", fail(Config, "400: no_text")),
        (400, "user_not_found", fail(Config, "400: user_not_found")),
        (400, "too_many_attachments", fail(Config, "400: too_many_attachments")),
        (
            400,
            "missing_text_or_fallback_or_attachments",
            fail(Config, "400: missing_text_or_fallback_or_attachments"),
        ),
        (403, "action_prohibited", fail(Config, "403: action_prohibited")),
        (403, "invalid_token", fail(Denied, "403: invalid_token")),
        (403, "invalid_auth", fail(Denied, "403: invalid_auth")),
        (403, "posting_to_general_channel_denied", fail(Config, "403: posting_to_general_channel_denied")),
        (403, "team_disabled", fail(Config, "403: team_disabled")),
        (404, "channel_not_found", fail(Config, "404: channel_not_found")),
        (404, "no_service", fail(Config, "404: no_service")),
        (404, "no_active_hooks", fail(Config, "404: no_active_hooks")),
        (404, "no_team", fail(Config, "404: no_team")),
        (410, "channel_is_archived", fail(Config, "410: channel_is_archived")),
        (429, r#"{"retry_after":7,"ok":false,"error":"rate_limited"}"#, wait(7)),
        (429, "rate_limited", wait(1)),
        (200, r#"{"ok":false,"error":"rate_limited"}"#, wait(1)),
        (200, "rollup_error", wait(0)),
        (500, "rollup_error", wait(0)),
        (500, "<html>oops</html>", wait(0)),
        (501, "not implemented", wait(0)),
        (503, "no_service", wait(0)),
        (505, "", wait(0)),
        // `None` leaves the verdict to the common rules: retried, or refused by the status.
        (429, "slow down", None),
        (404, "<html>not here</html>", fail(Protocol, "404: a page of HTML, where `ok` is expected")),
        (400, "some_other_thing", fail(Protocol, "400: \"some_other_thing\", where `ok` is expected")),
        (401, "who are you", None),
    ] {
        assert_eq!(of_webhook(&reply(status, body)), verdict, "{status} {body}");
        assert_eq!(last_of_webhook(&reply(status, body)), verdict, "{status} {body}");
    }
}

#[test]
fn answers_of_the_web_api() {
    use Class::{Config, Denied, Protocol};
    let odd = "200: \"ok\", where JSON with `ok` is expected";
    for (status, body, verdict) in [
        (200, r#"{"ok":true,"channel":"C1","ts":"0.0","needed":""}"#, Some(Verdict::Accept)),
        (200, r#"{"ok":true,"response_metadata":null,"error":7,"needed":[]}"#, Some(Verdict::Accept)),
        (
            200,
            r#"{"ok":false,"error":"is_archived","response_metadata":{"messages":"x"}}"#,
            fail(Config, "200: is_archived"),
        ),
        (200, r#"{"ok":false,"error":"invalid_auth"}"#, fail(Denied, "200: invalid_auth")),
        (200, r#"{"ok":false,"error":"not_authed"}"#, fail(Denied, "200: not_authed")),
        (200, r#"{"ok":false,"error":"token_revoked"}"#, fail(Denied, "200: token_revoked")),
        (200, r#"{"ok":false,"error":"token_expired"}"#, fail(Denied, "200: token_expired")),
        (200, r#"{"ok":false,"error":"account_inactive"}"#, fail(Denied, "200: account_inactive")),
        (200, r#"{"ok":false,"error":"no_permission"}"#, fail(Denied, "200: no_permission")),
        (
            200,
            r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"none"}"#,
            fail(Denied, "200: missing_scope (needed: chat:write)"),
        ),
        (200, r#"{"ok":false,"error":"channel_not_found"}"#, fail(Config, "200: channel_not_found")),
        (200, r#"{"ok":false,"error":"not_in_channel"}"#, fail(Config, "200: not_in_channel")),
        (200, r#"{"ok":false,"error":"is_archived"}"#, fail(Config, "200: is_archived")),
        (200, r#"{"ok":false,"error":"new_in_2027"}"#, fail(Config, "200: new_in_2027")),
        (
            200,
            r#"{"ok":false,"error":"invalid_arguments","response_metadata":{"messages":["[ERROR] a","[ERROR] b"]}}"#,
            fail(Config, "200: invalid_arguments ([ERROR] a; [ERROR] b)"),
        ),
        (401, r#"{"ok":false,"error":"invalid_auth"}"#, fail(Denied, "401: invalid_auth")),
        (429, r#"{"ok":false,"error":"ratelimited"}"#, wait(1)),
        (200, r#"{"ok":false,"error":"ratelimited"}"#, wait(1)),
        (200, r#"{"ok":false,"error":"internal_error"}"#, wait(0)),
        (
            200,
            r#"{"ok":false}"#,
            fail(Protocol, "200: \"{\\\"ok\\\":false}\", where JSON with `ok` is expected"),
        ),
        (200, "ok", fail(Protocol, odd)),
        (200, "<html>", fail(Protocol, "200: a page of HTML, where JSON with `ok` is expected")),
        (200, "[]", fail(Protocol, "200: \"[]\", where JSON with `ok` is expected")),
        (200, "not_in_channel", fail(Config, "200: not_in_channel")),
        (500, r#"{"ok":false,"error":"channel_not_found"}"#, wait(0)),
        (403, "<html>proxy</html>", fail(Protocol, "403: a page of HTML, where JSON with `ok` is expected")),
    ] {
        assert_eq!(of_api(&reply(status, body)), verdict, "{status} {body}");
    }
}

#[test]
fn a_refusal_of_the_payload_is_found_once() {
    for (status, body, name) in [
        (400, "invalid_payload", "invalid_payload"),
        (400, "invalid_blocks", "invalid_blocks"),
        (200, r#"{"ok":false,"error":"invalid_blocks"}"#, "invalid_blocks"),
        (200, r#"{"ok":false,"error":"msg_blocks_too_long"}"#, "msg_blocks_too_long"),
    ] {
        let reply = reply(status, body);
        assert_eq!(refused_payload(&reply).as_deref(), Some(name));
        assert_eq!((of_webhook(&reply), of_api(&reply)), (Some(Verdict::Accept), Some(Verdict::Accept)));
        let refused = fail(Class::Config, &format!("{status}: {name}"));
        assert_eq!((last_of_webhook(&reply), last_of_api(&reply)), (refused.clone(), refused));
    }
    for (status, body) in [(200, "ok"), (400, "no_text"), (500, "invalid_payload"), (200, r#"{"ok":true}"#)] {
        assert_eq!(refused_payload(&reply(status, body)), None);
    }
}

#[test]
fn a_long_error_is_cut() {
    let long = format!(r#"{{"ok":false,"error":"{}"}}"#, "é".repeat(1000));
    let Some(Verdict::Fail { message, .. }) = of_api(&reply(200, &long)) else { panic!("no failure") };
    assert_eq!(message, format!("200: {}…", "é".repeat(495)));
}
