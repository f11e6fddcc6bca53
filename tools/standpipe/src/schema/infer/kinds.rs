//! What the values of one column are, and which lines decided that.

use etl_schema::{parse_uuid, time};
use etl_stream::json::{self, Kind, Value, elements, scan_value};
use serde_json::{Map, json};

use super::draft::Column;

/// What a value can be; each is first seen on some line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Boolean,
    Integer,
    /// An integer beyond 64 bits.
    Long,
    /// A number that a double keeps.
    Number,
    /// A number with more digits.
    Precise,
    Text,
    Array,
    Object,
}

const ALL: [(Is, &str); 8] = [
    (Is::Boolean, "a boolean"),
    (Is::Integer, "an integer"),
    (Is::Long, "an integer beyond 64 bits"),
    (Is::Number, "a number"),
    (Is::Precise, "a number of more digits than a double keeps"),
    (Is::Text, "a text"),
    (Is::Array, "an array"),
    (Is::Object, "an object"),
];

type Fits = fn(&str) -> bool;

/// After how many texts, none of which is of a format, it is no longer looked for one that is.
const TRIED: u64 = 1_000;

/// What a text can be besides a text.
const FORMATS: [(&str, Fits); 4] = [
    ("date", |text| time::parse_date(text).is_ok()),
    ("date-time", |text| time::parse_timestamptz(text).is_ok()),
    ("timestamp", |text| time::parse_timestamp(text).is_ok()),
    ("uuid", |text| parse_uuid(text).is_some()),
];

/// The line of a value, and how it was written there.
#[derive(Clone)]
struct Seen {
    line: u64,
    text: String,
}

impl Seen {
    fn said(&self) -> String {
        format!("line {}: {}", self.line, self.text)
    }
}

/// The values of a column, or the elements of its arrays.
#[derive(Default)]
pub(super) struct Kinds {
    first: [Option<Seen>; ALL.len()],
    pub(super) null: Option<u64>,
    /// The text that is not of this format, if some text before or after it is.
    broken: [Option<Seen>; FORMATS.len()],
    fits: [bool; FORMATS.len()],
    /// Whether each text is that of a number.
    numeric: bool,
    texts: u64,
    /// The first text with U+0000.
    nul: Option<u64>,
    elements: Option<Box<Kinds>>,
}

impl Kinds {
    /// Takes in a value. With `texts`, values are written as texts, as in CSV, and may be what they spell.
    pub(super) fn take(&mut self, value: Value<'_>, line: u64, texts: bool) {
        let spelled = match value.kind {
            Kind::String { escaped: false } if texts && json::shorten(value.text, 80) == value.text => {
                let scalar = |found: &Value<'_>| matches!(found.kind, Kind::Number | Kind::Bool(_));
                scan_value(value.text).ok().filter(scalar)
            }
            _ => None,
        };
        let value = spelled.unwrap_or(value);
        let is = match value.kind {
            Kind::Null => {
                self.null.get_or_insert(line);
                return;
            }
            Kind::Bool(_) => Is::Boolean,
            Kind::Number => number(value.text),
            Kind::String { .. } => Is::Text,
            Kind::Array => Is::Array,
            Kind::Object => Is::Object,
        };
        let seen = || Seen { line, text: json::shorten(value.raw, 40).into_owned() };
        let known = &mut self.first[is as usize];
        if known.is_none() {
            *known = Some(seen());
        }
        match is {
            Is::Text => {
                let text = json::unescape(value.text);
                for (nth, (_, fits)) in FORMATS.iter().enumerate() {
                    let known = self.fits[nth] || self.texts > TRIED;
                    if self.broken[nth].is_none() || !known {
                        if fits(&text) {
                            self.fits[nth] = true;
                        } else if self.broken[nth].is_none() {
                            self.broken[nth] = Some(seen());
                        }
                    }
                }
                if text.contains('\0') {
                    self.nul.get_or_insert(line);
                }
                let may_be = self.numeric || self.texts == 0;
                self.numeric = may_be && scan_value(&text).is_ok_and(|value| value.kind == Kind::Number);
                self.texts += 1;
            }
            Is::Array => {
                let items = self.elements.get_or_insert_default();
                elements(value.text).for_each(|item| items.take(item, line, false));
            }
            _ => (),
        }
    }

    fn has(&self, is: Is) -> Option<&Seen> {
        self.first[is as usize].as_ref()
    }

    /// Decides the type of the column.
    pub(super) fn decide(&self, column: &mut Column) {
        column.nullable = self.null.is_some();
        let comment = |line: u64| format!("line {line}: null");
        let there: Vec<usize> = (0..ALL.len()).filter(|nth| self.first[*nth].is_some()).collect();
        let is_number = |nth: &usize| (Is::Integer as usize..=Is::Precise as usize).contains(nth);
        let said = |is: Is| self.has(is).map(Seen::said).unwrap_or_default();
        let mut put = |ty: &str| column.keywords.insert("type".to_owned(), json!(ty));
        match there.as_slice() {
            [] => {
                column.any();
                column.comments.push("only null: its type is not known".to_owned());
                return;
            }
            numbers if numbers.iter().all(is_number) => {
                let whole = self.has(Is::Number).is_none() && self.has(Is::Precise).is_none();
                put(if whole { "integer" } else { "number" });
                let exact = [Is::Precise, Is::Long].into_iter().find(|is| self.has(*is).is_some());
                if let Some(is) = exact {
                    column.keywords.insert("x-postgres".to_owned(), json!({ "type": "numeric" }));
                    column.comments.push(format!("{}, {}", said(is), ALL[is as usize].1));
                } else if self.has(Is::Integer).is_some() && !whole {
                    column.comments.push(format!("{} made it a number", said(Is::Number)));
                } else {
                    column.comments.push(said(if whole { Is::Integer } else { Is::Number }));
                }
            }
            [one] => match ALL[*one].0 {
                Is::Text => self.decide_text(&mut column.keywords, &mut column.comments),
                Is::Array => self.decide_array(&mut column.keywords, &mut column.comments),
                is => {
                    put(if is == Is::Boolean { "boolean" } else { "object" });
                    column.comments.push(said(is));
                }
            },
            mixed => {
                let kinds = mixed.iter().map(|nth| {
                    let (is, what) = ALL[*nth];
                    format!("{} is {what}", said(is))
                });
                let kinds = kinds.collect::<Vec<_>>().join(", ");
                column.any();
                column.comments.push(format!("{kinds}: any JSON, since a column has one type"));
            }
        }
        if column.keywords.contains_key("type") {
            column.comments.extend(self.null.map(comment));
        }
        let nul = |line: u64| format!("line {line}: U+0000, which PostgreSQL does not store");
        column.comments.extend(self.nul.map(nul));
    }

    fn decide_text(&self, keywords: &mut Map<String, serde_json::Value>, comments: &mut Vec<String>) {
        keywords.insert("type".to_owned(), json!("string"));
        let first = self.has(Is::Text).map(Seen::said).unwrap_or_default();
        let broken = |nth: &usize| self.fits[*nth].then(|| self.broken[*nth].as_ref()).flatten();
        match (0..FORMATS.len()).find(|nth| self.fits[*nth] && self.broken[*nth].is_none()) {
            Some(nth) => {
                let (format, _) = FORMATS[nth];
                let (keyword, value) = match format {
                    "timestamp" => ("x-postgres", json!({ "type": format })),
                    _ => ("format", json!(format)),
                };
                keywords.insert(keyword.to_owned(), value);
                let zone = if format == "timestamp" { ", a time without a zone" } else { "" };
                comments.push(format!("{first}{zone}"));
            }
            None if self.numeric => comments.push(format!(
                "{first}: each text is a number; x-postgres {{\"type\": \"numeric\"}} stores it as one, without leading zeros"
            )),
            None => {
                let almost = (0..FORMATS.len()).find(|nth| broken(nth).is_some());
                let almost = almost.and_then(|nth| Some((FORMATS[nth].0, broken(&nth)?)));
                comments.push(match almost {
                    Some((format, seen)) => format!("{}: not a {format}, as others are", seen.said()),
                    None => first,
                });
            }
        }
    }

    fn decide_array(&self, keywords: &mut Map<String, serde_json::Value>, comments: &mut Vec<String>) {
        keywords.insert("type".to_owned(), json!("array"));
        let mut items = Column::default();
        if let Some(elements) = &self.elements {
            elements.decide(&mut items);
        }
        let first = self.has(Is::Array).map(Seen::said).unwrap_or_default();
        match items.keywords.get("type").and_then(|ty| ty.as_str()) {
            Some(ty) if !matches!(ty, "array" | "object") => {
                let ty = if items.nullable { json!([ty, "null"]) } else { json!(ty) };
                items.keywords.insert("type".to_owned(), ty);
                keywords.insert("items".to_owned(), items.keywords.into());
                comments.push(format!("{first}; its elements: {}", items.comments.join("; ")));
            }
            _ => {
                let elements = self.elements.as_ref().is_some_and(|elements| elements.has_any());
                let of = if elements { "not of one simple type" } else { "none was seen" };
                comments.push(format!("{first}; its elements: {of}, so it is kept as JSON"));
            }
        }
    }

    fn has_any(&self) -> bool {
        self.null.is_some() || self.first.iter().any(Option::is_some)
    }
}

/// What a number is by its text.
fn number(text: &str) -> Is {
    if !text.contains(['.', 'e', 'E']) {
        return if text.parse::<i64>().is_ok() { Is::Integer } else { Is::Long };
    }
    let digits = |text: &str| {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let point = mantissa.find('.').map_or(0, |at| mantissa.len() - at - 1) as i64;
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let kept = digits.trim_end_matches('0');
        let scale = exponent.parse::<i64>().unwrap_or(i64::MAX).saturating_sub(point);
        let scale = scale.saturating_add((digits.len() - kept.len()) as i64);
        (kept.trim_start_matches('0').to_owned(), scale)
    };
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() => {
            let (written, kept) = (digits(text), digits(&format!("{double:e}")));
            if written == kept || written.0.is_empty() && kept.0.is_empty() {
                Is::Number
            } else {
                Is::Precise
            }
        }
        _ => Is::Precise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_double_if_that_keeps_its_digits() {
        for (text, is) in [
            ("1", Is::Integer),
            ("-9223372036854775808", Is::Integer),
            ("9223372036854775808", Is::Long),
            ("4.0", Is::Number),
            ("-0.0", Is::Number),
            ("0.1", Is::Number),
            ("1e3", Is::Number),
            ("1.50e-7", Is::Number),
            ("123456789.123456789", Is::Precise),
            ("0.1234567890123456789", Is::Precise),
            ("1e400", Is::Precise),
            ("1e-400", Is::Precise),
        ] {
            assert!(number(text) == is, "{text}");
        }
    }
}
