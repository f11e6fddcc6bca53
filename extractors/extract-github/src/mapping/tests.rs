//! The shapes that no recorded reply shows.

use etl_component::Class;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;

fn fetched_at() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// The records, or the message of a failure with 76.
fn mapped<T: Serialize>(records: Result<Vec<T>, Fault>) -> Result<Vec<Value>, String> {
    match records {
        Ok(records) => Ok(records.iter().map(|record| serde_json::to_value(record).unwrap()).collect()),
        Err(fault) => {
            assert_eq!(fault.class(), Class::Protocol);
            Err(fault.message().to_owned())
        }
    }
}

fn usage_of(reply: &str) -> Result<Vec<Value>, String> {
    mapped(usage("octocat", fetched_at(), reply.as_bytes()))
}

fn runs_of(reply: &Value) -> Result<Vec<Value>, String> {
    mapped(runs("o/r", fetched_at(), reply.to_string().as_bytes()).map(|page| page.runs))
}

fn alerts_of(reply: &Value) -> Result<Vec<Value>, String> {
    mapped(alerts("o/r", fetched_at(), reply.to_string().as_bytes()))
}

fn used(date: &str, product: &str, unit: &str, quantity: &str, net: &str) -> String {
    format!(
        r#"{{"date":"{date}","product":"{product}","sku":"Actions Linux","quantity":{quantity},"unitType":"{unit}",
        "pricePerUnit":0.006,"grossAmount":1.20,"discountAmount":1e-1,"netAmount":{net}}}"#
    )
}

#[test]
fn an_account_that_used_nothing_has_no_records() {
    for reply in ["{}", r#"{"usageItems":[]}"#, r#"{"usageItems":null}"#] {
        assert_eq!(usage_of(reply), Ok(vec![]), "{reply}");
    }
}

#[test]
fn usage_keeps_its_digits_and_is_spelled_in_one_way() {
    let items = [
        used("2026-11-02", "Actions", "Minutes", "12.50", "1.10"),
        used("2026-11-03T00:00:00Z", "actions", "GigabyteHours", "0.000000001", "0"),
    ];
    let reply = format!(r#"{{"usageItems":[{}]}}"#, items.join(","));
    let lines: Vec<String> = usage("octocat", fetched_at(), reply.as_bytes())
        .unwrap()
        .iter()
        .map(|item| serde_json::to_string(item).unwrap())
        .collect();
    let line = |date: &str, unit: &str, quantity: &str, net: &str| {
        format!(
            r#"{{"account":"octocat","date":"{date}","product":"actions","sku":"Actions Linux","unit_type":"{unit}","organization_name":"","repository_name":"","fetched_at":"2023-11-14T22:13:20Z","quantity":{quantity},"price_per_unit":0.006,"gross_amount":1.20,"discount_amount":1e-1,"net_amount":{net}}}"#
        )
    };
    assert_eq!(
        lines,
        [
            line("2026-11-02", "minutes", "12.50", "1.10"),
            line("2026-11-03", "gigabytehours", "0.000000001", "0")
        ]
    );
}

#[test]
fn items_of_one_key_are_added_up_without_rounding() {
    let items = [
        used("2026-11-02", "Actions", "minutes", "0.1", "1.10"),
        used("2026-11-03", "Actions", "minutes", "5", "0"),
        used("2026-11-02T00:00:00Z", "actions", "Minutes", "0.2", "0.005").replace("0.006", "0.008"),
    ];
    let records = usage_of(&format!(r#"{{"usageItems":[{}]}}"#, items.join(","))).unwrap();
    let seen: Vec<String> = records
        .iter()
        .map(|record| {
            ["date", "quantity", "price_per_unit", "gross_amount", "discount_amount", "net_amount"]
                .map(|field| record[field].to_string())
                .join(" ")
        })
        .collect();
    assert_eq!(seen, ["\"2026-11-02\" 0.3 null 2.4 0.2 1.105", "\"2026-11-03\" 5 0.006 1.2 0.1 0"]);
}

#[test]
fn runs_of_older_and_newer_servers() {
    let least = json!({"id": 9_007_199_254_740_993_i64, "created_at": "2026-11-01T00:00:00Z"});
    let most = json!({
        "id": 30433642, "run_attempt": 3, "name": null, "display_title": "Update README", "run_number": 562,
        "event": "push", "status": "a new one", "conclusion": null, "workflow_id": 159038, "path": ".github/workflows/ci.yml",
        "head_branch": null, "head_sha": "acb5", "head_commit": null, "head_repository": {"full_name": "fork/r"},
        "actor": {"login": "octocat"}, "triggering_actor": {"login": "hubot"}, "created_at": "2026-11-01T00:00:00Z",
        "run_started_at": "2026-11-01T01:00:00Z", "updated_at": "2026-11-01T01:00:09Z",
        "previous_attempt_url": "https://api.github.com/2", "pull_requests": null,
        "referenced_workflows": [{"path": "o/r/a.yml@main", "sha": "86e8"}]
    });
    let records = runs_of(&json!({"total_count": 2, "workflow_runs": [least, most]})).unwrap();
    assert_eq!(
        (&records[0]["id"], &records[0]["run_attempt"]),
        (&json!(9_007_199_254_740_993_i64), &json!(1))
    );
    let nulls = records[0].as_object().unwrap().values().filter(|value| value.is_null()).count();
    assert_eq!(nulls, 26 - 5);
    for (field, value) in [
        ("run_attempt", json!(3)),
        ("name", json!(null)),
        ("status", json!("a new one")),
        ("head_repository", json!("fork/r")),
        ("actor", json!("octocat")),
        ("triggering_actor", json!("hubot")),
        ("run_started_at", json!("2026-11-01T01:00:00Z")),
        ("pull_requests", json!(null)),
        ("referenced_workflows", json!([{"path": "o/r/a.yml@main", "sha": "86e8"}])),
    ] {
        assert_eq!(records[1][field], value, "{field}");
    }
}

fn an_alert() -> Value {
    json!({
        "number": 2, "state": "dismissed", "dependency": {"package": {"ecosystem": "npm", "name": "x"}, "scope": null},
        "security_advisory": {
            "severity": "high", "cvss": {"score": 0.0, "vector_string": null},
            "epss": {"percentage": 0.00045, "percentile": 0.16001}
        },
        "security_vulnerability": {"severity": "critical", "first_patched_version": null},
        "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-02T00:00:00Z",
        "dismissed_by": {"login": "octocat"}, "dismissed_reason": "not_used", "assignees": [{"login": "hubot"}]
    })
}

#[test]
fn what_alerts_have_by_now() {
    let mut other = an_alert();
    other["security_advisory"]["epss"] = json!([{"percentage": 0.1}]);
    let records = alerts_of(&json!([an_alert(), other])).unwrap();
    for (field, value) in [
        ("severity", json!("critical")),
        ("advisory_severity", json!("high")),
        ("scope", json!(null)),
        ("first_patched_version", json!(null)),
        ("cvss_score", json!(0.0)),
        ("epss_percentage", json!(0.00045)),
        ("epss_percentile", json!(0.16001)),
        ("dismissed_by", json!("octocat")),
        ("dismissed_at", json!(null)),
        ("assignees", json!([{"login": "hubot"}])),
    ] {
        assert_eq!(records[0][field], value, "{field}");
    }
    assert_eq!(records[1]["epss_percentage"], json!(null));
}

#[test]
fn another_shape_names_the_field() {
    for (reply, why) in [
        ("[]", "a list, expected an object"),
        ("<html>", "HTML where JSON is expected"),
        (r#"{"usageItems":{}}"#, "`usageItems` is an object, expected a list"),
        (
            &format!("{{\"usageItems\":[{}]}}", used("yesterday", "a", "b", "1", "1")),
            "`usageItems[0].date` is not a date such as 2026-11-23",
        ),
        (
            &format!("{{\"usageItems\":[{}]}}", used("2026-11-02T25:00:00Z", "a", "b", "1", "1")),
            "`usageItems[0].date` is not a time such as 2026-11-23T02:00:00Z",
        ),
        (
            &format!("{{\"usageItems\":[{}]}}", used("2026-11-02", "a", "b", "\"1\"", "1")),
            "`usageItems[0].quantity` is a string, expected a number that a double can hold",
        ),
    ] {
        let message = format!("the reply to settings/billing/usage is not as documented: {why}");
        assert_eq!(usage_of(reply), Err(message), "{reply}");
    }
    for (reply, why) in [
        (json!({"message": "hello"}), "`total_count` is missing"),
        (json!({"total_count": 1}), "`workflow_runs` is missing"),
        (
            json!({"total_count": 1, "workflow_runs": [{"id": "1"}]}),
            "`workflow_runs[0].id` is a string, expected a whole number",
        ),
        (json!({"total_count": 1, "workflow_runs": [{"id": 1}]}), "`workflow_runs[0].created_at` is missing"),
    ] {
        let message = format!("the reply to actions/runs is not as documented: {why}");
        assert_eq!(runs_of(&reply), Err(message), "{reply}");
    }
    let mut without = an_alert();
    without.as_object_mut().unwrap().remove("security_vulnerability");
    for (reply, why) in [
        (json!({"message": "hello"}), "an object, expected a list"),
        (json!([1]), "`[0]` is a number, expected an object"),
        (json!([without]), "`[0].security_vulnerability.severity` is missing"),
    ] {
        let message = format!("the reply to dependabot/alerts is not as documented: {why}");
        assert_eq!(alerts_of(&reply), Err(message), "{reply}");
    }
}
