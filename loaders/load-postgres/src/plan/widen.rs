//! Columns that are too narrow for what the schema says, and the types that have room for it (`--evolve widen`).

use etl_postgres::Kind;
use etl_postgres::types::Precision;
use etl_schema::{Column as SchemaColumn, Type};

use crate::catalog::Column;

/// The column as it would be with a type that has room for the schema's values as well as for its own; `None` if it has room
/// already, or if there is no type to which its values can be cast as they are.
pub(super) fn widened(found: &Column, wanted: &SchemaColumn) -> Option<Column> {
    // Without its domain, its checks would be gone; char(n) is padded, and so are its values.
    if found.base.is_some() || found.spelled.starts_with("character(") {
        return None;
    }
    let declared = wanted.postgres();
    let wider_time = |has: u32, name: &str| digits(&declared, name).filter(|wants| *wants > has);
    let (kind, spelled) = match (&found.kind, &wanted.ty) {
        (Kind::Timestamp(has), Type::Timestamp) => {
            (Kind::Timestamp(wider_time(*has, "timestamp")?), declared)
        }
        (Kind::TimestampTz(has), Type::TimestampTz) => {
            (Kind::TimestampTz(wider_time(*has, "timestamptz")?), declared)
        }
        (Kind::Time(has), Type::Text { .. }) => (Kind::Time(wider_time(*has, "time")?), declared),
        (kind, ty) => {
            let own = kind.logical();
            let wider = own.widened(ty).filter(|wider| *wider != own)?;
            (stored(&wider)?, wider.postgres())
        }
    };
    Some(Column { kind, spelled, ..found.clone() })
}

/// The digits of a second's fraction that a type of this name keeps: 3 of `timestamp(3)`.
fn digits(spelled: &str, name: &str) -> Option<u32> {
    match spelled.strip_prefix(name)? {
        "" => Some(6),
        digits => digits.strip_prefix('(')?.strip_suffix(')')?.parse().ok(),
    }
}

/// How a column of one of the types that others can be widened to stores its values.
fn stored(ty: &Type) -> Option<Kind> {
    Some(match ty {
        Type::Integer { bits } => Kind::Int(bits / 8),
        Type::Double => Kind::Float8,
        Type::Decimal { precision } => Kind::Numeric(precision.map(|(digits, scale)| Precision {
            whole: i64::from(digits) - i64::from(scale),
            scale: scale.into(),
        })),
        Type::Text { max } => Kind::Text(*max),
        _ => return None,
    })
}
