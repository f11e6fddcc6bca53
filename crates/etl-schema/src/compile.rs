//! Compiles a JSON Schema document into typed columns.

mod keywords;
mod property;

use std::collections::{HashMap, HashSet};

use etl_stream::{Fault, MAX_SCHEMA};
use serde_json::value::RawValue;

use self::keywords::{Faults, Keywords, Members, read};
use crate::schema::{Column, Schema};
use crate::types::Type;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

impl Schema {
    /// Compiles the text of a document, whether embedded, from a file or inline in a stream.
    ///
    /// # Errors
    /// 78: it is longer than 1 MiB or not JSON, a keyword or annotation is not understood, or the document contradicts
    /// itself; the message names every such property.
    pub fn from_json(name: &str, document: &str) -> Result<Schema, Fault> {
        if document.len() > MAX_SCHEMA {
            return Err(Fault::config(format!("schema {name}: longer than {MAX_SCHEMA} bytes")));
        }
        let raw = serde_json::from_str(document)
            .map_err(|error| Fault::config(format!("schema {name}: not JSON")).because(error))?;
        let schema =
            compile(name, raw).map_err(|faults| Fault::config(format!("schema {name}: {faults}")))?;
        schema.check_names()?;
        Ok(Schema { document: Some(document.into()), ..schema })
    }
}

fn compile(name: &str, document: &RawValue) -> Result<Schema, Faults> {
    let mut keywords = Keywords::new(document).map_err(Faults::one)?;
    let mut faults = Faults::default();
    if faults.note(keywords.text("$schema")).is_some_and(|draft| draft.trim_end_matches('#') != DRAFT) {
        faults.push(format!("$schema: only {DRAFT} is understood"));
    }
    if faults.note(keywords.text("type")).is_some_and(|ty| ty != "object") {
        faults.push("type: a record must be an object");
    }
    let required = faults.note(keywords.names("required"));
    let is_required: HashSet<&str> = required.iter().map(String::as_str).collect();
    let additional = faults.note(match keywords.take("additionalProperties").map(read) {
        None => Ok(false),
        Some(Some(additional)) => Ok(additional),
        Some(None) => Err("additionalProperties: only true and false are understood".into()),
    });
    let properties = match keywords.take("properties").map(Members::of) {
        Some(Some(properties)) => faults.note(properties.distinct()),
        wrong => {
            faults.push(if wrong.is_none() { "it has no properties" } else { "properties: not an object" });
            Members::default()
        }
    };
    let mut columns: Vec<Column> = Vec::with_capacity(properties.0.len());
    // The positions of the columns; a property that has faults of its own has none.
    let mut positions = HashMap::with_capacity(properties.0.len());
    for (property, document) in properties.0 {
        let compiled = property::compile(property.clone(), is_required.contains(&*property), document);
        let position = match compiled {
            Ok(column) => {
                columns.push(column);
                Some(columns.len() - 1)
            }
            Err(wrong) => {
                faults.within(&format!("property {property:?}"), wrong);
                None
            }
        };
        positions.insert(property, position);
    }
    let find = |keyword: &str, wanted: &str| {
        let known = positions.get(wanted).copied();
        known.ok_or_else(|| format!("{keyword}: property {wanted:?} does not exist"))
    };
    if !positions.is_empty() {
        for wanted in &required {
            faults.note(find("required", wanted));
        }
    }
    let (mut key, mut in_key) = (Vec::new(), HashSet::new());
    for wanted in faults.note(keywords.names("x-key")) {
        let Some(position) = faults.note(find("x-key", &wanted)) else { continue };
        if !columns[position].never_null() {
            faults.push(format!("x-key: property {wanted:?} must be required and not nullable"));
        }
        if !in_key.insert(position) {
            faults.push(format!("x-key: property {wanted:?} is listed twice"));
        }
        key.push(position);
    }
    let time = faults.note(keywords.text("x-time"));
    let time = time.and_then(|wanted| faults.note(find("x-time", &wanted)));
    if let Some(column) = time.map(|position| &columns[position])
        && !matches!(column.ty, Type::Date | Type::Timestamp | Type::TimestampTz)
    {
        faults.push(format!("x-time: property {:?} is not a date or time", column.name));
    }
    let deleted = faults.note(keywords.text("x-deleted"));
    let deleted = deleted.and_then(|wanted| faults.note(find("x-deleted", &wanted)));
    if let Some((position, column)) = deleted.map(|position| (position, &columns[position])) {
        let fits = matches!(column.ty, Type::Boolean | Type::Date | Type::Timestamp | Type::TimestampTz);
        if !fits || in_key.contains(&position) || time == Some(position) {
            let wanted = "must be a boolean or a time, and be in neither x-key nor x-time";
            faults.push(format!("x-deleted: property {:?} {wanted}", column.name));
        }
    }
    let schema = Schema {
        name: name.to_owned(),
        title: faults.note(keywords.text("title")),
        description: faults.note(keywords.text("description")),
        table: faults.note(keywords.only("x-postgres", "table")),
        measurement: faults.note(keywords.only("x-influx", "measurement")),
        columns,
        key,
        time,
        deleted,
        additional,
        document: None,
        objects: Vec::new(),
    };
    keywords.left_over(&mut faults);
    if faults.is_empty() { Ok(schema) } else { Err(faults) }
}

#[cfg(test)]
mod tests;
