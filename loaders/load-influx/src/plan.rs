//! What each column of a schema becomes in a point.

use std::fmt::Write as _;
use std::sync::Arc;

use etl_component::Fault;
use etl_load::{Mode, Target};
use etl_schema::{Column, InfluxType, Role, Schema, Type};

use crate::line::{self, Encoder};
use crate::settings::Precision;

pub(crate) type Plan = etl_load::Plan<Encoder>;

/// Names that InfluxDB drops or refuses as a tag or field: `time` in all versions, the others in version 2.
const RESERVED: [&str; 4] = ["time", "_time", "_field", "_measurement"];

/// The parts of a point and the columns that they are made of, by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) measurement: String,
    /// In the order of their names, in which InfluxDB keeps them.
    pub(crate) tags: Vec<usize>,
    pub(crate) fields: Vec<(usize, InfluxType)>,
    pub(crate) time: usize,
    ignored: Vec<usize>,
}

/// Maps the target's schema; the server is not asked. `whole_strings` as for [`Encoder::new`].
///
/// # Errors
/// 78 if there is no schema, no time or no field, or if a name or a type has no place in line protocol.
pub(crate) fn plan(target: Target, precision: Precision, whole_strings: bool) -> Result<Plan, Fault> {
    let Target { table: measurement, schema } = target;
    let schema = Arc::new(schema.ok_or_else(|| {
        Fault::config(
            "the records have no schema, and InfluxDB has no columns to take one from: give --schema NAME \
             (`standpipe schema list` shows them) or --schema PATH",
        )
    })?);
    let mapping = map(&schema, measurement, whole_strings)
        .map_err(|what| Fault::config(format!("schema {}: {what}", schema.name)))?;
    Ok(Plan {
        name: mapping.measurement.clone(),
        // A point takes the place of the one of the same series and time.
        mode: Mode::Upsert,
        details: Encoder::new(&schema, mapping, precision, whole_strings),
        schema,
    })
}

fn map(schema: &Schema, measurement: String, whole_strings: bool) -> Result<Mapping, String> {
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
                        "field {:?}: this server would take the quote for that of a string",
                        column.name
                    ));
                }
                mapping.fields.push((position, field_type(column)?));
            }
        }
    }
    mapping.time = match times[..] {
        [time] => time,
        [] => {
            return Err(
                "it names no time for the points: x-time, or x-influx with role time, says which it is"
                    .into(),
            );
        }
        [first, second, ..] => {
            let (first, second) = (&schema.columns[first].name, &schema.columns[second].name);
            return Err(format!("both {first:?} and {second:?} have the role time"));
        }
    };
    let time = &schema.columns[mapping.time];
    if !matches!(time.ty, Type::TimestampTz | Type::Timestamp | Type::Date) {
        return Err(format!("property {:?}: the time of a point must be a date-time or a date", time.name));
    }
    if mapping.fields.is_empty() {
        return Err("it leaves no field for the points".into());
    }
    mapping.tags.sort_by_key(|&tag| &schema.columns[tag].name);
    Ok(mapping)
}

/// What `x-influx` says; else `x-time` is the time, the other columns of the key are tags, and the rest are fields.
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
        Type::Json | Type::Array(_) | Type::Bytes => wrong("JSON and bytes cannot be a tag"),
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
            column.ty.postgres()
        ))
    }
}

fn type_name(ty: InfluxType) -> &'static str {
    match ty {
        InfluxType::Float => "float",
        InfluxType::Integer => "integer",
        InfluxType::Unsigned => "unsigned",
        InfluxType::String => "string",
        InfluxType::Boolean => "boolean",
    }
}

/// What each column becomes, a line each.
pub(crate) fn explain(plan: &Plan) -> String {
    let (schema, mapping) = (&plan.schema, plan.details.mapping());
    let width = schema.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or_default();
    let mut text = format!("measurement  {}\n", mapping.measurement);
    let mut row = |part: &str, position: usize, ty: &str| {
        let Column { name, unit, .. } = &schema.columns[position];
        let unit = unit.as_deref().unwrap_or_default();
        let line = format!("{part:<11}  {name:<width$}  {ty:<8}  {unit}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    mapping.tags.iter().for_each(|&tag| row("tag", tag, ""));
    mapping.fields.iter().for_each(|&(field, ty)| row("field", field, type_name(ty)));
    row("time", mapping.time, line::unit(plan.details.precision()));
    mapping.ignored.iter().for_each(|&ignored| row("ignored", ignored, ""));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(properties: Value, more: Value) -> Result<String, String> {
        let mut document = json!({"type": "object", "properties": properties});
        for (name, value) in more.as_object().expect("an object") {
            document[name] = value.clone();
        }
        let schema = Schema::from_json("s", &document).expect("a schema");
        let target = Target { table: "m".to_owned(), schema: Some(schema) };
        plan(target, Precision::Ns, true).map(|plan| explain(&plan)).map_err(|fault| {
            assert_eq!(fault.class().code(), 78);
            fault.message().to_owned()
        })
    }

    #[test]
    fn roles_come_from_the_annotation_else_from_key_and_time() {
        let at = json!({"type": "string", "format": "date-time"});
        let key = json!({"x-time": "at", "x-key": ["site", "at", "n"], "required": ["site", "at", "n"]});
        let plan = of(
            json!({"site": {"type": "string"}, "n": {"type": "integer"}, "at": at, "v": {"type": "number", "x-unit": "°C"},
                   "i": {"type": "integer", "x-influx": {"type": "float"}}, "on": {"type": "boolean"},
                   "note": {"type": "string", "x-influx": {"role": "ignore"}}, "tags": {"type": "string", "x-influx": {"role": "tag"}},
                   "u": {"type": "integer", "x-influx": {"type": "unsigned"}}, "day": {"type": "string", "format": "date"}}),
            key,
        );
        let expected = "\
measurement  m
tag          n
tag          site
tag          tags
field        v     float     °C
field        i     float
field        on    boolean
field        u     unsigned
field        day   string
time         at    ns
ignored      note
";
        assert_eq!(plan.unwrap(), expected);
    }

    #[test]
    fn what_has_no_place_in_a_point_is_configuration() {
        let at = json!({"type": "string", "format": "date-time", "x-influx": {"role": "time"}});
        let v = json!({"type": "number"});
        let tag = |ty: Value| json!({"type": ty, "x-influx": {"role": "tag"}});
        for (properties, said) in [
            (
                json!({"v": v}),
                "it names no time for the points: x-time, or x-influx with role time, says which it is",
            ),
            (json!({"at": at, "at2": at, "v": v}), "both \"at\" and \"at2\" have the role time"),
            (
                json!({"at": {"type": "integer", "x-influx": {"role": "time"}}, "v": v}),
                "the time of a point must be a date-time or a date",
            ),
            (json!({"at": at}), "it leaves no field for the points"),
            (
                json!({"at": at, "time": v}),
                "property \"time\": InfluxDB reserves the name, so it cannot be a field",
            ),
            (
                json!({"at": at, "v": v, "_field": tag(json!("string"))}),
                "property \"_field\": InfluxDB reserves the name, so it cannot be a tag",
            ),
            (
                json!({"at": at, "a\\b": v}),
                "field \"a\\\\b\": line protocol cannot represent a backslash in a name",
            ),
            (json!({"at": at, "v": v, "t": tag(json!("number"))}), "a double cannot be a tag"),
            (
                json!({"at": at, "v": {"type": "string", "x-influx": {"type": "integer"}}}),
                "x-influx.type integer does not fit text",
            ),
        ] {
            let fault = of(properties.clone(), json!({})).expect_err("refused");
            assert!(fault.contains(said), "{fault}: {properties}");
        }
        let target = |name: &str| {
            let schema = Schema::from_json("s", &json!({"properties": {"at": at, "v": v}})).unwrap();
            Target { table: name.to_owned(), schema: Some(schema) }
        };
        for name in ["#m", "a\\b", "a\nb", "\t#m"] {
            assert!(plan(target(name), Precision::Ns, true).is_err(), "{name}");
        }
        let quoted = json!({"at": at, "5\"": v});
        assert!(of(quoted.clone(), json!({})).is_ok());
        let schema = Schema::from_json("s", &json!({ "properties": quoted })).unwrap();
        let fault = plan(Target { table: "m".into(), schema: Some(schema) }, Precision::Ns, false)
            .err()
            .expect("refused");
        assert!(fault.message().contains("would take the quote for that of a string"), "{fault}");
    }
}
