//! A draft from a JSON Schema of someone else's: what pydantic writes, or a part of an OpenAPI document.

mod choose;
mod flat;
mod property;

use std::io::Read;
use std::path::Path;

use etl_component::{Fault, counted, io};
use etl_stream::json;
use serde_json::{Map, Value};

use self::flat::Flat;
use super::draft::{Column, Draft};

/// The longest document that is read.
const LONGEST: u64 = 64 << 20;

/// Reads a document.
///
/// # Errors
/// 66 if it cannot be read, 78 if it is not JSON or longer than 64 MiB.
pub(super) fn read(path: &Path) -> Result<Value, Fault> {
    let (file, _) = io::open(path)?;
    let name = path.display();
    let mut text = String::new();
    let length = file.take(LONGEST + 1).read_to_string(&mut text);
    let length =
        length.map_err(|error| Fault::config(format!("{name} is not a JSON document")).because(error))?;
    if length as u64 > LONGEST {
        return Err(Fault::config(format!("{name} is longer than {LONGEST} bytes")));
    }
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let why = "YAML must be turned into JSON first, such as by `yq -o json`";
        Fault::config(format!("{name} is not a JSON document ({why})")).because(error)
    })
}

/// Drafts the schema that the document has, there.
///
/// # Errors
/// 78 if nothing is there, what it refers to is not in the document, or it is not about objects with properties.
pub(super) fn draft(document: &Value, at: Option<&str>, source: &str) -> Result<Draft, Fault> {
    let at = at.unwrap_or("#");
    let refuse = |why: String| Fault::config(format!("{source}, {at}: {why}"));
    let flat = Flat::new(document);
    let there = flat.find(at).map_err(refuse)?;
    let mut record = flat.of(there).map_err(refuse)?;
    if let (Some("array"), Some(items)) = (record.text("type"), record.keywords.get("items")) {
        // A list of records, as replies are.
        record = flat.of(items).map_err(refuse)?;
    }
    let mut comments = vec![format!("made from {source}, {at}, for a person to read")];
    comments.extend(record.from.iter().map(|from| format!("it is {from}")));
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = record.keywords.shift_remove(keyword) {
            let kinds = record.join(&flat, &branches).map_err(refuse)?;
            comments.push(format!(
                "{keyword} of {}: a record has the fields of one of them",
                counted(kinds, "kind", "kinds")
            ));
        }
    }
    let Some(Value::Object(properties)) = record.keywords.shift_remove("properties") else {
        return Err(refuse(no_properties(document)));
    };
    let required: Vec<Value> = record
        .keywords
        .shift_remove("required")
        .and_then(|names| names.as_array().cloned())
        .unwrap_or_default();
    let undescribed =
        required.iter().filter_map(|name| name.as_str()).filter(|name| !properties.contains_key(*name));
    let undescribed: Vec<String> = undescribed.map(str::to_owned).collect();
    let mut columns = Vec::new();
    for (name, property) in properties {
        let required = required.iter().any(|wanted| *wanted == name.as_str());
        let mut column = Column { name, required, ..Column::default() };
        property::describe(&flat, &property, &mut column).map_err(|why| {
            Fault::config(format!("{source}, {at}: property {:?}: {why}", json::shorten(&column.name, 80)))
        })?;
        columns.push(column);
    }
    for name in undescribed {
        let mut column = Column { name, required: true, ..Column::default() };
        column.any();
        column.comments.push("required, but not described: any JSON".to_owned());
        columns.push(column);
    }
    if columns.is_empty() {
        return Err(refuse(no_properties(document)));
    }
    let text = |keyword: &str| record.text(keyword).map(str::to_owned);
    let additional = record.keywords.get("additionalProperties");
    let additional = additional.is_some_and(|additional| *additional != Value::Bool(false));
    if additional {
        comments
            .push("additionalProperties: fields that are not named here are dropped and counted".to_owned());
    }
    let named = |keyword: &str, member: &str| {
        record.keywords.get(keyword).and_then(|named| named[member].as_str()).map(str::to_owned)
    };
    let mut draft = Draft {
        table: named("x-postgres", "table"),
        measurement: named("x-influx", "measurement"),
        time: text("x-time"),
        deleted: text("x-deleted"),
        title: text("title"),
        description: text("description"),
        columns,
        additional,
        ..Draft::default()
    };
    match record.keywords.get("x-key").and_then(Value::as_array) {
        Some(names) => draft.key.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
        None => draft.key.extend(draft.key_by_name().map(str::to_owned)),
    }
    let given_up = left_over(&record.keywords);
    comments.extend((!given_up.is_empty()).then(|| format!("left out: {given_up}")));
    if draft.key.is_empty() {
        comments.push("x-key: which columns tell the records apart is not said there".to_owned());
    }
    draft.comments = comments;
    Ok(draft)
}

/// What the document of records has besides, which no loader checks.
fn left_over(keywords: &Map<String, Value>) -> String {
    const NO_LOSS: [&str; 24] = [
        "$schema",
        "$id",
        "$comment",
        "$defs",
        "definitions",
        "components",
        "title",
        "description",
        "type",
        "additionalProperties",
        "examples",
        "example",
        "default",
        "deprecated",
        "$anchor",
        "xml",
        "externalDocs",
        "x-key",
        "x-time",
        "x-deleted",
        "x-postgres",
        "x-influx",
        "nullable",
        "discriminator",
    ];
    let left = keywords.iter().filter(|(keyword, _)| !NO_LOSS.contains(&keyword.as_str()));
    let left = left.map(|(keyword, value)| format!("{keyword} {}", json::shorten(&value.to_string(), 80)));
    left.collect::<Vec<_>>().join(", ")
}

/// What to say where there are no properties: which schemas the document has.
fn no_properties(document: &Value) -> String {
    let places = ["#/components/schemas", "#/$defs", "#/definitions"];
    let schemas = places.iter().flat_map(|place| {
        let there = document.pointer(&place[1..]).and_then(Value::as_object);
        there.into_iter().flat_map(Map::keys).map(move |name| format!("{place}/{name}"))
    });
    let schemas: Vec<String> = schemas.take(21).collect();
    let why = "it is not about objects with properties";
    match schemas.as_slice() {
        [] => why.to_owned(),
        some if some.len() > 20 => {
            format!("{why}; --at names one that is: {} and more", some[..20].join(", "))
        }
        some => format!("{why}; --at names one that is: {}", some.join(", ")),
    }
}
