//! The shapes that no recorded reply shows.

use serde_json::json;

use super::*;

/// The record, with the warning about it; or the code and the message.
fn map(reply: &str) -> Result<(Value, Option<String>), (u8, String)> {
    let fetched_at = Timestamp::from_second(1_700_000_000).unwrap();
    let mapped = quote("AAPL", fetched_at, reply.as_bytes());
    mapped
        .map(|mapped| (serde_json::to_value(mapped.record).unwrap(), mapped.warning))
        .map_err(|fault| (fault.class().code(), fault.message().to_owned()))
}

#[test]
fn each_field_is_that_of_its_letter_with_the_digits_that_were_sent() {
    let reply =
        r#"{"c":182.630,"d":1.85,"dp":1.0239,"h":183.12,"l":180.97,"o":181,"pc":180.78,"t":1704067200}"#;
    let (record, warning) = map(reply).unwrap();
    let expected = r#"{"symbol":"AAPL","traded_at":"2024-01-01T00:00:00Z","fetched_at":"2023-11-14T22:13:20Z","last_price":182.630,"change":1.85,"percent_change":1.0239,"open":181,"high":183.12,"low":180.97,"previous_close":180.78}"#;
    assert_eq!(record, serde_json::from_str::<Value>(expected).unwrap());
    assert_eq!(warning, None);
    let text = serde_json::to_string(
        &quote("AAPL", Timestamp::from_second(1_700_000_000).unwrap(), reply.as_bytes()).unwrap().record,
    );
    assert_eq!(text.unwrap(), expected);
}

#[test]
fn zeros_beside_a_price_are_prices_that_are_not_known() {
    let (record, warning) =
        map(r#"{"c":6.06,"d":null,"dp":null,"h":0,"l":0.0,"o":-0,"pc":5.75,"t":1585296696}"#).unwrap();
    for field in ["open", "high", "low", "change", "percent_change"] {
        assert_eq!(record[field], Value::Null, "{field}");
    }
    assert_eq!((&record["last_price"], &record["previous_close"]), (&json!(6.06), &json!(5.75)));
    let said = "Finnhub says 0 where it has no price yet: open, high and low are null";
    assert_eq!(warning.as_deref(), Some(said));

    // Of finnhubio/Finnhub-API#88: a change from a price of 0 is none either.
    let (record, warning) =
        map(r#"{"c":0,"d":-55,"dp":-100,"h":55.24,"l":51.135,"o":54.69,"pc":55,"t":1585732150}"#).unwrap();
    for field in ["last_price", "change", "percent_change"] {
        assert_eq!(record[field], Value::Null, "{field}");
    }
    assert_eq!(record["low"], json!(51.135));
    let said = "Finnhub says 0 where it has no price yet: last_price is null";
    assert_eq!(warning.as_deref(), Some(said));
}

#[test]
fn a_quote_of_time_0_is_of_no_symbol_whatever_else_it_says() {
    let why = "Finnhub has no quote of it: it does not know or does not cover the symbol (a quote of time 0; letters count \
               in their case)";
    for reply in [r#"{"t":0}"#, r#"{"c":1,"d":0,"dp":0,"h":1,"l":1,"o":1,"pc":1,"t":0}"#] {
        assert_eq!(map(reply), Err((78, why.to_owned())), "{reply}");
    }
}

#[test]
fn another_shape_names_the_field() {
    for (reply, why) in [
        ("[]", "a list, expected an object"),
        ("{}", "`t` is missing"),
        (r#"{"t":null}"#, "`t` is missing"),
        (r#"{"t":"1704067200"}"#, "`t` is a string, expected a whole number"),
        (r#"{"t":1}"#, "`c` is missing"),
        (r#"{"t":1,"c":1,"d":"1"}"#, "`d` is a string, expected a number that a double can hold"),
        (r#"{"t":1,"c":1,"o":1,"h":1,"l":null}"#, "`l` is missing"),
        ("<html>", "HTML where JSON is expected"),
    ] {
        assert_eq!(map(reply), Err((76, format!("the reply to quote is not as documented: {why}"))));
    }
}
