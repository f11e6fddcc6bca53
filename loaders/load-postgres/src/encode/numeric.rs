//! `numeric`: sign, digits in base 10000, and the number of digits after the decimal point (`numeric_recv`).

use etl_component::counted;
use etl_postgres::types::Precision;
use etl_schema::Short;

use super::field::{Refusal, put};

const NEGATIVE: u16 = 0x4000;
/// The most digits after the decimal point (src/backend/utils/adt/numeric.c, NUMERIC_DSCALE_MASK).
const MAX_SCALE: i64 = 0x3fff;

/// Appends a JSON number with all its digits, including zeros at the end.
#[inline]
pub(super) fn encode(text: &str, precision: Option<Precision>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match Short::read(text.as_bytes(), text.len()).filter(|short| surely_fits(short, precision)) {
        Some(short) => {
            encode_short(&short, out);
            Ok(())
        }
        None => encode_any(text, precision, out),
    }
}

/// Writes a number of a few digits as a field, and returns the field's length; `None` if that cannot be done quickly.
#[inline(always)]
pub(crate) fn write(short: &Short, precision: Option<Precision>, place: &mut [u8; 28]) -> Option<usize> {
    surely_fits(short, precision).then(|| write_short(short, place))
}

const POWERS: [u64; 17] = {
    let mut powers = [1; 17];
    let mut next = 1;
    while next < powers.len() {
        powers[next] = powers[next - 1] * 10;
        next += 1;
    }
    powers
};

/// Whether a column of this precision certainly stores it. `false` leaves it to the full check.
#[inline]
fn surely_fits(short: &Short, precision: Option<Precision>) -> bool {
    let Some(Precision { whole, scale }) = precision else { return true };
    let (Ok(whole), behind) = (usize::try_from(whole), short.fraction as usize) else { return false };
    i64::from(short.fraction) <= scale && POWERS.get(whole + behind).is_none_or(|most| short.digits < *most)
}

#[inline]
fn encode_short(short: &Short, out: &mut Vec<u8>) {
    let mut field = [0; 28];
    let end = out.len() + write_short(short, &mut field);
    put(out, &field);
    out.truncate(end);
}

#[inline]
fn write_short(short: &Short, field: &mut [u8; 28]) -> usize {
    // Puts the decimal point between two groups. Up to three more digits still fit into the integer.
    let behind = short.fraction.div_ceil(4) as usize;
    let mut rest = short.digits * POWERS[behind * 4 - short.fraction as usize];
    let mut last = 0;
    // Groups that are zero are left out at the end. A number that is not zero has a group that is not.
    while rest > 0 && rest.is_multiple_of(10_000) {
        rest /= 10_000;
        last += 1;
    }
    // From the last one to the first one, in a word that grows at its low end, as the bytes are written.
    let (mut groups, mut kept) = (0_u128, 0);
    while rest > 0 {
        groups = groups << 16 | u128::from(((rest % 10_000) as u16).swap_bytes());
        rest /= 10_000;
        kept += 1;
    }
    let weight = if kept == 0 { 0 } else { (last + kept) as i16 - 1 - behind as i16 };
    let sign = if short.negative && kept > 0 { NEGATIVE } else { 0 };
    field[..4].copy_from_slice(&(8 + kept as i32 * 2).to_be_bytes());
    field[4..6].copy_from_slice(&(kept as i16).to_be_bytes());
    field[6..8].copy_from_slice(&weight.to_be_bytes());
    field[8..10].copy_from_slice(&sign.to_be_bytes());
    field[10..12].copy_from_slice(&(short.fraction as u16).to_be_bytes());
    field[12..].copy_from_slice(&groups.to_le_bytes());
    12 + kept * 2
}

/// The signs of what has no digits (src/backend/utils/adt/numeric.c, `NUMERIC_NAN`, `NUMERIC_PINF`, `NUMERIC_NINF`).
const ODD: [(&str, u16); 3] = [("NaN", 0xc000), ("Infinity", 0xd000), ("-Infinity", 0xf000)];

fn encode_any(text: &str, precision: Option<Precision>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if let Some((name, sign)) = ODD.iter().find(|(name, _)| *name == text) {
        if precision.is_some() && *name != "NaN" {
            return Err("is infinite, which a column with a precision does not store".into());
        }
        put(out, &8_i32.to_be_bytes());
        put(out, &[0; 4]);
        put(out, &sign.to_be_bytes());
        put(out, &[0; 2]);
        return Ok(());
    }
    let number = Number::read(text);
    let Some((first, last)) = number.significant() else {
        return number.zero(out);
    };
    // How many digits come before the decimal point; if negative, how many zeros follow it.
    let whole = number.point - first as i64;
    let weight = (whole - 1).div_euclid(4);
    let pad = ((weight + 1) * 4 - whole) as usize;
    let groups = (pad + last + 1 - first).div_ceil(4);
    if let Some(Precision { whole: most, scale }) = precision {
        if whole > most {
            let digits = counted(most.max(0).unsigned_abs(), "digit", "digits");
            return Err(format!(
                "has more than {digits} before the decimal point, which its column does not store"
            )
            .into());
        }
        if last as i64 + 1 - number.point > scale {
            let digits = match scale {
                0.. => {
                    let digits = counted(scale.unsigned_abs(), "digit", "digits");
                    format!("more than {digits} after the decimal point")
                }
                _ => format!("nonzero digits below 10^{}", -scale),
            };
            return Err(format!("has {digits}, which its column does not store").into());
        }
    }
    let (Ok(groups), Ok(weight)) = (i16::try_from(groups), i16::try_from(weight)) else {
        return Err(RANGE.into());
    };
    number.head(groups, weight, out)?;
    let (mut group, mut filled) = (0_u16, pad);
    for digit in number.digits(first, last).into_iter().flatten() {
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

const RANGE: &str = "is out of range for numeric";

/// The parts of a JSON number. Its digits are those of `whole` and then those of `fraction`.
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// The position of the decimal point in the digits, or outside them if the exponent says so.
    point: i64,
    /// How many digits come after the decimal point.
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

    /// The digits from one to another, in two parts.
    fn digits(&self, first: usize, last: usize) -> [&'a [u8]; 2] {
        let before = self.whole.len();
        let part = |digits: &'a [u8], skipped: usize| {
            let place = |index: usize| index.saturating_sub(skipped).min(digits.len());
            &digits[place(first)..place(last + 1)]
        };
        [part(self.whole, 0), part(self.fraction, before)]
    }

    /// The first and the last digit that is not zero.
    fn significant(&self) -> Option<(usize, usize)> {
        let (is_digit, before) = (|digit: &u8| *digit != b'0', self.whole.len());
        let behind = |place: Option<usize>| place.map(|place| before + place);
        let first = self.whole.iter().position(is_digit);
        let first = first.or_else(|| behind(self.fraction.iter().position(is_digit)))?;
        let last = behind(self.fraction.iter().rposition(is_digit));
        Some((first, last.or_else(|| self.whole.iter().rposition(is_digit))?))
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

/// An exponent. It stops at a billion, which is beyond every limit anyway.
fn exponent(text: &[u8]) -> i64 {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    sign * digits.iter().fold(0, |n: i64, digit| (n * 10 + i64::from(digit - b'0')).min(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_is_the_long_way() {
        let mut random = fastrand::Rng::with_seed(9);
        let mut short = 0;
        for round in 0..200_000 {
            let (whole, fraction) = (random.usize(1..=16), random.usize(0..=16));
            let mut digits = |count| -> String {
                (0..count)
                    .map(|_| if random.u8(..3) == 0 { '0' } else { char::from(b'0' + random.u8(..10)) })
                    .collect()
            };
            let whole = digits(whole);
            let whole = whole.trim_start_matches('0');
            let mut text = if whole.is_empty() { "0".to_owned() } else { whole.to_owned() };
            if fraction > 0 {
                text += &format!(".{}", digits(fraction));
            }
            if round % 3 == 0 {
                text.insert(0, '-');
            }
            let precision = match round % 5 {
                0 => None,
                _ => Some(Precision { whole: random.i64(-3..20), scale: random.i64(-3..20) }),
            };
            let (mut one, mut other) = (Vec::new(), Vec::new());
            let encoded = encode_any(&text, precision, &mut other);
            assert_eq!(encode(&text, precision, &mut one), encoded, "{text} {precision:?}");
            if encoded.is_ok() {
                assert_eq!(one, other, "{text} {precision:?}");
                short += u32::from(
                    Short::read(text.as_bytes(), text.len())
                        .is_some_and(|short| surely_fits(&short, precision)),
                );
            }
        }
        assert!(short > 30_000, "{short} of them are short");
    }
}
