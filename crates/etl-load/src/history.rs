//! The columns of `--mode history`, which say when a version of a row holds.

use etl_component::Fault;
use etl_schema::{Column, Schema, Source, Type, quote_ident};

/// Their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Since when the version holds.
    pub from: String,
    /// Until when it held; NULL while it does.
    pub to: String,
    /// Whether it holds.
    pub current: String,
}

impl History {
    /// What the flags `--valid-from`, `--valid-to` and `--is-current` say.
    ///
    /// # Errors
    /// 2 if a column cannot have one of the names, or two would have the same.
    pub(crate) fn new(flags: [Option<String>; 3]) -> Result<History, Fault> {
        let [from, to, current] = flags;
        let history = History {
            from: from.unwrap_or_else(|| "valid_from".to_owned()),
            to: to.unwrap_or_else(|| "valid_to".to_owned()),
            current: current.unwrap_or_else(|| "is_current".to_owned()),
        };
        let (flags, names) = (["--valid-from", "--valid-to", "--is-current"], history.names());
        for (index, (flag, name)) in flags.iter().zip(names).enumerate() {
            if name.is_empty() || name.len() > 63 || name.contains(char::is_control) {
                return Err(Fault::usage(format!("{flag}: {name:?} cannot name a column")));
            }
            let mut before = flags.iter().zip(names).take(index);
            if let Some((other, _)) = before.find(|(_, other)| other.eq_ignore_ascii_case(name)) {
                return Err(Fault::usage(format!("{other} and {flag} name one column, {name}")));
            }
        }
        Ok(history)
    }

    /// The names.
    pub fn names(&self) -> [&str; 3] {
        [&self.from, &self.to, &self.current]
    }

    /// The names, quoted.
    pub fn quoted(&self) -> [String; 3] {
        self.names().map(quote_ident)
    }

    /// Whether a column of a table is one of these, and so not one of the records'.
    pub fn has(&self, column: &str) -> bool {
        self.names().iter().any(|name| name.eq_ignore_ascii_case(column))
    }

    /// The schema of what is stored, with these columns at its end. A row is known by its key and by when it began.
    ///
    /// # Errors
    /// 78 if the records have a column of one of these names, or cannot be versions.
    pub fn stored(&self, stored: &Schema) -> Result<Schema, Fault> {
        let (mut stored, name) = (stored.clone(), &stored.name);
        if let Some(taken) = stored.columns.iter().find(|column| self.has(&column.name)) {
            let column = &taken.name;
            return Err(Fault::config(format!(
                "schema {name} has a column {column}, which mode history adds (--valid-from, --valid-to and --is-current name \
                 its columns)"
            )));
        }
        if let Some(kept) = stored.columns.iter().find(|column| column.keep) {
            let column = &kept.name;
            return Err(Fault::config(format!(
                "schema {name}: column {column} has x-keep, but in mode history each record is a version of its own"
            )));
        }
        let beginning = match stored.time.map(|time| stored.columns[time].clone()) {
            Some(time) if time.is_special() => {
                let column = &time.name;
                return Err(Fault::config(format!(
                    "schema {name}: column {column} of x-time has x-special, so a version may begin at no time"
                )));
            }
            Some(time) => time,
            None => Column::new("", Type::TimestampTz, false, true),
        };
        let describe = |column: &mut Column, name: &str, nullable: bool, description: &str| {
            name.clone_into(&mut column.name);
            (column.nullable, column.required) = (nullable, !nullable);
            column.description = Some(description.to_owned());
            (column.source, column.unit) = (Source::Note, None);
        };
        let mut columns = [beginning.clone(), beginning, Column::new("", Type::Boolean, false, true)];
        describe(&mut columns[0], &self.from, false, "Since when this version of the row holds.");
        describe(&mut columns[1], &self.to, true, "Until when it held; NULL while it does.");
        describe(&mut columns[2], &self.current, false, "Whether this version holds.");
        stored.key.push(stored.columns.len());
        stored.columns.extend(columns);
        Ok(stored)
    }
}
