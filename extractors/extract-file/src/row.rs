//! A record's line, a field at a time.

use std::collections::HashSet;

use etl_schema::Column;

use crate::args::Typed;
use crate::values::{Reading, json_text};

/// The columns of a file, and the line that is being written.
pub(crate) struct Rows<'a> {
    columns: Vec<Named<'a>>,
    reading: Option<&'a Reading>,
    line: Vec<u8>,
}

/// A column of the file.
struct Named<'a> {
    name: String,
    /// `,"name":`
    key: Vec<u8>,
    /// The column of the schema with its name.
    column: Option<&'a Column>,
}

impl<'a> Rows<'a> {
    /// The rows of a file with these columns.
    ///
    /// # Errors
    /// What is wrong with the columns' names.
    pub(crate) fn new(names: Vec<String>, typed: Option<&'a Typed>) -> Result<Rows<'a>, String> {
        let reading = typed.map(|typed| &typed.reading);
        let mut columns: Vec<Named> = Vec::with_capacity(names.len());
        let mut seen = HashSet::with_capacity(names.len());
        for (i, name) in names.into_iter().enumerate() {
            let number = i + 1;
            if name.is_empty() {
                return Err(format!("column {number} has no name"));
            }
            if name == "_etl" {
                return Err(format!("column {number}: the name `_etl` is reserved for control lines"));
            }
            if !seen.insert(name.clone()) {
                return Err(format!("two columns are named {name:?}"));
            }
            let mut key = b",".to_vec();
            json_text(name.as_bytes(), &mut key);
            key.push(b':');
            let column = reading.and_then(|reading| {
                reading.schema.position(&name).map(|position| &reading.schema.columns[position])
            });
            columns.push(Named { name, key, column });
        }
        Ok(Rows { columns, reading, line: Vec::new() })
    }

    /// How many columns there are.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Starts a line.
    #[inline]
    pub(crate) fn start(&mut self) {
        self.line.clear();
    }

    /// Writes the field of a column; `None` is null. `is_plain` says that nothing in it needs an escape.
    ///
    /// # Errors
    /// Why it is not a value of the schema's type, with the field's name.
    #[inline]
    pub(crate) fn field(&mut self, i: usize, text: Option<&[u8]>, is_plain: bool) -> Result<(), String> {
        let named = &self.columns[i];
        let line = &mut self.line;
        match (text, named.column, self.reading) {
            // A field that may be absent, but not null, is left out.
            (None, Some(column), _) if !column.nullable && !column.required => return Ok(()),
            (None, _, _) => {
                line.extend_from_slice(&named.key);
                line.extend_from_slice(b"null");
            }
            (Some(text), Some(column), Some(reading)) => {
                line.extend_from_slice(&named.key);
                reading
                    .value(&column.ty, column, text, line)
                    .map_err(|what| format!("field {:?}: {:?} {what}", named.name, shown(text)))?;
            }
            (Some(text), _, _) => {
                line.extend_from_slice(&named.key);
                if is_plain {
                    line.push(b'"');
                    line.extend_from_slice(text);
                    line.push(b'"');
                } else {
                    json_text(text, line);
                }
            }
        }
        Ok(())
    }

    /// The line, without its newline.
    #[inline]
    pub(crate) fn finish(&mut self) -> &[u8] {
        match self.line.first_mut() {
            // The comma in front of the first key.
            Some(first) => *first = b'{',
            None => self.line.push(b'{'),
        }
        self.line.push(b'}');
        &self.line
    }
}

/// At most 80 characters of a field, for messages.
fn shown(text: &[u8]) -> String {
    etl_stream::json::shorten(&String::from_utf8_lossy(text), 80).into_owned()
}
