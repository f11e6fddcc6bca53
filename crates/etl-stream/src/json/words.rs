//! Eight bytes at a time: marks in the high bits of a word, little-endian, so that the lowest is the first byte.

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Marks the high bit of each byte that ends a plain run in a string: a quote, a backslash, a control character.
/// Bytes above the lowest mark may be marked falsely (the subtraction borrows); only the lowest is used.
#[inline(always)]
pub fn stops(word: u64) -> u64 {
    // With this bit flipped, a quote is 0x20, and still only the control characters are below it.
    let low = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (low | backslash) & !word & HIGH
}

/// Marks the high bit of each byte that is not a digit. Only the marks up to the first byte that is not ASCII are
/// reliable.
#[inline(always)]
pub(super) fn not_digits(word: u64) -> u64 {
    // 0 to 9 stay below the high bit when 0x76 is added; 10 reaches it.
    let x = word ^ (ONES * b'0' as u64);
    (x.wrapping_add(ONES * 0x76) | x) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In each of many words, `marked` stops at the first byte for which `is` is true.
    fn agrees(marked: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200_000 {
            let mut bytes = [0u8; 8];
            // Mostly plain bytes, so that every place is the first one now and then.
            bytes.fill_with(|| if random.u8(..8) == 0 { random.u8(..) } else { b'0' + random.u8(..10) });
            let found = (marked(u64::from_le_bytes(bytes)).trailing_zeros() / 8) as usize;
            assert_eq!(found, bytes.iter().position(|&byte| is(byte)).unwrap_or(8), "{bytes:?}");
        }
    }

    #[test]
    fn marks_are_where_the_bytes_are() {
        agrees(stops, |byte| byte < 0x20 || byte == b'"' || byte == b'\\');
        agrees(not_digits, |byte| !byte.is_ascii_digit());
    }
}
