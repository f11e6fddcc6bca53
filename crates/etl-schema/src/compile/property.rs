//! Compiles one property of a schema document.

use std::sync::Arc;

use etl_stream::json;
use regex::Regex;
use serde_json::value::RawValue;

use super::keywords::{Faults, Keywords, nearest, read};
use crate::rules::{Bound, Element, Kinds, Literals, Pattern, Rules};
use crate::schema::{Column, Influx, InfluxType, Role, Source};
use crate::spelled;
use crate::types::Type;

/// How deep arrays of arrays may go.
const DEEPEST: usize = 32;

/// Compiles a property, or says all that is wrong with it.
pub(super) fn compile(name: String, required: bool, document: &RawValue) -> Result<Column, Faults> {
    let mut keywords = Keywords::new(document).map_err(Faults::one)?;
    let mut faults = Faults::default();
    let description = faults.note(keywords.text("description"));
    let unit = faults.note(keywords.text("x-unit"));
    let influx = faults.note(influx(&mut keywords));
    let keep = faults.note(flag(&mut keywords, "x-keep"));
    if keep && required {
        faults.push("x-keep: a record always has a required field");
    }
    let Element { ty, declared, nullable, rules } = element(keywords, None, faults, 0)?;
    let (property, source) = (None, Source::Field);
    Ok(Column {
        name,
        property,
        ty,
        declared,
        source,
        nullable,
        required,
        description,
        unit,
        influx,
        keep,
        rules,
    })
}

/// A property, or the items of an array, whose storage type the array may prescribe.
fn element(
    mut keywords: Keywords<'_>,
    prescribed: Option<Type>,
    mut faults: Faults,
    depth: usize,
) -> Result<Element, Faults> {
    faults.note(keywords.text("title"));
    faults.note(keywords.text("description"));
    let (kinds, nullable) = faults.note(declared(&mut keywords).map(Some)).unwrap_or((Kinds::NONE, true));
    let (stored, declared) = faults.note(stored(&mut keywords, prescribed));
    let format = faults.note(format(&mut keywords));
    let mut rules = Rules {
        kinds: if kinds == Kinds::NONE { Kinds::ANY } else { kinds },
        literals: faults.note(literals(&mut keywords)),
        minimum: faults.note(bound(&mut keywords, "minimum")),
        maximum: faults.note(bound(&mut keywords, "maximum")),
        max_length: faults.note(max_length(&mut keywords)),
        pattern: faults.note(pattern(&mut keywords)),
        format: None,
        items: items(&mut keywords, kinds, stored.as_ref(), &mut faults, depth),
        special: faults.note(flag(&mut keywords, "x-special")),
        nested: false,
        lenient: false,
    };
    keywords.left_over(&mut faults);
    if !faults.is_empty() {
        // What follows would only be a consequence.
        return Err(faults);
    }
    let refuse = |what: String| Err(Faults::one(what));
    if format.is_some() && kinds != Kinds::STRING {
        return refuse("format and contentEncoding: only for type string".into());
    }
    let natural = natural(kinds, format.as_ref(), &rules);
    let ty = match (stored, natural) {
        (None, None) => {
            return refuse(
                "no single type: give one, or x-postgres {\"type\": \"jsonb\"} for any JSON".into(),
            );
        }
        (None, Some(natural)) => natural,
        (Some(stored), natural)
            if lossless(kinds, format.as_ref(), natural.as_ref(), rules.items.is_some(), &stored) =>
        {
            stored
        }
        (Some(stored), _) => {
            return refuse(format!("x-postgres.type: {} contradicts type or format", stored.postgres()));
        }
    };
    if let Type::Text { .. } = ty {
        rules.format = format;
    }
    rules.nested = matches!(ty, Type::Array(_)) && rules.items.is_none();
    fits(&ty, &rules).map_err(Faults::one)?;
    let of_items = || Some(format!("{}[]", rules.items.as_deref()?.declared.as_deref()?).into());
    let declared = declared.or_else(|| if let Type::Array(_) = ty { of_items() } else { None });
    Ok(Element { ty, declared, nullable, rules })
}

/// The types except null, and whether null is one of them.
fn declared(keywords: &mut Keywords<'_>) -> Result<(Kinds, bool), String> {
    // Without a type everything is valid, null included.
    let Some(said) = keywords.take("type") else { return Ok((Kinds::NONE, true)) };
    let names: Vec<&RawValue> = read(said).unwrap_or_else(|| vec![said]);
    let (mut kinds, mut nullable) = (Kinds::NONE, false);
    for name in names {
        kinds = kinds.with(match read::<String>(name).as_deref() {
            Some("boolean") => Kinds::BOOLEAN,
            Some("integer") => Kinds::INTEGER,
            Some("number") => Kinds::NUMBER,
            Some("string") => Kinds::STRING,
            Some("array") => Kinds::ARRAY,
            Some("object") => Kinds::OBJECT,
            Some("null") => {
                nullable = true;
                continue;
            }
            _ => {
                let name = json::shorten(name.get(), 80);
                return Err(format!("type: {name} is not a JSON Schema type"));
            }
        });
    }
    if kinds == Kinds::NONE {
        return Err("type: a column cannot hold only null".into());
    }
    Ok((kinds, nullable))
}

/// The type that `x-postgres` names, and how a new table declares it.
fn stored(
    keywords: &mut Keywords<'_>,
    prescribed: Option<Type>,
) -> Result<(Option<Type>, Option<Box<str>>), String> {
    let Some(named) = keywords.only("x-postgres", "type")? else { return Ok((prescribed, None)) };
    let (own, declared) =
        spelled::parse(&named).ok_or_else(|| format!("x-postgres.type: {named:?} is not supported"))?;
    if prescribed.is_some_and(|prescribed| prescribed != own) {
        return Err(format!("x-postgres.type: {named:?} is not the element type of the array's"));
    }
    Ok((Some(own), declared))
}

fn flag(keywords: &mut Keywords<'_>, keyword: &'static str) -> Result<bool, String> {
    let Some(flag) = keywords.take(keyword) else { return Ok(false) };
    read(flag).ok_or_else(|| format!("{keyword}: neither true nor false"))
}

fn format(keywords: &mut Keywords<'_>) -> Result<Option<Type>, String> {
    let format = match keywords.text("format")?.as_deref() {
        None => None,
        Some("date") => Some(Type::Date),
        Some("date-time") => Some(Type::TimestampTz),
        Some("uuid") => Some(Type::Uuid),
        Some(other) => {
            let meant = nearest(other, ["date", "date-time", "uuid"]);
            let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
            return Err(format!("format: {other:?} is not supported{meant}"));
        }
    };
    match (keywords.text("contentEncoding")?.as_deref(), &format) {
        (None, _) => Ok(format),
        (Some("base64"), None) => Ok(Some(Type::Bytes)),
        (Some("base64"), Some(_)) => Err("format and contentEncoding cannot be used together".into()),
        (Some(other), _) => Err(format!("contentEncoding: {other:?} is not supported")),
    }
}

fn items(
    keywords: &mut Keywords<'_>,
    kinds: Kinds,
    stored: Option<&Type>,
    faults: &mut Faults,
    depth: usize,
) -> Option<Box<Element>> {
    let document = keywords.take("items")?;
    if !kinds.includes(Kinds::ARRAY) {
        // A type that is wrong itself has been noted.
        if faults.is_empty() {
            faults.push("items: only for type array");
        }
        return None;
    }
    if depth == DEEPEST {
        faults.push("items: arrays within arrays go too deep");
        return None;
    }
    let prescribed = match stored {
        Some(Type::Array(element)) => Some((**element).clone()),
        _ => None,
    };
    let items = Keywords::new(document).map_err(Faults::one);
    match items.and_then(|items| element(items, prescribed, Faults::default(), depth + 1)) {
        Ok(items) => Some(Box::new(items)),
        Err(wrong) => {
            faults.within("items", wrong);
            None
        }
    }
}

/// The logical type without `x-postgres`.
fn natural(kinds: Kinds, format: Option<&Type>, rules: &Rules) -> Option<Type> {
    Some(match kinds {
        Kinds::STRING => match (format, rules.max_length) {
            (Some(format), _) => format.clone(),
            // A limit beyond what PostgreSQL's varchar takes is still checked, as a rule.
            (None, max) => {
                Type::Text { max: max.filter(|max| (1..=10_485_760).contains(max)).map(|max| max as u32) }
            }
        },
        Kinds::INTEGER => Type::Integer { bits: 64 },
        Kinds::NUMBER => Type::Double,
        Kinds::BOOLEAN => Type::Boolean,
        Kinds::OBJECT => Type::Json,
        Kinds::ARRAY => match rules.items.as_deref() {
            // PostgreSQL has no arrays of arrays.
            Some(items) if !matches!(items.ty, Type::Array(_)) => Type::Array(Box::new(items.ty.clone())),
            _ => Type::Json,
        },
        _ => return None,
    })
}

/// Whether the storage type keeps or refuses every value that the keywords allow, and never changes one.
fn lossless(
    kinds: Kinds,
    format: Option<&Type>,
    natural: Option<&Type>,
    has_items: bool,
    stored: &Type,
) -> bool {
    match (kinds, stored) {
        (_, Type::Json) => format.is_none(),
        (Kinds::STRING, Type::Text { .. }) => true,
        (Kinds::STRING, Type::Date | Type::Uuid) => format.is_none_or(|format| format == stored),
        (Kinds::STRING, Type::Timestamp | Type::TimestampTz) => {
            format.is_none_or(|format| *format == Type::TimestampTz)
        }
        (Kinds::STRING, Type::Decimal { .. }) => format.is_none(),
        // For bytes, the schema must say how the text encodes them.
        (Kinds::STRING, Type::Bytes) => format == Some(stored),
        (Kinds::INTEGER, Type::Integer { .. } | Type::Decimal { .. }) => true,
        (Kinds::NUMBER, Type::Double | Type::Float | Type::Decimal { .. }) => true,
        (Kinds::BOOLEAN, Type::Boolean) => true,
        // Without items, x-postgres.type alone says what the elements are, in any number of dimensions.
        (Kinds::ARRAY, Type::Array(_)) => natural == Some(stored) || !has_items,
        _ => false,
    }
}

/// Refuses a keyword that could never have an effect: it is a mistake.
fn fits(ty: &Type, rules: &Rules) -> Result<(), String> {
    let composite = matches!(ty, Type::Json | Type::Array(_));
    let number = !composite && Kinds::NUMBER.includes(rules.kinds);
    let string = !composite && rules.kinds == Kinds::STRING;
    let misplaced = [
        ("minimum", rules.minimum.is_some() && !number),
        ("maximum", rules.maximum.is_some() && !number),
        ("maxLength", rules.max_length.is_some() && !string),
        ("pattern", rules.pattern.is_some() && !string),
        ("enum and const", rules.literals.is_some() && composite),
    ];
    if let Some((keyword, _)) = misplaced.iter().find(|(_, misplaced)| *misplaced) {
        return Err(format!("{keyword}: not supported for a column of {}", ty.postgres()));
    }
    match ty {
        _ if !rules.special => Ok(()),
        Type::Array(element) if rules.nested && may_be_special(element) => Ok(()),
        ty if !may_be_special(ty) || rules.kinds == Kinds::INTEGER => {
            Err(format!("x-special: not supported for a column of {}", ty.postgres()))
        }
        _ if rules.minimum.is_some()
            || rules.maximum.is_some()
            || rules.max_length.is_some()
            || rules.pattern.is_some()
            || rules.literals.is_some() =>
        {
            Err("x-special: cannot be used together with bounds, pattern, enum or const".into())
        }
        _ => Ok(()),
    }
}

/// Whether values may be NaN or infinite, or lie in the years that RFC 3339 does not have.
fn may_be_special(ty: &Type) -> bool {
    use Type::{Date, Decimal, Double, Float, Timestamp, TimestampTz};
    matches!(ty, Double | Float | Decimal { .. } | Date | Timestamp | TimestampTz)
}

fn literals(keywords: &mut Keywords<'_>) -> Result<Option<Arc<Literals>>, String> {
    let list = match (keywords.take("const"), keywords.take("enum")) {
        (None, None) => return Ok(None),
        (Some(constant), None) => vec![constant],
        (None, Some(list)) => read::<Vec<&RawValue>>(list)
            .filter(|list| !list.is_empty())
            .ok_or("enum: not a list of values")?,
        (Some(_), Some(_)) => return Err("enum and const cannot be used together".into()),
    };
    let literals = Literals::new(list.into_iter().map(RawValue::get));
    literals.map(|literals| Some(Arc::new(literals))).map_err(|what| format!("enum or const: {what}"))
}

fn bound(keywords: &mut Keywords<'_>, keyword: &'static str) -> Result<Option<Bound>, String> {
    let Some(bound) = keywords.take(keyword) else { return Ok(None) };
    let text = bound.get();
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Err(format!("{keyword}: not a number"));
    }
    let approximate = read(bound).ok_or_else(|| format!("{keyword}: out of range"))?;
    Ok(Some(Bound { text: text.to_owned(), approximate }))
}

fn max_length(keywords: &mut Keywords<'_>) -> Result<Option<u64>, String> {
    let Some(length) = keywords.take("maxLength") else { return Ok(None) };
    read(length).map(Some).ok_or_else(|| "maxLength: not a whole number".into())
}

fn pattern(keywords: &mut Keywords<'_>) -> Result<Option<Pattern>, String> {
    let Some(pattern) = keywords.text("pattern")? else { return Ok(None) };
    let pattern = Regex::new(&ascii_classes(&pattern)).map_err(|error| format!("pattern: {error}"))?;
    Ok(Some(Pattern(pattern)))
}

/// JSON Schema takes its patterns from ECMA-262, whose `\d` and `\w` are ASCII only.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            other => {
                out.push(c);
                out.extend(other);
            }
        }
    }
    out
}

fn influx(keywords: &mut Keywords<'_>) -> Result<Influx, String> {
    let Some(object) = keywords.take("x-influx") else { return Ok(Influx::default()) };
    let mut inner = Keywords::new(object).map_err(|what| format!("x-influx: {what}"))?;
    let role = match inner.text("role")?.as_deref() {
        None => None,
        Some("tag") => Some(Role::Tag),
        Some("field") => Some(Role::Field),
        Some("time") => Some(Role::Time),
        Some("ignore") => Some(Role::Ignore),
        Some(other) => return Err(format!("x-influx.role: {other:?} is not tag, field, time or ignore")),
    };
    let ty = match inner.text("type")?.as_deref() {
        None => None,
        Some("float") => Some(InfluxType::Float),
        Some("integer") => Some(InfluxType::Integer),
        Some("unsigned") => Some(InfluxType::Unsigned),
        Some("string") => Some(InfluxType::String),
        Some("boolean") => Some(InfluxType::Boolean),
        Some(other) => {
            return Err(format!(
                "x-influx.type: {other:?} is not float, integer, unsigned, string or boolean"
            ));
        }
    };
    inner.finish().map_err(|what| format!("x-influx: {what}"))?;
    Ok(Influx { role, ty })
}
