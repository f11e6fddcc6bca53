//! What a value must satisfy beyond its type.

use std::cmp::Ordering;

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

/// A value of `enum` or `const`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
}

/// A value of `minimum` or `maximum`.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) ty: Type,
    pub(crate) nullable: bool,
    pub(crate) rules: Rules,
}

/// Everything that a column's schema says about its values except their type and whether they may be null.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) kinds: Kinds,
    pub(crate) literals: Option<Vec<Literal>>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<Regex>,
    /// The format of a text that is stored as text.
    pub(crate) format: Option<Type>,
    pub(crate) items: Option<Box<Element>>,
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
    };

    fn allows(&self, is: impl Fn(&Literal) -> bool) -> Result<(), String> {
        match &self.literals {
            Some(literals) if !literals.iter().any(is) => Err("is not one of the allowed values".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn null(&self) -> Result<(), String> {
        self.allows(|literal| *literal == Literal::Null)
    }

    pub(crate) fn bool(&self, value: bool) -> Result<(), String> {
        self.allows(|literal| *literal == Literal::Bool(value))
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
        self.allows(|literal| {
            matches!(literal, Literal::Number(number) if Exact::new(number).compare(&Exact::new(text)).is_eq())
        })
    }

    #[inline]
    pub(crate) fn text(&self, text: &str) -> Result<(), String> {
        if let Some(max) = self.max_length {
            at_most(text, max)?;
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let pattern = json::shorten(pattern.as_str(), 80);
            return Err(format!("does not match the pattern {pattern}"));
        }
        self.allows(|literal| matches!(literal, Literal::Text(allowed) if allowed == text))
    }
}

/// Refuses a text of more than `max` code points.
#[inline]
pub(crate) fn at_most(text: &str, max: u64) -> Result<(), String> {
    // No text has more code points than bytes.
    if text.len() as u64 > max && text.chars().count() as u64 > max {
        return Err(format!("is longer than {max} characters"));
    }
    Ok(())
}
