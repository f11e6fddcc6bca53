//! What GitHub's refusals mean: its limits, in the order in which they are decided, and what it says about everything
//! else.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>,
//! <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>

use std::time::Duration;

use etl_component::Class;
use etl_http::{Judge, Reply, Verdict, quote};
use serde_json::Value;

/// The shortest wait for a limit that does not say until when; after it, twice as long.
const MINUTE: Duration = Duration::from_secs(60);

/// How the body of a 403 says that it is a limit: today, once, and for the limit by the hour where its headers are lost.
const MARKERS: [&str; 3] = ["secondary rate limit", "abuse detection", "api rate limit exceeded"];

/// What a token needs for the usage of a user.
pub(crate) const USAGE_OF_USER: Judge = |reply| {
    let needs =
        "the user's own token with the permission \"Plan\" (read), or a classic one with the scope user";
    judge(reply, "no such user", needs)
};

/// What a token needs for the usage of an organization.
pub(crate) const USAGE_OF_ORG: Judge = |reply| {
    let needs = "a token with the organization permission \"Administration\" (read), or a classic one of an \
                 administrator with the scope admin:org";
    judge(reply, "no such organization", needs)
};

/// What a token needs for workflow runs.
pub(crate) const RUNS: Judge = |reply| {
    let needs =
        "a token with the repository permission \"Actions\" (read), or a classic one with the scope repo";
    judge(reply, "no such repository or workflow", needs)
};

/// What a token needs for Dependabot alerts.
pub(crate) const ALERTS: Judge = |reply| {
    let needs = "a token with the repository permission \"Dependabot alerts\" (read), or a classic one with the scope \
                 security_events; the GITHUB_TOKEN of a workflow has it only where its permissions say so";
    judge(reply, "no such repository", needs)
};

fn judge(reply: &Reply, missing: &str, needs: &str) -> Option<Verdict> {
    if let Some(limit) = limit(reply) {
        return Some(limit);
    }
    let said = said(reply);
    let fail = |class, message| Some(Verdict::Fail { class, message });
    match reply.status {
        401 => fail(Class::Denied, format!("{said} (the token is wrong, expired or revoked)")),
        // That of a repository says why: "… are disabled for this repository", "… are not available for archived …".
        403 if said.contains("Dependabot alerts are ") => {
            fail(Class::Config, format!("{said} (switch them on, or leave the repository out)"))
        }
        403 => fail(Class::Denied, format!("{said} (this needs {needs})")),
        404 => fail(
            Class::Config,
            format!("{said} ({missing}, or the token may not see it: this needs {needs})"),
        ),
        410 => fail(
            Class::Config,
            format!(
                "{said} (GitHub has closed this address{}; a newer extract-github may ask another)",
                more_at(reply)
            ),
        ),
        400 | 422 => fail(Class::Config, said),
        _ => None,
    }
}

/// The limits, by the hour and secondary: both are told by 403 or 429, and a 403 may as well be for good.
fn limit(reply: &Reply) -> Option<Verdict> {
    if !matches!(reply.status, 403 | 429) {
        return None;
    }
    // A `Retry-After` that can be read counts, whatever wait is named here.
    let unnamed = Some(Verdict::Limited { first_wait: MINUTE });
    if reply.header("retry-after").is_some() {
        return unnamed;
    }
    if reply.header("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0") {
        let reset = reply.header("x-ratelimit-reset").and_then(|reset| reset.trim().parse::<i64>().ok());
        let Some(reset) = reset else { return unnamed };
        // Both by the server's clock. Its seconds are whole: a second more, or the limit is still there.
        let seconds = reset.saturating_sub(reply.sent_at().as_second()).max(0).unsigned_abs();
        return Some(Verdict::Retry { min_wait: Duration::from_secs(seconds.saturating_add(1)) });
    }
    let body = String::from_utf8_lossy(&reply.body).to_ascii_lowercase();
    let is_marked =
        reply.header("gh-limited-by").is_some() || MARKERS.iter().any(|words| body.contains(words));
    unnamed.filter(|_| is_marked || reply.status == 429)
}

/// The status, and GitHub's words: the message, and of a 422 what is wrong with which field.
fn said(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let Some(message) = body["message"].as_str() else {
        let words = if reply.is_html() { String::new() } else { reply.excerpt() };
        return format!("{} {words}", reply.status_line()).trim_end().to_owned();
    };
    let errors = body["errors"].as_array().into_iter().flatten().map(|error| {
        let text = |key: &str| error[key].as_str();
        let what = error.as_str().or(text("message")).or(text("code")).unwrap_or_default();
        text("field").map_or_else(|| what.to_owned(), |field| format!("{field}: {what}"))
    });
    let words = std::iter::once(message.to_owned()).chain(errors).filter(|words| !words.is_empty());
    let words: Vec<String> = words.collect();
    format!("{}: {}", reply.status, quote(words.join("; ").trim_end_matches('.')))
}

/// Where GitHub says more, such as about an address that moved.
fn more_at(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    body["documentation_url"].as_str().map_or_else(String::new, |url| format!("; {}", quote(url)))
}

#[cfg(test)]
mod tests;
