//! One property of someone else's schema as a column.

use etl_schema::Schema;
use etl_stream::json;
use serde_json::{Map, Value, json};

use super::choose::choose;
use super::flat::{ENDLESS, Flat, Keywords, Trail};
use crate::schema::infer::draft::Column;

/// Keywords that say nothing of what is valid.
const SILENT: [&str; 16] = [
    "$id",
    "$anchor",
    "$comment",
    "title",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
    "externalDocs",
    "nullable",
    "x-nullable",
    "discriminator",
    "format",
];
/// Keywords that are kept as they are, those first that are given up first where they are not understood.
const KEPT: [&str; 5] = ["pattern", "enum", "maxLength", "minimum", "maximum"];
/// What Standpipe itself makes of a column, if the document says it already.
const OWN: [&str; 4] = ["x-unit", "x-influx", "x-keep", "x-postgres"];

/// Says what column a property is.
///
/// # Errors
/// What it refers to and is not there.
pub(super) fn describe(flat: &Flat<'_>, property: &Value, column: &mut Column) -> Result<(), String> {
    flat.begin();
    match typed(flat, property, column) {
        Err(why) if why == ENDLESS => {
            column.any();
            column.comments.push(format!("{why}: any JSON"));
            Ok(())
        }
        done => done,
    }
}

fn typed(flat: &Flat<'_>, property: &Value, column: &mut Column) -> Result<(), String> {
    let schema = flat.of(property)?;
    column.comments.extend(schema.from.iter().cloned());
    let title = schema.text("title").filter(|title| !is_name(title, &column.name)).map(|title| json!(title));
    column.keywords.extend(title.map(|title| ("title".to_owned(), title)));
    let mut left = Map::new();
    put(flat, schema, column, &mut left, &Trail::START)?;
    if !column.keywords.contains_key("type") {
        column.any();
    }
    mend(column, &mut left);
    column.comments.dedup();
    left.retain(|keyword, _| !SILENT.contains(&keyword.as_str()));
    let shown =
        left.iter().map(|(keyword, value)| format!("{keyword} {}", json::shorten(&value.to_string(), 60)));
    let shown: Vec<String> = shown.collect();
    column.comments.extend((!shown.is_empty()).then(|| format!("left out: {}", shown.join(", "))));
    Ok(())
}

/// Whether a title is only the name in other letters, such as pydantic makes it up.
fn is_name(title: &str, name: &str) -> bool {
    let letters = |text: &str| {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
    };
    letters(title) == letters(name)
}

/// Puts what a schema says into the column, and what no column says into `left`.
pub(super) fn put(
    flat: &Flat<'_>,
    schema: Keywords,
    column: &mut Column,
    left: &mut Map<String, Value>,
    trail: &Trail<'_>,
) -> Result<(), String> {
    if let Some(again) = trail.again(&schema.from) {
        column.comments.push(format!("{again} leads to itself again: any JSON"));
        return Ok(());
    }
    let trail = &Trail { here: &schema.from, before: Some(trail) };
    let mut keywords = schema.keywords;
    let is_true = |keyword| keywords.get(keyword) == Some(&Value::Bool(true));
    column.nullable |= is_true("nullable") || is_true("x-nullable");
    for keyword in ["description"].into_iter().chain(OWN) {
        if let Some(value) = keywords.shift_remove(keyword).filter(|value| !value.is_null()) {
            column.keywords.entry(keyword).or_insert(value);
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = keywords.shift_remove(keyword) {
            return choose(put, flat, (keyword, &branches), &keywords, column, left, trail);
        }
    }
    if let Some(constant) = keywords.shift_remove("const") {
        keywords.insert("enum".to_owned(), json!([constant]));
    }
    if let Some(Value::Array(values)) = keywords.get_mut("enum") {
        let all = values.len();
        values.retain(|value| !value.is_null());
        column.nullable |= values.len() < all;
        if values.is_empty() {
            keywords.shift_remove("enum");
        }
    }
    let types = types(&keywords, column);
    keywords.shift_remove("type");
    let ty = match types.as_slice() {
        [ty] => ty.as_str(),
        several
            if several.iter().all(|ty| matches!(ty.as_str(), "integer" | "number"))
                && !several.is_empty() =>
        {
            "number"
        }
        several => {
            column.comments.push(match several {
                [] if column.nullable => "only null: its type is not known".to_owned(),
                [] => "no type: any JSON".to_owned(),
                _ => format!("{}: JSON, since a column has one type", several.join(" or ")),
            });
            column.one_of(several);
            left.extend(keywords);
            return Ok(());
        }
    };
    column.keywords.insert("type".to_owned(), json!(ty));
    match ty {
        "string" => string(&mut keywords, column),
        "integer" | "number" => number(ty == "integer", &mut keywords, column),
        "array" => array(flat, &mut keywords, column, trail)?,
        "object" => {
            keywords.retain(|keyword, _| {
                !matches!(keyword.as_str(), "properties" | "required" | "additionalProperties")
            });
            column.comments.push("an object: one column of JSON".to_owned());
        }
        _ => (),
    }
    for keyword in KEPT {
        if let Some(value) = keywords.shift_remove(keyword) {
            column.keywords.insert(keyword.to_owned(), value);
        }
    }
    left.extend(keywords);
    Ok(())
}

/// The types that are named, or else the one that the other keywords are about; null is taken note of.
fn types(keywords: &Map<String, Value>, column: &mut Column) -> Vec<String> {
    let named = match keywords.get("type") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(name)) => vec![name.clone()],
        _ => Vec::new(),
    };
    column.nullable |= named.iter().any(|name| name == "null");
    let is_null = named.as_slice() == ["null"];
    let named: Vec<String> = named.into_iter().filter(|name| name != "null").collect();
    if !named.is_empty() || is_null {
        return named;
    }
    let of_values = |values: &Vec<Value>| {
        let is = |what: fn(&Value) -> bool| !values.is_empty() && values.iter().all(what);
        if is(Value::is_string) {
            Some("string")
        } else if is(|value| value.is_i64() || value.is_u64()) {
            Some("integer")
        } else if is(Value::is_number) {
            Some("number")
        } else if is(Value::is_boolean) {
            Some("boolean")
        } else {
            None
        }
    };
    let values = keywords.get("enum").and_then(Value::as_array).and_then(of_values);
    let about = [("properties", "object"), ("items", "array"), ("format", "string"), ("pattern", "string")];
    let about = about.iter().find(|(keyword, _)| keywords.contains_key(*keyword)).map(|(_, ty)| *ty);
    values.or(about).map(str::to_owned).into_iter().collect()
}

fn string(keywords: &mut Map<String, Value>, column: &mut Column) {
    let format = keywords.shift_remove("format");
    match format.as_ref().and_then(Value::as_str) {
        Some("date" | "date-time" | "uuid") => {
            column.keywords.extend(format.map(|format| ("format".to_owned(), format)));
        }
        Some("uuid1" | "uuid3" | "uuid4" | "uuid5" | "uuid7") => {
            column.keywords.insert("format".to_owned(), json!("uuid"));
        }
        Some("byte" | "base64") => {
            column.keywords.insert("contentEncoding".to_owned(), json!("base64"));
        }
        _ => {
            column
                .comments
                .extend(format.map(|format| format!("format {format}: a text, which is not checked")));
        }
    }
    if let Some(encoding) = keywords.shift_remove("contentEncoding") {
        if encoding == "base64" {
            column.keywords.insert("contentEncoding".to_owned(), encoding);
        } else {
            column.comments.push(format!("contentEncoding {encoding}: kept as it is written"));
        }
    }
}

fn number(integer: bool, keywords: &mut Map<String, Value>, column: &mut Column) {
    let mut stored = match keywords.shift_remove("format").as_ref().and_then(Value::as_str) {
        Some("int32") if integer => Some("integer"),
        Some("int16") if integer => Some("smallint"),
        Some("uint" | "uint64") if integer => {
            column.comments.push("it may be beyond 63 bits".to_owned());
            Some("numeric")
        }
        Some("decimal") => Some("numeric"),
        _ => None,
    };
    if !integer && let Some(step) = keywords.get("multipleOf") {
        column.comments.push(format!("multipleOf {step}: a decimal, which keeps every digit"));
        stored = Some("numeric");
    }
    let bounds = [("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)];
    for (bound, exclusive, step) in bounds {
        let inclusive = keywords.get(bound).and_then(Value::as_f64);
        let limit = match keywords.shift_remove(exclusive) {
            // Draft 4 and OpenAPI 3.0.
            Some(Value::Bool(true)) => keywords.get(bound).cloned(),
            Some(Value::Number(limit)) => Some(Value::Number(limit)),
            _ => None,
        };
        let Some(limit) = limit else { continue };
        let is_wider = inclusive.zip(limit.as_f64()).is_some_and(|(inclusive, limit)| match step {
            1 => inclusive > limit,
            _ => inclusive < limit,
        });
        if is_wider {
            continue;
        }
        let next = limit.as_i64().filter(|_| integer).and_then(|limit| limit.checked_add(step));
        if next.is_none() {
            column.comments.push(format!("{exclusive} {limit}: that number itself is not refused"));
        }
        keywords.insert(bound.to_owned(), next.map_or(limit, Value::from));
    }
    // What a double makes of the bounds of 64 bits, as JavaScript writes them, is not beyond them.
    let beyond = |bound: &str| {
        let limit = keywords.get(bound).and_then(Value::as_f64);
        limit.is_some_and(|limit| limit.abs() > 9_223_372_036_854_775_808.0)
    };
    if integer && stored.is_none() && (beyond("minimum") || beyond("maximum")) {
        column.comments.push("it may be beyond 64 bits".to_owned());
        stored = Some("numeric");
    }
    if let Some(stored) = stored {
        column.keywords.entry("x-postgres").or_insert_with(|| json!({ "type": stored }));
    }
}

fn array(
    flat: &Flat<'_>,
    keywords: &mut Map<String, Value>,
    column: &mut Column,
    trail: &Trail<'_>,
) -> Result<(), String> {
    let (mut items, mut left) = (Column::default(), Map::new());
    match keywords.shift_remove("items") {
        // Until draft 2019-09: a schema for each place.
        None | Some(Value::Array(_)) => (),
        Some(of) => {
            let schema = flat.of(&of)?;
            column.comments.extend(schema.from.iter().cloned());
            put(flat, schema, &mut items, &mut left, trail)?;
        }
    }
    match items.keywords.get("type").and_then(Value::as_str) {
        Some(ty) if !matches!(ty, "array" | "object") => {
            column.comments.append(&mut items.comments);
            column.keywords.insert("items".to_owned(), items.document());
            left.retain(|keyword, _| !SILENT.contains(&keyword.as_str()));
            if !left.is_empty() {
                keywords.insert("items".to_owned(), left.into());
            }
        }
        _ => column.comments.push("its elements are not of one simple type: one column of JSON".to_owned()),
    }
    Ok(())
}

/// Gives up what the subset does not understand, such as a pattern that only ECMAScript has, until a loader takes it.
fn mend(column: &mut Column, left: &mut Map<String, Value>) {
    let is_understood = |column: &Column| {
        let document = json!({ "type": "object", "properties": { "x": column.keywords } });
        Schema::from_json("inferred", &document.to_string()).is_ok()
    };
    for keyword in KEPT.into_iter().chain(OWN).chain(["items"]) {
        if is_understood(column) {
            return;
        }
        if let Some(value) = column.keywords.shift_remove(keyword) {
            if is_understood(column) || keyword == "pattern" {
                left.insert(keyword.to_owned(), value);
            } else {
                // It was not this one.
                column.keywords.insert(keyword.to_owned(), value);
            }
        }
    }
    if !is_understood(column) {
        column.any();
        column.comments.push("any JSON: no column is like that".to_owned());
    }
}
