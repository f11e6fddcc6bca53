//! UUIDs and base64.

/// Appends a UUID in lower case with its hyphens.
pub fn format_uuid(uuid: &[u8; 16], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// The bytes of a UUID in its canonical form of 36 characters, in upper or lower case.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut uuid = [0; 16];
    let mut digits = text.iter().enumerate().filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
    for byte in &mut uuid {
        let mut digit = || digits.next().and_then(|(_, digit)| char::from(*digit).to_digit(16));
        *byte = (digit()? << 4 | digit()?) as u8;
    }
    Some(uuid)
}

/// Appends the bytes of a base64 text (RFC 4648, padded, without spare bits) and returns their range.
pub(crate) fn decode_base64(text: &str, out: &mut Vec<u8>) -> Result<(u32, u32), &'static str> {
    const BAD: &str = "is not base64 (RFC 4648, with padding)";
    let start = out.len() as u32;
    let text = text.as_bytes();
    if !text.len().is_multiple_of(4) {
        return Err(BAD);
    }
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    for (i, group) in text.chunks_exact(4).enumerate() {
        let pad = if (i + 1) * 4 == text.len() { padding } else { 0 };
        let mut bits = 0u32;
        for byte in &group[..4 - pad] {
            bits = bits << 6 | u32::from(sextet(*byte).ok_or(BAD)?);
        }
        bits <<= 6 * pad;
        let bytes = bits.to_be_bytes();
        let (kept, spare) = bytes[1..].split_at(3 - pad);
        if spare.iter().any(|byte| *byte != 0) {
            return Err(BAD);
        }
        out.extend_from_slice(kept);
    }
    Ok((start, out.len() as u32))
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}
