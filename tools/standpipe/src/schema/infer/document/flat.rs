//! Schemas with what they refer to and consist of in one place.

use serde_json::{Map, Value};

/// How far references may lead to references.
const DEEPEST: usize = 64;

/// A document, in which references are followed.
pub(super) struct Flat<'d> {
    pub(super) document: &'d Value,
}

/// A schema without `$ref` and `allOf`.
#[derive(Debug, Default)]
pub(super) struct Keywords {
    pub(super) keywords: Map<String, Value>,
    /// Where it was found, if it was referred to.
    pub(super) from: Vec<String>,
}

impl Keywords {
    /// The text of a keyword.
    pub(super) fn text(&self, keyword: &str) -> Option<&str> {
        self.keywords.get(keyword).and_then(Value::as_str)
    }

    /// Adds what each of these kinds of records has: all their properties, of which those are required that each kind
    /// requires. Returns how many there are.
    pub(super) fn join(&mut self, flat: &Flat<'_>, branches: &[Value]) -> Result<u64, String> {
        let (mut kinds, mut required) = (0, None::<Vec<Value>>);
        let mut properties = Map::new();
        for branch in branches {
            let branch = flat.of(branch)?;
            if branch.text("type") == Some("null") {
                continue;
            }
            kinds += 1;
            for (name, property) in
                branch.keywords.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                match properties.get(name) {
                    Some(known) if known != property => {
                        // What differs among the kinds is one of them.
                        let both = Value::Array(vec![known.clone(), property.clone()]);
                        properties.insert(name.clone(), Map::from_iter([("anyOf".to_owned(), both)]).into());
                    }
                    _ => {
                        properties.insert(name.clone(), property.clone());
                    }
                }
            }
            let own = branch.keywords.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            required = Some(match required {
                None => own,
                Some(names) => names.into_iter().filter(|name| own.contains(name)).collect(),
            });
        }
        let both = Map::from_iter([
            ("properties".to_owned(), properties.into()),
            ("required".to_owned(), required.unwrap_or_default().into()),
        ]);
        add(&mut self.keywords, both);
        Ok(kinds)
    }
}

impl Flat<'_> {
    /// What a pointer points at: `#/$defs/Order`.
    pub(super) fn find(&self, pointer: &str) -> Result<&Value, String> {
        let Some(path) = pointer.strip_prefix('#') else {
            return Err(format!(
                "{pointer} is in another document; put it into this one, and refer to it by #/…"
            ));
        };
        let path = path.replace("%25", "%").replace("%24", "$").replace("%7B", "{").replace("%7D", "}");
        self.document.pointer(&path).ok_or_else(|| format!("{pointer} is not in the document"))
    }

    /// A schema with what it refers to and all it consists of.
    pub(super) fn of(&self, schema: &Value) -> Result<Keywords, String> {
        let mut flat = Keywords::default();
        self.gather(schema, &mut flat, 0)?;
        Ok(flat)
    }

    fn gather(&self, schema: &Value, into: &mut Keywords, depth: usize) -> Result<(), String> {
        if depth == DEEPEST {
            return Err("references lead to references without end".to_owned());
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
        if let Some(pointer) = own.shift_remove("$ref") {
            let pointer = pointer.as_str().ok_or("$ref is not a text")?;
            into.from.push(pointer.to_owned());
            self.gather(self.find(pointer)?, into, depth + 1)?;
        }
        for part in own.shift_remove("allOf").iter().filter_map(Value::as_array).flatten() {
            self.gather(part, into, depth + 1)?;
        }
        add(&mut into.keywords, own);
        Ok(())
    }
}

/// Adds keywords that hold besides: members are put together, of bounds the narrower one counts, and otherwise the later.
fn add(into: &mut Map<String, Value>, keywords: Map<String, Value>) {
    for (keyword, value) in keywords {
        let Some(known) = into.get_mut(&keyword) else {
            into.insert(keyword, value);
            continue;
        };
        let is_less = known.as_f64().zip(value.as_f64()).map(|(known, value)| value < known);
        match (keyword.as_str(), &mut *known, value) {
            ("properties" | "$defs" | "definitions", Value::Object(known), Value::Object(members)) => {
                known.extend(members);
            }
            ("required", Value::Array(known), Value::Array(names)) => {
                let new = names.into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>();
                known.extend(new);
            }
            ("minimum" | "exclusiveMinimum" | "minLength", _, _) if is_less == Some(true) => (),
            ("maximum" | "exclusiveMaximum" | "maxLength", _, _) if is_less == Some(false) => (),
            (_, _, value) => *known = value,
        }
    }
}
