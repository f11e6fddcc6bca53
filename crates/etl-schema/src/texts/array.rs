//! Arrays as PostgreSQL writes them, `{1,2}` (chapter 8.15.2), or as JSON.

use etl_stream::json;

use super::{BLANKS, boolean, hyphened, normal, timestamp, timestamptz};
use crate::read::Refused;
use crate::time;
use crate::types::Type;

const NO_ARRAY: &str = "is not an array, such as {1,2} or [1,2]";

/// The array as JSON. The elements are still to be checked.
///
/// # Errors
/// What is wrong with it.
pub(super) fn to_json(element: &Type, text: &str) -> Result<String, Refused> {
    let bare = text.trim_matches(BLANKS);
    if bare.starts_with('[') {
        let scanned = json::scan_value(bare).ok();
        let is_array =
            |value: &json::Value<'_>| value.kind == json::Kind::Array && value.raw.len() == bare.len();
        return scanned.filter(is_array).map(|value| value.raw.to_owned()).ok_or_else(|| NO_ARRAY.into());
    }
    let mut array = Vec::new();
    for (index, text) in elements(bare)?.into_iter().enumerate() {
        let json = match text {
            None => Some("null".to_owned()),
            Some(text) => element_to_json(element, &text),
        };
        array.push(json.ok_or_else(|| format!("is refused: element {index} is not {}", element.noun()))?);
    }
    Ok(format!("[{}]", array.join(",")))
}

/// An element of a type as JSON has it.
fn element_to_json(element: &Type, text: &str) -> Option<String> {
    let (bare, mut time) = (text.trim_matches(BLANKS), Vec::new());
    match element {
        Type::Integer { .. } | Type::Double | Type::Float | Type::Decimal { .. } => return normal(bare),
        Type::Boolean => return Some(boolean(bare)?.to_string()),
        Type::Json => return Some(text.to_owned()).filter(|text| json::scan_value(text).is_ok()),
        Type::Date => return Some(quoted(bare)),
        Type::Timestamp => time::format_timestamp(timestamp(bare).ok()?, &mut time),
        Type::TimestampTz => {
            time::format_timestamptz(timestamptz(bare).ok()?, &mut time);
        }
        Type::Uuid => return Some(quoted(&hyphened(text))),
        Type::Text { .. } => return Some(quoted(text)),
        Type::Bytes | Type::Array(_) => return None,
    }
    Some(quoted(&String::from_utf8_lossy(&time)))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The texts of the elements; `None` is NULL.
fn elements(text: &str) -> Result<Vec<Option<String>>, Refused> {
    let inside = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or(NO_ARRAY)?;
    let (mut elements, mut rest) = (Vec::new(), inside.trim_start_matches(BLANKS));
    if rest.is_empty() {
        return Ok(elements);
    }
    loop {
        let (element, after) = element(rest)?;
        elements.push(element);
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start_matches(BLANKS),
            None if after.is_empty() => return Ok(elements),
            None => return Err(NO_ARRAY.into()),
        };
    }
}

/// The first element of a text without blanks before it, and what follows it.
fn element(text: &str) -> Result<(Option<String>, &str), Refused> {
    let (is_quoted, body) = match text.strip_prefix('"') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let (mut value, mut characters, mut escaped) = (String::new(), body.char_indices(), false);
    let end = loop {
        match characters.next() {
            Some((_, '\\')) => {
                escaped = true;
                value.push(characters.next().ok_or(NO_ARRAY)?.1);
            }
            Some((at, '"')) if is_quoted => break at + 1,
            Some((at, ',')) if !is_quoted => break at,
            Some((_, '{')) if !is_quoted => return Err("is an array of arrays, which is not read".into()),
            Some((_, '"' | '}')) if !is_quoted => return Err(NO_ARRAY.into()),
            Some((_, character)) => value.push(character),
            None if is_quoted => return Err(NO_ARRAY.into()),
            None => break body.len(),
        }
    };
    let after = &body[end..];
    if is_quoted {
        return Ok((Some(value), after.trim_start_matches(BLANKS)));
    }
    // An escaped blank is kept; few texts have one, and those are refused.
    let bare = value.trim_matches(BLANKS);
    if bare.is_empty() || escaped && bare.len() < value.len() {
        return Err(NO_ARRAY.into());
    }
    let is_null = !escaped && bare.eq_ignore_ascii_case("null");
    Ok(((!is_null).then(|| bare.to_owned()), after))
}
