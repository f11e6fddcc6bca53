//! JSON: an object on each line, or an array of objects, read an element at a time.

use etl_component::{Fault, Relay};
use etl_stream::control;
use etl_stream::json::Scanner;

use crate::input::Input;

/// Writes the objects of a file that has one on each line.
///
/// # Errors
/// 3 for a line that is not a record, with the file and its line; 141 or 74 if the output cannot be written.
pub(crate) fn lines(input: &mut Input, relay: &mut Relay) -> Result<(), Fault> {
    let mut scanner = Scanner::new();
    let mut searched = 0;
    loop {
        let rest = &input.rest()[searched..];
        let length = match memchr::memchr(b'\n', rest) {
            Some(at) => searched + at + 1,
            None => {
                searched += rest.len();
                if input.fill()? {
                    continue;
                }
                searched
            }
        };
        if length == 0 {
            return Ok(());
        }
        if length > input.longest() {
            return Err(input.too_long());
        }
        let line = input.rest()[..length].trim_ascii_end();
        if control::is_control(line) {
            return Err(input.bad(0, "a control line: the file is a stream, which loaders read with --input"));
        }
        if !line.is_empty() {
            record(input, line, &mut scanner, relay)?;
        }
        input.consume(length);
        input.pass_lines(1);
        searched = 0;
    }
}

/// Writes the objects of an array.
///
/// # Errors
/// 3 for what is not an array of records, with the file and its line; 3, or 75 for a pipe, if it is cut short; 141 or 74
/// if the output cannot be written.
pub(crate) fn array(input: &mut Input, relay: &mut Relay) -> Result<(), Fault> {
    if mark(input)? != Some(b'[') {
        return Err(input.bad(0, "not an array (--format ndjson reads an object on each line)"));
    }
    input.consume(1);
    let (mut scanner, mut line, mut is_first) = (Scanner::new(), Vec::new(), true);
    loop {
        match mark(input)? {
            Some(b']') if is_first => break,
            Some(b'{') => (),
            None => return Err(ends(input)),
            Some(_) => return Err(input.bad(0, "an element that is not an object")),
        }
        is_first = false;
        let length = object(input, &mut line)?;
        record(input, &line, &mut scanner, relay)?;
        let breaks = memchr::memchr_iter(b'\n', &input.rest()[..length]).count();
        input.consume(length);
        input.pass_lines(breaks as u64);
        match mark(input)? {
            Some(b',') => input.consume(1),
            Some(b']') => break,
            None => return Err(ends(input)),
            Some(_) => return Err(input.bad(0, "neither a comma nor the end of the array after an object")),
        }
    }
    input.consume(1);
    match mark(input)? {
        None => Ok(()),
        Some(_) => Err(input.bad(0, "something after the end of the array")),
    }
}

fn ends(input: &Input) -> Fault {
    let breaks = memchr::memchr_iter(b'\n', input.rest()).count();
    input.cut(breaks as u64, "the file ends inside the array")
}

fn record(input: &Input, line: &[u8], scanner: &mut Scanner, relay: &mut Relay) -> Result<(), Fault> {
    match scanner.scan(line) {
        Ok(_) => relay.record(line),
        Err(error) => Err(input.bad_at(error.offset, error.message)),
    }
}

/// The next byte that is not white space, which then begins the rest; `None` at the end.
fn mark(input: &mut Input) -> Result<Option<u8>, Fault> {
    loop {
        let rest = input.rest();
        let blank = rest.len() - rest.trim_ascii_start().len();
        let breaks = memchr::memchr_iter(b'\n', &rest[..blank]).count() as u64;
        input.consume(blank);
        input.pass_lines(breaks);
        match input.rest().first().copied() {
            Some(byte) => return Ok(Some(byte)),
            None if !input.fill()? => return Ok(None),
            None => (),
        }
    }
}

/// Copies the object that begins the rest into `line`, with blanks for line breaks between its values, so that every
/// byte stays where it is; returns its length.
fn object(input: &mut Input, line: &mut Vec<u8>) -> Result<usize, Fault> {
    line.clear();
    let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
    loop {
        let fresh = &input.rest()[line.len()..];
        for &byte in fresh {
            line.push(if matches!(byte, b'\n' | b'\r') && !in_string { b' ' } else { byte });
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => {
                    depth -= 1;
                    if depth == 0 {
                        return if line.len() > input.longest() {
                            Err(input.too_long())
                        } else {
                            Ok(line.len())
                        };
                    }
                }
                _ => (),
            }
        }
        if !input.fill()? {
            return Err(ends(input));
        }
    }
}
