//! How a later schema of a stream differs from the one before.

use crate::schema::{Column, Schema, Source};
use crate::types::Type;

/// A difference between two schemas of one stream, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A column is new or gone.
    Column(String),
    /// A column has a wider type.
    Wider(String),
    /// A column has another type, or the key is another.
    Other(String),
}

impl Schema {
    /// How a later schema of the same stream differs from this one.
    pub fn differences(&self, later: &Schema) -> Vec<Difference> {
        let mut differences = Vec::new();
        if !self.key_names().eq(later.key_names()) {
            differences.push(Difference::Other("the key is another".to_owned()));
        }
        for column in later.fields() {
            let Some(before) = self.column(&column.name).filter(|before| !same(before, column)) else {
                continue;
            };
            let what =
                format!("column {} was {} and is {}", column.name, before.postgres(), column.postgres());
            let wider = before.nullable == column.nullable && before.ty.widened(&column.ty).is_some();
            differences.push(if wider { Difference::Wider(what) } else { Difference::Other(what) });
        }
        let lacks = |schema: &Schema, column: &Column| schema.column(&column.name).is_none();
        let new = later.fields().filter(|column| lacks(self, column));
        let gone = self.fields().filter(|column| lacks(later, column));
        let new = new.map(|column| format!("column {} is new", column.name));
        let gone = gone.map(|column| format!("column {} is gone", column.name));
        differences.extend(new.chain(gone).map(Difference::Column));
        differences
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn fields(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.source == Source::Field)
    }
}

fn same(before: &Column, later: &Column) -> bool {
    // An integer that the table has more room for is still an integer to the tap.
    let has_room =
        matches!((&before.ty, &later.ty), (Type::Decimal { precision: None }, Type::Integer { .. }));
    (before.ty == later.ty || has_room) && before.nullable == later.nullable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign::Layout;

    fn schema(properties: &str, key: &str) -> Schema {
        let document = format!(r#"{{"properties":{{{properties}}}}}"#);
        Schema::from_foreign("s", &document, &[key.to_owned()], Layout::default()).unwrap()
    }

    #[test]
    fn each_difference_is_named() {
        use Difference::{Column, Other, Wider};
        let before = schema(
            r#""id":{"type":"integer"},"n":{"type":"integer"},"t":{"type":"string"},"old":{"type":"string"}"#,
            "id",
        );
        let later = schema(
            r#""id":{"type":"integer"},"n":{"type":"number"},"t":{"type":"integer"},"new":{"type":"string"}"#,
            "n",
        );
        let text = str::to_owned;
        assert_eq!(
            before.differences(&later),
            [
                Other(text("the key is another")),
                // It may no longer be null.
                Other(text("column id was bigint and is bigint")),
                Other(text("column n was bigint and is numeric")),
                Other(text("column t was text and is bigint")),
                Column(text("column new is new")),
                Column(text("column old is gone")),
            ]
        );
        let wider = schema(
            r#""id":{"type":"integer"},"n":{"type":"number"},"t":{"type":"string"},"old":{"type":"string"}"#,
            "id",
        );
        assert_eq!(before.differences(&wider), [Wider(text("column n was bigint and is numeric"))]);
        assert_eq!(wider.differences(&before), []);
        assert_eq!(before.differences(&before), []);
    }
}
