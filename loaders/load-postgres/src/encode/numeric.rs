//! `numeric`: sign, digits in base 10000, and the number of digits behind the point (`numeric_recv`).

use super::{Refusal, put};
use crate::types::Precision;

const NEGATIVE: u16 = 0x4000;
/// The most digits behind the point (src/backend/utils/adt/numeric.c, NUMERIC_DSCALE_MASK).
const MAX_SCALE: i64 = 0x3fff;

/// Appends the field of a JSON number, of which every digit is kept, also zeros at the end.
pub(super) fn encode(text: &str, precision: Option<Precision>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let number = Number::read(text);
    let Some((first, last)) = number.significant() else {
        return number.zero(out);
    };
    // How many digits stand before the point; below zero, how many zeros follow it.
    let whole = number.point - first as i64;
    let weight = (whole - 1).div_euclid(4);
    let pad = ((weight + 1) * 4 - whole) as usize;
    let groups = (pad + last + 1 - first).div_ceil(4);
    if let Some(Precision { whole: most, scale }) = precision {
        if whole > most {
            return Err(format!(
                "has more than {} digits before the point, which its column does not store",
                most.max(0)
            )
            .into());
        }
        if last as i64 + 1 - number.point > scale {
            return Err(
                format!("has digits behind the {scale} behind the point that its column stores").into()
            );
        }
    }
    let (Ok(groups), Ok(weight)) = (i16::try_from(groups), i16::try_from(weight)) else {
        return Err(RANGE.into());
    };
    number.head(groups, weight, out)?;
    let (mut group, mut filled) = (0_u16, pad);
    for digit in number.digits(first, last) {
        group = group * 10 + u16::from(digit - b'0');
        filled += 1;
        if filled == 4 {
            put(out, &group.to_be_bytes());
            (group, filled) = (0, 0);
        }
    }
    if filled > 0 {
        put(out, &(group * 10_u16.pow(4 - filled as u32)).to_be_bytes());
    }
    Ok(())
}

const RANGE: &str = "is out of the range of numeric";

/// A JSON number in its parts. The digits are those of `whole` and then of `fraction`.
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// Where the point is in the digits; outside of them if the exponent says so.
    point: i64,
    /// Digits behind the point.
    scale: i64,
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Number<'a> {
        let text = text.as_bytes();
        let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
        let end = text.iter().position(|byte| matches!(byte, b'.' | b'e' | b'E')).unwrap_or(text.len());
        let (whole, rest) = text.split_at(end);
        let (fraction, exponent) = match rest.split_first() {
            Some((b'.', rest)) => match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
                Some(end) => (&rest[..end], exponent(&rest[end + 1..])),
                None => (rest, 0),
            },
            Some((_, rest)) => (&[][..], exponent(rest)),
            None => (&[][..], 0),
        };
        let point = whole.len() as i64 + exponent;
        Number { negative, whole, fraction, point, scale: (fraction.len() as i64 - exponent).max(0) }
    }

    fn digit(&self, index: usize) -> u8 {
        let behind = || self.fraction.get(index - self.whole.len()).copied().unwrap_or(b'0');
        self.whole.get(index).copied().unwrap_or_else(behind)
    }

    fn digits(&self, first: usize, last: usize) -> impl Iterator<Item = u8> {
        (first..=last).map(|index| self.digit(index))
    }

    /// The first and the last digit that is not zero.
    fn significant(&self) -> Option<(usize, usize)> {
        let count = self.whole.len() + self.fraction.len();
        let first = (0..count).find(|&index| self.digit(index) != b'0')?;
        let last = (first..count).rev().find(|&index| self.digit(index) != b'0')?;
        Some((first, last))
    }

    fn zero(&self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        // Zero has no sign in numeric.
        Number { negative: false, ..*self }.head(0, 0, out)
    }

    fn head(&self, groups: i16, weight: i16, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.scale > MAX_SCALE {
            return Err(RANGE.into());
        }
        put(out, &(8 + i32::from(groups) * 2).to_be_bytes());
        put(out, &groups.to_be_bytes());
        put(out, &weight.to_be_bytes());
        put(out, &if self.negative { NEGATIVE } else { 0 }.to_be_bytes());
        put(out, &(self.scale as u16).to_be_bytes());
        Ok(())
    }
}

/// An exponent; one with more than nine digits is beyond every limit anyway.
fn exponent(text: &[u8]) -> i64 {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    sign * digits.iter().fold(0, |n: i64, digit| (n * 10 + i64::from(digit - b'0')).min(1_000_000_000))
}
