//! Names and literals in SQL.

use etl_component::Fault;
use etl_schema::{name_parts, quote_ident};

/// A table's name.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The table's schema; if none was named, the one in which the table was found or would be created.
    pub schema: Option<String>,
    /// Its name within the schema.
    pub table: String,
}

impl Name {
    /// Reads `[schema.]table`, as written: no case is folded. A part in double quotes, as in SQL, may have dots.
    ///
    /// # Errors
    /// 78 if it cannot be a table's name.
    pub fn parse(text: &str) -> Result<Name, Fault> {
        let wrong = |what: &str| Err(Fault::config(format!("table {text:?}: {what}")));
        let mut parts = name_parts(text);
        if parts.len() > 2 {
            return wrong("a table is named TABLE or SCHEMA.TABLE");
        }
        for part in &parts {
            match part.len() {
                0 => return wrong("a part of the name is empty"),
                // PostgreSQL truncates longer names, so two of them could become one.
                64.. => return wrong("a part of the name is longer than 63 bytes"),
                _ if part.contains(char::is_control) => return wrong("the name has a control character"),
                _ => (),
            }
        }
        let table = parts.pop().unwrap_or_default();
        Ok(Name { schema: parts.pop(), table })
    }

    /// The name for messages and receipts, as [`Name::parse`] reads it.
    pub fn text(&self) -> String {
        let part = |part: &str| match part.contains('.') || part.starts_with('"') {
            true => quote_ident(part),
            false => part.to_owned(),
        };
        match &self.schema {
            Some(schema) => format!("{}.{}", part(schema), part(&self.table)),
            None => part(&self.table),
        }
    }

    /// The name for SQL.
    pub fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote_ident(schema), quote_ident(&self.table)),
            None => quote_ident(&self.table),
        }
    }

    /// Another table in the same schema.
    pub fn sibling(&self, table: &str) -> Name {
        Name { schema: self.schema.clone(), table: table.to_owned() }
    }
}

/// A text as a literal of SQL, whatever `standard_conforming_strings` is.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A text as a literal of SQL, or NULL.
pub fn quote_nullable(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), quote_literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_written() {
        let name = Name::parse("etl.We\"ather").unwrap();
        assert_eq!((name.text().as_str(), name.sql().as_str()), ("etl.We\"ather", "\"etl\".\"We\"\"ather\""));
        assert_eq!(Name::parse("weather").unwrap().sql(), "\"weather\"");
        for (text, sql) in [
            ("a.\"b.c\"", "\"a\".\"b.c\""),
            ("\"b.c\"", "\"b.c\""),
            ("\"a.b\".\"c\"\".d\"", "\"a.b\".\"c\"\".d\""),
            ("\"a", "\"\"\"a\""),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.sql(), sql);
            assert_eq!(Name::parse(&name.text()).unwrap(), name, "{text}");
        }
        for wrong in ["", "a.", ".a", "a.b.c", "a\nb", &"x".repeat(64)] {
            assert_eq!(Name::parse(wrong).unwrap_err().class().code(), 78, "{wrong}");
        }
    }

    #[test]
    fn literals_cannot_end_early() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(r"a\'b"), r"E'a\\''b'");
        assert_eq!(quote_nullable(None), "NULL");
    }
}
