//! A schema that is being written, and how it looks.

use serde_json::{Map, Value, json};

/// Names of columns that are keys where they can be.
const KEYS: [&str; 5] = ["id", "uuid", "guid", "gid", "_id"];
/// Names of columns that say when something was observed.
const TIMES: [&str; 9] =
    ["observed_at", "time", "timestamp", "ts", "datetime", "measured_at", "created_at", "created", "date"];

/// A column of the draft.
#[derive(Debug, Default)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) keywords: Map<String, Value>,
    /// What decided it, and what was given up.
    pub(super) comments: Vec<String>,
    pub(super) required: bool,
    pub(super) nullable: bool,
}

impl Column {
    /// Whether it may be part of a key.
    pub(super) fn never_null(&self) -> bool {
        self.required && !self.nullable
    }

    /// Makes it a column of any JSON.
    pub(super) fn any(&mut self) {
        let kept = ["title", "description", "x-unit", "x-influx", "x-keep"];
        self.keywords.retain(|keyword, _| kept.contains(&keyword.as_str()));
        self.keywords.insert("x-postgres".to_owned(), json!({ "type": "jsonb" }));
        self.nullable = true;
    }

    /// Makes it a column of JSON that is of one of these types; without any, of whatever type.
    pub(super) fn one_of(&mut self, types: &[String]) {
        if !types.is_empty() {
            self.keywords.insert("type".to_owned(), json!(types));
            self.keywords.insert("x-postgres".to_owned(), json!({ "type": "jsonb" }));
        }
    }

    /// Its type in words; `any` if it has none.
    pub(super) fn type_name(&self) -> String {
        match self.keywords.get("type") {
            Some(Value::String(name)) => name.clone(),
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
            }
            _ => "any".to_owned(),
        }
    }

    /// Whether it may be a key everywhere: SQLite compares a decimal as text.
    fn is_key(&self) -> bool {
        let stored = self.keywords.get("x-postgres").and_then(|stored| stored["type"].as_str());
        self.never_null()
            && matches!(self.type_name().as_str(), "integer" | "string")
            && stored != Some("numeric")
    }

    fn is_time(&self) -> bool {
        let stored = self.keywords.get("x-postgres").and_then(|stored| stored["type"].as_str());
        matches!(self.keywords.get("format").and_then(Value::as_str), Some("date" | "date-time"))
            || stored == Some("timestamp")
    }

    /// Its document: the type first, with null where it may be null, and the comment last.
    pub(super) fn document(&self) -> Value {
        let mut document = Map::new();
        if let Some(ty) = self.keywords.get("type") {
            let mut types = match ty {
                Value::Array(types) => types.clone(),
                ty => vec![ty.clone()],
            };
            if self.nullable && !types.contains(&Value::from("null")) {
                types.push(json!("null"));
            }
            document.insert("type".to_owned(), if types.len() == 1 { types.remove(0) } else { types.into() });
        }
        document.extend(self.keywords.iter().filter(|(keyword, _)| *keyword != "type").map(
            |(keyword, value)| {
                // Null must be one of the values where it is one of the types.
                let mut value = value.clone();
                if let (true, "enum", Some(values)) = (self.nullable, keyword.as_str(), value.as_array_mut())
                    && !values.contains(&Value::Null)
                {
                    values.push(Value::Null);
                }
                (keyword.clone(), value)
            },
        ));
        if !self.comments.is_empty() {
            document.insert("$comment".to_owned(), json!(self.comments.join("; ")));
        }
        Value::Object(document)
    }
}

/// The schema of one kind of record.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) comments: Vec<String>,
    pub(super) columns: Vec<Column>,
    pub(super) additional: bool,
    pub(super) key: Vec<String>,
    /// The time, where it is known.
    pub(super) time: Option<String>,
    /// What says that a row is gone, where it is known.
    pub(super) deleted: Option<String>,
    pub(super) table: Option<String>,
    /// The measurement, if it is not called like the table.
    pub(super) measurement: Option<String>,
}

impl Draft {
    /// The column that is the key by its name alone, if it could be one.
    pub(super) fn key_by_name(&self) -> Option<&str> {
        let find = |name: &&str| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        KEYS.iter().find_map(find).filter(|column| column.is_key()).map(|column| column.name.as_str())
    }

    /// The column that says when, and what there is to say of it.
    fn time(&self) -> (Option<&str>, Option<String>) {
        if self.time.is_some() {
            return (self.time.as_deref(), None);
        }
        let times: Vec<&str> = self
            .columns
            .iter()
            .filter(|column| column.is_time())
            .map(|column| column.name.as_str())
            .collect();
        match times.as_slice() {
            [] => (None, None),
            [time] => (Some(time), None),
            several => {
                let find = |name: &&str| several.iter().find(|time| time.eq_ignore_ascii_case(name)).copied();
                let all = format!("x-time is one of {}", several.join(", "));
                (TIMES.iter().find_map(find), Some(all))
            }
        }
    }

    /// The text of the document, one keyword a line.
    pub(super) fn render(&self) -> String {
        let (time, of_times) = self.time();
        let mut comments = self.comments.clone();
        comments.extend(of_times);
        let table = self.table.as_deref();
        let required: Vec<&str> =
            self.columns.iter().filter(|column| column.required).map(|column| column.name.as_str()).collect();
        let texts = [("$comment", Some(comments.join("; "))), ("title", self.title.clone())];
        let mut members = vec![member(1, "$schema", &json!("https://json-schema.org/draft/2020-12/schema"))];
        for (keyword, text) in texts.into_iter().chain([("description", self.description.clone())]) {
            members.extend(text.filter(|text| !text.is_empty()).map(|text| member(1, keyword, &json!(text))));
        }
        members.push(member(1, "type", &json!("object")));
        members.extend((!self.key.is_empty()).then(|| member(1, "x-key", &json!(self.key))));
        members.extend(time.map(|time| member(1, "x-time", &json!(time))));
        members.extend(self.deleted.as_ref().map(|deleted| member(1, "x-deleted", &json!(deleted))));
        members.extend(table.map(|table| member(1, "x-postgres", &json!({ "table": table }))));
        let measurement = self.measurement.as_deref().or(table);
        members.extend(measurement.map(|name| member(1, "x-influx", &json!({ "measurement": name }))));
        members.extend((!required.is_empty()).then(|| member(1, "required", &json!(required))));
        members.push(member(1, "additionalProperties", &json!(self.additional)));
        let columns = self.columns.iter().map(|column| {
            let document = column.document();
            let keywords = document.as_object().into_iter().flatten();
            let keywords: Vec<String> = keywords.map(|(keyword, value)| member(3, keyword, value)).collect();
            format!("    {}: {{\n{}\n    }}", json!(column.name), keywords.join(",\n"))
        });
        let columns: Vec<String> = columns.collect();
        members.push(format!("  \"properties\": {{\n{}\n  }}", columns.join(",\n")));
        format!("{{\n{}\n}}\n", members.join(",\n"))
    }
}

fn member(depth: usize, name: &str, value: &Value) -> String {
    format!("{}{}: {}", "  ".repeat(depth), json!(name), on_one_line(value))
}

/// JSON with a blank after each colon and comma.
fn on_one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| format!("{}: {}", json!(name), on_one_line(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}
