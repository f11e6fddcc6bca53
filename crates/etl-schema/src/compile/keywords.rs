//! The keywords of a schema object, none of which is silently ignored: each is taken out of its object when it is
//! understood, and whatever is left over is a fault.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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

/// How many faults a message names.
const NAMED: usize = 50;

/// All that is wrong with a schema, gathered so that it can be mended at once.
#[derive(Debug, Default)]
pub(super) struct Faults {
    named: Vec<String>,
    more: usize,
}

impl Faults {
    /// A fault that leaves nothing else to be found.
    pub(super) fn one(what: impl Into<String>) -> Faults {
        Faults { named: vec![what.into()], more: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub(super) fn push(&mut self, what: impl Into<String>) {
        if self.named.len() < NAMED {
            self.named.push(what.into());
        } else {
            self.more += 1;
        }
    }

    /// The value, or what stands for it where there is a fault.
    pub(super) fn note<T: Default>(&mut self, value: Result<T, String>) -> T {
        value.unwrap_or_else(|what| {
            self.push(what);
            T::default()
        })
    }

    /// Notes the faults of a part, naming it.
    pub(super) fn within(&mut self, part: &str, faults: Faults) {
        faults.named.into_iter().for_each(|what| self.push(format!("{part}: {what}")));
        self.more += faults.more;
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named.len() + self.more {
            0 | 1 => (),
            count => write!(f, "{count} faults: ")?,
        }
        f.write_str(&self.named.join("; "))?;
        if self.more > 0 { write!(f, "; and {} more", self.more) } else { Ok(()) }
    }
}

/// The members of an object in their order, each value as it is written.
#[derive(Default)]
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Those of a text, unless that is not an object.
    pub(super) fn of(text: &'a RawValue) -> Option<Members<'a>> {
        read(text)
    }

    /// # Errors
    /// A name that comes twice.
    pub(super) fn distinct(self) -> Result<Members<'a>, String> {
        let mut known = HashSet::new();
        match self.0.iter().find(|(name, _)| !known.insert(name)) {
            Some((name, _)) => Err(format!("{name:?} appears twice")),
            None => Ok(self),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct Gather;
        impl<'de> Visitor<'de> for Gather {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Gather)
    }
}

/// A value, unless it is of another type.
pub(super) fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// The keywords of one schema object that have not been understood yet.
pub(super) struct Keywords<'a> {
    left: Members<'a>,
    /// What was looked for, and so would have been understood.
    known: Vec<&'static str>,
}

impl<'a> Keywords<'a> {
    pub(super) fn new(document: &'a RawValue) -> Result<Keywords<'a>, String> {
        let mut left = Members::of(document).ok_or("a schema must be an object")?.distinct()?;
        left.0.retain(|(keyword, _)| !PURE.contains(&keyword.as_str()));
        Ok(Keywords { left, known: Vec::new() })
    }

    pub(super) fn take(&mut self, keyword: &'static str) -> Option<&'a RawValue> {
        self.known.push(keyword);
        let at = self.left.0.iter().position(|(known, _)| known == keyword)?;
        Some(self.left.0.remove(at).1)
    }

    pub(super) fn text(&mut self, keyword: &'static str) -> Result<Option<String>, String> {
        let Some(text) = self.take(keyword) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| format!("{keyword}: not a string"))
    }

    pub(super) fn names(&mut self, keyword: &'static str) -> Result<Vec<String>, String> {
        let Some(names) = self.take(keyword) else { return Ok(Vec::new()) };
        read(names).ok_or_else(|| format!("{keyword}: not a list of names"))
    }

    /// The only string that an annotation object may hold, which must not be empty.
    pub(super) fn only(
        &mut self,
        annotation: &'static str,
        member: &'static str,
    ) -> Result<Option<String>, String> {
        let Some(object) = self.take(annotation) else { return Ok(None) };
        let mut inner = Keywords::new(object).map_err(|what| format!("{annotation}: {what}"))?;
        let text = inner.text(member).map_err(|what| format!("{annotation}.{what}"))?;
        inner.finish().map_err(|what| format!("{annotation}: {what}"))?;
        match text {
            Some(text) if text.is_empty() => Err(format!("{annotation}.{member}: empty")),
            text => Ok(text),
        }
    }

    /// Refuses whatever is left, in one sentence.
    pub(super) fn finish(self) -> Result<(), String> {
        let mut faults = Faults::default();
        self.left_over(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(faults.named.join("; ")) }
    }

    /// Notes what is wrong with each keyword that is left.
    pub(super) fn left_over(self, faults: &mut Faults) {
        let others = || OTHERS.iter().flat_map(|(keywords, _)| *keywords).copied();
        for (keyword, _) in &self.left.0 {
            let keyword = keyword.as_str();
            let other = OTHERS.iter().find(|(keywords, _)| keywords.contains(&keyword));
            let known = self.known.iter().copied().chain(PURE).chain(others());
            faults.push(match (other, nearest(keyword, known)) {
                (Some((_, instead)), _) => format!("the keyword {keyword:?} is not supported: {instead}"),
                (None, Some(meant)) => {
                    format!("the keyword {keyword:?} is not understood: did you mean {meant}?")
                }
                (None, None) => format!("the keyword {keyword:?} is not understood"),
            });
        }
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
