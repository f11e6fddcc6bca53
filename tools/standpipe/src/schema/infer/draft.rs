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
        let kept = ["title", "description", "x-unit", "x-influx"];
        self.keywords.retain(|keyword, _| kept.contains(&keyword.as_str()));
        self.keywords.insert("x-postgres".to_owned(), json!({ "type": "jsonb" }));
        self.nullable = true;
    }

    fn is_time(&self) -> bool {
        let stored = self.keywords.get("x-postgres").and_then(|stored| stored["type"].as_str());
        matches!(self.keywords.get("format").and_then(Value::as_str), Some("date" | "date-time"))
            || stored == Some("timestamp")
    }

    /// Its document: the type first, with null where it may be null, and the comment last.
    fn document(&self) -> Value {
        let mut document = Map::new();
        if let Some(ty) = self.keywords.get("type") {
            document.insert("type".to_owned(), if self.nullable { json!([ty, "null"]) } else { ty.clone() });
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
    pub(super) table: Option<String>,
}

impl Draft {
    /// The column that is the key by its name alone, if it could be one.
    pub(super) fn key_by_name(&self) -> Option<&str> {
        let find = |name: &&str| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        KEYS.iter().find_map(find).filter(|column| column.never_null()).map(|column| column.name.as_str())
    }

    /// The column that says when, and what there is to say of it.
    fn time(&self) -> (Option<&str>, Option<String>) {
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
        members.extend(table.map(|table| member(1, "x-postgres", &json!({ "table": table }))));
        members.extend(table.map(|table| member(1, "x-influx", &json!({ "measurement": table }))));
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
