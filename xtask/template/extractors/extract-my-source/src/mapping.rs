//! Reply → record, as a pure function: no network, no clock.

use etl_component::Fault;
use etl_http::json::{self, Number, Object};
use jiff::Timestamp;
use serde::Serialize;

/// A record, with the fields of the schema `my-source` in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Quote<'a> {
    symbol: &'a str,
    observed_at: Timestamp,
    fetched_at: Timestamp,
    price: Option<Number<'a>>,
}

/// The record of a reply to `quote`.
///
/// # Errors
/// 76 if the reply has another shape than documented; the message names the field.
pub(crate) fn quote<'a>(symbol: &'a str, fetched_at: Timestamp, reply: &'a [u8]) -> Result<Quote<'a>, Fault> {
    let mapped = json::object(reply).and_then(|reply| {
        let observed_at = reply.required("t", Object::unix_time)?;
        Ok(Quote { symbol, observed_at, fetched_at, price: reply.number("price")? })
    });
    mapped.map_err(|mismatch| mismatch.in_reply_to("quote"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_shape_names_the_field() {
        for (reply, why) in [
            ("[]", "a list, expected an object"),
            ("{}", "`t` is missing"),
            (r#"{"t":0,"price":"1"}"#, "`price` is a string, expected a number that a double can hold"),
        ] {
            let fault = quote("AAA", Timestamp::UNIX_EPOCH, reply.as_bytes()).unwrap_err();
            assert_eq!(fault.class().code(), 76);
            assert_eq!(fault.message(), format!("the reply to quote is not as documented: {why}"));
        }
    }
}
