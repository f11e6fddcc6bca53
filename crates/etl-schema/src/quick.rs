//! The quick way from a value to its cell: what most values of most columns need, and nothing more.
//!
//! A [`Quick`] reads a value or leaves it, but never refuses one: what it leaves goes to [`crate::read::read`], which
//! also says what is wrong with a value. So one place alone decides what is refused.

use etl_stream::json::{Extent, Tag};

use crate::cell::{Cell, Kept};
use crate::digits::Short;
use crate::number::{Exact, integer};
use crate::rules::{Bound, Kinds, Rules};
use crate::schema::Column;
use crate::time;
use crate::types::Type;

/// A column's type and rules, if they are simple.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quick {
    pub(crate) form: Form,
    pub(crate) nullable: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// At most this many bytes, and so at most this many characters.
    Text {
        most: u32,
    },
    Integer {
        low: i64,
        high: i64,
    },
    /// Strictly within bounds, so that the texts need not be compared.
    Double {
        above: f64,
        below: f64,
    },
    Single,
    /// At most this many digits before and after the decimal point, perhaps without a sign.
    Decimal {
        whole: u32,
        fraction: u32,
        signed: bool,
    },
    Boolean,
    Date,
    Timestamp,
    TimestampTz,
    /// Not simple.
    Other,
}

impl Quick {
    pub(crate) fn new(column: &Column) -> Quick {
        let rules = &column.rules;
        if rules.literals.is_some() || rules.pattern.is_some() || rules.format.is_some() {
            return Quick { form: Form::Other, nullable: false };
        }
        Quick { form: form(&column.ty, rules), nullable: column.nullable }
    }

    /// [`Quick::read`] for a stream whose values are all texts: a number is between quotes.
    #[inline(always)]
    pub(crate) fn read_text(&self, line: &[u8], extent: Extent, cell: &mut Cell) -> bool {
        let Extent { tag, start, end } = extent;
        match self.form {
            Form::Integer { .. } | Form::Double { .. } | Form::Single | Form::Decimal { .. }
                if tag == Tag::Plain =>
            {
                let number = Extent { tag: Tag::Number, start: start + 1, end: end - 1 };
                is_short(inside(line, start, end)) && self.read(line, number, cell)
            }
            Form::Boolean if tag == Tag::Plain => {
                let b = match inside(line, start, end) {
                    b"t" | b"true" => Some(true),
                    b"f" | b"false" => Some(false),
                    _ => None,
                };
                put(cell, b, Cell::Boolean)
            }
            _ if matches!(tag, Tag::Plain | Tag::Null) => self.read(line, extent, cell),
            _ => false,
        }
    }

    /// Reads the value at this extent of the line into its cell, if it can be read quickly. Each arm writes the cell in
    /// place, since building one cell for all of them would cost more than most of the arms.
    #[inline(always)]
    pub(crate) fn read(&self, line: &[u8], extent: Extent, cell: &mut Cell) -> bool {
        let Extent { tag, start, end } = extent;
        match self.form {
            Form::Text { most } if tag == Tag::Plain => {
                let kept = Kept::line(start + 1, end - 1);
                put(cell, (kept.end - kept.start <= most).then_some(kept), Cell::Text)
            }
            Form::Integer { low, high } if tag == Tag::Number => {
                let n = short(line, start, end).and_then(Short::integer);
                put(cell, n.filter(|n| (low..=high).contains(n)), Cell::Integer)
            }
            Form::Double { above, below } if tag == Tag::Number => {
                let x = short(line, start, end).and_then(Short::double);
                put(cell, x.filter(|x| above < *x && *x < below), Cell::Double)
            }
            Form::Decimal { whole, fraction, signed } if tag == Tag::Number => {
                let fits = |short: Short| {
                    short.whole <= whole && short.fraction <= fraction && (signed || !short.negative)
                };
                let fits = short(line, start, end).is_some_and(fits);
                put(cell, fits.then(|| Kept::line(start, end)), Cell::Decimal)
            }
            Form::Boolean if matches!(tag, Tag::True | Tag::False) => {
                put(cell, Some(tag == Tag::True), Cell::Boolean)
            }
            Form::TimestampTz if tag == Tag::Plain => {
                put(cell, time::timestamptz(inside(line, start, end)).ok(), Cell::TimestampTz)
            }
            Form::Timestamp if tag == Tag::Plain => {
                put(cell, time::timestamp(inside(line, start, end)).ok(), Cell::Timestamp)
            }
            Form::Date if tag == Tag::Plain => {
                put(cell, time::date(inside(line, start, end)).ok(), Cell::Date)
            }
            Form::Single if tag == Tag::Number => {
                let x = short(line, start, end).and_then(Short::single);
                put(cell, x.map(f64::from), Cell::Double)
            }
            _ => put(cell, (tag == Tag::Null && self.nullable).then_some(()), |()| Cell::Null),
        }
    }
}

#[inline(always)]
fn put<T>(cell: &mut Cell, value: Option<T>, form: impl Fn(T) -> Cell) -> bool {
    match value {
        Some(value) => {
            *cell = form(value);
            true
        }
        None => false,
    }
}

#[inline(always)]
fn short(line: &[u8], start: u32, end: u32) -> Option<Short> {
    Short::read(&line[start as usize..], (end - start) as usize)
}

/// Whether [`Short`] reads nothing from this text but a number as JSON writes it.
#[inline(always)]
fn is_short(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let zero = unsigned.first() == Some(&b'0') && unsigned.get(1).is_some_and(|byte| *byte != b'.');
    ends(unsigned.first()) && ends(unsigned.last()) && !zero
}

/// What stands between the quotes.
#[inline(always)]
fn inside(line: &[u8], start: u32, end: u32) -> &[u8] {
    &line[start as usize + 1..end as usize - 1]
}

fn form(ty: &Type, rules: &Rules) -> Form {
    let any = |kinds| rules.kinds.includes(kinds);
    let (minimum, maximum) = (rules.minimum.as_ref(), rules.maximum.as_ref());
    match *ty {
        Type::Text { max } if any(Kinds::STRING) => {
            let most = rules.max_length.unwrap_or(u64::MAX).min(max.unwrap_or(u32::MAX).into());
            Form::Text { most: most as u32 }
        }
        _ if rules.max_length.is_some() => Form::Other,
        // An integer is a number, whatever the rules say about numbers.
        Type::Integer { bits } => integers(bits, minimum, maximum).unwrap_or(Form::Other),
        Type::Double if any(Kinds::NUMBER) => Form::Double {
            above: minimum.map_or(f64::NEG_INFINITY, |bound| outside(bound, f64::next_down)),
            below: maximum.map_or(f64::INFINITY, |bound| outside(bound, f64::next_up)),
        },
        Type::Float if any(Kinds::NUMBER) && minimum.is_none() && maximum.is_none() => Form::Single,
        Type::Decimal { precision } if any(Kinds::NUMBER) && maximum.is_none() => {
            let (whole, fraction) =
                precision.map_or((u32::MAX, u32::MAX), |(digits, scale)| (digits - scale, scale));
            match minimum {
                None => Form::Decimal { whole, fraction, signed: true },
                Some(bound) if is_zero(bound) => Form::Decimal { whole, fraction, signed: false },
                Some(_) => Form::Other,
            }
        }
        Type::Boolean if any(Kinds::BOOLEAN) => Form::Boolean,
        Type::Date if any(Kinds::STRING) => Form::Date,
        Type::Timestamp if any(Kinds::STRING) => Form::Timestamp,
        Type::TimestampTz if any(Kinds::STRING) => Form::TimestampTz,
        _ => Form::Other,
    }
}

/// The range of integers, if the bounds are integers themselves.
fn integers(bits: u8, minimum: Option<&Bound>, maximum: Option<&Bound>) -> Option<Form> {
    let bound = |bound: Option<&Bound>, none| bound.map_or(Some(none), |bound| integer(&bound.text).ok());
    let (least, most) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    Some(Form::Integer { low: bound(minimum, least)?.max(least), high: bound(maximum, most)?.min(most) })
}

/// What a double must lie beyond to be certainly within a bound. For the bound zero, the most common one, zero itself
/// is within: no other number becomes the double zero.
fn outside(bound: &Bound, next: fn(f64) -> f64) -> f64 {
    if is_zero(bound) { next(0.0) } else { bound.approximate }
}

fn is_zero(bound: &Bound) -> bool {
    Exact::new(&bound.text).is_zero()
}

#[cfg(test)]
mod tests;
