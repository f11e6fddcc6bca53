//! Schemas with what they refer to and consist of in one place.

use std::cell::Cell;

use serde_json::{Map, Value, json};

/// How far references may lead to references.
const DEEPEST: usize = 64;
/// How many schemas are put together for one property at most: references to references can stand for any number of them.
const MOST: u32 = 20_000;
/// What is said then.
pub(super) const ENDLESS: &str = "references lead to references without end";

/// A document, in which references are followed.
pub(super) struct Flat<'d> {
    pub(super) document: &'d Value,
    taken: Cell<u32>,
}

/// A schema without `$ref` and `allOf`.
#[derive(Debug, Default)]
pub(super) struct Keywords {
    pub(super) keywords: Map<String, Value>,
    /// Where it was found, if it was referred to.
    pub(super) from: Vec<String>,
}

/// The references that led to a schema, from the property on.
pub(super) struct Trail<'t> {
    pub(super) here: &'t [String],
    pub(super) before: Option<&'t Trail<'t>>,
}

impl Trail<'_> {
    pub(super) const START: Trail<'static> = Trail { here: &[], before: None };

    /// The first of these references that was followed before.
    pub(super) fn again<'s>(&self, from: &'s [String]) -> Option<&'s String> {
        let known = |pointer: &&String| self.here.contains(pointer);
        from.iter().find(known).or_else(|| self.before.and_then(|before| before.again(from)))
    }
}

impl Keywords {
    /// The text of a keyword.
    pub(super) fn text(&self, keyword: &str) -> Option<&str> {
        self.keywords.get(keyword).and_then(Value::as_str)
    }

    /// Whether nothing but null is valid.
    pub(super) fn is_null(&self) -> bool {
        self.text("type") == Some("null")
            || self.keywords.get("const") == Some(&Value::Null)
            || self.keywords.get("enum") == Some(&json!([null]))
    }

    /// Adds what each of these kinds of records has: all their properties, of which those are required that each kind
    /// requires. Returns how many there are.
    pub(super) fn join(&mut self, flat: &Flat<'_>, branches: &[Value]) -> Result<u64, String> {
        let (mut kinds, mut required) = (0, None::<Vec<Value>>);
        let mut properties = Map::<String, Value>::new();
        for branch in branches {
            let mut branch = flat.of(branch)?;
            if branch.is_null() {
                continue;
            }
            kinds += 1;
            for (name, property) in members(branch.keywords.shift_remove("properties")) {
                let known = properties.entry(name).or_insert_with(|| json!([]));
                // What differs among the kinds is one of them.
                if let Some(known) = known.as_array_mut().filter(|known| !known.contains(&property)) {
                    known.push(property);
                }
            }
            let own = branch.keywords.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            required = Some(match required {
                None => own,
                Some(names) => names.into_iter().filter(|name| own.contains(name)).collect(),
            });
        }
        let one_of = properties.into_iter().map(|(name, mut kinds)| match kinds.as_array_mut() {
            Some(one) if one.len() == 1 => (name, one.remove(0)),
            _ => (name, json!({ "anyOf": kinds })),
        });
        let properties: Map<String, Value> = one_of.collect();
        let both = [("properties", properties.into()), ("required", required.unwrap_or_default().into())];
        add(
            &mut self.keywords,
            both.map(|(keyword, value)| (keyword.to_owned(), value)).into_iter().collect(),
        );
        Ok(kinds)
    }
}

fn members(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

impl<'d> Flat<'d> {
    pub(super) fn new(document: &'d Value) -> Flat<'d> {
        Flat { document, taken: Cell::new(0) }
    }

    /// Counts from here on, for another property.
    pub(super) fn begin(&self) {
        self.taken.set(0);
    }

    /// What a reference refers to: `#/$defs/Order`, an anchor, or the `$id` of a schema in the document.
    pub(super) fn find(&self, reference: &str) -> Result<&'d Value, String> {
        let (id, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let base = match id {
            "" => Some(self.document),
            id => named(self.document, &|schema| schema.get("$id").is_some_and(|own| is_id(own, id))),
        };
        let Some(base) = base else {
            return Err(format!(
                "{reference} is in another document; put it into this one, and refer to it by #/…"
            ));
        };
        let found = if fragment.is_empty() || fragment.starts_with('/') {
            base.pointer(&unescape(fragment))
        } else {
            let old = format!("#{fragment}");
            named(base, &|schema| {
                let is = |keyword: &str, name: &str| schema.get(keyword).is_some_and(|own| own == name);
                is("$anchor", fragment) || is("$dynamicAnchor", fragment) || is("$id", &old)
            })
        };
        found.ok_or_else(|| format!("{reference} is not in the document"))
    }

    /// A schema with what it refers to and all it consists of.
    pub(super) fn of(&self, schema: &Value) -> Result<Keywords, String> {
        let mut flat = Keywords::default();
        self.gather(schema, &mut flat, 0)?;
        Ok(flat)
    }

    fn gather(&self, schema: &Value, into: &mut Keywords, depth: usize) -> Result<(), String> {
        self.taken.set(self.taken.get() + 1);
        if depth == DEEPEST || self.taken.get() > MOST {
            return Err(ENDLESS.to_owned());
        }
        let Value::Object(keywords) = schema else {
            // `true` allows anything; so does `false` here, which nothing could be stored for.
            return if schema.is_boolean() {
                Ok(())
            } else {
                Err("it has something that is not a schema".to_owned())
            };
        };
        let mut own = keywords.clone();
        for keyword in ["$ref", "$dynamicRef"] {
            if let Some(reference) = own.shift_remove(keyword) {
                let reference = reference.as_str().ok_or_else(|| format!("{keyword} is not a text"))?;
                into.from.push(reference.to_owned());
                self.gather(self.find(reference)?, into, depth + 1)?;
            }
        }
        for part in own.shift_remove("allOf").iter().filter_map(Value::as_array).flatten() {
            self.gather(part, into, depth + 1)?;
        }
        add(&mut into.keywords, own);
        Ok(())
    }
}

/// Whether a schema's `$id` is the one that is referred to, which may leave out what both begin with.
fn is_id(own: &Value, id: &str) -> bool {
    let own = own.as_str().unwrap_or_default().trim_end_matches('#');
    own == id || own.strip_suffix(id.trim_start_matches('/')).is_some_and(|before| before.ends_with('/'))
}

/// The first schema in the document, on whatever level, that is meant.
fn named<'v>(value: &'v Value, is_meant: &dyn Fn(&Map<String, Value>) -> bool) -> Option<&'v Value> {
    match value {
        Value::Object(members) if is_meant(members) => Some(value),
        Value::Object(members) => members.values().find_map(|member| named(member, is_meant)),
        Value::Array(items) => items.iter().find_map(|item| named(item, is_meant)),
        _ => None,
    }
}

/// A fragment without its percent signs.
fn unescape(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let [byte, after @ ..] = rest {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *byte == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Adds keywords that hold besides: members are put together, types and lists of values are what both have, of bounds
/// the narrower one counts, and otherwise the later.
pub(super) fn add(into: &mut Map<String, Value>, keywords: Map<String, Value>) {
    for (keyword, value) in keywords {
        let Some(known) = into.get_mut(&keyword) else {
            into.insert(keyword, value);
            continue;
        };
        let is_less = known.as_f64().zip(value.as_f64()).map(|(known, value)| value < known);
        match (keyword.as_str(), &mut *known, value) {
            ("properties", Value::Object(known), Value::Object(members)) => {
                for (name, member) in members {
                    match known.get_mut(&name) {
                        Some(known) if *known != member => *known = json!({ "allOf": [known, member] }),
                        Some(_) => (),
                        None => _ = known.insert(name, member),
                    }
                }
            }
            ("$defs" | "definitions", Value::Object(known), Value::Object(members)) => known.extend(members),
            ("required", Value::Array(known), Value::Array(names)) => {
                let new = names.into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>();
                known.extend(new);
            }
            ("enum", Value::Array(known), Value::Array(values)) => {
                known.retain(|value| values.contains(value));
            }
            ("type", known, value) => *known = common_type(known, value),
            ("nullable", Value::Bool(true), _) => (),
            ("minimum" | "exclusiveMinimum" | "minLength", _, _) if is_less == Some(true) => (),
            ("maximum" | "exclusiveMaximum" | "maxLength", _, _) if is_less == Some(false) => (),
            (_, _, value) => *known = value,
        }
    }
}

/// The types that both allow, or the later ones if they contradict each other.
fn common_type(known: &Value, value: Value) -> Value {
    let list = |value: &Value| {
        let mut names = match value {
            Value::Array(names) => names.clone(),
            name => vec![name.clone()],
        };
        // An integer is a number.
        if names.contains(&json!("number")) && !names.contains(&json!("integer")) {
            names.push(json!("integer"));
        }
        names
    };
    let known = list(known);
    let mut both: Vec<Value> = list(&value).into_iter().filter(|name| known.contains(name)).collect();
    if both.contains(&json!("number")) {
        both.retain(|name| name != "integer");
    }
    match both.len() {
        0 => value,
        1 => both.remove(0),
        _ => both.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_pointer_an_anchor_or_an_id() {
        let document = json!({
            "$id": "https://e.org/order.json",
            "$defs": {
                "a/b %": {"type": "string"},
                "c": {"$id": "money.json", "$defs": {"d": {"type": "number"}}},
                "e": {"$anchor": "e", "type": "boolean"},
                "f": {"$id": "#f", "type": "null"}
            }
        });
        let flat = Flat::new(&document);
        for (reference, place) in [
            ("#", ""),
            ("https://e.org/order.json", ""),
            ("order.json#/$defs/e", "/$defs/e"),
            ("#/%24defs/a~1b%20%25", "/$defs/a~1b %"),
            ("money.json#/$defs/d", "/$defs/c/$defs/d"),
            ("#e", "/$defs/e"),
            ("#f", "/$defs/f"),
        ] {
            assert_eq!(flat.find(reference).ok(), document.pointer(place), "{reference}");
        }
        for reference in ["#/$defs/g", "#g", "rder.json", "https://e.org/other.json#/a"] {
            assert!(flat.find(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn of_two_lists_of_types_both_hold() {
        for (known, value, both) in [
            (json!(["string", "null"]), json!("string"), json!("string")),
            (json!("integer"), json!("number"), json!("integer")),
            (json!("number"), json!("integer"), json!("integer")),
            (json!(["number", "null"]), json!(["integer", "null"]), json!(["integer", "null"])),
            (json!("string"), json!("integer"), json!("integer")),
        ] {
            let mut keywords = Map::from_iter([("type".to_owned(), known.clone())]);
            add(&mut keywords, Map::from_iter([("type".to_owned(), value.clone())]));
            assert_eq!(keywords["type"], both, "{known} and {value}");
        }
    }
}
