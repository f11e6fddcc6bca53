//! Texts as JSON strings, and JSON in one line.

use super::Unread;

const NO_UTF8: Unread = Unread::Refused("is not UTF-8; make it bytes or convert it in the query");
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a text as a JSON string.
#[inline]
pub(super) fn append(text: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
    let (mut special, mut high) = (false, 0);
    for byte in text {
        special |= *byte < b' ' || *byte == b'"' || *byte == b'\\';
        high |= byte;
    }
    if high >= 0x80 {
        std::str::from_utf8(text).map_err(|_| NO_UTF8)?;
    }
    out.push(b'"');
    if special {
        escape(text, out)
    } else {
        out.extend_from_slice(text)
    }
    out.push(b'"');
    Ok(())
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
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
