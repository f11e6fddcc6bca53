//! Values of connectors, which do not always keep to their own schemas: kept where nothing is lost, otherwise refused.

use etl_stream::json::{self, Kind};

use crate::cell::{Cell, Kept, Scratch};
use crate::read::{self, Refused, refuse, wrong_type};
use crate::rules::{Rules, at_most};
use crate::time;
use crate::types::Type;

/// Reads a value. It begins at `at` in the text that the cell refers to.
pub(crate) fn read(
    ty: &Type,
    nullable: bool,
    rules: &Rules,
    value: json::Value<'_>,
    at: u32,
    scratch: &mut Scratch,
) -> Result<Cell, Refused> {
    let is_odd = match value.kind {
        Kind::Null => true,
        Kind::Number => value.is_odd(),
        Kind::Array | Kind::Object => scratch.odd && json::has_odd_numbers(value.raw),
        _ => false,
    };
    if is_odd {
        return read::read(ty, nullable, rules, value, at, scratch);
    }
    if matches!(value.kind, Kind::String { escaped: true } | Kind::Array | Kind::Object)
        && json::has_nul(value.raw)
    {
        return Err(refuse(value, "has the character U+0000, which not every database stores"));
    }
    let raw = Kept::line(at, at + value.raw.len() as u32);
    match (value.kind, ty) {
        (Kind::Number, Type::Integer { .. }) => {
            read::read_number(ty, &Rules::NONE, value, raw).map_err(|why| widening(why, ty))
        }
        (Kind::String { .. }, Type::Integer { .. } | Type::Decimal { .. } | Type::Double | Type::Float) => {
            let number = match json::scan_value(value.text) {
                Ok(number) if number.kind == Kind::Number && number.raw.len() == value.text.len() => number,
                _ => return Err(wrong_type(ty, &Rules::NONE, value)),
            };
            let inside = Kept::line(raw.start + 1, raw.end - 1);
            read::read_number(ty, &Rules::NONE, number, inside).map_err(|why| widening(why, ty))
        }
        (Kind::Bool(_) | Kind::Number | Kind::Array | Kind::Object, Type::Text { max }) => {
            max.map_or(Ok(()), |max| at_most(value.raw, max.into())).map_err(|what| refuse(value, what))?;
            Ok(Cell::Text(raw))
        }
        (Kind::String { .. }, Type::TimestampTz) => {
            let strict = read::read(ty, true, &Rules::NONE, value, at, scratch);
            strict.or_else(|why| {
                let (micros, assumed) = time::zone::read(value.text).ok_or(why)?;
                scratch.assumed_utc += u64::from(assumed);
                Ok(Cell::TimestampTz(micros))
            })
        }
        _ => read::read(ty, true, &Rules::NONE, value, at, scratch),
    }
}

/// An integer that is too long has a remedy.
fn widening(why: Refused, ty: &Type) -> Refused {
    if matches!(ty, Type::Integer { .. }) && why.contains("out of range") {
        return format!(
            "{why} (if the table's column is numeric, of SQLite TEXT_DECIMAL, the stream's integers of any length go in)"
        )
        .into();
    }
    why
}
