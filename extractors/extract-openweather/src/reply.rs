//! Typed reading of a JSON reply that knows where it is.
//!
//! Every reader takes a key, treats `null` as absent, and fails with the path of the field, such as
//! `list[3].main.temp`, so that a changed API is found from the message alone. Numbers stay the text that the
//! service sent: `1` stays `1`, and no digit passes through a double.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// What the reply has, or which field of it has another shape than documented.
pub(crate) type Shape<T> = Result<T, String>;

/// A number for a record.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Number<'a> {
    /// As the reply spells it.
    Sent(&'a RawValue),
    /// As asked for, where the reply is silent.
    Asked(f64),
}

/// An object of the reply and its path; one that is absent is empty.
pub(crate) struct Object<'a> {
    path: String,
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Object<'a> {
    /// The reply itself.
    pub(crate) fn root(reply: &'a [u8]) -> Shape<Object<'a>> {
        // What proxies, login portals and broken gateways answer.
        if reply.trim_ascii_start().starts_with(b"<") {
            return Err("HTML where JSON is expected".to_owned());
        }
        let raw: &RawValue = serde_json::from_slice(reply).map_err(|error| format!("no JSON: {error}"))?;
        Object::parse(String::new(), raw)
    }

    fn parse(path: String, raw: &'a RawValue) -> Shape<Object<'a>> {
        match serde_json::from_str(raw.get()) {
            Ok(fields) => Ok(Object { path, fields }),
            Err(_) if path.is_empty() => Err(format!("{}, expected an object", kind(raw))),
            Err(_) => Err(format!("`{path}` is {}, expected an object", kind(raw))),
        }
    }

    /// The path of a field, for messages.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.fields.get(key).copied().filter(|raw| raw.get() != "null")
    }

    fn wrong(&self, key: &str, raw: &RawValue, expected: &str) -> String {
        format!("`{}` is {}, expected {expected}", self.path(key), kind(raw))
    }

    /// Whether the field is there as an array.
    pub(crate) fn is_array(&self, key: &str) -> bool {
        self.raw(key).is_some_and(|raw| raw.get().starts_with('['))
    }

    /// The object at `key`, empty when it is absent.
    pub(crate) fn object(&self, key: &str) -> Shape<Object<'a>> {
        match self.raw(key) {
            Some(raw) => Object::parse(self.path(key), raw),
            None => Ok(Object { path: self.path(key), fields: BTreeMap::new() }),
        }
    }

    /// The objects of the list at `key`, which must be there and may be empty.
    pub(crate) fn list(&self, key: &str) -> Shape<Vec<Object<'a>>> {
        let raw = self.required(key, self.raw(key))?;
        let items: Vec<&'a RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| self.wrong(key, raw, "a list"))?;
        let path = self.path(key);
        items.into_iter().enumerate().map(|(i, raw)| Object::parse(format!("{path}[{i}]"), raw)).collect()
    }

    /// A number, with the digits that were sent.
    pub(crate) fn number(&self, key: &str) -> Shape<Option<Number<'a>>> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        match serde_json::from_str::<f64>(raw.get()) {
            Ok(_) => Ok(Some(Number::Sent(raw))),
            Err(_) => Err(self.wrong(key, raw, "a number that a double can hold")),
        }
    }

    /// A whole number, also when it is written `4.0`.
    pub(crate) fn integer(&self, key: &str) -> Shape<Option<i64>> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        if let Ok(whole) = serde_json::from_str::<i64>(raw.get()) {
            return Ok(Some(whole));
        }
        // Beyond 2^53 a double no longer tells neighbouring integers apart; no field here comes near it.
        match serde_json::from_str::<f64>(raw.get()) {
            Ok(float) if float.fract() == 0.0 && float.abs() < 9e15 => Ok(Some(float as i64)),
            _ => Err(self.wrong(key, raw, "a whole number")),
        }
    }

    /// A text; an empty one counts as absent.
    pub(crate) fn text(&self, key: &str) -> Shape<Option<String>> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        let text: String = serde_json::from_str(raw.get()).map_err(|_| self.wrong(key, raw, "a string"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Unix seconds as RFC 3339 in UTC. 0 counts as absent: the API says so where the sun does not rise or set.
    pub(crate) fn instant(&self, key: &str) -> Shape<Option<String>> {
        let Some(seconds) = self.integer(key)?.filter(|&seconds| seconds != 0) else { return Ok(None) };
        match Timestamp::from_second(seconds) {
            Ok(instant) => Ok(Some(instant.to_string())),
            Err(_) => Err(format!("`{}` is {seconds}, which is no time in Unix seconds", self.path(key))),
        }
    }

    /// `value`, or the message that `key` is missing.
    pub(crate) fn required<T>(&self, key: &str, value: Option<T>) -> Shape<T> {
        value.ok_or_else(|| format!("`{}` is missing", self.path(key)))
    }
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
mod tests {
    use super::*;

    fn wrong<T>(shape: Shape<T>) -> String {
        match shape {
            Ok(_) => panic!("accepted"),
            Err(message) => message,
        }
    }

    #[test]
    fn messages_name_the_path_and_what_was_there() {
        let reply =
            br#"{"list":[{"main":{"temp":"1","aqi":1.5,"far":1e400}},7],"dt":99999999999999,"main":[]}"#;
        let root = Object::root(reply).unwrap();
        assert_eq!(wrong(root.list("list")), "`list[1]` is a number, expected an object");
        assert_eq!(wrong(root.list("dt")), "`dt` is a number, expected a list");
        assert_eq!(wrong(root.list("cod")), "`cod` is missing");
        assert_eq!(wrong(root.object("main")), "`main` is a list, expected an object");
        assert_eq!(wrong(root.instant("dt")), "`dt` is 99999999999999, which is no time in Unix seconds");

        let reply = br#"{"list":[{"main":{"temp":"1","aqi":1.5,"far":1e400,"name":true}}]}"#;
        let main = Object::root(reply).unwrap().list("list").unwrap()[0].object("main").unwrap();
        assert_eq!(
            wrong(main.number("temp")),
            "`list[0].main.temp` is a string, expected a number that a double can hold"
        );
        assert_eq!(wrong(main.integer("aqi")), "`list[0].main.aqi` is a number, expected a whole number");
        assert_eq!(
            wrong(main.number("far")),
            "`list[0].main.far` is a number, expected a number that a double can hold"
        );
        assert_eq!(wrong(main.text("name")), "`list[0].main.name` is a boolean, expected a string");
    }

    #[test]
    fn a_reply_that_is_no_object_says_what_it_is() {
        assert_eq!(wrong(Object::root(b"[1]")), "a list, expected an object");
        assert_eq!(wrong(Object::root(b"<html>")), "HTML where JSON is expected");
        assert!(wrong(Object::root(br#"{"a":1} {}"#)).starts_with("no JSON: "));
    }

    #[test]
    fn numbers_keep_their_digits() {
        let root = Object::root(br#"{"a":0.10000000000000000000001,"b":1,"c":-0.0,"d":1.50}"#).unwrap();
        for (key, digits) in [("a", "0.10000000000000000000001"), ("b", "1"), ("c", "-0.0"), ("d", "1.50")] {
            let number = root.number(key).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), digits);
        }
    }

    #[test]
    fn null_absent_and_empty_are_the_same_where_documented() {
        let root = Object::root(br#"{"a":null,"name":"","sunrise":0,"aqi":4.0}"#).unwrap();
        assert!(root.number("a").unwrap().is_none());
        assert!(root.object("a").unwrap().number("1h").unwrap().is_none());
        assert_eq!(root.text("name").unwrap(), None);
        assert_eq!(root.instant("sunrise").unwrap(), None);
        assert_eq!(root.integer("aqi").unwrap(), Some(4));
    }
}
