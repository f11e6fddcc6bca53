//! What a record looks like without a template: a receipt as a sentence, anything else as its fields.

use etl_stream::json::{Field, Kind, Record, unescape};
use etl_stream::{counted, listed};
use serde::Deserialize;
use serde_json::Value;

/// The schema whose records are receipts.
pub(crate) const SCHEMA: &str = "etl.receipt";

/// A receipt of a load. A sink may leave out what it does not count, or set it to null.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Receipt {
    /// The table or measurement.
    pub target: String,
    /// The name of the logical run.
    pub load_id: Option<String>,
    /// Records read for this target.
    pub records: u64,
    /// Rows that are new.
    pub inserted: Option<u64>,
    /// Rows that were changed.
    pub updated: Option<u64>,
    /// Rows that stayed as they were.
    pub unchanged: Option<u64>,
    /// Records whose key came again.
    pub superseded: Option<u64>,
    /// Records set aside.
    pub rejected: Option<u64>,
    /// Rows that were deleted.
    pub deleted: Option<u64>,
    /// Versions of rows that ended.
    pub closed: Option<u64>,
    /// Records left out because they were too old.
    pub too_old: Option<u64>,
    /// Rows in which a value became NULL, because the record did not name its column.
    pub nulled: Option<u64>,
    /// Rows before a replacement.
    pub rows_before: Option<u64>,
    /// Fields dropped because the schema does not know them.
    pub dropped_fields: Option<u64>,
    /// The names of the first of these fields.
    #[serde(default)]
    pub unknown_fields: Value,
    /// The columns that were added to the table.
    #[serde(default)]
    pub columns_added: Value,
    /// The columns whose type was widened.
    #[serde(default)]
    pub columns_widened: Value,
    /// Time from start to commit.
    pub seconds: Option<f64>,
    /// Whether an earlier run had committed this load.
    pub already_loaded: Option<bool>,
    /// The pipeline whose state was stored.
    pub pipeline: Option<String>,
}

impl Receipt {
    /// Reads a record of the schema `etl.receipt`; `None` if it is not a receipt.
    pub fn read(line: &str) -> Option<Receipt> {
        serde_json::from_str(line).ok()
    }

    /// What a person should look at, though the load succeeded, in plain words: records that were set aside or left out,
    /// values that became NULL, and a schema that is not what it was.
    pub fn trouble(&self) -> Vec<String> {
        if self.already_loaded == Some(true) {
            return Vec::new();
        }
        let mut trouble = Vec::new();
        let counts = [
            (self.rejected, "record rejected", "records rejected"),
            (self.too_old, "record too old and left out", "records too old and left out"),
            (self.nulled, "row with a value that became NULL", "rows with a value that became NULL"),
        ];
        for (count, one, many) in counts {
            trouble.extend(count.filter(|&count| count > 0).map(|count| counted(count, one, many)));
        }
        for (columns, what) in [(&self.columns_added, "added"), (&self.columns_widened, "widened")] {
            trouble.extend(names(columns).map(|names| format!("columns {what}: {names}")));
        }
        match (names(&self.unknown_fields), self.dropped_fields) {
            (Some(names), _) => trouble.push(format!("unknown fields dropped: {names}")),
            (None, Some(count)) if count > 0 => trouble.push(dropped(count)),
            _ => (),
        }
        trouble
    }

    /// The receipt as a sentence, with a line for each thing that is trouble. `mark` makes a text of the target, and `plain`
    /// of any other name in it.
    pub fn sentence(&self, mark: fn(&str) -> String, plain: fn(&str) -> String, warning: &str) -> String {
        let target = mark(&self.target);
        if self.already_loaded == Some(true) {
            return format!("{target}: nothing to do, this load was committed before");
        }
        let mut text = format!("Loaded {target}: {}", counted(self.records, "record", "records"));
        for (count, name) in [
            (self.inserted, "inserted"),
            (self.updated, "updated"),
            (self.unchanged, "unchanged"),
            (self.superseded, "superseded"),
            (self.deleted, "deleted"),
            (self.closed, "closed"),
        ] {
            // That nothing was inserted is worth saying; that nothing else happened is not.
            if let Some(count) = count.filter(|&count| count > 0 || name == "inserted") {
                text += &format!(", {count} {name}");
            }
        }
        if let Some(before) = self.rows_before {
            text += &format!(", in place of {}", counted(before, "row", "rows"));
        }
        if let Some(seconds) = self.seconds {
            text += &format!(" in {seconds:.2} s");
        }
        let rejected = self.rejected.filter(|&count| count > 0).map(|_| ());
        let (first, rest) = match (self.trouble(), rejected) {
            (mut trouble, Some(())) => (Some(trouble.remove(0)), trouble),
            (trouble, None) => (None, trouble),
        };
        rest.iter().for_each(|line| text += &format!("\n{}", plain(line)));
        first.iter().for_each(|line| text += &format!("\n{warning}{line}"));
        text
    }
}

fn dropped(count: u64) -> String {
    format!("{} dropped", counted(count, "unknown field", "unknown fields"))
}

/// The names in a list, as far as they fit on a line; `None` for a list that is empty or absent.
fn names(list: &Value) -> Option<String> {
    let names = list.as_array().filter(|names| !names.is_empty())?;
    let name = |name: &Value| name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    Some(listed(&names.iter().map(name).collect::<Vec<_>>()))
}

/// The fields of a record, as `name` and `value` write them. Numbers keep their digits; objects and arrays are shown as
/// their JSON.
pub fn fields(
    record: &Record<'_>,
    name: fn(&str) -> String,
    value: fn(&str) -> String,
    between: &str,
) -> String {
    let field = |field: Field<'_>| {
        let text = match field.value.kind {
            Kind::String { escaped: true } => unescape(field.value.text),
            _ => field.value.text.to_owned(),
        };
        format!("{}: {}", name(&field.name()), value(&text))
    };
    record.fields().map(field).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(rest: &str) -> Vec<String> {
        Receipt::read(&format!(r#"{{"target":"t","records":3,{rest}}}"#)).unwrap().trouble()
    }

    #[test]
    fn trouble_is_what_a_person_should_look_at() {
        for (rest, lines) in [
            (r#""inserted":3"#, &[][..]),
            (r#""rejected":0,"nulled":0,"dropped_fields":0,"columns_added":[],"unknown_fields":null"#, &[]),
            (r#""rejected":2"#, &["2 records rejected"]),
            (r#""too_old":3"#, &["3 records too old and left out"]),
            (r#""nulled":1"#, &["1 row with a value that became NULL"]),
            (
                r#""columns_added":["gust","uv"],"columns_widened":["id"]"#,
                &["columns added: gust, uv", "columns widened: id"],
            ),
            (r#""columns_added":[{"name":"a"}]"#, &["columns added: {\"name\":\"a\"}"]),
            (r#""dropped_fields":9,"unknown_fields":["x"]"#, &["unknown fields dropped: x"]),
            (r#""dropped_fields":1"#, &["1 unknown field dropped"]),
            (r#""rejected":2,"already_loaded":true"#, &[]),
        ] {
            assert_eq!(trouble(rest), lines, "{rest}");
        }
        let many: Vec<String> = (0..12).map(|n| format!("\"c{n}\"")).collect();
        let lines = trouble(&format!("\"columns_added\":[{}]", many.join(",")));
        assert_eq!(lines, ["columns added: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and more"]);
    }

    #[test]
    fn rows_that_are_gone_are_counted_in_the_sentence() {
        let receipt = r#"{"target":"t","records":3,"inserted":1,"updated":0,"deleted":2,"closed":1}"#;
        let plain = |text: &str| text.to_owned();
        let sentence = Receipt::read(receipt).unwrap().sentence(plain, plain, "!");
        assert_eq!(sentence, "Loaded t: 3 records, 1 inserted, 2 deleted, 1 closed");
    }
}
