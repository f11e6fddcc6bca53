//! Reply → records, as pure functions: no network, no clock.
//!
//! The reply is that of <https://www.alphavantage.co/documentation/#treasury-yield>: all yields of a maturity, newest
//! first, as texts, and `"."` for a day without one.

use etl_component::Fault;
use etl_http::json::{self, Number, Object, Shape};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::args::{Interval, Maturity};

/// The service's name of the request.
pub(crate) const FUNCTION: &str = "TREASURY_YIELD";

/// A record, with the fields of the schema `alphavantage.treasury_yield` in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Yield<'a> {
    maturity: Maturity,
    interval: Interval,
    /// The day of the yield.
    pub(crate) date: Date,
    fetched_at: Timestamp,
    value: Option<Number<'a>>,
}

/// The records of a reply, in its order.
///
/// # Errors
/// 76 if the reply has another shape than documented, naming the field, or is not about what was asked for.
pub(crate) fn yields(
    maturity: Maturity,
    interval: Interval,
    fetched_at: Timestamp,
    reply: &[u8],
) -> Result<Vec<Yield<'_>>, Fault> {
    let mapped = json::object(reply).and_then(|reply| {
        let data = reply.list("data")?;
        expect(&reply, "interval", &interval.to_string())?;
        expect(&reply, "unit", "percent")?;
        let records = data.iter().map(|entry| {
            let date = entry.required("date", Object::date)?;
            Ok(Yield { maturity, interval, date, fetched_at, value: value(entry)? })
        });
        records.collect::<Shape<_>>()
    });
    mapped.map_err(|mismatch| mismatch.in_reply_to(FUNCTION))
}

fn value<'a>(entry: &Object<'a>) -> Shape<Option<Number<'a>>> {
    match entry.raw("value") {
        Some(raw) if raw.get() == "\".\"" => Ok(None),
        _ => entry.required("value", Object::decimal).map(Some),
    }
}

/// What the service says that it replies with.
fn expect(reply: &Object<'_>, key: &str, expected: &str) -> Shape<()> {
    let said = reply.required(key, Object::text)?;
    match said == expected {
        true => Ok(()),
        false => Err(reply.mismatch(key, &format!("is {:?}, expected {expected:?}", etl_http::quote(&said)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(reply: &str) -> Result<String, String> {
        let at = Timestamp::UNIX_EPOCH;
        let mapped = yields(Maturity::Years10, Interval::Daily, at, reply.as_bytes());
        let records = mapped.map_err(|fault| {
            assert_eq!(fault.class().code(), 76);
            let message = fault.message();
            message.strip_prefix("the reply to TREASURY_YIELD is not as documented: ").unwrap().to_owned()
        })?;
        Ok(serde_json::to_string(&records).unwrap())
    }

    fn reply(data: &str) -> String {
        format!(r#"{{"name":"10-Year","interval":"daily","unit":"percent","data":{data}}}"#)
    }

    #[test]
    fn values_keep_every_digit_and_a_point_is_none() {
        for (value, number) in [
            (r#""4.10""#, "4.10"),
            (r#""4.123456789012345678901""#, "4.123456789012345678901"),
            (r#""-0.02""#, "-0.02"),
            (r#""0""#, "0"),
            ("4.28", "4.28"),
            (r#"".""#, "null"),
        ] {
            let reply = reply(&format!(r#"[{{"date":"1962-01-02","value":{value}}}]"#));
            let record = format!(
                r#"[{{"maturity":"10year","interval":"daily","date":"1962-01-02","fetched_at":"1970-01-01T00:00:00Z","value":{number}}}]"#
            );
            assert_eq!(mapped(&reply).unwrap(), record);
        }
        assert_eq!(mapped(&reply("[]")).unwrap(), "[]");
    }

    #[test]
    fn another_shape_names_the_field() {
        let entry = |entry: &str| reply(&format!("[{entry}]"));
        for (reply, why) in [
            ("[]".to_owned(), "a list, expected an object"),
            ("{}".to_owned(), "`data` is missing"),
            (r#"{"Information":"Something new"}"#.to_owned(), "`data` is missing"),
            (reply("{}"), "`data` is an object, expected a list"),
            (reply("[1]"), "`data[0]` is a number, expected an object"),
            (entry("{}"), "`data[0].date` is missing"),
            (
                entry(r#"{"date":"01/02/1962","value":"4"}"#),
                "`data[0].date` is not a date such as 2026-11-23",
            ),
            (entry(r#"{"date":"1962-01-02"}"#), "`data[0].value` is missing"),
            (entry(r#"{"date":"1962-01-02","value":null}"#), "`data[0].value` is missing"),
            (
                entry(r#"{"date":"1962-01-02","value":"n/a"}"#),
                "`data[0].value` is a string, expected a number or its digits",
            ),
            (
                entry(r#"{"date":"1962-01-02","value":""}"#),
                "`data[0].value` is a string, expected a number or its digits",
            ),
            (reply("[]").replace("daily", "monthly"), "`interval` is \"monthly\", expected \"daily\""),
            (reply("[]").replace("percent", "index"), "`unit` is \"index\", expected \"percent\""),
            (r#"{"interval":"daily","data":[]}"#.to_owned(), "`unit` is missing"),
        ] {
            assert_eq!(mapped(&reply).unwrap_err(), why, "{reply}");
        }
    }
}
