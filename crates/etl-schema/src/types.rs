//! Logical types, and how the databases spell them.

use etl_stream::Fault;

/// The logical type of a column, the same for every sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Unicode text of at most `max` code points.
    Text {
        /// The longest text, in code points.
        max: Option<u32>,
    },
    /// A signed integer of 16, 32 or 64 bits.
    Integer {
        /// 16, 32 or 64.
        bits: u8,
    },
    /// An IEEE 754 double, finite.
    Double,
    /// An IEEE 754 single, finite.
    Float,
    /// An exact decimal number.
    Decimal {
        /// The total number of digits, and how many of them come after the decimal point.
        precision: Option<(u32, u32)>,
    },
    /// True or false.
    Boolean,
    /// A calendar date of the years 1 to 9999.
    Date,
    /// A date and time without a zone, to the microsecond.
    Timestamp,
    /// A point in time, to the microsecond.
    TimestampTz,
    /// A UUID.
    Uuid,
    /// Bytes, in JSON as base64.
    Bytes,
    /// Any JSON.
    Json,
    /// An array of any length, with elements of one type.
    Array(Box<Type>),
}

impl Type {
    /// Reads PostgreSQL's name of a type, in any of its spellings; `None` for a type that is not supported.
    pub fn from_postgres(spelled: &str) -> Option<Type> {
        let spelled = spelled.to_ascii_lowercase();
        if let Some(element) = spelled.trim_end().strip_suffix("[]") {
            return match Type::from_postgres(element)? {
                Type::Array(_) => None,
                element => Some(Type::Array(Box::new(element))),
            };
        }
        let (name, arguments) = split_arguments(&spelled)?;
        let ty = match (name.as_str(), arguments.len()) {
            ("text" | "varchar" | "character varying", 0) => Type::Text { max: None },
            ("varchar" | "character varying" | "char" | "character", 1) => {
                Type::Text { max: Some(arguments[0]) }
            }
            ("char" | "character", 0) => Type::Text { max: Some(1) },
            ("smallint" | "int2", 0) => Type::Integer { bits: 16 },
            ("integer" | "int" | "int4", 0) => Type::Integer { bits: 32 },
            ("bigint" | "int8", 0) => Type::Integer { bits: 64 },
            ("real" | "float4", 0) => Type::Float,
            ("double precision" | "float8", 0) => Type::Double,
            ("numeric" | "decimal", 0..=2) => decimal(&arguments)?,
            ("boolean" | "bool", 0) => Type::Boolean,
            ("date", 0) => Type::Date,
            ("timestamp" | "timestamp without time zone", 0) => Type::Timestamp,
            ("timestamptz" | "timestamp with time zone", 0) => Type::TimestampTz,
            ("uuid", 0) => Type::Uuid,
            ("bytea", 0) => Type::Bytes,
            ("json" | "jsonb", 0) => Type::Json,
            _ => return None,
        };
        // PostgreSQL has no varchar(0).
        (ty != Type::Text { max: Some(0) }).then_some(ty)
    }

    /// The name of the type in PostgreSQL.
    pub fn postgres(&self) -> String {
        match self {
            Type::Text { max: None } => "text".into(),
            Type::Text { max: Some(max) } => format!("varchar({max})"),
            Type::Integer { bits: 16 } => "smallint".into(),
            Type::Integer { bits: 32 } => "integer".into(),
            Type::Integer { .. } => "bigint".into(),
            Type::Double => "double precision".into(),
            Type::Float => "real".into(),
            Type::Decimal { precision: None } => "numeric".into(),
            Type::Decimal { precision: Some((digits, scale)) } => format!("numeric({digits},{scale})"),
            Type::Boolean => "boolean".into(),
            Type::Date => "date".into(),
            Type::Timestamp => "timestamp".into(),
            Type::TimestampTz => "timestamptz".into(),
            Type::Uuid => "uuid".into(),
            Type::Bytes => "bytea".into(),
            Type::Json => "jsonb".into(),
            Type::Array(element) => format!("{}[]", element.postgres()),
        }
    }

    /// The declared type in SQLite. The names have the right affinity there, and [`Type::from_sqlite`] reads them
    /// back.
    pub fn sqlite(&self) -> String {
        match self {
            Type::Text { max: None } => "TEXT".into(),
            Type::Text { max: Some(max) } => format!("VARCHAR({max})"),
            Type::Integer { bits: 16 } => "INT2".into(),
            Type::Integer { bits: 32 } => "INT4".into(),
            Type::Integer { .. } => "INTEGER".into(),
            Type::Double => "REAL".into(),
            Type::Float => "FLOAT4".into(),
            Type::Decimal { precision: None } => "TEXT_DECIMAL".into(),
            Type::Decimal { precision: Some((digits, scale)) } => format!("TEXT_DECIMAL({digits},{scale})"),
            Type::Boolean => "BOOLEAN".into(),
            Type::Date => "TEXT_DATE".into(),
            Type::Timestamp => "TEXT_TIMESTAMP".into(),
            Type::TimestampTz => "TEXT_TIMESTAMPTZ".into(),
            Type::Uuid => "TEXT_UUID".into(),
            Type::Bytes => "BLOB".into(),
            Type::Json => "TEXT_JSON".into(),
            Type::Array(element) => format!("TEXT_ARRAY_{}", element.sqlite()),
        }
    }

    /// Reads the declared type of a column of a SQLite table, whoever created it.
    ///
    /// # Errors
    /// 78: the declaration is empty or unknown; the message names the column.
    pub fn from_sqlite(column: &str, declared: &str) -> Result<Type, Fault> {
        sqlite_type(&declared.to_ascii_lowercase()).ok_or_else(|| {
            Fault::config(format!(
                "column {column:?}: its declared type {declared:?} is not known; give a schema (--schema)"
            ))
        })
    }

    /// The type of a column that keeps every value of this type, as it is or cast by a database, and takes every value of
    /// the other. `None` if there is none: a double, for one, is no column for long integers, and a cast of doubles to decimals
    /// rounds.
    pub fn widened(&self, other: &Type) -> Option<Type> {
        use Type::{Decimal, Double, Float, Integer, Text};
        let room = |a: Option<_>, b: Option<_>| a.zip(b).and_then(|(a, b)| room(a, b));
        Some(match (self, other) {
            (same, other) if same == other => same.clone(),
            (Integer { bits: a }, Integer { bits: b }) => Integer { bits: *a.max(b) },
            (Integer { bits: 16 | 32 } | Float, Double | Float) | (Double, Float) => Double,
            (Integer { .. } | Decimal { .. }, Double | Float) => Decimal { precision: None },
            (Integer { bits }, Decimal { precision }) | (Decimal { precision }, Integer { bits }) => {
                Decimal { precision: room(*precision, Some((digits(*bits), 0))) }
            }
            (Decimal { precision: a }, Decimal { precision: b }) => Decimal { precision: room(*a, *b) },
            (Text { max: a }, Text { max: b }) => Text { max: a.zip(*b).map(|(a, b)| a.max(b)) },
            _ => return None,
        })
    }

    /// What a value of the type is called in a message.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Type::Text { .. } => "a string",
            Type::Integer { .. } => "an integer",
            Type::Double | Type::Float | Type::Decimal { .. } => "a number",
            Type::Boolean => "true or false",
            Type::Date => "a date (YYYY-MM-DD)",
            Type::Timestamp => "a date and time without a zone",
            Type::TimestampTz => "a date and time with a zone (RFC 3339)",
            Type::Uuid => "a UUID",
            Type::Bytes => "bytes in base64",
            Type::Json => "JSON of the declared type",
            Type::Array(_) => "an array",
        }
    }
}

/// The digits of the longest integer of so many bits.
fn digits(bits: u8) -> u32 {
    match bits {
        16 => 5,
        32 => 10,
        _ => 19,
    }
}

/// The precision and scale that have room for both; `None` if PostgreSQL has no such precision.
fn room((a, a_scale): (u32, u32), (b, b_scale): (u32, u32)) -> Option<(u32, u32)> {
    let scale = a_scale.max(b_scale);
    let digits = (a - a_scale).max(b - b_scale) + scale;
    (digits <= 1000).then_some((digits, scale))
}

fn sqlite_type(declared: &str) -> Option<Type> {
    if let Some(element) = declared.trim().strip_prefix("text_array_") {
        return match sqlite_type(element)? {
            Type::Array(_) => None,
            element => Some(Type::Array(Box::new(element))),
        };
    }
    let (name, arguments) = split_arguments(declared)?;
    Some(match name.as_str() {
        "text" | "clob" | "string" => Type::Text { max: None },
        "char" | "character" | "nchar" | "varchar" | "nvarchar" | "character varying"
        | "varying character" => Type::Text { max: arguments.first().copied() },
        "int2" => Type::Integer { bits: 16 },
        "int4" => Type::Integer { bits: 32 },
        "int" | "integer" | "bigint" | "int8" | "smallint" | "mediumint" | "tinyint" => {
            Type::Integer { bits: 64 }
        }
        "real" | "double" | "double precision" | "float" | "float8" => Type::Double,
        "float4" => Type::Float,
        "numeric" | "decimal" | "text_decimal" => decimal(&arguments)?,
        "boolean" | "bool" => Type::Boolean,
        "date" | "text_date" => Type::Date,
        "datetime" | "timestamp" | "text_timestamp" => Type::Timestamp,
        "timestamptz" | "text_timestamptz" => Type::TimestampTz,
        "uuid" | "text_uuid" => Type::Uuid,
        "blob" => Type::Bytes,
        "json" | "text_json" => Type::Json,
        _ => return None,
    })
}

/// The name of a type, its words separated by single spaces, and the numbers in its parentheses.
fn split_arguments(spelled: &str) -> Option<(String, Vec<u32>)> {
    let (name, arguments) = match spelled.split_once('(') {
        None => (spelled, Vec::new()),
        Some((name, rest)) => {
            let inside = rest.trim_end().strip_suffix(')')?;
            (name, inside.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?)
        }
    };
    Some((name.split_whitespace().collect::<Vec<_>>().join(" "), arguments))
}

fn decimal(arguments: &[u32]) -> Option<Type> {
    let precision = match *arguments {
        [] => None,
        [digits] => Some((digits, 0)),
        [digits, scale] => Some((digits, scale)),
        _ => return None,
    };
    // PostgreSQL's own limits on precision and scale.
    let possible = precision.is_none_or(|(digits, scale)| (1..=1000).contains(&digits) && scale <= digits);
    possible.then_some(Type::Decimal { precision })
}

#[cfg(test)]
mod tests {
    use super::Type;

    #[test]
    fn a_wider_type_has_room_for_both() {
        for (column, schema, wider) in [
            ("smallint", "integer", Some("integer")),
            ("bigint", "smallint", Some("bigint")),
            ("integer", "double precision", Some("double precision")),
            ("smallint", "real", Some("double precision")),
            ("bigint", "real", Some("numeric")),
            ("smallint", "numeric(4,2)", Some("numeric(7,2)")),
            ("integer", "numeric(20,0)", Some("numeric(20,0)")),
            ("bigint", "numeric", Some("numeric")),
            ("bigint", "numeric(1000,990)", Some("numeric")),
            ("numeric(8,2)", "bigint", Some("numeric(21,2)")),
            ("numeric(8,2)", "numeric(6,4)", Some("numeric(10,4)")),
            ("numeric(8,2)", "double precision", Some("numeric")),
            ("numeric", "numeric(8,2)", Some("numeric")),
            ("real", "double precision", Some("double precision")),
            ("double precision", "real", Some("double precision")),
            ("varchar(3)", "varchar(5)", Some("varchar(5)")),
            ("varchar(5)", "varchar(3)", Some("varchar(5)")),
            ("varchar(3)", "text", Some("text")),
            ("text", "varchar(3)", Some("text")),
            ("uuid", "uuid", Some("uuid")),
            ("real", "integer", None),
            ("double precision", "bigint", None),
            ("double precision", "numeric", None),
            ("real", "numeric(8,2)", None),
            ("bigint", "text", None),
            ("text", "bigint", None),
            ("date", "timestamp", None),
            ("timestamp", "timestamptz", None),
            ("boolean", "integer", None),
        ] {
            let [column, schema] = [column, schema].map(|ty| Type::from_postgres(ty).expect(ty));
            let found = column.widened(&schema).map(|ty| ty.postgres());
            assert_eq!(found.as_deref(), wider, "{column:?} {schema:?}");
        }
    }
}
