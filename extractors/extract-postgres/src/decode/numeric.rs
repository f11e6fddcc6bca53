//! `numeric`: sign, digits in base 10000, and the number of digits after the decimal point (`numeric_send`).

use super::{Unread, short};

const NEGATIVE: u16 = 0x4000;

/// Appends a number with all its digits, zeros at the end included.
#[inline]
pub(super) fn append(field: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
    let (head, digits) = field.split_first_chunk::<8>().ok_or(Unread::Malformed)?;
    let [count, weight, sign, scale] = [0, 2, 4, 6].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
    if digits.len() != usize::from(count) * 2 {
        return Err(Unread::Malformed);
    }
    match sign {
        0 => (),
        NEGATIVE => out.push(b'-'),
        0xc000 => return named(b"\"NaN\"", out),
        0xd000 => return named(b"\"Infinity\"", out),
        0xf000 => return named(b"\"-Infinity\"", out),
        _ => return Err(Unread::Malformed),
    }
    let weight = i32::from(weight.cast_signed());
    // The groups of four digits, counted from the first one that is there; all others are zero.
    let group = |index: i32| {
        let at = usize::try_from(index).ok().and_then(|index| digits.get(index * 2..index * 2 + 2));
        at.map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    };
    match group(0) {
        first if weight >= 0 && count > 0 => {
            let zeros = usize::from(first < 1000) + usize::from(first < 100) + usize::from(first < 10);
            let digits = u32::from_le_bytes(four(first)) >> (8 * zeros);
            out.extend_from_slice(&digits.to_le_bytes());
            out.truncate(out.len() - zeros);
            for index in 1..=weight {
                out.extend_from_slice(&four(group(index)));
            }
        }
        _ => out.push(b'0'),
    }
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + usize::from(scale);
        let mut index = weight + 1;
        while out.len() < end {
            out.extend_from_slice(&four(group(index)));
            index += 1;
        }
        out.truncate(end);
    }
    Ok(())
}

fn named(name: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
    out.extend_from_slice(name);
    Ok(())
}

/// The digits of a group; one beyond 9999, which no server sends, is written as something.
#[inline]
fn four(group: u16) -> [u8; 4] {
    let digits = (short::eight((group % 10_000).into()) >> 32) as u32;
    (digits | u32::from_le_bytes(*b"0000")).to_le_bytes()
}
