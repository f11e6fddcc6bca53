//! Reply → record, as a pure function: no network, no clock.
//!
//! The reply is that of <https://finnhub.io/docs/api/quote>, with what recorded replies have beyond the documentation: `d`
//! and `dp` null or absent, zeros in the place of prices that are not known.

use std::time::Duration;

use etl_component::{Class, Fault};
use etl_http::json::{self, Number, Object, Shape};
use etl_http::{Reply, Verdict, quote as words};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::args::KEY;

/// The free plan counts calls by the minute, and the service sends no `Retry-After`.
pub(crate) const QUOTA_WINDOW: Duration = Duration::from_secs(60);

/// What a reply became.
#[derive(Debug)]
pub(crate) struct Mapped<'a> {
    /// The quote.
    pub(crate) record: Quote<'a>,
    /// What is odd about the reply but does not make it wrong.
    pub(crate) warning: Option<String>,
}

/// A record, with the fields of the schema `finnhub.quote` in their order. Finnhub names each by a letter or two.
#[derive(Debug, Serialize)]
pub(crate) struct Quote<'a> {
    symbol: &'a str,
    traded_at: Timestamp,
    fetched_at: Timestamp,
    last_price: Option<Number<'a>>,
    change: Option<Number<'a>>,
    percent_change: Option<Number<'a>>,
    open: Option<Number<'a>>,
    high: Option<Number<'a>>,
    low: Option<Number<'a>>,
    previous_close: Option<Number<'a>>,
}

/// The record of a reply to `quote`.
///
/// # Errors
/// 78 if Finnhub has no quote of the symbol; 76 if the reply has another shape than documented, naming the field.
pub(crate) fn quote<'a>(
    symbol: &'a str,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Mapped<'a>, Fault> {
    let mapped = json::object(reply).and_then(|reply| {
        let traded_at = reply.required("t", Object::unix_time)?;
        // What a symbol that is not known gets has all other fields zero or null.
        match traded_at == Timestamp::UNIX_EPOCH {
            true => Ok(None),
            false => traded(symbol, traded_at, fetched_at, &reply).map(Some),
        }
    });
    mapped.map_err(|mismatch| mismatch.in_reply_to("quote"))?.ok_or_else(|| {
        let why = "Finnhub has no quote of it: it does not know or does not cover the symbol";
        Fault::config(format!("{why} (a quote of time 0; letters count in their case)"))
    })
}

fn traded<'a>(
    symbol: &'a str,
    traded_at: Timestamp,
    fetched_at: Timestamp,
    reply: &Object<'a>,
) -> Shape<Mapped<'a>> {
    let mut unknown = Vec::new();
    let mut price = |key, name| {
        let price = reply.required(key, Object::number)?;
        if is_zero(&price) {
            unknown.push(name);
        }
        Ok(Some(price).filter(|price| !is_zero(price)))
    };
    let last_price = price("c", "last_price")?;
    // They compare the last price with the previous close, and say nothing when there is none.
    let change = |key| Ok(reply.number(key)?.filter(|_| last_price.is_some()));
    let record = Quote {
        symbol,
        traded_at,
        fetched_at,
        last_price,
        change: change("d")?,
        percent_change: change("dp")?,
        open: price("o", "open")?,
        high: price("h", "high")?,
        low: price("l", "low")?,
        previous_close: price("pc", "previous_close")?,
    };
    let warning = (!unknown.is_empty())
        .then(|| format!("Finnhub says 0 where it has no price yet: {} null", are(&unknown)));
    Ok(Mapped { record, warning })
}

fn is_zero(price: &Number<'_>) -> bool {
    match price {
        Number::Sent(digits) => digits.get().parse() == Ok(0.0),
        Number::Asked(price) => *price == 0.0,
    }
}

/// `open is`, `open and high are`
fn are(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => format!("{name} is"),
        [before @ .., last] => format!("{} and {last} are", before.join(", ")),
    }
}

/// What the service says of itself, where its status does not say it.
pub(crate) fn judge(reply: &Reply) -> Option<Verdict> {
    let fail = |class, message| Some(Verdict::Fail { class, message });
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let said = match body["error"].as_str() {
        Some(said) => words(said),
        None if reply.is_html() => String::new(),
        None => reply.excerpt(),
    };
    let told = |hint: &str| {
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        format!("{}{said}{hint}", reply.status)
    };
    let key = KEY.name;
    match reply.status {
        // What comes with other types is for people, even if it starts like JSON.
        200 => match reply.header("content-type") {
            Some(kind) if !kind.to_ascii_lowercase().contains("json") => {
                fail(Class::Protocol, format!("{} where JSON is expected", words(kind)))
            }
            _ if body["error"].is_string() => fail(Class::Protocol, told("")),
            _ => None,
        },
        // The words for a request without a key: it did not arrive, and waiting does not help.
        429 if said.to_ascii_lowercase().contains("sign up") => fail(
            Class::Denied,
            told(&format!(
                " (it says so when no key arrives: is {key} the key, and does a proxy drop headers?)"
            )),
        ),
        401 => fail(Class::Denied, told(&format!(" (the key is that of {key})"))),
        403 => fail(Class::Denied, told(&format!(" (the plan of {key} does not include it)"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
