//! Texts as JSON strings, and JSON in one line.

use super::Unread;
use super::short::{self, Bytes};

const NO_UTF8: Unread = Unread::Refused("is not UTF-8; make it bytes or convert it in the query");
const HEX: &[u8; 16] = b"0123456789abcdef";
const ONES: u128 = u128::MAX / 255;
const HIGH: u128 = ONES << 7;

/// Appends a text as a JSON string.
#[inline]
pub(super) fn append(text: Bytes<'_>, out: &mut Vec<u8>) -> Result<(), Unread> {
    let start = out.len();
    out.push(b'"');
    let (chunks, rest) = text.get().as_chunks::<16>();
    let mut seen = 0;
    for chunk in chunks {
        seen |= odd(u128::from_le_bytes(*chunk));
        out.extend_from_slice(chunk);
    }
    // Less than 16 bytes, so that the quote at the end has room, and blanks.
    let (at, length) = (out.len(), rest.len());
    let last = short::last(text, text.len() - length);
    let blanks = (ONES * u128::from(b' ')) << (8 * length);
    seen |= odd(last | blanks);
    out.extend_from_slice(&(last | u128::from(b'"') << (8 * length)).to_le_bytes());
    out.truncate(at + length + 1);
    if seen != 0 {
        out.truncate(start);
        return odd_text(text.get(), out);
    }
    Ok(())
}

/// Not zero if one of these bytes is not ASCII, or must be escaped.
#[inline(always)]
fn odd(bytes: u128) -> u128 {
    let zero = |bytes: u128| bytes.wrapping_sub(ONES) & !bytes;
    let control = bytes.wrapping_sub(ONES * u128::from(b' ')) & !bytes;
    let is = |byte: u8| zero(bytes ^ (ONES * u128::from(byte)));
    (control | is(b'"') | is(b'\\') | bytes) & HIGH
}

/// Appends a text that is not ASCII, or has what must be escaped.
fn odd_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
    std::str::from_utf8(text).map_err(|_| NO_UTF8)?;
    out.push(b'"');
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if plain(byte) {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
    Ok(())
}

/// Appends JSON. A line break, which `json` keeps, can only stand between its parts.
pub(super) fn json(text: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
    std::str::from_utf8(text).map_err(|_| NO_UTF8)?;
    let start = out.len();
    out.extend_from_slice(text);
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    Ok(())
}
