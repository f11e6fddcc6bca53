//! Fields of binary COPY: a length in 4 bytes, and the bytes of a value.

use std::borrow::Cow;

/// Why a column does not take a value: the words that follow the value in a sentence.
pub(super) type Refusal = Cow<'static, str>;

/// Appends bytes.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// Appends a field of a fixed length.
#[inline]
pub(super) fn fixed<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    put(out, &(N as i32).to_be_bytes());
    put(out, &bytes);
}

/// Appends a field of any length. It fits, because a line is shorter than 2 GiB.
#[inline]
pub(super) fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, &(bytes.len() as i32).to_be_bytes());
    put(out, bytes);
}

/// Fills in the length of the field that begins at `start` and ends at the end of `out`.
pub(super) fn fill_length(out: &mut [u8], start: usize) {
    let length = (out.len() - start - 4) as i32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}
