use super::*;

const BURST: &str = "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to lift the free key rate limit (25 requests per day) and instantly remove all daily rate limits.";
const DAILY: &str = "We have detected your API key as ABC123 and our standard API rate limit is 25 requests per day. Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily rate limits.";
const NOTE: &str = "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls per day. Please visit https://www.alphavantage.co/premium/ if you would like to target a higher API call frequency.";
const INVALID: &str = "the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.";
const DEMO: &str = "The **demo** API key is for demo purposes only. Please claim your free API key at (https://www.alphavantage.co/support/#api-key) to explore our full API offerings. It takes fewer than 20 seconds.";
const PREMIUM: &str = "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly unlock all premium endpoints";
const CALL: &str = "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/) for TREASURY_YIELD.";

fn judged(status: u16, body: &str) -> Option<Verdict> {
    judge(&Reply::of(status, &[("Date", "Fri, 27 Nov 2026 17:00:00 GMT")], body))
}

fn said(key: &str, words: &str) -> String {
    serde_json::json!({ key: words }).to_string()
}

#[test]
fn words_decide_in_an_order_that_their_overlaps_need() {
    let minute = Some(Verdict::Retry { min_wait: MINUTE });
    // From noon in New York.
    let day = Some(Verdict::Retry { min_wait: Duration::from_secs(12 * 60 * 60) });
    for key in KEYS {
        for (words, verdict) in [
            (BURST, Some(Verdict::Limited { first_wait: SECOND })),
            (DAILY, day.clone()),
            ("You have reached the 25 requests/day limit for your daily free plan.", day.clone()),
            (NOTE, minute.clone()),
            ("Please visit https://… if you would like to have a higher API call volume.", minute.clone()),
        ] {
            assert_eq!(judged(200, &said(key, words)), verdict, "{key}: {words}");
        }
        for (words, class, hint) in [
            (INVALID, Class::Denied, "(the key is that of ALPHAVANTAGE_API_KEY)"),
            (DEMO, Class::Denied, "(the key is that of ALPHAVANTAGE_API_KEY)"),
            (PREMIUM, Class::Denied, "(the plan of ALPHAVANTAGE_API_KEY does not include it)"),
            (CALL, Class::Config, "(does the service still have this maturity and interval?)"),
            ("Something new.", Class::Protocol, "Something new."),
        ] {
            let Some(Verdict::Fail { class: found, message }) = judged(200, &said(key, words)) else {
                panic!("{key}: {words}")
            };
            assert_eq!(found, class, "{message}");
            assert!(message.starts_with(&words[..10]) && message.ends_with(hint), "{message}");
        }
    }
}

#[test]
fn statuses_and_other_bodies_are_left_to_the_common_rules() {
    for (status, body) in [
        (200, r#"{"data":[]}"#.to_owned()),
        (200, r#"{"data":[],"Information":"We have detected your API key as K"}"#.to_owned()),
        (200, "{}".to_owned()),
        (200, "<html>".to_owned()),
        (200, r#"{"data":{},"Information":1}"#.to_owned()),
        (503, "<html>".to_owned()),
        (500, said("detail", "A server error occurred.")),
    ] {
        assert_eq!(judged(status, &body), None, "{status} {body}");
    }
    let fault = judged(406, &said("detail", "Could not satisfy the request Accept header."));
    let message =
        "Could not satisfy the request Accept header. (does a proxy change the header Accept?)".to_owned();
    assert_eq!(fault, Some(Verdict::Fail { class: Class::Config, message }));
}

#[test]
fn the_daily_limit_lasts_until_midnight_in_new_york() {
    for (now, hours) in [
        ("2026-11-27T05:00:00Z", 24),
        ("2026-11-28T04:00:00Z", 1),
        ("2026-07-04T03:00:00Z", 1),
        // The days when the clocks change.
        ("2026-03-08T05:00:00Z", 23),
        ("2026-11-01T04:00:00Z", 25),
    ] {
        assert_eq!(until_tomorrow(now.parse().unwrap()), Duration::from_secs(hours * 60 * 60), "{now}");
    }
}
