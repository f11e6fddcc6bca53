//! PostgreSQL's types: how a column stores values, and what they are in a record (PostgreSQL 15, chapter 8).

use std::collections::HashMap;

use etl_schema::Type;
use postgres::types::{Kind as Builtin, Type as Known};

use crate::TextRow;
use crate::error::Error;
use crate::session::Session;

/// Types that are not built in have numbers (OIDs) from here on (src/include/access/transam.h, FirstNormalObjectId).
const FIRST_DEFINED: u32 = 16_384;

/// How the values of a column are stored. A domain is stored as its base type.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `boolean`.
    Bool,
    /// An integer of 2, 4 or 8 bytes.
    Int(u8),
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric`, and the digits that its modifier keeps, if it has one.
    Numeric(Option<Precision>),
    /// `text` and `citext`; with a length, `varchar(n)` and `char(n)`.
    Text(Option<u32>),
    /// `bytea`.
    Bytea,
    /// `json`, which keeps the text.
    Json,
    /// `jsonb`.
    Jsonb,
    /// `uuid`.
    Uuid,
    /// `date`.
    Date,
    /// `time`, and how many digits of a second's fraction it keeps.
    Time(u32),
    /// `timestamp`, with digits as in [`Kind::Time`].
    Timestamp(u32),
    /// `timestamptz`, with digits as in [`Kind::Time`].
    TimestampTz(u32),
    /// `interval` without a modifier.
    Interval,
    /// `inet`.
    Inet,
    /// `cidr`.
    Cidr,
    /// `macaddr`.
    Macaddr,
    /// An enum, with its labels in their order.
    Enum(Vec<String>),
    /// An array, with the kind of its elements and the number (OID) of their type.
    Array(Box<Kind>, u32),
    /// A vector of the extension pgvector: the server casts its text, which is that of a JSON array of numbers.
    Vector,
    /// A type of the system catalogs, to which a cast would truncate a value or wrap it around: `"char"`, `oid`, `xid`,
    /// `xid8`, `cid`.
    Internal,
    /// Anything else: the server casts its text.
    Other,
}

/// What `numeric(precision, scale)` keeps. The scale may be negative or larger than the precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Digits before the decimal point; if negative, the number of digits after it that must be zero.
    pub whole: i64,
    /// Digits after the decimal point; if negative, the number of digits before it that must be zero.
    pub scale: i64,
}

/// Digits of a second's fraction where the type does not say how many.
const MICROSECONDS: u32 = 6;

/// Types that are not built in, by their numbers (OIDs).
#[derive(Debug, Default)]
pub struct Types(HashMap<u32, Definition>);

/// What such a type is made of, from its row in `pg_type`.
#[derive(Debug)]
enum Definition {
    /// A domain over another type, with its modifier.
    Domain(u32, i32),
    /// An array of another type.
    Array(u32),
    /// An enum, with its labels in their order.
    Enum(Vec<String>),
    /// The type of the extension citext.
    Citext,
    /// A type of the extension pgvector.
    Vector,
}

impl Types {
    /// What these types are made of, down to the built-in ones. It takes one round trip if any of them is not built in.
    ///
    /// # Errors
    /// Those of the server.
    pub fn of(session: &Session, what: &str, oids: impl IntoIterator<Item = u32>) -> Result<Types, Error> {
        Types::asking(oids, |sql| session.rows(what, sql))
    }

    /// The same, where `ask` returns the rows of a query.
    ///
    /// # Errors
    /// Those of `ask`.
    pub fn asking(
        oids: impl IntoIterator<Item = u32>,
        ask: impl FnOnce(&str) -> Result<Vec<TextRow>, Error>,
    ) -> Result<Types, Error> {
        let mut types = Types::default();
        let defined = oids.into_iter().filter(|oid| *oid >= FIRST_DEFINED);
        let list = defined.map(|oid| oid.to_string()).collect::<Vec<_>>().join(", ");
        if list.is_empty() {
            return Ok(types);
        }
        let sql = format!(
            "WITH RECURSIVE made AS (
               SELECT t.oid, t.typtype, t.typname, t.typbasetype, t.typtypmod,
                 CASE t.typcategory WHEN 'A' THEN t.typelem ELSE 0 END AS element
               FROM pg_type t WHERE t.oid IN ({list})
               UNION
               SELECT t.oid, t.typtype, t.typname, t.typbasetype, t.typtypmod,
                 CASE t.typcategory WHEN 'A' THEN t.typelem ELSE 0 END
               FROM made JOIN pg_type t ON t.oid IN (made.typbasetype, made.element))
             SELECT made.oid, typtype, typname, typbasetype, typtypmod, element, enumlabel
             FROM made LEFT JOIN pg_enum ON enumtypid = made.oid ORDER BY made.oid, enumsortorder"
        );
        for row in ask(&sql)? {
            let number =
                |column: &str| row.get(column).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
            let (oid, element) = (number("oid"), number("element"));
            match (row.get("typtype"), row.get("typname")) {
                (Some("d"), _) => {
                    let modifier = row.get("typtypmod").and_then(|text| text.parse().ok()).unwrap_or(-1);
                    types.add(oid, Definition::Domain(number("typbasetype"), modifier));
                }
                (Some("e"), _) => types.label(oid, row.get("enumlabel")),
                _ if element > 0 => types.add(oid, Definition::Array(element)),
                (_, Some("citext")) => types.add(oid, Definition::Citext),
                (_, Some("vector" | "halfvec")) => types.add(oid, Definition::Vector),
                _ => (),
            }
        }
        Ok(types)
    }

    /// Adds a type.
    fn add(&mut self, oid: u32, made: Definition) {
        self.0.insert(oid, made);
    }

    /// Adds an enum, or a label to it.
    fn label(&mut self, oid: u32, label: Option<&str>) {
        if let Definition::Enum(labels) = self.0.entry(oid).or_insert(Definition::Enum(Vec::new())) {
            labels.extend(label.map(str::to_owned));
        }
    }

    /// How a type with this modifier (`atttypmod`) stores its values.
    pub fn kind(&self, oid: u32, modifier: i32) -> Kind {
        match (Known::from_oid(oid), self.0.get(&oid)) {
            (Some(known), _) => self.builtin(&known, modifier),
            (None, Some(Definition::Domain(base, own))) => {
                self.kind(*base, if *own == -1 { modifier } else { *own })
            }
            (None, Some(Definition::Array(element))) => self.array(*element, modifier),
            (None, Some(Definition::Enum(labels))) => Kind::Enum(labels.clone()),
            (None, Some(Definition::Citext)) => Kind::Text(None),
            (None, Some(Definition::Vector)) => Kind::Vector,
            (None, None) => Kind::Other,
        }
    }

    fn builtin(&self, known: &Known, modifier: i32) -> Kind {
        // Their elements are numbered from 0, which those of a record's array are not.
        if matches!(*known, Known::INT2_VECTOR | Known::OID_VECTOR) {
            return Kind::Other;
        }
        if let Builtin::Array(element) = known.kind() {
            return self.array(element.oid(), modifier);
        }
        let length = u32::try_from(modifier - 4).ok();
        let digits = u32::try_from(modifier).unwrap_or(MICROSECONDS);
        match *known {
            Known::BOOL => Kind::Bool,
            Known::INT2 => Kind::Int(2),
            Known::INT4 => Kind::Int(4),
            Known::INT8 => Kind::Int(8),
            Known::FLOAT4 => Kind::Float4,
            Known::FLOAT8 => Kind::Float8,
            Known::NUMERIC => Kind::Numeric(precision(modifier)),
            // The server refuses a name of more than 63 bytes; a cast would truncate it.
            Known::TEXT | Known::NAME => Kind::Text(None),
            Known::VARCHAR | Known::BPCHAR => Kind::Text(length),
            Known::CHAR | Known::OID | Known::XID | Known::XID8 | Known::CID => Kind::Internal,
            Known::BYTEA => Kind::Bytea,
            Known::JSON => Kind::Json,
            Known::JSONB => Kind::Jsonb,
            Known::UUID => Kind::Uuid,
            Known::DATE => Kind::Date,
            Known::TIME => Kind::Time(digits),
            Known::TIMESTAMP => Kind::Timestamp(digits),
            Known::TIMESTAMPTZ => Kind::TimestampTz(digits),
            // Which fields an interval(…) keeps is left to the server.
            Known::INTERVAL if modifier == -1 => Kind::Interval,
            Known::INET => Kind::Inet,
            Known::CIDR => Kind::Cidr,
            Known::MACADDR => Kind::Macaddr,
            _ => Kind::Other,
        }
    }

    fn array(&self, element: u32, modifier: i32) -> Kind {
        match self.kind(element, modifier) {
            Kind::Internal => Kind::Internal,
            Kind::Array(..) | Kind::Vector => Kind::Other,
            kind => Kind::Array(Box::new(kind), element),
        }
    }
}

/// The modifier of `numeric` (src/backend/utils/adt/numeric.c, make_numeric_typmod).
fn precision(modifier: i32) -> Option<Precision> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let (digits, scale) = (packed >> 16 & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024);
    Some(Precision { whole: i64::from(digits - scale), scale: scale.into() })
}

impl Kind {
    /// Whether texts have a maximum length.
    pub fn is_limited(&self) -> bool {
        match self {
            Kind::Text(max) => max.is_some(),
            Kind::Array(element, _) => element.is_limited(),
            _ => false,
        }
    }

    /// Whether the server casts a text, or texts in an array, to the type.
    pub fn is_cast(&self) -> bool {
        match self {
            Kind::Other | Kind::Vector => true,
            Kind::Array(element, _) => element.is_cast(),
            _ => false,
        }
    }

    /// Whether values are only a few bytes long, so that comparing them is cheap.
    pub fn is_short(&self) -> bool {
        use Kind::{Bool, Date, Float4, Float8, Int, Time, Timestamp, TimestampTz};
        matches!(self, Bool | Date | Float4 | Float8 | Int(_) | Time(_) | Timestamp(_) | TimestampTz(_))
    }

    /// The type of the field in a record whose schema is the table's own.
    pub fn logical(&self) -> Type {
        match self {
            Kind::Bool => Type::Boolean,
            Kind::Int(bytes) => Type::Integer { bits: bytes * 8 },
            Kind::Float4 => Type::Float,
            Kind::Float8 => Type::Double,
            Kind::Numeric(precision) => Type::Decimal { precision: precision.and_then(Precision::plain) },
            Kind::Text(max) => Type::Text { max: *max },
            Kind::Bytea => Type::Bytes,
            Kind::Json | Kind::Jsonb => Type::Json,
            Kind::Uuid => Type::Uuid,
            Kind::Date => Type::Date,
            Kind::Timestamp(_) => Type::Timestamp,
            Kind::TimestampTz(_) => Type::TimestampTz,
            Kind::Array(element, _) => Type::Array(Box::new(element.logical())),
            Kind::Vector => Type::Array(Box::new(Type::Float)),
            Kind::Time(_) | Kind::Interval | Kind::Inet | Kind::Cidr | Kind::Macaddr => {
                Type::Text { max: None }
            }
            Kind::Enum(_) | Kind::Internal | Kind::Other => Type::Text { max: None },
        }
    }
}

impl Precision {
    /// The total number of digits, and how many of them come after the decimal point, if a schema can say so.
    fn plain(self) -> Option<(u32, u32)> {
        let (whole, scale) = (u32::try_from(self.whole).ok()?, u32::try_from(self.scale).ok()?);
        Some((whole + scale, scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_read() {
        let types = Types::default();
        let modifier = |precision: i32, scale: i32| (precision << 16 | scale & 0x7ff) + 4;
        let numeric = |digits, scale| types.kind(1700, modifier(digits, scale));
        assert_eq!(numeric(12, 4), Kind::Numeric(Some(Precision { whole: 8, scale: 4 })));
        assert_eq!(numeric(2, -3), Kind::Numeric(Some(Precision { whole: 5, scale: -3 })));
        assert_eq!(numeric(3, 5), Kind::Numeric(Some(Precision { whole: -2, scale: 5 })));
        assert_eq!(types.kind(1700, -1), Kind::Numeric(None));
        assert_eq!(types.kind(1043, 14), Kind::Text(Some(10)));
        assert_eq!(types.kind(25, -1), Kind::Text(None));
        assert_eq!(types.kind(1114, 3), Kind::Timestamp(3));
        assert_eq!(types.kind(1186, -1), Kind::Interval);
        assert_eq!(types.kind(1186, 3), Kind::Other);
        assert_eq!(types.kind(1015, 14), Kind::Array(Box::new(Kind::Text(Some(10))), 1043));
        assert_eq!(types.kind(90_000, -1), Kind::Other);
        assert_eq!(types.kind(22, -1), Kind::Other);
    }

    #[test]
    fn defined_types_are_seen_through() {
        let mut types = Types::default();
        types.add(90_000, Definition::Domain(1043, 14));
        types.add(90_001, Definition::Domain(90_000, -1));
        types.label(90_002, Some("a"));
        types.label(90_002, Some("b"));
        types.add(90_003, Definition::Array(90_002));
        let labels = Kind::Enum(vec!["a".into(), "b".into()]);
        assert_eq!(types.kind(90_001, -1), Kind::Text(Some(10)));
        assert_eq!(types.kind(90_003, -1), Kind::Array(Box::new(labels), 90_002));
        // int4range[]
        assert_eq!(types.kind(3905, -1), Kind::Array(Box::new(Kind::Other), 3904));
        assert!(types.kind(3905, -1).is_cast() && !types.kind(1007, -1).is_cast());
    }

    #[test]
    fn a_column_is_its_own_schema() {
        let precision = |whole, scale| Kind::Numeric(Some(Precision { whole, scale })).logical();
        assert_eq!(precision(8, 4), Type::Decimal { precision: Some((12, 4)) });
        assert_eq!(precision(5, -3), Type::Decimal { precision: None });
        assert_eq!(Kind::Int(2).logical(), Type::Integer { bits: 16 });
        assert_eq!(Kind::Inet.logical(), Type::Text { max: None });
    }
}
