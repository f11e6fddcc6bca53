//! The schemas embedded in every binary, and the other places that a schema can come from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use etl_stream::{Fault, MAX_SCHEMA, SchemaRef};
use serde_json::value::RawValue;

use crate::Schema;

include!(concat!(env!("OUT_DIR"), "/documents.rs"));

/// The names of the embedded schemas, sorted.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
    DOCUMENTS.iter().map(|(name, _)| *name)
}

/// The text of an embedded schema.
pub fn document(name: &str) -> Option<&'static str> {
    DOCUMENTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

impl Schema {
    /// An embedded schema.
    ///
    /// # Errors
    /// 78: the name is not a valid schema name (so no path can hide in it) or is unknown.
    pub fn named(name: &str) -> Result<Schema, Fault> {
        check_name(name)?;
        let text = document(name).ok_or_else(|| {
            let known = names().collect::<Vec<_>>().join(", ");
            Fault::config(format!("unknown schema {name:?}; known schemas: {known}"))
        })?;
        Schema::from_json(name, text)
    }

    /// The schema in a file, named after the file.
    ///
    /// # Errors
    /// 78: the file cannot be read or is not a schema that is understood.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Schema, Fault> {
        let path = path.as_ref();
        let mut text = String::new();
        // One byte more than a schema may have: whatever goes on for longer is refused for its length.
        let read = File::open(path)
            .and_then(|file| file.take(MAX_SCHEMA as u64 + 1).read_to_string(&mut text).map(|_| ()));
        read.map_err(|error| {
            Fault::config(format!("cannot read the schema {}", path.display())).because(error)
        })?;
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = file.strip_suffix(".json").unwrap_or(file);
        Schema::from_json(stem.strip_suffix(".schema").unwrap_or(stem), &text)
            .map_err(|fault| Fault::config(format!("the schema {}", path.display())).because(fault))
    }

    /// The schema that a `--schema` flag names: a path if it contains a `/` or ends in `.json`, otherwise a name.
    ///
    /// # Errors
    /// As [`Schema::named`] and [`Schema::from_path`].
    pub fn from_flag(flag: &str) -> Result<Schema, Fault> {
        if flag.contains('/') || flag.ends_with(".json") {
            Schema::from_path(flag)
        } else {
            Schema::named(flag)
        }
    }

    /// The schema that a `--schema` flag names, and what `begin` says of it: the name of an embedded one, otherwise the
    /// document as it is written.
    ///
    /// # Errors
    /// As [`Schema::from_flag`].
    pub fn said_by(flag: &str) -> Result<(Schema, SchemaRef), Fault> {
        let schema = Schema::from_flag(flag)?;
        let inline = match &schema.document {
            Some(text) if document(flag).is_none() => RawValue::from_string(text.trim().to_owned()).ok(),
            _ => None,
        };
        let said = inline.map(|document| SchemaRef::Inline(document.into()));
        let said = said.unwrap_or_else(|| SchemaRef::Name(schema.name.clone()));
        Ok((schema, said))
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c));
    if first && rest {
        return Ok(());
    }
    Err(Fault::config(format!(
        "{name:?} is not a schema name: it must begin with a-z or 0-9 and continue with these, `_`, `.` or `-`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use etl_stream::Class;

    #[test]
    fn every_embedded_schema_compiles() {
        assert!(names().is_sorted());
        for name in names() {
            let schema = Schema::named(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(schema.name, name);
            assert!(schema.description.is_some(), "{name}");
            assert!(schema.columns.iter().all(|column| column.description.is_some()), "{name}");
        }
        for known in ["etl.receipt", "etl.reject"] {
            assert!(names().any(|name| name == known));
        }
    }

    #[test]
    fn names_are_no_paths() {
        for name in ["../etl.receipt", "/etc/passwd", "", ".x", "Etl", "a b", "nope", "etl.receipt\0", "é"] {
            let fault = Schema::named(name).expect_err(name);
            assert_eq!(fault.class(), Class::Config);
            assert!(fault.message().contains(&format!("{name:?}")), "{fault}");
        }
        let fault = Schema::from_flag("../no/such").expect_err("no such file");
        assert_eq!((fault.class(), fault.message()), (Class::Config, "cannot read the schema ../no/such"));
        assert_eq!(Schema::from_flag("etl.reject").expect("embedded").name, "etl.reject");
    }
}
