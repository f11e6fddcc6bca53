//! `numeric`: sign, digits in base 10000, and the number of digits after the decimal point (`numeric_recv`).

use etl_component::counted;
use etl_postgres::types::Precision;

use super::field::{Refusal, put};

const NEGATIVE: u16 = 0x4000;
/// The most digits after the decimal point (src/backend/utils/adt/numeric.c, NUMERIC_DSCALE_MASK).
const MAX_SCALE: i64 = 0x3fff;

/// Appends a JSON number with all its digits, including zeros at the end.
#[inline]
pub(super) fn encode(text: &str, precision: Option<Precision>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match Short::read(text.as_bytes()).filter(|short| short.surely_fits(precision)) {
        Some(short) => {
            short.encode(out);
            Ok(())
        }
        None => encode_any(text, precision, out),
    }
}

/// A number of at most 16 digits without an exponent, as most are: its digits as an integer, and how many of them come
/// after the decimal point.
struct Short {
    negative: bool,
    digits: u64,
    scale: usize,
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

impl Short {
    #[inline]
    fn read(text: &[u8]) -> Option<Short> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        if text.len() > 17 {
            return None;
        }
        let (mut digits, mut point) = (0, None);
        for (at, byte) in text.iter().enumerate() {
            match byte.wrapping_sub(b'0') {
                digit @ 0..=9 => digits = digits * 10 + u64::from(digit),
                _ if *byte == b'.' => point = Some(at),
                _ => return None,
            }
        }
        let scale = point.map_or(0, |point| text.len() - point - 1);
        (digits < POWERS[16]).then_some(Short { negative, digits, scale })
    }

    /// Whether a column of this precision certainly stores it. `false` leaves it to the full check.
    #[inline]
    fn surely_fits(&self, precision: Option<Precision>) -> bool {
        let Some(Precision { whole, scale }) = precision else { return true };
        let Ok(whole) = usize::try_from(whole) else { return false };
        self.scale as i64 <= scale && POWERS.get(whole + self.scale).is_none_or(|most| self.digits < *most)
    }

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        // Puts the decimal point between two groups. Up to three more digits still fit into the integer.
        let behind = self.scale.div_ceil(4);
        let mut rest = self.digits * POWERS[behind * 4 - self.scale];
        let (mut groups, mut count) = ([0_u16; 6], 0);
        while rest > 0 {
            groups[count] = (rest % 10_000) as u16;
            rest /= 10_000;
            count += 1;
        }
        let zeros = groups[..count].iter().take_while(|group| **group == 0).count();
        let kept = count - zeros;
        let weight = if kept == 0 { 0 } else { count as i16 - 1 - behind as i16 };
        let sign = if self.negative && kept > 0 { NEGATIVE } else { 0 };
        let mut field = [0; 24];
        field[..4].copy_from_slice(&(8 + kept as i32 * 2).to_be_bytes());
        field[4..6].copy_from_slice(&(kept as i16).to_be_bytes());
        field[6..8].copy_from_slice(&weight.to_be_bytes());
        field[8..10].copy_from_slice(&sign.to_be_bytes());
        field[10..12].copy_from_slice(&(self.scale as u16).to_be_bytes());
        for (group, bytes) in groups[zeros..count].iter().rev().zip(field[12..].chunks_exact_mut(2)) {
            bytes.copy_from_slice(&group.to_be_bytes());
        }
        put(out, &field[..12 + kept * 2]);
    }
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
                short +=
                    u32::from(Short::read(text.as_bytes()).is_some_and(|short| short.surely_fits(precision)));
            }
        }
        assert!(short > 30_000, "{short} of them are short");
    }
}
