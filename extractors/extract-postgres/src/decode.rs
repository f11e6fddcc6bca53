//! Rows as the server sends them, as the lines of records: bytes in, bytes out.
//!
//! Each field has the binary form of its type (each type's `…send` function), which costs the server least. Nothing is allocated
//! for a row.

mod array;
mod numeric;
mod short;
mod text;
mod time;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use etl_component::Fault;
use etl_postgres::Kind;
use etl_schema::format_uuid;

pub(crate) use self::short::Bytes;
use self::short::Piece;

/// How the values of a type become JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    /// A number (OID) of the catalogs, which has no sign.
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Json,
    Jsonb,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    /// With the codec of its elements.
    Array(Box<Codec>),
}

/// Why a value cannot be read.
#[derive(Debug, PartialEq)]
pub(crate) enum Unread {
    /// It is not what the server sends for its type.
    Malformed,
    /// A record cannot have it.
    Refused(&'static str),
}

impl Codec {
    /// The codec of a kind of values; `None` where the server has to make texts of them.
    pub(crate) fn of(kind: &Kind) -> Option<Codec> {
        Some(match kind {
            Kind::Bool => Codec::Bool,
            Kind::Int(2) => Codec::Int2,
            Kind::Int(4) => Codec::Int4,
            Kind::Int(_) => Codec::Int8,
            Kind::Float4 => Codec::Float4,
            Kind::Float8 => Codec::Float8,
            Kind::Numeric(_) => Codec::Numeric,
            Kind::Text(_) | Kind::Enum(_) => Codec::Text,
            Kind::Bytea => Codec::Bytea,
            Kind::Json => Codec::Json,
            Kind::Jsonb => Codec::Jsonb,
            Kind::Uuid => Codec::Uuid,
            Kind::Date => Codec::Date,
            Kind::Time(_) => Codec::Time,
            Kind::Timestamp(_) => Codec::Timestamp,
            Kind::TimestampTz(_) => Codec::TimestampTz,
            Kind::Interval => Codec::Interval,
            Kind::Array(element, _) => Codec::Array(Box::new(Codec::of(element)?)),
            Kind::Inet | Kind::Cidr | Kind::Macaddr | Kind::Vector | Kind::Internal | Kind::Other => {
                return None;
            }
        })
    }

    /// A type of PostgreSQL that has these values.
    pub(crate) fn plain(&self) -> String {
        let name = match self {
            Codec::Bool => "boolean",
            Codec::Int2 => "smallint",
            Codec::Int4 => "integer",
            Codec::Int8 | Codec::Oid => "bigint",
            Codec::Float4 => "real",
            Codec::Float8 => "double precision",
            Codec::Numeric => "numeric",
            Codec::Text => "text",
            Codec::Json => "json",
            Codec::Jsonb => "jsonb",
            Codec::Bytea => "bytea",
            Codec::Uuid => "uuid",
            Codec::Date => "date",
            Codec::Time => "time",
            Codec::Timestamp => "timestamp",
            Codec::TimestampTz => "timestamptz",
            Codec::Interval => "interval",
            Codec::Array(element) => return element.plain() + "[]",
        };
        name.to_owned()
    }

    /// Whether values may be what JSON and RFC 3339 do not have (`x-special`).
    pub(crate) fn is_special(&self) -> bool {
        match self {
            Codec::Array(element) => element.is_special(),
            Codec::Float4 | Codec::Float8 | Codec::Numeric => true,
            Codec::Date | Codec::Timestamp | Codec::TimestampTz => true,
            _ => false,
        }
    }

    /// Appends a value that is not NULL as JSON.
    ///
    /// # Errors
    /// It is not of this type, or a record cannot have it.
    #[inline]
    pub(crate) fn append(&self, field: Bytes<'_>, out: &mut Vec<u8>) -> Result<(), Unread> {
        match self {
            Codec::Text => return text::append(field, out),
            Codec::Int8 => short::integer(i64::from_be_bytes(exact(field.get())?), out),
            Codec::Int4 => short::integer(i32::from_be_bytes(exact(field.get())?).into(), out),
            Codec::Float8 => double(f64::from_be_bytes(exact(field.get())?), out),
            Codec::Bool => {
                let is_true = exact::<1>(field.get())? != [0];
                let (word, length) = if is_true { (*b"true    ", 4) } else { (*b"false   ", 5) };
                short::word(u64::from_le_bytes(word), length, out);
            }
            Codec::TimestampTz => time::timestamp(i64::from_be_bytes(exact(field.get())?), true, out),
            Codec::Timestamp => time::timestamp(i64::from_be_bytes(exact(field.get())?), false, out),
            Codec::Numeric => return numeric::append(field.get(), out),
            _ => return self.append_rarer(field.get(), out),
        }
        Ok(())
    }

    fn append_rarer(&self, field: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
        match self {
            Codec::Int2 => short::integer(i16::from_be_bytes(exact(field)?).into(), out),
            Codec::Oid => short::integer(u32::from_be_bytes(exact(field)?).into(), out),
            Codec::Float4 => single(f32::from_be_bytes(exact(field)?), out),
            Codec::Date => time::date(i32::from_be_bytes(exact(field)?), out),
            Codec::Time => time::clock(i64::from_be_bytes(exact(field)?), out),
            Codec::Interval => time::interval(exact(field)?, out),
            Codec::Uuid => {
                out.push(b'"');
                format_uuid(&exact(field)?, out);
                out.push(b'"');
            }
            Codec::Bytea => {
                out.push(b'"');
                let start = out.len();
                out.resize(start + field.len().div_ceil(3) * 4, 0);
                BASE64_STANDARD.encode_slice(field, &mut out[start..]).map_err(|_| Unread::Malformed)?;
                out.push(b'"');
            }
            Codec::Json => return text::json(field, out),
            Codec::Jsonb => match field {
                // The version of the format.
                [1, json @ ..] => return text::json(json, out),
                _ => return Err(Unread::Malformed),
            },
            Codec::Array(element) => return array::append(element, field, out),
            _ => return Err(Unread::Malformed),
        }
        Ok(())
    }
}

/// The bytes of a type of this length.
#[inline]
fn exact<const N: usize>(field: &[u8]) -> Result<[u8; N], Unread> {
    field.try_into().map_err(|_| Unread::Malformed)
}

#[inline]
fn double(x: f64, out: &mut Vec<u8>) {
    if x.is_finite() { short::double(x, out) } else { not_finite(x, out) }
}

/// The shortest text that is nearest to this single and to no other one.
fn single(x: f32, out: &mut Vec<u8>) {
    if !x.is_finite() {
        return not_finite(x.into(), out);
    }
    out.extend_from_slice(zmij::Buffer::new().format_finite(x).as_bytes());
}

#[cold]
fn not_finite(x: f64, out: &mut Vec<u8>) {
    let name: &[u8] = match x {
        f64::INFINITY => b"\"Infinity\"",
        f64::NEG_INFINITY => b"\"-Infinity\"",
        _ => b"\"NaN\"",
    };
    out.extend_from_slice(name);
}

/// Makes lines of rows.
pub(crate) struct Decoder {
    columns: Vec<Field>,
    line: Vec<u8>,
    /// How many rows there were before the one at hand.
    pub(crate) rows: u64,
}

struct Field {
    name: String,
    /// `,"name":`, with a brace in place of the comma for the first one.
    key: Piece,
    codec: Codec,
    not_null: bool,
}

impl Decoder {
    /// For columns of these names and forms, and whether each is never NULL.
    pub(crate) fn new(columns: impl Iterator<Item = (String, Codec, bool)>) -> Decoder {
        let columns = columns.enumerate().map(|(index, (name, codec, not_null))| {
            let mut key = vec![if index == 0 { b'{' } else { b',' }];
            key.extend_from_slice(serde_json::Value::from(name.as_str()).to_string().as_bytes());
            key.push(b':');
            Field { name, key: Piece::new(key), codec, not_null }
        });
        Decoder { columns: columns.collect(), line: Vec::new(), rows: 0 }
    }

    /// The line of a row, without its newline.
    ///
    /// # Errors
    /// 3 if a value cannot be in a record, or is NULL where that must not be; 76 if it is not what PostgreSQL sends.
    #[inline]
    pub(crate) fn line<'f>(
        &mut self,
        fields: impl IntoIterator<Item = Option<Bytes<'f>>>,
    ) -> Result<&[u8], Fault> {
        self.line.clear();
        for (column, field) in self.columns.iter().zip(fields) {
            column.key.append(&mut self.line);
            match field {
                Some(field) => {
                    if let Err(unread) = column.codec.append(field, &mut self.line) {
                        return Err(refuse(self.rows + 1, &column.name, &unread));
                    }
                }
                None if column.not_null => {
                    let what = "is NULL, which its key, its cursor or its table does not allow";
                    return Err(refuse(self.rows + 1, &column.name, &Unread::Refused(what)));
                }
                None => self.line.extend_from_slice(b"null"),
            }
        }
        self.line.push(b'}');
        Ok(&self.line)
    }
}

#[cold]
fn refuse(row: u64, column: &str, unread: &Unread) -> Fault {
    match unread {
        Unread::Refused(what) => Fault::data(format!("row {row}: column {column} {what}")),
        Unread::Malformed => {
            let what = "is not what PostgreSQL sends for its type";
            Fault::new(etl_component::Class::Protocol, format!("row {row}: column {column} {what}"))
        }
    }
}

#[cfg(test)]
mod tests;
