//! Typed reading of a JSON reply; errors say where in the reply.
//!
//! ```
//! use etl_http::json::{self, Object, Shape};
//! # fn read() -> Shape<()> {
//! for task in json::object(br#"{"data":[{"gid":"12","name":"","due_on":null}]}"#)?.list("data")? {
//!     let gid = task.required("gid", Object::text)?;
//!     let name = task.text("name")?.filter(json::non_empty);
//!     let due_on = task.date("due_on")?;
//!     assert_eq!((gid.as_str(), name, due_on), ("12", None, None));
//! }
//! # Ok(())
//! # }
//! # read().unwrap();
//! ```
//!
//! Every reader takes a key, treats `null` and only `null` as absent, and fails with the path of the field, such as
//! `list[3].main.temp`, so that a changed API is found from the message alone. Numbers stay the text that the
//! service sent: `1` stays `1`, and no digit passes through a double.

use std::collections::BTreeMap;
use std::fmt;

use etl_component::{Class, Fault};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the reply has, or which of its fields has another shape than documented.
pub type Shape<T> = Result<T, Mismatch>;

/// What is not as documented, and where, such as `` `dt` is a string, expected a whole number ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl Mismatch {
    /// A mismatch that only the mapping can see.
    pub fn new(what: impl Into<String>) -> Mismatch {
        Mismatch(what.into())
    }

    /// The failure (76) of a run that asked for `what`, such as `weather`.
    pub fn in_reply_to(self, what: &str) -> Fault {
        Fault::new(Class::Protocol, format!("the reply to {what} is not as documented: {self}"))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number for a record.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Number<'a> {
    /// As the reply spells it.
    Sent(&'a RawValue),
    /// As asked for, if the reply does not say.
    Asked(f64),
}

/// An object of the reply and its path; one that is absent is empty.
#[derive(Debug)]
pub struct Object<'a> {
    path: String,
    fields: BTreeMap<String, &'a RawValue>,
}

/// The object that a reply is.
///
/// # Errors
/// If it is HTML, is not JSON, or is another kind of JSON value.
pub fn object(reply: &[u8]) -> Shape<Object<'_>> {
    Object::parse(String::new(), root(reply)?)
}

/// The objects of the list that a reply is.
///
/// # Errors
/// As [`object`].
pub fn list(reply: &[u8]) -> Shape<Vec<Object<'_>>> {
    objects("", root(reply)?)
}

/// Whether a text is not empty, for [`Option::filter`] where the API says `""` for nothing.
pub fn non_empty(text: &impl AsRef<str>) -> bool {
    !text.as_ref().is_empty()
}

fn root(reply: &[u8]) -> Shape<&RawValue> {
    // As proxies, login portals and broken gateways reply.
    if reply.trim_ascii_start().starts_with(b"<") {
        return Err(Mismatch::new("HTML where JSON is expected"));
    }
    serde_json::from_slice(reply).map_err(|error| Mismatch(format!("not JSON: {error}")))
}

fn objects<'a>(path: &str, raw: &'a RawValue) -> Shape<Vec<Object<'a>>> {
    let items: Vec<&'a RawValue> = parsed(path, raw, "a list")?;
    items.into_iter().enumerate().map(|(i, raw)| Object::parse(format!("{path}[{i}]"), raw)).collect()
}

/// A value of this type, or the mismatch that says that it has another.
fn parsed<'a, T: Deserialize<'a>>(path: &str, raw: &'a RawValue, expected: &str) -> Shape<T> {
    serde_json::from_str(raw.get()).map_err(|_| unlike(path, raw, expected))
}

fn unlike(path: &str, raw: &RawValue, expected: &str) -> Mismatch {
    match path {
        "" => Mismatch(format!("{}, expected {expected}", kind(raw))),
        path => Mismatch(format!("`{path}` is {}, expected {expected}", kind(raw))),
    }
}

impl<'a> Object<'a> {
    fn parse(path: String, raw: &'a RawValue) -> Shape<Object<'a>> {
        let fields = parsed(&path, raw, "an object")?;
        Ok(Object { path, fields })
    }

    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value for a column of any JSON, on one line, which a record must be; otherwise as it was sent, every digit
    /// included. `None` where it is absent or null.
    ///
    /// # Errors
    /// Never: the whole reply is JSON.
    pub fn any(&self, key: &str) -> Shape<Option<Box<RawValue>>> {
        let compact = |raw: &RawValue| RawValue::from_string(on_one_line(raw.get()));
        self.raw(key).map(compact).transpose().map_err(|_| self.mismatch(key, "is not JSON"))
    }

    /// The value as it was sent, white space included; `None` where it is absent or null.
    pub fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.fields.get(key).copied().filter(|raw| raw.get() != "null")
    }

    /// Reads a field that must not be absent: `task.required("gid", Object::text)`.
    ///
    /// # Errors
    /// Those of `read`, and that the field is missing.
    pub fn required<T>(&self, key: &str, read: impl FnOnce(&Self, &str) -> Shape<Option<T>>) -> Shape<T> {
        read(self, key)?.ok_or_else(|| Mismatch(format!("`{}` is missing", self.path(key))))
    }

    /// A mismatch at `key`: `what` follows the path, as in `is 6, expected 1 to 5`.
    pub fn mismatch(&self, key: &str, what: &str) -> Mismatch {
        Mismatch(format!("`{}` {what}", self.path(key)))
    }

    /// Whether the field is a list.
    pub fn is_array(&self, key: &str) -> bool {
        self.raw(key).is_some_and(|raw| raw.get().starts_with('['))
    }

    fn read<T: Deserialize<'a>>(&self, key: &str, expected: &str) -> Shape<Option<T>> {
        self.raw(key).map(|raw| parsed(&self.path(key), raw, expected)).transpose()
    }

    fn unlike(&self, key: &str, raw: &RawValue, expected: &str) -> Mismatch {
        unlike(&self.path(key), raw, expected)
    }

    /// The object at `key`, empty when it is absent.
    ///
    /// # Errors
    /// If it is another kind of value.
    pub fn object(&self, key: &str) -> Shape<Object<'a>> {
        match self.raw(key) {
            Some(raw) => Object::parse(self.path(key), raw),
            None => Ok(Object { path: self.path(key), fields: BTreeMap::new() }),
        }
    }

    /// The objects of the list at `key`, which must not be absent but may be empty.
    ///
    /// # Errors
    /// If it is missing, or is not a list of objects.
    pub fn list(&self, key: &str) -> Shape<Vec<Object<'a>>> {
        let raw = self.required(key, |object, key| Ok(object.raw(key)))?;
        objects(&self.path(key), raw)
    }

    /// As [`Object::list`], but one that is absent is empty.
    ///
    /// # Errors
    /// If it is not a list of objects.
    pub fn list_or_empty(&self, key: &str) -> Shape<Vec<Object<'a>>> {
        self.raw(key).map_or(Ok(Vec::new()), |raw| objects(&self.path(key), raw))
    }

    /// The texts of the list at `key`, which is empty when it is absent.
    ///
    /// # Errors
    /// If it is not a list of strings.
    pub fn texts(&self, key: &str) -> Shape<Vec<String>> {
        Ok(self.read(key, "a list of strings")?.unwrap_or_default())
    }

    /// A number, with the digits that were sent.
    ///
    /// # Errors
    /// If it is not a number, or beyond the range of a double.
    pub fn number(&self, key: &str) -> Shape<Option<Number<'a>>> {
        let finite: Option<f64> = self.read(key, "a number that a double can hold")?;
        Ok(finite.and(self.raw(key)).map(Number::Sent))
    }

    /// A number of any size and precision, with its digits, whether it was sent as a number or as a text such as
    /// `"4.28"`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn decimal(&self, key: &str) -> Shape<Option<Number<'a>>> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        let digits = raw.get().trim_matches('"');
        match serde_json::from_str::<&RawValue>(digits) {
            // Only a number starts like this. `get` is the number without any white space around it, which is refused.
            Ok(number)
                if digits.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && number.get() == digits =>
            {
                Ok(Some(Number::Sent(number)))
            }
            _ => Err(self.unlike(key, raw, "a number or its digits")),
        }
    }

    /// A whole number, even when it is written `4.0`.
    ///
    /// # Errors
    /// If it is not one, or does not fit.
    pub fn integer(&self, key: &str) -> Shape<Option<i64>> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        if let Ok(whole) = serde_json::from_str::<i64>(raw.get()) {
            return Ok(Some(whole));
        }
        // Beyond 2^53 a double can no longer distinguish neighbouring integers.
        match serde_json::from_str::<f64>(raw.get()) {
            Ok(float) if float.fract() == 0.0 && float.abs() < 9e15 => Ok(Some(float as i64)),
            _ => Err(self.unlike(key, raw, "a whole number")),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// If it is another kind of value.
    pub fn boolean(&self, key: &str) -> Shape<Option<bool>> {
        self.read(key, "a boolean")
    }

    /// A text as it was sent; an empty one is a text (see [`non_empty`]).
    ///
    /// # Errors
    /// If it is another kind of value.
    pub fn text(&self, key: &str) -> Shape<Option<String>> {
        self.read(key, "a string")
    }

    /// A calendar day, `2026-11-23`.
    ///
    /// # Errors
    /// If it is not one.
    pub fn date(&self, key: &str) -> Shape<Option<Date>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        // The parser would also take a time after the day, and drop it.
        let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        date.map(Some).ok_or_else(|| self.mismatch(key, "is not a date such as 2026-11-23"))
    }

    /// An instant of RFC 3339, with its offset.
    ///
    /// # Errors
    /// If it is not one.
    pub fn date_time(&self, key: &str) -> Shape<Option<Timestamp>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let instant = text.parse().map(Some);
        instant.map_err(|_| self.mismatch(key, "is not a time such as 2026-11-23T02:00:00Z"))
    }

    /// An instant in Unix seconds; 0 is an instant, too.
    ///
    /// # Errors
    /// If it is not a whole number, or beyond the calendar.
    pub fn unix_time(&self, key: &str) -> Shape<Option<Timestamp>> {
        let Some(seconds) = self.integer(key)? else { return Ok(None) };
        let instant = Timestamp::from_second(seconds).map(Some);
        instant.map_err(|_| self.mismatch(key, &format!("is {seconds}, which is not a time in Unix seconds")))
    }
}

/// JSON without the white space between its tokens.
fn on_one_line(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let is_kept = |c: &char| {
        let kept = quoted || !matches!(c, ' ' | '\t' | '\n' | '\r');
        quoted ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        kept
    };
    json.chars().filter(is_kept).collect()
}

/// What kind of JSON value this is, for messages; never the value, which may hold anything.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests;
