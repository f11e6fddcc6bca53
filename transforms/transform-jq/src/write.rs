//! From a value of jq to a record's line.

use std::io::Write;

use etl_stream::json::{Kind, scan_value};
use jaq_json::{Num, Val};

/// How deep a record may be, as its readers have it.
const DEPTH: usize = 128;

/// Appends a record, without its newline.
///
/// # Errors
/// Why the value is not a record.
pub(crate) fn record(value: &Val, out: &mut Vec<u8>) -> Result<(), String> {
    let Val::Obj(object) = value else { return Err(not_an_object(value)) };
    if object.contains_key(&Val::utf8_str("_etl")) {
        return Err("the filter makes a record with the reserved key `_etl`".to_owned());
    }
    append(value, 1, out)?;
    // Some functions, such as @base64d, make texts that are not.
    simdutf8::basic::from_utf8(out).map_err(|_| "the filter makes a text that is not UTF-8".to_owned())?;
    Ok(())
}

#[cold]
fn not_an_object(value: &Val) -> String {
    let what = match value {
        Val::Null => "null",
        Val::Bool(_) => "a boolean",
        Val::Num(_) => "a number",
        Val::BStr(_) | Val::TStr(_) => "a text",
        Val::Arr(_) => "an array (`.[]` makes a record of each of its objects)",
        Val::Obj(_) => "an object",
    };
    format!("the filter makes {what}, but a record is an object (`empty` drops a record)")
}

fn append(value: &Val, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(true) => out.extend_from_slice(b"true"),
        Val::Bool(false) => out.extend_from_slice(b"false"),
        Val::Num(number) => return append_number(number, out),
        Val::TStr(text) => append_text(text, out),
        Val::BStr(_) => return Err("the filter makes bytes, which JSON does not have".to_owned()),
        Val::Arr(_) | Val::Obj(_) if depth > DEPTH => {
            return Err(format!("the filter makes a record that is nested deeper than {DEPTH} levels"));
        }
        Val::Arr(values) => {
            let mut lead = b'[';
            for value in values.iter() {
                out.push(lead);
                append(value, depth + 1, out)?;
                lead = b',';
            }
            if lead == b'[' {
                out.push(lead);
            }
            out.push(b']');
        }
        Val::Obj(object) => {
            let mut lead = b'{';
            for (key, value) in object.iter() {
                let Val::TStr(name) = key else {
                    return Err(format!(
                        "the filter makes an object with the key {key}, which is not a text"
                    ));
                };
                out.push(lead);
                append_text(name, out);
                out.push(b':');
                append(value, depth + 1, out)?;
                lead = b',';
            }
            if lead == b'{' {
                out.push(lead);
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn append_number(number: &Num, out: &mut Vec<u8>) -> Result<(), String> {
    match number {
        Num::Int(integer) => out.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes()),
        Num::Float(double) if !double.is_finite() => {
            return Err(format!("the filter makes the number {number}, which JSON does not have"));
        }
        Num::Dec(text) => out.extend_from_slice(decimal(text)?.as_bytes()),
        // Writing to memory cannot fail.
        Num::BigInt(_) | Num::Float(_) => drop(write!(out, "{number}")),
    }
    Ok(())
}

/// A number as it was written. `tonumber` and the filter itself may have some that JSON does not have: `007`, `+1.5`.
fn decimal(text: &str) -> Result<&str, String> {
    let is_number = |text: &str| scan_value(text).is_ok_and(|value| value.kind == Kind::Number);
    if is_number(text) {
        return Ok(text);
    }
    let bare = text.strip_prefix('+').unwrap_or(text).trim_start_matches('0');
    let whole = &text[(text.len() - bare.len()).saturating_sub(1)..];
    [bare, whole]
        .into_iter()
        .find(|text| is_number(text))
        .ok_or_else(|| format!("the filter makes the number {text}, which JSON does not have"))
}

fn append_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| ESCAPED[usize::from(byte)]) {
        out.extend_from_slice(&rest[..at]);
        append_escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cold]
fn append_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => return drop(write!(out, "\\u{byte:04x}")),
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The bytes that are escaped in a string.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};
