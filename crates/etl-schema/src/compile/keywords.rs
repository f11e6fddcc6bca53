//! The keywords of a schema object, none of which is silently ignored: each is taken out of its object when it is
//! understood, and whatever is left over is a fault.

use serde_json::{Map, Value};

/// Keywords that have no effect on what is valid.
const PURE: [&str; 7] = ["$id", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly"];

/// What JSON Schema has besides what is understood, and what to do instead.
const OTHERS: [(&[&str], &str); 6] = [
    (
        &["properties", "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas"],
        "a nested object is one column of JSON: leave out what it says of its members, or let the producer write \
         them as fields of the record",
    ),
    (
        &["anyOf", "oneOf", "allOf", "not", "if", "then", "else"],
        "a column has one type: give that type, with \"null\" if it may be null, or x-postgres \
         {\"type\": \"jsonb\"} without type for any JSON",
    ),
    (
        &["$ref", "$defs", "definitions", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"],
        "write what it refers to in its place",
    ),
    (
        &["minLength", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"],
        "leave it out, or let the table check it",
    ),
    (
        &["uniqueItems", "prefixItems", "contains", "minContains", "maxContains", "minProperties"],
        "leave it out, or let the table check it",
    ),
    (
        &["maxProperties", "unevaluatedItems", "unevaluatedProperties", "contentMediaType", "contentSchema"],
        "leave it out, or let the table check it",
    ),
];

/// All that is wrong with a schema, gathered so that it can be mended at once.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    /// The value, or what stands for it where there is a fault.
    pub(super) fn note<T: Default>(&mut self, value: Result<T, String>) -> T {
        value.unwrap_or_else(|what| {
            self.0.push(what);
            T::default()
        })
    }

    /// Notes the faults of a part, naming it.
    pub(super) fn within(&mut self, part: &str, faults: Vec<String>) {
        self.0.extend(faults.into_iter().map(|what| format!("{part}: {what}")));
    }
}

/// The keywords of one schema object that have not been understood yet.
pub(super) struct Keywords<'a> {
    left: Vec<(&'a str, &'a Value)>,
    /// What was looked for, and so would have been understood.
    known: Vec<&'static str>,
}

impl<'a> Keywords<'a> {
    pub(super) fn new(document: &'a Value) -> Result<Keywords<'a>, String> {
        let map: &Map<_, _> = document.as_object().ok_or("a schema must be an object")?;
        let left = map.iter().map(|(keyword, value)| (keyword.as_str(), value));
        Ok(Keywords {
            left: left.filter(|(keyword, _)| !PURE.contains(keyword)).collect(),
            known: Vec::new(),
        })
    }

    pub(super) fn take(&mut self, keyword: &'static str) -> Option<&'a Value> {
        self.known.push(keyword);
        let at = self.left.iter().position(|(known, _)| *known == keyword)?;
        Some(self.left.remove(at).1)
    }

    pub(super) fn text(&mut self, keyword: &'static str) -> Result<Option<&'a str>, String> {
        match self.take(keyword) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{keyword}: not a string")),
        }
    }

    pub(super) fn owned(&mut self, keyword: &'static str) -> Result<Option<String>, String> {
        Ok(self.text(keyword)?.map(str::to_owned))
    }

    pub(super) fn names(&mut self, keyword: &'static str) -> Result<Vec<&'a str>, String> {
        let Some(names) = self.take(keyword) else { return Ok(Vec::new()) };
        let names = names.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
        names.ok_or_else(|| format!("{keyword}: not a list of names"))
    }

    /// The only string that an annotation object may hold, which must not be empty.
    pub(super) fn only(
        &mut self,
        annotation: &'static str,
        member: &'static str,
    ) -> Result<Option<String>, String> {
        let Some(object) = self.take(annotation) else { return Ok(None) };
        let mut inner = Keywords::new(object).map_err(|what| format!("{annotation}: {what}"))?;
        let text = inner.owned(member).map_err(|what| format!("{annotation}.{what}"))?;
        inner.finish().map_err(|what| format!("{annotation}: {what}"))?;
        match text {
            Some(text) if text.is_empty() => Err(format!("{annotation}.{member}: empty")),
            text => Ok(text),
        }
    }

    /// Refuses whatever is left, in one sentence.
    pub(super) fn finish(self) -> Result<(), String> {
        let faults = self.left_over();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// What is wrong with each keyword that is left.
    pub(super) fn left_over(self) -> Vec<String> {
        let others = || OTHERS.iter().flat_map(|(keywords, _)| *keywords).copied();
        let wrong = |keyword: &str| {
            let other = OTHERS.iter().find(|(keywords, _)| keywords.contains(&keyword));
            if let Some((_, instead)) = other {
                return format!("the keyword {keyword:?} is not supported: {instead}");
            }
            let known = self.known.iter().copied().chain(PURE).chain(others());
            match nearest(keyword, known) {
                Some(meant) => format!("the keyword {keyword:?} is not understood: did you mean {meant}?"),
                None => format!("the keyword {keyword:?} is not understood"),
            }
        };
        self.left.iter().map(|(keyword, _)| wrong(keyword)).collect()
    }
}

/// The word that a misspelt one may stand for.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Longer than any keyword: comparing it would only cost time.
    if word.len() > 40 {
        return None;
    }
    let lower = word.to_lowercase();
    let distance = |known: &&str| strsim::osa_distance(&lower, &known.to_lowercase());
    let meant = known.into_iter().min_by_key(distance)?;
    (distance(&meant) <= (meant.len() / 3).min(2)).then_some(meant)
}
