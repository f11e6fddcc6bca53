//! A compiled schema.

use std::sync::Arc;

use etl_stream::Fault;

use crate::rules::{Kinds, Rules};
use crate::types::Type;

/// A schema: the typed columns that records of one kind become.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Its name, such as `openweather.current`.
    pub name: String,
    /// `title`
    pub title: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// The columns in the order of the document.
    pub columns: Vec<Column>,
    /// `x-key`, the natural key: positions in `columns`, all required and not nullable.
    pub key: Vec<usize>,
    /// `x-time`, the column of the observation time.
    pub time: Option<usize>,
    /// `x-deleted`, the column that says whether the row is gone: true, or any time.
    pub deleted: Option<usize>,
    /// `x-postgres.table`, the table that records go to by default.
    pub table: Option<String>,
    /// `x-influx.measurement`
    pub measurement: Option<String>,
    /// `additionalProperties: true`: fields that the schema does not know are dropped and counted.
    pub additional: bool,
    /// The text of its document; `None` if it came from a table.
    pub document: Option<Arc<str>>,
    /// The objects in records whose fields are columns, each named like its columns without `__` and the rest.
    pub objects: Vec<Box<str>>,
}

/// A column: one property of the records.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name, which is also that of the property unless [`Column::property`] says otherwise.
    pub name: String,
    /// The property's name, if it is another one.
    pub(crate) property: Option<Box<str>>,
    /// Its logical type.
    pub ty: Type,
    /// How a new table of PostgreSQL declares it, where that says more than the logical type.
    pub(crate) declared: Option<Box<str>>,
    /// Where its values come from.
    pub source: Source,
    /// Whether null is valid.
    pub nullable: bool,
    /// Whether the property must be present. One that is optional and absent becomes NULL.
    pub required: bool,
    /// `description`
    pub description: Option<String>,
    /// `x-unit`
    pub unit: Option<String>,
    /// `x-influx`
    pub influx: Influx,
    /// `x-keep`: where a record does not have the field, an upsert leaves the value of a row that exists as it is.
    pub keep: bool,
    pub(crate) rules: Rules,
}

impl Column {
    /// A column whose type is all that is known about its values.
    pub fn new(name: impl Into<String>, ty: Type, nullable: bool, required: bool) -> Column {
        Column {
            name: name.into(),
            property: None,
            ty,
            declared: None,
            source: Source::Field,
            nullable,
            required,
            description: None,
            unit: None,
            influx: Influx::default(),
            keep: false,
            rules: Rules::NONE,
        }
    }

    /// The name of the field of a record that it is filled from.
    pub fn property(&self) -> &str {
        self.property.as_deref().unwrap_or(&self.name)
    }

    /// Whether the schema wants every value, numbers too, written as a string.
    pub fn is_string(&self) -> bool {
        self.rules.kinds.includes(Kinds::STRING) && !self.rules.kinds.includes(Kinds::INTEGER)
    }

    /// Whether it admits NaN and infinities: as `x-special` says, or as taps send them.
    pub fn is_special(&self) -> bool {
        self.rules.special || self.rules.lenient
    }

    /// The type that a new table of PostgreSQL declares, such as `timestamp(3)` or `interval`.
    pub fn postgres(&self) -> String {
        self.declared.as_deref().map_or_else(|| self.ty.postgres(), str::to_owned)
    }

    /// Whether a row in which only this column differs has changed.
    pub fn counts(&self) -> bool {
        self.source != Source::Note
    }

    /// Whether a record may not have the field.
    pub fn may_be_absent(&self) -> bool {
        self.source == Source::Field && !self.required
    }

    /// Whether a row always has a value here, so that the table's column can be NOT NULL.
    pub fn never_null(&self) -> bool {
        self.required && !self.nullable
    }
}

/// Where the values of a column come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A field of the record.
    #[default]
    Field,
    /// Something else ([`crate::Checker::add`]) that is part of the row: a row in which only this differs has changed.
    Beside,
    /// Something else that only describes the row: one in which only this differs has not changed.
    Note,
}

/// What `x-influx` says about a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Influx {
    /// `role`
    pub role: Option<Role>,
    /// `type`, of a field
    pub ty: Option<InfluxType>,
}

/// The part that a column plays in a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Part of the series.
    Tag,
    /// A field.
    Field,
    /// The timestamp.
    Time,
    /// Left out.
    Ignore,
}

/// The type of a field in InfluxDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfluxType {
    /// A double.
    Float,
    /// A signed integer of 64 bits.
    Integer,
    /// An unsigned integer of 64 bits.
    Unsigned,
    /// A string.
    String,
    /// A boolean.
    Boolean,
}

impl Schema {
    /// The position of a column.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// The names of the key's columns.
    pub fn key_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.key.iter().map(|&i| self.columns[i].name.as_str())
    }

    /// Whether another schema, whatever its name, says the same of the same columns in any order.
    pub fn agrees(&self, other: &Schema) -> bool {
        fn columns(schema: &Schema) -> Vec<&Column> {
            let mut columns: Vec<&Column> = schema.columns.iter().collect();
            columns.sort_by_key(|column| &column.name);
            columns
        }
        fn besides(schema: &Schema) -> impl PartialEq {
            let Schema { title, description, columns, time, deleted, table, measurement, additional, .. } =
                schema;
            let [time, deleted] = [time, deleted].map(|column| column.map(|column| &columns[column].name));
            (title, description, time, deleted, table, measurement, additional)
        }
        columns(self) == columns(other)
            && besides(self) == besides(other)
            && self.key_names().eq(other.key_names())
    }

    /// The schema that follows from a target table's own columns and key. The key's columns become required and not
    /// nullable.
    ///
    /// # Errors
    /// 78: no columns, a name that no column can have, two names that differ only in case, a key that is not a column.
    pub fn from_columns(name: &str, columns: Vec<Column>, key: &[&str]) -> Result<Schema, Fault> {
        let mut schema = Schema {
            name: name.to_owned(),
            title: None,
            description: None,
            columns,
            key: Vec::new(),
            time: None,
            table: None,
            deleted: None,
            measurement: None,
            additional: false,
            document: None,
            objects: Vec::new(),
        };
        schema.check_names()?;
        for column in key {
            let position = schema
                .position(column)
                .ok_or_else(|| Fault::config(format!("schema {name}: the key {column:?} is not a column")))?;
            schema.columns[position].nullable = false;
            schema.columns[position].required = true;
            schema.key.push(position);
        }
        Ok(schema)
    }

    pub(crate) fn check_names(&self) -> Result<(), Fault> {
        let fault = |what: String| Err(Fault::config(format!("schema {}: {what}", self.name)));
        if self.columns.is_empty() {
            return fault("it has no properties".into());
        }
        for name in self.table.iter().chain(&self.measurement) {
            if name.is_empty() || name.contains(char::is_control) {
                return fault(format!("{name:?} cannot name a table or a measurement"));
            }
        }
        let mut folded: Vec<(String, &str)> = Vec::with_capacity(self.columns.len());
        for Column { name, .. } in &self.columns {
            if name.is_empty() {
                return fault("a property has an empty name".into());
            }
            // PostgreSQL truncates longer names, so two of them could become one.
            if name.len() > 63 {
                return fault(format!("property {name:?}: its name is longer than 63 bytes"));
            }
            if name.contains(char::is_control) {
                return fault(format!("property {name:?}: its name contains a control character"));
            }
            if name == "_etl" {
                return fault("property \"_etl\": the name is reserved for control lines".into());
            }
            folded.push((name.to_lowercase(), name));
        }
        folded.sort();
        match folded.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => {
                fault(format!("properties {:?} and {:?} would become one column", pair[0].1, pair[1].1))
            }
            None => Ok(()),
        }
    }
}
