use Class::{Config, Denied};

use super::*;

const DATE: (&str, &str) = ("Date", "Thu, 06 Feb 2020 18:33:37 GMT");
/// The same instant in Unix seconds.
const NOW: i64 = 1_581_014_017;

const SECONDARY: &str =
    r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
const ABUSE: &str = r#"{"message":"You have triggered an abuse detection mechanism."}"#;
const PRIMARY: &str = r#"{"message":"API rate limit exceeded for user ID 1."}"#;
const FORBIDDEN: &str = r#"{"message":"Resource not accessible by personal access token","status":"403"}"#;

fn unnamed() -> Option<Verdict> {
    Some(Verdict::Limited { first_wait: Duration::from_secs(60) })
}

fn wait(seconds: u64) -> Option<Verdict> {
    Some(Verdict::Retry { min_wait: Duration::from_secs(seconds) })
}

#[test]
fn the_three_kinds_of_limit_in_the_order_in_which_they_are_decided() {
    let (spent, left) = (("X-RateLimit-Remaining", "0"), ("X-RateLimit-Remaining", "21"));
    let reset = |seconds: i64| (NOW + seconds).to_string();
    let (soon, past) = (reset(30), reset(-30));
    for (status, headers, body, expected) in [
        // A time that is named with it is read by etl-http, and counts for more than what is said here.
        (403, vec![("Retry-After", "7")], FORBIDDEN, unnamed()),
        (403, vec![("Retry-After", "soon"), spent, ("X-RateLimit-Reset", &soon), DATE], PRIMARY, unnamed()),
        (429, vec![("Retry-After", "Thu, 06 Feb 2020 18:34:37 GMT"), DATE], "", unnamed()),
        // The whole hour, by the clock of the server, whatever ours says.
        (403, vec![spent, ("X-RateLimit-Reset", &soon), DATE], FORBIDDEN, wait(31)),
        (429, vec![spent, ("X-RateLimit-Reset", &soon), DATE], "", wait(31)),
        (403, vec![spent, ("X-RateLimit-Reset", &past), DATE], PRIMARY, wait(1)),
        (403, vec![spent, ("X-RateLimit-Reset", "1500000030")], PRIMARY, wait(31)),
        (
            403,
            vec![spent, ("X-RateLimit-Reset", "9223372036854775807"), DATE],
            PRIMARY,
            wait(9_223_372_035_273_761_791),
        ),
        (403, vec![spent, ("X-RateLimit-Reset", "soon"), DATE], FORBIDDEN, unnamed()),
        (403, vec![spent], FORBIDDEN, unnamed()),
        // Only the body says so, or a header of the search's.
        (403, vec![left, DATE], SECONDARY, unnamed()),
        (403, vec![], ABUSE, unnamed()),
        (403, vec![], PRIMARY, unnamed()),
        (403, vec![("gh-limited-by", "search-elapsed-time-shared-grouped")], "", unnamed()),
        (429, vec![left], FORBIDDEN, unnamed()),
        (429, vec![], "<html>", unnamed()),
        // A spent limit is not why these fail.
        (200, vec![spent, ("X-RateLimit-Reset", &soon), DATE], "[]", None),
        (500, vec![spent], "", None),
    ] {
        assert_eq!(RUNS(&Reply::of(status, &headers, body)), expected, "{status} {headers:?} {body}");
    }
}

#[test]
fn whatever_is_for_good_says_what_to_mend() {
    let actions =
        "a token with the repository permission \"Actions\" (read), or a classic one with the scope repo";
    let alerts = "a token with the repository permission \"Dependabot alerts\" (read), or a classic one with the scope \
                  security_events; the GITHUB_TOKEN of a workflow has it only where its permissions say so";
    let plan =
        "the user's own token with the permission \"Plan\" (read), or a classic one with the scope user";
    let org = "a token with the organization permission \"Administration\" (read), or a classic one of an \
               administrator with the scope admin:org";
    let not_found =
        r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}"#;
    let disabled = r#"{"message":"Dependabot alerts are disabled for this repository."}"#;
    let archived = r#"{"message":"Dependabot alerts are not available for archived repositories."}"#;
    let moved = r#"{"message":"This endpoint has been moved.","documentation_url":"https://gh.io/billing"}"#;
    let validation = r#"{"message":"Validation Failed","errors":[{"resource":"Run","field":"created","code":"invalid"},
        {"field":"page","message":"is not supported"},"odd",{}]}"#;
    let bad = r#"{"message":"Bad credentials","status":"401"}"#;
    let left_out = "(switch them on, or leave the repository out)";
    for (judge, status, body, class, said) in [
        (RUNS, 401, bad, Denied, "401: Bad credentials (the token is wrong, expired or revoked)".to_owned()),
        (RUNS, 401, "<html>", Denied, "401 Unauthorized (the token is wrong, expired or revoked)".to_owned()),
        (
            RUNS,
            403,
            FORBIDDEN,
            Denied,
            format!("403: Resource not accessible by personal access token (this needs {actions})"),
        ),
        (RUNS, 403, "no", Denied, format!("403 Forbidden no (this needs {actions})")),
        (ALERTS, 403, FORBIDDEN, Denied, format!("403: Resource not accessible by personal access token (this needs {alerts})")),
        (
            ALERTS,
            403,
            disabled,
            Config,
            format!("403: Dependabot alerts are disabled for this repository {left_out}"),
        ),
        (
            ALERTS,
            403,
            archived,
            Config,
            format!("403: Dependabot alerts are not available for archived repositories {left_out}"),
        ),
        (
            ALERTS,
            404,
            not_found,
            Config,
            format!("404: Not Found (no such repository, or the token may not see it: this needs {alerts})"),
        ),
        (
            RUNS,
            404,
            not_found,
            Config,
            format!("404: Not Found (no such repository or workflow, or the token may not see it: this needs {actions})"),
        ),
        (
            USAGE_OF_USER,
            404,
            not_found,
            Config,
            format!("404: Not Found (no such user, or the token may not see it: this needs {plan})"),
        ),
        (
            USAGE_OF_ORG,
            404,
            not_found,
            Config,
            format!("404: Not Found (no such organization, or the token may not see it: this needs {org})"),
        ),
        (
            USAGE_OF_USER,
            410,
            moved,
            Config,
            "410: This endpoint has been moved (GitHub has closed this address; https://gh.io/billing; a newer \
             extract-github may ask another)"
                .to_owned(),
        ),
        (USAGE_OF_ORG, 410, "", Config, "410 Gone (GitHub has closed this address; a newer extract-github may ask another)".to_owned()),
        (RUNS, 422, validation, Config, "422: Validation Failed; created: invalid; page: is not supported; odd".to_owned()),
        (RUNS, 400, r#"{"message":"Invalid request."}"#, Config, "400: Invalid request".to_owned()),
    ] {
        let verdict = judge(&Reply::of(status, &[], body));
        assert_eq!(verdict, Some(Verdict::Fail { class, message: said }), "{status} {body}");
    }
    // What the common rules know.
    for status in [200, 304, 451, 500, 502, 503] {
        assert_eq!(RUNS(&Reply::of(status, &[], not_found)), None, "{status}");
    }
}
