//! Appending what is mostly short. Whole words are written and then cut: a copy of a few bytes, or a branch on how many they are,
//! would cost more than they do.

/// A text that is appended again and again, most likely of at most 32 bytes.
pub(super) struct Piece {
    text: Vec<u8>,
    /// Its beginning, and then zeros.
    wide: [u8; 32],
}

impl Piece {
    pub(super) fn new(text: Vec<u8>) -> Piece {
        let mut wide = [0; 32];
        let length = text.len().min(wide.len());
        wide[..length].copy_from_slice(&text[..length]);
        Piece { text, wide }
    }

    #[inline(always)]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        let (at, length) = (out.len(), self.text.len());
        match self.wide.first_chunk::<16>() {
            Some(half) if length <= 16 => out.extend_from_slice(half),
            _ if length <= 32 => out.extend_from_slice(&self.wide),
            _ => out.extend_from_slice(&self.text),
        }
        out.truncate(at + length);
    }
}

/// Appends the lowest bytes of a word, the lowest one first.
#[inline(always)]
pub(super) fn word(word: u64, length: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(at + length);
}

const ONES: u64 = u64::MAX / 255;
const ZEROS: u64 = ONES * b'0' as u64;

/// The eight digits of a number below 10^8, the first one in the lowest byte, as numbers: first fours, then pairs, then each.
#[inline(always)]
pub(super) fn eight(n: u32) -> u64 {
    let fours = u64::from(n / 10_000) | u64::from(n % 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - tens * 10) << 8
}

/// Appends a number below 10^8.
#[inline(always)]
fn below_hundred_million(n: u32, out: &mut Vec<u8>) {
    let digits = eight(n);
    let zeros = (digits.trailing_zeros() / 8).min(7);
    word((digits | ZEROS) >> (8 * zeros), 8 - zeros as usize, out);
}

/// Appends an integer.
#[inline(always)]
pub(super) fn integer(n: i64, out: &mut Vec<u8>) {
    let magnitude = n.unsigned_abs();
    if magnitude >= 10_u64.pow(16) {
        return out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    }
    if n < 0 {
        out.push(b'-');
    }
    let (high, low) = ((magnitude / 100_000_000) as u32, (magnitude % 100_000_000) as u32);
    if high == 0 {
        return below_hundred_million(low, out);
    }
    below_hundred_million(high, out);
    out.extend_from_slice(&(eight(low) | ZEROS).to_le_bytes());
}

/// Appends the shortest text that is nearest to this double and to no other one.
#[inline(always)]
pub(super) fn double(x: f64, out: &mut Vec<u8>) {
    // A decimal of at most 15 digits whose nearest double is this one is the only one, and so the shortest.
    let scaled = x * 1e4;
    // Adding 1.5 * 2^52 leaves no room for a fraction.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let scaled = if scaled.abs() < 1e12 { (scaled + ROUND) - ROUND } else { 0.0 };
    let magnitude = scaled.abs() as u64;
    if scaled / 1e4 != x || magnitude == 0 {
        let mut buffer = zmij::Buffer::new();
        return out.extend_from_slice(buffer.format_finite(x).as_bytes());
    }
    // No branch on the sign: it is cut if there is none.
    word(b'-'.into(), (x < 0.0).into(), out);
    let fraction = if magnitude < 100_000_000 {
        let digits = eight(magnitude as u32);
        let whole = digits & 0xffff_ffff;
        let zeros = (whole.trailing_zeros() / 8).min(3);
        word((whole | ZEROS) >> (8 * zeros), 4 - zeros as usize, out);
        digits >> 32
    } else {
        below_hundred_million((magnitude / 10_000) as u32, out);
        eight((magnitude % 10_000) as u32) >> 32
    };
    // The point, and the digits up to the last one that is not zero.
    let length = (64 - fraction.leading_zeros()).div_ceil(8) as usize;
    word((fraction | ZEROS) << 8 | u64::from(b'.'), length + usize::from(length > 0), out);
}

/// The bytes of a field of at most 15 bytes as a number, the first one lowest; what follows them is left out.
#[inline(always)]
pub(super) fn last(field: Bytes<'_>, at: usize) -> u128 {
    let length = field.length - at;
    let word = match field.long[at..].first_chunk::<16>() {
        Some(word) => u128::from_le_bytes(*word),
        None => field.long[at..at + length].iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)),
    };
    word & ((1 << (8 * length)) - 1)
}

/// A field, and whatever follows it in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    long: &'a [u8],
    length: usize,
}

impl<'a> Bytes<'a> {
    /// A field of this length at the start of what is longer.
    ///
    /// # Panics
    /// If it is not.
    #[inline(always)]
    pub(crate) fn of(long: &'a [u8], length: usize) -> Bytes<'a> {
        assert!(length <= long.len());
        Bytes { long, length }
    }

    #[inline(always)]
    pub(crate) fn get(self) -> &'a [u8] {
        &self.long[..self.length]
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.length
    }
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(field: &'a [u8]) -> Bytes<'a> {
        Bytes { long: field, length: field.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(append: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = b"before".to_vec();
        append(&mut out);
        String::from_utf8(out).expect("UTF-8").split_off("before".len())
    }

    #[test]
    fn pieces_of_any_length_are_appended_whole() {
        let text: String = ('!'..'z').cycle().take(70).collect();
        for length in 0..text.len() {
            assert_eq!(
                shown(|out| Piece::new(text.as_bytes()[..length].to_vec()).append(out)),
                text[..length]
            );
        }
    }

    #[test]
    fn the_end_of_a_field_is_cut_from_what_follows() {
        let text = b"0123456789abcdefghijklmnop";
        for start in 0..text.len() {
            for length in 0..(text.len() - start).min(16) {
                let expected = text[start..start + length]
                    .iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u128::from(*byte));
                assert_eq!(last(Bytes::of(&text[start..], length), 0), expected);
                assert_eq!(last(Bytes::of(&text[..start + length], start + length), start), expected);
            }
        }
    }

    #[test]
    fn integers_have_their_digits() {
        let mut random = fastrand::Rng::with_seed(1);
        let powers = (0..19).map(|n| 10_i64.pow(n));
        let edges = powers.flat_map(|n| [n, n - 1, n + 1, n * 7]).chain([0, i64::MAX, i64::MIN]);
        let random = std::iter::repeat_with(|| random.i64(..) >> random.u32(0..64)).take(100_000);
        for n in edges.chain(random).flat_map(|n| [n, n.wrapping_neg()]) {
            assert_eq!(shown(|out| integer(n, out)), n.to_string());
        }
    }

    #[test]
    fn doubles_have_the_shortest_text() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut short = 0;
        for round in 0..400_000 {
            let x = match round % 8 {
                0 => f64::from_bits(random.u64(..)),
                1 => random.i64(-1_000_000..1_000_000) as f64 / 10_f64.powi(random.i32(0..8)),
                2 => random.f64(),
                3 => random.i64(..) as f64,
                4 => random.i64(..) as f64 / 1e4 / 10_f64.powi(random.i32(0..12)),
                5 => f64::from(random.i32(-100..100)) / 4.0,
                6 => (f64::from(random.i32(-3000..4500)) / 100.0).next_up(),
                _ => f64::from(random.i32(-3000..4500)) / 100.0,
            };
            if !x.is_finite() {
                continue;
            }
            let text = shown(|out| double(x, out));
            let expected = serde_json::to_string(&x).expect("a number");
            let plain = expected.strip_suffix(".0").unwrap_or(&expected);
            assert!(text == expected || text == plain, "{text} {expected}");
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(x.to_bits()), "{text}");
            short += usize::from(!text.contains('e') && text.len() < 16);
        }
        assert!(short > 100_000, "{short} of them are short");
        for (x, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e11, "100000000000.0"),
            (99_999_999.999_9, "99999999.9999"),
            (1e-4, "0.0001"),
            (-12.5, "-12.5"),
        ] {
            assert_eq!(shown(|out| double(x, out)), text);
        }
    }
}
