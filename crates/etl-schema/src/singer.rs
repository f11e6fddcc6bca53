//! Schemas as a Singer target reads them: without what only Standpipe understands.

use etl_stream::writer::Singer;
use etl_stream::{Fault, SchemaRef};
use serde_json::Value as Json;
use serde_json::value::to_raw_value;

use crate::Schema;

impl Schema {
    /// The stream of a Singer target that takes these records. It is called `name`, otherwise as the table of their schema,
    /// otherwise as the schema.
    ///
    /// # Errors
    /// 2 for records without a schema, or of one without a name; 78 for a schema that is not understood.
    pub fn for_singer(said: Option<&SchemaRef>, name: Option<&str>) -> Result<Singer, Fault> {
        let (schema, known) = match said {
            Some(SchemaRef::Name(name)) => (Schema::named(name)?, Some(name.as_str())),
            Some(SchemaRef::Inline(document)) => (Schema::from_json("of the records", document.get())?, None),
            None => {
                return Err(Fault::usage(
                    "--output-format singer needs the schema of the records: give --schema",
                ));
            }
        };
        let Some(stream) = name.or(schema.table.as_deref()).or(known) else {
            let what = "--output-format singer needs --stream-name: the schema of the records names no table";
            return Err(Fault::usage(what));
        };
        let not_json = |error| Fault::config(format!("schema {}: not JSON", schema.name)).because(error);
        let mut document: Json =
            serde_json::from_str(schema.document.as_deref().unwrap_or("{}")).map_err(not_json)?;
        if let Some(root) = document.as_object_mut() {
            root.retain(|keyword, _| keyword != "$schema");
        }
        translate(&mut document);
        let key: Vec<String> = schema.key.iter().map(|&i| schema.columns[i].property().to_owned()).collect();
        Ok(Singer::new(stream, &to_raw_value(&document).map_err(not_json)?, &key))
    }
}

/// Leaves out the annotations, and says what they mean in the words of JSON Schema and of the Singer SDK, where those have
/// any.
fn translate(schema: &mut Json) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(ty) = schema.get("x-postgres").and_then(|postgres| postgres.get("type")).cloned() {
        schema.insert("x-sql-datatype".to_owned(), ty);
    }
    if schema.get("x-special") == Some(&Json::Bool(true)) {
        // `"NaN"` is a text.
        match schema.get_mut("type") {
            Some(Json::Array(types)) if types.iter().any(|ty| ty == "number") => types.push("string".into()),
            Some(ty) if *ty == "number" => *ty = ["number", "string"].into_iter().collect(),
            _ => {}
        }
    }
    schema.retain(|keyword, _| !keyword.starts_with("x-") || keyword == "x-sql-datatype");
    let properties = schema.get_mut("properties").and_then(Json::as_object_mut);
    properties.into_iter().flat_map(|properties| properties.values_mut()).for_each(translate);
    schema.get_mut("items").into_iter().for_each(translate);
}

#[cfg(test)]
mod tests {
    use etl_stream::Writer;
    use serde_json::value::RawValue;

    use super::*;

    fn opening(document: &str, name: Option<&str>) -> Result<String, Fault> {
        let said = SchemaRef::Inline(RawValue::from_string(document.to_owned()).unwrap().into());
        let mut writer = Writer::new(Vec::new());
        writer.begin_singer(Schema::for_singer(Some(&said), name)?)?;
        Ok(String::from_utf8(writer.into_inner()).unwrap())
    }

    #[test]
    fn annotations_are_translated_or_left_out() {
        let document = r#"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "x-key": ["x-id"], "x-time": "at", "x-postgres": {"table": "own"},
            "required": ["x-id", "at"],
            "properties": {
                "x-id": {"type": "integer", "x-unit": "1"},
                "at": {"type": "string", "format": "date-time"},
                "price": {"type": ["number", "null"], "x-special": true, "x-postgres": {"type": "numeric(12,4)"}},
                "parts": {"type": "array", "items": {"type": "string"}, "x-influx": {"role": "ignore"}}
            }
        }"#;
        let written = opening(document, None).unwrap();
        assert_eq!(
            serde_json::from_str::<Json>(&written).unwrap(),
            serde_json::json!({
                "type": "SCHEMA", "stream": "own", "key_properties": ["x-id"],
                "schema": {
                    "type": "object", "required": ["x-id", "at"],
                    "properties": {
                        "x-id": {"type": "integer"},
                        "at": {"type": "string", "format": "date-time"},
                        "price": {"type": ["number", "null", "string"], "x-sql-datatype": "numeric(12,4)"},
                        "parts": {"type": "array", "items": {"type": "string"}},
                    }
                }
            })
        );
        assert_eq!(written.lines().count(), 1);
    }

    #[test]
    fn a_stream_has_a_name() {
        let document = r#"{"type":"object","properties":{"id":{"type":"integer"}}}"#;
        let fault = opening(document, None).unwrap_err();
        assert_eq!(
            fault.message(),
            "--output-format singer needs --stream-name: the schema of the records names no table"
        );
        assert!(opening(document, Some("orders")).unwrap().contains(r#""stream":"orders""#));
        let named = SchemaRef::Name("github.workflow_runs".to_owned());
        let mut writer = Writer::new(Vec::new());
        writer.begin_singer(Schema::for_singer(Some(&named), None).unwrap()).unwrap();
        let written = String::from_utf8(writer.into_inner()).unwrap();
        assert!(written.starts_with(r#"{"type":"SCHEMA","stream":"github_workflow_runs","#), "{written}");
        assert!(written.ends_with("\"key_properties\":[\"id\",\"run_attempt\"]}\n"), "{written}");
    }
}
