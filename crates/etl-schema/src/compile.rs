//! Compiles a JSON Schema document into typed columns.

mod keywords;
mod property;

use etl_stream::Fault;
use serde_json::{Map, Value};

use self::keywords::{Faults, Keywords};
use crate::schema::{Column, Schema};
use crate::types::Type;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How many faults a message names.
const NAMED: usize = 50;

impl Schema {
    /// Compiles a document, whether embedded, from a file or inline in a stream.
    ///
    /// # Errors
    /// 78: a keyword or annotation is not understood, or the document contradicts itself; the message names every such
    /// property.
    pub fn from_json(name: &str, document: &Value) -> Result<Schema, Fault> {
        let schema = compile(name, document).map_err(|faults| refused(name, &faults))?;
        schema.check_names()?;
        Ok(schema)
    }
}

fn refused(name: &str, faults: &[String]) -> Fault {
    let several = match faults.len() {
        1 => String::new(),
        count => format!("{count} faults: "),
    };
    let more = match faults.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let shown = &faults[..faults.len().min(NAMED)];
    Fault::config(format!("schema {name}: {several}{}{more}", shown.join("; ")))
}

fn compile(name: &str, document: &Value) -> Result<Schema, Vec<String>> {
    let mut keywords = Keywords::new(document).map_err(|what| vec![what])?;
    let mut faults = Faults::default();
    if faults.note(keywords.text("$schema")).is_some_and(|draft| draft.trim_end_matches('#') != DRAFT) {
        faults.note::<()>(Err(format!("$schema: only {DRAFT} is understood")));
    }
    if faults.note(keywords.text("type")).is_some_and(|ty| ty != "object") {
        faults.note::<()>(Err("type: a record must be an object".into()));
    }
    let required = faults.note(keywords.names("required"));
    let additional = faults.note(match keywords.take("additionalProperties") {
        None => Ok(false),
        Some(Value::Bool(additional)) => Ok(*additional),
        Some(_) => Err("additionalProperties: only true and false are understood".into()),
    });
    let none = Map::new();
    let properties = match keywords.take("properties") {
        Some(Value::Object(properties)) => properties,
        wrong => {
            let what = if wrong.is_none() { "it has no properties" } else { "properties: not an object" };
            faults.0.push(what.into());
            &none
        }
    };
    let mut columns = Vec::with_capacity(properties.len());
    for (property, document) in properties {
        match property::compile(property, required.contains(&property.as_str()), document) {
            Ok(column) => columns.push(column),
            Err(wrong) => faults.within(&format!("property {property:?}"), wrong),
        }
    }
    // The position of a column; a property that has faults of its own has none.
    let find = |keyword: &str, wanted: &str| {
        if !properties.contains_key(wanted) {
            return Err(format!("{keyword}: property {wanted:?} does not exist"));
        }
        Ok(columns.iter().position(|column: &Column| column.name == wanted))
    };
    if !properties.is_empty() {
        for wanted in &required {
            faults.note(find("required", wanted));
        }
    }
    let mut key = Vec::new();
    for wanted in faults.note(keywords.names("x-key")) {
        let Some(position) = faults.note(find("x-key", wanted)) else { continue };
        if !columns[position].never_null() {
            faults.0.push(format!("x-key: property {wanted:?} must be required and not nullable"));
        }
        if key.contains(&position) {
            faults.0.push(format!("x-key: property {wanted:?} is listed twice"));
        }
        key.push(position);
    }
    let time = faults.note(keywords.text("x-time"));
    let time = time.and_then(|wanted| faults.note(find("x-time", wanted)));
    if let Some(column) = time.map(|position| &columns[position])
        && !matches!(column.ty, Type::Date | Type::Timestamp | Type::TimestampTz)
    {
        faults.0.push(format!("x-time: property {:?} is not a date or time", column.name));
    }
    let schema = Schema {
        name: name.to_owned(),
        title: faults.note(keywords.owned("title")),
        description: faults.note(keywords.owned("description")),
        table: faults.note(keywords.only("x-postgres", "table")),
        measurement: faults.note(keywords.only("x-influx", "measurement")),
        columns,
        key,
        time,
        additional,
        document: document.clone(),
    };
    faults.0.extend(keywords.left_over());
    if faults.0.is_empty() { Ok(schema) } else { Err(faults.0) }
}

#[cfg(test)]
mod tests;
