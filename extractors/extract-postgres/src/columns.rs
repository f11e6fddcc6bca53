//! The columns of a result: how the server is asked for them, how their values are read, and what the schema of the records says
//! of them (PostgreSQL 15, chapter 8).

use etl_component::Fault;
use etl_postgres::reader::Described;
use etl_postgres::types::Types;
use etl_postgres::{Error, Kind, TextRow};
use etl_schema::{Schema, declared, quote_ident};
use serde_json::{Map, Value, json};

use crate::decode::Codec;

/// Numbers (OIDs) of types (src/include/catalog/pg_type.dat).
const INTERVAL: u32 = 1186;
const OID: u32 = 26;
const VOID: u32 = 2278;

/// A column of the result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The column `q.name` in SQL, or its text where its values are not read here.
    pub(crate) sql: String,
    /// Whether that is just the column.
    pub(crate) is_plain: bool,
    pub(crate) codec: Codec,
    pub(crate) not_null: bool,
    /// The type to cast a text to.
    pub(crate) cast: String,
    /// The type that a new table declares.
    declared: String,
}

/// A query for what the result's columns are, beside what is known of them, and for the names of their types.
pub(crate) fn facts(described: &[Described]) -> String {
    let values = described.iter().enumerate().map(|(index, column)| {
        let (table, number) = column.origin.unwrap_or_default();
        format!("({index}, {}::oid, {}, {table}::oid, {number})", column.oid, column.modifier)
    });
    format!(
        // NOT NULL of a table says nothing about the rows of tables that inherit from it, and one that is NOT VALID nothing about
        // older rows.
        "SELECT format_type(v.type, v.modifier) AS spelled, format_type(v.type, NULL) AS bare,
           coalesce(a.attnotnull AND NOT (c.relkind = 'r' AND c.relhassubclass) AND NOT EXISTS
             (SELECT FROM pg_constraint n WHERE n.conrelid = c.oid AND n.contype = 'n' AND NOT n.convalidated
                AND n.conkey[1] = a.attnum), false) AS not_null
         FROM (VALUES {}) v (index, type, modifier, origin, number)
           LEFT JOIN pg_class c ON c.oid = v.origin
           LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = v.number
         ORDER BY v.index",
        values.collect::<Vec<_>>().join(", ")
    )
}

/// The columns of a result, of which these facts were found.
///
/// # Errors
/// 78 if two have the same name; 76 if the facts are not those that were asked for.
pub(crate) fn columns(
    described: &[Described],
    facts: &[TextRow],
    types: &Types,
    pads: bool,
) -> Result<Vec<Column>, Fault> {
    for (index, column) in described.iter().enumerate() {
        if described[..index].iter().any(|other| other.name == column.name) {
            let name = &column.name;
            return Err(Fault::config(format!(
                "the query has two columns named {name:?}; give one of them another name (AS)"
            )));
        }
    }
    if facts.len() != described.len() {
        return Err(Error::unexpected("the query's columns").into());
    }
    let column = |(column, facts): (&Described, &TextRow)| {
        let of = |fact: &str| facts.get(fact).unwrap_or_default().to_owned();
        let own = of("spelled");
        let known = Known::of(column, &types.kind(column.oid, column.modifier));
        let quoted = format!("q.{}", quote_ident(&column.name));
        // An unsigned number has a type of its own only in the system's catalogs.
        let known_type = declared(&own).filter(|_| known.codec != Codec::Oid);
        let declared = known_type.unwrap_or_else(|| known.codec.plain());
        Column {
            name: column.name.clone(),
            sql: known.text.map_or_else(|| quoted.clone(), |text| text.replace("$", &quoted)),
            is_plain: known.text.is_none(),
            codec: known.codec,
            not_null: !pads && of("not_null") == "t",
            cast: of("bare"),
            declared,
        }
    };
    Ok(described.iter().zip(facts).map(column).collect())
}

/// How a type is read.
struct Known {
    codec: Codec,
    /// What makes a text of a column, `$`.
    text: Option<&'static str>,
}

impl Known {
    fn of(column: &Described, kind: &Kind) -> Known {
        let codec = match (column.oid, kind) {
            (INTERVAL, _) => Some(Codec::Interval),
            (OID, _) => Some(Codec::Oid),
            (VOID, _) => Some(Codec::Text),
            _ => Codec::of(kind),
        };
        let (codec, text) = match (codec, kind) {
            (Some(codec), _) => (codec, None),
            // A cast would add /32 to an address without a mask.
            (None, Kind::Inet) => (Codec::Text, Some("pg_catalog.textin(pg_catalog.inet_out($))")),
            (None, Kind::Cidr) => (Codec::Text, Some("pg_catalog.textin(pg_catalog.cidr_out($))")),
            (None, Kind::Array(..)) => (Codec::Array(Box::new(Codec::Text)), Some("$::pg_catalog.text[]")),
            (None, _) => (Codec::Text, Some("$::pg_catalog.text")),
        };
        Known { codec, text }
    }
}

/// The schema of the records, as `begin` says it.
///
/// # Errors
/// 78 if a column has a name that no field can have.
pub(crate) fn schema(columns: &[Column], key: &[String]) -> Result<String, Fault> {
    let mut document = Map::new();
    document.insert("type".into(), "object".into());
    if !key.is_empty() {
        document.insert("x-key".into(), json!(key));
    }
    let property = |column: &Column| (column.name.clone(), property(column));
    document.insert("properties".into(), columns.iter().map(property).collect::<Map<_, _>>().into());
    document.insert("required".into(), columns.iter().map(|column| column.name.as_str()).collect());
    let text = Value::from(document).to_string();
    Schema::from_json("of the query", &text)?;
    Ok(text)
}

fn property(column: &Column) -> Value {
    let mut property = Map::new();
    let ty = match &column.codec {
        Codec::Bool => Some("boolean"),
        Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Oid => Some("integer"),
        Codec::Float4 | Codec::Float8 | Codec::Numeric => Some("number"),
        Codec::Array(_) => Some("array"),
        // Any JSON, null included.
        Codec::Json | Codec::Jsonb => None,
        _ => Some("string"),
    };
    if let Some(ty) = ty {
        property.insert("type".into(), if column.not_null { json!(ty) } else { json!([ty, "null"]) });
    }
    let more = match column.codec {
        Codec::Date => Some(("format", "date")),
        Codec::Timestamp | Codec::TimestampTz => Some(("format", "date-time")),
        Codec::Uuid => Some(("format", "uuid")),
        Codec::Bytea => Some(("contentEncoding", "base64")),
        _ => None,
    };
    property.extend(more.map(|(keyword, value)| (keyword.to_owned(), value.into())));
    if column.codec.is_special() {
        property.insert("x-special".into(), true.into());
    }
    property.insert("x-postgres".into(), json!({ "type": column.declared }));
    property.into()
}
