//! Typed values.

use crate::types::Type;

/// A checked value of a column's type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL: the field is null or absent.
    Null,
    /// Decoded text.
    Text(&'a str),
    /// An integer in the range of its column.
    Integer(i64),
    /// The double nearest to the text; for a `real` column, the single nearest to it.
    Double(f64),
    /// A JSON number as it was written.
    Decimal(&'a str),
    /// True or false.
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00, without a zone.
    Timestamp(i64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    TimestampTz(i64),
    /// The bytes of a UUID in the order in which they are written.
    Uuid([u8; 16]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// JSON text as it stands in the line.
    Json(&'a str),
    /// What `x-special` admits in place of a number, a date or a time, as PostgreSQL writes it: `NaN`, `-infinity`,
    /// `0044-03-15 BC`.
    Special(&'a str),
    /// The JSON text of an array and the type of its elements; see [`crate::array_elements`].
    Array(&'a str, &'a Type),
}
