//! Decimal digits, eight at a time, and the numbers of most data: short ones, without an exponent.
//!
//! Nothing here decides that a text is wrong. What is not read here is left to the slow way.

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;
const ZEROS: u64 = ONES * b'0' as u64;

/// A number of at most 16 characters after its sign: `digits / 10^fraction`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Short {
    /// Whether it has a sign.
    pub negative: bool,
    /// Its digits, without the decimal point.
    pub digits: u64,
    /// How many digits come before the decimal point, zeros included.
    pub whole: u32,
    /// How many digits come after it.
    pub fraction: u32,
}

impl Short {
    /// Reads the JSON number of this length at the start of `text`, which may go on after it: where eight bytes can be
    /// loaded at once, nothing is copied.
    #[inline(always)]
    pub fn read(text: &[u8], length: usize) -> Option<Short> {
        let negative = text.first() == Some(&b'-');
        let text = &text[usize::from(negative)..];
        let length = length - usize::from(negative);
        let (digits, fraction, point) = match length {
            1..=8 => part(last_of(text, length))?,
            9..=16 => {
                let (head, tail) = text.split_first_chunk::<8>()?;
                let (head, head_fraction, head_point) = part(u64::from_le_bytes(*head) ^ ZEROS)?;
                let (tail, tail_fraction, tail_point) = part(last_of(tail, length - 8))?;
                let more = length - 8 - usize::from(tail_point);
                let fraction = if head_point { head_fraction + more as u32 } else { tail_fraction };
                (head * POWERS[more] + tail, fraction, head_point || tail_point)
            }
            _ => return None,
        };
        let whole = length as u32 - fraction - u32::from(point);
        Some(Short { negative, digits, whole, fraction })
    }

    /// Reads the number at the start of a text, and returns what follows it. If that is no more than what can follow a
    /// JSON number, it is one.
    #[inline(always)]
    pub(crate) fn begin(text: &[u8]) -> Option<(Short, &[u8])> {
        let negative = text.first() == Some(&b'-');
        let text = &text[usize::from(negative)..];
        let word = match text.first_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let word = word ^ ZEROS;
        let others = not_digits(word);
        // Places are counted in bits: that of the first byte that is not a digit, or 64.
        let whole = others.trailing_zeros() & !7;
        if whole == 0 || whole > 8 && word as u8 == 0 {
            return None;
        }
        let point = whole < 64 && (word >> whole) as u8 == b'.' ^ b'0';
        let end = if point { (others & (others - 1)).trailing_zeros() & !7 } else { whole };
        if end == 64 {
            return Short::begin_long(text, negative, whole, point);
        }
        let (digits, fraction) = if point { (joined(word, whole), (end - whole) / 8 - 1) } else { (word, 0) };
        if point && fraction == 0 || is_exponent(word >> end) {
            return None;
        }
        let digits = eight(digits << (64 - end));
        Some((Short { negative, digits, whole: whole / 8, fraction }, &text[end as usize / 8..]))
    }

    /// The same for a number that goes on after its first eight characters.
    #[inline(always)]
    fn begin_long(text: &[u8], negative: bool, whole: u32, point: bool) -> Option<(Short, &[u8])> {
        let word = u64::from_le_bytes(*text[8..].first_chunk()?) ^ ZEROS;
        let others = not_digits(word);
        let first = others.trailing_zeros() & !7;
        let is_point = first < 64 && (word >> first) as u8 == b'.' ^ b'0';
        let end = if is_point && !point { (others & (others - 1)).trailing_zeros() & !7 } else { first };
        // The point may be the last of the first eight characters.
        if end == 64 || point && whole == 56 && end == 0 || is_point && !point && end == first + 8 {
            return None;
        }
        if is_exponent(word >> end) {
            return None;
        }
        let length = 8 + end as usize / 8;
        let short = Short::read(text, length)?;
        Some((Short { negative, ..short }, &text[length..]))
    }

    /// The integer, if the number has no digits after a decimal point.
    #[inline(always)]
    pub(crate) fn integer(self) -> Option<i64> {
        let magnitude = self.digits as i64;
        (self.fraction == 0).then_some(if self.negative { -magnitude } else { magnitude })
    }

    /// The nearest double. Since both the digits and the power of ten are exact doubles, only the division rounds
    /// (Clinger, "How to read floating point numbers accurately", 1990).
    #[inline(always)]
    pub(crate) fn double(self) -> Option<f64> {
        let x = self.digits as i64 as f64 / *DOUBLES.get(self.fraction as usize)?;
        let sign = u64::from(self.negative) << 63;
        (self.digits <= 1 << f64::MANTISSA_DIGITS).then(|| f64::from_bits(x.to_bits() | sign))
    }

    /// The nearest single.
    #[inline(always)]
    pub(crate) fn single(self) -> Option<f32> {
        let x = self.digits as i64 as f32 / *SINGLES.get(self.fraction as usize)?;
        (self.digits <= 1 << f32::MANTISSA_DIGITS).then_some(if self.negative { -x } else { x })
    }
}

const POWERS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// The powers of ten that are exact. Here at most 15 digits can come after the decimal point.
const DOUBLES: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const SINGLES: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// The values of this many characters as the last of eight digits, the first of which is in the lowest byte.
#[inline(always)]
fn last_of(text: &[u8], length: usize) -> u64 {
    match text.first_chunk::<8>() {
        Some(chunk) => (u64::from_le_bytes(*chunk) ^ ZEROS) << (64 - 8 * length),
        None => text.iter().take(length).fold(0, |word, byte| word >> 8 | u64::from(byte ^ b'0') << 56),
    }
}

/// Reads eight digits, of which one may be a point: the number without the point, how many digits follow it, and
/// whether there is one.
#[inline(always)]
fn part(word: u64) -> Option<(u64, u32, bool)> {
    let others = not_digits(word);
    if others == 0 {
        return Some((eight(word), 0, false));
    }
    let at = others.trailing_zeros() - 7;
    if others & (others - 1) != 0 || (word >> at) as u8 != b'.' ^ b'0' {
        return None;
    }
    Some((eight(joined(word, at)), 7 - at / 8, true))
}

/// Whether this is an `e` of either case, less the zero.
#[inline(always)]
fn is_exponent(word: u64) -> bool {
    word as u8 | 0x20 == b'e' ^ b'0' | 0x20
}

/// Marks the high bit of each byte that is not the value of a digit. Only the marks up to the first byte over 127 are
/// reliable.
#[inline(always)]
fn not_digits(word: u64) -> u64 {
    (word.wrapping_add(ONES * 0x76) | word) & HIGH
}

/// Moves the digits before a point, which is at this bit, up to those after it.
#[inline(always)]
fn joined(word: u64, point: u32) -> u64 {
    let before = (1 << point) - 1;
    (word & before) << 8 | word & !(before << 8 | 0xff)
}

/// The number that eight digits make: first pairs, then fours, then all eight.
#[inline(always)]
fn eight(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits * 10 + (digits >> 8);
    let low = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & PAIRS).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

/// The three numbers of a text like `23:59:60`.
#[inline(always)]
pub(crate) fn triple(text: [u8; 8], separator: u8) -> Option<(u32, u32, u32)> {
    let separators = (separator as u64) << 16 | (separator as u64) << 40;
    let x = u64::from_le_bytes(text) ^ (ZEROS & !SEPARATORS | separators);
    // A digit stays below the high bit up to 9, a separator only as 0.
    let room = ((ONES * 0x76) & !SEPARATORS) | ((ONES * 0x7f) & SEPARATORS);
    if (x.wrapping_add(room) | x) & HIGH != 0 {
        return None;
    }
    let pairs = x * 10 + (x >> 8);
    let pair = |byte: u32| (pairs >> (8 * byte)) as u32 & 0xff;
    Some((pair(0), pair(3), pair(6)))
}

const SEPARATORS: u64 = 0xff << 16 | 0xff << 40;

#[cfg(test)]
mod tests;
