//! Which part of a point each column of a schema becomes.

use etl_schema::{Column, InfluxType, Role, Schema, Type};

/// Names that InfluxDB drops or refuses as a tag or field: `time` in all versions, the others in version 2.
const RESERVED: [&str; 4] = ["time", "_time", "_field", "_measurement"];

/// The parts of a point, and the positions of the columns that they are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) measurement: String,
    /// Sorted by name, as InfluxDB keeps them.
    pub(crate) tags: Vec<usize>,
    pub(crate) fields: Vec<(usize, InfluxType)>,
    pub(crate) time: usize,
    pub(crate) ignored: Vec<usize>,
}

/// Maps a schema's columns. With `whole_strings` the server reads a string to its closing quote, even across lines.
///
/// # Errors
/// If there is no time or no field, or if line protocol cannot represent a name or a type; the message names the column.
pub(crate) fn map(schema: &Schema, measurement: String, whole_strings: bool) -> Result<Mapping, String> {
    let mut mapping = Mapping { measurement, ..Mapping::default() };
    // Such a line would be a comment.
    if mapping.measurement.starts_with('#') {
        return Err(format!("measurement {:?}: the name must not start with #", mapping.measurement));
    }
    check_name("measurement", &mapping.measurement)?;
    let mut times = Vec::new();
    for (position, column) in schema.columns.iter().enumerate() {
        match role(schema, position) {
            Role::Time => times.push(position),
            Role::Ignore => mapping.ignored.push(position),
            Role::Tag => {
                check_column("tag", column)?;
                check_tag(column)?;
                mapping.tags.push(position);
            }
            Role::Field => {
                check_column("field", column)?;
                if !whole_strings && column.name.contains('"') {
                    return Err(format!(
                        "field {:?}: this server would mistake the quote in the name for the start of a string",
                        column.name
                    ));
                }
                mapping.fields.push((position, field_type(column)?));
            }
        }
    }
    mapping.time = time(schema, &times)?;
    if mapping.fields.is_empty() {
        return Err("no column is a field, but a point needs at least one".into());
    }
    mapping.tags.sort_by_key(|&tag| &schema.columns[tag].name);
    Ok(mapping)
}

/// The only column with the role time.
fn time(schema: &Schema, times: &[usize]) -> Result<usize, String> {
    let time = match *times {
        [time] => time,
        [] => {
            return Err(
                "no column is the time of the points: name it with x-time, or with x-influx and the role time"
                    .into(),
            );
        }
        [first, second, ..] => {
            let (first, second) = (&schema.columns[first].name, &schema.columns[second].name);
            return Err(format!("both {first:?} and {second:?} have the role time"));
        }
    };
    let Column { name, ty, .. } = &schema.columns[time];
    if !matches!(ty, Type::TimestampTz | Type::Timestamp | Type::Date) {
        return Err(format!("property {name:?}: the time of a point must be a date-time or a date"));
    }
    Ok(time)
}

/// What `x-influx` says; otherwise `x-time` is the time, the other columns of the key are tags, and the rest are fields.
fn role(schema: &Schema, position: usize) -> Role {
    let named = |column: &Column| column.influx.role == Some(Role::Time);
    match schema.columns[position].influx.role {
        Some(role) => role,
        None if schema.time == Some(position) && !schema.columns.iter().any(named) => Role::Time,
        None if schema.key.contains(&position) => Role::Tag,
        None => Role::Field,
    }
}

fn check_column(what: &str, column: &Column) -> Result<(), String> {
    let name = &column.name;
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("property {name:?}: InfluxDB reserves the name, so it cannot be a {what}"));
    }
    check_name(what, name)
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let why = match name {
        _ if name.contains('\\') => "a backslash",
        _ if name.contains(char::is_control) => "a control character",
        _ => return Ok(()),
    };
    Err(format!("{what} {name:?}: line protocol cannot represent {why} in a name"))
}

fn check_tag(column: &Column) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("property {:?}: {why}", column.name));
    match column.ty {
        _ if column.influx.ty.is_some() => wrong("a tag is text and has no x-influx.type"),
        Type::Double | Type::Float => wrong("a double cannot be a tag: its text is not always the same"),
        Type::Json | Type::Array(_) | Type::Bytes => wrong("JSON, arrays and bytes cannot be tags"),
        _ => Ok(()),
    }
}

/// The type that a field has in InfluxDB, which never depends on a value.
fn field_type(column: &Column) -> Result<InfluxType, String> {
    let usual = match column.ty {
        Type::Integer { .. } => InfluxType::Integer,
        Type::Double | Type::Float | Type::Decimal { .. } => InfluxType::Float,
        Type::Boolean => InfluxType::Boolean,
        _ => InfluxType::String,
    };
    let Some(asked) = column.influx.ty else { return Ok(usual) };
    let possible = match (&column.ty, asked) {
        (Type::Integer { .. }, asked) => asked != InfluxType::Boolean,
        (Type::Decimal { .. }, asked) => matches!(asked, InfluxType::Float | InfluxType::String),
        (_, asked) => asked == usual,
    };
    if possible {
        Ok(asked)
    } else {
        Err(format!(
            "property {:?}: x-influx.type {} does not fit {}",
            column.name,
            type_name(asked),
            column.postgres()
        ))
    }
}

/// A field's type as `x-influx.type` names it.
pub(crate) fn type_name(ty: InfluxType) -> &'static str {
    match ty {
        InfluxType::Float => "float",
        InfluxType::Integer => "integer",
        InfluxType::Unsigned => "unsigned",
        InfluxType::String => "string",
        InfluxType::Boolean => "boolean",
    }
}
