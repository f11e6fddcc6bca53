//! What a value must satisfy beyond its type.

use std::cmp::Ordering;
use std::sync::Arc;

use etl_stream::counted;
use etl_stream::json::{self, Kind};
use regex::Regex;

use crate::number::Exact;
use crate::types::Type;

/// A set of JSON types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Kinds = Kinds(0);
    pub(crate) const BOOLEAN: Kinds = Kinds(1);
    pub(crate) const INTEGER: Kinds = Kinds(2);
    pub(crate) const NUMBER: Kinds = Kinds(4 | 2);
    pub(crate) const STRING: Kinds = Kinds(8);
    pub(crate) const ARRAY: Kinds = Kinds(16);
    pub(crate) const OBJECT: Kinds = Kinds(32);
    pub(crate) const ANY: Kinds = Kinds(63);

    pub(crate) const fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub(crate) fn includes(self, other: Kinds) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a value of this kind is of one of the types. Null is not decided here.
    #[inline]
    pub(crate) fn has(self, kind: Kind, text: &str) -> bool {
        match kind {
            Kind::Null => true,
            Kind::Bool(_) => self.includes(Kinds::BOOLEAN),
            Kind::Number => {
                self.includes(Kinds::NUMBER) || self.includes(Kinds::INTEGER) && Exact::new(text).is_integer()
            }
            Kind::String { .. } => self.includes(Kinds::STRING),
            Kind::Array => self.includes(Kinds::ARRAY),
            Kind::Object => self.includes(Kinds::OBJECT),
        }
    }
}

/// The values of `enum` or `const`. There may be many, and every value is looked up in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Literals {
    null: bool,
    bools: [bool; 2],
    /// Sorted by their value.
    numbers: Vec<Box<str>>,
    /// Sorted.
    texts: Vec<Box<str>>,
}

impl Literals {
    /// The literals of these JSON texts.
    ///
    /// # Errors
    /// One of them is not a scalar.
    pub(crate) fn new<'a>(literals: impl Iterator<Item = &'a str>) -> Result<Literals, String> {
        let (mut set, mut numbers, mut texts) = (Literals::default(), Vec::new(), Vec::new());
        for literal in literals {
            match literal.as_bytes().first() {
                Some(b'n') => set.null = true,
                Some(b't') => set.bools[1] = true,
                Some(b'f') => set.bools[0] = true,
                Some(b'-' | b'0'..=b'9') => numbers.push(literal),
                Some(b'"') => {
                    texts.push(serde_json::from_str::<Box<str>>(literal).map_err(|error| error.to_string())?);
                }
                _ => return Err(format!("{} is not a scalar", json::shorten(literal, 80))),
            }
        }
        numbers.sort_by(|a, b| Exact::new(a).compare(&Exact::new(b)));
        numbers.dedup_by(|a, b| Exact::new(a).compare(&Exact::new(b)).is_eq());
        set.numbers = numbers.into_iter().map(Box::from).collect();
        texts.sort();
        texts.dedup();
        set.texts = texts;
        Ok(set)
    }

    fn has_number(&self, text: &str) -> bool {
        let wanted = Exact::new(text);
        self.numbers.binary_search_by(|number| Exact::new(number).compare(&wanted)).is_ok()
    }

    fn has_text(&self, text: &str) -> bool {
        self.texts.binary_search_by(|known| (**known).cmp(text)).is_ok()
    }
}

/// A `pattern`.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(pub(crate) Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A value of `minimum` or `maximum`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) text: String,
    /// Rounding keeps the order, so the texts need comparing only where the doubles are equal.
    pub(crate) approximate: f64,
}

impl Bound {
    #[inline]
    fn compare(&self, text: &str, approximate: Option<f64>) -> Ordering {
        match approximate.and_then(|value| value.partial_cmp(&self.approximate)) {
            Some(order @ (Ordering::Less | Ordering::Greater)) => order,
            _ => Exact::new(text).compare(&Exact::new(&self.text)),
        }
    }
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) ty: Type,
    /// As [`crate::Column::postgres`] says it.
    pub(crate) declared: Option<Box<str>>,
    pub(crate) nullable: bool,
    pub(crate) rules: Rules,
}

/// Everything that a column's schema says about its values except their type and whether they may be null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) kinds: Kinds,
    /// Shared, since there may be many.
    pub(crate) literals: Option<Arc<Literals>>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<Pattern>,
    /// The format of a text that is stored as text.
    pub(crate) format: Option<Type>,
    pub(crate) items: Option<Box<Element>>,
    /// `x-special`: also NaN, the infinities, and the years that RFC 3339 does not have.
    pub(crate) special: bool,
    /// An array may also be one of arrays, as PostgreSQL's may have several dimensions.
    pub(crate) nested: bool,
    /// The column of a connector: what its schema does not say is kept, too, if nothing is lost.
    pub(crate) lenient: bool,
}

impl Rules {
    /// No rules: the type alone decides.
    pub(crate) const NONE: Rules = Rules {
        kinds: Kinds::ANY,
        literals: None,
        minimum: None,
        maximum: None,
        max_length: None,
        pattern: None,
        format: None,
        items: None,
        special: false,
        nested: false,
        lenient: false,
    };

    /// No rules, but all that `x-special` admits.
    pub(crate) const SPECIAL: Rules = Rules { special: true, ..Rules::NONE };

    /// No rules, for a column of a connector.
    pub(crate) const LENIENT: Rules = Rules { lenient: true, ..Rules::NONE };

    fn allows(&self, has: impl Fn(&Literals) -> bool) -> Result<(), String> {
        match &self.literals {
            Some(literals) if !has(literals) => Err("is not one of the allowed values".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn null(&self) -> Result<(), String> {
        self.allows(|literals| literals.null)
    }

    pub(crate) fn bool(&self, value: bool) -> Result<(), String> {
        self.allows(|literals| literals.bools[usize::from(value)])
    }

    /// Checks a number by its text; `approximate` is the nearest double where that is known.
    #[inline]
    pub(crate) fn number(&self, text: &str, approximate: Option<f64>) -> Result<(), String> {
        if let Some(minimum) = self.minimum.as_ref().filter(|bound| bound.compare(text, approximate).is_lt())
        {
            return Err(format!("is less than the minimum {}", minimum.text));
        }
        if let Some(maximum) = self.maximum.as_ref().filter(|bound| bound.compare(text, approximate).is_gt())
        {
            return Err(format!("is greater than the maximum {}", maximum.text));
        }
        self.allows(|literals| literals.has_number(text))
    }

    #[inline]
    pub(crate) fn text(&self, text: &str) -> Result<(), String> {
        if let Some(max) = self.max_length {
            at_most(text, max)?;
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.0.is_match(text)) {
            let pattern = json::shorten(pattern.0.as_str(), 80);
            return Err(format!("does not match the pattern {pattern}"));
        }
        self.allows(|literals| literals.has_text(text))
    }
}

/// Refuses a text of more than `max` code points.
#[inline]
pub(crate) fn at_most(text: &str, max: u64) -> Result<(), String> {
    // No text has more code points than bytes.
    if text.len() as u64 > max && text.chars().count() as u64 > max {
        return Err(format!("is longer than {}", counted(max, "character", "characters")));
    }
    Ok(())
}
