//! Compiles a JSON Schema document into typed columns.

mod keywords;
mod property;

use etl_stream::Fault;
use serde_json::Value;

use self::keywords::Keywords;
use crate::schema::{Column, Schema};
use crate::types::Type;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

impl Schema {
    /// Compiles a document, whether embedded, from a file or inline in a stream.
    ///
    /// # Errors
    /// 78: a keyword or annotation is not understood, or the document contradicts itself; the message names the property.
    pub fn from_json(name: &str, document: &Value) -> Result<Schema, Fault> {
        compile(name, document).map_err(|what| Fault::config(format!("schema {name}: {what}")))?.checked()
    }

    fn checked(self) -> Result<Schema, Fault> {
        self.check_names()?;
        Ok(self)
    }
}

fn compile(name: &str, document: &Value) -> Result<Schema, String> {
    let mut keywords = Keywords::new(document)?;
    if keywords.text("$schema")?.is_some_and(|draft| draft.trim_end_matches('#') != DRAFT) {
        return Err(format!("$schema: only {DRAFT} is understood"));
    }
    if keywords.text("type")?.is_some_and(|ty| ty != "object") {
        return Err("type: a record must be an object".into());
    }
    let required = keywords.names("required")?;
    let additional = match keywords.take("additionalProperties") {
        None => false,
        Some(Value::Bool(additional)) => *additional,
        Some(_) => return Err("additionalProperties: only true and false are understood".into()),
    };
    let properties = match keywords.take("properties") {
        None => return Err("it has no properties".into()),
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err("properties: not an object".into()),
    };
    let mut columns = Vec::with_capacity(properties.len());
    for (property, document) in properties {
        let column = property::compile(property, required.contains(&property.as_str()), document)
            .map_err(|what| format!("property {property:?}: {what}"))?;
        columns.push(column);
    }
    let find = |keyword: &str, wanted: &str| {
        let position = columns.iter().position(|column: &Column| column.name == wanted);
        position.ok_or_else(|| format!("{keyword}: property {wanted:?} does not exist"))
    };
    for wanted in &required {
        find("required", wanted)?;
    }
    let mut key = Vec::new();
    for wanted in keywords.names("x-key")? {
        let position = find("x-key", wanted)?;
        if !columns[position].never_null() {
            return Err(format!("x-key: property {wanted:?} must be required and not nullable"));
        }
        if key.contains(&position) {
            return Err(format!("x-key: property {wanted:?} is listed twice"));
        }
        key.push(position);
    }
    let time = keywords.text("x-time")?.map(|wanted| find("x-time", wanted)).transpose()?;
    if let Some(column) = time.map(|position| &columns[position])
        && !matches!(column.ty, Type::Date | Type::Timestamp | Type::TimestampTz)
    {
        return Err(format!("x-time: property {:?} is not a date or time", column.name));
    }
    let schema = Schema {
        name: name.to_owned(),
        title: keywords.owned("title")?,
        description: keywords.owned("description")?,
        table: keywords.only("x-postgres", "table")?,
        measurement: keywords.only("x-influx", "measurement")?,
        columns,
        key,
        time,
        additional,
        document: document.clone(),
    };
    keywords.finish()?;
    Ok(schema)
}

#[cfg(test)]
mod tests;
