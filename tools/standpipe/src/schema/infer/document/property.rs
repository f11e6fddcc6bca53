//! One property of someone else's schema as a column.

use etl_schema::Schema;
use etl_stream::json;
use serde_json::{Map, Value, json};

use super::flat::{Flat, Keywords};
use crate::schema::infer::draft::Column;

/// Keywords that say nothing of what is valid.
const SILENT: [&str; 13] = [
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
];
/// Keywords that are kept as they are, those first that are given up first where they are not understood.
const KEPT: [&str; 6] = ["pattern", "enum", "maxLength", "minimum", "maximum", "x-unit"];

/// Says what column a property is.
///
/// # Errors
/// What it refers to and is not there.
pub(super) fn describe(flat: &Flat<'_>, property: &Value, column: &mut Column) -> Result<(), String> {
    let schema = flat.of(property)?;
    column.comments.extend(schema.from.iter().cloned());
    let mut left = Map::new();
    put(flat, schema, column, &mut left)?;
    if !column.keywords.contains_key("type") {
        column.any();
    }
    mend(column, &mut left);
    left.retain(|keyword, _| !SILENT.contains(&keyword.as_str()));
    let shown =
        left.iter().map(|(keyword, value)| format!("{keyword} {}", json::shorten(&value.to_string(), 60)));
    let shown: Vec<String> = shown.collect();
    column.comments.extend((!shown.is_empty()).then(|| format!("left out: {}", shown.join(", "))));
    Ok(())
}

/// Puts what a schema says into the column, and what no column says into `left`.
fn put(
    flat: &Flat<'_>,
    schema: Keywords,
    column: &mut Column,
    left: &mut Map<String, Value>,
) -> Result<(), String> {
    let mut keywords = schema.keywords;
    column.nullable |= keywords.get("nullable") == Some(&Value::Bool(true));
    for keyword in ["description", "x-unit", "x-influx"] {
        if let Some(value) = keywords.shift_remove(keyword).filter(|value| !value.is_null()) {
            column.keywords.entry(keyword).or_insert(value);
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = keywords.shift_remove(keyword) {
            return choose(flat, keyword, &branches, keywords, column, left);
        }
    }
    if let Some(constant) = keywords.shift_remove("const") {
        keywords.entry("enum").or_insert_with(|| json!([constant]));
    }
    if let Some(Value::Array(values)) = keywords.get_mut("enum") {
        let all = values.len();
        values.retain(|value| !value.is_null());
        column.nullable |= values.len() < all;
    }
    let types = types(&keywords, column);
    keywords.shift_remove("type");
    let ty = match types.as_slice() {
        [ty] => ty.as_str(),
        [one, other]
            if [one.as_str(), other.as_str()].iter().all(|ty| matches!(*ty, "integer" | "number")) =>
        {
            "number"
        }
        [] => {
            column.comments.push("no type: any JSON".to_owned());
            left.extend(keywords);
            return Ok(());
        }
        several => {
            column.comments.push(format!("{}: any JSON, since a column has one type", several.join(" or ")));
            left.extend(keywords);
            return Ok(());
        }
    };
    column.keywords.insert("type".to_owned(), json!(ty));
    match ty {
        "string" => string(&mut keywords, column),
        "integer" | "number" => number(ty == "integer", &mut keywords, column),
        "array" => array(flat, &mut keywords, column)?,
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
    let named: Vec<String> = named.into_iter().filter(|name| name != "null").collect();
    if !named.is_empty() {
        return named;
    }
    let of_values = |values: &Vec<Value>| {
        let is = |what: fn(&Value) -> bool| !values.is_empty() && values.iter().all(what);
        if is(Value::is_string) {
            Some("string")
        } else if is(|value| value.is_i64() || value.is_u64()) {
            Some("integer")
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

/// Of several schemas, the one that is left without null, or what they have in common.
fn choose(
    flat: &Flat<'_>,
    keyword: &str,
    branches: &[Value],
    rest: Map<String, Value>,
    column: &mut Column,
    left: &mut Map<String, Value>,
) -> Result<(), String> {
    let mut found = Vec::new();
    for branch in branches {
        let branch = flat.of(branch)?;
        let only_null = branch.text("type") == Some("null")
            || branch.keywords.get("const") == Some(&Value::Null)
            || branch.keywords.get("enum") == Some(&json!([null]));
        if only_null {
            column.nullable = true;
        } else {
            found.push(branch);
        }
    }
    left.extend(rest);
    if found.len() == 1 {
        let one = found.remove(0);
        column.comments.extend(one.from.iter().cloned());
        return put(flat, one, column, left);
    }
    let mut columns = Vec::new();
    for branch in found {
        let (mut one, mut of_one) = (Column::default(), Map::new());
        put(flat, branch, &mut one, &mut of_one)?;
        column.nullable |= one.nullable;
        columns.push(one);
    }
    let types: Vec<&str> =
        columns.iter().map(|one| one.keywords.get("type").and_then(Value::as_str).unwrap_or("any")).collect();
    let Some(first) = columns.first().filter(|_| types.iter().all(|ty| *ty == types[0]) && types[0] != "any")
    else {
        let numbers = !types.is_empty() && types.iter().all(|ty| matches!(*ty, "integer" | "number"));
        if numbers {
            column.keywords.insert("type".to_owned(), json!("number"));
        }
        let outcome = if numbers { "a number" } else { "any JSON, since a column has one type" };
        column.comments.push(format!("{keyword} of {}: {outcome}", types.join(", ")));
        return Ok(());
    };
    // What all say alike holds; of values that are listed, those of all.
    let lists: Option<Vec<&Vec<Value>>> =
        columns.iter().map(|one| one.keywords.get("enum").and_then(Value::as_array)).collect();
    for (name, value) in &first.keywords {
        if name != "enum" && columns.iter().all(|one| one.keywords.get(name) == Some(value)) {
            column.keywords.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    if let Some(lists) = lists {
        let mut values: Vec<Value> = Vec::new();
        lists.into_iter().flatten().for_each(|value| {
            if !values.contains(value) {
                values.push(value.clone());
            }
        });
        column.keywords.insert("enum".to_owned(), values.into());
    }
    column.comments.push(format!(
        "{keyword} of {} that are {}: what they have in common",
        columns.len(),
        types[0]
    ));
    Ok(())
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
    match keywords.shift_remove("format").as_ref().and_then(Value::as_str) {
        Some("int32") => {
            column.keywords.insert("x-postgres".to_owned(), json!({ "type": "integer" }));
        }
        Some("decimal") => {
            column.keywords.insert("x-postgres".to_owned(), json!({ "type": "numeric" }));
        }
        _ => (),
    }
    if !integer && let Some(step) = keywords.get("multipleOf") {
        column.keywords.insert("x-postgres".to_owned(), json!({ "type": "numeric" }));
        column.comments.push(format!("multipleOf {step}: a decimal, which keeps every digit"));
    }
    let bounds = [("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)];
    for (bound, exclusive, step) in bounds {
        let limit = match keywords.shift_remove(exclusive) {
            // Draft 4 and OpenAPI 3.0.
            Some(Value::Bool(true)) => keywords.get(bound).cloned(),
            Some(Value::Number(limit)) => Some(Value::Number(limit)),
            _ => None,
        };
        let Some(limit) = limit else { continue };
        let next = limit.as_i64().filter(|_| integer).and_then(|limit| limit.checked_add(step));
        if next.is_none() {
            column.comments.push(format!("{exclusive} {limit}: that number itself is not refused"));
        }
        keywords.insert(bound.to_owned(), next.map_or(limit, Value::from));
    }
    let beyond = |bound: &str| {
        let limit = keywords.get(bound).and_then(Value::as_f64);
        limit.is_some_and(|limit| !(-9.223_372_036_854_775e18..=9.223_372_036_854_775e18).contains(&limit))
    };
    if integer && (beyond("minimum") || beyond("maximum")) {
        column.keywords.insert("x-postgres".to_owned(), json!({ "type": "numeric" }));
        column.comments.push("it may be beyond 64 bits".to_owned());
    }
}

fn array(flat: &Flat<'_>, keywords: &mut Map<String, Value>, column: &mut Column) -> Result<(), String> {
    let (mut items, mut left) = (Column::default(), Map::new());
    let of = keywords.shift_remove("items").unwrap_or(Value::Bool(true));
    let schema = flat.of(&of)?;
    column.comments.extend(schema.from.iter().cloned());
    put(flat, schema, &mut items, &mut left)?;
    match items.keywords.get("type").and_then(Value::as_str) {
        Some(ty) if !matches!(ty, "array" | "object") => {
            let ty = if items.nullable { json!([ty, "null"]) } else { json!(ty) };
            items.keywords.insert("type".to_owned(), ty);
            column.keywords.insert("items".to_owned(), items.keywords.into());
            column.comments.extend(items.comments);
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
    for keyword in KEPT.into_iter().chain(["items", "x-influx"]) {
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
